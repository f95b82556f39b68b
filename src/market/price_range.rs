//! Where the price of one symbol has been since it was last asked.

use rust_decimal::Decimal;

use crate::domain::candle::Candle;
use crate::domain::money::Price;
use crate::domain::time::Timestamp;

/// Read from a candle that is still going on: of its high and low counts what is new since the last look.
#[derive(Debug, Clone, Copy)]
pub(super) struct PriceRange {
    open: Price,
    high: Price,
    low: Price,
    last: Price,
    volume: Decimal,
    candle: Option<Candle>,
}

impl PriceRange {
    pub(super) const fn at(price: Price) -> Self {
        Self { open: price, high: price, low: price, last: price, volume: Decimal::ZERO, candle: None }
    }

    pub(super) const fn last(&self) -> Price {
        self.last
    }

    pub(super) fn heard(&mut self, candle: &Candle) {
        let before = self.candle.filter(|before| before.open_time == candle.open_time);
        if self.candle.is_some_and(|before| before.open_time > candle.open_time) {
            return;
        }
        // Where the price was before we first heard of this candle is not ours to know, unless it is a new one.
        let is_first = self.candle.is_none();
        let reaches =
            |was: Option<Price>, is: Price| if was == Some(is) || is_first { candle.close } else { is };
        self.high = self.high.max(reaches(before.map(|before| before.high), candle.high)).max(candle.close);
        self.low = self.low.min(reaches(before.map(|before| before.low), candle.low)).min(candle.close);
        self.last = candle.close;
        let traded = before.map_or(Decimal::ZERO, |before| before.volume);
        if !is_first {
            self.volume += (candle.volume - traded).max(Decimal::ZERO);
        }
        self.candle = Some(*candle);
    }

    /// The range since the last call, as a candle that starts at `since`.
    pub(super) fn take(&mut self, since: Timestamp) -> Candle {
        let candle = Candle {
            open_time: since,
            open: self.open,
            high: self.high,
            low: self.low,
            close: self.last,
            volume: self.volume,
        };
        *self = Self { candle: self.candle, ..Self::at(self.last) };
        candle
    }
}
