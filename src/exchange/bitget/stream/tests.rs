//! From rows of the stream to events.

use serde_json::{Value, json};

use super::*;
use crate::domain::fill::Fill;
use crate::domain::order::Purpose;
use crate::domain::side::PositionMode;
use crate::exchange::Exchange;
use crate::exchange::bitget::testing::{account, answers, id, success};

fn push(order: &str, client_id: &str, status: &str, latest: &str, sum: &str, trade: &str) -> OrderRow {
    let json = json!({
        "accBaseVolume": sum, "baseVolume": latest, "fillPrice": "100", "fillFee": "-0.06", "fillFeeCoin": "USDT",
        "fillTime": "1700000000000", "instId": "BTCUSDT", "orderId": order, "clientOid": client_id, "size": "3",
        "price": "0", "posMode": "hedge_mode", "posSide": "long", "side": "buy", "tradeSide": "close",
        "tradeId": trade, "tradeScope": "T", "status": status, "reduceOnly": "no",
    });
    serde_json::from_str(&json.to_string()).unwrap()
}

fn events(exchange: &mut BitgetExchange) -> Vec<ExchangeEvent> {
    std::iter::from_fn(|| exchange.stream.ready.pop_front()).collect()
}

#[tokio::test]
async fn fills_states_and_ends_of_our_orders_are_told() {
    let (mut exchange, _counterpart) = account(PositionMode::Hedge, answers([])).await;
    let name = id(0, Purpose::Exit);
    exchange.take_in(&AccountNews::Orders(vec![
        push("1", name.as_str(), "live", "", "0", ""),
        push("1", name.as_str(), "partially_filled", "1", "1", "11"),
        push("1", name.as_str(), "canceled", "1", "1", "11"),
    ]));
    let told = events(&mut exchange);
    assert!(matches!(&told[0], ExchangeEvent::OrderSeen(report) if report.status == OrderStatus::Open));
    assert!(
        matches!(&told[1], ExchangeEvent::Fill(Fill { client_order_id, .. }) if *client_order_id == name)
    );
    // The last fill is repeated with the end; it is booked by its id.
    assert!(matches!(&told[2], ExchangeEvent::Fill(_)));
    assert!(matches!(&told[3], ExchangeEvent::OrderEnded { status: OrderStatus::Cancelled, .. }));
    assert_eq!(told.len(), 4);
}

#[tokio::test]
async fn a_sum_that_is_more_than_what_was_told_asks_for_everything() {
    let (mut exchange, _counterpart) = account(PositionMode::Hedge, answers([])).await;
    let name = id(0, Purpose::Exit);
    exchange.take_in(&AccountNews::Orders(vec![
        push("1", name.as_str(), "partially_filled", "1", "1", "11"),
        push("1", name.as_str(), "filled", "1", "3", "13"),
    ]));
    let told = events(&mut exchange);
    assert!(matches!(
        told.as_slice(),
        [ExchangeEvent::Fill(_), ExchangeEvent::Resync { .. }, ExchangeEvent::Fill(_)]
    ));
}

#[tokio::test]
async fn the_fill_of_a_triggered_stop_is_held_back_until_it_is_known_whose_it_is() {
    let stop = id(1, Purpose::StopLoss);
    let history = json!({"entrustedList": [{
        "orderId": "20", "clientOid": stop.as_str(), "executeOrderId": "200", "planStatus": "executed",
        "symbol": "BTCUSDT", "size": "3", "triggerPrice": "90", "side": "buy", "posSide": "long",
        "tradeSide": "close", "posMode": "hedge_mode",
    }]});
    let (mut exchange, _counterpart) =
        account(PositionMode::Hedge, answers([("/orders-plan-history", success(&history))])).await;
    exchange.take_in(&AccountNews::Orders(vec![push("200", "generated", "filled", "3", "3", "11")]));
    assert_eq!(exchange.stream.ready.len(), 0);
    exchange.changed().await;
    let told = events(&mut exchange);
    assert!(
        matches!(told.as_slice(), [ExchangeEvent::Fill(Fill { client_order_id, .. })] if *client_order_id == stop),
        "{told:?}"
    );
}

#[tokio::test]
async fn each_fill_is_told_as_soon_as_it_is_known_whose_it_is() {
    let history = success(&json!({"entrustedList": []}));
    let manual = success(&json!({"orderId": "1", "clientOid": "web", "state": "filled"}));
    let waiting = id(1, Purpose::StopLoss);
    let list = answers([("/orders-plan-history", history), ("/order/detail", manual)]);
    let (mut exchange, counterpart) = account(PositionMode::Hedge, list).await;
    exchange.links.note_waiting(&waiting);
    let fill = |order: &str| AccountNews::Orders(vec![push(order, "web", "filled", "3", "3", order)]);
    exchange.take_in(&fill("200"));
    exchange.take_in(&fill("300"));
    for told in 1..=2 {
        exchange.changed().await;
        assert!(matches!(exchange.next_news(), Some(ExchangeEvent::ExternalFill(_))));
        assert_eq!(counterpart.asked("/order/detail").len(), told);
        // Of what they may have come from it is asked once: among the newest, and about the one that waits.
        assert_eq!(counterpart.asked("/orders-plan-history").len(), 2);
    }
    // What comes later may come from what was asked about before.
    exchange.take_in(&fill("400"));
    exchange.changed().await;
    assert_eq!(counterpart.asked("/orders-plan-history").len(), 4);
}

#[tokio::test]
async fn what_became_known_while_it_was_asked_about_is_told_though_nobody_waited_for_the_answer() {
    let (mut exchange, _counterpart) = account(PositionMode::Hedge, answers([])).await;
    let stop = id(1, Purpose::StopLoss);
    exchange.take_in(&AccountNews::Orders(vec![push("200", "generated", "filled", "3", "3", "11")]));
    assert!(exchange.begin_linking());
    exchange.links.note_ours("200", &stop);
    let told = exchange.next_news();
    assert!(
        matches!(&told, Some(ExchangeEvent::Fill(Fill { client_order_id, .. })) if *client_order_id == stop),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_liquidation_is_told_at_once() {
    let (mut exchange, _counterpart) = account(PositionMode::Hedge, answers([])).await;
    let mut row = json!({
        "accBaseVolume": "3", "baseVolume": "3", "fillPrice": "50", "fillFee": "-0.06", "fillFeeCoin": "USDT",
        "fillTime": "1700000000000", "instId": "BTCUSDT", "orderId": "9", "clientOid": "", "size": "3",
        "price": "0", "posMode": "hedge_mode", "posSide": "long", "side": "sell", "tradeId": "11",
        "tradeScope": "T", "status": "filled",
    });
    row["tradeSide"] = Value::from("burst_close_long");
    exchange.take_in(&AccountNews::Orders(vec![serde_json::from_str(&row.to_string()).unwrap()]));
    let told = events(&mut exchange);
    assert!(
        matches!(told.as_slice(), [ExchangeEvent::ExternalFill(fill)] if fill.cause == ExternalCause::Liquidation),
        "{told:?}"
    );
}

#[tokio::test]
async fn terms_that_somebody_else_changed_are_told_once() {
    let (mut exchange, _counterpart) = account(PositionMode::Hedge, answers([])).await;
    let symbol = crate::matching::fixtures::symbol("BTCUSDT");
    exchange.terms_of(&symbol, crate::exchange::wire::Lane::Entry).await.unwrap();
    let row = |leverage: u8| -> PositionRow {
        let json = json!({
            "instId": "BTCUSDT", "holdSide": "long", "total": "1", "leverage": leverage, "marginMode": "crossed",
        });
        serde_json::from_str(&json.to_string()).unwrap()
    };
    exchange.take_in(&AccountNews::Positions(vec![row(10)]));
    assert!(events(&mut exchange).is_empty());
    exchange.take_in(&AccountNews::Positions(vec![row(25)]));
    exchange.take_in(&AccountNews::Positions(vec![row(25)]));
    assert_eq!(events(&mut exchange), [ExchangeEvent::TermsChanged { symbol }]);
}
