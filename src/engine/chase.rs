//! Exits that do not go as they should: a level that the price has passed while its order rests unfilled, and closing
//! orders that the exchange refuses.
//!
//! On paper none of this happens: there a price is told after everything that it triggers.

use crate::domain::ids::ClientOrderId;
use crate::domain::order::{Order, Purpose};
use crate::domain::time::DurationMs;

use super::decision::Code;
use super::levels::Levels;
use super::machine::{AccountMachine, HeldKey};
use super::state::Held;
use super::turn::Record;

/// A triggered order has so long to fill.
const CHASE_AFTER: DurationMs = DurationMs::from_secs(5);
/// First pause after a refused exit; doubles with each further one.
const BACKOFF_FIRST: DurationMs = DurationMs::from_secs(1);
const BACKOFF_MAX: DurationMs = DurationMs::from_secs(300);

impl AccountMachine {
    /// Notes since when the price is beyond a level of the position.
    pub(super) fn watch_level(&mut self, key: &HeldKey, levels: &Levels) {
        if self.config.venue.consistent_snapshots {
            return;
        }
        let price = self.price(&key.symbol).ok();
        let now = self.now;
        let Some(held) = self.held.get_mut(key) else { return };
        let is_passed = price.is_some_and(|price| levels.reached(price, held.position().side).is_some());
        let since = is_passed.then(|| held.holding.passed_since.unwrap_or(now));
        if held.holding.passed_since != since {
            held.holding.passed_since = since;
            self.turn.records.push(Record::StateChanged);
        }
    }

    /// Whether the order at the level had its time and did not fill.
    pub(super) fn is_left_behind(&self, held: &Held) -> bool {
        held.holding.passed_since.is_some_and(|since| self.now.since(since) >= CHASE_AFTER)
    }

    /// Takes the orders at a passed level back before it is closed at the market. Reduce-only keeps the two from closing
    /// more than there is; where that is not enough, the closing order waits for their end.
    pub(super) fn waits_for_level(&mut self, key: &HeldKey) -> bool {
        let is_live = !self.config.venue.consistent_snapshots;
        if !is_live || !self.held.get(key).is_some_and(|held| held.holding.is_chased()) {
            return false;
        }
        let protecting: Vec<Order> =
            self.orders.on(key).filter(|order| order.purpose.protects()).cloned().collect();
        for order in &protecting {
            self.cancel(order);
        }
        !protecting.is_empty() && (self.is_shared(key) || self.is_netted(key))
    }

    /// An order at a passed level has ended: what waited for it goes on.
    pub(super) fn chase_on(&mut self, key: &HeldKey) {
        if self.held.get(key).is_some_and(|held| held.holding.is_chased()) && !self.waits_for_level(key) {
            self.retry_exit(key);
        }
    }

    /// The exchange says that the price has passed the level of an order it was to take: closes at the market.
    pub(super) fn leave_passed_level(&mut self, id: &ClientOrderId, reason: &str) {
        let Some(order) = self.orders.get_working(id) else { return };
        let (Some(key), purpose, now) = (HeldKey::of(order), order.purpose, self.now) else { return };
        let code = if purpose == Purpose::TakeProfit {
            Code::TakeProfit
        } else {
            self.bot(key.bot)
                .and_then(|bot| self.levels_of(&key, &bot))
                .map_or(Code::StopLoss, |at| at.stop_code)
        };
        let Some(held) = self.held.get_mut(&key) else { return };
        held.holding.passed_since.get_or_insert(now);
        if !self.protects_at_exchange(key.bot) {
            return;
        }
        if self.grid_key(key.bot).is_some() {
            self.stop_at_passed_stop(&key, code, reason);
        } else if !self.is_leaving(&key) {
            self.leave(&key, code, Purpose::Exit, reason);
        }
    }

    /// A refused exit is tried again ever more rarely: most often there is nothing left to reduce, and what the
    /// exchange holds must be looked at. The exits of a grid's lines back off together.
    pub(super) fn back_off_exit(&mut self, id: &ClientOrderId) {
        let now = self.now;
        let Some(order) = self.orders.get_mut(id) else { return };
        let (Purpose::Exit | Purpose::Flatten | Purpose::GridExit, Some(key)) =
            (order.purpose, HeldKey::of(order))
        else {
            return;
        };
        let is_of_line = order.purpose == Purpose::GridExit;
        let leaving =
            self.held.get_mut(&key).and_then(|held| held.holding.exit.as_mut()).filter(|_| !is_of_line);
        if let Some(leaving) = leaving {
            let doublings = u32::from(leaving.attempt.saturating_sub(1)).min(16);
            leaving.retry_at = Some(now.plus(BACKOFF_FIRST.times(1 << doublings).min(BACKOFF_MAX)));
        }
        self.doubt(&key.symbol);
    }
}
