//! What the market did between two moments: the step that drives a cycle, and the paper book's matching.

use super::candle::Candle;
use super::instrument::Symbol;
use super::money::Price;
use super::time::{Timeframe, Timestamp};

/// One closed bar of one symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    pub candle: Candle,
    /// False for a bar built from finer bars of which some were missing: indicators use it, entries do not.
    pub complete: bool,
}

impl Bar {
    pub const fn close_time(&self) -> Timestamp {
        self.candle.close_time(self.timeframe)
    }
}

/// Everything that became known at `at`. Shared by all executors, so it holds no account's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketStep {
    pub at: Timestamp,
    /// The finest bar of each symbol that closed at `at`, sorted by symbol, at most one a symbol. Orders are matched
    /// against these: market orders at the open, resting orders inside high and low.
    pub price_bars: Vec<Bar>,
    /// Every bar that closed at `at` and may carry a signal, price bars included, sorted by (symbol, timeframe).
    pub closed_bars: Vec<Bar>,
}

impl MarketStep {
    pub fn price_bar(&self, symbol: &Symbol) -> Option<&Bar> {
        let index = self.price_bars.binary_search_by(|bar| bar.symbol.cmp(symbol)).ok()?;
        self.price_bars.get(index)
    }

    pub fn close(&self, symbol: &Symbol) -> Option<Price> {
        self.price_bar(symbol).map(|bar| bar.candle.close)
    }
}
