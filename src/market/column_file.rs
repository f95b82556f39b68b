//! The file of one stored series: columns of whole numbers behind a header, checked by sums. `docs/data.md` has the
//! layout.
//!
//! A file is written beside its place and renamed into it, so that a name always stands for a whole file.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::Crc;

use super::columns::{Columns, Volumes};
use crate::domain::time::{Timeframe, Timestamp};

mod header;
mod runs;

pub use header::Header;
use header::{HEADER_LEN, VolumeWidth};
pub use runs::Run;
use runs::runs_of;

/// What a file of candles in columns is called behind its name.
pub const EXTENSION: &str = "tfc";

/// Bytes that are read at once: they stay in the cache while they are summed and widened.
const PIECE: usize = 1 << 17;

/// Why a stored series cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ColumnFileError {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} is no file of the candle store", path.display())]
    Foreign { path: PathBuf },
    #[error("{} has version {found}, which a newer tradefleet has written; this one reads {}", path.display(), header::VERSION)]
    Newer { path: PathBuf, found: u16 },
    #[error("{} is damaged: {what}", path.display())]
    Damaged { path: PathBuf, what: &'static str },
    #[error("{} holds {found}, not {expected}", path.display())]
    Misplaced { path: PathBuf, found: String, expected: String },
}

/// Reads and checks the header alone.
pub fn read_header(path: &Path) -> Result<Header, ColumnFileError> {
    let mut source = Source::open(path)?;
    Header::read(&mut source)
}

/// Reads and checks the whole file. `name` is that of the series which it must hold.
pub fn read(path: &Path, name: &str) -> Result<Columns, ColumnFileError> {
    let mut source = Source::open(path)?;
    let header = Header::read(&mut source)?;
    if header.name != name {
        let (found, expected) = (header.name, name.to_owned());
        return Err(ColumnFileError::Misplaced { path: path.to_owned(), found, expected });
    }
    let rows = header.rows;
    let open_times = source.open_times(&header)?;
    let mut price = || source.prices(rows, header.has_narrow_prices);
    let (opens, highs, lows, closes) = (price()?, price()?, price()?, price()?);
    let volumes = source.volumes(rows, header.volume_width)?;
    if source.sum.sum() != header.body_sum {
        return Err(source.damaged("its sum is not that of its columns"));
    }
    Ok(Columns {
        timeframe: header.timeframe,
        open_times,
        price_scale: header.price_scale,
        opens,
        highs,
        lows,
        closes,
        volume_scale: header.volume_scale,
        volumes,
    })
}

/// A file that is being read, and the sum of what was read of its body.
struct Source {
    path: PathBuf,
    file: BufReader<File>,
    len: u64,
    sum: Crc,
    piece: Vec<u8>,
}

impl Source {
    fn open(path: &Path) -> Result<Self, ColumnFileError> {
        let fail = |source| ColumnFileError::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(fail)?;
        let len = file.metadata().map_err(fail)?.len();
        let file = BufReader::with_capacity(HEADER_LEN * 4, file);
        Ok(Self { path: path.to_owned(), file, len, sum: Crc::new(), piece: Vec::new() })
    }

    fn damaged(&self, what: &'static str) -> ColumnFileError {
        ColumnFileError::Damaged { path: self.path.clone(), what }
    }

    /// Fills `bytes`, which are no part of the body.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ColumnFileError> {
        self.file.read_exact(bytes).map_err(|source| {
            if source.kind() == io::ErrorKind::UnexpectedEof {
                self.damaged("it ends too early")
            } else {
                ColumnFileError::File { path: self.path.clone(), source }
            }
        })
    }

    /// Hands on the next `count` numbers of `N` bytes each, piece by piece.
    fn numbers<const N: usize>(
        &mut self,
        count: usize,
        mut take: impl FnMut(&[[u8; N]]),
    ) -> Result<(), ColumnFileError> {
        let mut piece = std::mem::take(&mut self.piece);
        piece.resize(PIECE, 0);
        let mut left = count;
        while left > 0 {
            let now = left.min(PIECE / N);
            let bytes = piece.get_mut(..now * N).unwrap_or_default();
            self.fill(bytes)?;
            self.sum.update(bytes);
            take(bytes.as_chunks::<N>().0);
            left -= now;
        }
        self.piece = piece;
        Ok(())
    }

    /// The open times are told as runs of bars without a gap.
    fn open_times(&mut self, header: &Header) -> Result<Vec<i64>, ColumnFileError> {
        let runs = self.runs(header)?;
        let length = header.timeframe.duration().ms();
        let mut times = Vec::with_capacity(header.rows);
        for Run { first, bars } in runs {
            times.extend((0..bars).map(|bar| first.ms() + bar * length));
        }
        Ok(times)
    }

    fn runs(&mut self, header: &Header) -> Result<Vec<Run>, ColumnFileError> {
        let mut runs = Vec::with_capacity(header.runs);
        self.numbers::<16>(header.runs, |pairs| {
            runs.extend(pairs.iter().map(|pair| {
                let (first, bars) = pair.as_chunks::<8>().0.split_at(1);
                let number = |of: &[[u8; 8]]| of.first().map_or(0, |bytes| i64::from_le_bytes(*bytes));
                Run { first: Timestamp::from_ms(number(first)), bars: number(bars) }
            }));
        })?;
        if runs::are_sound(&runs, header) {
            Ok(runs)
        } else {
            Err(self.damaged("its times are out of order"))
        }
    }

    fn prices(&mut self, rows: usize, is_narrow: bool) -> Result<Vec<i64>, ColumnFileError> {
        let mut column = Vec::with_capacity(rows);
        if is_narrow {
            self.numbers::<4>(rows, |piece| {
                column.extend(piece.iter().map(|bytes| i64::from(u32::from_le_bytes(*bytes))));
            })?;
        } else {
            self.numbers::<8>(rows, |piece| {
                column.extend(piece.iter().map(|bytes| i64::from_le_bytes(*bytes)));
            })?;
        }
        Ok(column)
    }

    fn volumes(&mut self, rows: usize, width: VolumeWidth) -> Result<Volumes, ColumnFileError> {
        if width == VolumeWidth::Sixteen {
            let mut column = Vec::with_capacity(rows);
            self.numbers::<16>(rows, |piece| {
                column.extend(piece.iter().map(|bytes| i128::from_le_bytes(*bytes)));
            })?;
            return Ok(Volumes::Wide(column));
        }
        Ok(Volumes::Narrow(self.prices(rows, width == VolumeWidth::Four)?))
    }
}

/// A whole new file beside its place.
#[derive(Debug)]
#[must_use]
pub struct Prepared {
    new: PathBuf,
    path: PathBuf,
}

impl Prepared {
    /// Writes all of `columns` (at least one row, on the grid of its timeframe) to the disk, but not yet to its name.
    pub fn write(path: &Path, name: &str, columns: &Columns) -> Result<Self, ColumnFileError> {
        let prepared = Self { new: path.with_extension("new"), path: path.to_owned() };
        let written = write_to(&prepared.new, name, columns);
        written.map_err(|source| ColumnFileError::File { path: prepared.new.clone(), source })?;
        Ok(prepared)
    }

    /// Gives it its name.
    pub fn commit(self) -> Result<(), ColumnFileError> {
        let fail = |source| ColumnFileError::File { path: self.path.clone(), source };
        fs::rename(&self.new, &self.path).map_err(fail)?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail)
    }

    /// Takes it away again.
    pub fn discard(self) {
        // What is left over is written anew the next time.
        drop(fs::remove_file(&self.new));
    }
}

fn write_to(path: &Path, name: &str, columns: &Columns) -> io::Result<()> {
    let runs = runs_of(&columns.open_times, columns.timeframe);
    let mut header = Header::of(name, columns, &runs)?;
    let mut body = Body { file: BufWriter::with_capacity(PIECE, File::create(path)?), sum: Crc::new() };
    body.file.write_all(&header.encoded())?;
    for Run { first, bars } in &runs {
        body.put(&first.ms().to_le_bytes())?;
        body.put(&bars.to_le_bytes())?;
    }
    for column in [&columns.opens, &columns.highs, &columns.lows, &columns.closes] {
        body.column(column, header.has_narrow_prices)?;
    }
    match &columns.volumes {
        Volumes::Narrow(column) => body.column(column, header.volume_width == VolumeWidth::Four)?,
        Volumes::Wide(column) => column.iter().try_for_each(|number| body.put(&number.to_le_bytes()))?,
    }
    header.body_sum = body.sum.sum();
    body.file.seek(SeekFrom::Start(0))?;
    body.file.write_all(&header.encoded())?;
    body.file.into_inner()?.sync_all()
}

/// The part of a file that is summed, while it is written.
struct Body {
    file: BufWriter<File>,
    sum: Crc,
}

impl Body {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.file.write_all(bytes)
    }

    fn column(&mut self, column: &[i64], is_narrow: bool) -> io::Result<()> {
        for number in column {
            if is_narrow {
                let number = u32::try_from(*number).map_err(io::Error::other)?;
                self.put(&number.to_le_bytes())?;
            } else {
                self.put(&number.to_le_bytes())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
