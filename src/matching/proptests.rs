//! Properties of the book under random orders and random bars.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::book::Book;
use super::config::BookConfig;
use super::event::BookEvent;
use super::fixtures::*;
use crate::domain::candle::Candle;
use crate::domain::fill::Fill;
use crate::domain::ids::ClientOrderId;
use crate::domain::market::{Bar, MarketStep};
use crate::domain::money::{Leverage, Price, Qty};
use crate::domain::order::{Order, OrderKind, TimeInForce};
use crate::domain::side::PositionMode;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timeframe;

/// A random order: (kind, buy, exit, price in ticks, quantity in steps, on ETH).
type Draw = (u8, bool, bool, i64, i64, bool);

/// One step: the two bars as (open, and three more prices, in ticks; volume), orders placed before it, orders
/// placed after its first event, and whether the caller then cancels its oldest order.
type Turn = ([[i64; 4]; 2], i64, Vec<Draw>, Vec<Draw>, bool);

fn draw() -> impl Strategy<Value = Draw> {
    (0_u8..7, any::<bool>(), any::<bool>(), 900_i64..1_100, 1_i64..1_500, any::<bool>())
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let prices = prop::array::uniform2(prop::array::uniform4(900_i64..1_100));
    let drawn = || prop::collection::vec(draw(), 0..4);
    prop::collection::vec((prices, 0_i64..1_000, drawn(), drawn(), any::<bool>()), 1..12)
}

fn configs() -> impl Strategy<Value = BookConfig> {
    (any::<bool>(), prop::option::of(1_i64..100), 0_i64..50, 20_i64..300).prop_map(
        |(hedge, participation, slippage, balance)| BookConfig {
            initial_balance: Decimal::from(balance).to_string().parse().unwrap(),
            maker_fee_pct: "0.02".parse().unwrap(),
            taker_fee_pct: "0.0513".parse().unwrap(),
            slippage_pct: Decimal::new(slippage, 2).to_string().parse().unwrap(),
            participation_pct: participation.map(|pct| pct.to_string().parse().unwrap()),
            ..config(if hedge { PositionMode::Hedge } else { PositionMode::OneWay })
        },
    )
}

fn price(ticks: i64) -> Price {
    Price::try_new(Decimal::new(ticks, 1)).unwrap()
}

fn drawn_order(leg: u16, (kind, buy, exits, ticks, steps, eth): Draw) -> Order {
    let price = price(ticks);
    let kind = match kind {
        0 => OrderKind::Market,
        1 => OrderKind::StopMarket { trigger: price },
        2 => OrderKind::TakeProfitMarket { trigger: price },
        n => OrderKind::Limit { price, time_in_force: TimeInForce::ALL[usize::from(n) - 3] },
    };
    let side = if buy { Side::Buy } else { Side::Sell };
    let qty = Decimal::new(steps, 2).to_string();
    let order = if exits { exit(leg, side, &qty, kind) } else { order(leg, side, &qty, kind) };
    let leverage = Leverage::try_new(if leg.is_multiple_of(3) { 5 } else { 50 }).unwrap();
    Order { symbol: symbol(if eth { ETH } else { BTC }), leverage, ..order }
}

fn drawn_bar(name: &str, n: i64, prices: [i64; 4], volume: i64) -> Bar {
    let candle = Candle {
        open_time: minute(n - 1),
        open: price(prices[0]),
        high: price(*prices.iter().max().unwrap()),
        low: price(*prices.iter().min().unwrap()),
        close: price(prices[3]),
        volume: Decimal::new(volume, 1),
    };
    Bar { symbol: symbol(name), timeframe: Timeframe::M1, candle, complete: true }
}

/// What a run did, in order.
#[derive(Debug, Default, PartialEq)]
struct Run {
    events: Vec<(MarketStepId, BookEvent)>,
    placed: BTreeMap<ClientOrderId, Order>,
}

/// Which of the steps an event belongs to: its index.
type MarketStepId = usize;

fn steps(turns: &[Turn]) -> Vec<MarketStep> {
    let bars = |n: i64, (prices, volume, ..): &Turn| {
        vec![drawn_bar(BTC, n, prices[0], *volume), drawn_bar(ETH, n, prices[1], *volume)]
    };
    let numbered = turns.iter().zip(1_i64..);
    numbered
        .map(|(turn, n)| MarketStep { at: minute(n), price_bars: bars(n, turn), closed_bars: Vec::new() })
        .collect()
}

/// Plays the turns; with `crashes`, the book is written and read again before every single call.
fn run(config: &BookConfig, turns: &[Turn], crashes: bool) -> (Book, Run) {
    let mut book = Book::new(config.clone());
    let first = ["100"; 4];
    let bars = vec![bar(BTC, 0, first), bar(ETH, 0, first)];
    book.next_event(&MarketStep { at: minute(0), price_bars: bars, closed_bars: Vec::new() });
    let mut run = Run::default();
    let mut leg = 0;
    for (index, (step, turn)) in steps(turns).iter().zip(turns).enumerate() {
        let (_, _, before, during, cancels) = turn;
        let mut place_all = |book: &mut Book, draws: &[Draw]| {
            for draw in draws {
                leg += 1;
                let order = drawn_order(leg, *draw);
                if book.place(&order, &instrument(order.symbol.as_str()), minute(0)).is_ok() {
                    run.placed.insert(order.client_order_id.clone(), order);
                }
            }
        };
        place_all(&mut book, before);
        let mut reacted = false;
        loop {
            if crashes {
                book = serde_json::from_str(&serde_json::to_string(&book).unwrap()).unwrap();
            }
            let Some(event) = book.next_event(step) else { break };
            run.events.push((index, event));
            if !reacted {
                reacted = true;
                place_all(&mut book, during);
                if *cancels && let Some(order) = book.open_orders().first() {
                    let id = order.client_order_id.clone();
                    book.cancel(&id).unwrap();
                }
            }
        }
    }
    (book, run)
}

/// Signed quantity and cash flow of a trade.
fn flow(side: Side, qty: Qty, price: Price) -> (Decimal, Decimal) {
    let (qty, cash) = (qty.decimal(), price.decimal() * qty.decimal());
    if side == Side::Buy { (qty, -cash) } else { (-qty, cash) }
}

/// The side of the market a liquidation traded on.
fn closing(side: PositionSide) -> Side {
    side.exit_side()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Money and positions are what the fills sum to, reckoned here without positions: cash in, cash out, fees.
    #[test]
    fn the_books_balance(config in configs(), turns in turns()) {
        let (book, run) = run(&config, &turns, false);
        let (mut cash, mut fees) = (config.initial_balance.decimal(), Decimal::ZERO);
        let mut held: BTreeMap<(String, Option<PositionSide>), Decimal> = BTreeMap::new();
        let key = |symbol: &crate::domain::instrument::Symbol, side| {
            (symbol.to_string(), (config.position_mode == PositionMode::Hedge).then_some(side))
        };
        for (_, event) in &run.events {
            let (trade, fee, key) = match event {
                BookEvent::Fill(fill) => (
                    flow(fill.side, fill.qty, fill.price), fill.fee.cash(), key(&fill.symbol, fill.position_side),
                ),
                BookEvent::Liquidated(end) => (
                    flow(closing(end.position_side), end.qty, end.price), end.fee, key(&end.symbol, end.position_side),
                ),
                BookEvent::OrderEnded { .. } | BookEvent::Balance { .. } => continue,
            };
            cash += trade.1;
            fees += fee.decimal();
            *held.entry(key).or_default() += trade.0;
        }
        let mut cost = Decimal::ZERO;
        let mut reported = BTreeMap::new();
        for position in book.positions() {
            let sign = if position.side == PositionSide::Long { Decimal::ONE } else { -Decimal::ONE };
            reported.insert(key(&position.symbol, position.side), position.qty.decimal() * sign);
            cost += position.cost.decimal() * sign;
        }
        held.retain(|_, qty| !qty.is_zero());
        prop_assert_eq!(&reported, &held);
        // What was paid and not yet sold is the cost of what is held.
        prop_assert_eq!(book.balance().wallet.decimal(), cash + cost - fees);
    }

    #[test]
    fn fills_keep_to_their_orders_and_bars(config in configs(), turns in turns()) {
        let (_, run) = run(&config, &turns, false);
        let steps = steps(&turns);
        let mut filled: BTreeMap<ClientOrderId, Decimal> = BTreeMap::new();
        let mut taken: BTreeMap<(usize, String), Decimal> = BTreeMap::new();
        for (index, event) in &run.events {
            let BookEvent::Fill(fill) = event else { continue };
            let order = &run.placed[&fill.client_order_id];
            let total = filled.entry(fill.client_order_id.clone()).or_default();
            *total += fill.qty.decimal();
            prop_assert!(*total <= order.qty.decimal(), "{} over-filled", fill.client_order_id);
            prop_assert!(!fill.qty.is_zero() && fill.qty.floor_to("0.01".parse().unwrap()) == fill.qty);
            prop_assert!((fill.price.decimal() % Decimal::new(1, 1)).is_zero());
            let candle = steps[*index].price_bar(&fill.symbol).unwrap().candle;
            prop_assert!(in_bar(fill, order, &candle, &config), "{fill:?} outside {candle:?}");
            if let Some(participation) = config.participation_pct {
                let used = taken.entry((*index, fill.symbol.to_string())).or_default();
                *used += fill.qty.decimal();
                prop_assert!(*used <= candle.volume * participation.fraction());
            }
        }
    }

    #[test]
    fn reduce_only_never_opens_or_flips(config in configs(), turns in turns()) {
        let (_, run) = run(&config, &turns, false);
        let mut held: BTreeMap<(String, Option<PositionSide>), Decimal> = BTreeMap::new();
        for (_, event) in &run.events {
            let (side, qty, price, symbol, position_side, reduces) = match event {
                BookEvent::Fill(fill) => (
                    fill.side, fill.qty, fill.price, &fill.symbol, fill.position_side,
                    run.placed[&fill.client_order_id].reduce_only,
                ),
                BookEvent::Liquidated(end) => (
                    closing(end.position_side), end.qty, end.price, &end.symbol, end.position_side, true,
                ),
                BookEvent::OrderEnded { .. } | BookEvent::Balance { .. } => continue,
            };
            let side_key = (config.position_mode == PositionMode::Hedge).then_some(position_side);
            let net = held.entry((symbol.to_string(), side_key)).or_default();
            let before = *net;
            *net += flow(side, qty, price).0;
            if reduces {
                prop_assert!(net.abs() < before.abs(), "{before} -> {net}");
                prop_assert!((*net * before) >= Decimal::ZERO, "{before} -> {net}");
            }
        }
    }

    #[test]
    fn a_crash_at_any_event_changes_nothing(config in configs(), turns in turns()) {
        let (_, straight) = run(&config, &turns, false);
        let (_, crashed) = run(&config, &turns, true);
        prop_assert_eq!(straight, crashed);
    }
}

fn in_bar(fill: &Fill, order: &Order, candle: &Candle, config: &BookConfig) -> bool {
    if matches!(order.kind, OrderKind::Limit { .. }) {
        let worse = |limit: Price| match fill.side {
            Side::Buy => fill.price <= limit,
            Side::Sell => fill.price >= limit,
        };
        return candle.low <= fill.price
            && fill.price <= candle.high
            && order.kind.price().is_some_and(worse);
    }
    // Slippage, and one tick of rounding after it.
    let slack = candle.high.decimal() * config.slippage_pct.fraction() + Decimal::new(1, 1);
    let price = fill.price.decimal();
    match fill.side {
        Side::Buy => candle.low.decimal() <= price && price <= candle.high.decimal() + slack,
        Side::Sell => candle.low.decimal() - slack <= price && price <= candle.high.decimal(),
    }
}
