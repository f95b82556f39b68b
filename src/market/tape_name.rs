//! Which series a candle file holds, read from its name.

use super::series::{ExchangeName, SeriesName};
use crate::domain::instrument::Symbol;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::{Timeframe, Timestamp};

/// The names a candle file may have. The symbol may contain dashes.
///
/// - `EXCHANGE-SYMBOL-TF-FROM_TO` (days as `YYYYMMDD`) and `SYMBOL-TF`, with `.csv` or `.csv.gz` behind them;
/// - Binance's public archive: `SYMBOL-TF-YYYY-MM` and `SYMBOL-TF-YYYY-MM-DD`, with `.csv` or `.zip`;
/// - freqtrade: `BASE_QUOTE-TF.feather`, and `BASE_QUOTE_SETTLE-TF-futures.feather`.
#[derive(Debug, Clone, Copy)]
pub struct TapeName;

impl TapeName {
    /// `None` when the name (without folders) has none of the forms.
    pub fn parse(file_name: &str) -> Option<(Symbol, Timeframe)> {
        Self::series(file_name).map(|series| (series.symbol, series.timeframe))
    }

    /// The series with its exchange, where the name tells that.
    pub fn series(file_name: &str) -> Option<SeriesName> {
        if let Some(stem) = file_name.strip_suffix(".feather") {
            return of_freqtrade(stem);
        }
        let stem = file_name.strip_suffix(".gz").unwrap_or(file_name);
        let stem = stem.strip_suffix(".csv").or_else(|| stem.strip_suffix(".zip"))?;
        if let Some((front, last)) = stem.rsplit_once('-')
            && is_period(last)
        {
            let (front, timeframe) = front.rsplit_once('-')?;
            let (exchange, symbol) = front.split_once('-')?;
            let exchange = ExchangeName::try_new(&exchange.to_ascii_lowercase()).ok();
            return Some(SeriesName { exchange, ..named(symbol, timeframe)? });
        }
        let (symbol, timeframe) = without_month(stem).rsplit_once('-')?;
        named(symbol, timeframe)
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

fn named(symbol: &str, timeframe: &str) -> Option<SeriesName> {
    let symbol = Symbol::try_new(symbol).ok()?;
    Some(SeriesName { exchange: None, symbol, timeframe: timeframe.parse().ok()? })
}

/// `BTC_USDT_USDT-1h-futures` and `BTC_USDT-1h`. Other kinds of candles (`-mark`, `-funding_rate`) are no trades.
fn of_freqtrade(stem: &str) -> Option<SeriesName> {
    let stem = stem.strip_suffix("-futures").unwrap_or(stem);
    let (pair, timeframe) = stem.rsplit_once('-')?;
    let mut assets = pair.split('_');
    let (base, quote) = (assets.next()?, assets.next()?);
    // Upbit writes the quote first.
    let symbol = if quote == "KRW" { format!("{quote}-{base}") } else { format!("{base}{quote}") };
    named(&symbol, timeframe)
}

/// Without the month or day of an archive's file: `-2024-01`, `-2024-01-15`.
fn without_month(stem: &str) -> &str {
    let is_number =
        |text: &str, len: usize| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = stem.rsplitn(4, '-').collect();
    match parts.as_slice() {
        [day, month, year, rest] if is_number(day, 2) && is_number(month, 2) && is_number(year, 4) => rest,
        [month, year, ..] if is_number(month, 2) && is_number(year, 4) => {
            stem.get(..stem.len() - "-2024-01".len()).unwrap_or(stem)
        }
        _ => stem,
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
            ("BTCUSDT-1h-2024-01.zip", Some(("BTCUSDT", Timeframe::H1))),
            ("BTCUSDT-1m-2024-01-15.csv", Some(("BTCUSDT", Timeframe::M1))),
            ("ETHUSDT_240329-1m-2024-01.zip", Some(("ETHUSDT_240329", Timeframe::M1))),
            ("BTC_USDT_USDT-1h-futures.feather", Some(("BTCUSDT", Timeframe::H1))),
            ("XRP_KRW-5m.feather", Some(("KRW-XRP", Timeframe::M5))),
            ("BTC_USDT_USDT-8h-funding_rate.feather", None),
            ("BTC_USDT_USDT-1h-mark.feather", None),
            ("BTCUSDT-2024-01.zip", None),
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
