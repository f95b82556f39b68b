//! Orders for tests.

use crate::domain::ids::{AccountId, BotId, ClientOrderId, CycleId, OrderKey};
use crate::domain::money::{Leverage, Qty, Quote};
use crate::domain::order::{Order, OrderKind, OrderStatus, OrderTimes, Purpose};
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;

pub(super) const NOW: i64 = 1_700_000_000_000;

pub(super) fn id(purpose: Purpose, leg: u16) -> ClientOrderId {
    ClientOrderId::new(&OrderKey {
        account: AccountId::new(7),
        bot: Some(BotId::new(1)),
        cycle: CycleId::at(Timestamp::from_ms(NOW)),
        purpose,
        leg,
        attempt: 1,
    })
}

/// A buy of 0.01 BTC for a long, or what protects it.
pub(super) fn order(purpose: Purpose, kind: OrderKind, leg: u16) -> Order {
    let reduces = !purpose.increases();
    Order {
        client_order_id: id(purpose, leg),
        bot: Some(BotId::new(1)),
        symbol: "BTCUSDT".parse().unwrap(),
        side: if reduces { Side::Sell } else { Side::Buy },
        position_side: PositionSide::Long,
        purpose,
        kind,
        qty: "0.01".parse().unwrap(),
        reduce_only: reduces,
        leverage: Leverage::ONE,
        reserved_margin: Quote::ZERO,
        cycle: CycleId::at(Timestamp::from_ms(NOW)),
        status: OrderStatus::Intended,
        filled_qty: Qty::ZERO,
        filled_notional: Quote::ZERO,
        exchange_order_id: None,
        end_reason: None,
        dry_run: false,
        times: OrderTimes { decided_at: Timestamp::from_ms(NOW), ..OrderTimes::default() },
    }
}
