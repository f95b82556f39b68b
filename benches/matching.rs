//! What one step of the market costs a paper book: an idle one, and one with a position and two resting orders.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
#![expect(clippy::print_stdout, reason = "a benchmark speaks to a terminal")]

#[path = "rig/timing.rs"]
mod timing;

use std::hint::black_box;

use anyhow::Context;
use timing::{Pair, nanoseconds_each, paired};
use tradefleet::domain::ids::{AccountId, BotId, ClientOrderId, CycleId, OrderKey};
use tradefleet::domain::instrument::{Instrument, Symbol};
use tradefleet::domain::market::MarketStep;
use tradefleet::domain::money::{Leverage, Pct, Price, Qty, Quote};
use tradefleet::domain::order::{Order, OrderKind, OrderStatus, OrderTimes, Purpose};
use tradefleet::domain::side::{PositionMode, PositionSide, Side};
use tradefleet::domain::time::Timestamp;
use tradefleet::market::feed::Feed;
use tradefleet::market::synthetic::{SyntheticConfig, SyntheticMarket};
use tradefleet::matching::book::Book;
use tradefleet::matching::config::BookConfig;

const STEPS: u32 = 50_000;
const ROUNDS: usize = 9;
const START: Timestamp = Timestamp::from_ms(1_767_225_600_000);
const SYMBOL: &str = "BTCUSDT";
/// So far from the market that no bar reaches them.
const STOP: &str = "0.01";
const TAKE_PROFIT: &str = "1000000000";

fn main() -> anyhow::Result<()> {
    let steps = Some(u64::from(STEPS));
    let config = SyntheticConfig { steps, ..SyntheticConfig::with_default_symbols(1, START) };
    let mut feed = Feed::from_synthetic(SyntheticMarket::new(config)?);
    let steps: Vec<MarketStep> = std::iter::from_fn(|| feed.next_step()).collect();
    let (symbol, stop, take_profit) = (Symbol::try_new(SYMBOL)?, STOP.parse()?, TAKE_PROFIT.parse()?);
    let baseline = || Ok(nanoseconds_each(STEPS, || compare(&steps, &symbol, stop, take_profit)));
    let idle = paired(ROUNDS, || play(Book::new(book_config()?), &steps, false), baseline)?;
    let holding = paired(ROUNDS, || play(holding_book(&steps)?, &steps, true), baseline)?;
    let print = |what: &str, pair: Pair| {
        println!(
            "matching, {what}: {:.0} ns a step of 4 symbols; {:.1} x the baseline (one bar found and compared with \
             two triggers, {:.0} ns)",
            pair.subject,
            pair.ratio(),
            pair.baseline,
        );
    };
    print("idle", idle);
    print("a position and two resting orders", holding);
    Ok(())
}

fn play(mut book: Book, steps: &[MarketStep], holds: bool) -> anyhow::Result<f64> {
    let each = nanoseconds_each(STEPS, || {
        for step in steps {
            while let Some(event) = book.next_event(step) {
                black_box(event);
            }
        }
    });
    let resting = book.open_orders().len();
    anyhow::ensure!(resting == if holds { 2 } else { 0 }, "{resting} orders rest at the end");
    Ok(each)
}

/// The least that resting orders ask for.
fn compare(steps: &[MarketStep], symbol: &Symbol, stop: Price, take_profit: Price) {
    for step in steps {
        if let Some(bar) = step.price_bar(symbol) {
            black_box(bar.candle.low <= stop || bar.candle.high >= take_profit);
        }
    }
}

fn book_config() -> anyhow::Result<BookConfig> {
    Ok(BookConfig {
        quote_asset: "USDT".to_owned(),
        initial_balance: "100000000".parse()?,
        maker_fee_pct: Pct::ZERO,
        taker_fee_pct: Pct::ZERO,
        slippage_pct: Pct::ZERO,
        participation_pct: None,
        position_mode: PositionMode::Hedge,
    })
}

/// A book that bought in the second step and protects what it holds.
fn holding_book(steps: &[MarketStep]) -> anyhow::Result<Book> {
    let rules = Instrument {
        symbol: Symbol::try_new(SYMBOL)?,
        tick: "0.01".parse()?,
        step: "0.001".parse()?,
        min_qty: "0.001".parse()?,
        min_notional: "5".parse()?,
    };
    let mut book = Book::new(book_config()?);
    let (first, second) = (steps.first().context("no step")?, steps.get(1).context("one step")?);
    while book.next_event(first).is_some() {}
    book.place(&order(0, Purpose::Entry, OrderKind::Market)?, &rules, first.at)?;
    while book.next_event(second).is_some() {}
    let stop = OrderKind::StopMarket { trigger: STOP.parse()? };
    let take_profit = OrderKind::TakeProfitMarket { trigger: TAKE_PROFIT.parse()? };
    book.place(&order(1, Purpose::StopLoss, stop)?, &rules, second.at)?;
    book.place(&order(2, Purpose::TakeProfit, take_profit)?, &rules, second.at)?;
    Ok(book)
}

fn order(leg: u16, purpose: Purpose, kind: OrderKind) -> anyhow::Result<Order> {
    let (bot, cycle) = (Some(BotId::new(1)), CycleId::at(START));
    let key = OrderKey { account: AccountId::new(1), bot, cycle, purpose, leg, attempt: 1 };
    Ok(Order {
        client_order_id: ClientOrderId::new(&key),
        bot,
        symbol: Symbol::try_new(SYMBOL)?,
        side: if purpose.increases() { Side::Buy } else { Side::Sell },
        position_side: PositionSide::Long,
        purpose,
        kind,
        qty: "1".parse()?,
        reduce_only: !purpose.increases(),
        leverage: Leverage::ONE,
        reserved_margin: Quote::ZERO,
        cycle,
        status: OrderStatus::Sent,
        filled_qty: Qty::ZERO,
        filled_notional: Quote::ZERO,
        exchange_order_id: None,
        end_reason: None,
        dry_run: true,
        times: OrderTimes { decided_at: START, ..OrderTimes::default() },
    })
}
