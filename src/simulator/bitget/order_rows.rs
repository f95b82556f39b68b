//! Orders and fills in Bitget's words.
//!
//! In hedge mode `side` names the position, in one-way mode it is the direction.

use serde_json::{Value, json};

use super::account_data::margin_word;
use super::ids;
use super::plan_rows::{PLAN_TYPE, plan_source};
use crate::domain::fee::Paid;
use crate::domain::fill::Liquidity;
use crate::domain::order::{OrderKind, OrderStatus, TimeInForce};
use crate::domain::side::{PositionMode, PositionSide, Side};
use crate::simulator::account::Account;
use crate::simulator::order::{FillRecord, OrderRecord, Origin};

pub(super) const fn mode_word(mode: PositionMode) -> &'static str {
    match mode {
        PositionMode::Hedge => "hedge_mode",
        PositionMode::OneWay => "one_way_mode",
    }
}

pub(super) const fn status(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Intended | OrderStatus::Sent | OrderStatus::Unknown | OrderStatus::Open => "live",
        OrderStatus::PartiallyFilled => "partially_filled",
        OrderStatus::Filled => "filled",
        OrderStatus::Cancelled | OrderStatus::Rejected | OrderStatus::Expired => "canceled",
    }
}

pub(super) const fn kind(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit { .. } => "limit",
        OrderKind::Market | OrderKind::StopMarket { .. } | OrderKind::TakeProfitMarket { .. } => "market",
    }
}

pub(super) const fn force(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit { time_in_force: TimeInForce::ImmediateOrCancel, .. } => "ioc",
        OrderKind::Limit { time_in_force: TimeInForce::FillOrKill, .. } => "fok",
        OrderKind::Limit { time_in_force: TimeInForce::PostOnly, .. } => "post_only",
        OrderKind::Limit { .. }
        | OrderKind::Market
        | OrderKind::StopMarket { .. }
        | OrderKind::TakeProfitMarket { .. } => "gtc",
    }
}

/// The side that is written for an order.
pub(super) const fn side(mode: PositionMode, side: Side, position: PositionSide) -> &'static str {
    match mode {
        PositionMode::Hedge => position.entry_side().as_str(),
        PositionMode::OneWay => side.as_str(),
    }
}

pub(super) const fn position_side(mode: PositionMode, position: PositionSide) -> &'static str {
    match mode {
        PositionMode::Hedge => position.as_str(),
        PositionMode::OneWay => "net",
    }
}

/// What kind of trade it is: also whether the exchange forced it.
pub(super) fn trade_side(mode: PositionMode, side: Side, position: PositionSide, forced: bool) -> String {
    match (mode, forced) {
        (PositionMode::Hedge, true) => format!("burst_close_{position}"),
        (PositionMode::Hedge, false) if side == position.entry_side() => "open".to_owned(),
        (PositionMode::Hedge, false) => "close".to_owned(),
        (PositionMode::OneWay, true) => format!("burst_{side}_single"),
        (PositionMode::OneWay, false) => format!("{side}_single"),
    }
}

/// A row of the order endpoints; one order is told by its `state`, lists by `status`.
pub(super) fn order(order: &OrderRecord, account: &Account, status_field: &str) -> Value {
    let mode = account.position_mode();
    let settings = account.settings(&order.symbol);
    let average = order.average_price().map_or_else(String::new, |price| price.to_string());
    let mut row = json!({
        "symbol": order.symbol.as_str(), "size": order.qty.to_string(), "orderId": ids::of_order(order.id),
        "clientOid": order.client_id, "baseVolume": order.filled_qty.to_string(), "priceAvg": average,
        "fee": (-order.fees.of("USDT")).to_string(), "price": price(order.kind),
        "side": side(mode, order.side, order.position_side), "force": force(order.kind), "totalProfits": "0",
        "posSide": position_side(mode, order.position_side), "marginCoin": "USDT",
        "presetStopSurplusPrice": "", "presetStopLossPrice": "", "quoteVolume": order.filled_notional.to_string(),
        "orderType": kind(order.kind), "leverage": settings.leverage.to_string(),
        "marginMode": margin_word(settings.isolated),
        "reduceOnly": reduce_word(mode, order.reduce_only).to_ascii_uppercase(),
        "enterPointSource": entry_point(order.origin),
        "tradeSide": trade_side(mode, order.side, order.position_side, is_forced(order.origin)),
        "posMode": mode_word(mode), "orderSource": source(order), "cancelReason": "",
        "cTime": order.created_at.ms().to_string(), "uTime": order.updated_at.ms().to_string(),
    });
    if let Some(fields) = row.as_object_mut() {
        fields.insert(status_field.to_owned(), json!(status(order.status)));
    }
    row
}

pub(super) fn price(kind: OrderKind) -> String {
    kind.price().map_or_else(String::new, |price| price.to_string())
}

/// Hedge mode knows no reducing beside closing.
pub(super) const fn reduce_word(mode: PositionMode, reduce_only: bool) -> &'static str {
    match (mode, reduce_only) {
        (PositionMode::OneWay, true) => "yes",
        (PositionMode::OneWay, false) | (PositionMode::Hedge, _) => "no",
    }
}

pub(super) fn is_forced(origin: Origin) -> bool {
    origin == Origin::Liquidation
}

pub(super) const fn entry_point(origin: Origin) -> &'static str {
    match origin {
        Origin::Client => "API",
        Origin::Human => "WEB",
        Origin::Conditional(_) | Origin::Liquidation => "SYS",
    }
}

fn source(order: &OrderRecord) -> &'static str {
    match order.origin {
        Origin::Liquidation => "liquidation",
        Origin::Conditional(_) => plan_source(order.tag(PLAN_TYPE).unwrap_or_default(), order.kind),
        Origin::Client | Origin::Human if order.kind == OrderKind::Market => "market",
        Origin::Client | Origin::Human => "normal",
    }
}

pub(super) fn fill(fill: &FillRecord, account: &Account) -> Value {
    let mode = account.position_mode();
    let forced = account.order(fill.order_id).is_some_and(|order| is_forced(order.origin));
    json!({
        "tradeId": fill.trade_id.to_string(), "symbol": fill.symbol.as_str(),
        "orderId": ids::of_order(fill.order_id), "price": fill.price.to_string(),
        "baseVolume": fill.qty.to_string(), "feeDetail": fees(fill),
        "side": side(mode, fill.side, fill.position_side),
        "quoteVolume": fill.price.notional(fill.qty).to_string(), "profit": fill.realized.to_string(),
        "enterPointSource": "api", "tradeSide": trade_side(mode, fill.side, fill.position_side, forced),
        "posMode": mode_word(mode), "tradeScope": scope(fill.liquidity), "cTime": fill.at.ms().to_string(),
    })
}

pub(super) fn fees(fill: &FillRecord) -> Value {
    let amount = (-fill.fee.amount()).normalize().to_string();
    let (deduction, deducted) = match fill.fee.paid() {
        Paid::FromCash => ("no", "0".to_owned()),
        Paid::InKind { .. } => ("yes", amount.clone()),
    };
    json!([{
        "deduction": deduction, "feeCoin": fill.fee.asset(), "totalDeductionFee": deducted, "totalFee": amount,
    }])
}

pub(super) const fn scope(liquidity: Liquidity) -> &'static str {
    match liquidity {
        Liquidity::Maker => "maker",
        Liquidity::Taker => "taker",
    }
}
