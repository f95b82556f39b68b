//! The signal board: every distinct (parameters, symbol, timeframe) computed exactly once per closed bar.
//!
//! Strategies with equal parameters share one computation under the lowest of their ids, so the cost does not depend
//! on how many bots, accounts or strategy names follow it. What nobody can act on stays in numbers; [`SignalBoard::explain`]
//! renders it when somebody asks. Invariant: a bar that is not newer than the last one of its key is ignored.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::evaluation::Evaluation;
use super::plan::SignalPlan;
use super::state::Strategy;
use super::{StrategyKind, StrategyParams};
use crate::domain::ids::StrategyId;
use crate::domain::instrument::Symbol;
use crate::domain::market::{Bar, MarketStep};
use crate::domain::money::Price;
use crate::domain::time::{DurationMs, Timeframe, Timestamp};
use crate::signal::sample::Sample;
use crate::signal::{Signal, SignalKey};

/// One distinct computation.
#[derive(Debug, Clone)]
struct Cell {
    key: SignalKey,
    params: StrategyParams,
    strategy: Strategy,
    last_open_at: Option<Timestamp>,
    latest: Option<Latest>,
}

#[derive(Debug, Clone, Copy)]
struct Latest {
    evaluation: Evaluation,
    bar_close_at: Timestamp,
    price: Price,
}

impl Cell {
    fn new(key: SignalKey, params: StrategyParams) -> Self {
        let strategy = Strategy::new(&params);
        Self { key, params, strategy, last_open_at: None, latest: None }
    }

    /// `None` for a bar that was seen before.
    fn push(&mut self, bar: &Bar, sample: &Sample) -> Option<Latest> {
        let open_at = bar.candle.open_time;
        if self.last_open_at.is_some_and(|last| open_at <= last) {
            return None;
        }
        self.last_open_at = Some(open_at);
        let evaluation = self.strategy.push_sample(sample);
        let latest = Latest { evaluation, bar_close_at: bar.close_time(), price: bar.candle.close };
        self.latest = Some(latest);
        Some(latest)
    }

    fn render(&self, latest: &Latest) -> Signal {
        let Latest { evaluation, bar_close_at, price } = latest;
        let conditions = self.strategy.conditions(evaluation);
        let reason = self.strategy.reason(evaluation, &conditions);
        let lifetime: DurationMs =
            self.key.timeframe.duration().times(i64::from(self.params.signal_ttl_bars()));
        Signal {
            key: self.key.clone(),
            bar_close_at: *bar_close_at,
            price: *price,
            entry: evaluation.entry,
            exit_long: evaluation.exit_long,
            exit_short: evaluation.exit_short,
            confidence: evaluation.confidence,
            reason,
            conditions,
            expires_at: bar_close_at.plus(lifetime),
        }
    }
}

type Cells = BTreeMap<Symbol, Vec<Cell>>;

/// Runs the strategies of a [`SignalPlan`] and remembers what each said last.
#[derive(Debug, Clone, Default)]
pub struct SignalBoard {
    /// By symbol, each list sorted by key.
    cells: Cells,
    representatives: BTreeMap<StrategyId, StrategyId>,
    computed: u64,
}

impl SignalBoard {
    /// Every key of a new board starts cold: see [`Self::keys`] and [`Self::warm`].
    pub fn new(plan: &SignalPlan) -> Self {
        let mut board = Self::default();
        board.set_plan(plan);
        board
    }

    /// Changes what is computed and keeps the states of what stays, also when another id represents it from now on.
    /// Returns the keys that are new, which have to be warmed.
    pub fn set_plan(&mut self, plan: &SignalPlan) -> Vec<SignalKey> {
        let mut kept: BTreeMap<(String, Symbol, Timeframe), Cell> = BTreeMap::new();
        for cell in std::mem::take(&mut self.cells).into_values().flatten() {
            kept.insert((cell.params.canonical(), cell.key.symbol.clone(), cell.key.timeframe), cell);
        }
        self.representatives = plan.representatives();
        let (params, wanted) = plan.parts();
        let mut added = Vec::new();
        for key in wanted {
            let key = self.represented(key);
            let Some(params) = params.get(&key.strategy) else { continue };
            let cells = self.cells.entry(key.symbol.clone()).or_default();
            let Err(place) = cells.binary_search_by(|cell| cell.key.cmp(&key)) else { continue };
            let same = (params.canonical(), key.symbol.clone(), key.timeframe);
            let cell = if let Some(cell) = kept.remove(&same) {
                Cell { key, ..cell }
            } else {
                added.push(key.clone());
                Cell::new(key, params.clone())
            };
            cells.insert(place, cell);
        }
        added.sort();
        added
    }

    /// Feeds a key with history, oldest bar first, in place of anything it saw before. Counts no computation and gives
    /// no signal. Bars of another symbol or timeframe are ignored, and so is a key that is not on the board.
    pub fn warm(&mut self, key: &SignalKey, bars: &[Bar]) {
        let key = self.represented(key);
        let Some(cell) = self.cell_mut(&key) else { return };
        *cell = Cell::new(key, cell.params.clone());
        let (symbol, timeframe) = (cell.key.symbol.clone(), cell.key.timeframe);
        for bar in bars.iter().filter(|bar| bar.symbol == symbol && bar.timeframe == timeframe) {
            cell.push(bar, &Sample::of(bar));
        }
    }

    /// The actionable signals of the bars that closed in this step, sorted by key.
    pub fn on_step(&mut self, step: &MarketStep) -> Vec<Arc<Signal>> {
        let mut signals = Vec::new();
        for bar in &step.closed_bars {
            let Some(cells) = self.cells.get_mut(&bar.symbol) else { continue };
            let sample = Sample::of(bar);
            for cell in cells.iter_mut().filter(|cell| cell.key.timeframe == bar.timeframe) {
                let Some(latest) = cell.push(bar, &sample) else { continue };
                self.computed += 1;
                if latest.evaluation.is_actionable() {
                    signals.push(Arc::new(cell.render(&latest)));
                }
            }
        }
        signals.sort_by(|a, b| a.key.cmp(&b.key));
        signals
    }

    /// What the key's last bar said, actionable or not, with every condition. `key` may carry the id of any strategy
    /// of the plan. `None` before the first bar.
    pub fn explain(&self, key: &SignalKey) -> Option<Signal> {
        let key = self.represented(key);
        let cells = self.cells.get(&key.symbol)?;
        let cell = cells.get(cells.binary_search_by(|cell| cell.key.cmp(&key)).ok()?)?;
        cell.latest.as_ref().map(|latest| cell.render(latest))
    }

    /// The id under which the signals of `strategy` are published; itself when it is not on the board.
    pub fn representative(&self, strategy: StrategyId) -> StrategyId {
        self.representatives.get(&strategy).copied().unwrap_or(strategy)
    }

    /// Every distinct computation with its kind and how much history it should be warmed with, in bars; sorted by key.
    pub fn keys(&self) -> Vec<(SignalKey, StrategyKind, u32)> {
        let cells = self.cells.values().flatten();
        let mut keys: Vec<_> =
            cells.map(|cell| (cell.key.clone(), cell.params.kind(), cell.params.history_bars())).collect();
        keys.sort();
        keys
    }

    /// Computations so far: one for each key and closed bar.
    pub const fn computed(&self) -> u64 {
        self.computed
    }

    fn represented(&self, key: &SignalKey) -> SignalKey {
        SignalKey { strategy: self.representative(key.strategy), ..key.clone() }
    }

    fn cell_mut(&mut self, key: &SignalKey) -> Option<&mut Cell> {
        let cells = self.cells.get_mut(&key.symbol)?;
        let place = cells.binary_search_by(|cell| cell.key.cmp(key)).ok()?;
        cells.get_mut(place)
    }
}

#[cfg(test)]
mod tests;
