//! The header of a file of columns: everything about the series but its numbers.

use std::io;

use flate2::Crc;
use serde::Serialize;

use super::runs::Run;
use super::{ColumnFileError, Source, Timeframe, Timestamp};
use crate::market::columns::{Columns, Volumes};

pub(super) const MAGIC: [u8; 8] = *b"TFCANDLE";
pub(super) const VERSION: u16 = 1;
/// Bytes before the name.
pub(super) const HEADER_LEN: usize = 64;
/// Bytes before the header's own sum, which ends it.
const SUMMED_LEN: usize = 60;
/// Longest name of a series, in bytes.
const NAME_MAX: usize = 100;
/// Decimals a price and a volume have at most.
const SCALE_MAX: u8 = 28;

/// Bytes of one volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VolumeWidth {
    Four,
    Eight,
    Sixteen,
}

/// What a file says of its series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// `binance/BTCUSDT:1m`
    pub name: String,
    pub timeframe: Timeframe,
    pub rows: usize,
    /// Open times of the first and the last bar.
    pub first: Timestamp,
    pub last: Timestamp,
    /// Spans of bars without a gap: one more than there are gaps.
    pub runs: usize,
    /// Bars missing in all gaps.
    pub missing: u64,
    /// Of the whole file.
    pub bytes: u64,
    pub(super) price_scale: u32,
    pub(super) volume_scale: u32,
    #[serde(skip)]
    pub(super) has_narrow_prices: bool,
    #[serde(skip)]
    pub(super) volume_width: VolumeWidth,
    #[serde(skip)]
    pub(super) body_sum: u32,
}

impl VolumeWidth {
    const fn bytes(self) -> u8 {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
            Self::Sixteen => 16,
        }
    }

    fn from_bytes(bytes: u8) -> Option<Self> {
        [Self::Four, Self::Eight, Self::Sixteen].into_iter().find(|width| width.bytes() == bytes)
    }

    fn of(volumes: &Volumes) -> Self {
        match volumes {
            Volumes::Narrow(column) if are_narrow(column) => Self::Four,
            Volumes::Narrow(_) => Self::Eight,
            Volumes::Wide(_) => Self::Sixteen,
        }
    }
}

fn are_narrow(column: &[i64]) -> bool {
    column.iter().all(|number| u32::try_from(*number).is_ok())
}

impl Header {
    pub(super) fn of(name: &str, columns: &Columns, runs: &[Run]) -> io::Result<Self> {
        let length = columns.timeframe.duration().ms();
        let (first, last) = (columns.open_times.first(), columns.open_times.last());
        let (Some(first), Some(last)) = (first, last) else {
            return Err(io::Error::other("a series without candles"));
        };
        let spanned = (last - first) / length + 1;
        let rows = i64::try_from(columns.len()).map_err(io::Error::other)?;
        let prices = [&columns.opens, &columns.highs, &columns.lows, &columns.closes];
        Ok(Self {
            name: name.to_owned(),
            timeframe: columns.timeframe,
            rows: columns.len(),
            first: Timestamp::from_ms(*first),
            last: Timestamp::from_ms(*last),
            runs: runs.len(),
            missing: u64::try_from(spanned - rows).map_err(io::Error::other)?,
            bytes: 0,
            price_scale: columns.price_scale,
            volume_scale: columns.volume_scale,
            has_narrow_prices: prices.into_iter().all(|column| are_narrow(column)),
            volume_width: VolumeWidth::of(&columns.volumes),
            body_sum: 0,
        })
    }

    /// Places where bars are missing.
    pub const fn gaps(&self) -> usize {
        self.runs.saturating_sub(1)
    }

    /// The header as it stands in the file, the name behind it.
    pub(super) fn encoded(&self) -> Vec<u8> {
        let narrow = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
        let minutes = self.timeframe.duration().ms() / 60_000;
        let mut bytes = Vec::with_capacity(HEADER_LEN + self.name.len());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.push(if self.has_narrow_prices { 4 } else { 8 });
        bytes.push(self.volume_width.bytes());
        bytes.push(narrow(self.price_scale));
        bytes.push(narrow(self.volume_scale));
        bytes.extend(u16::try_from(self.name.len()).unwrap_or(u16::MAX).to_le_bytes());
        bytes.extend(u32::try_from(minutes).unwrap_or(0).to_le_bytes());
        bytes.extend(u32::try_from(self.runs).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend((self.rows as u64).to_le_bytes());
        bytes.extend(self.first.ms().to_le_bytes());
        bytes.extend(self.last.ms().to_le_bytes());
        bytes.extend(self.missing.to_le_bytes());
        bytes.extend(self.body_sum.to_le_bytes());
        let mut sum = Crc::new();
        sum.update(&bytes);
        sum.update(self.name.as_bytes());
        bytes.extend(sum.sum().to_le_bytes());
        bytes.extend(self.name.as_bytes());
        bytes
    }

    /// Reads it from the beginning of a file, which must be as long as the header says.
    pub(super) fn read(source: &mut Source) -> Result<Self, ColumnFileError> {
        let mut bytes = [0; HEADER_LEN];
        let foreign = || ColumnFileError::Foreign { path: source.path.clone() };
        if source.len < HEADER_LEN as u64 {
            return Err(foreign());
        }
        source.fill(&mut bytes)?;
        let mut fields = Fields(&bytes);
        if fields.take::<8>() != MAGIC {
            return Err(ColumnFileError::Foreign { path: source.path.clone() });
        }
        let found = u16::from_le_bytes(fields.take());
        if found != VERSION {
            return Err(ColumnFileError::Newer { path: source.path.clone(), found });
        }
        let [price_width, volume_width, price_scale, volume_scale] = fields.take();
        let name_len = usize::from(u16::from_le_bytes(fields.take()));
        if name_len > NAME_MAX {
            return Err(source.damaged("its name is too long"));
        }
        let mut name = vec![0; name_len];
        source.fill(&mut name)?;
        let mut sum = Crc::new();
        sum.update(bytes.get(..SUMMED_LEN).unwrap_or_default());
        sum.update(&name);
        let minutes = u32::from_le_bytes(fields.take());
        let runs = u32::from_le_bytes(fields.take());
        let rows = u64::from_le_bytes(fields.take());
        let mut time = || Timestamp::from_ms(i64::from_le_bytes(fields.take()));
        let (first, last) = (time(), time());
        let missing = u64::from_le_bytes(fields.take());
        let body_sum = u32::from_le_bytes(fields.take());
        if u32::from_le_bytes(fields.take()) != sum.sum() {
            return Err(source.damaged("its sum is not that of its header"));
        }
        let timeframe = Timeframe::ALL
            .into_iter()
            .find(|timeframe| timeframe.duration().ms() == i64::from(minutes) * 60_000);
        let (Some(timeframe), Some(volume_width), Ok(name), Ok(rows), Ok(runs)) = (
            timeframe,
            VolumeWidth::from_bytes(volume_width),
            String::from_utf8(name),
            usize::try_from(rows),
            usize::try_from(runs),
        ) else {
            return Err(source.damaged("its header makes no sense"));
        };
        let header = Self {
            name,
            timeframe,
            rows,
            first,
            last,
            runs,
            missing,
            bytes: source.len,
            price_scale: u32::from(price_scale),
            volume_scale: u32::from(volume_scale),
            has_narrow_prices: price_width == 4,
            volume_width,
            body_sum,
        };
        let is_sound = price_scale.max(volume_scale) <= SCALE_MAX && matches!(price_width, 4 | 8);
        match header.file_len() {
            Some(len) if is_sound && len == source.len => Ok(header),
            Some(_) if is_sound => Err(source.damaged("it is not as long as its header says")),
            Some(_) | None => Err(source.damaged("its header makes no sense")),
        }
    }

    fn file_len(&self) -> Option<u64> {
        let price_width = if self.has_narrow_prices { 4 } else { 8 };
        let row = price_width * 4 + u64::from(self.volume_width.bytes());
        let body = (self.rows as u64).checked_mul(row)?.checked_add((self.runs as u64).checked_mul(16)?)?;
        body.checked_add((HEADER_LEN + self.name.len()) as u64)
    }
}

/// What is left to read of a header.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((field, rest)) = self.0.split_first_chunk::<N>() else { return [0; N] };
        self.0 = rest;
        *field
    }
}
