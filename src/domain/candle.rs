//! A candle: what one symbol did during one bar.

use rust_decimal::Decimal;

use super::money::Price;
use super::time::{Timeframe, Timestamp};

/// Open, high, low and close in quote currency, volume in base currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candle {
    /// Start of the bar.
    pub open_time: Timestamp,
    pub open: Price,
    pub high: Price,
    pub low: Price,
    pub close: Price,
    /// Base currency traded during the bar; never negative.
    pub volume: Decimal,
}

/// What makes four prices and a volume not a candle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CandleError {
    #[error("high {high} is below the {field} {value}")]
    HighTooLow { field: &'static str, value: Price, high: Price },
    #[error("low {low} is above the {field} {value}")]
    LowTooHigh { field: &'static str, value: Price, low: Price },
    #[error("volume {0} is negative")]
    NegativeVolume(Decimal),
}

impl Candle {
    pub fn try_new(
        open_time: Timestamp,
        [open, high, low, close]: [Price; 4],
        volume: Decimal,
    ) -> Result<Self, CandleError> {
        for (field, value) in [("open", open), ("close", close), ("low", low)] {
            if value > high {
                return Err(CandleError::HighTooLow { field, value, high });
            }
        }
        for (field, value) in [("open", open), ("close", close)] {
            if value < low {
                return Err(CandleError::LowTooHigh { field, value, low });
            }
        }
        if volume < Decimal::ZERO {
            return Err(CandleError::NegativeVolume(volume));
        }
        Ok(Self { open_time, open, high, low, close, volume })
    }

    pub const fn close_time(&self, timeframe: Timeframe) -> Timestamp {
        self.open_time.plus(timeframe.duration())
    }
}
