//! Managing what is held: when a position leaves, and how. Without auto_exit nothing is closed except by a person's
//! word (halt with flatten, a bot's close request); what would have been done is reported instead.

use std::collections::BTreeMap;

use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty};
use crate::domain::order::{Order, OrderKind, Purpose};
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
use crate::signal::Signal;

use super::config::BotConfig;
use super::cycle::Cycle;
use super::decision::{Action, Code};
use super::intent::Intent;
use super::levels::{self, Levels};
use super::machine::{AccountMachine, BotSymbol, HeldKey};
use super::state::{Held, Leaving};
use super::turn::{NoticeKind, Record, Severity};

/// Attempts are numbered in 6 bits of the client order id.
const ATTEMPT_MAX: u8 = 63;

impl AccountMachine {
    /// Exits, protection and DCA of everything held.
    pub(super) fn manage_positions(&mut self, cycle: &Cycle) {
        let keys: Vec<HeldKey> = self.held.keys().cloned().collect();
        for key in keys {
            let Some(bot) = self.bot(key.bot) else {
                self.retry_if_leaving(&key);
                continue;
            };
            self.follow_peak(&key, &bot, cycle);
            // Whatever is decided from them, they stay: only fills and the peak move them.
            let Some(levels) = self.levels_of(&key, &bot) else { continue };
            self.manage(&key, &bot, cycle, &levels);
            self.sync_to_levels(&key, &levels);
        }
    }

    fn retry_if_leaving(&mut self, key: &HeldKey) {
        self.give_up_exit(key);
        if self.is_leaving(key) {
            self.retry_exit(key);
        }
    }

    fn manage(&mut self, key: &HeldKey, bot: &BotConfig, cycle: &Cycle, levels: &Levels) {
        self.give_up_exit(key);
        if self.is_leaving(key) {
            self.retry_exit(key);
            return;
        }
        if self.must_close(bot, &key.symbol) {
            self.leave(key, Code::Requested, Purpose::Flatten, "closed on request");
            return;
        }
        if bot.grid.is_some() {
            // What it holds, its lines sell.
            return;
        }
        self.watch_level(key, levels);
        let Some((code, detail)) = self.due_exit(key, bot, cycle, levels) else {
            if self.config.settings.dca_enabled && !self.is_beyond(key, levels) {
                self.consider_dca(key, bot, cycle);
            }
            return;
        };
        if self.config.settings.auto_exit {
            self.leave(key, code, Purpose::Exit, &detail);
        } else {
            self.report_exit(key, code, detail);
        }
    }

    /// Whether the price has reached a level: the order that rests there may have filled, unheard.
    fn is_beyond(&self, key: &HeldKey, levels: &Levels) -> bool {
        let has_passed = self.held.get(key).is_some_and(|held| held.holding.passed_since.is_some());
        has_passed || self.price(&key.symbol).is_ok_and(|price| levels.reached(price, key.side).is_some())
    }

    /// A person wants it closed: halt with flatten, the bot's close request, or the symbol's.
    pub(super) fn must_close(&self, bot: &BotConfig, symbol: &Symbol) -> bool {
        bot.close_requested || self.must_close_symbol(symbol)
    }

    fn must_close_symbol(&self, symbol: &Symbol) -> bool {
        self.config.close_symbols.contains_key(symbol)
            || self.config.halt.as_ref().is_some_and(|halt| halt.flatten)
    }

    /// Flattens at once what a person wants closed, without waiting for a price, and withdraws working entries. Done
    /// again each cycle: a request that failed is repeated.
    pub(super) fn obey_halt(&mut self) {
        let withdrawn: Vec<Order> =
            self.orders.working().filter(|order| self.is_unwanted(order)).cloned().collect();
        for order in withdrawn {
            self.cancel(&order);
        }
        let must_leave = |key: &&HeldKey| {
            let bot = self.config.bots.get(&key.bot);
            bot.is_some_and(|bot| bot.close_requested) || self.must_close_symbol(&key.symbol)
        };
        let keys: Vec<HeldKey> = self.held.keys().filter(must_leave).cloned().collect();
        let (leaving, staying): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| self.is_leaving(key));
        for key in leaving {
            self.hasten(&key);
        }
        self.leave_all(staying, Code::Requested, "closed on request");
    }

    /// A person's word does not wait for the end of a pause that an exit of our own began.
    fn hasten(&mut self, key: &HeldKey) {
        let exit = self.held.get_mut(key).and_then(|held| held.holding.exit.as_mut());
        if let Some(leaving) = exit.filter(|leaving| leaving.purpose != Purpose::Flatten) {
            leaving.purpose = Purpose::Flatten;
            leaving.retry_at = None;
            self.turn.records.push(Record::StateChanged);
        }
    }

    /// Whether an order would add to what a person wants halted, stopped or closed, or rests on a line of a grid that
    /// is, or that waits to begin anew.
    pub(super) fn is_unwanted(&self, order: &Order) -> bool {
        let bot = order.bot.and_then(|bot| self.config.bots.get(&bot));
        (order.purpose.increases() || order.purpose.is_on_line())
            && (self.config.halt.is_some()
                || self.config.close_symbols.contains_key(&order.symbol)
                || bot.is_none_or(|bot| !bot.is_running || bot.close_requested)
                || (order.purpose.is_on_line() && !self.has_begun(order)))
    }

    fn has_begun(&self, order: &Order) -> bool {
        let grid = order.bot.and_then(|bot| self.durable.grids.get(&bot));
        grid.is_some_and(|grid| grid.is_started)
    }

    /// Tells the store which close requests have been fulfilled.
    pub(super) fn finish_closing(&mut self) {
        let flat: Vec<_> = self
            .config
            .bots
            .values()
            .filter(|bot| bot.close_requested)
            .map(|bot| bot.id)
            .filter(|id| !self.held.keys().any(|held| held.bot == *id))
            .filter(|id| !self.orders.working().any(|order| order.bot == Some(*id)))
            .collect();
        self.finish_closing_symbols();
        for bot in flat {
            if let Some(config) = self.config.bots.get_mut(&bot) {
                std::sync::Arc::make_mut(config).close_requested = false;
            }
            self.turn.records.push(Record::BotClosed { bot });
        }
    }

    fn finish_closing_symbols(&mut self) {
        let is_flat = |symbol: &Symbol| {
            !self.held.keys().any(|held| held.symbol == *symbol)
                && !self.orders.working().any(|order| order.bot.is_some() && order.symbol == *symbol)
        };
        let (flat, held) = std::mem::take(&mut self.config.close_symbols)
            .into_iter()
            .partition(|(symbol, _): &(Symbol, Timestamp)| is_flat(symbol));
        self.config.close_symbols = held;
        let flat: BTreeMap<Symbol, Timestamp> = flat;
        for (symbol, asked_at) in flat {
            self.turn.records.push(Record::SymbolClosed { symbol, asked_at });
        }
    }

    /// An exit decided before auto_exit was switched off stays undone, unless it is on its way already.
    fn give_up_exit(&mut self, key: &HeldKey) {
        if self.config.settings.auto_exit || self.is_exiting(key) {
            return;
        }
        let Some(held) = self.held.get_mut(key) else { return };
        if held.holding.exit.is_some_and(|leaving| leaving.purpose == Purpose::Exit) {
            held.holding.exit = None;
            self.turn.records.push(Record::StateChanged);
        }
    }

    /// Whether a closing order is working.
    fn is_exiting(&self, key: &HeldKey) -> bool {
        self.orders.on(key).any(|order| matches!(order.purpose, Purpose::Exit | Purpose::Flatten))
    }

    pub(super) fn is_leaving(&self, key: &HeldKey) -> bool {
        self.held.get(key).is_some_and(|held| held.holding.exit.is_some())
    }

    fn follow_peak(&mut self, key: &HeldKey, bot: &BotConfig, cycle: &Cycle) {
        let Some(held) = self.held.get_mut(key) else { return };
        let Some(best) = best_price(held, cycle) else { return };
        let peak = levels::peak_after(held, bot, best);
        if peak != held.holding.peak {
            held.holding.peak = peak;
            self.turn.records.push(Record::StateChanged);
        }
    }

    /// The exit that is due now, unless a resting order at the exchange takes care of it.
    fn due_exit(
        &self,
        key: &HeldKey,
        bot: &BotConfig,
        cycle: &Cycle,
        levels: &Levels,
    ) -> Option<(Code, String)> {
        let held = self.held.get(key)?;
        let side = held.position().side;
        let price = self.price(&key.symbol).ok()?;
        if let Some((code, level)) = levels.reached(price, side) {
            if !self.rests(key, protecting(code)) {
                return Some((code, self.words.of(|| format!("price {price} has reached {level}"))));
            }
            if self.is_left_behind(held) {
                return Some((code, format!("price {price} is beyond {level} and its order does not fill")));
            }
        }
        if self.is_bare_too_long(key) {
            return Some((Code::Unprotected, "no stop loss could be placed for it".to_owned()));
        }
        if !levels::hold_is_over(held, bot, self.now) {
            return None;
        }
        let signal = self.exit_signal(held, bot, cycle)?;
        Some((Code::StrategyExit, self.words.of(|| signal.reason.clone())))
    }

    /// A signal, newer than the position, that wants it closed.
    fn exit_signal<'a>(&self, held: &Held, bot: &BotConfig, cycle: &'a Cycle) -> Option<&'a Signal> {
        let position = held.position();
        cycle
            .signals_of(bot.strategy?)
            .find(|signal| {
                signal.key.symbol == position.symbol
                    && signal.exits(position.side)
                    && signal.bar_close_at > position.opened_at
                    && self.now < signal.expires_at
            })
            .map(AsRef::as_ref)
    }

    /// Starts closing a position.
    pub(super) fn leave(&mut self, key: &HeldKey, code: Code, purpose: Purpose, detail: &str) {
        let Some(held) = self.held.get_mut(key) else { return };
        held.holding.exit = Some(Leaving::new(code, purpose));
        self.decide(key.bot, &key.symbol, (Action::Exited, code), detail.to_owned());
        self.withdraw_increasing(key);
        self.retry_exit(key);
    }

    /// Flattens positions; of the two sides of a symbol the smaller one first, for which the other may have to wait.
    pub(super) fn leave_all(&mut self, mut keys: Vec<HeldKey>, code: Code, detail: &str) {
        let qty = |key: &HeldKey| self.held.get(key).map(|held| held.position().qty);
        keys.sort_by_key(|key| (key.bot_symbol(), qty(key)));
        for key in keys {
            self.leave(&key, code, Purpose::Flatten, detail);
        }
    }

    /// Places the closing order, unless one is working.
    pub(super) fn retry_exit(&mut self, key: &HeldKey) {
        let is_blocked = self.is_exiting(key) || self.waits_for_level(key) || self.waits_for_lines(key);
        if is_blocked || self.waits_for_other_side(key) {
            return;
        }
        let now = self.now;
        let Some(held) = self.held.get_mut(key) else { return };
        let Some(leaving) = held.holding.exit.as_mut().filter(|leaving| !leaving.waits(now)) else { return };
        leaving.attempt = (leaving.attempt + 1).min(ATTEMPT_MAX);
        let (purpose, attempt) = (leaving.purpose, leaving.attempt);
        let intent = Intent { attempt, ..Intent::reduce(key, held, purpose, OrderKind::Market) };
        let closable = self.closable(&key.symbol, intent.qty);
        // Less than a step is offered as it is: some exchanges take that.
        let qty = if closable.is_zero() { intent.qty } else { closable };
        self.intend(Intent { qty, ..intent });
    }

    /// As much of a position as the exchange's step lets be closed: that may be coarser than when it was opened.
    pub(super) fn closable(&self, symbol: &Symbol, qty: Qty) -> Qty {
        self.config.instruments.get(symbol).map_or(qty, |rules| rules.floor_qty(qty))
    }

    /// Takes a grid's exits back before what it holds is closed at the market; where reduce-only would not keep the two
    /// from closing more than it holds, the closing order waits for their end.
    fn waits_for_lines(&mut self, key: &HeldKey) -> bool {
        let exits: Vec<Order> =
            self.orders.on(key).filter(|order| order.purpose == Purpose::GridExit).cloned().collect();
        for order in &exits {
            self.cancel(order);
        }
        let may_open = exits.iter().any(|order| !order.reduce_only);
        may_open
            || (!exits.is_empty() && (self.config.venue.spot || self.is_shared(key) || self.is_netted(key)))
    }

    /// Of two sides that leave and that the exchange knows only as what is left of both, the smaller one goes first, by an
    /// order that is not reduce-only; the larger one may only reduce then. However much of what was left the exchange has
    /// closed by force meanwhile, unheard, the two end flat; both at once would open what was closed on the other side.
    fn waits_for_other_side(&self, key: &HeldKey) -> bool {
        if self.config.venue.consistent_snapshots || !self.is_netted(key) {
            return false;
        }
        let other = HeldKey::new(key.bot_symbol(), key.side.opposite());
        let (Some(own), Some(held)) = (self.held.get(key), self.held.get(&other)) else { return false };
        let size = |held: &Held| (held.position().qty, held.position().side);
        // One that is refused, or less than a step, holds up nobody.
        let is_on_its_way = held.holding.exit.is_some_and(|leaving| !leaving.waits(self.now))
            && !self.closable(&key.symbol, held.position().qty).is_zero();
        is_on_its_way && size(held) < size(own)
    }

    /// One side of a symbol is closed: the other one may wait for that.
    pub(super) fn leave_other_side(&mut self, key: &HeldKey) {
        let other = HeldKey::new(key.bot_symbol(), key.side.opposite());
        if self.is_leaving(&other) {
            self.retry_exit(&other);
        }
    }

    pub(super) fn withdraw_increasing(&mut self, key: &HeldKey) {
        self.withdraw_openings(&key.bot_symbol());
    }

    /// Takes back whatever would add to what a bot holds in a symbol, on either side.
    pub(super) fn withdraw_openings(&mut self, (bot, symbol): &BotSymbol) {
        let adding: Vec<Order> =
            self.orders.of(*bot, symbol).filter(|order| order.purpose.increases()).cloned().collect();
        for order in adding {
            self.cancel(&order);
        }
    }

    /// Says once what auto_exit = off keeps from being done.
    fn report_exit(&mut self, key: &HeldKey, code: Code, detail: String) {
        let Some(held) = self.held.get_mut(key) else { return };
        if !held.holding.reported.insert(code) {
            return;
        }
        let fields = [
            ("bot", key.bot.to_string()),
            ("symbol", key.symbol.to_string()),
            ("reason", code.to_string()),
            ("detail", detail.clone()),
        ];
        self.notify(NoticeKind::ExitReported, Severity::Warning, || fields);
        self.turn.records.push(Record::StateChanged);
        self.decide(key.bot, &key.symbol, (Action::Reported, code), detail);
    }
}

/// The order at the exchange that exits for this reason.
pub(super) const fn protecting(code: Code) -> Purpose {
    if matches!(code, Code::TakeProfit) { Purpose::TakeProfit } else { Purpose::StopLoss }
}

/// The most profitable price of the bars since the last cycle.
fn best_price(held: &Held, cycle: &Cycle) -> Option<Price> {
    let bar = cycle.step.price_bar(&held.position().symbol)?;
    Some(match held.position().side {
        PositionSide::Long => bar.candle.high,
        PositionSide::Short => bar.candle.low,
    })
}
