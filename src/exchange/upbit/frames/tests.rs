use super::*;
use crate::domain::instrument::Symbol;
use crate::matching::fixtures::id;

fn frame(state: &str, identifier: &str, more: &serde_json::Value) -> String {
    let mut frame = json!({
        "type": "myOrder", "code": "KRW-BTC", "uuid": "o1", "ask_bid": "BID", "order_type": "limit", "state": state,
        "trade_uuid": null, "price": 50_000_000.0, "avg_price": 0.0, "volume": 0.02, "remaining_volume": 0.02,
        "executed_volume": 0.0, "trades_count": 0, "reserved_fee": 0.0, "remaining_fee": 0.0, "paid_fee": 0.0,
        "locked": 0.0, "executed_funds": 0.0, "time_in_force": "ioc", "trade_fee": null, "is_maker": null,
        "identifier": identifier, "smp_type": null, "trade_timestamp": null,
        "order_timestamp": 1_710_751_590_000_u64, "timestamp": 1_710_751_597_500_u64, "stream_type": "REALTIME",
    });
    for (name, value) in more.as_object().unwrap() {
        frame[name] = value.clone();
    }
    frame.to_string()
}

fn event(text: &str) -> Option<ExchangeEvent> {
    match private_frame(text).unwrap() {
        PrivateFrame::Event(event) => Some(*event),
        PrivateFrame::Other => None,
        PrivateFrame::Error(error) => panic!("{}", error.text()),
    }
}

#[test]
fn an_order_is_seen_filled_and_ended() {
    let ours = id(0).to_string();
    let Some(ExchangeEvent::OrderSeen(report)) = event(&frame("wait", &ours, &json!({}))) else { panic!() };
    assert_eq!((report.status, report.qty.to_string().as_str()), (OrderStatus::Open, "0.02"));

    let traded = json!({
        "trade_uuid": "t1", "price": 49_990_000.0, "volume": 8.428e-05, "executed_volume": 8.428e-05,
        "remaining_volume": 0.01, "trade_fee": 2.5, "is_maker": false,
        "trade_timestamp": 1_710_751_597_500_u64,
    });
    let Some(ExchangeEvent::Fill(fill)) = event(&frame("trade", &ours, &traded)) else { panic!() };
    assert_eq!((fill.trade_id.0.as_str(), fill.qty.to_string().as_str()), ("t1", "0.00008428"));
    assert_eq!((fill.fee.cash().to_string().as_str(), fill.liquidity), ("2.5", Liquidity::Taker));

    let rest = json!({"executed_volume": 8.428e-05, "remaining_volume": 0.01});
    let Some(ExchangeEvent::OrderEnded { client_order_id, status, .. }) =
        event(&frame("cancel", &ours, &rest))
    else {
        panic!()
    };
    assert_eq!((client_order_id, status), (id(0), OrderStatus::Expired));
}

#[test]
fn a_filled_order_ends_with_its_fills_whatever_its_state_is_called() {
    let all = json!({"executed_volume": 0.02, "remaining_volume": 0.0});
    for state in ["done", "cancel"] {
        assert_eq!(event(&frame(state, id(0).as_str(), &all)), None, "{state}");
    }
}

#[test]
fn an_order_that_met_one_of_the_same_account_is_not_filled() {
    let ours = id(0);
    // What the exchange took out of it does not remain.
    let rest = json!({"executed_volume": 0.01, "remaining_volume": 0.0, "prevented_volume": 0.01});
    let untold = json!({"executed_volume": 0.01, "remaining_volume": 0.0, "volume": null});
    for (state, more) in [
        ("cancel", &rest),
        ("done", &rest),
        ("cancel", &json!({"remaining_volume": 0.0})),
        ("cancel", &untold),
    ] {
        let told = event(&frame(state, ours.as_str(), more));
        assert!(matches!(&told, Some(ExchangeEvent::OrderEnded { .. })), "{state} {more}: {told:?}");
    }
    let told = event(&frame("prevented", ours.as_str(), &rest));
    assert!(matches!(&told, Some(ExchangeEvent::Resync { .. })), "{told:?}");
}

#[test]
fn orders_of_others_are_told_by_their_fills_alone() {
    for state in ["wait", "watch", "done", "cancel", "prevented"] {
        assert_eq!(event(&frame(state, "by-hand", &json!({}))), None, "{state}");
    }
    let traded = json!({"trade_uuid": "t1", "trade_fee": 1, "trade_timestamp": 5});
    let mut unnamed = traded.clone();
    unnamed["code"] = json!("KRW-龙虾");
    assert_eq!(event(&frame("trade", "by-hand", &unnamed)), None);
    let told = event(&frame("trade", "by-hand", &traded));
    assert!(matches!(told, Some(ExchangeEvent::ExternalFill(_))), "{told:?}");
}

#[test]
fn a_trade_that_misses_its_fee_is_not_guessed() {
    let traded = json!({"trade_uuid": "t1", "trade_timestamp": 5});
    let error = private_frame(&frame("trade", id(0).as_str(), &traded)).unwrap_err();
    assert_eq!(error.to_string(), "a trade of order o1 has no `trade_fee`");
}

#[test]
fn frames_that_mean_nothing_are_let_pass_and_errors_are_named() {
    for text in [r#"{"status":"UP"}"#, r#"{"type":"myAsset","assets":[],"stream_type":"REALTIME"}"#] {
        assert_eq!(private_frame(text).unwrap(), PrivateFrame::Other);
        assert_eq!(market_frame(text).unwrap(), MarketFrame::Other);
    }
    let text = r#"{"error":{"name":"INVALID_AUTH","message":"no"}}"#;
    let PrivateFrame::Error(error) = private_frame(text).unwrap() else { panic!() };
    assert_eq!(error.text(), "INVALID_AUTH: no");
    assert!(market_frame("pong").is_err());
}

#[test]
fn candles_are_asked_for_by_length_and_read_back() {
    let series = |symbol: &str, timeframe| (Symbol::try_new(symbol).unwrap(), timeframe);
    let wanted = BTreeSet::from([
        series("KRW-BTC", Timeframe::M1),
        series("KRW-ETH", Timeframe::M1),
        series("KRW-ETH", Timeframe::H1),
        series("KRW-ETH", Timeframe::D1),
    ]);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&candle_request("x", &wanted)).unwrap(),
        json!([
            {"ticket": "x"},
            {"type": "candle.1m", "codes": ["KRW-BTC", "KRW-ETH"]},
            {"type": "candle.60m", "codes": ["KRW-ETH"]},
        ])
    );
    let text = r#"{"type":"candle.60m","code":"KRW-ETH","candle_date_time_utc":"2025-01-02T04:00:00",
        "opening_price":5000000.0,"high_price":5000000.0,"low_price":4999000.0,"trade_price":4999000.0,
        "candle_acc_trade_volume":6.06119e-03,"candle_acc_trade_price":860743.53,"timestamp":1735792085824}"#;
    let MarketFrame::Candle(MarketEvent::Candle { timeframe, candle, is_closed, .. }) =
        market_frame(text).unwrap()
    else {
        panic!()
    };
    assert_eq!(
        (timeframe, is_closed, candle.volume.to_string().as_str()),
        (Timeframe::H1, false, "0.00606119")
    );
    assert_eq!(candle.open_time.to_string(), "2025-01-02T04:00:00Z");
}
