//! The market of one exchange: what its candles were, and what they are being now.
//!
//! Bars come from a [`Feed`]; their times are shifted by a whole number of bars, so that the bar after the warm-up
//! is the one that is going on. Each bar is played as the parts that `path` cuts it into.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::path;
use crate::domain::candle::Candle;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::Price;
use crate::domain::time::{DurationMs, Timeframe, Timestamp};
use crate::market::feed::Feed;

/// Bars of history that are kept: more than any candle endpoint hands out at once.
const HISTORY_MAX: usize = 100_000;
/// What the 24 h figures look back on.
const DAY: DurationMs = DurationMs::from_secs(86_400);
/// A week begins on Monday; 1970-01-01 was a Thursday.
const WEEK: DurationMs = DurationMs::from_secs(7 * 86_400);
const WEEK_OFFSET: DurationMs = DurationMs::from_secs(4 * 86_400);

/// The market data of one exchange, before it is played.
pub struct MarketData {
    pub feed: Feed,
    /// Its symbols are those that the exchange lists; others of the feed are left out.
    pub instruments: BTreeMap<Symbol, Instrument>,
    /// Bars that are history when the exchange opens.
    pub warmup: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarketError {
    #[error("the market data holds no symbol that this exchange lists")]
    NoSymbols,
    #[error("{symbol} has {timeframe} candles, others have {base}: one exchange plays bars of one length")]
    MixedTimeframes { symbol: Symbol, timeframe: Timeframe, base: Timeframe },
    #[error("the market data ends within the warm-up of {0} bars")]
    TooShort(usize),
}

/// One symbol.
#[derive(Debug, Clone)]
struct Series {
    /// Closed bars, oldest first.
    history: Vec<Candle>,
    /// The bar that is going on, as far as it has come.
    running: Option<Candle>,
    /// What of it is still to come, the next part last.
    parts: Vec<Candle>,
    /// Of the part that was played last.
    last_volume: Decimal,
    tick: Price,
}

/// What one symbol did in one part of a bar.
#[derive(Debug, Clone)]
pub struct SymbolUpdate {
    pub symbol: Symbol,
    pub part: Candle,
    /// The base bar it belongs to, up to the end of the part.
    pub running: Candle,
    /// The part was the bar's last.
    pub closed: bool,
}

/// One part of a bar, of all symbols that have one.
#[derive(Debug, Clone)]
pub struct MarketUpdate {
    /// The end of the part.
    pub at: Timestamp,
    /// Sorted by symbol.
    pub symbols: Vec<SymbolUpdate>,
}

impl MarketUpdate {
    pub fn symbol(&self, symbol: &Symbol) -> Option<&SymbolUpdate> {
        let index = self.symbols.binary_search_by(|update| update.symbol.cmp(symbol)).ok()?;
        self.symbols.get(index)
    }
}

/// A candle as a client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CandleView {
    pub candle: Candle,
    /// The first moment after it.
    pub end: Timestamp,
    /// Quote currency traded, at the bars' mean prices.
    pub quote_volume: Decimal,
}

/// The last 24 hours of a symbol.
#[derive(Debug, Clone, Copy)]
pub struct DayFigures {
    pub open_time: Timestamp,
    pub open: Price,
    pub high: Price,
    pub low: Price,
    pub last: Price,
    pub volume: Decimal,
    pub quote_volume: Decimal,
}

/// See the module.
pub struct Market {
    feed: Feed,
    base: Timeframe,
    series: BTreeMap<Symbol, Series>,
    /// What is added to a bar's own time.
    shift: DurationMs,
    parts: u32,
    /// Start of the bar that is going on.
    bar_start: Timestamp,
    next_part: u32,
    ended: bool,
}

impl Market {
    /// Opens at `now`; a bar is played in `parts` parts.
    pub fn open(data: MarketData, now: Timestamp, parts: u32) -> Result<Self, MarketError> {
        let MarketData { feed, instruments, warmup } = data;
        let mut base = None;
        let mut series = BTreeMap::new();
        for symbol in feed.symbols() {
            let (Some(timeframe), Some(rules)) = (feed.base_timeframe(symbol), instruments.get(symbol))
            else {
                continue;
            };
            let base = *base.get_or_insert(timeframe);
            if base != timeframe {
                return Err(MarketError::MixedTimeframes { symbol: symbol.clone(), timeframe, base });
            }
            let one = Series {
                history: Vec::new(),
                running: None,
                parts: Vec::new(),
                last_volume: Decimal::ZERO,
                tick: rules.tick,
            };
            series.insert(symbol.clone(), one);
        }
        let base = base.ok_or(MarketError::NoSymbols)?;
        let bar_start = base.bar_start(now);
        let parts = parts.max(3);
        let shift = DurationMs::ZERO;
        let mut market = Self { feed, base, series, shift, parts, bar_start, next_part: 0, ended: false };
        market.warm_up(warmup)?;
        market.catch_up(now);
        Ok(market)
    }

    fn warm_up(&mut self, bars: usize) -> Result<(), MarketError> {
        let mut rows = Vec::with_capacity(bars);
        while rows.len() < bars {
            rows.push(self.feed.next_step().ok_or(MarketError::TooShort(bars))?);
        }
        let next = self.feed.peek_time().ok_or(MarketError::TooShort(bars))?;
        self.shift = self.bar_start.plus(self.base.duration()).since(next);
        for bar in rows.into_iter().flat_map(|row| row.price_bars) {
            if let Some(series) = self.series.get_mut(&bar.symbol) {
                let open_time = bar.candle.open_time.plus(self.shift);
                series.history.push(Candle { open_time, ..bar.candle });
            }
        }
        Ok(())
    }

    /// Plays what of the current bar is over already when the exchange opens in the middle of it.
    fn catch_up(&mut self, now: Timestamp) {
        while self.next_time().is_some_and(|at| at <= now) {
            if self.advance().is_none() {
                return;
            }
        }
    }

    pub const fn base(&self) -> Timeframe {
        self.base
    }

    pub fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.series.keys()
    }

    pub fn lists(&self, symbol: &Symbol) -> bool {
        self.series.contains_key(symbol)
    }

    /// When the next part is over; `None` once the data has ended.
    pub fn next_time(&self) -> Option<Timestamp> {
        let end = path::part_start(self.bar_start, self.base.duration(), self.next_part + 1, self.parts);
        (!self.ended).then_some(end)
    }

    /// Plays the next part; `None` once the data has ended: prices stay as they are.
    pub fn advance(&mut self) -> Option<MarketUpdate> {
        if self.next_part == 0 && !self.load_bar() {
            self.ended = true;
            return None;
        }
        let at = self.next_time()?;
        self.next_part += 1;
        let closed = self.next_part == self.parts;
        let mut symbols = Vec::with_capacity(self.series.len());
        for (symbol, series) in &mut self.series {
            let Some(part) = series.parts.pop() else { continue };
            let running = series.running.map_or(part, |running| merged(&running, &part));
            series.running = Some(running);
            series.last_volume = part.volume;
            symbols.push(SymbolUpdate { symbol: symbol.clone(), part, running, closed });
            if closed {
                series.close_bar();
            }
        }
        if closed {
            self.next_part = 0;
            self.bar_start = self.bar_start.plus(self.base.duration());
        }
        Some(MarketUpdate { at, symbols })
    }

    fn load_bar(&mut self) -> bool {
        let Some(next) = self.feed.peek_time() else { return false };
        let bar_end = self.bar_start.plus(self.base.duration());
        if next.plus(self.shift) > bar_end {
            // A gap of the tape: nothing trades in this bar.
            return true;
        }
        let Some(row) = self.feed.next_step() else { return false };
        for bar in row.price_bars {
            if let Some(series) = self.series.get_mut(&bar.symbol) {
                let candle = Candle { open_time: self.bar_start, ..bar.candle };
                series.parts = path::cut(&candle, self.base.duration(), self.parts, series.tick);
                series.parts.reverse();
            }
        }
        true
    }

    /// The last price.
    pub fn price(&self, symbol: &Symbol) -> Option<Price> {
        let series = self.series.get(symbol)?;
        series.running.as_ref().or(series.history.last()).map(|candle| candle.close)
    }

    /// Base currency traded in the part that was played last.
    pub fn last_volume(&self, symbol: &Symbol) -> Decimal {
        self.series.get(symbol).map_or(Decimal::ZERO, |series| series.last_volume)
    }

    /// Up to `limit` candles of `length` that open in `from..=to`, oldest first, the running one included: the last
    /// ones, or the first ones when only `from` is given. `None` for a length that the base bars do not add up to.
    pub fn candles(
        &self,
        symbol: &Symbol,
        length: DurationMs,
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        limit: usize,
    ) -> Option<Vec<CandleView>> {
        if length < self.base.duration() || length.ms() % self.base.duration().ms() != 0 {
            return None;
        }
        let series = self.series.get(symbol)?;
        let window = |candle: &Candle| window_start(candle.open_time, length);
        let first = series.history.partition_point(|candle| from.is_some_and(|from| window(candle) < from));
        let history = series.history.get(first..).unwrap_or_default();
        let wanted = |candle: &&Candle| {
            let start = window(candle);
            from.is_none_or(|from| start >= from) && to.is_none_or(|to| start <= to)
        };
        let bars = history.iter().chain(&series.running);
        let mut found: Vec<CandleView> = Vec::new();
        let mut add = |candle: &Candle| match found.last_mut() {
            Some(last) if last.candle.open_time == window(candle) => last.add(candle),
            _ => found.push(CandleView::new(candle, window(candle), length)),
        };
        let parts = usize::try_from(length.ms() / self.base.duration().ms()).unwrap_or(usize::MAX);
        if from.is_some() && to.is_none() {
            bars.filter(wanted).take(limit.saturating_mul(parts)).for_each(&mut add);
            found.truncate(limit);
            return Some(found);
        }
        let enough = limit.saturating_add(2).saturating_mul(parts);
        let mut last: Vec<&Candle> = bars.rev().skip_while(|candle| !wanted(candle)).take(enough).collect();
        last.reverse();
        last.into_iter().filter(wanted).for_each(&mut add);
        let surplus = found.len().saturating_sub(limit);
        found.drain(..surplus);
        Some(found)
    }

    /// The bar of `length` that is going on, or that ended last.
    pub fn running(&self, symbol: &Symbol, length: DurationMs) -> Option<CandleView> {
        self.candles(symbol, length, (None, None), 1)?.pop()
    }

    pub fn day(&self, symbol: &Symbol, now: Timestamp) -> Option<DayFigures> {
        let series = self.series.get(symbol)?;
        let since = now.minus(DAY);
        let first = series.history.partition_point(|candle| candle.open_time < since);
        let bars = series.history.get(first..).unwrap_or_default().iter().chain(&series.running);
        let mut bars = bars.map(|candle| CandleView::new(candle, candle.open_time, self.base.duration()));
        let start = bars.next()?;
        let mut figures = start;
        for bar in bars {
            figures.quote_volume += bar.quote_volume;
            figures.candle = merged(&figures.candle, &bar.candle);
        }
        let Candle { open_time, open, high, low, close, volume } = figures.candle;
        Some(DayFigures {
            open_time,
            open,
            high,
            low,
            last: close,
            volume,
            quote_volume: figures.quote_volume,
        })
    }
}

impl Series {
    fn close_bar(&mut self) {
        self.history.extend(self.running.take());
        if self.history.len() > HISTORY_MAX {
            self.history.drain(..HISTORY_MAX / 10);
        }
    }
}

impl CandleView {
    fn new(candle: &Candle, open_time: Timestamp, length: DurationMs) -> Self {
        Self {
            candle: Candle { open_time, ..*candle },
            end: open_time.plus(length),
            quote_volume: quote_volume(candle),
        }
    }

    fn add(&mut self, candle: &Candle) {
        self.candle = merged(&self.candle, candle);
        self.quote_volume += quote_volume(candle);
    }
}

fn quote_volume(candle: &Candle) -> Decimal {
    let mean = (candle.high.decimal() + candle.low.decimal()) / Decimal::TWO;
    candle.volume.checked_mul(mean).unwrap_or(Decimal::MAX).round_dp(8).normalize()
}

fn merged(one: &Candle, next: &Candle) -> Candle {
    Candle {
        open_time: one.open_time,
        open: one.open,
        high: one.high.max(next.high),
        low: one.low.min(next.low),
        close: next.close,
        volume: one.volume + next.volume,
    }
}

fn window_start(at: Timestamp, length: DurationMs) -> Timestamp {
    let offset = if length == WEEK { WEEK_OFFSET.ms() } else { 0 };
    let start = (at.ms() - offset).div_euclid(length.ms()) * length.ms() + offset;
    Timestamp::from_ms(start)
}

#[cfg(test)]
mod tests;
