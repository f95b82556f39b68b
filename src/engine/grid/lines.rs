//! What the lines of a working grid lack, and the orders that give it to them.
//!
//! A line that holds something closes it one line further on; a line that holds nothing opens at its price while the
//! market is beyond it; everything rests post-only. What was filled of an order that still rests is closed once the
//! market is nearer to the exit than to the entry. Less than the exchange takes is dust: it stays with its line and
//! goes with the next round.

use std::collections::BTreeMap;

use crate::domain::ids::BotId;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::{Leverage, Price, Qty, Quote};
use crate::domain::order::{Order, OrderKind, Purpose, TimeInForce};
use crate::domain::side::PositionSide;
use crate::engine::config::BotConfig;
use crate::engine::decision::Code;
use crate::engine::entries::{Funds, Obstacle};
use crate::engine::intent::Intent;
use crate::engine::machine::{AccountMachine, BotSymbol};
use crate::engine::turn::Record;
use crate::engine::watch::Watch;

use super::Direction;
use super::ladder::{Rung, is_sellable, rungs};
use super::plan::Plan;
use super::state::{GridMemory, GridState};

/// So many entries of a grid are under way at most; the next follow when these are answered. Placing a long ladder
/// thus never outlasts the time in which an order may still be sent.
const IN_FLIGHT_MAX: usize = 50;

/// An order that a line lacks.
#[derive(Debug, Clone, Copy)]
struct Lacking {
    rung: Rung,
    price: Price,
    qty: Qty,
}

#[derive(Debug, Default)]
struct Wants {
    cancels: Vec<Order>,
    exits: Vec<Lacking>,
    /// The nearest to the market first.
    entries: Vec<Lacking>,
}

impl Wants {
    const fn is_empty(&self) -> bool {
        self.cancels.is_empty() && self.exits.is_empty() && self.entries.is_empty()
    }
}

/// What one look at the lines is made with.
struct View<'a> {
    state: &'a GridState,
    memory: &'a GridMemory,
    plan: &'a Plan,
    instrument: &'a Instrument,
    price: Price,
    /// The sides that are held.
    held: Vec<PositionSide>,
    /// By line, and whether it is the exit.
    working: BTreeMap<(u16, bool), &'a Order>,
}

impl View<'_> {
    /// What all lines lack, but for those that are being bought in.
    fn wants(&self, direction: Direction) -> Wants {
        let buying_in = self.state.buying_in.map(|(first, last)| first.min(last)..=first.max(last));
        let mut wants = Wants::default();
        for rung in rungs(&self.plan.lines, direction, self.state.anchor) {
            if !buying_in.as_ref().is_some_and(|lines| lines.contains(&rung.line)) {
                self.look(rung, &mut wants);
            }
        }
        wants.entries.sort_by_key(|lacking| (lacking.price.decimal() - self.price.decimal()).abs());
        wants
    }

    fn look(&self, rung: Rung, wants: &mut Wants) {
        let (entry, exit) = (self.order(rung.line, false), self.order(rung.line, true));
        let lot = self.lot(rung);
        let is_against = self.is_against(rung);
        if let Some(entry) = entry.filter(|entry| is_against || self.is_spent(entry, lot, exit)) {
            wants.cancels.push(entry.clone());
        }
        match exit {
            Some(exit) => {
                let is_final_lot = entry.is_none() && exit.status.is_resting();
                if is_final_lot && exit.remaining_qty() != lot {
                    wants.cancels.push(exit.clone());
                }
            }
            None if is_sellable(lot, rung.exit, self.instrument, self.plan.terms.spot) => {
                let is_due =
                    entry.is_none_or(|entry| !entry.filled_qty.is_zero() && rung.is_past_middle(self.price));
                if is_due && !self.is_held_back(rung.line, true) {
                    let refusals = self.crossed(rung.line, true);
                    let price = rung.exit_price(self.instrument, self.plan.tick, self.price, refusals);
                    wants.exits.push(Lacking { rung, price, qty: lot });
                }
            }
            None => {
                let is_free = entry.is_none() && !is_against && !self.is_held_back(rung.line, false);
                if is_free && rung.can_rest(self.price) {
                    let price = rung.entry_price(self.plan.tick, self.crossed(rung.line, false));
                    wants.entries.push(Lacking { rung, price, qty: self.plan.qty_per_line });
                }
            }
        }
    }

    /// What was filled of it has been closed meanwhile: the line begins again with its whole quantity.
    fn is_spent(&self, entry: &Order, lot: Qty, exit: Option<&Order>) -> bool {
        let is_partial = entry.status.is_resting() && !entry.filled_qty.is_zero();
        is_partial && exit.is_none() && lot < self.instrument.min_qty
    }

    /// The price, on the rung's winning side, from which on [`Self::look`] may find that a line lacks what it does not
    /// lack now.
    fn turning_price(&self, rung: Rung) -> Option<Price> {
        let lot = self.lot(rung);
        let is_sellable = is_sellable(lot, rung.exit, self.instrument, self.plan.terms.spot);
        let is_against = self.is_against(rung);
        match (self.order(rung.line, false), self.order(rung.line, true)) {
            (Some(entry), None) if is_sellable && !entry.filled_qty.is_zero() => {
                Some(rung.middle().unwrap_or(rung.entry))
            }
            (None, None) if !is_sellable && !is_against && !rung.can_rest(self.price) => Some(rung.entry),
            (Some(_) | None, _) => None,
        }
    }

    /// What the line holds, as far as the exchange's step lets it be closed: that may be coarser than when it was opened.
    fn lot(&self, rung: Rung) -> Qty {
        self.instrument.floor_qty(self.state.lots.get(rung.side, rung.line).qty)
    }

    /// A grid opens nothing while it holds the other side.
    fn is_against(&self, rung: Rung) -> bool {
        self.held.contains(&rung.side.opposite())
    }

    fn order(&self, line: u16, is_exit: bool) -> Option<&Order> {
        self.working.get(&(line, is_exit)).copied()
    }

    fn is_held_back(&self, line: u16, is_exit: bool) -> bool {
        self.memory.held_back.contains(&(line, is_exit))
    }

    fn crossed(&self, line: u16, is_exit: bool) -> u8 {
        self.memory.crossed.get(&(line, is_exit)).copied().unwrap_or_default()
    }
}

impl AccountMachine {
    /// Gives the lines of a grid that has begun what they lack. Changes nothing where they lack nothing.
    pub(super) fn work_lines(&mut self, key: &BotSymbol) {
        let (Some(bot), Ok(price)) = (self.bot(key.0), self.price(&key.1)) else { return };
        let (Some(plan), Some(instrument)) = (self.plan_of(key.0), self.instrument(&key.1)) else { return };
        let Some(setup) = bot.grid.as_ref() else { return };
        if self.is_netted_in_doubt(key) {
            return;
        }
        let Some(view) = self.view(key, &plan, &instrument, price) else { return };
        let wants = view.wants(setup.config.direction);
        for order in wants.cancels {
            self.cancel(&order);
        }
        let leverage = self.grid_leverage(&bot);
        if !self.backs_off(key.0, true) {
            for lacking in wants.exits {
                self.intend_on_line(key, Purpose::GridExit, lacking, leverage, Quote::ZERO);
            }
        }
        if !self.backs_off(key.0, false) {
            self.buy_in(key, &bot, &plan, price, leverage);
            self.open_lines(key, &bot, wants.entries, leverage);
        }
    }

    /// Whether exits of both sides are lacking that cannot be reduce-only, and the exchange may have closed by force what
    /// was left of both: it is asked first.
    fn is_netted_in_doubt(&self, key: &BotSymbol) -> bool {
        let is_netted = self.held_by(key).any(|(held, _)| self.is_netted(held));
        is_netted && self.doubted.contains_key(&key.1)
    }

    fn view<'a>(
        &'a self,
        key: &'a BotSymbol,
        plan: &'a Plan,
        instrument: &'a Instrument,
        price: Price,
    ) -> Option<View<'a>> {
        Some(View {
            state: self.durable.grids.get(&key.0)?,
            memory: self.grid_memory.get(&key.0)?,
            plan,
            instrument,
            price,
            held: self.held_by(key).map(|(held, _)| held.side).collect(),
            working: self.line_orders(key.0, &key.1),
        })
    }

    /// Adds to `watch` the prices at which a line of a grid that has begun would lack something; where one lacks
    /// something already, or something was refused, the next cycle counts.
    pub(super) fn watch_lines(
        &self,
        key: &BotSymbol,
        bot: &BotConfig,
        (plan, instrument): (&Plan, &Instrument),
        price: Price,
        watch: &mut Watch,
    ) {
        let Some((view, setup)) = self.view(key, plan, instrument, price).zip(bot.grid.as_ref()) else {
            return;
        };
        let lacks = !view.wants(setup.config.direction).is_empty();
        if lacks || view.state.buying_in.is_some() || !view.memory.held_back.is_empty() {
            watch.until(self.now());
        }
        for rung in rungs(&plan.lines, setup.config.direction, view.state.anchor) {
            if let Some(price) = view.turning_price(rung) {
                watch.winning(rung.side, price);
            }
        }
    }

    /// The working orders on a grid's lines, by line and whether they close.
    pub(super) fn line_orders<'a>(
        &'a self,
        bot: BotId,
        symbol: &'a Symbol,
    ) -> BTreeMap<(u16, bool), &'a Order> {
        let on_line = |order: &'a Order| {
            let line = order.client_order_id.key()?.line()?;
            order.purpose.is_on_line().then_some(((line, order.purpose == Purpose::GridExit), order))
        };
        self.orders.of(bot, symbol).filter_map(on_line).collect()
    }

    fn open_lines(
        &mut self,
        key: &BotSymbol,
        bot: &BotConfig,
        mut entries: Vec<Lacking>,
        leverage: Leverage,
    ) {
        let in_flight = |order: &&Order| order.purpose == Purpose::GridEntry && order.status.is_in_flight();
        let under_way = self.orders.of(key.0, &key.1).filter(in_flight).count();
        for side in [PositionSide::Long, PositionSide::Short] {
            let is_on_side = |lacking: &Lacking| lacking.rung.side == side;
            if entries.iter().any(is_on_side)
                && let Some(obstacle) = self.grid_obstacle(key.0, &key.1, side)
            {
                self.explain_grid(key, obstacle);
                entries.retain(|lacking| !is_on_side(lacking));
            }
        }
        if entries.is_empty() {
            return;
        }
        let Funds { capital, mut used } = match self.funds(bot) {
            Ok(funds) => funds,
            Err(obstacle) => return self.explain_grid(key, obstacle),
        };
        for lacking in entries.into_iter().take(IN_FLIGHT_MAX.saturating_sub(under_way)) {
            let margin = lacking.price.notional(lacking.qty).margin_at(leverage);
            if used + margin > capital {
                let detail = format!(
                    "line {} needs margin {margin}, the grid uses {used} of its capital {capital}",
                    lacking.rung.line
                );
                self.explain_grid(key, (Code::CapitalExhausted, detail));
                return;
            }
            used += margin;
            self.intend_on_line(key, Purpose::GridEntry, lacking, leverage, margin);
        }
    }

    /// What a grid that has just begun lacks on the lines beyond the market, by one order at the market.
    fn buy_in(&mut self, key: &BotSymbol, bot: &BotConfig, plan: &Plan, price: Price, leverage: Leverage) {
        let Some((first, last)) = self.durable.grids.get(&key.0).and_then(|state| state.buying_in) else {
            return;
        };
        let is_under_way = self.orders.of(key.0, &key.1).any(|order| order.purpose == Purpose::GridBuyIn);
        if is_under_way {
            return;
        }
        let is_short = bot.grid.as_ref().is_some_and(|setup| setup.config.direction == Direction::Short);
        let side = if is_short { PositionSide::Short } else { PositionSide::Long };
        let state = self.grid_state(key.0);
        let lacking = (first.min(last)..=first.max(last))
            .map(|line| plan.qty_per_line.minus(state.lots.get(side, line).qty))
            .fold(Qty::ZERO, Qty::plus);
        if lacking.is_zero() {
            state.buying_in = None;
            self.turn.records.push(Record::StateChanged);
            return;
        }
        let obstacle = self.grid_obstacle(key.0, &key.1, side);
        let sized = match obstacle {
            Some(obstacle) => Err(obstacle),
            None => self.fit(bot, &key.1, price, lacking, leverage),
        };
        match sized {
            Ok(sized) => {
                self.intend(Intent {
                    bot: key.0,
                    symbol: key.1.clone(),
                    side,
                    purpose: Purpose::GridBuyIn,
                    kind: OrderKind::Market,
                    qty: sized.qty,
                    leverage,
                    margin: sized.margin,
                    attempt: 1,
                    line: Some(first),
                    signal_at: None,
                });
            }
            Err(obstacle) => self.explain_grid(key, obstacle),
        }
    }

    fn intend_on_line(
        &mut self,
        key: &BotSymbol,
        purpose: Purpose,
        lacking: Lacking,
        leverage: Leverage,
        margin: Quote,
    ) {
        self.intend(Intent {
            bot: key.0,
            symbol: key.1.clone(),
            side: lacking.rung.side,
            purpose,
            kind: OrderKind::Limit { price: lacking.price, time_in_force: TimeInForce::PostOnly },
            qty: lacking.qty,
            leverage,
            margin,
            attempt: 1,
            line: Some(lacking.rung.line),
            signal_at: None,
        });
    }

    /// What forbids a grid to open anything. Gates and cooldowns are about signals: a grid has none.
    pub(super) fn grid_obstacle(&self, bot: BotId, symbol: &Symbol, side: PositionSide) -> Option<Obstacle> {
        if !self.entries_enabled {
            return Some((Code::EngineOff, "engine.enabled is off in the configuration".to_owned()));
        }
        if side == PositionSide::Short && self.config.venue.spot {
            return Some((Code::NoShortsOnSpot, "a spot exchange has no short positions".to_owned()));
        }
        if let Some(why) = self.durable.blocked.get(symbol) {
            return Some((Code::SymbolBlocked, why.clone()));
        }
        self.netting(bot, symbol, side)
    }

    fn backs_off(&self, bot: BotId, is_exit: bool) -> bool {
        self.durable.grids.get(&bot).is_some_and(|state| {
            if is_exit { state.exits.waits(self.now) } else { state.entries.waits(self.now) }
        })
    }

    /// The least of what the grid was given and what the bot may use.
    fn grid_leverage(&self, bot: &BotConfig) -> Leverage {
        let own = bot.grid.as_ref().map_or(Leverage::ONE, |setup| setup.config.leverage);
        let least = own.min(self.leverage(bot));
        // What is filled binds margin at the position's leverage.
        let Some(key) = self.grid_key(bot.id) else { return least };
        self.held_by(&key).fold(least, |least, (_, held)| least.min(held.position().leverage))
    }
}
