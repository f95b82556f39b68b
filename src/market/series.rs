//! The names of stored series: which exchange's candles, of which symbol, of which length.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::domain::instrument::{BadSymbol, Symbol};
use crate::domain::kind::ExchangeKind;
use crate::domain::time::{Timeframe, UnknownTimeframe};

/// Longest name of an exchange, in characters.
const EXCHANGE_MAX: usize = 20;

/// Where candles come from: one of the exchanges that are traded on, or any other by a short name (`binance-spot`, `okx`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeName(Arc<str>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeriesNameError {
    #[error("exchange `{0}` is not 1 to {EXCHANGE_MAX} characters of a-z, 0-9 and `-`")]
    Exchange(String),
    #[error(transparent)]
    Symbol(#[from] BadSymbol),
    #[error(transparent)]
    Timeframe(#[from] UnknownTimeframe),
    #[error("series `{0}` is not SYMBOL:TIMEFRAME or EXCHANGE/SYMBOL:TIMEFRAME")]
    Form(String),
}

impl ExchangeName {
    pub fn try_new(text: &str) -> Result<Self, SeriesNameError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if (1..=EXCHANGE_MAX).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(SeriesNameError::Exchange(text.to_owned()))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<ExchangeKind> for ExchangeName {
    fn from(kind: ExchangeKind) -> Self {
        Self(kind.as_str().into())
    }
}

impl fmt::Display for ExchangeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ExchangeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl FromStr for ExchangeName {
    type Err = SeriesNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_new(text)
    }
}

/// One series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SeriesKey {
    pub exchange: ExchangeName,
    pub symbol: Symbol,
    pub timeframe: Timeframe,
}

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.exchange, self.symbol, self.timeframe)
    }
}

/// A series as a person names it: `BTCUSDT:1h`, or `binance/BTCUSDT:1h` where several exchanges have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesName {
    pub exchange: Option<ExchangeName>,
    pub symbol: Symbol,
    pub timeframe: Timeframe,
}

impl SeriesName {
    pub fn names(&self, key: &SeriesKey) -> bool {
        self.exchange.as_ref().is_none_or(|exchange| *exchange == key.exchange)
            && (&self.symbol, self.timeframe) == (&key.symbol, key.timeframe)
    }
}

impl fmt::Display for SeriesName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(exchange) = &self.exchange {
            write!(f, "{exchange}/")?;
        }
        write!(f, "{}:{}", self.symbol, self.timeframe)
    }
}

impl FromStr for SeriesName {
    type Err = SeriesNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (exchange, rest) = match text.split_once('/') {
            Some((exchange, rest)) => (Some(exchange.parse()?), rest),
            None => (None, text),
        };
        let (symbol, timeframe) =
            rest.split_once(':').ok_or_else(|| SeriesNameError::Form(text.to_owned()))?;
        Ok(Self { exchange, symbol: symbol.parse()?, timeframe: timeframe.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_say_what_is_wrong() {
        for name in ["BTCUSDT:1h", "binance/BTCUSDT:1m", "upbit/KRW-BTC:1d", "binance-spot/BTCUSDT:4h"] {
            assert_eq!(name.parse::<SeriesName>().unwrap().to_string(), name);
        }
        for (name, word) in [
            ("BTCUSDT", "SYMBOL:TIMEFRAME"),
            ("BTCUSDT:7m", "7m"),
            ("btcusdt:1h", "btcusdt"),
            ("Binance/BTCUSDT:1h", "`Binance`"),
            ("../x/BTCUSDT:1h", "`..`"),
            ("a/b/BTCUSDT:1h", "b/BTCUSDT"),
            ("/BTCUSDT:1h", "exchange ``"),
        ] {
            let error = name.parse::<SeriesName>().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
