use super::*;

fn row(paid_fee: &str, executed_funds: &str, trades: &[(&str, &str, &str, &str)]) -> OrderRow {
    let trades: Vec<_> = trades
        .iter()
        .map(|(uuid, price, volume, funds)| {
            serde_json::json!({
                "market": "KRW-BTC", "uuid": uuid, "price": price, "volume": volume, "funds": funds,
                "trend": "down", "created_at": "2026-11-24T09:00:00.500+09:00", "side": "bid",
            })
        })
        .collect();
    let order = serde_json::json!({
        "uuid": "o1", "side": "bid", "ord_type": "limit", "price": "101000", "state": "wait",
        "market": "KRW-BTC", "created_at": "2026-11-24T09:00:00+09:00", "volume": "2", "paid_fee": paid_fee,
        "executed_volume": "1", "executed_funds": executed_funds, "trades": trades,
    });
    serde_json::from_str(&order.to_string()).unwrap()
}

fn fees_of(row: &OrderRow) -> Vec<String> {
    fees(row).unwrap().iter().map(ToString::to_string).collect()
}

const TWO: [(&str, &str, &str, &str); 2] =
    [("t1", "101000", "0.77368323", "78142.00623"), ("t2", "101000", "0.22631677", "22857.99377")];

#[test]
fn an_orders_fee_is_split_exactly() {
    assert_eq!(fees_of(&row("50.5", "101000", &TWO)), ["39.071003115", "11.428996885"]);
}

#[test]
fn trades_that_are_not_told_yet_keep_their_share() {
    assert_eq!(fees_of(&row("50.5", "101000", &TWO[..1])), ["39.071003115"]);
}

#[test]
fn what_does_not_divide_goes_to_the_last() {
    let thirds = [("a", "1", "1", "1"), ("b", "1", "1", "1"), ("c", "1", "1", "1")];
    assert_eq!(
        fees_of(&row("1", "3", &thirds)),
        ["0.3333333333333333", "0.3333333333333333", "0.3333333333333334"]
    );
}

#[test]
fn trades_of_an_order_without_our_id_are_external() {
    let fills = of_order(&row("50.5", "101000", &TWO)).unwrap();
    let ReportedFill::External(fill) = &fills[0] else { panic!("{fills:?}") };
    assert_eq!((fill.trade_id.0.as_str(), fill.at.to_string().as_str()), ("t1", "2026-11-24T00:00:00.5Z"));
}

#[test]
fn who_took_is_read_from_the_direction_of_the_trade() {
    let mut order = row("50.5", "101000", &TWO);
    assert_eq!(liquidity(&order, &order.trades[0]), Liquidity::Maker, "a buyer hit by a seller");
    order.trades[0].trend = None;
    order.time_in_force = Some("ioc".to_owned());
    assert_eq!(liquidity(&order, &order.trades[0]), Liquidity::Taker);
}
