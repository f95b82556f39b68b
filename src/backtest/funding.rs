//! What holding a perpetual future costs: rates by time, from a file or the same every eight hours.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Trim};
use rust_decimal::Decimal;

use crate::domain::instrument::Symbol;
use crate::domain::money::{Pct, Quote};
use crate::domain::side::PositionSide;
use crate::domain::time::{DurationMs, Timestamp};
use crate::market::finding::excerpt;

/// Of a rate that is the same always: 00:00, 08:00 and 16:00 UTC, as the exchanges have it.
const EVERY: DurationMs = DurationMs::from_secs(8 * 3_600);

/// Rates as fractions of the notional; longs pay shorts when positive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FundingRates {
    /// Of symbols without a table of their own.
    pub every_eight_hours: Option<Pct>,
    pub tables: BTreeMap<Symbol, BTreeMap<Timestamp, Decimal>>,
}

/// Rates beyond this fraction of the notional are percentages or nonsense.
const RATE_MAX: u32 = 1;
/// From 2000 to 2100, in ms: what is outside is written in another unit.
const TIMES: RangeInclusive<i64> = 946_684_800_000..=4_102_444_800_000;
/// Exchanges fund by the hour and write the time a few ms later.
const PRECISION: DurationMs = DurationMs::from_secs(60);

/// Columns of a file of rates, each by the names that our files, Binance's answers and its archive give it.
const TIME_NAMES: [&str; 5] = ["funding_time_ms", "calc_time", "fundingtime", "funding_time", "time"];
const RATE_NAMES: [&str; 5] = ["rate", "last_funding_rate", "fundingrate", "funding_rate", "funding"];

/// Why a file holds no funding rates.
#[derive(Debug, thiserror::Error)]
pub enum FundingFileError {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: csv::Error },
    #[error("{}:1: header is `{found}`, expected `funding_time_ms,rate` (or calc_time,last_funding_rate)", path.display())]
    Header { path: PathBuf, found: String },
    #[error("{}:{line}: {what}", path.display())]
    Row { path: PathBuf, line: u64, what: String },
    #[error("{} holds no funding rates", path.display())]
    Empty { path: PathBuf },
}

/// Reads rates by time from a CSV file with a header: times in ms since 1970, of which the minute counts; rates as
/// fractions (0.0001 is 0.01 %).
pub fn read_rates(path: &Path) -> Result<BTreeMap<Timestamp, Decimal>, FundingFileError> {
    let fail = |source| FundingFileError::File { path: path.to_owned(), source };
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_path(path).map_err(fail)?;
    let header = reader.headers().map_err(fail)?.clone();
    let place = |names: &[&str]| {
        header.iter().position(|name| {
            names.contains(&name.trim_start_matches('\u{feff}').to_ascii_lowercase().as_str())
        })
    };
    let (Some(time), Some(rate)) = (place(&TIME_NAMES), place(&RATE_NAMES)) else {
        let found = header.iter().map(|name| excerpt(name.as_bytes())).collect::<Vec<_>>().join(",");
        let path = path.to_owned();
        return Err(if found.is_empty() {
            FundingFileError::Empty { path }
        } else {
            FundingFileError::Header { path, found }
        });
    };
    let mut rates = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(fail)?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = |what| FundingFileError::Row { path: path.to_owned(), line, what };
        let (at, rate) = rate_row(&record, time, rate).map_err(row)?;
        if rates.insert(at, rate).is_some_and(|known| known != rate) {
            return Err(row(format!("two rates for {at}")));
        }
    }
    if rates.is_empty() { Err(FundingFileError::Empty { path: path.to_owned() }) } else { Ok(rates) }
}

fn rate_row(record: &StringRecord, time: usize, rate: usize) -> Result<(Timestamp, Decimal), String> {
    let (time, rate) = (record.get(time).unwrap_or_default(), record.get(rate).unwrap_or_default());
    let at = time.parse().ok().filter(|ms| TIMES.contains(ms));
    let at =
        at.ok_or_else(|| format!("time `{time}` is no time in ms since 1970, in the years 2000 to 2100"))?;
    let value = rate.parse::<Decimal>().or_else(|_| Decimal::from_scientific(rate));
    let value = value.map_err(|_| format!("rate `{rate}` is not a number"))?;
    if value.abs() > Decimal::from(RATE_MAX) {
        return Err(format!("rate {rate} is beyond {RATE_MAX}, which is 100 %; rates are fractions"));
    }
    Ok((Timestamp::from_ms(at - at % PRECISION.ms()), value))
}

impl FundingRates {
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.constant().is_none()
    }

    fn constant(&self) -> Option<Decimal> {
        self.every_eight_hours.filter(|pct| *pct != Pct::ZERO).map(Pct::fraction)
    }

    /// The first time after `at` at which the symbol is funded.
    pub fn next_after(&self, symbol: &Symbol, at: Timestamp) -> Option<Timestamp> {
        match self.tables.get(symbol) {
            Some(table) => table.range(at.plus(DurationMs::from_ms(1))..).next().map(|(at, _)| *at),
            None => self.constant().map(|_| next_constant(at)),
        }
    }

    /// Times after `since` up to and with `until`, each with its rate.
    pub fn between(&self, symbol: &Symbol, since: Timestamp, until: Timestamp) -> Vec<(Timestamp, Decimal)> {
        let mut due = Vec::new();
        let mut at = since;
        while let Some(next) = self.next_after(symbol, at).filter(|next| *next <= until) {
            let rate = match self.tables.get(symbol) {
                Some(table) => table.get(&next).copied(),
                None => self.constant(),
            };
            due.extend(rate.map(|rate| (next, rate)));
            at = next;
        }
        due
    }
}

const fn next_constant(at: Timestamp) -> Timestamp {
    Timestamp::from_ms((at.ms().div_euclid(EVERY.ms()) + 1) * EVERY.ms())
}

/// What a position on `side` receives (pays, when negative) on `notional` at `rate`.
pub fn payment(side: PositionSide, notional: Quote, rate: Decimal) -> Quote {
    let longs_pay = Quote::new((notional.decimal() * rate).round_dp(12).normalize());
    match side {
        PositionSide::Long => -longs_pay,
        PositionSide::Short => longs_pay,
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;

    use super::*;

    /// Reads a file of this text; the folder keeps it while it is looked at.
    fn read(folder: &tempfile::TempDir, text: &str) -> Result<BTreeMap<Timestamp, Decimal>, String> {
        let path = folder.path().join("rates.csv");
        std::fs::write(&path, text).map_err(|error| error.to_string())?;
        read_rates(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn rates_are_read_by_the_names_of_their_columns() {
        let folder = tempfile::tempdir().unwrap();
        let expected = BTreeMap::from([
            (Timestamp::from_ms(1_704_096_000_000), dec!(0.0001)),
            (Timestamp::from_ms(1_704_124_800_000), dec!(-0.00003)),
        ]);
        for text in [
            "funding_time_ms,rate\n1704096000000,0.0001\n1704124800000,-3e-05\n",
            // Binance's archive, a few ms late.
            "calc_time,funding_interval_hours,last_funding_rate\n1704124800003,8,-0.00003\n1704096000011,8,0.00010000\n",
        ] {
            assert_eq!(read(&folder, text).as_ref(), Ok(&expected));
        }
        for (text, words) in [
            ("", "holds no funding rates"),
            ("funding_time_ms,rate\n", "holds no funding rates"),
            ("a,b\n1,2\n", "header is `a,b`"),
            ("funding_time_ms,rate\n1704096000000,0.1\nx,0.1\n", ":3: time `x`"),
            ("funding_time_ms,rate\n1704096000,0.1\n", ":2: time `1704096000` is no time in ms"),
            ("funding_time_ms,rate\n1704096000000,NaN\n", ":2: rate `NaN`"),
            ("funding_time_ms,rate\n1704096000000,1.5\n", "rates are fractions"),
            ("funding_time_ms,rate\n1704096000000,0.1\n1704096000007,0.2\n", ":3: two rates"),
        ] {
            let error = read(&folder, text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
