//! A tape: the candles of several symbols and timeframes, read from files and checked as a whole.
//!
//! All or nothing: one bad row refuses the tape with every finding listed, unless the caller asks for bad rows to be
//! skipped; then they are counted in the report. Candles are shared, so a clone of a tape costs no memory.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use crate::domain::candle::Candle;
use crate::domain::instrument::Symbol;
use crate::domain::time::{Timeframe, Timestamp};

use super::candle_file::{CandleFile, CandleFileError, missing_between, read_candles};
use super::finding::{FileFinding, Severity};
use super::join::{Part, join};
use super::tape_name::TapeName;

/// A candle file, and which series it holds where its name does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapeFile {
    pub path: PathBuf,
    /// Read from the file's name when absent; see [`TapeName`].
    pub symbol: Option<Symbol>,
    pub timeframe: Option<Timeframe>,
}

impl TapeFile {
    fn series(&self) -> Result<(Symbol, Timeframe), TapeError> {
        let named = self.path.file_name().and_then(|name| name.to_str()).and_then(TapeName::parse);
        let (named_symbol, named_timeframe) = named.unzip();
        match (self.symbol.clone().or(named_symbol), self.timeframe.or(named_timeframe)) {
            (Some(symbol), Some(timeframe)) => Ok((symbol, timeframe)),
            (_, _) => Err(TapeError::UnknownSeries { path: self.path.clone() }),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TapeOptions {
    /// Drop rows with an error finding instead of refusing the tape.
    pub skip_bad_rows: bool,
}

/// Why there is no tape.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    #[error("a tape needs at least one candle file")]
    NoFiles,
    #[error(
        "the name of {} tells no symbol and timeframe: expected EXCHANGE-SYMBOL-TF-FROM_TO.csv[.gz] or \
         SYMBOL-TF.csv[.gz], TF one of {}, or both given",
        path.display(), timeframes()
    )]
    UnknownSeries { path: PathBuf },
    #[error(transparent)]
    File(#[from] CandleFileError),
    #[error("{bad_rows} bad {}{}", if *bad_rows == 1 { "row" } else { "rows" }, listed(findings, *bad_rows))]
    BadRows { bad_rows: u64, findings: Vec<FileFinding> },
    #[error("{}: none of its {bad_rows} rows is a candle", path.display())]
    NothingLeft { path: PathBuf, bad_rows: u64 },
    #[error(
        "{} and {} hold different candles of {symbol} {timeframe} at {at}",
        first.display(),
        second.display()
    )]
    Conflict { symbol: Symbol, timeframe: Timeframe, at: Timestamp, first: Arc<Path>, second: Arc<Path> },
    #[error("candles of {symbol} {timeframe} are not ordered on the grid at {at}")]
    Unordered { symbol: Symbol, timeframe: Timeframe, at: Timestamp },
}

/// `1m 3m 5m ...`
pub fn timeframes() -> String {
    Timeframe::ALL.iter().map(|known| known.as_str()).collect::<Vec<_>>().join(" ")
}

fn listed(findings: &[FileFinding], bad_rows: u64) -> String {
    let errors = findings.iter().filter(|finding| finding.finding.severity == Severity::Error).count() as u64;
    let more = bad_rows.saturating_sub(errors);
    let mut lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.iter().flat_map(|line| ["\n  ", line]).collect()
}

/// What a tape holds of one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesReport {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    /// The files it was joined from.
    pub files: Vec<Arc<Path>>,
    pub candles: usize,
    /// Open times of the first and the last candle.
    pub first: Timestamp,
    pub last: Timestamp,
    /// Places where bars are missing in the joined series, and how many are.
    pub gaps: u64,
    pub missing_bars: u64,
    /// Bad rows that were skipped.
    pub skipped_rows: u64,
    /// Of each file by itself; a gap between two files has no line.
    pub findings: Vec<FileFinding>,
}

impl fmt::Display for SeriesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { symbol, timeframe, candles, first, last, .. } = self;
        write!(f, "{symbol} {timeframe}: {candles} candles, {first} to {last}")?;
        if self.gaps > 0 {
            let gaps = if self.gaps == 1 { "gap" } else { "gaps" };
            let bars = if self.missing_bars == 1 { "bar" } else { "bars" };
            write!(f, ", {} {gaps} ({} {bars} missing)", self.gaps, self.missing_bars)?;
        }
        if self.skipped_rows > 0 {
            write!(f, ", {} bad rows left out", self.skipped_rows)?;
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Series {
    candles: Arc<[Candle]>,
    report: SeriesReport,
}

/// At least one series, each with at least one candle.
#[derive(Clone)]
pub struct Tape {
    series: BTreeMap<(Symbol, Timeframe), Series>,
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let series = self.series.iter().map(|((symbol, timeframe), series)| {
            format!("{symbol} {timeframe}: {} candles", series.candles.len())
        });
        f.debug_list().entries(series).finish()
    }
}

/// What was read of one series so far.
#[derive(Default)]
struct Reading {
    parts: Vec<Part>,
    skipped_rows: u64,
    findings: Vec<FileFinding>,
}

impl Tape {
    /// Reads all files; files of the same symbol and timeframe are joined.
    pub fn open(files: Vec<TapeFile>, options: TapeOptions) -> Result<Self, TapeError> {
        if files.is_empty() {
            return Err(TapeError::NoFiles);
        }
        let mut readings: BTreeMap<(Symbol, Timeframe), Reading> = BTreeMap::new();
        for file in files {
            let key = file.series()?;
            let read = read_candles(&file.path, key.1)?;
            readings.entry(key).or_default().add(file.path.into(), read);
        }
        let bad_rows = readings.values().map(|reading| reading.skipped_rows).sum();
        if bad_rows > 0 && !options.skip_bad_rows {
            let findings = readings.into_values().flat_map(|reading| reading.findings).collect();
            return Err(TapeError::BadRows { bad_rows, findings });
        }
        let series = readings.into_iter().map(|(key, reading)| Ok((key.clone(), reading.close(key)?)));
        Ok(Self { series: series.collect::<Result<_, TapeError>>()? })
    }

    /// A tape of candles that are already in memory: at least one series, none empty, each ordered and on its grid.
    pub fn from_candles(all: BTreeMap<(Symbol, Timeframe), Vec<Candle>>) -> Result<Self, TapeError> {
        if all.is_empty() {
            return Err(TapeError::NoFiles);
        }
        let series = all.into_iter().map(|(key, candles)| {
            check_order(&key, &candles)?;
            let path: Arc<Path> = PathBuf::from(format!("{}-{}", key.0, key.1)).into();
            let parts = vec![Part { path, candles }];
            Ok((key.clone(), Reading { parts, ..Reading::default() }.close(key)?))
        });
        Ok(Self { series: series.collect::<Result<_, TapeError>>()? })
    }

    /// The series it holds, by symbol and timeframe.
    pub fn keys(&self) -> impl Iterator<Item = &(Symbol, Timeframe)> {
        self.series.keys()
    }

    /// One series in order of time; `None` when it is not on the tape.
    pub fn candles(&self, symbol: &Symbol, timeframe: Timeframe) -> Option<Arc<[Candle]>> {
        self.series.get(&(symbol.clone(), timeframe)).map(|series| Arc::clone(&series.candles))
    }

    /// By symbol and timeframe.
    pub fn report(&self) -> Vec<&SeriesReport> {
        self.series.values().map(|series| &series.report).collect()
    }

    /// SHA-256 over symbols, timeframes and candles, in hex: equal for equal content, however it was split into files
    /// and however its numbers were written.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for ((symbol, timeframe), series) in &self.series {
            hash.update(format!("{symbol} {timeframe} {}\n", series.candles.len()));
            for candle in series.candles.iter() {
                hash.update(candle.open_time.ms().to_le_bytes());
                for price in [candle.open, candle.high, candle.low, candle.close] {
                    hash_decimal(&mut hash, price.decimal());
                }
                hash_decimal(&mut hash, candle.volume);
            }
        }
        HEXLOWER.encode(&hash.finalize())
    }
}

fn hash_decimal(hash: &mut Sha256, value: Decimal) {
    let value = value.normalize();
    hash.update(value.mantissa().to_le_bytes());
    hash.update(value.scale().to_le_bytes());
}

fn check_order((symbol, timeframe): &(Symbol, Timeframe), candles: &[Candle]) -> Result<(), TapeError> {
    let mut previous = None;
    for candle in candles {
        let at = candle.open_time;
        if Some(at) <= previous || timeframe.bar_start(at) != at {
            return Err(TapeError::Unordered { symbol: symbol.clone(), timeframe: *timeframe, at });
        }
        previous = Some(at);
    }
    Ok(())
}

impl Reading {
    fn add(&mut self, path: Arc<Path>, read: CandleFile) {
        self.skipped_rows += read.bad_rows;
        let findings = read.findings.into_iter();
        self.findings.extend(findings.map(|finding| FileFinding { path: Arc::clone(&path), finding }));
        self.parts.push(Part { path, candles: read.candles });
    }

    fn close(self, (symbol, timeframe): (Symbol, Timeframe)) -> Result<Series, TapeError> {
        let Self { parts, skipped_rows, findings } = self;
        if let Some(empty) = parts.iter().find(|part| part.candles.is_empty()) {
            return Err(TapeError::NothingLeft { path: empty.path.to_path_buf(), bad_rows: skipped_rows });
        }
        let files: Vec<_> = parts.iter().map(|part| Arc::clone(&part.path)).collect();
        let candles = join(parts).map_err(|clash| TapeError::Conflict {
            symbol: symbol.clone(),
            timeframe,
            at: clash.at,
            first: clash.first,
            second: clash.second,
        })?;
        let missing = candles.iter().zip(candles.iter().skip(1));
        let missing = missing.map(|(one, next)| missing_between(one.open_time, next.open_time, timeframe));
        let (gaps, missing_bars) =
            missing.filter(|bars| *bars > 0).fold((0, 0), |(gaps, sum), bars| (gaps + 1, sum + bars));
        let report = SeriesReport {
            files,
            candles: candles.len(),
            first: candles.first().map(|candle| candle.open_time).unwrap_or_default(),
            last: candles.last().map(|candle| candle.open_time).unwrap_or_default(),
            gaps,
            missing_bars,
            skipped_rows,
            findings,
            symbol,
            timeframe,
        };
        Ok(Series { candles: candles.into(), report })
    }
}

#[cfg(test)]
mod tests;
