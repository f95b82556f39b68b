use super::*;

fn rows() -> Vec<AccountRow> {
    serde_json::from_str(
        r#"[{"currency":"KRW","balance":"1000000.5","locked":"5000.0","avg_buy_price":"0","unit_currency":"KRW"},
            {"currency":"BTC","balance":"0.02","locked":"0.01","avg_buy_price":"48000000","unit_currency":"KRW"},
            {"currency":"APENFT","balance":"7.0","locked":"0","avg_buy_price":"0","unit_currency":"KRW"},
            {"currency":"XRP","balance":"0","locked":"0","avg_buy_price":"800","unit_currency":"KRW"},
            {"currency":"ETH","balance":"1","locked":"0","avg_buy_price":"0.05","unit_currency":"BTC"}]"#,
    )
    .unwrap()
}

#[test]
fn the_wallet_is_cash_and_what_the_coins_have_cost() {
    let balance = balance(&rows()).unwrap();
    assert_eq!(
        (balance.wallet.to_string(), balance.available.to_string()),
        ("2445000.5".into(), "1000000.5".into())
    );
}

#[test]
fn coins_that_cost_krw_are_long_positions() {
    let positions = positions(&rows()).unwrap();
    let told: Vec<(&str, String)> =
        positions.iter().map(|position| (position.symbol.as_str(), position.qty.to_string())).collect();
    assert_eq!(told, [("KRW-BTC", "0.03".to_owned()), ("KRW-APENFT", "7".to_owned())]);
    assert_eq!(positions[1].entry_price_avg, None);
}

#[test]
fn what_an_order_has_become_is_decided_by_what_was_executed() {
    let qty = |text: &str| text.parse::<Qty>().unwrap();
    let volume = Some(qty("2"));
    for (state, volume, executed, time_in_force, expected) in [
        (OrderState::Wait, volume, "0", None, OrderStatus::Open),
        (OrderState::Wait, volume, "1", None, OrderStatus::PartiallyFilled),
        (OrderState::Watch, volume, "0", None, OrderStatus::Open),
        (OrderState::Done, volume, "2", None, OrderStatus::Filled),
        (OrderState::Done, volume, "1", None, OrderStatus::Cancelled),
        (OrderState::Prevented, volume, "1", None, OrderStatus::PartiallyFilled),
        (OrderState::Cancel, volume, "2", None, OrderStatus::Filled),
        (OrderState::Cancel, volume, "1", None, OrderStatus::Cancelled),
        (OrderState::Cancel, volume, "1", Some("ioc"), OrderStatus::Expired),
        (OrderState::Cancel, volume, "0", Some("fok"), OrderStatus::Expired),
        (OrderState::Cancel, None, "1", None, OrderStatus::Filled),
        (OrderState::Cancel, None, "0", None, OrderStatus::Cancelled),
    ] {
        assert_eq!(status(state, volume, qty(executed), time_in_force), expected, "{state:?} {executed}");
    }
}

#[test]
fn a_market_without_a_step_is_not_traded() {
    let markets: Vec<MarketRow> =
        serde_json::from_str(r#"[{"market":"KRW-BTC"},{"market":"KRW-ETH"}]"#).unwrap();
    let ticks: Vec<TickRow> =
        serde_json::from_str(r#"[{"market":"KRW-BTC","tick_size":1000},{"market":"BTC-ETH","tick_size":1}]"#)
            .unwrap();
    let instruments = instruments(&markets, &ticks).unwrap();
    assert_eq!(instruments.len(), 1);
    assert_eq!(
        (instruments[0].symbol.as_str(), instruments[0].tick.to_string()),
        ("KRW-BTC", "1000".to_owned())
    );
}

#[test]
fn times_are_read_in_their_own_zone() {
    assert_eq!(time("2023-11-15T07:13:20+09:00").unwrap().ms(), 1_700_000_000_000);
    assert_eq!(utc_time("2023-11-14T22:13:20").unwrap().ms(), 1_700_000_000_000);
    assert_eq!(time("yesterday").unwrap_err().to_string(), "time `yesterday` is not ISO 8601");
}

#[test]
fn markets_that_cannot_be_ours_are_passed_over() {
    let order = |identifier: &str| -> OrderRow {
        let row = serde_json::json!({
            "uuid": "o1", "side": "bid", "ord_type": "limit", "price": "100", "state": "wait", "market": "KRW-龙虾",
            "created_at": "2026-11-24T09:00:00+09:00", "volume": "2", "identifier": identifier,
        });
        serde_json::from_str(&row.to_string()).unwrap()
    };
    assert_eq!(open_orders(&[order("by-hand")], |_| true), Ok(OpenOrders::default()));
    assert!(open_orders(&[order(crate::matching::fixtures::id(0).as_str())], |_| true).is_err());
    let coins =
        r#"[{"currency":"龙虾","balance":"1","locked":"0","avg_buy_price":"5","unit_currency":"KRW"}]"#;
    assert_eq!(positions(&serde_json::from_str::<Vec<AccountRow>>(coins).unwrap()), Ok(Vec::new()));
    let row = r#"{"market":"KRW-龙虾","trade_price":1,"acc_trade_price_24h":1,"timestamp":1}"#;
    assert_eq!(ticker(&serde_json::from_str(row).unwrap()), Ok(None));
}

#[test]
fn a_state_that_is_not_documented_ends_no_list() {
    let row = |identifier: Option<&str>| -> OrderRow {
        let row = serde_json::json!({
            "uuid": "o1", "side": "bid", "ord_type": "limit", "price": "100", "state": "resting", "market": "KRW-BTC",
            "created_at": "2026-11-24T09:00:00+09:00", "volume": "2", "identifier": identifier,
        });
        serde_json::from_str(&row.to_string()).unwrap()
    };
    assert_eq!(open_orders(&[row(None)], |_| true).unwrap().external.len(), 1);
    assert!(open_orders(&[row(Some(crate::matching::fixtures::id(0).as_str()))], |_| true).is_err());
}
