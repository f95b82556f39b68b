//! Reads one candle file into a checked series: CSV in any of the layouts that `layout` knows, plain, gzip or zip, or
//! a feather file.
//!
//! Every row is either a candle of the series or a finding with its line number, never both: what is returned is
//! strictly ordered and on the grid of its timeframe, whatever the file holds.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;

use crate::domain::candle::Candle;
use crate::domain::money::Price;
use crate::domain::time::{Timeframe, Timestamp};

use super::finding::{COLUMNS, Finding, Problem, Severity};

mod feather;
mod fields;
mod input;
mod layout;
mod rows;

use input::{Content, open};
use rows::Rows;

/// Findings of one severity that are kept of one file; more are only counted, so that a file that is wrong in every
/// line costs no more memory than a good one.
pub const FINDINGS_MAX: usize = 1_000;

/// A close to the next open or close beyond this factor, up or down, is a wrong number and no market move.
const JUMP_FACTOR: u32 = 20;

/// Rows that a file's timeframe is told from.
const ROWS_TOLD: usize = 1_000;

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
    /// Candles in which nothing was traded, and the line of the first.
    pub without_volume: u64,
    pub first_without_volume: Option<u64>,
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
    #[error("{} is a directory, expected a candle file (CSV, .csv.gz, .zip or .feather)", path.display())]
    Directory { path: PathBuf },
    #[error("candle file {} is empty", path.display())]
    Empty { path: PathBuf },
    #[error("{}:1: header is `{found}`, expected `{}` (or other names of these)", path.display(), COLUMNS.join(","))]
    Header { path: PathBuf, found: String },
    #[error("{}: no column `{column}` of {expected}; it has {found}", path.display())]
    NoColumn { path: PathBuf, column: &'static str, expected: &'static str, found: String },
    #[error("candle file {} has a header but no rows", path.display())]
    NoRows { path: PathBuf },
    #[error("{}:{line}: cannot be read on (truncated or damaged file): {source}", path.display())]
    Read { path: PathBuf, line: u64, source: io::Error },
    #[error("{}: {what}", path.display())]
    Archive { path: PathBuf, what: String },
}

/// One row, a candle or not.
struct Row {
    line: u64,
    candle: Result<Candle, Problem>,
}

/// Reads `path`; what it is, its first bytes say. `Ok` may hold no candle when every row is bad; the findings say why.
pub fn read_candles(path: &Path, timeframe: Timeframe) -> Result<CandleFile, CandleFileError> {
    let mut series = Series::new(timeframe);
    let mut any = false;
    each_row(path, |row| {
        any = true;
        series.add(row);
        true
    })?;
    if any { Ok(series.file) } else { Err(CandleFileError::NoRows { path: path.to_owned() }) }
}

/// The timeframe that the times of the first rows tell: the shortest step between two neighbours. `None` where that is
/// the length of no candle.
pub fn timeframe_of(path: &Path) -> Result<Option<Timeframe>, CandleFileError> {
    let mut times = Vec::new();
    each_row(path, |row| {
        times.extend(row.candle.ok().map(|candle| candle.open_time.ms()));
        times.len() < ROWS_TOLD
    })?;
    times.sort_unstable();
    let steps = times.iter().zip(times.iter().skip(1)).map(|(one, next)| next - one);
    let shortest = steps.filter(|step| *step > 0).min();
    Ok(Timeframe::ALL.into_iter().find(|timeframe| Some(timeframe.duration().ms()) == shortest))
}

/// Hands on row after row until `take` has enough.
fn each_row(path: &Path, mut take: impl FnMut(Row) -> bool) -> Result<(), CandleFileError> {
    match open(path)? {
        Content::Text(input) => {
            let Some(mut rows) = Rows::new(path, input)? else {
                return Err(CandleFileError::Empty { path: path.to_owned() });
            };
            while let Some(row) = rows.next_row()? {
                if !take(row) {
                    break;
                }
            }
            Ok(())
        }
        Content::Feather(file) => feather::each_row(path, file, take),
    }
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
        let file = CandleFile {
            candles: Vec::new(),
            findings: Vec::new(),
            bad_rows: 0,
            gaps: 0,
            missing_bars: 0,
            without_volume: 0,
            first_without_volume: None,
        };
        Self { timeframe, file, warnings_kept: 0, errors_kept: 0 }
    }

    fn add(&mut self, Row { line, candle }: Row) {
        match candle.and_then(|candle| self.check_place(&candle).map(|()| candle)) {
            Ok(candle) => {
                self.note_gap(line, &candle);
                if candle.volume.is_zero() {
                    self.file.without_volume += 1;
                    self.file.first_without_volume.get_or_insert(line);
                }
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

#[cfg(test)]
mod tests;
