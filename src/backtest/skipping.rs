//! The fast way through a market: from one bar that can matter to the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::driver::{BacktestError, Play, Played};
use super::market::Market;
use super::setup::Setup;
use super::signals::SignalTable;
use super::waiting::Waiting;
use crate::domain::ids::CycleId;
use crate::domain::instrument::Symbol;
use crate::domain::money::Price;
use crate::engine::cycle::Cycle;
use crate::signal::Gates;

/// Bars are looked through for prices in pieces of so many, so that a signal in between ends the search early.
const WINDOW: usize = 4_096;

pub(super) fn play(market: &Market, setup: &Setup, span: (usize, usize)) -> Result<Played, BacktestError> {
    let signals = SignalTable::compute(market, setup, span)?;
    Ok(play_on(market, setup, span, &signals))
}

/// Plays on signals that were computed before.
pub(super) fn play_on(market: &Market, setup: &Setup, span: (usize, usize), signals: &SignalTable) -> Played {
    let mut play = Play::begin(market, setup, span);
    let mut teller = Teller::new(market, signals);
    let mut step = span.0;
    let mut last = None;
    while step < span.1 {
        // Books value what they hold at the last price of each symbol, also of those that have no bar now.
        if market.lanes.len() > 1
            && let Some(before) = step.checked_sub(1).filter(|before| Some(*before) != last && step > span.0)
        {
            play.account.mark(&market.last_bars(last, before));
        }
        let cycle = teller.cycle(step);
        play.account.step(&cycle);
        play.note(cycle.at);
        last = Some(step);
        step = next_step(market, signals, &play, step, span.1);
    }
    play.finish()
}

/// The first step after `step` in which something can happen; `end` when there is none.
fn next_step(market: &Market, signals: &SignalTable, play: &Play, step: usize, end: usize) -> usize {
    let next = step + 1;
    let waiting = Waiting::of(market, &play.account, step);
    let next_at = market.at(next).unwrap_or_default();
    if waiting.is_pressing || signals.is_waiting(&waiting, step, next_at) {
        return next;
    }
    // Nothing in between is looked at, so this is as far as one has to look.
    let end = waiting.due_at.map_or(end, |due| market.step_at(due).clamp(next, end));
    let mut from = next;
    while from < end {
        let to = if waiting.waits_for_prices() { (from + WINDOW).min(end) } else { end };
        let marked = signals.next_mark(&waiting, from, to).unwrap_or(to);
        if let Some(touched) = waiting.first_touch(market, from, marked.saturating_add(1).min(end)) {
            return touched.min(marked);
        }
        if marked < to {
            return marked;
        }
        from = to;
    }
    end
}

/// Makes the cycles of single steps.
struct Teller<'a> {
    market: &'a Market,
    signals: &'a SignalTable,
    prices: Arc<BTreeMap<Symbol, Price>>,
    universe: Arc<Vec<Symbol>>,
}

impl<'a> Teller<'a> {
    fn new(market: &'a Market, signals: &'a SignalTable) -> Self {
        let universe = Arc::new(market.symbols());
        Self { market, signals, prices: Arc::default(), universe }
    }

    fn cycle(&mut self, step: usize) -> Cycle {
        let prices = Arc::make_mut(&mut self.prices);
        for lane in &self.market.lanes {
            let last = lane.count(step).checked_sub(1).and_then(|index| lane.columns.close(index));
            let Some(price) = last else { continue };
            match prices.get_mut(&lane.symbol) {
                Some(known) => *known = price,
                None => drop(prices.insert(lane.symbol.clone(), price)),
            }
        }
        let at = self.market.at(step).unwrap_or_default();
        Cycle {
            id: CycleId::at(at),
            at,
            step: Arc::new(self.market.step(step)),
            prices: Arc::clone(&self.prices),
            signals: self.signals.live_at(self.market, step),
            representatives: Arc::clone(&self.signals.representatives),
            timeframes: Arc::clone(&self.signals.timeframes),
            gates: Gates::OPEN,
            universe: Arc::clone(&self.universe),
            entries_enabled: true,
        }
    }
}
