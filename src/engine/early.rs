//! Exits that are told before the entry they close: they wait until the entry's fills are here. Booked at once, they
//! would close a position that is not held, and the entry would open one that nothing closes.

use crate::domain::fill::Fill;
use crate::domain::money::Qty;
use crate::domain::order::{Order, OrderKind};

use super::machine::{AccountMachine, HeldKey};

/// Whether the order may have fills that are not here yet. What rests on a line may wait for its fills for days.
pub(super) fn is_entering(order: &Order) -> bool {
    order.purpose.increases() && order.kind == OrderKind::Market
}

impl AccountMachine {
    /// Keeps an exit that closes more than is booked, while an entry of its position may have fills that are not here.
    pub(super) fn keep_early(&mut self, fill: &Fill) -> bool {
        let is_early = self.is_early(fill);
        if is_early {
            let trade = (fill.symbol.clone(), fill.trade_id.clone());
            if self.early.insert(trade, fill.clone()).is_none() {
                self.ask_for_fills();
            }
        }
        is_early
    }

    fn is_early(&self, fill: &Fill) -> bool {
        let bot = fill.client_order_id.key().and_then(|key| key.bot);
        let (false, Some(bot)) = (fill.side == fill.position_side.entry_side(), bot) else { return false };
        let key = HeldKey::new((bot, fill.symbol.clone()), fill.position_side);
        let held = self.held.get(&key).map_or(Qty::ZERO, |held| held.position().qty);
        fill.qty > held && !self.config.venue.consistent_snapshots && self.orders.on(&key).any(is_entering)
    }

    /// Books those whose entry is here now, the earliest first.
    pub(super) fn book_early(&mut self) {
        if self.early.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.early).into_iter();
        let (waiting, due): (Vec<_>, Vec<_>) = waiting.partition(|(_, fill)| self.is_early(fill));
        self.early.extend(waiting);
        let mut due: Vec<Fill> = due.into_iter().map(|(_, fill)| fill).collect();
        due.sort_by_key(|fill| fill.at);
        for fill in due {
            self.book_fill(&fill);
        }
    }
}
