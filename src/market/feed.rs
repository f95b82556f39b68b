//! The market as one stream of steps in time order, from a tape or a synthetic market.
//!
//! Invariants: step times strictly rise; a symbol's bars of one timeframe arrive in order and at most once; nothing
//! that closes after a step's time is in it. All bars of a symbol come with its finest bars, so an aggregate whose
//! last part is missing comes with the first finest bar after its end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::domain::candle::Candle;
use crate::domain::instrument::Symbol;
use crate::domain::market::{Bar, MarketStep};
use crate::domain::time::{Timeframe, Timestamp};

use super::aggregate::{Aggregate, Aggregator};
use super::source::{Cursor, Reel, Source};
use super::synthetic::{Regime, SyntheticMarket};
use super::tape::Tape;

/// One symbol of the feed.
struct Lane {
    symbol: Symbol,
    /// The finest timeframe it has.
    base: Timeframe,
    /// Its coarser series on the tape.
    coarser: Vec<Cursor>,
    /// What is built from the finest bars because somebody asked for it.
    aggregators: Vec<Aggregator>,
}

/// Yields the steps; see the module.
pub struct Feed {
    source: Source,
    /// Sorted by symbol; the source counts them the same way.
    lanes: Vec<Lane>,
    /// Time of the last step that was yielded or skipped.
    passed: Option<Timestamp>,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lanes = self.lanes.iter().map(|lane| format!("{} {}", lane.symbol, lane.base));
        f.debug_list().entries(lanes).finish()
    }
}

/// A series that was asked for and cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    #[error("{symbol} is not in this market data")]
    UnknownSymbol { symbol: Symbol },
    #[error("{timeframe} bars of {symbol} cannot be built: its finest candles are {finest}")]
    TooFine { symbol: Symbol, timeframe: Timeframe, finest: Timeframe },
    #[error("{timeframe} bars of {symbol} cannot be built from {finest} candles: not a whole number of them")]
    NotMultiple { symbol: Symbol, timeframe: Timeframe, finest: Timeframe },
}

impl Feed {
    /// The finest timeframe of each symbol gives the price bars.
    pub fn from_tape(tape: &Tape) -> Self {
        let mut series: BTreeMap<&Symbol, Vec<Cursor>> = BTreeMap::new();
        for (symbol, timeframe) in tape.keys() {
            let cursor = tape.candles(symbol, *timeframe).map(|candles| Cursor::new(*timeframe, candles));
            series.entry(symbol).or_default().extend(cursor);
        }
        let mut prices = Vec::new();
        let mut lanes = Vec::new();
        for (symbol, cursors) in series {
            let mut cursors = cursors.into_iter();
            let Some(price) = cursors.next() else { continue };
            let mut coarser: Vec<Cursor> = cursors.collect();
            if let Some(first) = price.first() {
                // What closed before the first price is history.
                for cursor in &mut coarser {
                    cursor.skip_until(first.open_time);
                }
            }
            let base = price.timeframe;
            lanes.push(Lane { symbol: symbol.clone(), base, coarser, aggregators: Vec::new() });
            prices.push(price);
        }
        Self { source: Source::Tape(prices), lanes, passed: None }
    }

    pub fn from_synthetic(market: SyntheticMarket) -> Self {
        let base = market.timeframe();
        let lane =
            |symbol: &Symbol| Lane { symbol: symbol.clone(), base, coarser: vec![], aggregators: vec![] };
        let lanes = market.symbols().map(lane).collect();
        Self { source: Source::Synthetic(Box::new(Reel::new(market))), lanes, passed: None }
    }

    /// Sorted.
    pub fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.lanes.iter().map(|lane| &lane.symbol)
    }

    /// The timeframe of a symbol's price bars.
    pub fn base_timeframe(&self, symbol: &Symbol) -> Option<Timeframe> {
        self.lane(symbol).map(|(_, lane)| lane.base)
    }

    /// Times of the first and the last step of the whole feed; the last is the end of time for an endless market.
    pub fn span(&self) -> (Timestamp, Timestamp) {
        match &self.source {
            Source::Tape(cursors) => {
                let closes = |cursor: &Cursor, candle: Option<&Candle>| {
                    candle.map(|candle| candle.close_time(cursor.timeframe))
                };
                let first = cursors.iter().filter_map(|cursor| closes(cursor, cursor.first())).min();
                let last = cursors.iter().filter_map(|cursor| closes(cursor, cursor.last())).max();
                (first.unwrap_or_default(), last.unwrap_or_default())
            }
            Source::Synthetic(reel) => {
                let market = reel.market();
                let length = market.timeframe().duration();
                let last = market.steps_left().map(|steps| i64::try_from(steps).unwrap_or(i64::MAX));
                let last = last.map(|steps| market.next_open().plus(length.times(steps)));
                (reel.start().plus(length), last.unwrap_or(Timestamp::from_ms(i64::MAX)))
            }
        }
    }

    /// Steps still to come; `None` when endless. Walks the tape once.
    pub fn steps_hint(&self) -> Option<u64> {
        match &self.source {
            Source::Tape(cursors) => {
                let closes = cursors.iter().flat_map(|cursor| {
                    cursor.left().iter().map(|candle| candle.close_time(cursor.timeframe))
                });
                let mut closes: Vec<Timestamp> = closes.collect();
                closes.sort_unstable();
                closes.dedup();
                Some(closes.len() as u64)
            }
            Source::Synthetic(reel) => {
                reel.market().steps_left().map(|steps| steps + u64::from(!reel.row().is_empty()))
            }
        }
    }

    /// The time of the next step.
    pub fn peek_time(&self) -> Option<Timestamp> {
        self.source.peek_close()
    }

    /// The regime at `at`, up to the next step; `None` for a tape.
    pub fn regime_at(&self, at: Timestamp) -> Option<Regime> {
        match &self.source {
            Source::Tape(_) => None,
            Source::Synthetic(reel) => reel.regime_at(at),
        }
    }

    /// Skips every step up to and with `at`: what they held is history.
    pub fn skip_until(&mut self, at: Timestamp) {
        self.source.skip_until(at);
        self.passed = self.passed.max(Some(at));
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if let Some(price) = self.source.closed_by(index, at, 1).last() {
                let known = price.close_time(lane.base);
                for cursor in &mut lane.coarser {
                    cursor.skip_until(known);
                }
            }
        }
        self.subscribe(&self.subscribed());
    }

    fn subscribed(&self) -> BTreeSet<(Symbol, Timeframe)> {
        let targets = self.lanes.iter().flat_map(|lane| {
            lane.aggregators.iter().map(|aggregator| (lane.symbol.clone(), aggregator.target()))
        });
        targets.collect()
    }

    /// Sets which coarser series are built from now on; wishes that cannot be met are left out (see [`Self::unmet`]).
    /// The parts of the window that is going on are taken from the past, so that with [`Self::history`] up to the last
    /// step no bar is missing and none is there twice.
    pub fn subscribe(&mut self, needed: &BTreeSet<(Symbol, Timeframe)>) {
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let wishes = needed.iter().filter(|(symbol, _)| *symbol == lane.symbol);
            let mut aggregators: Vec<Aggregator> =
                wishes.filter_map(|(_, target)| Aggregator::try_new(lane.base, *target)).collect();
            for aggregator in &mut aggregators {
                let Some(passed) = self.passed else { continue };
                let count = usize::try_from(aggregator.parts()).unwrap_or(usize::MAX);
                let past = self.source.closed_by(index, passed, count);
                let Some(last) = past.last() else { continue };
                let start = aggregator.target().bar_start(last.open_time);
                for candle in past.iter().filter(|candle| candle.open_time >= start) {
                    // A window that these bars close was closed by the steps they came with.
                    let _delivered = aggregator.push(candle, true);
                }
            }
            lane.aggregators = aggregators;
        }
    }

    /// The wishes that cannot be met, and why.
    pub fn unmet(&self, needed: &BTreeSet<(Symbol, Timeframe)>) -> Vec<Unmet> {
        needed.iter().filter_map(|(symbol, timeframe)| self.obstacle(symbol, *timeframe)).collect()
    }

    fn obstacle(&self, symbol: &Symbol, timeframe: Timeframe) -> Option<Unmet> {
        let symbol = symbol.clone();
        let Some((_, lane)) = self.lane(&symbol) else {
            return Some(Unmet::UnknownSymbol { symbol });
        };
        let finest = lane.base;
        if timeframe == finest || lane.coarser.iter().any(|cursor| cursor.timeframe == timeframe) {
            None
        } else if timeframe < finest {
            Some(Unmet::TooFine { symbol, timeframe, finest })
        } else if timeframe.is_multiple_of(finest) {
            None
        } else {
            Some(Unmet::NotMultiple { symbol, timeframe, finest })
        }
    }

    /// The next step; `None` at the end.
    pub fn next_step(&mut self) -> Option<MarketStep> {
        let at = self.peek_time()?;
        let mut price_bars = Vec::with_capacity(self.lanes.len());
        let mut closed_bars = Vec::with_capacity(self.lanes.len());
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let Some(candle) = self.source.bar(index, at) else { continue };
            let bar = lane.bar(lane.base, candle, true);
            price_bars.push(bar.clone());
            closed_bars.push(bar);
            lane.close_coarser(&candle, at, &mut closed_bars);
        }
        self.source.skip_until(at);
        self.passed = Some(at);
        Some(MarketStep { at, price_bars, closed_bars })
    }

    /// The last `bars` bars of a series that close by `before` (that time included), oldest first, built where needed;
    /// bars that [`Self::next_step`] would not have yielded by then are left out. A synthetic market has the history
    /// of the steps that were passed; a tape has all that is on it, so the caller's `before` guards against looking ahead.
    pub fn history(&self, symbol: &Symbol, timeframe: Timeframe, before: Timestamp, bars: usize) -> Vec<Bar> {
        let Some((index, lane)) = self.lane(symbol) else {
            return Vec::new();
        };
        let mut found: BTreeMap<Timestamp, Bar> = BTreeMap::new();
        if timeframe == lane.base {
            let candles = self.source.closed_by(index, before, bars).into_iter();
            return candles.map(|candle| lane.bar(timeframe, candle, true)).collect();
        }
        for Aggregate { candle, complete } in self.aggregated(index, timeframe, before, bars) {
            found.insert(candle.open_time, lane.bar(timeframe, candle, complete));
        }
        // Files know better than what is built; they are known up to the last price bar.
        let last_price =
            self.source.closed_by(index, before, 1).last().map(|last| last.close_time(lane.base));
        let known = last_price.or(self.source.first_open(index)).unwrap_or(before).min(before);
        for cursor in lane.coarser.iter().filter(|cursor| cursor.timeframe == timeframe) {
            for candle in cursor.closed_by(known).iter().rev().take(bars) {
                found.insert(candle.open_time, lane.bar(timeframe, *candle, true));
            }
        }
        let surplus = found.len().saturating_sub(bars);
        found.into_values().skip(surplus).collect()
    }

    /// At least the last `bars` aggregates, if there are so many.
    fn aggregated(&self, index: usize, target: Timeframe, before: Timestamp, bars: usize) -> Vec<Aggregate> {
        let base = self.lanes.get(index).map(|lane| lane.base);
        let Some(mut aggregator) = base.and_then(|base| Aggregator::try_new(base, target)) else {
            return Vec::new();
        };
        // One window more for the one that may still go on, and one for the first, which may be cut off.
        let parts = usize::try_from(aggregator.parts()).unwrap_or(usize::MAX);
        let count = bars.saturating_add(2).saturating_mul(parts);
        let candles = self.source.closed_by(index, before, count);
        let cut = candles.first().filter(|_| candles.len() == count);
        let cut = cut.map(|first| target.bar_start(first.open_time));
        let whole = candles.iter().filter(|candle| Some(target.bar_start(candle.open_time)) != cut);
        whole.flat_map(|candle| aggregator.push(candle, true)).flatten().collect()
    }

    fn lane(&self, symbol: &Symbol) -> Option<(usize, &Lane)> {
        let index = self.lanes.binary_search_by(|lane| lane.symbol.cmp(symbol)).ok()?;
        Some((index, self.lanes.get(index)?))
    }
}

impl Iterator for Feed {
    type Item = MarketStep;

    fn next(&mut self) -> Option<MarketStep> {
        self.next_step()
    }
}

impl Lane {
    fn bar(&self, timeframe: Timeframe, candle: Candle, complete: bool) -> Bar {
        Bar { symbol: self.symbol.clone(), timeframe, candle, complete }
    }

    /// Adds the coarser bars that are over at `at`, sorted by timeframe and time.
    fn close_coarser(&mut self, candle: &Candle, at: Timestamp, closed: &mut Vec<Bar>) {
        if self.coarser.is_empty() && self.aggregators.is_empty() {
            return;
        }
        let mut found: BTreeMap<(Timeframe, Timestamp), (Candle, bool)> = BTreeMap::new();
        for aggregator in &mut self.aggregators {
            for Aggregate { candle, complete } in aggregator.push(candle, true).into_iter().flatten() {
                found.insert((aggregator.target(), candle.open_time), (candle, complete));
            }
        }
        // Files know better than what is built, and are read after it to replace it.
        for cursor in &mut self.coarser {
            while let Some(candle) = cursor.take_until(at) {
                found.insert((cursor.timeframe, candle.open_time), (candle, true));
            }
        }
        closed.extend(
            found
                .into_iter()
                .map(|((timeframe, _), (candle, complete))| self.bar(timeframe, candle, complete)),
        );
    }
}

#[cfg(test)]
mod tests;
