//! What tests ask of a rig, in words that compare well.

use super::fixtures::*;
use super::rig::Rig;
use crate::domain::ids::BotId;
use crate::domain::money::Qty;
use crate::domain::order::{Order, OrderStatus, Purpose};
use crate::domain::position::Position;
use crate::domain::side::PositionSide;
use crate::engine::decision::{Action, Code};
use crate::engine::turn::{NoticeKind, PositionRow};

impl Rig {
    /// Skips of bot 1 on BTC, by their codes.
    pub(super) fn skips(&self) -> Vec<Code> {
        self.codes(Action::Skipped)
    }

    pub(super) fn codes(&self, action: Action) -> Vec<Code> {
        self.decisions.iter().filter(|made| made.action == action).map(|made| made.code).collect()
    }

    /// Intents of a purpose as `qty` or `qty @ price`.
    pub(super) fn intended(&self, purpose: Purpose) -> Vec<String> {
        let of = self.intents.iter().filter(|order| order.purpose == purpose);
        of.map(|order| match order.kind.price() {
            Some(price) => format!("{} @ {price}", order.qty),
            None => order.qty.to_string(),
        })
        .collect()
    }

    /// What rests or waits in the book, as `purpose qty @ price`, sorted.
    pub(super) fn resting(&self) -> Vec<String> {
        let mut resting: Vec<String> = self
            .book
            .open_orders()
            .iter()
            .map(|order| {
                let purpose = order.client_order_id.key().unwrap().purpose;
                let price = order.kind.price().map_or_else(|| "market".to_owned(), |price| price.to_string());
                format!("{purpose} {} @ {price}", order.remaining_qty())
            })
            .collect();
        resting.sort();
        resting
    }

    pub(super) fn row(&self, bot: BotId, name: &str) -> Option<&PositionRow> {
        self.open_rows(bot, name).next()
    }

    fn open_rows(&self, bot: BotId, name: &str) -> impl Iterator<Item = &PositionRow> {
        self.rows.values().filter(move |row| {
            row.position.is_open() && row.position.bot == Some(bot) && row.position.symbol == symbol(name)
        })
    }

    /// What a bot holds on one side.
    pub(super) fn held_on(&self, bot: BotId, name: &str, side: PositionSide) -> Qty {
        let mut on_side = self.open_rows(bot, name).filter(|row| row.position.side == side);
        let qty = on_side.next().map_or(Qty::ZERO, |row| row.position.qty);
        assert_eq!(on_side.next(), None, "one position a side");
        qty
    }

    pub(super) fn position(&self, bot: BotId, name: &str) -> Option<&Position> {
        self.row(bot, name).map(|row| &row.position)
    }

    /// The open quantity of bot 1 in BTC.
    pub(super) fn held(&self) -> Qty {
        self.position(ONE, BTC).map_or(Qty::ZERO, |position| position.qty)
    }

    pub(super) fn last_order(&self, purpose: Purpose) -> &Order {
        let id = &self.intents.iter().rfind(|order| order.purpose == purpose).unwrap().client_order_id;
        &self.orders[id]
    }

    pub(super) fn statuses(&self, purpose: Purpose) -> Vec<OrderStatus> {
        let of = self.intents.iter().filter(|order| order.purpose == purpose);
        of.map(|order| self.orders[&order.client_order_id].status).collect()
    }

    pub(super) fn noticed(&self, kind: NoticeKind) -> usize {
        self.notices.iter().filter(|notice| notice.kind == kind).count()
    }

    /// Ends the current minute with an entry signal of bot `n` on BTC, at a price that stays.
    pub(super) fn enter(&mut self, n: u32, side: PositionSide) {
        let price = self.prices[&symbol(BTC)].to_string();
        let at = minute(self.at + 1);
        self.bar([&price; 4], &[signal(n, BTC, at, Some(side))]);
    }

    /// Has bot 1 hold 1 BTC bought at 100.
    pub(super) fn open_long(&mut self) {
        self.enter(1, PositionSide::Long);
        self.price("100");
        assert_eq!(self.held().to_string(), "1", "entered: {:?}", self.decisions);
    }
}
