//! Keeping a position protected at the exchange: the stop loss and take profit that rest there as reduce-only
//! conditional orders, for exactly the bot's own quantity, moved when the levels move, gone when the position is.
//!
//! A level moves with the least time unprotected. Where the bot is alone on its side of the symbol, the new order is
//! placed first and the old one cancelled once the new one rests: both are reduce-only and the exchange closes no
//! more than there is, so that not even a failed placement leaves the position bare. Where it is not alone, both
//! together might close what another bot or a person holds: there the old one is cancelled first, with the new one
//! right behind it. On paper, where nothing comes between two requests, it is always the latter.
//!
//! For the same reason an order whose fate is unknown keeps nobody waiting for long where the bot is alone: another one
//! is placed beside it. Where it is not alone, "not found" must be final first.

use crate::domain::ids::BotId;
use crate::domain::money::{Price, Qty};
use crate::domain::order::{Order, OrderKind, OrderStatus, Purpose};
use crate::domain::time::DurationMs;

use super::intent::Intent;
use super::levels::Levels;
use super::machine::{AccountMachine, HeldKey};
use super::turn::Record;

/// So long may a position be without its stop before it is closed instead.
const UNPROTECTED_GRACE: DurationMs = DurationMs::from_secs(60);
/// So long is an order of unknown fate asked for before another one is placed beside it.
const DOUBT_GRACE: DurationMs = DurationMs::from_secs(2);
/// No further order is placed beside so many that are of unknown fate, or rest although they should not any more.
const BESIDE_MAX: usize = 4;

/// The orders of one purpose that a position has.
#[derive(Default)]
struct Protecting {
    /// One rests as it should.
    is_covered: bool,
    /// One is under way, whatever it is for.
    waits: bool,
    /// One is under way that is as it should be.
    is_coming: bool,
    /// Those that rest and should not, or not any more.
    outdated: Vec<Order>,
    /// So many are of unknown fate, and nobody waits for them.
    in_doubt: usize,
}

impl AccountMachine {
    pub(super) fn sync_all_protection(&mut self) {
        let keys: Vec<HeldKey> = self.held.keys().cloned().collect();
        for key in keys {
            self.sync_protection(&key);
        }
        self.withdraw_excess();
    }

    /// Cancels, until it is gone, what has outlived its position: orders that would reduce more than their bot holds
    /// (they would close what another bot holds), and orders that would add to what is leaving or was closed. Protection
    /// of a position that is still held is moved instead.
    pub(super) fn withdraw_excess(&mut self) {
        let is_excess = |order: &&Order| {
            let key = HeldKey::of(order);
            let held = key.as_ref().and_then(|key| self.held.get(key));
            let is_against = |key: &HeldKey| self.holds_on(&key.bot_symbol(), key.side.opposite());
            match (held, order.purpose.increases()) {
                (_, true) if key.as_ref().is_some_and(is_against) => true,
                (Some(held), false) => {
                    !order.purpose.protects() && order.remaining_qty() > held.position().qty
                }
                (Some(held), true) => held.holding.exit.is_some(),
                (None, false) => true,
                // The lines of a grid rest before anything is held.
                (None, true) if order.purpose.has_line() => false,
                (None, true) => order.purpose != Purpose::Entry || !order.filled_qty.is_zero(),
            }
        };
        let excess: Vec<Order> = self.orders.working().filter(is_excess).cloned().collect();
        for order in excess {
            self.cancel(&order);
        }
    }

    /// Brings the resting orders of one position in line with its levels. Called after whatever may have changed
    /// either; does nothing when they agree.
    pub(super) fn sync_protection(&mut self, key: &HeldKey) {
        if !self.held.contains_key(key) {
            return self.withdraw_protection(key);
        }
        // Where nobody says what protects it, what rests stays.
        let Some(bot) = self.bot(key.bot) else { return };
        if let Some(levels) = self.levels_of(key, &bot) {
            self.sync_to_levels(key, &levels);
        }
    }

    /// [`Self::sync_protection`] for a position that is held and whose levels are known.
    pub(super) fn sync_to_levels(&mut self, key: &HeldKey, levels: &Levels) {
        let Some(held) = self.held.get(key) else { return };
        if !self.config.instruments.contains_key(&key.symbol) {
            // The exchange does not tell the symbol's rules (any more): nothing can be placed, and what rests stays.
            return;
        }
        let qty = held.position().qty;
        let wanted = self.protects_at_exchange(key.bot);
        let (stop, take_profit) = if wanted { (levels.stop, levels.take_profit) } else { (None, None) };
        self.sync_one(key, Purpose::StopLoss, stop, qty);
        self.sync_one(key, Purpose::TakeProfit, take_profit, qty);
        self.note_levels(key, levels);
    }

    /// A position that is gone needs no orders.
    pub(super) fn withdraw_protection(&mut self, key: &HeldKey) {
        let resting: Vec<Order> =
            self.orders.on(key).filter(|order| order.purpose.protects()).cloned().collect();
        for order in resting {
            self.cancel(&order);
        }
    }

    /// Exits rest at the exchange where auto_exit may exit; a grid's stop, where its owner has asked for it.
    pub(super) fn protects_at_exchange(&self, bot: BotId) -> bool {
        let grid = self.config.bots.get(&bot).and_then(|bot| bot.grid.as_ref());
        let is_asked_for = grid.map_or(self.config.settings.auto_exit, |setup| setup.config.exchange_stop);
        self.config.venue.conditional_orders && is_asked_for
    }

    /// Whether a stop that should rest for a position has been missing for too long.
    pub(super) fn is_bare_too_long(&self, key: &HeldKey) -> bool {
        let since = self.held.get(key).and_then(|held| held.holding.unprotected_since);
        self.config.close_if_unprotected
            && self.protects_at_exchange(key.bot)
            && since.is_some_and(|since| self.now.since(since) >= UNPROTECTED_GRACE)
    }

    fn sync_one(&mut self, key: &HeldKey, purpose: Purpose, trigger: Option<Price>, qty: Qty) {
        let found = self.look_over(key, purpose, trigger, qty);
        let new_one_first = trigger.is_some()
            && self.places_before_cancelling(key)
            && (found.outdated.is_empty() || !self.closable(&key.symbol, qty).is_zero());
        let is_full = found.in_doubt + found.outdated.len() >= BESIDE_MAX;
        let age = |order: &Order| (order.times.decided_at, order.client_order_id.clone());
        let newest = found.outdated.iter().map(age).max();
        for order in found.outdated {
            // What would close more than its bot holds goes at once, whatever else is under way.
            let may_go = !found.waits || found.is_coming || order.remaining_qty() > qty;
            // One of several is enough until the new one rests.
            let is_spare = new_one_first && Some(age(&order)) < newest;
            if found.is_covered || is_spare || (!new_one_first && may_go) {
                self.cancel(&order);
            }
        }
        if found.waits || found.is_covered || (new_one_first && is_full) {
            return;
        }
        if let (Some(trigger), Some(held)) = (trigger, self.held.get(key)) {
            let qty = self.closable(&key.symbol, qty);
            let has_no_use = qty.is_zero()
                || held.holding.is_chased()
                || held.holding.exit.is_some_and(|leaving| leaving.waits(self.now));
            if has_no_use {
                return;
            }
            let kind = if purpose == Purpose::StopLoss {
                OrderKind::StopMarket { trigger }
            } else {
                OrderKind::TakeProfitMarket { trigger }
            };
            let intent = Intent { qty, ..Intent::reduce(key, held, purpose, kind) };
            self.intend(intent);
        }
    }

    /// What there is of orders of this purpose, beside what is wanted.
    fn look_over(&self, key: &HeldKey, purpose: Purpose, trigger: Option<Price>, qty: Qty) -> Protecting {
        let mut found = Protecting::default();
        for order in self.orders.on(key).filter(|order| order.purpose == purpose) {
            let covers = |order: &Order| {
                let left = order.remaining_qty();
                left == qty || left == self.closable(&key.symbol, qty)
            };
            let fits = order.kind.price() == trigger && covers(order);
            if self.orders.ending.contains_key(&order.client_order_id) {
                // Over at the exchange.
            } else if order.status.is_in_flight() {
                // Its fate is not known yet: whatever the answer, this runs again.
                if self.is_given_up(order, key) {
                    found.in_doubt += 1;
                } else {
                    found.waits = true;
                    found.is_coming |= fits;
                }
            } else if fits && !found.is_covered && self.orders.is_in_force(&order.client_order_id) {
                found.is_covered = true;
            } else {
                found.outdated.push(order.clone());
            }
        }
        found
    }

    /// Whether another order may be placed beside one of unknown fate. Both may stand where the bot is alone on its
    /// side: they are reduce-only, and what turns out to be one too many is cancelled. A position does not go bare
    /// until "not found" is final.
    fn is_given_up(&self, order: &Order, key: &HeldKey) -> bool {
        order.status == OrderStatus::Unknown
            && self.now.since(order.times.decided_at) >= DOUBT_GRACE
            && self.places_before_cancelling(key)
    }

    fn places_before_cancelling(&self, key: &HeldKey) -> bool {
        !self.config.venue.consistent_snapshots && !self.is_shared(key)
    }

    /// Whether an order of this purpose rests at the exchange for the position.
    pub(super) fn rests(&self, key: &HeldKey, purpose: Purpose) -> bool {
        self.orders.on(key).any(|order| {
            order.purpose == purpose
                && order.status.is_resting()
                && !self.orders.ending.contains_key(&order.client_order_id)
        })
    }

    /// Has the position's row tell what rests now, and asks for nothing.
    pub(super) fn note_protection(&mut self, key: &HeldKey) {
        if let Some((held, bot)) = self.held.get(key).zip(self.bot(key.bot)) {
            let levels = Levels::of(held, &bot, &self.config, self.now);
            self.note_levels(key, &levels);
        }
    }

    /// Keeps the position's row telling its levels and whether the stop rests at the exchange.
    fn note_levels(&mut self, key: &HeldKey, levels: &Levels) {
        let is_protected = self.rests(key, Purpose::StopLoss);
        let is_bare = self.protects_at_exchange(key.bot) && levels.stop.is_some() && !is_protected;
        let now = self.now;
        let Some(held) = self.held.get_mut(key) else { return };
        let since = is_bare.then(|| held.holding.unprotected_since.unwrap_or(now));
        if held.holding.unprotected_since != since {
            held.holding.unprotected_since = since;
            self.turn.records.push(Record::StateChanged);
        }
        let row = &mut held.row;
        let same = row.stop_loss == levels.stop
            && row.take_profit == levels.take_profit
            && row.is_protected == is_protected;
        if same {
            return;
        }
        row.stop_loss = levels.stop;
        row.take_profit = levels.take_profit;
        row.is_protected = is_protected;
        let row = row.clone();
        self.turn.records.push(Record::Position(row));
    }
}
