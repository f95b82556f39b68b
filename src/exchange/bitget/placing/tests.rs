//! Placing and cancelling against an exchange on the loopback.

use serde_json::json;

use super::*;
use crate::domain::order::{OrderKind, OrderTimes, Purpose};
use crate::domain::side::{PositionMode, Side};
use crate::domain::time::DurationMs;
use crate::exchange::bitget::testing::{NOW, account, answers, closing, entry, refusal, success};
use crate::exchange::{Exchange, place_one};
use crate::matching::fixtures::stop;

fn order_row(id: &str, state: &str) -> serde_json::Value {
    json!({
        "orderId": "77", "clientOid": id, "state": state, "symbol": "BTCUSDT", "size": "1", "price": "",
        "side": "buy", "posSide": "net", "tradeSide": "buy_single", "posMode": "one_way_mode",
    })
}

#[tokio::test]
async fn orders_of_a_symbol_go_together_and_are_answered_alone() {
    let orders: Vec<Order> = (0..6).map(|leg| entry(leg, Side::Buy, OrderKind::Market)).collect();
    let name = |leg: usize| orders[leg].client_order_id.as_str();
    let listed = json!({
        "successList": [{"orderId": "10", "clientOid": name(0)}, {"orderId": "13", "clientOid": name(3)}],
        "failureList": [
            {"orderId": "", "clientOid": name(1), "errorCode": "45110", "errorMsg": "too small"},
            {"orderId": "", "clientOid": name(2), "errorCode": "40725", "errorMsg": "service returned an error"},
            {"orderId": "", "clientOid": name(4), "errorCode": "40786", "errorMsg": "Duplicate clientOid"},
        ],
    });
    let detail = success(&order_row(name(4), "live"));
    let (mut exchange, counterpart) = account(
        PositionMode::OneWay,
        answers([("/batch-place-order", success(&listed)), ("/order/detail", detail)]),
    )
    .await;
    let outcomes = exchange.place(&orders).await;
    let ids: Vec<_> =
        outcomes.iter().map(|it| it.as_ref().map(|it| it.exchange_order_id.as_str()).ok()).collect();
    assert_eq!(ids, [Some("10"), None, None, Some("13"), Some("77"), None]);
    assert!(matches!(&outcomes[1], Err(ExchangeError::Refused { code, .. }) if code == "45110"));
    assert!(matches!(outcomes[2], Err(ExchangeError::Unknown { .. })));
    assert!(matches!(outcomes[5], Err(ExchangeError::Unknown { .. })), "not listed");
    assert_eq!(counterpart.asked("/batch-place-order").len(), 1);
    assert_eq!(counterpart.asked("/account/account").len(), 1);
}

#[tokio::test]
async fn few_orders_go_one_by_one_and_stops_among_the_plan_orders() {
    let placed = |id: &str| success(&json!({"orderId": id, "clientOid": ""}));
    let (mut exchange, counterpart) = account(
        PositionMode::Hedge,
        answers([("/place-order", placed("1")), ("/place-tpsl-order", placed("2"))]),
    )
    .await;
    let orders = [
        closing(0, Side::Sell, Purpose::StopLoss, stop("90")),
        entry(1, Side::Buy, OrderKind::Market),
        entry(2, Side::Buy, OrderKind::Market),
    ];
    let outcomes = exchange.place(&orders).await;
    let ids: Vec<_> = outcomes.iter().map(|it| it.as_ref().unwrap().exchange_order_id.as_str()).collect();
    assert_eq!(ids, ["2", "1", "1"]);
    assert_eq!(counterpart.asked("/place-order").len(), 2);
}

#[tokio::test]
async fn a_reduce_only_answer_without_an_id_is_looked_up() {
    let order = closing(0, Side::Sell, Purpose::Exit, OrderKind::Market);
    let nameless = success(&json!({"orderId": null, "clientOid": order.client_order_id.as_str()}));
    let detail = success(&order_row(order.client_order_id.as_str(), "filled"));
    let (mut exchange, _counterpart) =
        account(PositionMode::OneWay, answers([("/place-order", nameless), ("/order/detail", detail)])).await;
    assert_eq!(place_one(&mut exchange, &order).await.unwrap().exchange_order_id, "77");
}

#[tokio::test]
async fn a_used_id_that_cannot_be_found_leaves_the_outcome_open() {
    let (mut exchange, _counterpart) = account(
        PositionMode::OneWay,
        answers([("/place-order", refusal("40786")), ("/order/detail", refusal("40109"))]),
    )
    .await;
    let outcome = place_one(&mut exchange, &entry(0, Side::Buy, OrderKind::Market)).await;
    assert!(matches!(outcome, Err(ExchangeError::Unknown { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_stamp_that_is_not_taken_is_made_anew_by_the_exchanges_clock() {
    let expired = json!({"code": "40008", "msg": "Request timestamp expired", "requestTime": NOW + 60_000});
    let placed = success(&json!({"orderId": "1", "clientOid": ""}));
    let (mut exchange, counterpart) = account(
        PositionMode::OneWay,
        answers([("/place-order", (400, expired.to_string())), ("/place-order", placed)]),
    )
    .await;
    let outcome = place_one(&mut exchange, &entry(0, Side::Buy, OrderKind::Market)).await;
    assert_eq!(outcome.unwrap().exchange_order_id, "1");
    assert_eq!(counterpart.asked("/place-order").len(), 2);
    assert_eq!(exchange.rest.line().clock().offset(), DurationMs::from_secs(60));
}

#[tokio::test]
async fn an_order_from_before_the_machine_was_paused_is_not_stamped_anew() {
    let expired = json!({"code": "40008", "msg": "Request timestamp expired", "requestTime": NOW + 60_000});
    let (mut exchange, counterpart) =
        account(PositionMode::OneWay, answers([("/place-order", (400, expired.to_string()))])).await;
    let now = Timestamp::from_ms(NOW);
    exchange.rest.line().clock().learn(now, now, now);
    let outcome = place_one(&mut exchange, &entry(0, Side::Buy, OrderKind::Market)).await;
    assert!(matches!(outcome, Err(ExchangeError::Unavailable { .. })), "{outcome:?}");
    assert_eq!(counterpart.asked("/place-order").len(), 1, "a minute has passed, whatever our clock says");
}

#[tokio::test]
async fn what_was_decided_too_long_ago_is_not_sent() {
    let (mut exchange, counterpart) = account(PositionMode::OneWay, answers([])).await;
    let long_ago = Timestamp::from_ms(NOW).minus(SEND_DEADLINE).minus(DurationMs::from_ms(1));
    let order = entry(0, Side::Buy, OrderKind::Market);
    let order = Order { times: OrderTimes { decided_at: long_ago, ..order.times }, ..order };
    let outcome = place_one(&mut exchange, &order).await;
    assert!(matches!(outcome, Err(ExchangeError::Unavailable { .. })), "{outcome:?}");
    assert!(counterpart.asked("/place-order").is_empty());
}

#[tokio::test]
async fn nothing_is_sent_to_an_account_in_the_other_position_mode() {
    let terms = json!({"marginMode": "crossed", "posMode": "hedge_mode", "crossedMarginLeverage": 10});
    let (mut exchange, counterpart) =
        account(PositionMode::OneWay, answers([("/account/account", success(&terms))])).await;
    let outcome = place_one(&mut exchange, &entry(0, Side::Buy, OrderKind::Market)).await;
    assert!(
        matches!(&outcome, Err(ExchangeError::Refused { code, .. }) if code == "position_mode"),
        "{outcome:?}"
    );
    assert!(counterpart.asked("/place-order").is_empty());
}

#[tokio::test]
async fn a_plan_order_that_is_not_cancelled_is_told() {
    let order = closing(0, Side::Sell, Purpose::StopLoss, stop("90"));
    let lists = json!({"successList": [], "failureList": [{"orderId": "3", "errorMsg": "notExistend"}]});
    let (mut exchange, _counterpart) =
        account(PositionMode::OneWay, answers([("/cancel-plan-order", success(&lists))])).await;
    let outcome = exchange.cancel(&order.symbol, &order.client_order_id).await;
    assert!(matches!(outcome, Err(ExchangeError::Refused { .. })), "{outcome:?}");
}
