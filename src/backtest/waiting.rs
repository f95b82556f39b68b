//! What an account waits for between two steps.

use super::account::Account;
use super::columns::Columns;
use super::market::Market;
use crate::domain::ids::BotId;
use crate::domain::instrument::Symbol;
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
use crate::engine::watch::Watch;
use crate::matching::order::Reach;

/// Prices of one symbol that matter, as numbers of its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    low: i64,
    high: i64,
}

impl Bounds {
    const NONE: Self = Self { low: i64::MIN, high: i64::MAX };
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// The very next step matters, whatever it brings.
    pub(super) is_pressing: bool,
    /// The first step at or after it matters.
    pub(super) due_at: Option<Timestamp>,
    /// By lane.
    bounds: Vec<(usize, Bounds)>,
    /// What each bot holds, by lane.
    held: Vec<(BotId, usize, PositionSide)>,
}

/// By lane, how far its bars were looked through for which prices. Steps only go forward, so what was looked through
/// once holds as long as the prices are the same.
#[derive(Debug)]
pub(super) struct Searches(Vec<Search>);

#[derive(Debug, Clone, Copy)]
struct Search {
    bounds: Bounds,
    /// Bars before it were looked through.
    until: usize,
    /// The first of them that reaches a price.
    touched: Option<usize>,
}

impl Searches {
    pub(super) fn new(market: &Market) -> Self {
        Self(vec![Search { bounds: Bounds::NONE, until: 0, touched: None }; market.lanes.len()])
    }

    /// The first bar of a lane from `first` to before `end` that reaches a price.
    fn first_touch(
        &mut self,
        (place, columns): (usize, &Columns),
        (first, end): (usize, usize),
        bounds: Bounds,
    ) -> Option<usize> {
        let search = self.0.get_mut(place)?;
        if search.bounds != bounds || search.touched.is_some_and(|touched| touched < first) {
            *search = Search { bounds, until: first, touched: None };
        }
        if search.touched.is_none() && search.until < end {
            let from = search.until.max(first);
            search.touched = columns.first_touch((from, end), bounds.low, bounds.high);
            search.until = end;
        }
        search.touched.filter(|touched| *touched < end)
    }
}

impl Waiting {
    pub(super) fn of(market: &Market, account: &Account, step: usize) -> Self {
        let mut waiting = Self::default();
        waiting.for_orders(market, account);
        let now = market.at(step).unwrap_or_default();
        for watch in account.machine().watches() {
            if let Some(at) = watch.at {
                waiting.is_pressing |= at <= now;
                waiting.until(at);
            }
            waiting.for_watch(market, &watch, step);
        }
        waiting.for_liquidation(market, account);
        for held in account.machine().positions() {
            let position = held.position();
            if let Some((bot, (lane, _))) = position.bot.zip(market.place(&position.symbol)) {
                waiting.held.push((bot, lane, position.side));
            }
        }
        if let Some(at) = account.next_funding() {
            waiting.until(at);
        }
        waiting
    }

    fn until(&mut self, at: Timestamp) {
        self.due_at = Some(self.due_at.map_or(at, |known| known.min(at)));
    }

    fn bounds_of(&mut self, market: &Market, symbol: &Symbol) -> Option<(usize, &mut Bounds)> {
        let lane = market.lanes.binary_search_by(|lane| lane.symbol.cmp(symbol)).ok()?;
        let known = self.bounds.iter().position(|(known, _)| *known == lane);
        let place = known.unwrap_or(self.bounds.len());
        if known.is_none() {
            self.bounds.push((lane, Bounds::NONE));
        }
        self.bounds.get_mut(place).map(|(lane, bounds)| (*lane, bounds))
    }

    fn for_watch(&mut self, market: &Market, watch: &Watch, step: usize) {
        let Some((lane, bounds)) = self.bounds_of(market, &watch.symbol) else { return };
        let Some(lane) = market.lanes.get(lane) else { return };
        let low = watch.low.map_or(i64::MIN, |low| lane.columns.floor(low.decimal()));
        let high = watch.high.map_or(i64::MAX, |high| lane.columns.ceil(high.decimal()));
        bounds.low = bounds.low.max(low);
        bounds.high = bounds.high.min(high);
        // What stands at the last price is looked at with every step, also where the symbol has no bar.
        let close = lane.count(step).checked_sub(1).and_then(|bar| lane.columns.closes.get(bar));
        self.is_pressing |= close.is_some_and(|close| *close <= low || *close >= high);
    }

    /// Orders that rest, or fill at the next open.
    fn for_orders(&mut self, market: &Market, account: &Account) {
        for order in account.book().open_orders() {
            let Some((lane, bounds)) = self.bounds_of(market, &order.symbol) else { continue };
            let Some(columns) = market.lanes.get(lane).map(|lane| &lane.columns) else { continue };
            match order.reach() {
                // Whatever its next bar trades at.
                Reach::NextOpen => bounds.low = i64::MAX,
                Reach::AtOrBelow(level) => bounds.low = bounds.low.max(columns.floor(level.decimal())),
                Reach::AtOrAbove(level) => bounds.high = bounds.high.min(columns.ceil(level.decimal())),
            }
        }
    }

    fn for_liquidation(&mut self, market: &Market, account: &Account) {
        let Some(safe) = account.book().safe_prices() else {
            self.is_pressing = true;
            return;
        };
        for price in safe {
            let Some(bound) = price.bound else { continue };
            let Some((lane, bounds)) = self.bounds_of(market, &price.symbol) else { continue };
            let Some(columns) = market.lanes.get(lane).map(|lane| &lane.columns) else { continue };
            match price.side {
                PositionSide::Long => bounds.low = bounds.low.max(columns.ceil(bound)),
                PositionSide::Short => bounds.high = bounds.high.min(columns.floor(bound)),
            }
        }
    }

    /// On which side a bot holds a lane's symbol.
    pub(super) fn held(&self, bot: BotId, lane: usize) -> Option<PositionSide> {
        // The lookups are few: a bot holds little at once.
        self.held.iter().find(|held| (held.0, held.1) == (bot, lane)).map(|held| held.2)
    }

    /// The lanes on which something is held or ordered, each once.
    pub(super) fn lanes(&self) -> impl Iterator<Item = usize> {
        self.bounds.iter().map(|(lane, _)| *lane)
    }

    pub(super) fn waits_for_prices(&self) -> bool {
        !self.bounds.is_empty()
    }

    /// The first of the steps from `from` to before `end` that brings a price that is waited for.
    pub(super) fn first_touch(
        &self,
        market: &Market,
        searches: &mut Searches,
        from: usize,
        end: usize,
    ) -> Option<usize> {
        let mut found: Option<usize> = None;
        for (index, bounds) in &self.bounds {
            let end = found.map_or(end, |found| found.min(end));
            let Some(last) = end.checked_sub(1).filter(|last| *last >= from) else { continue };
            let Some(lane) = market.lanes.get(*index) else { continue };
            let first = from.checked_sub(1).map_or(0, |before| lane.count(before));
            let bars = (first, lane.count(last));
            let touched = searches.first_touch((*index, &lane.columns), bars, *bounds);
            let step = touched.and_then(|bar| market.step_of(lane, bar));
            found = step.or(found);
        }
        found
    }
}
