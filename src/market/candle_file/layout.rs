//! Where a CSV file has its six columns, told by the names in its header, or by the order of its fields where it has
//! none.

use crate::domain::time::Timestamp;

use super::fields::{plain_number, time_in};
use crate::market::finding::{COLUMNS, Problem, excerpt};

/// Names that a column goes by, lower case; the first is our own.
const NAMES: [(&str, &[&str]); 6] = [
    (
        "open_time_ms",
        &[
            "open_time_ms",
            "open_time",
            "opentime",
            "open time",
            "timestamp",
            "time",
            "date",
            "datetime",
            "unix",
            "ts",
            "t",
            "candle_date_time_utc",
        ],
    ),
    ("open", &["open", "o", "opening_price", "open_price"]),
    ("high", &["high", "h", "high_price"]),
    ("low", &["low", "l", "low_price"]),
    ("close", &["close", "c", "trade_price", "close_price"]),
    (
        "volume",
        &["volume", "v", "vol", "base_volume", "candle_acc_trade_volume", "volume_base", "basevolume"],
    ),
];

/// How a file writes its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeForm {
    /// Milliseconds and nothing else: the header says so.
    Milliseconds,
    /// The first row will tell.
    Unknown,
    Unit(TimeUnit),
    Text,
}

/// Units that times are counted in since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeUnit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl TimeUnit {
    /// What a number of this size counts, if it means a time between 1973 and 2100.
    fn of(number: i64) -> Self {
        match number {
            ..100_000_000_000 => Self::Seconds,
            100_000_000_000..100_000_000_000_000 => Self::Milliseconds,
            100_000_000_000_000..100_000_000_000_000_000 => Self::Microseconds,
            100_000_000_000_000_000.. => Self::Nanoseconds,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
        }
    }

    /// In ms; `None` where that is no whole number.
    pub(super) fn ms(self, number: i64) -> Option<i64> {
        let whole = |per_ms: i64| (number % per_ms == 0).then_some(number / per_ms);
        match self {
            Self::Seconds => number.checked_mul(1_000),
            Self::Milliseconds => Some(number),
            Self::Microseconds => whole(1_000),
            Self::Nanoseconds => whole(1_000_000),
        }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Places of time, open, high, low, close and volume.
    places: [usize; 6],
    /// Fields that every row has.
    width: usize,
    time: TimeForm,
}

impl Layout {
    /// From the fields of a header; `None` where one of the six has no known name.
    pub(super) fn of_header(names: &[String]) -> Option<Self> {
        let names: Vec<String> = names.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        let mut places = [0; 6];
        for (place, (_, known)) in places.iter_mut().zip(NAMES) {
            *place = known.iter().find_map(|known| names.iter().position(|name| name == known))?;
        }
        let says_ms = names.get(places[0]).is_some_and(|name| name == COLUMNS[0]);
        let time = if says_ms { TimeForm::Milliseconds } else { TimeForm::Unknown };
        Some(Self { places, width: names.len(), time })
    }

    /// From the first row of a file without a header: time, open, high, low, close, volume, and what may follow. `None`
    /// where that cannot be.
    pub(super) fn of_row(fields: &[&[u8]]) -> Option<Self> {
        let layout = Self { places: [0, 1, 2, 3, 4, 5], width: fields.len(), time: TimeForm::Unknown };
        let is_time = layout.clone().time(fields.first()?).is_ok();
        let is_number = |field: &&[u8]| plain_number("", field).is_ok();
        (is_time && fields.len() >= NAMES.len() && fields.iter().skip(1).take(4).all(is_number))
            .then_some(layout)
    }

    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// The places of open, high, low, close and volume.
    pub(super) const fn numbers(&self) -> [usize; 5] {
        let [_, open, high, low, close, volume] = self.places;
        [open, high, low, close, volume]
    }

    pub(super) const fn time_place(&self) -> usize {
        self.places[0]
    }

    /// Reads a time. The first of a file settles how all of them are written.
    pub(super) fn time(&mut self, field: &[u8]) -> Result<Timestamp, Problem> {
        if self.time == TimeForm::Unknown {
            self.time = form_of(field)?;
        }
        match self.time {
            TimeForm::Text => date(field),
            TimeForm::Unit(unit) => time_in(unit, "open time", field),
            TimeForm::Milliseconds | TimeForm::Unknown => time_in(TimeUnit::Milliseconds, COLUMNS[0], field),
        }
    }
}

fn form_of(field: &[u8]) -> Result<TimeForm, Problem> {
    if let Ok(number) = plain_number("open time", field).and_then(|text| {
        text.parse::<i64>().map_err(|_| Problem::Unreadable { column: "open time", text: excerpt(field) })
    }) {
        return Ok(TimeForm::Unit(TimeUnit::of(number)));
    }
    date(field).map(|_| TimeForm::Text)
}

/// `2022-06-15`, `2022-06-15 03:00`, `2022-06-15T03:00:00Z`, `2022-06-15 03:00:00+00:00`; UTC unless it says otherwise.
fn date(field: &[u8]) -> Result<Timestamp, Problem> {
    let unreadable = || Problem::NoTime { text: excerpt(field) };
    let text = std::str::from_utf8(field).map_err(|_| unreadable())?;
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from_ms(at.as_millisecond()));
    }
    let at = text.parse::<jiff::civil::DateTime>().map_err(|_| unreadable())?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| unreadable())?;
    Ok(Timestamp::from_ms(at.timestamp().as_millisecond()))
}
