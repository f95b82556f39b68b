//! The market's side of a cycle: universe, gates and signals, computed once and shared by all accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;

use super::desk::MarketView;
use super::pace::MarketId;
use super::roster::Roster;
use crate::config::Config;
use crate::domain::ids::{CycleId, StrategyId};
use crate::domain::instrument::Symbol;
use crate::domain::market::MarketStep;
use crate::domain::money::Price;
use crate::domain::time::{Timeframe, Timestamp};
use crate::engine::cycle::Cycle;
use crate::engine::settings::SymbolScope;
use crate::signal::gates::RegimeGate;
use crate::signal::universe::Universe;
use crate::signal::{Signal, SignalKey};
use crate::store::market_log::SeenPrice;
use crate::strategy::{SignalBoard, SignalPlan, StrategySpec};

pub struct Analyst {
    /// Of strategies that name none; `None`: the feed's finest.
    timeframe: Option<Timeframe>,
    /// What the gates go by; none where they are off.
    anchors: Vec<Symbol>,
    /// `None`: the bars that prices are read from.
    gate_timeframe: Option<Timeframe>,
    gate_bars: usize,
    /// Anchors whose past the gates know.
    warmed: BTreeSet<Symbol>,
    entries_enabled: bool,
    board: SignalBoard,
    universe: Universe,
    gate: RegimeGate,
    named: BTreeSet<Symbol>,
    prices: Arc<BTreeMap<Symbol, Price>>,
    /// When each price was seen: one of a symbol that is no longer followed grows old.
    seen: BTreeMap<Symbol, Timestamp>,
    representatives: Arc<BTreeMap<StrategyId, StrategyId>>,
    timeframes: Arc<BTreeMap<StrategyId, BTreeMap<Symbol, Timeframe>>>,
    /// Actionable signals that have not expired.
    live: BTreeMap<SignalKey, Arc<Signal>>,
    /// Actionable signals since they were last taken to be kept.
    fresh: Vec<Arc<Signal>>,
    /// The last moment seen.
    at: Option<Timestamp>,
}

impl Analyst {
    pub fn new(config: &Config) -> Self {
        let gates = config.gates.clone();
        Self {
            timeframe: config.timeframe,
            anchors: if gates.enabled { gates.anchors.clone() } else { Vec::new() },
            gate_timeframe: gates.timeframe,
            gate_bars: gates.history_bars() as usize,
            warmed: BTreeSet::new(),
            entries_enabled: config.engine.enabled,
            board: SignalBoard::new(&SignalPlan::default()),
            universe: Universe::new(config.universe.clone()),
            gate: RegimeGate::new(gates),
            named: BTreeSet::new(),
            prices: Arc::default(),
            seen: BTreeMap::new(),
            representatives: Arc::default(),
            timeframes: Arc::default(),
            live: BTreeMap::new(),
            fresh: Vec::new(),
            at: None,
        }
    }

    /// Where prices are read more often than bars close: the gates go by closed bars of `base` at least.
    pub fn live(config: &Config, base: Timeframe) -> Self {
        let mut config = config.clone();
        config.gates.timeframe.get_or_insert(base);
        Self::new(&config)
    }

    /// Computes what the roster's bots follow from now on; what is new is warmed up from the market's
    /// history. Returns what the market cannot give, in words.
    pub fn plan(&mut self, roster: &Roster, market: MarketId, view: &mut dyn MarketView) -> Vec<String> {
        self.named = roster.follows.named_symbols(market);
        let mut missing = Vec::new();
        let mut wanted = self.wanted(roster, market, view, &mut missing);
        wanted.retain(|(_, spec, symbol, timeframe)| {
            view.is_ready(symbol, spec.timeframe.unwrap_or(*timeframe))
        });
        let needed = self.needed(&wanted, view);
        missing.extend(view.unmet(&needed));
        let is_unknown = |symbol: &&Symbol| view.base_timeframe(symbol).is_none();
        let unknown = roster.follows.priced_symbols(market).into_iter().filter(is_unknown);
        missing.extend(unknown.map(|symbol| format!("the market has no {symbol}, which a bot names")));
        view.subscribe(&needed);
        self.take_plan(&wanted, view);
        self.warm_gates(view);
        missing.dedup();
        missing
    }

    /// The series that [`Self::plan`] will ask the view for, and with how much history each begins.
    pub fn series(
        &mut self,
        roster: &Roster,
        market: MarketId,
        view: &dyn MarketView,
    ) -> BTreeMap<(Symbol, Timeframe), usize> {
        let wanted = self.wanted(roster, market, view, &mut Vec::new());
        let mut series: BTreeMap<_, usize> =
            self.needed(&wanted, view).into_iter().map(|series| (series, 0)).collect();
        // A grid looks at no candles, but its symbol must have a price; so must whatever is held.
        for symbol in roster.follows.priced_symbols(market) {
            if let Some(base) = view.base_timeframe(symbol) {
                series.entry((symbol.clone(), base)).or_default();
            }
        }
        for (_, spec, symbol, timeframe) in &wanted {
            let bars = spec.params.history_bars() as usize;
            let most = series.entry((symbol.clone(), spec.timeframe.unwrap_or(*timeframe))).or_default();
            *most = bars.max(*most);
        }
        let gates = if wanted.is_empty() { Vec::new() } else { self.gate_series(view) };
        for gate in gates {
            let most = series.entry(gate).or_default();
            *most = self.gate_bars.max(*most);
        }
        series
    }

    /// The series that the gates go by.
    fn gate_series(&self, view: &dyn MarketView) -> Vec<(Symbol, Timeframe)> {
        let series = |symbol: &Symbol| {
            let base = view.base_timeframe(symbol)?;
            Some((symbol.clone(), self.gate_timeframe.unwrap_or(base)))
        };
        self.anchors.iter().filter_map(series).collect()
    }

    /// Lets the gates know what was before.
    fn warm_gates(&mut self, view: &dyn MarketView) {
        let Some(at) = self.at else { return };
        for (symbol, timeframe) in self.gate_series(view) {
            if !self.warmed.contains(&symbol) && view.is_ready(&symbol, timeframe) {
                self.gate.warm(&view.history(&symbol, timeframe, at, self.gate_bars));
                self.warmed.insert(symbol);
            }
        }
    }

    /// The symbols of the universe, by the exchange's own volumes.
    pub fn tell_volumes(
        &mut self,
        volumes: BTreeMap<Symbol, Decimal>,
        named: &BTreeSet<Symbol>,
    ) -> Arc<Vec<Symbol>> {
        self.universe.tell(volumes, named)
    }

    fn wanted<'a>(
        &self,
        roster: &'a Roster,
        market: MarketId,
        view: &dyn MarketView,
        missing: &mut Vec<String>,
    ) -> Vec<Wanted<'a>> {
        let mut wanted = Vec::new();
        for (strategy, scope) in roster.follows.wishes(market) {
            let Some(spec) = roster.specs.get(strategy) else { continue };
            for symbol in symbols_of(scope, view) {
                match view.base_timeframe(&symbol) {
                    Some(base) => wanted.push((*strategy, spec, symbol, self.timeframe.unwrap_or(base))),
                    None => missing.push(format!("the market has no {symbol}, which a bot names")),
                }
            }
        }
        wanted
    }

    fn needed(&self, wanted: &[Wanted<'_>], view: &dyn MarketView) -> BTreeSet<(Symbol, Timeframe)> {
        let mut needed = needed_bars(wanted);
        if self.gate_timeframe.is_some() {
            needed.extend(self.gate_series(view));
        }
        needed
    }

    fn take_plan(&mut self, wanted: &[Wanted<'_>], view: &dyn MarketView) {
        let mut plan = SignalPlan::default();
        for (strategy, spec, symbol, timeframe) in wanted {
            plan.add(*strategy, spec, symbol, *timeframe);
        }
        let added = self.board.set_plan(&plan);
        if let Some(at) = self.at {
            let history: BTreeMap<_, _> =
                self.board.keys().into_iter().map(|(key, _, bars)| (key, bars)).collect();
            for key in added {
                let bars = history.get(&key).map_or(0, |bars| *bars as usize);
                self.board.warm(&key, &view.history(&key.symbol, key.timeframe, at, bars));
            }
        }
        let mut timeframes: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (strategy, spec, symbol, base) in wanted {
            timeframes.entry(*strategy).or_default().insert(symbol.clone(), spec.timeframe.unwrap_or(*base));
        }
        self.timeframes = Arc::new(timeframes);
        let strategies = wanted.iter().map(|(strategy, ..)| *strategy);
        self.representatives = Arc::new(strategies.map(|id| (id, self.board.representative(id))).collect());
    }

    /// From when on history counts as known; a live market begins now, not with its first step.
    pub fn begin(&mut self, at: Timestamp) {
        self.at.get_or_insert(at);
    }

    /// Whether anybody may open anything from the next cycle on.
    pub const fn allow_entries(&mut self, is_allowed: bool) {
        self.entries_enabled = is_allowed;
    }

    /// Takes in one step of the market and says what it means.
    pub fn observe(&mut self, step: MarketStep) -> Arc<Cycle> {
        let at = step.at;
        self.at = Some(at);
        let prices = Arc::make_mut(&mut self.prices);
        for bar in &step.price_bars {
            match prices.get_mut(&bar.symbol) {
                Some(price) => *price = bar.candle.close,
                None => drop(prices.insert(bar.symbol.clone(), bar.candle.close)),
            }
            match self.seen.get_mut(&bar.symbol) {
                Some(seen) => *seen = at,
                None => drop(self.seen.insert(bar.symbol.clone(), at)),
            }
        }
        let universe = self.universe.on_step(&step, &self.named);
        let gates = self.gate.on_step(&step);
        self.live.retain(|_, signal| signal.expires_at > at);
        for signal in self.board.on_step(&step) {
            self.live.insert(signal.key.clone(), Arc::clone(&signal));
            self.fresh.push(signal);
        }
        Arc::new(Cycle {
            id: CycleId::at(at),
            at,
            step: Arc::new(step),
            prices: Arc::clone(&self.prices),
            signals: self.live.values().cloned().collect(),
            representatives: Arc::clone(&self.representatives),
            timeframes: Arc::clone(&self.timeframes),
            gates,
            universe,
            entries_enabled: self.entries_enabled,
        })
    }

    /// Distinct computations so far.
    pub fn computed(&self) -> u64 {
        self.board.computed()
    }

    pub fn keys(&self) -> usize {
        self.board.keys().len()
    }

    /// The last prices, each with the time at which it was seen.
    pub fn prices(&self) -> Vec<SeenPrice> {
        let seen = |symbol: &Symbol| self.seen.get(symbol).copied();
        let price = |(symbol, price): (&Symbol, &Price)| {
            Some(SeenPrice { symbol: symbol.clone(), price: *price, at: seen(symbol)? })
        };
        self.prices.iter().filter_map(price).collect()
    }

    /// What is to be kept: the actionable signals since the last call, and the latest word on every key.
    pub fn take_signals(&mut self) -> Vec<Signal> {
        let mut signals: Vec<Signal> = self.fresh.drain(..).map(|signal| (*signal).clone()).collect();
        let latest = self.board.keys().into_iter().filter_map(|(key, _, _)| self.board.explain(&key));
        signals.extend(latest.filter(|signal| !signal.is_actionable()));
        signals
    }
}

/// One thing to compute.
type Wanted<'a> = (StrategyId, &'a StrategySpec, Symbol, Timeframe);

fn symbols_of(scope: &SymbolScope, view: &dyn MarketView) -> Vec<Symbol> {
    match scope {
        SymbolScope::One(symbol) => vec![symbol.clone()],
        SymbolScope::Universe => view.symbols(),
    }
}

fn needed_bars(wanted: &[Wanted<'_>]) -> BTreeSet<(Symbol, Timeframe)> {
    wanted
        .iter()
        .map(|(_, spec, symbol, timeframe)| (symbol.clone(), spec.timeframe.unwrap_or(*timeframe)))
        .collect()
}

#[cfg(test)]
mod tests;
