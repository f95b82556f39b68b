//! From what is wanted to an order: the one place where orders are made.

use crate::domain::ids::{BotId, CycleId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Qty, Quote};
use crate::domain::order::{Order, OrderKind, OrderStatus, OrderTimes, Purpose};
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;

use super::machine::{AccountMachine, HeldKey};
use super::state::Held;
use super::turn::{Record, Request};

/// What an order is to do. Whether it buys or sells follows from its purpose; whether it may only reduce, also from what
/// its bot holds on the other side.
pub(super) struct Intent {
    pub bot: BotId,
    pub symbol: Symbol,
    pub side: PositionSide,
    pub purpose: Purpose,
    pub kind: OrderKind,
    pub qty: Qty,
    pub leverage: Leverage,
    /// Kept aside until the order has ended; zero for orders that reduce.
    pub margin: Quote,
    pub attempt: u8,
    /// The grid's line it is for, where its purpose has one.
    pub line: Option<u16>,
    pub signal_at: Option<Timestamp>,
}

impl Intent {
    /// Closes the whole of a position.
    pub(super) fn reduce(key: &HeldKey, held: &Held, purpose: Purpose, kind: OrderKind) -> Self {
        let position = held.position();
        Self {
            bot: key.bot,
            symbol: key.symbol.clone(),
            side: position.side,
            purpose,
            kind,
            qty: position.qty,
            leverage: position.leverage,
            margin: Quote::ZERO,
            attempt: 1,
            line: None,
            signal_at: None,
        }
    }
}

impl AccountMachine {
    /// Records a new order and asks for it to be placed once it is durable.
    pub(super) fn intend(&mut self, intent: Intent) -> Order {
        let order = self.draw_up(intent);
        self.turn.requests.push(Request::Place(order.client_order_id.clone()));
        self.turn.records.push(Record::OrderIntended(order.clone()));
        self.orders.insert(order.clone());
        order
    }

    pub(super) fn draw_up(&mut self, intent: Intent) -> Order {
        let increases = intent.purpose.increases();
        let key = HeldKey::new((intent.bot, intent.symbol.clone()), intent.side);
        let is_netted = !intent.purpose.protects() && self.is_netted(&key);
        Order {
            client_order_id: match intent.line {
                Some(line) => self.next_line_order_id(intent.bot, intent.purpose, line),
                None => self.next_order_id(Some(intent.bot), intent.purpose, intent.attempt),
            },
            bot: Some(intent.bot),
            symbol: intent.symbol,
            side: if increases { intent.side.entry_side() } else { intent.side.exit_side() },
            position_side: intent.side,
            purpose: intent.purpose,
            kind: intent.kind,
            qty: intent.qty,
            reduce_only: !increases && !is_netted,
            leverage: intent.leverage,
            reserved_margin: intent.margin,
            cycle: CycleId::at(self.now),
            status: OrderStatus::Intended,
            filled_qty: Qty::ZERO,
            filled_notional: Quote::ZERO,
            exchange_order_id: None,
            end_reason: None,
            dry_run: self.config.settings.dry_run,
            times: OrderTimes { signal_at: intent.signal_at, decided_at: self.now, ..OrderTimes::default() },
        }
    }
}
