//! Which series a candle file holds, read from its name.

use crate::domain::instrument::Symbol;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::{Timeframe, Timestamp};

/// The two names a candle file may have, with `.csv` or `.csv.gz` behind them:
/// `EXCHANGE-SYMBOL-TF-FROM_TO` (days as `YYYYMMDD`) and `SYMBOL-TF`. The symbol may contain dashes.
#[derive(Debug, Clone, Copy)]
pub struct TapeName;

impl TapeName {
    /// `None` when the name (without folders) has neither form.
    pub fn parse(file_name: &str) -> Option<(Symbol, Timeframe)> {
        let stem = file_name.strip_suffix(".gz").unwrap_or(file_name).strip_suffix(".csv")?;
        let (front, last) = stem.rsplit_once('-')?;
        if !is_period(last) {
            return Some((Symbol::try_new(front).ok()?, last.parse().ok()?));
        }
        let (front, timeframe) = front.rsplit_once('-')?;
        let (_exchange, symbol) = front.split_once('-')?;
        Some((Symbol::try_new(symbol).ok()?, timeframe.parse().ok()?))
    }

    /// The name, without an ending, of what is known to begin at a day: `BINANCE-BTCUSDT-1m-20260101`.
    pub fn since(exchange: ExchangeKind, symbol: &Symbol, timeframe: Timeframe, from: Timestamp) -> String {
        format!("{}-{symbol}-{timeframe}-{}", exchange.as_str().to_uppercase(), compact_day(from))
    }

    /// The name, without an ending, of a period of whole days; `until` is the first day not in it.
    pub fn of_period(
        exchange: ExchangeKind,
        symbol: &Symbol,
        timeframe: Timeframe,
        (from, until): (Timestamp, Timestamp),
    ) -> String {
        format!("{}_{}", Self::since(exchange, symbol, timeframe, from), compact_day(until))
    }
}

/// The day as names write it: `20250901`.
fn compact_day(at: Timestamp) -> String {
    at.to_string().chars().take("2025-09-01".len()).filter(char::is_ascii_digit).collect()
}

/// `20250901_20251004`
fn is_period(text: &str) -> bool {
    let is_day = |day: &str| day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('_').is_some_and(|(from, to)| is_day(from) && is_day(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_symbol_and_timeframe() {
        for (name, expected) in [
            ("UPBIT-KRW-XRP-1m-20250901_20251004.csv.gz", Some(("KRW-XRP", Timeframe::M1))),
            ("BINANCE-BTCUSDT-4h-20170817_20231231.csv", Some(("BTCUSDT", Timeframe::H4))),
            ("BTCUSDT-15m.csv", Some(("BTCUSDT", Timeframe::M15))),
            ("KRW-BTC-1d.csv.gz", Some(("KRW-BTC", Timeframe::D1))),
            ("BTCUSDT-7m.csv", None),
            ("BTCUSDT-1m.txt", None),
            ("BTCUSDT.csv", None),
            ("BINANCE-1m-20250901_20251004.csv", None),
            ("btcusdt-1m.csv", None),
            ("", None),
        ] {
            let parsed = TapeName::parse(name);
            let parsed = parsed.as_ref().map(|(symbol, timeframe)| (symbol.as_str(), *timeframe));
            assert_eq!(parsed, expected, "{name}");
        }
    }

    #[test]
    fn a_name_that_is_written_is_read() {
        let symbol = Symbol::try_new("KRW-XRP").unwrap();
        let period = (Timestamp::from_ms(1_756_684_800_000), Timestamp::from_ms(1_759_536_000_000));
        let name = TapeName::of_period(ExchangeKind::Upbit, &symbol, Timeframe::M1, period);
        assert_eq!(name, "UPBIT-KRW-XRP-1m-20250901_20251004");
        assert_eq!(TapeName::parse(&format!("{name}.csv.gz")), Some((symbol, Timeframe::M1)));
    }
}
