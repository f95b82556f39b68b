//! Reads one candle file (CSV, plain or gzip) into a checked series.
//!
//! Every row is either a candle of the series or a finding with its line number, never both: what is returned is
//! strictly ordered and on the grid of its timeframe, whatever the file holds.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};
use flate2::bufread::MultiGzDecoder;
use rust_decimal::{Decimal, dec};

use crate::domain::candle::Candle;
use crate::domain::money::Price;
use crate::domain::time::{Timeframe, Timestamp};

use super::finding::{COLUMNS, Finding, Problem, Severity, excerpt};

/// Findings of one severity that are kept of one file; more are only counted, so that a file that is wrong in every
/// line costs no more memory than a good one.
pub const FINDINGS_MAX: usize = 1_000;

/// A close to the next open or close beyond this factor, up or down, is a wrong number and no market move.
const JUMP_FACTOR: u32 = 20;

/// 2100-01-01, in ms: later times are microseconds or nonsense.
const OPEN_TIME_MAX: i64 = 4_102_444_800_000;

/// Within these bounds the volumes of the 1,440 minutes of a day add up exactly in 28 digits.
const VOLUME_MAX: Decimal = dec!(1_000_000_000_000_000);
const VOLUME_DECIMALS: u32 = 10;

const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The candles of one file in order of time, and what was wrong with the rest.
pub struct CandleFile {
    pub candles: Vec<Candle>,
    /// At most [`FINDINGS_MAX`] of each severity, in order of their lines.
    pub findings: Vec<Finding>,
    /// Rows that are not in `candles`.
    pub bad_rows: u64,
    /// Places where bars are missing between two candles.
    pub gaps: u64,
    /// Bars missing in these gaps.
    pub missing_bars: u64,
}

impl fmt::Debug for CandleFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CandleFile")
            .field("candles", &self.candles.len())
            .field("bad_rows", &self.bad_rows)
            .field("gaps", &self.gaps)
            .field("missing_bars", &self.missing_bars)
            .finish_non_exhaustive()
    }
}

/// Why a file holds no series at all.
#[derive(Debug, thiserror::Error)]
pub enum CandleFileError {
    #[error("cannot open candle file {}: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{} is a directory, expected a candle file (.csv or .csv.gz)", path.display())]
    Directory { path: PathBuf },
    #[error("candle file {} is empty", path.display())]
    Empty { path: PathBuf },
    #[error("{}:1: header is `{found}`, expected `{}`", path.display(), COLUMNS.join(","))]
    Header { path: PathBuf, found: String },
    #[error("candle file {} has a header but no rows", path.display())]
    NoRows { path: PathBuf },
    #[error("{}:{line}: cannot be read on (truncated or damaged file): {source}", path.display())]
    Read { path: PathBuf, line: u64, source: io::Error },
}

/// Reads `path`, plain or gzip by its first bytes. `Ok` may hold no candle when every row is bad; the findings say why.
pub fn read_candles(path: &Path, timeframe: Timeframe) -> Result<CandleFile, CandleFileError> {
    let mut rows = Rows::open(path)?;
    rows.read_header()?;
    let mut series = Series::new(timeframe);
    let mut any = false;
    while rows.advance()? {
        any = true;
        series.add(rows.line, &rows.record);
    }
    if any { Ok(series.file) } else { Err(CandleFileError::NoRows { path: path.to_owned() }) }
}

/// The non-blank lines of a file, split at commas.
struct Rows {
    path: PathBuf,
    reader: Reader<Box<dyn Read>>,
    record: ByteRecord,
    /// Of `record`.
    line: u64,
}

impl Rows {
    fn open(path: &Path) -> Result<Self, CandleFileError> {
        let fail = |source| CandleFileError::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(fail)?;
        if file.metadata().map_err(fail)?.is_dir() {
            return Err(CandleFileError::Directory { path: path.to_owned() });
        }
        let mut file = BufReader::with_capacity(1 << 16, file);
        let input: Box<dyn Read> = if file.fill_buf().map_err(fail)?.starts_with(&GZIP_MAGIC) {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        // With a line feed behind every row, the reader's own count after a row is that row's line plus one.
        let input: Box<dyn Read> = Box::new(input.chain(&b"\n"[..]));
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .quoting(false)
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(1 << 16)
            .from_reader(input);
        Ok(Self { path: path.to_owned(), reader, record: ByteRecord::new(), line: 0 })
    }

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

    fn read_header(&mut self) -> Result<(), CandleFileError> {
        if !self.advance()? {
            return Err(CandleFileError::Empty { path: self.path.clone() });
        }
        let first = field(&self.record, 0);
        let first = unquoted(first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(first));
        let names = std::iter::once(first).chain((1..self.record.len()).map(|i| field(&self.record, i)));
        if names.eq(COLUMNS.iter().map(|name| name.as_bytes())) {
            return Ok(());
        }
        let found = self.record.iter().map(|name| excerpt(name.trim_ascii())).take(COLUMNS.len() * 2);
        let found = found.collect::<Vec<_>>().join(",");
        Err(CandleFileError::Header { path: self.path.clone(), found })
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

/// The series while it grows; rows are judged against the last candle that was accepted.
struct Series {
    timeframe: Timeframe,
    file: CandleFile,
    warnings_kept: usize,
    errors_kept: usize,
}

impl Series {
    const fn new(timeframe: Timeframe) -> Self {
        let file =
            CandleFile { candles: Vec::new(), findings: Vec::new(), bad_rows: 0, gaps: 0, missing_bars: 0 };
        Self { timeframe, file, warnings_kept: 0, errors_kept: 0 }
    }

    fn add(&mut self, line: u64, record: &ByteRecord) {
        match parse_row(record).and_then(|candle| self.check_place(&candle).map(|()| candle)) {
            Ok(candle) => {
                self.note_gap(line, &candle);
                self.file.candles.push(candle);
            }
            Err(problem) => {
                self.file.bad_rows += 1;
                self.keep(Finding::new(line, problem));
            }
        }
    }

    /// Whether a candle that is valid in itself may follow the last one.
    fn check_place(&self, candle: &Candle) -> Result<(), Problem> {
        let at = candle.open_time;
        if self.timeframe.bar_start(at) != at {
            return Err(Problem::OffGrid { at, timeframe: self.timeframe });
        }
        let Some(last) = self.file.candles.last() else {
            return Ok(());
        };
        if at <= last.open_time {
            let known = self.file.candles.binary_search_by_key(&at, |candle| candle.open_time).is_ok();
            let previous = last.open_time;
            return Err(if known { Problem::Duplicate { at } } else { Problem::Disorder { at, previous } });
        }
        check_jump(last.close, candle)
    }

    fn note_gap(&mut self, line: u64, candle: &Candle) {
        let Some(after) = self.file.candles.last().map(|last| last.open_time) else {
            return;
        };
        let missing = missing_between(after, candle.open_time, self.timeframe);
        if missing > 0 {
            self.file.gaps += 1;
            self.file.missing_bars += missing;
            self.keep(Finding::new(line, Problem::Gap { after, missing }));
        }
    }

    fn keep(&mut self, finding: Finding) {
        let kept = match finding.severity {
            Severity::Warning => &mut self.warnings_kept,
            Severity::Error => &mut self.errors_kept,
        };
        if *kept < FINDINGS_MAX {
            *kept += 1;
            self.file.findings.push(finding);
        }
    }
}

/// Bars that fit between two neighbours of a series, by their open times.
pub(super) fn missing_between(earlier: Timestamp, later: Timestamp, timeframe: Timeframe) -> u64 {
    let bars = later.since(earlier).ms() / timeframe.duration().ms();
    u64::try_from(bars - 1).unwrap_or(0)
}

fn check_jump(close: Price, candle: &Candle) -> Result<(), Problem> {
    let factor = Decimal::from(JUMP_FACTOR);
    let before = close.decimal();
    let highest = before * factor;
    for (column, value) in [("open", candle.open), ("close", candle.close)] {
        if value.decimal() > highest || value.decimal() * factor < before {
            return Err(Problem::Jump { column, value, close, factor: JUMP_FACTOR });
        }
    }
    Ok(())
}

fn parse_row(record: &ByteRecord) -> Result<Candle, Problem> {
    if record.len() != COLUMNS.len() {
        return Err(Problem::Columns { found: record.len() });
    }
    let open_time = parse_time(field(record, 0))?;
    let prices = [
        parse_price("open", field(record, 1))?,
        parse_price("high", field(record, 2))?,
        parse_price("low", field(record, 3))?,
        parse_price("close", field(record, 4))?,
    ];
    Ok(Candle::try_new(open_time, prices, parse_volume(field(record, 5))?)?)
}

fn parse_time(field: &[u8]) -> Result<Timestamp, Problem> {
    let text = plain_number("open_time_ms", field)?;
    if field.contains(&b'.') {
        return Err(Problem::Unreadable { column: "open_time_ms", text: excerpt(field) });
    }
    match text.parse::<i64>() {
        Ok(ms) if (0..=OPEN_TIME_MAX).contains(&ms) => Ok(Timestamp::from_ms(ms)),
        Ok(_) | Err(_) => Err(Problem::TimeOutOfRange { text: excerpt(field), max: OPEN_TIME_MAX }),
    }
}

fn parse_price(column: &'static str, field: &[u8]) -> Result<Price, Problem> {
    let text = plain_number(column, field)?;
    let too_long = || Problem::PriceBeyondBound { column, text: excerpt(field) };
    let value = Decimal::from_str_exact(text).map_err(|_| too_long())?;
    if value <= Decimal::ZERO {
        return Err(Problem::PriceNotPositive { column, text: excerpt(field) });
    }
    Price::try_new(value).map_err(|_| too_long())
}

/// Volumes carry no money: tools that write `9e-05` are understood, and decimals beyond the tenth are rounded.
fn parse_volume(field: &[u8]) -> Result<Decimal, Problem> {
    let too_long = || Problem::VolumeBeyondBound { text: excerpt(field) };
    let value = match plain_number("volume", field) {
        Ok(text) => text.parse::<Decimal>().map_err(|_| too_long())?,
        Err(problem @ Problem::Exponent { .. }) => {
            let text = std::str::from_utf8(field).map_err(|_| problem)?;
            Decimal::from_scientific(text).map_err(|_| too_long())?
        }
        Err(problem) => return Err(problem),
    };
    if value < Decimal::ZERO {
        return Err(Problem::NegativeVolume { text: excerpt(field) });
    }
    if value > VOLUME_MAX {
        return Err(too_long());
    }
    Ok(value.round_dp(VOLUME_DECIMALS).normalize())
}

/// The field as text without the zeros that end its decimals, if it is digits with at most one point between them.
fn plain_number<'a>(column: &'static str, field: &'a [u8]) -> Result<&'a str, Problem> {
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    let point = digits.iter().position(|byte| *byte == b'.');
    let (whole, decimals) = match point.and_then(|point| digits.split_at_checked(point)) {
        Some((whole, decimals)) => (whole, decimals.get(1..)),
        None => (digits, None),
    };
    let is_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    match std::str::from_utf8(field) {
        Ok(text) if is_digits(whole) && decimals.is_none() => Ok(text),
        Ok(text) if is_digits(whole) && decimals.is_some_and(is_digits) => {
            Ok(text.trim_end_matches('0').trim_end_matches('.'))
        }
        Ok(_) | Err(_) => Err(not_a_number(column, field)),
    }
}

fn not_a_number(column: &'static str, field: &[u8]) -> Problem {
    let text = excerpt(field);
    // `str::parse::<f64>` knows all the other spellings of numbers, so that the finding can name which one it is.
    match std::str::from_utf8(field).ok().and_then(|text| text.parse::<f64>().ok()) {
        Some(_) if field.iter().any(|byte| matches!(byte, b'n' | b'N')) => {
            Problem::NotFinite { column, text }
        }
        Some(_) if field.iter().any(|byte| matches!(byte, b'e' | b'E')) => Problem::Exponent { column, text },
        Some(_) | None => Problem::Unreadable { column, text },
    }
}

#[cfg(test)]
mod tests;
