//! Orders as they are sent: placing, cancelling, and what a symbol is traded with.
//!
//! Two facts shape the bodies. In hedge mode `side` names the position and `tradeSide` says whether it opens or closes,
//! so that a long is closed by `buy`/`close`; in one-way mode `side` is the direction and reducing is `reduceOnly`.
//! And orders that wait for a trigger live in a space of their own, with ids of their own: they are placed, asked for
//! and cancelled elsewhere. Which space an order of ours is in follows from its purpose, which its id tells.
//! Source: bitget.com/api-doc/contract/trade/Place-Order, bitget.com/api-doc/contract/plan/Place-Tpsl-Order.

use serde_json::{Map, Value, json};

use super::calls::{Call, MARGIN_COIN, OrderName, PRODUCT_TYPE};
use super::endpoints::{BATCH_PLACE, CANCEL, CANCEL_PLAN, PLACE, PLACE_TPSL, SET_LEVERAGE, SET_MARGIN_MODE};
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::kind::MarginMode;
use crate::domain::money::{Leverage, Price};
use crate::domain::order::{Order, OrderKind, Purpose, TimeInForce};
use crate::domain::side::{PositionMode, PositionSide};
use crate::exchange::wire::Lane;

/// What an order says beside what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modes {
    pub position: PositionMode,
    pub margin: MarginMode,
}

/// Whether the order of this id is in the space of plan orders.
pub fn is_plan(id: &ClientOrderId) -> bool {
    id.key().is_some_and(|key| key.purpose.protects())
}

pub fn place(order: &Order, modes: Modes) -> Call {
    let lane = lane(order.purpose);
    match order.kind {
        OrderKind::Market | OrderKind::Limit { .. } => {
            let mut body = order_body(order, modes.position);
            body.extend(symbol_fields(&order.symbol, modes.margin));
            Call::post(PLACE, lane, &Value::Object(body))
        }
        OrderKind::StopMarket { trigger } => tpsl(order, modes.position, "loss_plan", trigger),
        OrderKind::TakeProfitMarket { trigger } => tpsl(order, modes.position, "profit_plan", trigger),
    }
}

/// Several orders of one symbol, none of them with a trigger.
pub fn place_batch(symbol: &Symbol, orders: &[&Order], modes: Modes) -> Call {
    let lane = orders.iter().map(|order| lane(order.purpose)).min().unwrap_or(Lane::Entry);
    let list: Vec<Value> =
        orders.iter().map(|order| Value::Object(order_body(order, modes.position))).collect();
    let mut body = symbol_fields(symbol, modes.margin);
    body.insert("orderList".to_owned(), Value::Array(list));
    Call::post(BATCH_PLACE, lane, &Value::Object(body))
}

/// Orders that reduce make a position safe.
const fn lane(purpose: Purpose) -> Lane {
    if purpose.increases() { Lane::Entry } else { Lane::Protect }
}

fn symbol_fields(symbol: &Symbol, margin: MarginMode) -> Map<String, Value> {
    fields([
        ("symbol", symbol.as_str()),
        ("productType", PRODUCT_TYPE),
        ("marginCoin", MARGIN_COIN),
        ("marginMode", margin_mode(margin)),
    ])
}

fn fields<const N: usize>(pairs: [(&str, &str); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
}

fn order_body(order: &Order, mode: PositionMode) -> Map<String, Value> {
    let mut body = fields([
        ("clientOid", order.client_order_id.as_str()),
        ("size", &order.qty.to_string()),
        ("orderType", "market"),
    ]);
    if let OrderKind::Limit { price, time_in_force } = order.kind {
        body.extend(fields([
            ("orderType", "limit"),
            ("price", &price.to_string()),
            ("force", force(time_in_force)),
        ]));
    }
    match mode {
        PositionMode::Hedge => {
            let opens = order.side == order.position_side.entry_side();
            body.extend(fields([
                ("side", order.position_side.entry_side().as_str()),
                ("tradeSide", if opens { "open" } else { "close" }),
            ]));
        }
        PositionMode::OneWay => {
            body.extend(fields([("side", order.side.as_str())]));
            if order.reduce_only {
                body.extend(fields([("reduceOnly", "YES")]));
            }
        }
    }
    body
}

/// A market order for a part of a position, once the last price reaches the trigger.
fn tpsl(order: &Order, mode: PositionMode, plan_type: &str, trigger: Price) -> Call {
    let body = fields([
        ("symbol", order.symbol.as_str()),
        ("productType", PRODUCT_TYPE),
        ("marginCoin", MARGIN_COIN),
        ("planType", plan_type),
        ("triggerPrice", &trigger.to_string()),
        ("triggerType", "fill_price"),
        // Zero: at the market.
        ("executePrice", "0"),
        ("holdSide", hold_side(order.position_side, mode)),
        ("size", &order.qty.to_string()),
        ("clientOid", order.client_order_id.as_str()),
    ]);
    Call::post(PLACE_TPSL, Lane::Protect, &Value::Object(body))
}

/// How plan orders name the position they close.
const fn hold_side(side: PositionSide, mode: PositionMode) -> &'static str {
    match mode {
        PositionMode::Hedge => side.as_str(),
        PositionMode::OneWay => side.entry_side().as_str(),
    }
}

const fn force(time_in_force: TimeInForce) -> &'static str {
    match time_in_force {
        TimeInForce::GoodTillCancel => "gtc",
        TimeInForce::ImmediateOrCancel => "ioc",
        TimeInForce::FillOrKill => "fok",
        TimeInForce::PostOnly => "post_only",
    }
}

pub const fn margin_mode(mode: MarginMode) -> &'static str {
    match mode {
        MarginMode::Cross => "crossed",
        MarginMode::Isolated => "isolated",
    }
}

/// Takes an order of ours back.
pub fn cancel(symbol: &Symbol, id: &ClientOrderId) -> Call {
    match id.key().map(|key| key.purpose) {
        Some(Purpose::StopLoss) => cancel_plan(symbol, OrderName::Client(id.as_str()), "loss_plan"),
        Some(Purpose::TakeProfit) => cancel_plan(symbol, OrderName::Client(id.as_str()), "profit_plan"),
        Some(
            Purpose::Entry
            | Purpose::Dca1
            | Purpose::Dca2
            | Purpose::Dca3
            | Purpose::Exit
            | Purpose::Flatten
            | Purpose::GridEntry
            | Purpose::GridExit
            | Purpose::GridBuyIn,
        )
        | None => cancel_order(symbol, OrderName::Client(id.as_str())),
    }
}

pub fn cancel_order(symbol: &Symbol, order: OrderName<'_>) -> Call {
    let (key, id) = order.field();
    let body = json!({
        "symbol": symbol.as_str(), "productType": PRODUCT_TYPE, "marginCoin": MARGIN_COIN, key: id,
    });
    Call::post(CANCEL, Lane::Cancel, &body)
}

pub fn cancel_plan(symbol: &Symbol, order: OrderName<'_>, plan_type: &str) -> Call {
    let (key, id) = order.field();
    let body = json!({
        "symbol": symbol.as_str(), "productType": PRODUCT_TYPE, "marginCoin": MARGIN_COIN,
        "planType": plan_type, "orderIdList": [{ key: id }],
    });
    Call::post(CANCEL_PLAN, Lane::Cancel, &body)
}

/// For which sides of a symbol a leverage is set; `None` is both at once.
pub const fn leverage_sides(position: PositionMode, margin: MarginMode) -> &'static [Option<PositionSide>] {
    match (position, margin) {
        (PositionMode::Hedge, MarginMode::Isolated) => &[Some(PositionSide::Long), Some(PositionSide::Short)],
        (PositionMode::Hedge, MarginMode::Cross) | (PositionMode::OneWay, _) => &[None],
    }
}

/// Isolated margin in hedge mode has a leverage for each side; all else has one.
pub fn set_leverage(symbol: &Symbol, leverage: Leverage, side: Option<PositionSide>, lane: Lane) -> Call {
    let mut body = json!({
        "symbol": symbol.as_str(), "productType": PRODUCT_TYPE, "marginCoin": MARGIN_COIN,
        "leverage": leverage.to_string(),
    });
    if let (Some(side), Some(body)) = (side, body.as_object_mut()) {
        body.extend(fields([("holdSide", side.as_str())]));
    }
    Call::post(SET_LEVERAGE, lane, &body)
}

pub fn set_margin_mode(symbol: &Symbol, mode: MarginMode, lane: Lane) -> Call {
    Call::post(SET_MARGIN_MODE, lane, &Value::Object(symbol_fields(symbol, mode)))
}

#[cfg(test)]
mod tests;
