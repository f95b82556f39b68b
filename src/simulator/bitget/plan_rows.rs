//! Plan orders in Bitget's words.

use serde_json::{Value, json};

use super::account_data::margin_word;
use super::ids;
use super::order_rows::{kind, mode_word, position_side, price, side, trade_side};
use crate::domain::order::OrderKind;
use crate::simulator::account::Account;
use crate::simulator::order::{Conditional, ConditionalStatus, OrderRecord, Trigger};

/// The tag that keeps what a plan order was placed as.
pub(super) const PLAN_TYPE: &str = "planType";
pub(super) const TRIGGER_TYPE: &str = "triggerType";

/// What the order that executes a plan order is said to come from.
pub(super) fn plan_source(plan_type: &str, kind: OrderKind) -> &'static str {
    let is_limit = matches!(kind, OrderKind::Limit { .. });
    match (plan_type, is_limit) {
        ("profit_plan", false) => "profit_market",
        ("profit_plan", true) => "profit_limit",
        ("loss_plan", false) => "loss_market",
        ("loss_plan", true) => "loss_limit",
        ("pos_profit", false) => "pos_profit_market",
        ("pos_profit", true) => "pos_profit_limit",
        ("pos_loss", false) => "pos_loss_market",
        ("pos_loss", true) => "pos_loss_limit",
        ("track_plan", _) => "tracking_market",
        ("moving_plan", _) => "move_market",
        (_, true) => "plan_limit",
        (_, false) => "plan_market",
    }
}

pub(super) const fn status(plan: &Conditional) -> &'static str {
    match plan.status {
        ConditionalStatus::Waiting => "live",
        ConditionalStatus::Triggered => "executed",
        ConditionalStatus::Cancelled => "cancelled",
        ConditionalStatus::Expired | ConditionalStatus::Rejected => "fail_execute",
    }
}

pub(super) fn trigger_price(plan: &Conditional) -> String {
    match plan.trigger {
        Trigger::AtOrBelow(price) | Trigger::AtOrAbove(price) => price.to_string(),
        Trigger::Trailing { activation, .. } => {
            activation.map_or_else(String::new, |price| price.to_string())
        }
    }
}

pub(super) fn size(plan: &Conditional) -> String {
    plan.qty.map_or_else(|| "0".to_owned(), |qty| qty.to_string())
}

fn callback(plan: &Conditional) -> String {
    match plan.trigger {
        Trigger::Trailing { callback, .. } => callback.to_string(),
        Trigger::AtOrBelow(_) | Trigger::AtOrAbove(_) => String::new(),
    }
}

/// A row of the plan order endpoints; those that have ended name the order that executed them.
pub(super) fn plan(plan: &Conditional, account: &Account) -> Value {
    let mode = account.position_mode();
    let executed = plan.order_id.and_then(|id| account.order(id));
    let filled = executed.map_or_else(|| "0".to_owned(), |order| order.filled_qty.to_string());
    let average = executed.and_then(OrderRecord::average_price).map(|price| price.to_string());
    json!({
        "planType": plan.tag(PLAN_TYPE).unwrap_or("normal_plan"), "symbol": plan.symbol.as_str(),
        "size": size(plan), "orderId": plan.id.to_string(), "clientOid": plan.client_id,
        "executeOrderId": plan.order_id.map(ids::of_order).unwrap_or_default(), "price": price(plan.kind),
        "executePrice": price(plan.kind), "callbackRatio": callback(plan), "triggerPrice": trigger_price(plan),
        "triggerType": plan.tag(TRIGGER_TYPE).unwrap_or("fill_price"), "planStatus": status(plan),
        "baseVolume": filled, "priceAvg": average.unwrap_or_default(),
        "side": side(mode, plan.side, plan.position_side), "posSide": position_side(mode, plan.position_side),
        "marginCoin": "USDT", "marginMode": margin_word(account.settings(&plan.symbol).isolated),
        "enterPointSource": "API", "tradeSide": trade_side(mode, plan.side, plan.position_side, false),
        "posMode": mode_word(mode), "orderType": kind(plan.kind), "orderSource": "normal",
        "stopSurplusTriggerPrice": "", "stopSurplusExecutePrice": "", "stopSurplusTriggerType": "fill_price",
        "stopLossTriggerPrice": "", "stopLossExecutePrice": "", "stopLossTriggerType": "fill_price",
        "cTime": plan.created_at.ms().to_string(), "uTime": plan.updated_at.ms().to_string(),
    })
}
