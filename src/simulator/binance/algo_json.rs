//! Conditional orders in Binance's words.

use serde_json::{Value, json};

use super::account_data::side_word;
use super::order_json::{self, CLOSE_POSITION, TYPE};
use crate::domain::order::OrderStatus;
use crate::domain::side::PositionMode;
use crate::domain::time::Timestamp;
use crate::simulator::account::Account;
use crate::simulator::order::{Conditional, ConditionalStatus, OrderRecord, Trigger};

pub(super) const WORKING_TYPE: &str = "workingType";

/// NEW, TRIGGERED and, once the order it became has ended, FINISHED; or how else it ended.
pub(super) fn status(conditional: &Conditional, order: Option<&OrderRecord>) -> &'static str {
    match conditional.status {
        ConditionalStatus::Waiting => "NEW",
        ConditionalStatus::Triggered if order.is_some_and(|order| !order.is_open()) => "FINISHED",
        ConditionalStatus::Triggered => "TRIGGERED",
        ConditionalStatus::Cancelled => "CANCELED",
        ConditionalStatus::Expired => "EXPIRED",
        ConditionalStatus::Rejected => "REJECTED",
    }
}

pub(super) fn trigger_price(trigger: Trigger) -> String {
    match trigger {
        Trigger::AtOrBelow(price) | Trigger::AtOrAbove(price) => price.to_string(),
        Trigger::Trailing { .. } => "0".to_owned(),
    }
}

pub(super) fn algo(conditional: &Conditional, account: &Account) -> Value {
    let mode = account.position_mode();
    let order = conditional.order_id.and_then(|id| account.order(id));
    let mut json = base(conditional, order, mode);
    let filled = order.filter(|order| order.status == OrderStatus::Filled || !order.filled_qty.is_zero());
    if let (Some(fields), Trigger::Trailing { callback, activation, .. }) =
        (json.as_object_mut(), conditional.trigger)
    {
        let activation = activation.map_or_else(String::new, |price| price.to_string());
        fields.insert("activatePrice".to_owned(), json!(activation));
        fields.insert("callbackRate".to_owned(), json!(callback.decimal().to_string()));
    }
    if let Some(fields) = json.as_object_mut() {
        let id = conditional.order_id.map_or_else(String::new, |id| id.to_string());
        fields.insert("actualOrderId".to_owned(), json!(id));
        let price = filled.map_or_else(|| "0".to_owned(), order_json::average);
        fields.insert("actualPrice".to_owned(), json!(price));
        fields.insert("actualType".to_owned(), json!(order.map_or("", |order| order_json::kind(order.kind))));
        let qty = filled.map_or_else(|| "0".to_owned(), |order| order.filled_qty.to_string());
        fields.insert("actualQty".to_owned(), json!(qty));
    }
    json
}

/// The answer of placing one.
pub(super) fn base(conditional: &Conditional, order: Option<&OrderRecord>, mode: PositionMode) -> Value {
    json!({
        "algoId": conditional.id, "clientAlgoId": conditional.client_id, "algoType": "CONDITIONAL",
        "orderType": conditional.tag(TYPE).unwrap_or_default(), "symbol": conditional.symbol.as_str(),
        "side": order_json::side(conditional.side), "positionSide": side_word(mode, conditional.position_side),
        "timeInForce": order_json::time_in_force(conditional.kind),
        "quantity": conditional.qty.map_or_else(|| "0".to_owned(), |qty| qty.to_string()),
        "algoStatus": status(conditional, order), "triggerPrice": trigger_price(conditional.trigger),
        "price": order_json::price(conditional.kind), "icebergQuantity": null,
        "selfTradePreventionMode": "EXPIRE_MAKER", "workingType": conditional.tag(WORKING_TYPE),
        "priceMatch": "NONE", "closePosition": conditional.tag(CLOSE_POSITION).is_some(), "priceProtect": false,
        "reduceOnly": conditional.reduce_only, "createTime": conditional.created_at.ms(),
        "updateTime": conditional.updated_at.ms(),
        "triggerTime": conditional.triggered_at.map_or(0, Timestamp::ms), "goodTillDate": 0,
    })
}
