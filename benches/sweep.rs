//! A sweep: 1,000 parameter sets over a year of 1 h candles of 50 symbols, against the bare indicator arithmetic of as many
//! sets, eight side by side. `SWEEP_SETS` makes it smaller.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
#![expect(clippy::print_stdout, reason = "a benchmark speaks to a terminal")]

#[path = "rig/timing.rs"]
mod timing;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use rust_decimal::Decimal;
use serde_json::json;
use timing::{nanoseconds_each, paired};
use tradefleet::backtest::columns::Columns;
use tradefleet::backtest::market::Market;
use tradefleet::backtest::setup::{BotSetup, Setup};
use tradefleet::domain::candle::Candle;
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::money::{Leverage, Pct, Price};
use tradefleet::domain::time::{Timeframe, Timestamp};
use tradefleet::engine::settings::{BotSettings, PolicyLimits, SymbolScope};
use tradefleet::market::instruments::derive_instrument;
use tradefleet::market::synthetic::{SyntheticConfig, SyntheticMarket, SyntheticSymbol};
use tradefleet::optimize::marks::{MarkStore, Wanted};
use tradefleet::optimize::objective::{Bounds, Objective};
use tradefleet::optimize::search::{Method, Plan};
use tradefleet::optimize::space::Space;
use tradefleet::optimize::study::Study;
use tradefleet::optimize::windows::Window;
use tradefleet::strategy::{StrategyKind, StrategyParams, StrategySpec};

const SYMBOLS: u32 = 50;
/// A year of 1 h candles.
const BARS: u32 = 8_760;
const ROUNDS: usize = 3;
const LANES: usize = 8;
const START: Timestamp = Timestamp::from_ms(1_767_225_600_000);
/// What the arithmetic of one set costs a bar on one core with AVX2, by `PEERS-PERF`.
const SIMD_LIMIT_NS: f64 = 0.57;

fn main() -> anyhow::Result<()> {
    let sets: u32 = std::env::var("SWEEP_SETS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let study = study(sets)?;
    let pieces = sets * SYMBOLS * BARS;
    for cores in [1, std::thread::available_parallelism()?.get()] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(cores).build()?;
        let trades = AtomicU64::new(0);
        let sweep = paired(
            ROUNDS,
            || {
                trades.store(0, Ordering::Relaxed);
                let mut end = None;
                let each = nanoseconds_each(pieces, || {
                    end = Some(pool.install(|| {
                        study.search(&BTreeMap::new(), &|| false, &|row| {
                            let of = row.windows.iter().map(|window| u64::from(window.inside.trades)).sum();
                            trades.fetch_add(of, Ordering::Relaxed);
                        })
                    }));
                });
                end.transpose()?;
                Ok(each)
            },
            || Ok(nanoseconds_each(pieces, || bare(&study.market, sets))),
        )?;
        let signals = nanoseconds_each(pieces, || pool.install(|| signals(&study)));
        let of_limit = |each: f64| SIMD_LIMIT_NS / (each * cores_f64(cores));
        println!(
            "sweep on {cores} cores: {:.2} s for {sets} sets x {SYMBOLS} symbols x {BARS} bars, {} trades: {:.2} ns a bar and set, {:.3} \
             of the SIMD limit a core; signals alone {:.2} ns, {:.3} of it; {:.1} x bare arithmetic on one core ({:.2} ns)",
            sweep.subject * f64::from(pieces) / 1e9,
            trades.load(Ordering::Relaxed),
            sweep.subject,
            of_limit(sweep.subject),
            signals,
            of_limit(signals),
            sweep.ratio(),
            sweep.baseline,
        );
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "cores are few")]
fn cores_f64(cores: usize) -> f64 {
    cores as f64
}

/// Every signal of the study, and nothing else.
fn signals(study: &Study) {
    let span = study.market.span(None, None);
    let combinations = study.space.combinations();
    let mut number = 0;
    while number < combinations {
        let batch = (number..(number + 64).min(combinations)).filter_map(|number| {
            let params = study.space.params(&study.space.point(number)).ok()?;
            Some(Wanted::new(&params, study.market.timeframe))
        });
        let mut store = MarkStore::default();
        store.prepare(&study.market, &batch.collect::<Vec<_>>(), &[span]);
        black_box(store.computed());
        number += 64;
    }
}

/// Three averages and a comparison for each set, symbol and bar: no trade, no money, no list of signals.
fn bare(market: &Market, sets: u32) {
    for lane in &market.lanes {
        let closes = lane.columns.floats((0, lane.columns.len()), false).close;
        for _ in 0..sets.div_ceil(8) {
            let (mut fast, mut slow, mut signal) = ([1.0; LANES], [1.0; LANES], [0.0; LANES]);
            let (mut before, mut crosses) = ([0.0; LANES], [0.0; LANES]);
            let quick: [f64; LANES] = black_box([0.15; LANES]);
            let steady: [f64; LANES] = black_box([0.07; LANES]);
            for close in &closes {
                for (((fast, slow), (signal, before)), ((quick, steady), crosses)) in fast
                    .iter_mut()
                    .zip(&mut slow)
                    .zip(signal.iter_mut().zip(&mut before))
                    .zip(quick.iter().zip(&steady).zip(&mut crosses))
                {
                    *fast += (close - *fast) * quick;
                    *slow += (close - *slow) * steady;
                    *signal += (*fast - *slow - *signal) * 0.2;
                    let now = *fast - *slow - *signal;
                    *crosses += if *before * now <= 0.0 { 1.0 } else { 0.0 };
                    *before = now;
                }
            }
            black_box(crosses);
        }
    }
}

fn study(sets: u32) -> anyhow::Result<Study> {
    let symbols = (0..SYMBOLS).map(|number| {
        let price = Price::try_new(Decimal::new(1_000_000, 2))?;
        Ok(SyntheticSymbol { symbol: Symbol::try_new(&format!("S{number:02}USDT"))?, price, decimals: 2 })
    });
    let symbols = symbols.collect::<anyhow::Result<Vec<_>>>()?;
    let config = SyntheticConfig {
        symbols,
        steps: Some(u64::from(BARS)),
        ..SyntheticConfig::with_default_symbols(1, START)
    };
    let mut source = SyntheticMarket::new(config)?;
    let names: Vec<Symbol> = source.symbols().cloned().collect();
    let mut candles: Vec<Vec<Candle>> = vec![Vec::new(); names.len()];
    while let Some(row) = source.next_row() {
        for (series, candle) in candles.iter_mut().zip(row) {
            series.push(candle);
        }
    }
    let mut series = BTreeMap::new();
    let mut instruments = BTreeMap::new();
    for (symbol, candles) in names.iter().zip(&candles) {
        instruments.extend(derive_instrument(symbol, candles).map(|rules| (symbol.clone(), rules)));
        series.insert(symbol.clone(), Columns::of(Timeframe::M1, candles)?);
    }
    let market = Market::new(series)?;
    let params = StrategyParams::from_json(
        StrategyKind::Macd,
        &json!({"conditions_calm": 0, "conditions_volatile": 0, "min_hold_bars": 0, "trail_activation_pct": 0}),
    )?;
    let settings = BotSettings {
        symbol: SymbolScope::Universe,
        allocation_percent: Pct::HUNDRED,
        max_positions: 20,
        ..BotSettings::default()
    };
    let spec = StrategySpec { params, timeframe: None };
    let limits = PolicyLimits { max_leverage: Leverage::try_new(20)? };
    let bot = BotSetup::signals("macd", spec, settings);
    let mut base = Setup { settings: Setup::plain_settings(), instruments, ..Setup::new(limits, vec![bot]) };
    base.set("max_positions", "20")?;
    // As many as asked for: 10 x 10 x sets / 100.
    let given = [
        ("fast", "8..17".to_owned()),
        ("slow", "21..30".to_owned()),
        ("signal", format!("5..{}", 4 + sets / 100)),
    ];
    let given: Vec<_> = given.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    let space = Space::parse(&given, &base)?;
    let span = market.span(None, None);
    Ok(Study {
        market,
        base,
        space,
        windows: vec![Window { inside: span, outside: None }],
        objective: Objective::Sharpe,
        bounds: Bounds { min_trades: 1, max_drawdown: None },
        plan: Plan { method: Method::Grid, trials: None, seed: 1 },
    })
}
