//! Orders, bars and instruments for the tests of the book and of the paper exchange.

use rust_decimal::Decimal;

use super::book::Book;
use super::config::BookConfig;
use super::event::BookEvent;
use crate::domain::candle::Candle;
use crate::domain::fill::Fill;
use crate::domain::ids::{AccountId, BotId, ClientOrderId, CycleId, OrderKey};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::market::{Bar, MarketStep};
use crate::domain::money::{Leverage, Pct, Quote};
use crate::domain::order::{Order, OrderKind, OrderStatus, OrderTimes, Purpose, TimeInForce};
use crate::domain::side::PositionMode;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::{Timeframe, Timestamp};

pub(crate) const BTC: &str = "BTCUSDT";
pub(crate) const ETH: &str = "ETHUSDT";

pub(crate) fn symbol(text: &str) -> Symbol {
    Symbol::try_new(text).unwrap()
}

/// 1,000 USDT, no fees, no slippage, unlimited volume.
pub(crate) fn config(position_mode: PositionMode) -> BookConfig {
    BookConfig {
        quote_asset: "USDT".to_owned(),
        initial_balance: "1000".parse().unwrap(),
        maker_fee_pct: Pct::ZERO,
        taker_fee_pct: Pct::ZERO,
        slippage_pct: Pct::ZERO,
        participation_pct: None,
        position_mode,
    }
}

/// Tick 0.1, step 0.01, smallest order 0.01 and 5 USDT.
pub(crate) fn instrument(name: &str) -> Instrument {
    Instrument {
        symbol: symbol(name),
        tick: "0.1".parse().unwrap(),
        step: "0.01".parse().unwrap(),
        min_qty: "0.01".parse().unwrap(),
        min_notional: "5".parse().unwrap(),
    }
}

/// The id of the order with this number.
pub(crate) fn id(leg: u16) -> ClientOrderId {
    ClientOrderId::new(&OrderKey {
        account: AccountId::new(1),
        bot: Some(BotId::new(1)),
        cycle: CycleId::at(minute(0)),
        purpose: Purpose::Entry,
        leg,
        attempt: 1,
    })
}

pub(crate) fn minute(n: i64) -> Timestamp {
    Timestamp::from_ms(n * 60_000)
}

/// Buys open or add to a long, sells open or add to a short; see [`exit`].
pub(crate) fn order(leg: u16, side: Side, qty: &str, kind: OrderKind) -> Order {
    let position_side = if side == Side::Buy { PositionSide::Long } else { PositionSide::Short };
    Order {
        client_order_id: id(leg),
        bot: Some(BotId::new(1)),
        symbol: symbol(BTC),
        side,
        position_side,
        purpose: Purpose::Entry,
        kind,
        qty: qty.parse().unwrap(),
        reduce_only: false,
        leverage: Leverage::try_new(10).unwrap(),
        reserved_margin: Quote::ZERO,
        cycle: CycleId::at(minute(0)),
        status: OrderStatus::Sent,
        filled_qty: "0".parse().unwrap(),
        filled_notional: Quote::ZERO,
        exchange_order_id: None,
        end_reason: None,
        dry_run: true,
        times: OrderTimes::default(),
    }
}

/// A reduce-only order against the position that `side` closes.
pub(crate) fn exit(leg: u16, side: Side, qty: &str, kind: OrderKind) -> Order {
    let order = order(leg, side, qty, kind);
    Order { reduce_only: true, position_side: order.position_side.opposite(), ..order }
}

pub(crate) fn limit(price: &str, time_in_force: TimeInForce) -> OrderKind {
    OrderKind::Limit { price: price.parse().unwrap(), time_in_force }
}

pub(crate) fn stop(trigger: &str) -> OrderKind {
    OrderKind::StopMarket { trigger: trigger.parse().unwrap() }
}

pub(crate) fn take_profit(trigger: &str) -> OrderKind {
    OrderKind::TakeProfitMarket { trigger: trigger.parse().unwrap() }
}

/// The bar that closes at minute `n`: open, high, low, close, with a volume of 100.
pub(crate) fn bar(name: &str, n: i64, prices: [&str; 4]) -> Bar {
    let candle =
        Candle::try_new(minute(n - 1), prices.map(|price| price.parse().unwrap()), Decimal::ONE_HUNDRED);
    Bar { symbol: symbol(name), timeframe: Timeframe::M1, candle: candle.unwrap(), complete: true }
}

pub(crate) fn step(n: i64, prices: [&str; 4]) -> MarketStep {
    MarketStep { at: minute(n), price_bars: vec![bar(BTC, n, prices)], closed_bars: Vec::new() }
}

/// A book that knows the price of BTC to be 100.
pub(crate) fn book(config: BookConfig) -> Book {
    let mut book = Book::new(config);
    assert_eq!(book.next_event(&step(0, ["100"; 4])), None);
    book
}

/// Plays the step to its end.
pub(crate) fn play(book: &mut Book, step: &MarketStep) -> Vec<BookEvent> {
    std::iter::from_fn(|| book.next_event(step)).collect()
}

pub(crate) fn fills(events: &[BookEvent]) -> Vec<Fill> {
    events
        .iter()
        .filter_map(|event| match event {
            BookEvent::Fill(fill) => Some(fill.clone()),
            BookEvent::OrderEnded { .. } | BookEvent::Balance { .. } | BookEvent::Liquidated(_) => None,
        })
        .collect()
}
