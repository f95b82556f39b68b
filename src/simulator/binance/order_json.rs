//! Orders and fills in Binance's words.

use serde_json::{Value, json};

use super::account_data::side_word;
use crate::domain::fill::Liquidity;
use crate::domain::order::{OrderKind, OrderStatus, TimeInForce};
use crate::domain::side::{PositionMode, Side};
use crate::simulator::order::{FillRecord, OrderRecord};

/// Tags that say what an order was when it was placed.
pub(super) const TYPE: &str = "type";
pub(super) const CLOSE_POSITION: &str = "closePosition";

pub(super) const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

pub(super) const fn status(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Intended | OrderStatus::Sent | OrderStatus::Unknown | OrderStatus::Open => "NEW",
        OrderStatus::PartiallyFilled => "PARTIALLY_FILLED",
        OrderStatus::Filled => "FILLED",
        OrderStatus::Cancelled => "CANCELED",
        OrderStatus::Rejected => "REJECTED",
        OrderStatus::Expired => "EXPIRED",
    }
}

pub(super) const fn kind(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Market => "MARKET",
        OrderKind::Limit { .. } => "LIMIT",
        OrderKind::StopMarket { .. } => "STOP_MARKET",
        OrderKind::TakeProfitMarket { .. } => "TAKE_PROFIT_MARKET",
    }
}

pub(super) const fn time_in_force(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit { time_in_force: TimeInForce::ImmediateOrCancel, .. } => "IOC",
        OrderKind::Limit { time_in_force: TimeInForce::FillOrKill, .. } => "FOK",
        OrderKind::Limit { time_in_force: TimeInForce::PostOnly, .. } => "GTX",
        OrderKind::Limit { .. }
        | OrderKind::Market
        | OrderKind::StopMarket { .. }
        | OrderKind::TakeProfitMarket { .. } => "GTC",
    }
}

/// The limit price; "0" for a market order.
pub(super) fn price(kind: OrderKind) -> String {
    kind.price().map_or_else(|| "0".to_owned(), |price| price.to_string())
}

pub(super) fn average(order: &OrderRecord) -> String {
    order.average_price().map_or_else(|| "0".to_owned(), |price| price.to_string())
}

/// The answer of placing, modifying and cancelling: without fill prices since 2026-07-15.
pub(super) fn placed(order: &OrderRecord, mode: PositionMode) -> Value {
    let word = kind(order.kind);
    json!({
        "orderId": order.id, "symbol": order.symbol.as_str(), "status": status(order.status),
        "clientOrderId": order.client_id, "price": price(order.kind), "origQty": order.qty.to_string(),
        "executedQty": order.filled_qty.to_string(), "cumQty": order.filled_qty.to_string(),
        "timeInForce": time_in_force(order.kind), "type": word, "reduceOnly": order.reduce_only,
        "closePosition": order.tag(CLOSE_POSITION).is_some(), "side": side(order.side),
        "positionSide": side_word(mode, order.position_side), "stopPrice": "0", "workingType": "CONTRACT_PRICE",
        "priceProtect": false, "origType": order.tag(TYPE).unwrap_or(word), "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER", "goodTillDate": 0, "updateTime": order.updated_at.ms(),
    })
}

/// The answer of a query, and of placing with `newOrderRespType=RESULT`.
pub(super) fn queried(order: &OrderRecord, mode: PositionMode) -> Value {
    let mut json = placed(order, mode);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("avgPrice".to_owned(), json!(average(order)));
        fields.insert("cumQuote".to_owned(), json!(order.filled_notional.to_string()));
        fields.insert("time".to_owned(), json!(order.created_at.ms()));
    }
    json
}

pub(super) fn trade(fill: &FillRecord, mode: PositionMode) -> Value {
    json!({
        "buyer": fill.side == Side::Buy, "commission": fill.fee.amount().to_string(), "commissionAsset": fill.fee.asset(),
        "id": fill.trade_id, "maker": fill.liquidity == Liquidity::Maker, "orderId": fill.order_id,
        "price": fill.price.to_string(), "qty": fill.qty.to_string(),
        "quoteQty": fill.price.notional(fill.qty).to_string(), "realizedPnl": fill.realized.to_string(),
        "side": side(fill.side), "positionSide": side_word(mode, fill.position_side),
        "symbol": fill.symbol.as_str(), "time": fill.at.ms(),
    })
}
