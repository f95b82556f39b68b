//! One bar close of 50 symbols under 10 parameter sets: what all accounts together cost, however many they are.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
#![expect(clippy::print_stdout, reason = "a benchmark speaks to a terminal")]

#[path = "rig/timing.rs"]
mod timing;

use std::hint::black_box;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use timing::{nanoseconds_each, paired};
use tradefleet::domain::ids::StrategyId;
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::market::MarketStep;
use tradefleet::domain::money::Price;
use tradefleet::domain::time::{Timeframe, Timestamp};
use tradefleet::market::feed::Feed;
use tradefleet::market::synthetic::{SyntheticConfig, SyntheticMarket, SyntheticSymbol};
use tradefleet::strategy::{SignalBoard, SignalPlan, StrategyKind, StrategyParams, StrategySpec};

const SYMBOLS: u32 = 50;
const SETS: u32 = 10;
const BARS: u32 = 1_000;
const ROUNDS: usize = 9;
const START: Timestamp = Timestamp::from_ms(1_767_225_600_000);

fn main() -> anyhow::Result<()> {
    let config = market()?;
    let symbols: Vec<Symbol> = config.symbols.iter().map(|known| known.symbol.clone()).collect();
    let mut feed = Feed::from_synthetic(SyntheticMarket::new(config)?);
    feed.subscribe(&symbols.iter().map(|symbol| (symbol.clone(), Timeframe::M1)).collect());
    let steps: Vec<MarketStep> = std::iter::from_fn(|| feed.next_step()).collect();
    let plan = plan(&symbols)?;
    let computations = SYMBOLS * SETS * BARS;
    let pair = paired(
        ROUNDS,
        || {
            let mut board = SignalBoard::new(&plan);
            let each = nanoseconds_each(computations, || {
                for step in &steps {
                    black_box(board.on_step(step));
                }
            });
            anyhow::ensure!(board.computed() == u64::from(computations), "{} computed", board.computed());
            Ok(each)
        },
        || Ok(nanoseconds_each(computations, || averages(&steps))),
    )?;
    println!(
        "signals: {:.0} ns a computation, {:.0} us a bar close of {SYMBOLS} symbols x {SETS} sets; {:.1} x the \
         baseline (two f64 EMAs a computation, {:.1} ns)",
        pair.subject,
        pair.subject * f64::from(SYMBOLS * SETS) / 1e3,
        pair.ratio(),
        pair.baseline,
    );
    Ok(())
}

fn market() -> anyhow::Result<SyntheticConfig> {
    let symbols = (0..SYMBOLS).map(|number| {
        let price = Price::try_new(Decimal::new(1_000_000, 2))?;
        Ok(SyntheticSymbol { symbol: Symbol::try_new(&format!("S{number:02}USDT"))?, price, decimals: 2 })
    });
    let symbols = symbols.collect::<anyhow::Result<_>>()?;
    let steps = Some(u64::from(BARS));
    Ok(SyntheticConfig { symbols, steps, ..SyntheticConfig::with_default_symbols(1, START) })
}

/// Every set differs, so that none shares another's computation.
fn plan(symbols: &[Symbol]) -> anyhow::Result<SignalPlan> {
    let kinds = [
        (StrategyKind::EmaCross, "trend"),
        (StrategyKind::Momentum, "volume_period"),
        (StrategyKind::Macd, "signal_ttl_bars"),
    ];
    let mut plan = SignalPlan::default();
    for (set, (kind, key)) in (1..=SETS).zip(kinds.into_iter().cycle()) {
        let mut params = StrategyParams::new(kind);
        params.set(key, &(20 + set).to_string())?;
        let spec = StrategySpec { params, timeframe: None };
        for symbol in symbols {
            plan.add(StrategyId::new(set), &spec, symbol, Timeframe::M1);
        }
    }
    Ok(plan)
}

/// What no strategy can do without: the close as a float, and two averages of it.
fn averages(steps: &[MarketStep]) {
    let mut states = [(0.0_f64, 0.0_f64); (SYMBOLS * SETS) as usize];
    for step in steps {
        for (bar, sets) in step.closed_bars.iter().zip(states.chunks_mut(SETS as usize)) {
            let close = bar.candle.close.decimal().to_f64().unwrap_or(0.0);
            for (fast, slow) in sets {
                *fast += (close - *fast) * (2.0 / 13.0);
                *slow += (close - *slow) * (2.0 / 27.0);
            }
        }
    }
    black_box(states);
}
