//! Orders as the REST interface shows them. Every amount is a text; what an order kind has not is `null`.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::ids;
use super::number::{korean, korean_ms, text};
use crate::domain::fee::FeeSums;
use crate::domain::fill::Liquidity;
use crate::domain::money::{Pct, Qty, Quote};
use crate::domain::order::{OrderKind, OrderStatus};
use crate::domain::side::Side;
use crate::simulator::account::Account;
use crate::simulator::order::{FillRecord, OrderRecord};

/// What the core has no word for, in an order's tags.
pub(super) const ORD_TYPE: &str = "ord_type";
/// The KRW that an order to buy for a total may spend.
pub(super) const TOTAL: &str = "total";
pub(super) const TIME_IN_FORCE: &str = "time_in_force";
/// The client's own id, if it gave one.
pub(super) const IDENTIFIER: &str = "identifier";

pub(super) const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Buy => "bid",
        Side::Sell => "ask",
    }
}

/// `limit`, `price`, `market` or `best`.
pub(super) fn ord_type(order: &OrderRecord) -> &str {
    let by_kind = match (order.kind, order.side) {
        (OrderKind::Limit { .. }, _) => "limit",
        (_, Side::Buy) => "price",
        (_, Side::Sell) => "market",
    };
    order.tag(ORD_TYPE).unwrap_or(by_kind)
}

/// An order for a total ends as cancelled even when it bought all it could: a few KRW remain.
pub(super) fn state(order: &OrderRecord) -> &'static str {
    match order.status {
        OrderStatus::Filled if order.tag(TOTAL).is_some() => "cancel",
        OrderStatus::Filled => "done",
        OrderStatus::Cancelled | OrderStatus::Rejected | OrderStatus::Expired => "cancel",
        OrderStatus::Intended
        | OrderStatus::Sent
        | OrderStatus::Unknown
        | OrderStatus::Open
        | OrderStatus::PartiallyFilled => "wait",
    }
}

/// The limit price, or the total of an order that is for one.
pub(super) fn price(order: &OrderRecord) -> Option<String> {
    let total = order.tag(TOTAL).map(str::to_owned);
    total.or_else(|| order.kind.price().map(|price| price.to_string()))
}

pub(super) fn volume(order: &OrderRecord) -> Option<String> {
    order.tag(TOTAL).is_none().then(|| order.qty.to_string())
}

pub(super) fn remaining_volume(order: &OrderRecord) -> Option<String> {
    order.tag(TOTAL).is_none().then(|| order.remaining_qty().to_string())
}

/// What is set aside for an order: KRW with the fee for one to buy, coins for one to sell.
pub(super) struct SetAside {
    pub(super) reserved_fee: Quote,
    pub(super) remaining_fee: Quote,
    pub(super) locked: Decimal,
}

pub(super) fn set_aside(order: &OrderRecord, fee_pct: Pct) -> SetAside {
    let nothing = |reserved_fee| SetAside { reserved_fee, remaining_fee: Quote::ZERO, locked: Decimal::ZERO };
    match (order.side, order.kind.price()) {
        (Side::Buy, Some(price)) if order.is_open() => {
            let remaining = price.notional(order.remaining_qty());
            let remaining_fee = remaining.part(fee_pct);
            SetAside {
                reserved_fee: price.notional(order.qty).part(fee_pct),
                remaining_fee,
                locked: (remaining + remaining_fee).decimal(),
            }
        }
        (Side::Buy, Some(price)) => nothing(price.notional(order.qty).part(fee_pct)),
        (Side::Buy, None) => nothing(Quote::new(order.fees.of("KRW"))),
        (Side::Sell, _) if order.is_open() => {
            SetAside { locked: order.remaining_qty().decimal(), ..nothing(Quote::ZERO) }
        }
        (Side::Sell, _) => nothing(Quote::ZERO),
    }
}

/// An order as every endpoint shows it.
pub(super) fn row(account: &Account, order: &OrderRecord) -> Value {
    let aside = set_aside(order, account.spec.taker_fee_pct);
    json!({
        "uuid": ids::of_order(account.index(), order.id),
        "side": side_word(order.side),
        "ord_type": ord_type(order),
        "price": price(order),
        "state": state(order),
        "market": order.symbol.as_str(),
        "created_at": korean(order.created_at),
        "volume": volume(order),
        "remaining_volume": remaining_volume(order),
        "reserved_fee": text(aside.reserved_fee.decimal()),
        "remaining_fee": text(aside.remaining_fee.decimal()),
        "paid_fee": text(order.fees.of("KRW")),
        "locked": text(aside.locked),
        "prevented_volume": "0",
        "prevented_locked": "0",
        "executed_volume": order.filled_qty.to_string(),
        "executed_funds": text(order.filled_notional.decimal()),
        "trades_count": trades(account, order).count(),
        "time_in_force": order.tag(TIME_IN_FORCE),
        "identifier": order.tag(IDENTIFIER),
        "smp_type": null,
    })
}

/// An order that was just sent: it says that it waits, whatever has become of it by now.
pub(super) fn acknowledged(account: &Account, order: &OrderRecord) -> Value {
    let fresh = OrderRecord {
        status: OrderStatus::Open,
        filled_qty: Qty::ZERO,
        filled_notional: Quote::ZERO,
        fees: FeeSums::default(),
        ..order.clone()
    };
    with(row(account, &fresh), "trades_count", json!(0))
}

/// A row with one field more, or another.
pub(super) fn with(mut row: Value, name: &str, value: Value) -> Value {
    if let Some(fields) = row.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
    row
}

/// An order with its trades, as the endpoint of one order shows it.
pub(super) fn row_with_trades(account: &Account, order: &OrderRecord) -> Value {
    with(row(account, order), "trades", trades(account, order).map(|fill| trade(account, fill)).collect())
}

pub(super) fn trades<'a>(account: &'a Account, order: &OrderRecord) -> impl Iterator<Item = &'a FillRecord> {
    let id = order.id;
    account.fills().iter().filter(move |fill| fill.order_id == id)
}

fn trade(account: &Account, fill: &FillRecord) -> Value {
    let buyer_took = (fill.side == Side::Buy) == (fill.liquidity == Liquidity::Taker);
    json!({
        "market": fill.symbol.as_str(),
        "uuid": ids::of_trade(account.index(), fill.trade_id),
        "price": fill.price.to_string(),
        "volume": fill.qty.to_string(),
        "funds": text(fill.price.notional(fill.qty).decimal()),
        "trend": if buyer_took { "up" } else { "down" },
        "created_at": korean_ms(fill.at),
        "side": side_word(fill.side),
    })
}
