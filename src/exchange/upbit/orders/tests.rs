use super::*;
use crate::matching::fixtures::{exit, id, limit, order, stop, symbol};

fn spot(order: Order) -> Order {
    Order { leverage: Leverage::ONE, symbol: symbol("KRW-BTC"), ..order }
}

fn sent(order: &Order) -> NewOrder<'_> {
    new_order(order, Some("50500000".parse().unwrap())).unwrap()
}

#[test]
fn a_market_order_to_buy_is_an_immediate_limit_order_and_one_to_sell_is_a_market_order() {
    let buy = spot(order(0, Side::Buy, "0.02", OrderKind::Market));
    assert!(needs_bound(&buy));
    let new = sent(&buy);
    assert_eq!((new.side, new.ord_type, new.time_in_force), ("bid", "limit", Some("ioc")));
    assert_eq!(
        (new.price.as_deref(), new.volume.as_str(), new.identifier),
        (Some("50500000"), "0.02", id(0).as_str())
    );

    let sell = spot(exit(1, Side::Sell, "0.02", OrderKind::Market));
    assert!(!needs_bound(&sell));
    let new = sent(&sell);
    assert_eq!((new.side, new.ord_type, new.price, new.time_in_force), ("ask", "market", None, None));
}

#[test]
fn limit_orders_say_how_long_they_rest_unless_it_is_until_they_are_filled() {
    for (time_in_force, word) in [
        (TimeInForce::GoodTillCancel, None),
        (TimeInForce::ImmediateOrCancel, Some("ioc")),
        (TimeInForce::FillOrKill, Some("fok")),
        (TimeInForce::PostOnly, Some("post_only")),
    ] {
        let buy = spot(order(0, Side::Buy, "1", limit("48000000", time_in_force)));
        assert_eq!((sent(&buy).price.as_deref(), sent(&buy).time_in_force), (Some("48000000"), word));
    }
}

#[test]
fn what_a_spot_exchange_has_not_is_refused_with_the_reason() {
    let short = spot(order(0, Side::Sell, "1", OrderKind::Market));
    let conditional = spot(exit(0, Side::Sell, "1", stop("40000000")));
    let leveraged = Order {
        leverage: Leverage::try_new(3).unwrap(),
        ..spot(order(0, Side::Buy, "1", OrderKind::Market))
    };
    for (order, text) in [
        (short, "refused (no_shorts): Upbit is a spot exchange: there are no short positions"),
        (conditional, "refused (no_conditional_orders): Upbit takes no orders that wait for a trigger"),
        (leveraged, "refused (no_leverage): leverage is 3; Upbit is a spot exchange, allowed is 1"),
    ] {
        assert_eq!(new_order(&order, None).unwrap_err().to_string(), text);
    }
}
