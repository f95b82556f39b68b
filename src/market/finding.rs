//! What is wrong with one line of a candle file, in words a person can act on.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::domain::candle::CandleError;
use crate::domain::money::Price;
use crate::domain::time::{Timeframe, Timestamp};

/// The header of the candle files that are written here.
pub const COLUMNS: [&str; 6] = ["open_time_ms", "open", "high", "low", "close", "volume"];

/// Longest piece of a bad field that is kept, in characters.
const EXCERPT_MAX: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The data is usable as it is.
    Warning,
    /// The row is not a candle and is kept out of the series.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Why a row is not a candle of its series, or (a gap) what is missing before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("has {found} columns, expected {expected}{}", named(*expected))]
    Columns { found: usize, expected: usize },
    #[error("{column} `{text}` is not a plain decimal number")]
    Unreadable { column: &'static str, text: Box<str> },
    #[error("{column} `{text}` is not a finite number")]
    NotFinite { column: &'static str, text: Box<str> },
    #[error("{column} `{text}` is written with an exponent, expected plain decimals")]
    Exponent { column: &'static str, text: Box<str> },
    #[error("{column} {text} is not between 0 and {max} (milliseconds since 1970)")]
    TimeOutOfRange { column: &'static str, text: Box<str>, max: i64 },
    #[error("open time {text} is no time in {unit} since 1970, which the rows before it are written in")]
    NotInUnit { text: Box<str>, unit: &'static str },
    #[error("open time `{text}` is neither a number nor a date such as 2022-06-15T03:00:00Z")]
    NoTime { text: Box<str> },
    #[error("{column} is missing")]
    Missing { column: &'static str },
    #[error("{column} {text} must be above 0")]
    PriceNotPositive { column: &'static str, text: Box<str> },
    #[error("{column} {text} is above 10^12 or has more than 12 decimals")]
    PriceBeyondBound { column: &'static str, text: Box<str> },
    #[error("volume {text} is negative")]
    NegativeVolume { text: Box<str> },
    #[error("volume {text} is above 10^15")]
    VolumeBeyondBound { text: Box<str> },
    #[error(transparent)]
    Inconsistent(#[from] CandleError),
    #[error("open time {at} is not the start of a {timeframe} bar")]
    OffGrid { at: Timestamp, timeframe: Timeframe },
    #[error("open time {at} is there twice")]
    Duplicate { at: Timestamp },
    #[error("open time {at} goes back behind {previous}")]
    Disorder { at: Timestamp, previous: Timestamp },
    #[error("{column} {value} is beyond a factor of {factor} from the close {close} before it")]
    Jump { column: &'static str, value: Price, close: Price, factor: u32 },
    #[error("{} missing after {after}", bars(*missing))]
    Gap { after: Timestamp, missing: u64 },
}

/// The columns of our own layout; others are named by their header.
fn named(expected: usize) -> String {
    if expected == COLUMNS.len() { format!(" ({})", COLUMNS.join(",")) } else { String::new() }
}

fn bars(count: u64) -> String {
    if count == 1 { "1 bar".to_owned() } else { format!("{count} bars") }
}

impl Problem {
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Gap { .. } => Severity::Warning,
            Self::Columns { .. }
            | Self::Unreadable { .. }
            | Self::NotFinite { .. }
            | Self::Exponent { .. }
            | Self::TimeOutOfRange { .. }
            | Self::NotInUnit { .. }
            | Self::NoTime { .. }
            | Self::Missing { .. }
            | Self::PriceNotPositive { .. }
            | Self::PriceBeyondBound { .. }
            | Self::NegativeVolume { .. }
            | Self::VolumeBeyondBound { .. }
            | Self::Inconsistent(_)
            | Self::OffGrid { .. }
            | Self::Duplicate { .. }
            | Self::Disorder { .. }
            | Self::Jump { .. } => Severity::Error,
        }
    }
}

/// The start of a field that may be long or not even text, as a terminal may show it.
pub fn excerpt(field: &[u8]) -> Box<str> {
    let head = field.get(..EXCERPT_MAX * 4).unwrap_or(field);
    let shown = |char: char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char };
    String::from_utf8_lossy(head).chars().take(EXCERPT_MAX).map(shown).collect::<String>().into()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Counted from 1, the header's line.
    pub line: u64,
    pub severity: Severity,
    pub problem: Problem,
}

impl Finding {
    pub const fn new(line: u64, problem: Problem) -> Self {
        Self { line, severity: problem.severity(), problem }
    }
}

/// A finding with the file it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFinding {
    pub path: Arc<Path>,
    pub finding: Finding,
}

impl fmt::Display for FileFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { line, severity, problem } = &self.finding;
        write!(f, "{}:{line}: {severity}: {problem}", self.path.display())
    }
}
