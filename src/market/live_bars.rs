//! Candles as an exchange streams them, made into the steps of a cycle. Pure: the caller fetches what is missing.
//!
//! Invariants: a series' closed bars are handed out in order, each once, without holes (where nothing was traded the
//! last price stands); a series whose stream was interrupted hands out nothing until its gap has been fetched; what
//! was fetched as history is never handed out as news.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rust_decimal::Decimal;

use super::price_range::PriceRange;
use crate::domain::candle::Candle;
use crate::domain::instrument::Symbol;
use crate::domain::market::{Bar, MarketStep};
use crate::domain::money::Price;
use crate::domain::time::{DurationMs, Timeframe, Timestamp};

/// Closed candles kept of a series at least.
const KEPT_LEAST: usize = 2_000;

/// Between two questions for a candle that nobody streams and that is over.
const POLL_PAUSE: DurationMs = DurationMs::from_secs(15);
/// An exchange that has not told it after this has none: nothing was traded.
const POLL_PATIENCE: DurationMs = DurationMs::from_secs(600);

/// A symbol's candles of one length.
pub type Series = (Symbol, Timeframe);

/// What must be fetched before a series goes on: closed candles from `from` on, or any history when it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub series: Series,
    pub from: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Track {
    closed: VecDeque<Candle>,
    /// Heard and not over yet.
    running: Option<Candle>,
    /// Heard as closed while the series was not current.
    early: BTreeMap<Timestamp, Candle>,
    /// Closed since the last step.
    fresh: Vec<Candle>,
    /// Nothing is missing between the last closed candle and now.
    is_current: bool,
    /// When a candle that nobody streams was asked for last.
    polled_at: Option<Timestamp>,
    /// When its stream was heard last, be it with nothing to tell; `None`: that is not followed.
    heard_at: Option<Timestamp>,
    /// Closed candles that are kept, beside [`KEPT_LEAST`].
    kept: usize,
}

#[derive(Debug)]
pub struct LiveBars {
    /// The timeframe that prices are read from.
    base: Timeframe,
    /// A candle that nothing has closed for so long after its end is over all the same.
    grace: DurationMs,
    /// Lengths that are not streamed: each candle is asked for when it is over.
    polled: BTreeSet<Timeframe>,
    tracks: BTreeMap<Series, Track>,
    prices: BTreeMap<Symbol, PriceRange>,
    last_step: Option<Timestamp>,
}

impl LiveBars {
    pub const fn new(base: Timeframe, grace: DurationMs) -> Self {
        Self {
            base,
            grace,
            polled: BTreeSet::new(),
            tracks: BTreeMap::new(),
            prices: BTreeMap::new(),
            last_step: None,
        }
    }

    /// Candles of these lengths are never heard: they are [`Self::missing`] as soon as they are over.
    #[must_use]
    pub fn polling(self, polled: BTreeSet<Timeframe>) -> Self {
        Self { polled, ..self }
    }

    pub const fn base(&self) -> Timeframe {
        self.base
    }

    /// Sets which series are followed; what is no longer among them is forgotten.
    pub fn follow(&mut self, wanted: &BTreeSet<Series>) {
        self.tracks.retain(|series, _| wanted.contains(series));
        for series in wanted {
            self.tracks.entry(series.clone()).or_default();
        }
        let symbols: BTreeSet<&Symbol> = wanted.iter().map(|(symbol, _)| symbol).collect();
        self.prices.retain(|symbol, _| symbols.contains(symbol));
    }

    pub fn series(&self) -> BTreeSet<Series> {
        self.tracks.keys().cloned().collect()
    }

    /// Keeps so many closed bars of a series.
    pub fn keep(&mut self, series: &Series, bars: usize) {
        if let Some(track) = self.tracks.get_mut(series) {
            track.kept = bars;
        }
    }

    /// Whether the series has its history.
    pub fn is_loaded(&self, series: &Series) -> bool {
        self.tracks.get(series).is_some_and(|track| !track.closed.is_empty())
    }

    /// The streams of these series were heard at that time: what they have not told of before is not to come.
    pub fn alive(&mut self, series: &BTreeSet<Series>, heard_at: Timestamp) {
        for (_, track) in self.tracks.iter_mut().filter(|(key, _)| series.contains(key)) {
            track.heard_at = Some(heard_at);
        }
    }

    /// The stream of these series was interrupted.
    pub fn interrupted(&mut self, series: &BTreeSet<Series>) {
        for (key, track) in &mut self.tracks {
            if series.contains(key) {
                track.is_current = false;
            }
        }
    }

    /// What must be fetched.
    pub fn missing(&self) -> Vec<Missing> {
        let stale = self.tracks.iter().filter(|(_, track)| !track.is_current);
        let missing = stale.map(|(series, track)| Missing {
            series: series.clone(),
            from: track.closed.back().map(|last| last.close_time(series.1)),
        });
        missing.collect()
    }

    /// Takes in closed candles that were fetched at `at`: the whole of what was [`Self::missing`], oldest first.
    /// Fetched history warms up and is no news; what fills a gap is.
    pub fn fetched(&mut self, series: &Series, candles: &[Candle], at: Timestamp) {
        let Some(track) = self.tracks.get_mut(series) else { return };
        let is_history = track.closed.is_empty();
        let early = std::mem::take(&mut track.early);
        for candle in candles.iter().chain(early.values()) {
            track.close(series.1, *candle);
        }
        // The bar that is going on now may not be over; all before it are.
        let current = series.1.bar_start(at);
        if !self.polled.contains(&series.1) {
            track.stand_still_until(series.1, current);
        }
        track.running = track.running.take().filter(|running| running.open_time >= current);
        if is_history {
            track.fresh.clear();
        }
        track.is_current = true;
        if let (Some(last), true) = (track.closed.back(), series.1 == self.base) {
            self.prices.entry(series.0.clone()).or_insert_with(|| PriceRange::at(last.close));
        }
    }

    /// Takes in a candle as it stands.
    pub fn heard(&mut self, series: &Series, candle: Candle, is_closed: bool) {
        let Some(track) = self.tracks.get_mut(series) else { return };
        if series.1 == self.base {
            let range = self.prices.entry(series.0.clone()).or_insert_with(|| PriceRange::at(candle.close));
            range.heard(&candle);
        }
        if track.closed.back().is_some_and(|last| candle.open_time <= last.open_time) {
            return;
        }
        if !track.is_current {
            if is_closed {
                track.early.insert(candle.open_time, candle);
            } else {
                track.running = Some(candle);
            }
            return;
        }
        if let Some(running) = track.running.take_if(|running| running.open_time < candle.open_time) {
            track.close(series.1, running);
        }
        track.stand_still_until(series.1, candle.open_time);
        if is_closed {
            track.running = None;
            track.close(series.1, candle);
        } else {
            track.running = Some(candle);
        }
    }

    /// Whether bars have closed since the last step.
    pub fn has_news(&self) -> bool {
        self.tracks.values().any(|track| !track.fresh.is_empty())
    }

    /// Everything since the last step. Symbols whose price is not known yet are left out.
    pub fn step(&mut self, at: Timestamp) -> MarketStep {
        let mut closed_bars = Vec::new();
        for ((symbol, timeframe), track) in &mut self.tracks {
            if self.polled.contains(timeframe) {
                track.poll_overdue(*timeframe, at, self.grace);
            } else {
                track.close_overdue(*timeframe, at, self.grace);
            }
            let fresh = track.fresh.drain(..);
            closed_bars.extend(fresh.map(|candle| bar(symbol, *timeframe, candle)));
        }
        let since = self.last_step.replace(at).unwrap_or(at);
        let base = self.base;
        let price_bars = self.prices.iter_mut();
        let price_bars = price_bars.map(|(symbol, range)| bar(symbol, base, range.take(since))).collect();
        MarketStep { at, price_bars, closed_bars }
    }

    pub fn price(&self, symbol: &Symbol) -> Option<Price> {
        self.prices.get(symbol).map(PriceRange::last)
    }

    /// The last `bars` closed bars of a series that close by `before`, oldest first.
    pub fn history(&self, series: &Series, before: Timestamp, bars: usize) -> Vec<Bar> {
        let Some(track) = self.tracks.get(series) else { return Vec::new() };
        let closed: Vec<&Candle> =
            track.closed.iter().filter(|candle| candle.close_time(series.1) <= before).collect();
        let surplus = closed.len().saturating_sub(bars);
        closed.into_iter().skip(surplus).map(|candle| bar(&series.0, series.1, *candle)).collect()
    }
}

impl Track {
    /// Adds a closed candle; one that is not newer than the last changes nothing. Holes before it are filled.
    fn close(&mut self, timeframe: Timeframe, candle: Candle) {
        if self.closed.back().is_some_and(|last| candle.open_time <= last.open_time) {
            return;
        }
        self.stand_still_until(timeframe, candle.open_time);
        self.push(candle);
    }

    /// Where nothing was traded the price stood still.
    fn stand_still_until(&mut self, timeframe: Timeframe, until: Timestamp) {
        while let Some(last) = self.closed.back().copied() {
            let next = last.close_time(timeframe);
            if next >= until {
                return;
            }
            let running = self.running.take_if(|running| running.open_time == next);
            self.push(running.unwrap_or_else(|| still(next, last.close)));
        }
    }

    /// Ends the candles that nothing has ended; not those about which the stream may still have something to tell.
    fn close_overdue(&mut self, timeframe: Timeframe, at: Timestamp, grace: DurationMs) {
        if self.is_current {
            let over = at.minus(grace);
            let over = self.heard_at.map_or(over, |heard_at| over.min(heard_at));
            self.stand_still_until(timeframe, timeframe.bar_start(over));
        }
    }

    /// Asks for the next candle when it is over.
    fn poll_overdue(&mut self, timeframe: Timeframe, at: Timestamp, grace: DurationMs) {
        let Some(last) = self.closed.back().filter(|_| self.is_current) else { return };
        let over_at = last.close_time(timeframe).plus(timeframe.duration()).plus(grace);
        if at >= over_at.plus(POLL_PATIENCE) {
            self.stand_still_until(timeframe, timeframe.bar_start(at.minus(grace).minus(POLL_PATIENCE)));
        } else if at >= over_at && self.polled_at.is_none_or(|asked| at >= asked.plus(POLL_PAUSE)) {
            self.polled_at = Some(at);
            self.is_current = false;
        }
    }

    fn push(&mut self, candle: Candle) {
        if self.closed.len() >= KEPT_LEAST.max(self.kept) {
            self.closed.pop_front();
        }
        self.closed.push_back(candle);
        self.fresh.push(candle);
    }
}

fn still(open_time: Timestamp, price: Price) -> Candle {
    Candle { open_time, open: price, high: price, low: price, close: price, volume: Decimal::ZERO }
}

fn bar(symbol: &Symbol, timeframe: Timeframe, candle: Candle) -> Bar {
    Bar { symbol: symbol.clone(), timeframe, candle, complete: true }
}

#[cfg(test)]
mod tests;
