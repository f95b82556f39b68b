//! The fast way through a market: from one bar that can matter to the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::look::Look;
use super::market::Market;
use super::play::Play;
use super::played::{BacktestError, Played};
use super::room::{QtySteps, Rooms};
use super::setup::Setup;
use super::signals::SignalTable;
use super::timeline::SignalCursor;
use super::waiting::{Searches, Waiting};
use crate::domain::ids::CycleId;
use crate::domain::instrument::Symbol;
use crate::domain::money::Price;
use crate::engine::cycle::Cycle;
use crate::engine::settings::SymbolScope;
use crate::signal::Gates;

/// Bars are looked through for prices in pieces of so many, so that a signal in between ends the search early; no bar
/// twice, as long as the prices stay the same.
const WINDOW: usize = 4_096;

/// What a play is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of the ledger.
    Ledger,
    /// The trades: a bar on which an entry could only be refused is passed over, and with it the decision to refuse it.
    Trades,
}

pub(super) fn play(market: &Market, setup: &Setup, span: (usize, usize)) -> Result<Played, BacktestError> {
    let signals = SignalTable::compute(market, setup, span)?;
    Ok(play_on(market, setup, span, (&signals, Extent::Ledger)))
}

/// Plays the steps of `span` on signals that were computed before. Gates, which no signal knows of, are left open.
pub fn play_on(
    market: &Market,
    setup: &Setup,
    span: (usize, usize),
    (signals, extent): (&SignalTable, Extent),
) -> Played {
    let mut play = Play::begin(market, setup, span);
    let mut teller = Teller::new(market, setup, signals, span);
    let mut searches = Searches::new(market);
    let qty_steps = QtySteps::of(market, setup);
    let mut waiting = Waiting::default();
    let mut step = span.0;
    while step < span.1 {
        let cycle = teller.cycle(&mut play, &waiting, step);
        play.account.step(&cycle);
        play.note(cycle.at);
        waiting = Waiting::of(market, &play.account, step);
        let rooms = (extent == Extent::Trades).then(|| Rooms::of(market, &play.account));
        let look = Look { market, waiting: &waiting, rooms: rooms.as_ref(), qty_steps: &qty_steps };
        let next = next_step(&look, (signals, &teller.cursor), &mut searches, (step, span.1));
        // What a grid answers inside a bar, it answers at the close of the bar before.
        let looks_back = (step + 2..span.1).contains(&next) && play.account.machine().answers_at_last_price();
        step = if looks_back { next - 1 } else { next };
    }
    play.finish()
}

/// The first step after `step` in which something can happen; `end` when there is none.
fn next_step(
    look: &Look<'_>,
    (signals, cursor): (&SignalTable, &SignalCursor),
    searches: &mut Searches,
    (step, end): (usize, usize),
) -> usize {
    let next = step + 1;
    let Look { market, waiting, .. } = *look;
    let next_at = market.at(next).unwrap_or_default();
    if waiting.is_pressing || signals.is_waiting(look, cursor, next_at) {
        return next;
    }
    // Nothing in between is looked at, so this is as far as one has to look.
    let end = waiting.due_at.map_or(end, |due| market.step_at(due).clamp(next, end));
    let mut from = next;
    while from < end {
        let to = if waiting.waits_for_prices() { (from + WINDOW).min(end) } else { end };
        let touched = waiting.first_touch(market, searches, from, to);
        let marked = signals.next_mark(look, cursor, (from, touched.unwrap_or(to)));
        if let Some(found) = marked.or(touched) {
            return found;
        }
        from = to;
    }
    end
}

/// Makes the cycles of single steps. A cycle tells only of the lanes that somebody looks at in it: those that are held,
/// that have orders, that a grid works on, or that a signal speaks of; where a lane was not told of for a while, its last bar is told first.
struct Teller<'a> {
    market: &'a Market,
    signals: &'a SignalTable,
    cursor: SignalCursor,
    prices: Arc<BTreeMap<Symbol, Price>>,
    /// The prices of the step before, which nobody looks at any more, and the lanes in which they are behind.
    spare: (Arc<BTreeMap<Symbol, Price>>, Vec<usize>),
    universe: Arc<Vec<Symbol>>,
    /// The lanes of grids.
    grids: Vec<usize>,
    /// By lane, how many bars the book has been told of; bars before the first step are none of its business.
    told: Vec<usize>,
}

impl<'a> Teller<'a> {
    fn new(market: &'a Market, setup: &Setup, signals: &'a SignalTable, span: (usize, usize)) -> Self {
        let before = span.0.checked_sub(1);
        let grids = setup.grid_bots().filter_map(|(_, bot, _)| match &bot.settings.symbol {
            SymbolScope::One(symbol) => market.place(symbol).map(|(place, _)| place),
            SymbolScope::Universe => None,
        });
        Self {
            market,
            signals,
            cursor: signals.cursor(),
            prices: Arc::default(),
            spare: (Arc::default(), Vec::new()),
            universe: Arc::new(market.symbols()),
            grids: grids.collect(),
            told: market.lanes.iter().map(|lane| before.map_or(0, |before| lane.count(before))).collect(),
        }
    }

    fn cycle(&mut self, play: &mut Play, waiting: &Waiting, step: usize) -> Cycle {
        self.signals.advance(&mut self.cursor, step);
        let (signals, spoken_of) = self.signals.live_at(self.market, &self.cursor, step);
        let places = self.places(waiting, spoken_of);
        self.catch_up(play, &places, step);
        let at = self.market.at(step).unwrap_or_default();
        Cycle {
            id: CycleId::at(at),
            at,
            step: Arc::new(self.market.step(step, places.into_iter())),
            prices: Arc::clone(&self.prices),
            signals,
            representatives: Arc::clone(&self.signals.representatives),
            timeframes: Arc::clone(&self.signals.timeframes),
            gates: Gates::OPEN,
            universe: Arc::clone(&self.universe),
            entries_enabled: true,
        }
    }

    /// The lanes that somebody looks at, in order.
    fn places(&self, waiting: &Waiting, spoken_of: Vec<usize>) -> Vec<usize> {
        if self.market.lanes.len() == 1 {
            return vec![0];
        }
        let mut places = spoken_of;
        places.extend(waiting.lanes());
        places.extend(&self.grids);
        places.sort_unstable();
        places.dedup();
        places
    }

    /// Tells of the last bars before `step`, for books value what they hold at the last price, also of a symbol that has
    /// no bar now; and brings the prices up to `step`.
    fn catch_up(&mut self, play: &mut Play, places: &[usize], step: usize) {
        // The one lane there is was told of whenever something could happen in it.
        let is_alone = self.market.lanes.len() == 1;
        let (mut next, behind) = std::mem::take(&mut self.spare);
        let prices = Arc::make_mut(&mut next);
        for symbol in behind.iter().filter_map(|place| Some(&self.market.lanes.get(*place)?.symbol)) {
            if let Some(price) = self.prices.get(symbol) {
                set_price(prices, symbol, *price);
            }
        }
        let mut untold = Vec::new();
        for place in places {
            let (Some(lane), Some(told)) = (self.market.lanes.get(*place), self.told.get_mut(*place)) else {
                continue;
            };
            let before = step.checked_sub(1).map_or(0, |before| lane.count(before));
            if let Some(bar) = before.checked_sub(1).filter(|_| before > *told && !is_alone) {
                untold.push((lane, bar));
            }
            let count = lane.count(step);
            *told = count.max(*told);
            let Some(price) = count.checked_sub(1).and_then(|bar| lane.columns.close(bar)) else { continue };
            set_price(prices, &lane.symbol, price);
        }
        self.spare = (std::mem::replace(&mut self.prices, next), places.to_vec());
        if let Some(before) = step.checked_sub(1).filter(|_| !untold.is_empty()) {
            play.account.mark(&self.market.bars(before, untold.into_iter()));
        }
    }
}

fn set_price(prices: &mut BTreeMap<Symbol, Price>, symbol: &Symbol, price: Price) {
    match prices.get_mut(symbol) {
        Some(known) => *known = price,
        None => drop(prices.insert(symbol.clone(), price)),
    }
}
