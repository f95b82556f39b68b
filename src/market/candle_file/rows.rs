//! The rows of a CSV file, whatever its layout.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

use super::fields::{parse_price, parse_volume};
use super::layout::Layout;
use super::{Candle, CandleFileError, Problem, Row};
use crate::market::finding::excerpt;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Columns of a header that are told when it is not understood.
const NAMES_TOLD: usize = 12;

/// See the module.
pub(super) struct Rows {
    lines: Lines,
    layout: Layout,
    /// The line that was read last is a row that was not handed on.
    is_pending: bool,
}

/// The non-blank lines of a file, split at commas.
struct Lines {
    path: PathBuf,
    reader: Reader<Box<dyn Read>>,
    record: ByteRecord,
    /// Of `record`.
    line: u64,
}

impl Rows {
    /// Reads the header, or finds that there is none; `None` of an empty file.
    pub(super) fn new(path: &Path, input: Box<dyn Read>) -> Result<Option<Self>, CandleFileError> {
        // With a line feed behind every row, the reader's own count after a row is that row's line plus one.
        let input: Box<dyn Read> = Box::new(input.chain(&b"\n"[..]));
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .quoting(false)
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(1 << 16)
            .from_reader(input);
        let mut lines = Lines { path: path.to_owned(), reader, record: ByteRecord::new(), line: 0 };
        if !lines.advance()? {
            return Ok(None);
        }
        let first = field(&lines.record, 0);
        let first = unquoted(first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(first));
        let fields: Vec<&[u8]> =
            std::iter::once(first).chain((1..lines.record.len()).map(|i| field(&lines.record, i))).collect();
        let names: Vec<String> =
            fields.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let of_row = Layout::of_row(&fields);
        let is_pending = of_row.is_some();
        let Some(layout) = of_row.or_else(|| Layout::of_header(&names)) else {
            let found = lines.record.iter().map(|name| excerpt(name.trim_ascii())).take(NAMES_TOLD);
            let found = found.collect::<Vec<_>>().join(",");
            return Err(CandleFileError::Header { path: path.to_owned(), found });
        };
        if is_pending && first.len() < field(&lines.record, 0).len() {
            // The mark before the first field is no part of it.
            lines.record = fields.iter().copied().collect();
        }
        Ok(Some(Self { lines, layout, is_pending }))
    }

    /// The next row; `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<Row>, CandleFileError> {
        if !std::mem::take(&mut self.is_pending) && !self.lines.advance()? {
            return Ok(None);
        }
        let candle = candle(&mut self.layout, &self.lines.record);
        Ok(Some(Row { line: self.lines.line, candle }))
    }
}

impl Lines {
    /// Goes to the next non-blank line; false at the end.
    fn advance(&mut self) -> Result<bool, CandleFileError> {
        loop {
            let more = self.reader.read_byte_record(&mut self.record).map_err(|error| {
                let line = self.reader.position().line();
                CandleFileError::Read { path: self.path.clone(), line, source: io::Error::from(error) }
            })?;
            self.line = self.reader.position().line().saturating_sub(1);
            if !more || self.record.len() > 1 || !field(&self.record, 0).is_empty() {
                return Ok(more);
            }
        }
    }
}

/// One field without the carriage return and the quotes around it; empty when there is none.
fn field(record: &ByteRecord, index: usize) -> &[u8] {
    let field = record.get(index).unwrap_or_default();
    unquoted(field.strip_suffix(b"\r").unwrap_or(field))
}

fn unquoted(field: &[u8]) -> &[u8] {
    field.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(field)
}

fn candle(layout: &mut Layout, record: &ByteRecord) -> Result<Candle, Problem> {
    if record.len() != layout.width() {
        return Err(Problem::Columns { found: record.len(), expected: layout.width() });
    }
    let open_time = layout.time(field(record, layout.time_place()))?;
    let [open, high, low, close, volume] = layout.numbers().map(|place| field(record, place));
    let prices = [
        parse_price("open", open)?,
        parse_price("high", high)?,
        parse_price("low", low)?,
        parse_price("close", close)?,
    ];
    Ok(Candle::try_new(open_time, prices, parse_volume(volume)?)?)
}
