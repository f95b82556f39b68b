//! Keeping a position protected at the exchange: the stop loss and take profit that rest there as reduce-only
//! conditional orders, for exactly the bot's own quantity, moved when the levels move, gone when the position is.

use crate::domain::money::{Price, Qty};
use crate::domain::order::{Order, OrderKind, OrderStatus, Purpose};

use super::intent::Intent;
use super::levels::Levels;
use super::machine::{AccountMachine, HeldKey};
use super::turn::Record;

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
            let key = order.bot.map(|bot| (bot, order.symbol.clone()));
            let held = key.and_then(|key| self.held.get(&key));
            match (held, order.purpose.increases()) {
                (Some(held), false) => {
                    !order.purpose.protects() && order.remaining_qty() > held.position().qty
                }
                (Some(held), true) => held.holding.exit.is_some(),
                (None, false) => true,
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
        let levels = self.bot(key.0).and_then(|bot| self.levels_of(key, &bot));
        let Some(levels) = levels else {
            self.withdraw_protection(key);
            return;
        };
        self.sync_to_levels(key, &levels);
    }

    /// [`Self::sync_protection`] for a position that is held and whose levels are known.
    pub(super) fn sync_to_levels(&mut self, key: &HeldKey, levels: &Levels) {
        let Some(held) = self.held.get(key) else { return };
        let qty = held.position().qty;
        let wanted = self.config.venue.conditional_orders && self.config.settings.auto_exit;
        let (stop, take_profit) = if wanted { (levels.stop, levels.take_profit) } else { (None, None) };
        self.sync_one(key, Purpose::StopLoss, stop, qty);
        self.sync_one(key, Purpose::TakeProfit, take_profit, qty);
        self.note_levels(key, levels);
    }

    /// A position that is gone needs no orders.
    pub(super) fn withdraw_protection(&mut self, key: &HeldKey) {
        let resting: Vec<Order> =
            self.orders.of(key.0, &key.1).filter(|order| order.purpose.protects()).cloned().collect();
        for order in resting {
            self.cancel(&order);
        }
    }

    fn sync_one(&mut self, key: &HeldKey, purpose: Purpose, trigger: Option<Price>, qty: Qty) {
        let mut is_covered = false;
        let mut outdated = Vec::new();
        for order in self.orders.of(key.0, &key.1).filter(|order| order.purpose == purpose) {
            let fits = order.kind.price() == trigger && order.remaining_qty() == qty;
            if fits && !self.orders.cancelling.contains(&order.client_order_id) {
                is_covered = true;
            } else if is_in_flight(order) {
                // Its fate is not known yet: whatever the answer, this runs again.
                return;
            } else {
                outdated.push(order.clone());
            }
        }
        for order in outdated {
            self.cancel(&order);
        }
        if let (false, Some(trigger), Some(held)) = (is_covered, trigger, self.held.get(key)) {
            let kind = if purpose == Purpose::StopLoss {
                OrderKind::StopMarket { trigger }
            } else {
                OrderKind::TakeProfitMarket { trigger }
            };
            let intent = Intent::reduce(key, held, purpose, kind);
            self.intend(intent);
        }
    }

    /// Whether an order of this purpose rests at the exchange for the position.
    pub(super) fn rests(&self, key: &HeldKey, purpose: Purpose) -> bool {
        self.orders.of(key.0, &key.1).any(|order| {
            order.purpose == purpose
                && matches!(order.status, OrderStatus::Open | OrderStatus::PartiallyFilled)
        })
    }

    /// Has the position's row tell what rests now, and asks for nothing.
    pub(super) fn note_protection(&mut self, key: &HeldKey) {
        if let Some((held, bot)) = self.held.get(key).zip(self.bot(key.0)) {
            let levels = Levels::of(held, &bot, &self.config, self.now);
            self.note_levels(key, &levels);
        }
    }

    /// Keeps the position's row telling its levels and whether the stop rests at the exchange.
    fn note_levels(&mut self, key: &HeldKey, levels: &Levels) {
        let is_protected = self.rests(key, Purpose::StopLoss);
        let Some(held) = self.held.get_mut(key) else { return };
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

const fn is_in_flight(order: &Order) -> bool {
    matches!(order.status, OrderStatus::Intended | OrderStatus::Sent | OrderStatus::Unknown)
}
