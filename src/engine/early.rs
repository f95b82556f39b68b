//! Exits that are told before the entry they close: they wait until the entry's fills are here. Booked at once, they
//! would close a position that is not held, and the entry would open one that nothing closes.

use std::collections::btree_map::Entry;

use crate::domain::fill::Fill;
use crate::domain::money::Qty;
use crate::domain::order::{Order, OrderKind};
use crate::domain::time::{DurationMs, Timestamp};

use super::machine::{AccountMachine, HeldKey};

/// An exchange may tell a fill so much later than it happened.
pub(super) const TOLD_WITHIN: DurationMs = DurationMs::from_secs(5);

/// Whether the order may have fills that are not here yet, and will have them soon.
pub(super) fn is_entering(order: &Order) -> bool {
    order.purpose.increases() && order.kind == OrderKind::Market
}

/// An exit that waits.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) fill: Fill,
    kept_at: Timestamp,
    /// Fills were asked for when all that may have been before it was told.
    is_swept: bool,
}

impl AccountMachine {
    /// Keeps an exit that closes more than is booked, while an entry of its position may have fills that are not here.
    pub(super) fn keep_early(&mut self, fill: &Fill) -> bool {
        let (symbol, trade, order) = (&fill.symbol, &fill.trade_id, &fill.client_order_id);
        if !self.is_early(fill, false) || self.booked.has(symbol, trade, Some(order)) {
            return false;
        }
        let trade = (symbol.clone(), trade.clone(), order.clone());
        if let Entry::Vacant(place) = self.early.entry(trade) {
            place.insert(Early { fill: fill.clone(), kept_at: self.now, is_swept: false });
            self.ask_for_fills();
        }
        true
    }

    /// An order at the market has its fills soon; of what rests on a line, only those are waited for that are told by then.
    fn is_early(&self, fill: &Fill, is_swept: bool) -> bool {
        let is_entry = fill.side == fill.position_side.entry_side();
        if is_entry || self.config.venue.consistent_snapshots {
            return false;
        }
        let Some(bot) = fill.client_order_id.key().and_then(|key| key.bot) else { return false };
        let key = HeldKey::new((bot, fill.symbol.clone()), fill.position_side);
        let held = self.held.get(&key).map_or(Qty::ZERO, |held| held.position().qty);
        let may_have_filled =
            |order: &Order| order.purpose.increases() && (!is_swept || order.kind == OrderKind::Market);
        fill.qty > held && self.orders.on(&key).any(may_have_filled)
    }

    /// The fills that were told by `at` are here.
    pub(super) fn note_early_swept(&mut self, at: Timestamp) {
        for early in self.early.values_mut() {
            early.is_swept |= at.since(early.kept_at) >= TOLD_WITHIN;
        }
    }

    /// While an exit or a forced close waits, fills are asked for with each cycle.
    pub(super) fn ask_for_what_is_waited_for(&mut self) {
        if !self.early.is_empty() || !self.put_off.is_empty() {
            self.ask_for_fills();
        }
    }

    /// Books those whose entry is here now, the earliest first: each closes a part of what the next one finds.
    pub(super) fn book_early(&mut self) {
        if self.early.is_empty() {
            return;
        }
        let mut waiting: Vec<_> = std::mem::take(&mut self.early).into_iter().collect();
        waiting.sort_by_key(|(_, early)| early.fill.at);
        for (trade, early) in waiting {
            if self.is_early(&early.fill, early.is_swept) {
                self.early.insert(trade, early);
            } else {
                self.book_fill_now(&early.fill);
            }
        }
    }
}
