//! Closed by force: the exchange reduces a net position, and each bot's part of it is booked under an order of its own.

use std::sync::Arc;

use crate::domain::fee::Fee;
use crate::domain::fill::{Fill, Liquidity};
use crate::domain::money::Qty;
use crate::domain::order::{Order, OrderKind, OrderStatus, Purpose};
use crate::domain::time::Timestamp;

use super::booked::liquidation_part;
use super::decision::{Action, Code};
use super::event::Liquidation;
use super::intent::Intent;
use super::ledger::fill_fields;
use super::machine::{AccountMachine, HeldKey};
use super::state::{Held, Leaving};
use super::turn::{NoticeKind, Record, Severity};

impl AccountMachine {
    /// The exchange closed (a part of) a net position: what the bots hold of it is closed at the same price, bot by bot,
    /// and the bots are stopped.
    pub(super) fn book_liquidation(&mut self, liquidation: &Liquidation) {
        if self.booked.has_part_of(&liquidation.symbol, &liquidation.trade_id) {
            return;
        }
        let is_on_side = |key: &&HeldKey| key.symbol == liquidation.symbol && key.side == liquidation.side;
        let keys: Vec<HeldKey> = self.held.keys().filter(is_on_side).cloned().collect();
        let mut fee_left = liquidation.fee.clone();
        let mut qty_left = liquidation.qty;
        for key in keys {
            let part = self.held_at(liquidation.at, &key).min(qty_left);
            if part.is_zero() {
                continue;
            }
            let fee = fee_left.share(part, qty_left);
            fee_left = fee_left.less(&fee);
            qty_left = qty_left.minus(part);
            self.liquidate(&key, liquidation, part, fee);
        }
    }

    /// What a bot held at that time of what it holds now: what was opened later, a forced close has not taken.
    pub(super) fn held_at(&self, at: Timestamp, key: &HeldKey) -> Qty {
        let held = self.held.get(key).map(Held::position).filter(|position| position.opened_at <= at);
        let Some(position) = held else { return Qty::ZERO };
        let then = position.qty.decimal() - self.booked.moved_after(at, key);
        Qty::try_new(then).unwrap_or_default().min(position.qty)
    }

    fn liquidate(&mut self, key: &HeldKey, liquidation: &Liquidation, qty: Qty, fee: Fee) {
        let Some(held) = self.held.get_mut(key) else { return };
        let forced = Leaving { attempt: 1, ..Leaving::new(Code::Liquidated, Purpose::Flatten) };
        let before = held.holding.exit.replace(forced);
        let intent = Intent { qty, ..Intent::reduce(key, held, Purpose::Flatten, OrderKind::Market) };
        let mut order = self.draw_up(intent);
        order.status = OrderStatus::Open;
        order.end_reason = Some("liquidated by the exchange".to_owned());
        self.turn.records.push(Record::OrderIntended(order.clone()));
        let fill = liquidation_fill(&order, liquidation, fee);
        self.orders.insert(order);
        let detail = format!("{} at {}", fill.qty, fill.price);
        self.decide(key.bot, &key.symbol, (Action::Exited, Code::Liquidated), detail);
        self.notify(NoticeKind::Liquidation, Severity::Critical, || fill_fields(key.bot, &fill));
        self.book_fill(&fill);
        if let Some(held) = self.held.get_mut(key) {
            // Only a part was taken; what is left goes on as before.
            held.holding.exit = before;
        }
        if let Some(bot) = self.config.bots.get_mut(&key.bot) {
            Arc::make_mut(bot).is_running = false;
        }
        self.turn.records.push(Record::BotStopped { bot: key.bot, reason: "liquidated".to_owned() });
    }
}

fn liquidation_fill(order: &Order, liquidation: &Liquidation, fee: Fee) -> Fill {
    let part = order.bot.map(|bot| liquidation_part(&liquidation.trade_id, bot));
    Fill {
        trade_id: part.unwrap_or_else(|| liquidation.trade_id.clone()),
        client_order_id: order.client_order_id.clone(),
        symbol: order.symbol.clone(),
        side: order.side,
        position_side: order.position_side,
        price: liquidation.price,
        qty: order.qty,
        fee,
        liquidity: Liquidity::Taker,
        at: liquidation.at,
    }
}
