//! What a year of 1 m candles costs: MACD with take profit and stop loss, against a bare loop over the same columns.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
#![expect(clippy::print_stdout, reason = "a benchmark speaks to a terminal")]

#[path = "rig/timing.rs"]
mod timing;

use std::collections::BTreeMap;
use std::hint::black_box;

use serde_json::json;
use timing::{nanoseconds_each, paired};
use tradefleet::backtest::columns::Columns;
use tradefleet::backtest::driver::{Stride, play};
use tradefleet::backtest::funding::FundingRates;
use tradefleet::backtest::market::Market;
use tradefleet::backtest::results::Results;
use tradefleet::backtest::setup::{BotSetup, Setup};
use tradefleet::domain::candle::Candle;
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::money::{Leverage, Pct};
use tradefleet::domain::time::{Timeframe, Timestamp};
use tradefleet::engine::settings::{BotSettings, PaperSettings, PolicyLimits, SymbolScope};
use tradefleet::market::instruments::derive_instrument;
use tradefleet::market::synthetic::{SyntheticConfig, SyntheticMarket};
use tradefleet::strategy::{StrategyKind, StrategyParams, StrategySpec};

/// A year of 1 m candles.
const BARS: u32 = 525_600;
const ROUNDS: usize = 7;
const START: Timestamp = Timestamp::from_ms(1_767_225_600_000);

/// Take profit and stop loss in percent: the strategy's own, and four times rarer.
const LEVELS: [(&str, &str); 2] = [("5", "1.5"), ("10", "3")];

fn main() -> anyhow::Result<()> {
    let (symbol, candles) = year()?;
    let market = Market::new(BTreeMap::from([(symbol.clone(), Columns::of(Timeframe::M1, &candles)?)]))?;
    for levels in LEVELS {
        measure(&market, &setup(&symbol, &candles, levels)?, levels)?;
    }
    Ok(())
}

fn measure(market: &Market, setup: &Setup, levels: (&str, &str)) -> anyhow::Result<()> {
    let closes = market
        .lanes
        .first()
        .map(|lane| lane.columns.floats((0, usize::MAX), false).close)
        .unwrap_or_default();
    let mut trades = 0;
    let mut stepped = 0;
    let loops = paired(
        ROUNDS,
        || {
            let mut played = None;
            let each = nanoseconds_each(BARS, || played = Some(play(market, setup, Stride::Skipping)));
            if let Some(played) = played {
                let played = played?;
                (trades, stepped) = (played.ledger.positions.len(), played.stepped);
            }
            Ok(each)
        },
        || Ok(nanoseconds_each(BARS, || bare(&closes))),
    )?;
    let played = play(market, setup, Stride::Skipping)?;
    let results = nanoseconds_each(BARS, || {
        black_box(Results::of(market, setup, &played));
    });
    println!(
        "backtest, MACD with TP {} % and SL {} %: {:.1} ms for {BARS} bars ({:.0} M bars/s), {trades} trades, {stepped} steps; {:.1} x \
         a bare MACD loop ({:.1} ms); figures and curve {:.1} ms",
        levels.0,
        levels.1,
        loops.subject * f64::from(BARS) / 1e6,
        1e3 / loops.subject,
        loops.ratio(),
        loops.baseline * f64::from(BARS) / 1e6,
        results * f64::from(BARS) / 1e6,
    );
    Ok(())
}

/// Three EMAs in floating point and a count of crosses: no trade, no money.
fn bare(closes: &[f64]) {
    let (mut fast, mut slow, mut signal, mut before, mut crosses) = (0.0, 0.0, 0.0, 0.0, 0_u32);
    for close in closes {
        fast += (close - fast) * (2.0 / 13.0);
        slow += (close - slow) * (2.0 / 27.0);
        signal += (fast - slow - signal) * 0.2;
        let histogram = fast - slow - signal;
        crosses += u32::from(before <= 0.0 && histogram > 0.0);
        before = histogram;
    }
    black_box(crosses);
}

fn year() -> anyhow::Result<(Symbol, Vec<Candle>)> {
    let config =
        SyntheticConfig { steps: Some(u64::from(BARS)), ..SyntheticConfig::with_default_symbols(1, START) };
    let mut source = SyntheticMarket::new(config)?;
    let symbol = Symbol::try_new("BTCUSDT")?;
    let place = source.symbols().position(|known| *known == symbol).unwrap_or(0);
    let mut candles: Vec<Candle> = Vec::new();
    while let Some(row) = source.next_row() {
        candles.extend(row.get(place).copied());
    }
    Ok((symbol, candles))
}

fn setup(symbol: &Symbol, candles: &[Candle], levels: (&str, &str)) -> anyhow::Result<Setup> {
    let limits = PolicyLimits { max_leverage: Leverage::try_new(20)? };
    let params = StrategyParams::from_json(
        StrategyKind::Macd,
        &json!({
            "conditions_calm": 0, "conditions_volatile": 0, "min_hold_bars": 0, "trail_activation_pct": 0,
            "take_profit_pct": levels.0, "stop_loss_pct": levels.1,
        }),
    )?;
    let bot = BotSettings {
        symbol: SymbolScope::One(symbol.clone()),
        allocation_percent: Pct::HUNDRED,
        ..BotSettings::default()
    };
    let rules = derive_instrument(symbol, candles).ok_or_else(|| anyhow::anyhow!("no candles"))?;
    Ok(Setup {
        settings: Setup::plain_settings(),
        paper: PaperSettings::default(),
        limits,
        bots: vec![BotSetup::signals("macd", StrategySpec { params, timeframe: None }, bot)],
        instruments: BTreeMap::from([(symbol.clone(), rules)]),
        funding: FundingRates::default(),
        gates: None,
        spot: false,
        from: None,
        to: None,
    })
}
