//! Where a feed's finest bars come from, and what came before them.

use std::sync::Arc;

use crate::domain::candle::Candle;
use crate::domain::time::{Timeframe, Timestamp};

use super::synthetic::{Regime, SyntheticMarket};

/// A reader's place in one series.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    pub(super) timeframe: Timeframe,
    candles: Arc<[Candle]>,
    next: usize,
}

impl Cursor {
    pub(super) const fn new(timeframe: Timeframe, candles: Arc<[Candle]>) -> Self {
        Self { timeframe, candles, next: 0 }
    }

    pub(super) fn peek(&self) -> Option<&Candle> {
        self.candles.get(self.next)
    }

    pub(super) fn peek_close(&self) -> Option<Timestamp> {
        self.peek().map(|candle| candle.close_time(self.timeframe))
    }

    /// The next candle if it closes by `at`.
    pub(super) fn take_until(&mut self, at: Timestamp) -> Option<Candle> {
        let candle = *self.peek().filter(|candle| candle.close_time(self.timeframe) <= at)?;
        self.next += 1;
        Some(candle)
    }

    /// Goes forward behind every candle that closes by `at`.
    pub(super) fn skip_until(&mut self, at: Timestamp) {
        // Mostly there is one to pass, and no need to search.
        self.take_until(at);
        if self.peek_close().is_some_and(|close| close <= at) {
            self.next = self.closed_by(at).len();
        }
    }

    pub(super) fn closed_by(&self, at: Timestamp) -> &[Candle] {
        let end = self.candles.partition_point(|candle| candle.close_time(self.timeframe) <= at);
        self.candles.get(..end).unwrap_or_default()
    }

    pub(super) fn first(&self) -> Option<&Candle> {
        self.candles.first()
    }

    pub(super) fn last(&self) -> Option<&Candle> {
        self.candles.last()
    }

    pub(super) fn left(&self) -> &[Candle] {
        self.candles.get(self.next..).unwrap_or_default()
    }
}

/// Bars after which a synthetic market is remembered as it was: a day of 1m bars, so that history is computed again
/// from at most a day before it instead of being kept.
const CHECKPOINT_BARS: u64 = 1_440;

/// A synthetic market with its next row taken out and its past within reach.
#[derive(Debug)]
pub(super) struct Reel {
    market: SyntheticMarket,
    /// The market before bar 0, [`CHECKPOINT_BARS`], 2 x [`CHECKPOINT_BARS`] ...
    checkpoints: Vec<SyntheticMarket>,
    /// Since when which regime holds, by open time; ends with the regime of `row`.
    switches: Vec<(Timestamp, Regime)>,
    /// The bars that come next, one a symbol; empty at the end.
    row: Vec<Candle>,
    /// Rows taken out of the market, `row` included.
    rows: u64,
}

impl Reel {
    pub(super) fn new(market: SyntheticMarket) -> Self {
        let mut reel =
            Self { market, checkpoints: Vec::new(), switches: Vec::new(), row: Vec::new(), rows: 0 };
        reel.advance();
        reel
    }

    pub(super) const fn market(&self) -> &SyntheticMarket {
        &self.market
    }

    pub(super) fn start(&self) -> Timestamp {
        self.checkpoints.first().map_or(self.market.next_open(), SyntheticMarket::next_open)
    }

    pub(super) fn row(&self) -> &[Candle] {
        &self.row
    }

    pub(super) fn peek_close(&self) -> Option<Timestamp> {
        self.row.first().map(|candle| candle.close_time(self.market.timeframe()))
    }

    pub(super) fn advance(&mut self) {
        if self.rows.is_multiple_of(CHECKPOINT_BARS) {
            self.checkpoints.push(self.market.clone());
        }
        let open_time = self.market.next_open();
        self.row = self.market.next_row().unwrap_or_default();
        if self.row.is_empty() {
            return;
        }
        self.rows += 1;
        let regime = self.market.regime();
        if self.switches.last().is_none_or(|(_, last)| *last != regime) {
            self.switches.push((open_time, regime));
        }
    }

    /// Rows that were passed on already.
    const fn rows_passed(&self) -> u64 {
        self.rows.saturating_sub(if self.row.is_empty() { 0 } else { 1 })
    }

    /// The regime of the bar that closes at `at`, or of the one that contains it.
    pub(super) fn regime_at(&self, at: Timestamp) -> Option<Regime> {
        let index = self.switches.partition_point(|(since, _)| *since < at);
        self.switches.get(index.checked_sub(1)?).map(|(_, regime)| *regime)
    }

    /// The last `count` bars of one symbol that close by `before` and were passed on.
    pub(super) fn closed_by(&self, symbol: usize, before: Timestamp, count: usize) -> Vec<Candle> {
        let length = self.market.timeframe().duration().ms();
        let elapsed = before.since(self.start()).ms().div_euclid(length);
        let end = u64::try_from(elapsed).unwrap_or(0).min(self.rows_passed());
        let first = end.saturating_sub(count as u64);
        let day = first / CHECKPOINT_BARS;
        let Some(mut market) = usize::try_from(day).ok().and_then(|day| self.checkpoints.get(day)).cloned()
        else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for index in day * CHECKPOINT_BARS..end {
            let row = market.next_row().unwrap_or_default();
            if index >= first {
                found.extend(row.get(symbol));
            }
        }
        found
    }
}

/// Finest bars of every lane (symbol) of a feed.
#[derive(Debug)]
pub(super) enum Source {
    /// One cursor a lane.
    Tape(Vec<Cursor>),
    Synthetic(Box<Reel>),
}

impl Source {
    pub(super) fn peek_close(&self) -> Option<Timestamp> {
        match self {
            Self::Tape(cursors) => cursors.iter().filter_map(Cursor::peek_close).min(),
            Self::Synthetic(reel) => reel.peek_close(),
        }
    }

    /// The bar of `lane` that closes at `at`, the time of [`Self::peek_close`].
    pub(super) fn bar(&self, lane: usize, at: Timestamp) -> Option<Candle> {
        match self {
            Self::Tape(cursors) => {
                let cursor = cursors.get(lane)?;
                cursor.peek().filter(|_| cursor.peek_close() == Some(at)).copied()
            }
            Self::Synthetic(reel) => reel.row().get(lane).copied(),
        }
    }

    /// Goes behind every bar that closes by `at`.
    pub(super) fn skip_until(&mut self, at: Timestamp) {
        match self {
            Self::Tape(cursors) => {
                for cursor in cursors {
                    cursor.skip_until(at);
                }
            }
            Self::Synthetic(reel) => {
                while reel.peek_close().is_some_and(|close| close <= at) {
                    reel.advance();
                }
            }
        }
    }

    /// The last `count` bars of `lane` that close by `before`; of a synthetic market only what was passed on.
    pub(super) fn closed_by(&self, lane: usize, before: Timestamp, count: usize) -> Vec<Candle> {
        match self {
            Self::Tape(cursors) => {
                let closed = cursors.get(lane).map(|cursor| cursor.closed_by(before)).unwrap_or_default();
                closed.get(closed.len().saturating_sub(count)..).unwrap_or_default().to_vec()
            }
            Self::Synthetic(reel) => reel.closed_by(lane, before, count),
        }
    }

    /// Open time of the first bar of `lane`.
    pub(super) fn first_open(&self, lane: usize) -> Option<Timestamp> {
        match self {
            Self::Tape(cursors) => cursors.get(lane)?.first().map(|candle| candle.open_time),
            Self::Synthetic(reel) => Some(reel.start()),
        }
    }
}
