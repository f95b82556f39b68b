//! Fills by REST and by the stream.

use serde_json::{Value, json};

use super::*;
use crate::domain::order::Purpose;
use crate::domain::side::{PositionSide, Side};
use crate::exchange::bitget::testing::id;

fn row<T: serde::de::DeserializeOwned>(json: &Value) -> T {
    serde_json::from_str(&json.to_string()).unwrap()
}

fn push() -> Value {
    json!({
        "accBaseVolume": "0.03", "baseVolume": "0.01", "fillPrice": "27000.5", "fillFee": "-0.162003",
        "fillFeeCoin": "USDT", "fillTime": "1695718781146", "instId": "BTCUSDT", "orderId": "1",
        "posMode": "one_way_mode", "posSide": "net", "side": "sell", "tradeSide": "sell_single",
        "tradeId": "11", "tradeScope": "T", "clientOid": "x",
    })
}

#[test]
fn a_push_tells_the_size_of_its_fill_and_not_the_sum() {
    let execution = Execution::from_push(&row(&push())).unwrap().unwrap();
    let client_id = id(1, Purpose::Exit);
    let fill = execution.ours(client_id.clone(), client_id.key().unwrap());
    assert_eq!(
        (fill.qty.to_string(), fill.fee.amount().to_string()),
        ("0.01".to_owned(), "0.162003".to_owned())
    );
    assert_eq!(
        (fill.side, fill.position_side, fill.liquidity),
        (Side::Sell, PositionSide::Long, Liquidity::Taker)
    );
}

#[test]
fn a_push_without_a_trade_has_no_fill() {
    let mut live = push();
    live["tradeId"] = Value::Null;
    assert_eq!(Execution::from_push(&row(&live)).unwrap(), None);
}

#[test]
fn fees_in_another_coin_are_no_fees_in_quote() {
    let execution = Execution::from_rest(&row(&json!({
        "tradeId": "123", "symbol": "ethusdt", "orderId": "7", "price": "1900", "baseVolume": "1",
        "feeDetail": [{"deduction": "yes", "feeCoin": "BGB", "totalFee": "-0.017118519726"}],
        "side": "sell", "tradeSide": "burst_close_long", "posMode": "hedge_mode", "tradeScope": "taker",
        "cTime": "1627293509612",
    })))
    .unwrap()
    .unwrap();
    assert_eq!(
        (execution.fee.amount().to_string().as_str(), execution.fee.asset()),
        ("0.017118519726", "BGB")
    );
    let external = execution.external();
    assert_eq!((external.fee.cash(), external.cause), (Quote::ZERO, ExternalCause::Liquidation));
    assert_eq!((external.side, external.position_side), (Side::Sell, Some(PositionSide::Long)));
}

#[test]
fn fills_of_symbols_that_cannot_be_ours_are_passed_over() {
    let mut foreign = push();
    foreign["instId"] = "龙虾USDT".into();
    assert_eq!(Execution::from_push(&row(&foreign)), Ok(None));
    foreign["clientOid"] = id(1, Purpose::Exit).as_str().into();
    assert!(Execution::from_push(&row(&foreign)).is_err());
    let told = json!({
        "tradeId": "1", "symbol": "龙虾USDT", "orderId": "7", "price": "1900", "baseVolume": "1", "side": "sell",
        "posMode": "one_way_mode", "tradeScope": "taker", "cTime": "1627293509612",
    });
    assert_eq!(Execution::from_rest(&row(&told)), Ok(None));
}
