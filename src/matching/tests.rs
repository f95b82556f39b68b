//! The rules of docs/matching.md, one by one.

use super::book::{Book, ENDED_ORDERS_MAX};
use super::config::BookConfig;
use super::event::{BookEvent, EndReason};
use super::fixtures::*;
use super::refusal::Refusal;
use crate::domain::fill::Liquidity;
use crate::domain::instrument::FilterError;
use crate::domain::market::MarketStep;
use crate::domain::money::Leverage;
use crate::domain::order::{Order, OrderKind, OrderStatus, TimeInForce};
use crate::domain::side::PositionMode;
use crate::domain::side::{PositionSide, Side};

use OrderKind::Market;
use Side::{Buy, Sell};
use TimeInForce::{FillOrKill, GoodTillCancel, ImmediateOrCancel, PostOnly};

fn place(book: &mut Book, order: &Order) -> Result<(), Refusal> {
    let instrument = instrument(order.symbol.as_str());
    book.place(order, &instrument, minute(0)).map(|_| ())
}

/// A book that bought 1 BTC at 100.
fn long_one(config: BookConfig) -> Book {
    let mut book = book(config);
    place(&mut book, &order(0, Buy, "1", Market)).unwrap();
    assert_eq!(fills(&play(&mut book, &step(1, ["100"; 4]))).len(), 1);
    book
}

/// Plays one step and tells its fills as "side qty @ price liquidity".
fn told(book: &mut Book, step: &MarketStep) -> Vec<String> {
    let told = fills(&play(book, step)).into_iter();
    told.map(|fill| format!("{} {} @ {} {}", fill.side, fill.qty, fill.price, fill.liquidity)).collect()
}

#[test]
fn a_market_order_that_answers_the_open_fills_at_it() {
    let mut book = long_one(config(PositionMode::OneWay));
    place(&mut book, &exit(1, Sell, "1", Market)).unwrap();
    let bar = step(2, ["101", "112", "95", "100"]);
    let first = book.next_event(&bar);
    assert!(matches!(first, Some(BookEvent::Fill(_))), "{first:?}");
    place(&mut book, &order(2, Sell, "2", Market)).unwrap();
    let fills_at_open = fills(&play(&mut book, &bar));
    let told = |fill: &crate::domain::fill::Fill| format!("{} {} @ {}", fill.side, fill.qty, fill.price);
    assert_eq!(fills_at_open.iter().map(told).collect::<Vec<_>>(), ["sell 2 @ 101"]);
    assert_eq!(fills_at_open[0].at, minute(1), "when the bar opened");
    // What answers something inside the bar waits for the next open.
    place(&mut book, &exit(3, Buy, "2", take_profit("90"))).unwrap();
    let bar = step(3, ["100", "101", "89", "95"]);
    assert!(matches!(book.next_event(&bar), Some(BookEvent::Fill(_))));
    place(&mut book, &order(4, Buy, "1", Market)).unwrap();
    assert!(fills(&play(&mut book, &bar)).is_empty());
    assert_eq!(fills(&play(&mut book, &step(4, ["96"; 4])))[0].price.to_string(), "96");
}

#[test]
fn each_kind_of_order_fills_where_it_should() {
    let exits: [(Order, [&str; 4], &[&str]); 15] = [
        (exit(1, Sell, "1", Market), ["101", "103", "99", "102"], &["sell 1 @ 101 taker"]),
        (exit(1, Sell, "1", stop("95")), ["97", "99", "94", "96"], &["sell 1 @ 95 taker"]),
        (exit(1, Sell, "1", stop("95")), ["93", "99", "92", "96"], &["sell 1 @ 93 taker"]),
        (exit(1, Sell, "1", stop("95")), ["97", "99", "95.1", "96"], &[]),
        (exit(1, Sell, "1", take_profit("110")), ["105", "111", "104", "105"], &["sell 1 @ 110 taker"]),
        (exit(1, Sell, "1", take_profit("110")), ["112", "113", "109", "110"], &["sell 1 @ 112 taker"]),
        (
            exit(1, Sell, "1", limit("110", GoodTillCancel)),
            ["105", "111", "104", "105"],
            &["sell 1 @ 110 maker"],
        ),
        (
            exit(1, Sell, "1", limit("110", GoodTillCancel)),
            ["112", "113", "109", "110"],
            &["sell 1 @ 112 maker"],
        ),
        (
            exit(1, Sell, "1", limit("99", GoodTillCancel)),
            ["101", "103", "98", "102"],
            &["sell 1 @ 101 taker"],
        ),
        (order(1, Buy, "1", limit("90", PostOnly)), ["91", "92", "90", "91"], &["buy 1 @ 90 maker"]),
        (
            order(1, Buy, "1", limit("101", ImmediateOrCancel)),
            ["100.5", "103", "99", "102"],
            &["buy 1 @ 100.5 taker"],
        ),
        (
            order(1, Buy, "1", limit("101", FillOrKill)),
            ["100.5", "103", "99", "102"],
            &["buy 1 @ 100.5 taker"],
        ),
        (order(1, Buy, "1", limit("101", ImmediateOrCancel)), ["102", "103", "99", "102"], &[]),
        (order(1, Buy, "1", stop("105")), ["101", "106", "99", "102"], &["buy 1 @ 105 taker"]),
        (exit(1, Sell, "5", stop("95")), ["97", "99", "94", "96"], &["sell 1 @ 95 taker"]),
    ];
    for mode in [PositionMode::OneWay, PositionMode::Hedge] {
        for (order, prices, expected) in &exits {
            let mut book = long_one(config(mode));
            place(&mut book, order).unwrap();
            assert_eq!(told(&mut book, &step(2, *prices)), *expected, "{:?} in {prices:?}", order.kind);
        }
    }
}

#[test]
fn a_stop_comes_before_a_take_profit_and_the_rest_expires() {
    let mut book = long_one(config(PositionMode::OneWay));
    place(&mut book, &exit(1, Sell, "1", take_profit("110"))).unwrap();
    place(&mut book, &exit(2, Sell, "1", stop("95"))).unwrap();
    let events = play(&mut book, &step(2, ["100", "111", "94", "100"]));
    assert_eq!(fills(&events)[0].client_order_id, id(2));
    assert_eq!(
        events[1..],
        [
            BookEvent::Balance { wallet: "995".parse().unwrap() },
            BookEvent::OrderEnded {
                client_order_id: id(1),
                status: OrderStatus::Expired,
                reason: EndReason::ReduceOnly
            },
        ]
    );
    assert!(book.positions().is_empty() && book.open_orders().is_empty());
    assert_eq!(book.order(&id(2)).unwrap().status, OrderStatus::Filled);
}

#[test]
fn slippage_is_against_the_trader_and_rounds_to_the_worse_tick() {
    let slippery = BookConfig { slippage_pct: "0.15".parse().unwrap(), ..config(PositionMode::OneWay) };
    let mut book = book(slippery);
    place(&mut book, &order(0, Buy, "1", Market)).unwrap();
    assert_eq!(told(&mut book, &step(1, ["100"; 4])), ["buy 1 @ 100.2 taker"]);
    place(&mut book, &exit(1, Sell, "0.5", stop("95"))).unwrap();
    place(&mut book, &exit(2, Sell, "0.5", limit("105", GoodTillCancel))).unwrap();
    let expected = ["sell 0.5 @ 94.8 taker", "sell 0.5 @ 105 maker"];
    assert_eq!(told(&mut book, &step(2, ["100", "106", "94", "100"])), expected);
}

#[test]
fn fees_leave_the_wallet_with_each_fill() {
    let fees = BookConfig {
        maker_fee_pct: "-0.01".parse().unwrap(),
        taker_fee_pct: "0.05".parse().unwrap(),
        ..config(PositionMode::OneWay)
    };
    let mut book = long_one(fees);
    assert_eq!(book.balance().wallet.to_string(), "999.95");
    place(&mut book, &exit(1, Sell, "1", limit("110", GoodTillCancel))).unwrap();
    let fill = fills(&play(&mut book, &step(2, ["100", "110", "100", "105"]))).remove(0);
    assert_eq!((fill.fee.cash().to_string().as_str(), fill.liquidity), ("-0.011", Liquidity::Maker));
    assert_eq!(book.balance().wallet.to_string(), "1009.961");
}

#[test]
fn an_account_takes_only_its_part_of_a_bar() {
    let thin = BookConfig { participation_pct: Some("1".parse().unwrap()), ..config(PositionMode::OneWay) };
    let mut book = book(thin);
    place(&mut book, &order(0, Buy, "1.5", Market)).unwrap();
    place(&mut book, &order(1, Buy, "1", Market)).unwrap();
    place(&mut book, &order(2, Buy, "1", limit("99", FillOrKill))).unwrap();
    place(&mut book, &order(3, Buy, "1", limit("105", ImmediateOrCancel))).unwrap();
    let events = play(&mut book, &step(1, ["101", "103", "90", "102"]));
    let filled: Vec<String> = fills(&events).iter().map(|fill| fill.qty.to_string()).collect();
    assert_eq!(filled, ["1"], "the first takes all there is");
    let ended: Vec<_> = events.iter().filter(|event| matches!(event, BookEvent::OrderEnded { .. })).collect();
    assert_eq!(ended.len(), 2, "what may not wait ends: {ended:?}");
    assert_eq!(told(&mut book, &step(2, ["104"; 4])), ["buy 0.5 @ 104 taker", "buy 0.5 @ 104 taker"]);
    assert_eq!(told(&mut book, &step(3, ["105"; 4])), ["buy 0.5 @ 105 taker"]);
    assert!(book.open_orders().is_empty());
}

#[test]
fn a_triggered_stop_goes_on_as_a_market_order() {
    let thin = BookConfig { participation_pct: Some("1".parse().unwrap()), ..config(PositionMode::OneWay) };
    let mut book = book(thin);
    place(&mut book, &order(0, Buy, "2", Market)).unwrap();
    play(&mut book, &step(1, ["100"; 4]));
    play(&mut book, &step(2, ["100"; 4]));
    place(&mut book, &exit(1, Sell, "2", stop("95"))).unwrap();
    assert_eq!(told(&mut book, &step(3, ["100", "100", "94", "99"])), ["sell 1 @ 95 taker"]);
    assert_eq!(told(&mut book, &step(4, ["99", "100", "98", "99"])), ["sell 1 @ 99 taker"]);
}

#[test]
fn protection_placed_after_an_entry_works_in_the_same_bar() {
    let bar = step(1, ["100", "106", "94", "100"]);
    let mut open = book(config(PositionMode::OneWay));
    place(&mut open, &order(0, Buy, "1", Market)).unwrap();
    assert!(matches!(open.next_event(&bar), Some(BookEvent::Fill(_))));
    place(&mut open, &exit(1, Sell, "1", take_profit("105"))).unwrap();
    place(&mut open, &exit(2, Sell, "0.5", Market)).unwrap();
    assert_eq!(told(&mut open, &bar), ["sell 1 @ 105 taker"], "a market order waits for the next open");

    // Inside the range it is unknown which prices came after the entry: the stop may lose, the profit may not be
    // taken.
    let mut range = book(config(PositionMode::OneWay));
    place(&mut range, &order(0, Buy, "1", limit("97", GoodTillCancel))).unwrap();
    assert!(matches!(range.next_event(&bar), Some(BookEvent::Fill(_))));
    place(&mut range, &exit(1, Sell, "1", take_profit("105"))).unwrap();
    let mut stopped = range.clone();
    assert!(told(&mut range, &bar).is_empty());
    place(&mut stopped, &exit(2, Sell, "1", stop("95"))).unwrap();
    assert_eq!(told(&mut stopped, &bar), ["sell 1 @ 95 taker"]);
}

#[test]
fn refusals_say_why() {
    type Check = fn(&Refusal) -> bool;
    let cases: [(Order, Check); 9] = [
        (order(0, Buy, "1", Market), |refusal| matches!(refusal, Refusal::DuplicateId(_))),
        (order(1, Buy, "0.001", Market), |refusal| {
            matches!(refusal, Refusal::Filter(FilterError::BelowMinQty { .. }))
        }),
        (order(1, Buy, "0.04", Market), |refusal| {
            matches!(refusal, Refusal::Filter(FilterError::BelowMinNotional { .. }))
        }),
        (order(1, Buy, "1", limit("99.95", GoodTillCancel)), |refusal| {
            matches!(refusal, Refusal::Filter(FilterError::OffTick { .. }))
        }),
        (order(1, Buy, "1", limit("100", PostOnly)), |refusal| matches!(refusal, Refusal::WouldCross { .. })),
        (exit(1, Buy, "1", Market), |refusal| matches!(refusal, Refusal::NothingToReduce { .. })),
        (order(1, Buy, "99.01", Market), |refusal| matches!(refusal, Refusal::InsufficientMargin { .. })),
        (order(1, Buy, "110.01", limit("90", GoodTillCancel)), |refusal| {
            matches!(refusal, Refusal::InsufficientMargin { .. })
        }),
        (Order { symbol: symbol(ETH), ..order(1, Buy, "1", Market) }, |refusal| {
            matches!(refusal, Refusal::NoPrice(_))
        }),
    ];
    for (order, expected) in cases {
        let mut book = long_one(config(PositionMode::OneWay));
        let before = book.clone();
        let refusal = place(&mut book, &order).unwrap_err();
        assert!(expected(&refusal), "{refusal}");
        assert_eq!(book, before, "a refusal leaves no trace");
    }
    let mut book = long_one(config(PositionMode::OneWay));
    assert_eq!(place(&mut book, &order(1, Buy, "99", Market)), Ok(()), "all there is");
    assert_eq!(
        place(&mut book, &order(2, Buy, "0.1", Market)).unwrap_err().to_string(),
        "the order needs 1 of margin, available is 0"
    );
}

#[test]
fn a_one_way_order_can_turn_a_position_and_a_hedged_one_cannot() {
    let sell = order(1, Sell, "3", Market);
    let mut one_way = long_one(config(PositionMode::OneWay));
    place(&mut one_way, &sell).unwrap();
    play(&mut one_way, &step(2, ["110"; 4]));
    let position = &one_way.positions()[0];
    assert_eq!((position.side, position.qty.to_string().as_str()), (PositionSide::Short, "2"));
    assert_eq!(position.cost.to_string(), "220");
    assert_eq!(one_way.balance().wallet.to_string(), "1010");

    let mut hedge = long_one(config(PositionMode::Hedge));
    place(&mut hedge, &sell).unwrap();
    play(&mut hedge, &step(2, ["110"; 4]));
    let sides: Vec<_> = hedge.positions().iter().map(|position| position.side).collect();
    assert_eq!(sides, [PositionSide::Long, PositionSide::Short]);
    // Without the flag, too: the exit of a hedged position cannot open one.
    place(&mut hedge, &Order { reduce_only: false, ..exit(2, Sell, "9", Market) }).unwrap();
    assert_eq!(told(&mut hedge, &step(3, ["110"; 4])), ["sell 1 @ 110 taker"]);
}

#[test]
fn leverage_decides_how_much_margin_a_position_binds() {
    let mut book = long_one(config(PositionMode::OneWay));
    assert_eq!(book.balance().available.to_string(), "990");
    book.set_leverage(&symbol(BTC), Leverage::try_new(2).unwrap());
    assert_eq!(book.balance().available.to_string(), "950");
}

#[test]
fn cancelled_orders_never_fill_and_their_ids_stay_used() {
    let mut book = long_one(config(PositionMode::OneWay));
    place(&mut book, &order(1, Buy, "1", limit("90", GoodTillCancel))).unwrap();
    assert_eq!(book.cancel(&id(1)).unwrap().status, OrderStatus::Cancelled);
    assert_eq!(book.cancel(&id(1)), Err(Refusal::NotOpen(id(1))));
    assert!(told(&mut book, &step(2, ["90"; 4])).is_empty());
    assert_eq!(
        place(&mut book, &order(1, Buy, "1", Market)).unwrap_err().to_string(),
        format!("client order id {} was used before", id(1))
    );
}

#[test]
fn memory_is_bounded() {
    let mut book = long_one(config(PositionMode::OneWay));
    for leg in 1..200 {
        place(&mut book, &order(leg, Buy, "0.05", Market)).unwrap();
        play(&mut book, &step(i64::from(leg) + 1, ["100"; 4]));
    }
    assert!(book.order(&id(199)).is_some() && book.order(&id(1)).is_none());
    assert_eq!(book.fills_since(0).count(), super::book::FILLS_MAX);
    assert_eq!(
        book.fills_since(198).map(|fill| fill.trade_id.to_string()).collect::<Vec<_>>(),
        ["P199", "P200"]
    );
    let json = serde_json::to_string(&book).unwrap();
    assert!(json.len() < 2 * ENDED_ORDERS_MAX * 320, "{} bytes", json.len());
}

#[test]
fn losses_beyond_the_maintenance_margin_liquidate() {
    let fees = BookConfig { taker_fee_pct: "0.05".parse().unwrap(), ..config(PositionMode::Hedge) };
    let mut book = book(fees);
    place(&mut book, &order(0, Buy, "90", Market)).unwrap();
    play(&mut book, &step(1, ["100"; 4]));
    place(&mut book, &exit(1, Sell, "90", stop("50"))).unwrap();
    // Wallet 995.5; at 89.4 equity is 41.5, maintenance 40.23.
    assert!(play(&mut book, &step(2, ["90", "90", "88", "89.4"])).is_empty());
    let events = play(&mut book, &step(3, ["90", "90", "89", "89.3"]));
    let [
        BookEvent::Liquidated(liquidation),
        BookEvent::Balance { wallet },
        BookEvent::OrderEnded { reason, .. },
    ] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!(liquidation.price.to_string(), "89.3");
    assert_eq!(liquidation.trade_id.to_string(), "P2");
    assert_eq!(*reason, EndReason::Liquidation);
    // 995.5 - 90 x 10.7 - 0.05 % of 8,037.
    assert_eq!(wallet.to_string(), "28.4815");
    assert!(book.positions().is_empty() && book.open_orders().is_empty());
}

#[test]
fn only_what_matters_is_a_change() {
    let mut book = long_one(config(PositionMode::OneWay));
    place(&mut book, &exit(1, Sell, "1", stop("50"))).unwrap();
    let revision = book.revision();
    for n in 2..50 {
        assert!(play(&mut book, &step(n, ["100"; 4])).is_empty());
    }
    assert_eq!(book.revision(), revision);
    assert!(play(&mut book, &step(3, ["10"; 4])).is_empty(), "a step that has passed yields nothing");
    book.cancel(&id(1)).unwrap();
    assert_ne!(book.revision(), revision);
}
