//! The exchange in no dialect: what is traded, what is triggered, and what the oracle says to it.

use serde_json::{Value, json};

use super::dialect::Request;
use super::event::AccountIndex;
use super::fixtures::{play_out, venue};
use super::order::{ConditionalStatus, NewConditional, NewOrder, Origin, Tags, Trigger};
use super::refusal::Refusal;
use super::venue::Venue;
use crate::domain::instrument::Symbol;
use crate::domain::kind::ExchangeKind;
use crate::domain::order::{OrderKind, OrderStatus, TimeInForce};
use crate::domain::side::{PositionMode, PositionSide, Side};

const DEMO: AccountIndex = AccountIndex(0);

fn btc() -> Symbol {
    Symbol::try_new("BTCUSDT").unwrap()
}

fn order(client_id: &str, side: Side, kind: OrderKind, qty: &str) -> NewOrder {
    NewOrder {
        client_id: client_id.to_owned(),
        symbol: btc(),
        side,
        position_side: PositionSide::Long,
        kind,
        qty: qty.parse().unwrap(),
        reduce_only: false,
        origin: Origin::Client,
        tags: Tags::new(),
    }
}

fn limit(price: &str) -> OrderKind {
    OrderKind::Limit { price: price.parse().unwrap(), time_in_force: TimeInForce::GoodTillCancel }
}

fn stop(side: Side, trigger: Trigger, qty: Option<&str>) -> NewConditional {
    NewConditional {
        client_id: "stop".to_owned(),
        symbol: btc(),
        side,
        position_side: PositionSide::Long,
        trigger,
        kind: OrderKind::Market,
        qty: qty.map(|qty| qty.parse().unwrap()),
        reduce_only: true,
        tags: Tags::new(),
    }
}

fn control(venue: &Venue, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = Request {
        method: method.parse().unwrap(),
        path: format!("/_sim/{}", path.split('?').next().unwrap()),
        query: path.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default(),
        headers: axum::http::HeaderMap::new(),
        body: body.to_string(),
        peer: [127, 0, 0, 1].into(),
    };
    let answer = super::control::answer(venue, &request);
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

#[test]
fn a_market_order_is_filled_in_its_answer_and_a_limit_order_when_the_market_comes() {
    let venue = venue(ExchangeKind::Binance, "BTCUSDT", "50000", &["49000", "51000"]);
    let bought = venue.place(DEMO, order("a", Side::Buy, OrderKind::Market, "0.1")).unwrap();
    assert_eq!(
        (bought.status, bought.average_price().unwrap().to_string()),
        (OrderStatus::Filled, "50000".into())
    );
    let resting = venue.place(DEMO, order("b", Side::Buy, limit("49500"), "0.1")).unwrap();
    assert_eq!(resting.status, OrderStatus::Open);
    let again = venue.place(DEMO, order("b", Side::Buy, limit("49500"), "0.1"));
    assert_eq!(again.unwrap_err(), Refusal::DuplicateClientId("b".to_owned()));
    play_out(&venue);
    let resting = venue.with(DEMO, |account| account.order(resting.id).cloned()).flatten().unwrap();
    assert_eq!(resting.status, OrderStatus::Filled);
    let (_, ledger) = control(&venue, "GET", "ledger?account=demo", &Value::Null);
    // 0.1 at 50,000 as taker (0.05 %), 0.1 at 49,500 as maker (0.02 %).
    assert_eq!(ledger["fees"], "3.49");
    assert_eq!(ledger["positions"][0]["cost"], "9950");
    assert!(venue.disagreements().is_empty());
}

#[test]
fn book_and_oracle_agree_through_flips_partial_closes_and_liquidation() {
    let venue = venue(ExchangeKind::Binance, "BTCUSDT", "50000", &["49000.3", "51777.7", "80000"]);
    for (side, qty) in [(Side::Buy, "0.007"), (Side::Sell, "0.003"), (Side::Sell, "0.011")] {
        venue.place(DEMO, order("", side, OrderKind::Market, qty)).unwrap();
        for _ in 0..7 {
            venue.step();
        }
    }
    for qty in ["0.002", "0.003"] {
        venue.place(DEMO, order("", Side::Buy, OrderKind::Market, qty)).unwrap();
    }
    // Short of 100,000 of margin at leverage 20: the rise to 80,000 is too much.
    venue.place(DEMO, order("", Side::Sell, OrderKind::Market, "6")).unwrap();
    play_out(&venue);
    let (liquidated, flat) = venue
        .with(DEMO, |account| {
            let last = account.orders().last().unwrap();
            (last.origin == Origin::Liquidation, account.positions().is_empty())
        })
        .unwrap();
    assert!(liquidated && flat);
    assert_eq!(venue.disagreements(), Vec::<String>::new());
}

#[test]
fn a_stop_becomes_an_order_of_its_own_at_the_price_it_met() {
    let venue = venue(ExchangeKind::Binance, "BTCUSDT", "50000", &["48000"]);
    venue.place(DEMO, order("", Side::Buy, OrderKind::Market, "0.1")).unwrap();
    let trigger = Trigger::AtOrBelow("49000".parse().unwrap());
    let placed = venue.place_conditional(DEMO, stop(Side::Sell, trigger, Some("0.1"))).unwrap();
    let too_late = Trigger::AtOrAbove("49000".parse().unwrap());
    let refused = venue.place_conditional(
        DEMO,
        NewConditional { client_id: "other".to_owned(), ..stop(Side::Sell, too_late, None) },
    );
    assert!(matches!(refused, Err(Refusal::WouldTriggerNow { .. })));
    play_out(&venue);
    let (conditional, order) = venue
        .with(DEMO, |account| {
            let conditional = account.conditional(placed.id).unwrap().clone();
            let order = account.order(conditional.order_id.unwrap()).unwrap().clone();
            (conditional, order)
        })
        .unwrap();
    assert_eq!(conditional.status, ConditionalStatus::Triggered);
    assert_eq!(order.origin, Origin::Conditional(placed.id));
    assert_eq!(order.average_price().unwrap().to_string(), "49000");
}

#[test]
fn a_stop_with_nothing_left_to_reduce_is_rejected_and_one_that_closes_expires() {
    let venue = venue(ExchangeKind::Binance, "BTCUSDT", "50000", &["48000"]);
    let trigger = Trigger::AtOrBelow("49000".parse().unwrap());
    let sized = venue.place_conditional(DEMO, stop(Side::Sell, trigger, Some("0.1"))).unwrap();
    let closing = NewConditional { client_id: "close".to_owned(), ..stop(Side::Sell, trigger, None) };
    let closing = venue.place_conditional(DEMO, closing).unwrap();
    play_out(&venue);
    let status = |id| venue.with(DEMO, |account| account.conditional(id).unwrap().status).unwrap();
    assert_eq!(status(sized.id), ConditionalStatus::Rejected);
    assert_eq!(status(closing.id), ConditionalStatus::Expired);
}

#[test]
fn a_trailing_stop_follows_the_best_price_from_its_activation_on() {
    let venue = venue(ExchangeKind::Binance, "BTCUSDT", "50000", &["52000", "51000"]);
    venue.place(DEMO, order("", Side::Buy, OrderKind::Market, "0.1")).unwrap();
    let trigger = Trigger::Trailing {
        callback: "1"
            .parse::<rust_decimal::Decimal>()
            .map(|pct| crate::domain::money::Pct::try_new(pct).unwrap())
            .unwrap(),
        activation: Some("51000".parse().unwrap()),
        best: None,
    };
    venue.place_conditional(DEMO, stop(Side::Sell, trigger, Some("0.1"))).unwrap();
    play_out(&venue);
    let sold = venue.with(DEMO, |account| account.fills().last().unwrap().price).unwrap();
    assert_eq!(sold.to_string(), "51480");
}

#[test]
fn settings_change_only_where_nothing_stands_in_the_way() {
    let venue = venue(ExchangeKind::Binance, "BTCUSDT", "50000", &[]);
    assert_eq!(venue.set_position_mode(DEMO, PositionMode::OneWay), Err(Refusal::NoChangeNeeded));
    venue.place(DEMO, order("", Side::Buy, limit("40000"), "0.1")).unwrap();
    assert_eq!(venue.set_position_mode(DEMO, PositionMode::Hedge), Err(Refusal::OpenOrders));
    assert_eq!(venue.set_isolated(DEMO, &btc(), true), Err(Refusal::OpenOrders));
}

#[test]
fn an_amended_order_keeps_its_id_and_a_refused_change_keeps_the_order() {
    let venue = venue(ExchangeKind::Binance, "BTCUSDT", "50000", &["47000"]);
    let placed = venue.place(DEMO, order("a", Side::Buy, limit("40000"), "0.1")).unwrap();
    let too_much = venue.amend(DEMO, placed.id, "40000".parse().unwrap(), "9000".parse().unwrap());
    assert!(matches!(too_much, Err(Refusal::Book(_))), "{too_much:?}");
    let amended = venue.amend(DEMO, placed.id, "48000".parse().unwrap(), "0.2".parse().unwrap()).unwrap();
    assert_eq!((amended.id, amended.client_id.as_str()), (placed.id, "a"));
    play_out(&venue);
    let filled = venue.with(DEMO, |account| account.order(placed.id).unwrap().filled_qty).unwrap();
    assert_eq!(filled.to_string(), "0.2");
}

#[test]
fn a_person_trades_filters_change_and_a_symbol_goes() {
    let venue = venue(ExchangeKind::Binance, "BTCUSDT", "50000", &[]);
    let human = json!({ "account": "demo", "symbol": "BTCUSDT", "side": "BUY", "qty": "0.5" });
    assert_eq!(control(&venue, "POST", "human", &human).1["status"], "filled");
    let (_, closed) = control(&venue, "POST", "liquidate", &json!({ "account": "demo" }));
    assert_eq!(closed["closed"], 1);
    control(&venue, "POST", "filters", &json!({ "symbol": "BTCUSDT", "step": "0.01" }));
    let fine = venue.place(DEMO, order("", Side::Buy, OrderKind::Market, "0.001"));
    assert!(matches!(fine, Err(Refusal::Book(_))), "{fine:?}");
    assert_eq!(control(&venue, "POST", "filters", &json!({ "symbol": "BTCUSDT", "lot": "1" })).0, 400);
    control(&venue, "POST", "delist", &json!({ "symbol": "BTCUSDT" }));
    let gone = venue.place(DEMO, order("", Side::Buy, OrderKind::Market, "0.01"));
    assert_eq!(gone.unwrap_err(), Refusal::NotTrading(btc()));
    assert_eq!(control(&venue, "GET", "health", &Value::Null).1["oracle_agrees"], true);
}
