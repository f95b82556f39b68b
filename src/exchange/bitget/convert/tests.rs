//! Rows into words. Orders, positions and balances are held against recorded ones in the vectors.

use serde_json::{Value, json};

use super::*;
use crate::domain::order::Purpose;
use crate::domain::side::{PositionSide, Side};
use crate::exchange::bitget::market_rows;
use crate::exchange::bitget::testing::id;

fn row<T: serde::de::DeserializeOwned>(json: &Value) -> T {
    serde_json::from_str(&json.to_string()).unwrap()
}

#[test]
fn a_triggered_plan_order_is_as_far_as_the_order_that_executes_it() {
    let plan = plan(&row(&json!({
        "orderId": "1", "clientOid": id(3, Purpose::StopLoss).as_str(), "executeOrderId": "2",
        "planStatus": "executed", "symbol": "btcusdt", "size": "0.5", "triggerPrice": "90",
        "side": "buy", "posSide": "long", "tradeSide": "close", "posMode": "hedge_mode",
    })))
    .unwrap()
    .unwrap();
    assert_eq!((plan.is_triggered, plan.executed_by.as_deref()), (true, Some("2")));
    let report = executed(
        plan.order.ours().unwrap(),
        &row(&json!({
            "orderId": "2", "state": "filled", "baseVolume": "0.5", "priceAvg": "89", "quoteVolume": "44.5",
        })),
    )
    .unwrap();
    assert_eq!((report.exchange_order_id.as_str(), report.status), ("1", OrderStatus::Filled));
    assert_eq!((report.side, report.position_side), (Side::Sell, PositionSide::Long));
    assert_eq!((report.filled_notional.to_string(), report.reduce_only), ("44.5".to_owned(), true));
}

#[test]
fn a_stop_that_cannot_be_triggered_has_expired() {
    let json = json!({
        "orderId": "1", "clientOid": id(3, Purpose::StopLoss).as_str(), "planStatus": "fail_execute",
        "symbol": "BTCUSDT", "size": "1", "triggerPrice": "90", "side": "sell", "posSide": "net",
        "tradeSide": "sell_single", "posMode": "one_way_mode",
    });
    let report = plan(&row(&json)).unwrap().unwrap().order.ours().unwrap();
    assert_eq!((report.status, report.position_side), (OrderStatus::Expired, PositionSide::Long));
    assert!(report.end_reason.is_some());
}

#[test]
fn orders_of_others_are_left_alone_whatever_they_say() {
    let json = json!({
        "orderId": "1", "clientOid": "web-1", "status": "a new word", "symbol": "BTCUSDT", "size": "1",
        "price": "25000", "side": "sell", "posSide": "net", "posMode": "one_way_mode",
    });
    let Some(ReadOrder::External(order)) = order(&row(&json)).unwrap() else { panic!("not ours") };
    assert_eq!((order.side, order.price.unwrap().to_string()), (Side::Sell, "25000".to_owned()));
}

#[test]
fn the_wallet_is_the_equity_without_what_is_not_realised() {
    let rows = [row(&json!({
        "marginCoin": "USDT", "accountEquity": "990", "unrealizedPL": "-10", "crossedMaxAvailable": "0E-8",
    }))];
    let balance = balance(&rows).unwrap();
    assert_eq!((balance.wallet.to_string(), balance.available), ("1000".to_owned(), Quote::ZERO));
    let push = |json: &Value| wallet(&row(json)).unwrap();
    assert_eq!(
        push(&json!({"marginCoin": "USDT", "equity": "5", "unrealizedPL": "1"})).unwrap().to_string(),
        "4"
    );
    assert_eq!(push(&json!({"marginCoin": "USDT", "equity": "5"})), None);
}

#[test]
fn bad_fields_are_named() {
    let error =
        position(&row(&json!({"symbol": "BTCUSDT", "total": "1e999", "holdSide": "long"}))).unwrap_err();
    assert_eq!(error.to_string(), "total is `1e999`, which is not a decimal number that can be kept exactly");
    assert!(margin_mode(&"both".into()).is_err() && position_mode(&"".into()).is_err());
}

#[test]
fn isolated_sides_with_different_leverages_have_no_one_leverage() {
    let account = |long, short| {
        terms(&row(
            &json!({"marginMode": "isolated", "isolatedLongLever": long, "isolatedShortLever": short}),
        ))
        .unwrap()
    };
    assert_eq!(account(20, 20).leverage.unwrap().get(), 20);
    assert_eq!(account(20, 3).leverage, None);
}

#[test]
fn rows_of_symbols_that_cannot_be_ours_are_passed_over() {
    let named = |symbol: &str, client_id: &str| {
        json!({
            "orderId": "1", "clientOid": client_id, "status": "live", "planStatus": "live", "symbol": symbol,
            "size": "1", "price": "25000", "triggerPrice": "90", "side": "sell", "posSide": "net",
            "posMode": "one_way_mode", "total": "1", "holdSide": "long", "billId": "1", "amount": "-1",
            "cTime": "1700000000000",
        })
    };
    let foreign = named("龙虾USDT", "web-1");
    assert_eq!(order(&row(&foreign)), Ok(None));
    assert_eq!(plan(&row(&foreign)), Ok(None));
    assert_eq!(position(&row(&foreign)), Ok(None));
    assert_eq!(funding(&row(&foreign)), Ok(None));
    let ticker = json!({"symbol": "龙虾USDT", "lastPr": "1", "quoteVolume": "1"});
    assert_eq!(market_rows::ticker(&row(&ticker)), Ok(None));
    // What carries an id of ours must be understood.
    let ours = named("龙虾USDT", id(3, Purpose::StopLoss).as_str());
    assert!(order(&row(&ours)).is_err() && plan(&row(&ours)).is_err());
}
