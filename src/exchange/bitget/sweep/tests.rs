//! Sweeps and queries against an exchange on the loopback.

use serde_json::{Value, json};

use super::*;
use crate::domain::instrument::Symbol;
use crate::domain::order::{OrderStatus, Purpose};
use crate::exchange::Exchange;
use crate::exchange::bitget::testing::{NOW, account, answers, id, refusal, success};
use crate::exchange::report::{FillSweep, Scope};

fn fill(trade: &str, order: &str, trade_side: &str) -> Value {
    json!({
        "tradeId": trade, "symbol": "BTCUSDT", "orderId": order, "price": "100", "baseVolume": "1",
        "feeDetail": [{"feeCoin": "USDT", "totalFee": "-0.06"}], "side": "buy", "tradeSide": trade_side,
        "posMode": "hedge_mode", "tradeScope": "taker", "cTime": (NOW - 120_000).to_string(),
    })
}

fn plan(order: &str, id: &str, status: &str, executed_by: Option<&str>) -> Value {
    json!({
        "orderId": order, "clientOid": id, "executeOrderId": executed_by, "planStatus": status,
        "symbol": "BTCUSDT", "size": "1", "triggerPrice": "90", "side": "buy", "posSide": "long",
        "tradeSide": "close", "posMode": "hedge_mode", "planType": "loss_plan",
    })
}

fn since() -> Timestamp {
    Timestamp::from_ms(NOW).minus(DurationMs::from_secs(3_600))
}

#[tokio::test]
async fn fills_are_told_apart_and_those_of_a_triggered_stop_are_ours() {
    let (entry, stop) = (id(0, Purpose::Entry), id(1, Purpose::StopLoss));
    let fills = json!({"fillList": [
        fill("4", "400", "burst_close_long"), fill("3", "300", "close"), fill("2", "200", "close"),
        fill("1", "100", "open"),
    ]});
    let history = json!({"entrustedList": [plan("20", stop.as_str(), "executed", Some("200"))]});
    let manual = json!({"orderId": "300", "clientOid": "web", "orderSource": "normal", "state": "filled"});
    let (mut exchange, counterpart) = account(
        PositionMode::Hedge,
        answers([
            ("/order/fills", success(&fills)),
            ("/orders-plan-history", success(&history)),
            ("/order/detail", success(&manual)),
        ]),
    )
    .await;
    let sweep = sweep_of([(&entry, "100"), (&stop, "20")]);
    let reported = exchange.fills_since(&sweep).await.unwrap();
    let told: Vec<_> = reported
        .iter()
        .map(|fill| match fill {
            ReportedFill::Ours(fill) => (fill.trade_id.0.as_str(), Some(fill.client_order_id.clone()), None),
            ReportedFill::External(fill) => (fill.trade_id.0.as_str(), None, Some(fill.cause)),
        })
        .collect();
    assert_eq!(
        told,
        [
            ("1", Some(entry), None),
            ("2", Some(stop), None),
            ("3", None, Some(ExternalCause::Manual)),
            ("4", None, Some(ExternalCause::Liquidation)),
        ]
    );
    // What is known is not asked for again.
    exchange.fills_since(&sweep).await.unwrap();
    assert_eq!(counterpart.asked("/orders-plan-history").len(), 1);
    assert_eq!(counterpart.asked("/order/detail").len(), 1);
}

#[tokio::test]
async fn fills_are_asked_for_by_the_exchanges_clock() {
    let fills = success(&json!({"fillList": [fill("1", "100", "open")]}));
    let (mut exchange, counterpart) = account(PositionMode::Hedge, answers([("/order/fills", fills)])).await;
    // Ours is five minutes ahead: the fill, two minutes ago by the exchange's, was three minutes from now by ours.
    let now = Timestamp::from_ms(NOW);
    exchange.rest.line().clock().learn(now, now, Timestamp::from_ms(NOW - 300_000));
    let entry = id(0, Purpose::Entry);
    let sweep = FillSweep { since: now.minus(DurationMs::from_secs(60)), ..sweep_of([(&entry, "100")]) };
    assert_eq!(exchange.fills_since(&sweep).await.unwrap().len(), 1);
    let asked = counterpart.asked("/order/fills");
    assert!(asked[0].contains(&format!("startTime={}", NOW - 360_000)), "{asked:?}");
}

/// What our orders are called, of the symbol of the fills.
fn sweep_of<const N: usize>(orders: [(&ClientOrderId, &str); N]) -> FillSweep {
    let symbol = Symbol::try_new("BTCUSDT").unwrap();
    let orders = orders.map(|(id, called)| ((symbol.clone(), id.clone()), called.to_owned())).into();
    FillSweep { since: since(), orders, ..FillSweep::default() }
}

#[tokio::test]
async fn a_plan_order_of_the_same_id_takes_no_fill_from_an_order() {
    let (entry, stop) = (id(0, Purpose::Entry), id(1, Purpose::StopLoss));
    let plans = success(&json!({"entrustedList": [plan("20", stop.as_str(), "live", None)]}));
    let (mut exchange, _counterpart) = account(
        PositionMode::Hedge,
        answers([
            ("/order/fills", success(&json!({"fillList": [fill("1", "20", "open")]}))),
            ("/orders-pending", success(&json!({"entrustedList": null}))),
            ("/orders-plan-pending", plans),
        ]),
    )
    .await;
    let is_the_entrys = |fills: Vec<ReportedFill>| matches!(fills.as_slice(), [ReportedFill::Ours(fill)] if fill.client_order_id == entry);
    let sweep = sweep_of([(&entry, "20"), (&stop, "20")]);
    assert!(is_the_entrys(exchange.fills_since(&sweep).await.unwrap()));
    exchange.open_orders(&Scope::All).await.unwrap();
    assert!(is_the_entrys(
        exchange.fills_since(&FillSweep { since: since(), ..FillSweep::default() }).await.unwrap()
    ));
}

#[tokio::test]
async fn a_waiting_stop_is_found_and_a_triggered_one_is_as_far_as_its_execution() {
    let stop = id(1, Purpose::StopLoss);
    let symbol = Symbol::try_new("BTCUSDT").unwrap();
    let list = |row: Option<Value>| success(&json!({"entrustedList": row.map(|row| vec![row])}));
    let executing = json!({"orderId": "200", "state": "filled", "baseVolume": "1", "quoteVolume": "89"});
    let (mut exchange, _counterpart) = account(
        PositionMode::Hedge,
        answers([
            ("/orders-plan-pending", list(Some(plan("20", stop.as_str(), "live", None)))),
            ("/orders-plan-pending", list(None)),
            ("/orders-plan-history", list(Some(plan("20", stop.as_str(), "executed", Some("200"))))),
            ("/order/detail", success(&executing)),
        ]),
    )
    .await;
    let waiting = exchange.order_by_client_id(&symbol, &stop).await.unwrap().unwrap();
    assert_eq!((waiting.status, waiting.exchange_order_id.as_str()), (OrderStatus::Open, "20"));
    let done = exchange.order_by_client_id(&symbol, &stop).await.unwrap().unwrap();
    assert_eq!((done.status, done.filled_notional.to_string()), (OrderStatus::Filled, "89".to_owned()));
}

#[tokio::test]
async fn an_order_nobody_knows_is_none_and_a_fault_is_not() {
    let symbol = Symbol::try_new("BTCUSDT").unwrap();
    let (mut exchange, _counterpart) = account(
        PositionMode::OneWay,
        answers(["40109", "40725", "40725", "40725", "40725"].map(|code| ("/order/detail", refusal(code)))),
    )
    .await;
    assert_eq!(exchange.order_by_client_id(&symbol, &id(0, Purpose::Entry)).await, Ok(None));
    assert!(exchange.order_by_client_id(&symbol, &id(0, Purpose::Entry)).await.is_err());
}

#[tokio::test]
async fn open_orders_of_both_spaces_are_listed_page_by_page() {
    let row = |n: usize| {
        json!({
            "orderId": n.to_string(), "clientOid": if n == 1 { id(1, Purpose::Entry).as_str().to_owned() } else { format!("web{n}") },
            "status": "live", "symbol": "BTCUSDT", "size": "1", "price": "25000", "side": "buy",
            "posSide": "long", "tradeSide": "open", "posMode": "hedge_mode",
        })
    };
    let page = |range: std::ops::Range<usize>| {
        success(&json!({"entrustedList": range.rev().map(row).collect::<Vec<_>>()}))
    };
    let stop = id(2, Purpose::StopLoss);
    let plans = success(&json!({"entrustedList": [plan("20", stop.as_str(), "live", None)]}));
    let (mut exchange, counterpart) = account(
        PositionMode::Hedge,
        answers([
            ("/orders-pending", page(2..102)),
            ("/orders-pending", page(1..2)),
            ("/orders-plan-pending", plans),
        ]),
    )
    .await;
    let open = exchange.open_orders(&Scope::All).await.unwrap();
    assert_eq!((open.ours.len(), open.external.len()), (2, 100));
    assert!(counterpart.asked("/orders-pending")[1].contains("idLessThan=2"));
}

#[tokio::test]
async fn funding_is_what_was_settled_oldest_first() {
    let bill = |id: &str, kind: &str, at: i64| json!({"billId": id, "symbol": "BTCUSDT", "amount": "-0.5", "businessType": kind, "cTime": at.to_string()});
    let bills = json!({"bills": [
        bill("3", "contract_settle_fee", NOW - 1), bill("2", "open_long", NOW - 2), bill("1", "contract_settle_fee", NOW - 3),
    ]});
    let (mut exchange, _counterpart) =
        account(PositionMode::OneWay, answers([("/account/bill", success(&bills))])).await;
    let payments = exchange.funding_since(since()).await.unwrap();
    let ids: Vec<_> = payments.iter().map(|payment| payment.id.as_str()).collect();
    assert_eq!(ids, ["1", "3"]);
    assert_eq!(payments[0].amount.to_string(), "-0.5");
}

#[tokio::test]
async fn the_profile_says_who_the_account_is() {
    let key = json!({"userId": "u-1", "ips": "127.0.0.1", "authorities": ["trade", "readonly"], "traderType": "trader"});
    let accounts = json!([{
        "marginCoin": "USDT", "accountEquity": "1000", "unrealizedPL": "0", "crossedMaxAvailable": "900",
        "posMode": "one_way_mode", "assetMode": "union",
    }]);
    let (mut exchange, _counterpart) = account(
        PositionMode::OneWay,
        answers([
            ("/public/time", success(&json!({"serverTime": NOW.to_string()}))),
            ("/spot/account/info", success(&key)),
            ("/account/accounts", success(&accounts)),
        ]),
    )
    .await;
    let profile = exchange.inspect().await.unwrap();
    assert_eq!((profile.uid.as_deref(), profile.can_withdraw), (Some("u-1"), Some(false)));
    assert_eq!((profile.ip_restricted, profile.position_mode), (Some(true), Some(PositionMode::OneWay)));
    assert_eq!((profile.remarks.len(), profile.balance.available.to_string()), (3, "900".to_owned()));
}
