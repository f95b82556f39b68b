//! Feather files (Arrow IPC) as freqtrade writes them: a `date` column of timestamps, prices and volumes as `f64`.
//!
//! A number becomes the shortest decimal that reads back as the same `f64`, which is what it was before it was stored.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow_array::types::{
    Float64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, PrimitiveArray, RecordBatch};
use arrow_ipc::reader::{FileReader, read_footer_length};
use arrow_ipc::{Block, CompressionType, root_as_footer, root_as_message};

use super::fields::{parse_price, parse_volume, time_in};
use super::layout::TimeUnit;
use super::{Candle, CandleFileError, Problem, Row};
use crate::market::finding::excerpt;

/// Columns that are read, as freqtrade names them.
const NAMES: [&str; 6] = ["date", "open", "high", "low", "close", "volume"];

/// A block of rows is unpacked at once, so a file may be this long.
const BYTES_MAX: u64 = 1 << 29;
/// The columns of one block are no longer than this once they are unpacked: 11 million rows.
const UNPACKED_BYTES_MAX: u64 = 1 << 29;

pub(super) fn each_row(
    path: &Path,
    mut file: BufReader<File>,
    mut take: impl FnMut(Row) -> bool,
) -> Result<(), CandleFileError> {
    let archive = |what: String| CandleFileError::Archive { path: path.to_owned(), what };
    let bytes = file.get_ref().metadata().map_or(u64::MAX, |metadata| metadata.len());
    if bytes > BYTES_MAX {
        return Err(archive(format!("a feather file of more than {} MB", BYTES_MAX >> 20)));
    }
    guarded(|| check_lengths(&mut file, bytes))
        .map_err(|what| archive(format!("the feather file cannot be read: {what}")))?;
    let reader = guarded(|| FileReader::try_new(file, None));
    let mut reader = reader.map_err(|error| archive(format!("the feather file cannot be read: {error}")))?;
    // Rows are told like lines: counted from 1, without a header.
    let mut line = 0;
    while let Some(batch) = guarded(|| reader.next().transpose()).transpose() {
        let batch = batch.map_err(|error| CandleFileError::Read {
            path: path.to_owned(),
            line: line + 1,
            source: io::Error::other(error),
        })?;
        let columns = Columns::of(&batch).map_err(|column| {
            let names: Vec<String> = batch
                .schema_ref()
                .fields()
                .iter()
                .map(|f| format!("{} ({})", excerpt(f.name().as_bytes()), f.data_type()))
                .collect();
            let expected = if column == NAMES[0] { "type Timestamp" } else { "type Float64" };
            CandleFileError::NoColumn { path: path.to_owned(), column, expected, found: names.join(", ") }
        })?;
        for row in 0..batch.num_rows() {
            line += 1;
            if !take(Row { line, candle: columns.candle(row) }) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Blocks say how long they are, packed columns how long they become, and Arrow asks for as much memory before it looks
/// at them.
fn check_lengths(file: &mut BufReader<File>, bytes: u64) -> Result<(), String> {
    const TRAILER: u64 = 10;
    // Before a message: a mark and the message's length.
    const PREFIX: usize = 8;
    let trailer = read_at(file, bytes.saturating_sub(TRAILER), TRAILER)?;
    let trailer: [u8; 10] = trailer.try_into().map_err(|_| "it ends too early".to_owned())?;
    let footer_len = read_footer_length(trailer).map_err(|error| error.to_string())? as u64;
    let footer = read_at(file, bytes.saturating_sub(TRAILER + footer_len), footer_len)?;
    let footer = root_as_footer(&footer).map_err(|error| error.to_string())?;
    let lists = [footer.recordBatches(), footer.dictionaries()];
    for block in lists.into_iter().flatten().flatten() {
        let (start, metadata_len) = extent(block, bytes)?;
        let metadata = read_at(file, start, metadata_len)?;
        let message = root_as_message(metadata.get(PREFIX..).unwrap_or_default());
        let Some(batch) = message.map_err(|error| error.to_string())?.header_as_record_batch() else {
            continue;
        };
        let Some(compression) = batch.compression() else { continue };
        if compression.codec() != CompressionType::LZ4_FRAME {
            return Err("its columns are packed with zstd, readable are LZ4 and none".to_owned());
        }
        let mut unpacked = 0_u64;
        for buffer in batch.buffers().into_iter().flatten().filter(|buffer| buffer.length() >= 8) {
            let offset = u64::try_from(buffer.offset()).unwrap_or(u64::MAX);
            let length = read_at(file, (start + metadata_len).saturating_add(offset), 8)?;
            let length = i64::from_le_bytes(length.try_into().unwrap_or_default());
            // Below zero where a column is kept as it is.
            unpacked = unpacked.saturating_add(u64::try_from(length).unwrap_or(0));
        }
        if unpacked > UNPACKED_BYTES_MAX {
            return Err(format!("it is damaged: columns of {unpacked} bytes"));
        }
    }
    Ok(())
}

/// Where a block begins, and how long its description is; all of it is within the file.
fn extent(block: &Block, bytes: u64) -> Result<(u64, u64), String> {
    let start = u64::try_from(block.offset()).ok();
    let len = u64::try_from(block.metaDataLength()).ok();
    let body = u64::try_from(block.bodyLength()).unwrap_or(u64::MAX);
    let ends_within = |(start, len): &(u64, u64)| start.saturating_add(*len).saturating_add(body) <= bytes;
    let within = start.zip(len).filter(ends_within);
    within.ok_or_else(|| "it is damaged: a block beyond its end".to_owned())
}

fn read_at(file: &mut BufReader<File>, place: u64, len: u64) -> Result<Vec<u8>, String> {
    let mut read = Vec::new();
    let sought =
        file.seek(SeekFrom::Start(place)).and_then(|_| file.by_ref().take(len).read_to_end(&mut read));
    sought.map(|_| read).map_err(|error| error.to_string())
}

/// Arrow believes the lengths and offsets that a file tells of itself, and panics where they are wrong.
fn guarded<T, E: Display>(read: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err("it is damaged: a length in it cannot be right".to_owned()),
    }
}

/// The columns of one batch.
struct Columns<'a> {
    times: Times<'a>,
    /// Open, high, low, close, volume.
    numbers: [&'a PrimitiveArray<Float64Type>; 5],
}

enum Times<'a> {
    Seconds(&'a PrimitiveArray<TimestampSecondType>),
    Milliseconds(&'a PrimitiveArray<TimestampMillisecondType>),
    Microseconds(&'a PrimitiveArray<TimestampMicrosecondType>),
    Nanoseconds(&'a PrimitiveArray<TimestampNanosecondType>),
}

impl<'a> Times<'a> {
    fn of(column: &'a dyn Array) -> Option<Self> {
        let any = column.as_any();
        any.downcast_ref()
            .map(Self::Milliseconds)
            .or_else(|| any.downcast_ref().map(Self::Nanoseconds))
            .or_else(|| any.downcast_ref().map(Self::Microseconds))
            .or_else(|| any.downcast_ref().map(Self::Seconds))
    }

    fn get(&self, row: usize) -> Option<(TimeUnit, i64)> {
        let (unit, value, is_null) = match self {
            Self::Seconds(column) => (TimeUnit::Seconds, column.value(row), column.is_null(row)),
            Self::Milliseconds(column) => (TimeUnit::Milliseconds, column.value(row), column.is_null(row)),
            Self::Microseconds(column) => (TimeUnit::Microseconds, column.value(row), column.is_null(row)),
            Self::Nanoseconds(column) => (TimeUnit::Nanoseconds, column.value(row), column.is_null(row)),
        };
        (!is_null).then_some((unit, value))
    }
}

impl<'a> Columns<'a> {
    /// The name of the first column that is not there, or is of another type.
    fn of(batch: &'a RecordBatch) -> Result<Self, &'static str> {
        let [date, open, high, low, close, volume] = NAMES;
        let times = batch.column_by_name(date).and_then(|column| Times::of(column.as_ref())).ok_or(date)?;
        let number = |name: &'static str| {
            batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref()).ok_or(name)
        };
        let numbers = [number(open)?, number(high)?, number(low)?, number(close)?, number(volume)?];
        Ok(Self { times, numbers })
    }

    fn candle(&self, row: usize) -> Result<Candle, Problem> {
        let missing = |column| Problem::Missing { column };
        let (unit, value) = self.times.get(row).ok_or_else(|| missing(NAMES[0]))?;
        let open_time = time_in(unit, "date", value.to_string().as_bytes())?;
        let text = |place: usize, column: &'static str| {
            let numbers = self.numbers.get(place).filter(|numbers| !numbers.is_null(row));
            // The display of a float is its shortest decimal, without an exponent.
            numbers.map(|numbers| numbers.value(row).to_string()).ok_or_else(|| missing(column))
        };
        let [_, open, high, low, close, volume] = NAMES;
        let prices = [
            parse_price("open", text(0, open)?.as_bytes())?,
            parse_price("high", text(1, high)?.as_bytes())?,
            parse_price("low", text(2, low)?.as_bytes())?,
            parse_price("close", text(3, close)?.as_bytes())?,
        ];
        Ok(Candle::try_new(open_time, prices, parse_volume(text(4, volume)?.as_bytes())?)?)
    }
}
