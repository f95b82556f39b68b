//! The signals of all bots' strategies over a whole market, computed at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::columns::{Columns, FloatColumns};
use super::look::Look;
use super::market::{Lane, Market};
use super::played::BacktestError;
use super::row::{Placed, Row};
use super::setup::{BotSetup, Setup};
use super::timeline::{Coming, SignalCursor, Timeline};
use crate::domain::ids::StrategyId;
use crate::domain::instrument::Symbol;
use crate::domain::market::Bar;
use crate::domain::money::Price;
use crate::domain::time::{Timeframe, Timestamp};
use crate::engine::settings::SymbolScope;
use crate::market::aggregate::{Aggregate, Aggregator};
use crate::signal::sample::Sample;
use crate::signal::{Confidence, Signal, SignalKey};
use crate::strategy::{BarColumns, Mark, SignalPlan, StrategyParams, marks, marks_of_all, needs_whole_bars};

/// See the module.
#[derive(Debug)]
pub struct SignalTable {
    /// Sorted by key.
    rows: Vec<Row>,
    timeline: Timeline,
    pub(super) representatives: Arc<BTreeMap<StrategyId, StrategyId>>,
    pub(super) timeframes: Arc<BTreeMap<StrategyId, BTreeMap<Symbol, Timeframe>>>,
}

impl SignalTable {
    /// Computes every distinct strategy once a symbol. Trading begins with the first step of `span`; earlier bars warm
    /// the indicators as a running daemon would.
    pub fn compute(market: &Market, setup: &Setup, span: (usize, usize)) -> Result<Self, BacktestError> {
        Self::assemble(market, setup, |lane, timeframe, params| {
            place(market, lane, timeframe, params, span).into()
        })
    }

    /// [`Self::compute`] with the marks of each distinct strategy and symbol from elsewhere.
    pub fn assemble(
        market: &Market,
        setup: &Setup,
        mut marks_of: impl FnMut(&Lane, Timeframe, &StrategyParams) -> Arc<[Placed]>,
    ) -> Result<Self, BacktestError> {
        let symbols = market.symbols();
        let mut plan = SignalPlan::default();
        let mut timeframes: BTreeMap<StrategyId, BTreeMap<Symbol, Timeframe>> = BTreeMap::new();
        for (_, strategy, bot, spec) in setup.signal_bots() {
            let timeframe = spec.timeframe.unwrap_or(market.timeframe);
            for symbol in scope(bot, &symbols) {
                if market.lane(symbol).is_none() {
                    let text = format!("the market has no {symbol}, which a bot names");
                    return Err(BacktestError::Unmet(text));
                }
                plan.add(strategy, spec, symbol, market.timeframe);
                timeframes.entry(strategy).or_default().insert(symbol.clone(), timeframe);
            }
        }
        let representatives = plan.representatives();
        let mut rows: BTreeMap<SignalKey, Row> = BTreeMap::new();
        for (id, strategy, bot, spec) in setup.signal_bots() {
            let representative = representatives.get(&strategy).copied().unwrap_or(strategy);
            let timeframe = spec.timeframe.unwrap_or(market.timeframe);
            for symbol in scope(bot, &symbols) {
                let key = SignalKey { strategy: representative, symbol: symbol.clone(), timeframe };
                let Some((place, lane)) = market.place(symbol) else { continue };
                if !rows.contains_key(&key) {
                    let marks = marks_of(lane, timeframe, &spec.params);
                    let lifetime_bars = spec.params.signal_ttl_bars();
                    let row =
                        Row { key: key.clone(), lane: place, lifetime_bars, marks, followers: Vec::new() };
                    rows.insert(key.clone(), row);
                }
                if let Some(row) = rows.get_mut(&key) {
                    row.followers.push(id);
                }
            }
        }
        let rows: Vec<Row> = rows.into_values().collect();
        Ok(Self {
            timeline: Timeline::of(&rows),
            rows,
            representatives: Arc::new(representatives),
            timeframes: Arc::new(timeframes),
        })
    }

    /// In front of all marks.
    pub(super) fn cursor(&self) -> SignalCursor {
        Timeline::cursor(&self.rows)
    }

    /// Moves the cursor behind all marks of `step` and before.
    pub(super) fn advance(&self, cursor: &mut SignalCursor, step: usize) {
        self.timeline.advance(cursor, step);
    }

    /// What an analyst would still have to say at `step`, where the cursor stands: of each key the last signal, until it
    /// is stale; each with the place of its lane.
    pub(super) fn live_at(
        &self,
        market: &Market,
        cursor: &SignalCursor,
        step: usize,
    ) -> (Vec<Arc<Signal>>, Vec<usize>) {
        let at = market.at(step).unwrap_or_default();
        let live = cursor.last_told(&self.rows).filter_map(|(row, placed)| {
            let expires_at = row.expires(placed.bar_close_at);
            let is_new = placed.step == step;
            if !is_new && expires_at <= at {
                return None;
            }
            let lane = market.lanes.get(row.lane)?;
            let price = lane.columns.close(lane.count(step).checked_sub(1)?)?;
            Some((Arc::new(signal(row, placed, expires_at, price)), row.lane))
        });
        live.unzip()
    }

    /// Whether a signal that was told may still be acted on at `next_at`, the time of the next step.
    pub(super) fn is_waiting(&self, look: &Look<'_>, cursor: &SignalCursor, next_at: Timestamp) -> bool {
        cursor.last_told(&self.rows).any(|(row, placed)| {
            row.expires(placed.bar_close_at) > next_at
                && row.matters(&placed.mark, look.waiting, |bot| look.is_open(bot))
        })
    }

    /// The first step from `from`, which is behind the cursor, to before `end` with a signal that somebody would look at.
    pub(super) fn next_mark(
        &self,
        look: &Look<'_>,
        cursor: &SignalCursor,
        (from, end): (usize, usize),
    ) -> Option<usize> {
        let matters = |coming: &Coming| {
            coming.find(&self.rows).is_some_and(|(row, placed)| {
                let expires_at = row.expires(placed.bar_close_at);
                row.matters(&placed.mark, look.waiting, |bot| {
                    look.may_enter(bot, (row.lane, coming.step), expires_at)
                })
            })
        };
        self.timeline.ahead(cursor, (from, end)).find(matters).map(|coming| coming.step)
    }

    /// Every signal: its key, when it is told, the close of its bar, and what it asks for.
    pub fn all(&self) -> impl Iterator<Item = (&SignalKey, Timestamp, Timestamp, &Mark)> {
        self.rows.iter().flat_map(|row| {
            row.marks.iter().map(|placed| (&row.key, placed.told_at, placed.bar_close_at, &placed.mark))
        })
    }
}

fn scope<'a>(bot: &'a BotSetup, symbols: &'a [Symbol]) -> &'a [Symbol] {
    match &bot.settings.symbol {
        SymbolScope::One(symbol) => std::slice::from_ref(symbol),
        SymbolScope::Universe => symbols,
    }
}

/// A signal without its words: what it asks for is all that a machine looks at.
fn signal(row: &Row, placed: &Placed, expires_at: Timestamp, price: Price) -> Signal {
    Signal {
        key: row.key.clone(),
        bar_close_at: placed.bar_close_at,
        price,
        entry: placed.mark.entry,
        exit_long: placed.mark.exit_long,
        exit_short: placed.mark.exit_short,
        confidence: Confidence::new(1.0),
        reason: String::new(),
        conditions: Vec::new(),
        expires_at,
    }
}

/// What `params` say of a lane, from the first traded step on.
pub fn place(
    market: &Market,
    lane: &Lane,
    timeframe: Timeframe,
    params: &StrategyParams,
    span: (usize, usize),
) -> Vec<Placed> {
    let traded = span.0.checked_sub(1).map_or(0, |before| lane.count(before));
    let end = span.1.checked_sub(1).map_or(0, |last| lane.count(last));
    let history = usize::try_from(params.history_bars()).unwrap_or(usize::MAX);
    let whole = needs_whole_bars(params);
    if timeframe == market.timeframe {
        let first = traded.saturating_sub(history);
        let found = marks_of(params, &lane.columns.floats((first, end), whole));
        let placed = found.into_iter().filter(|mark| mark.bar + first >= traded).filter_map(|mark| {
            let bar_close_at = lane.columns.close_time(mark.bar + first)?;
            let step = market.step_of(lane, mark.bar + first)?;
            Some(Placed { step, told_at: bar_close_at, mark, bar_close_at })
        });
        return placed.collect();
    }
    let bars = coarser(&lane.columns, end, timeframe);
    let known = bars.partition_point(|(part, _)| *part < traded);
    let first = known.saturating_sub(history);
    let mut floats = FloatColumns::default();
    for (_, Aggregate { candle, complete }) in bars.iter().skip(first) {
        let symbol = lane.symbol.clone();
        floats.push(&Sample::of(&Bar { symbol, timeframe, candle: *candle, complete: *complete }));
    }
    let mut placed: Vec<Placed> = Vec::new();
    for mark in marks_of(params, &floats) {
        let Some((part, bar)) = bars.get(mark.bar + first).filter(|(part, _)| *part >= traded) else {
            continue;
        };
        let told = lane.columns.close_time(*part).zip(market.step_of(lane, *part));
        let Some((at, step)) = told else { continue };
        // Of two bars that come with one step, the later one counts.
        placed.pop_if(|last| last.step == step);
        placed.push(Placed { step, told_at: at, mark, bar_close_at: bar.candle.close_time(timeframe) });
    }
    placed
}

/// [`place`] of several parameter sets, which share what they need; `floats` are those of all the lane's bars.
pub fn place_all(
    market: &Market,
    lane: &Lane,
    floats: &FloatColumns,
    (timeframe, sets): (Timeframe, &[&StrategyParams]),
    span: (usize, usize),
) -> Vec<Arc<[Placed]>> {
    if timeframe != market.timeframe {
        return sets.iter().map(|params| place(market, lane, timeframe, params, span).into()).collect();
    }
    let traded = span.0.checked_sub(1).map_or(0, |before| lane.count(before));
    let end = span.1.checked_sub(1).map_or(0, |last| lane.count(last));
    let bars = BarColumns {
        high: floats.high.get(..end).unwrap_or_default(),
        low: floats.low.get(..end).unwrap_or_default(),
        close: floats.close.get(..end).unwrap_or_default(),
        volume: floats.volume.get(..end).unwrap_or_default(),
        complete: &[],
    };
    let starts: Vec<(&StrategyParams, usize)> = sets
        .iter()
        .map(|params| {
            let history = usize::try_from(params.history_bars()).unwrap_or(usize::MAX);
            (*params, traded.saturating_sub(history))
        })
        .collect();
    let found = marks_of_all(&starts, &bars);
    let placed = found.into_iter().map(|marks| {
        let told = marks.into_iter().filter(|mark| mark.bar >= traded).filter_map(|mark| {
            let bar_close_at = lane.columns.close_time(mark.bar)?;
            let step = market.step_of(lane, mark.bar)?;
            Some(Placed { step, told_at: bar_close_at, mark, bar_close_at })
        });
        told.collect()
    });
    placed.collect()
}

fn marks_of(params: &StrategyParams, floats: &FloatColumns) -> Vec<Mark> {
    let FloatColumns { high, low, close, volume, complete } = floats;
    marks(params, &BarColumns { high, low, close, volume, complete })
}

/// Bars of `timeframe` built from the first `end` bars, each with the bar that brings it.
fn coarser(columns: &Columns, end: usize, timeframe: Timeframe) -> Vec<(usize, Aggregate)> {
    let Some(mut aggregator) = Aggregator::try_new(columns.timeframe, timeframe) else { return Vec::new() };
    let mut bars = Vec::new();
    for (part, candle) in columns.candles(0, end).enumerate() {
        bars.extend(aggregator.push(&candle, true).into_iter().flatten().map(|bar| (part, bar)));
    }
    bars
}
