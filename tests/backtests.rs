//! Backtests against golden trade lists of another engine, and the fast way against stepping every bar.
//!
//! The folder is `TRADEFLEET_GOLDEN` (with the trade lists in it, or in `backtests` below it), or
//! `../shared/data/backtests`; the candles are looked for in `ohlcv` beside it. Fee, take profit and stop loss are read
//! from the lists themselves, so any list written the same way is checked. Without the folder the test says so.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files must fail loudly")]
#![expect(clippy::print_stdout, reason = "what was skipped must be visible")]
#![expect(clippy::indexing_slicing, reason = "a row shorter than its header must fail loudly")]
#![expect(clippy::panic, reason = "a wrong trade ends the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::json;
use tradefleet::backtest::columns::Columns;
use tradefleet::backtest::driver::{Stride, checked_span, play};
use tradefleet::backtest::market::Market;
use tradefleet::backtest::played::Played;
use tradefleet::backtest::setup::{BotSetup, Setup};
use tradefleet::backtest::signals::SignalTable;
use tradefleet::backtest::skipping::{Extent, play_on};
use tradefleet::backtest::trades::{Trade, trades};
use tradefleet::domain::candle::Candle;
use tradefleet::domain::instrument::{Instrument, Symbol};
use tradefleet::domain::money::{Pct, Price, Quote};
use tradefleet::domain::side::PositionSide;
use tradefleet::domain::time::{Timeframe, Timestamp};
use tradefleet::engine::decision::Action;
use tradefleet::engine::settings::{BotSettings, PaperSettings, PolicyLimits, SymbolScope};
use tradefleet::market::candle_file::read_candles;
use tradefleet::market::instruments::derive_instrument;
use tradefleet::market::tape_name::TapeName;
use tradefleet::strategy::{StrategyKind, StrategyParams, StrategySpec};

fn limits() -> PolicyLimits {
    PolicyLimits { max_leverage: 20.try_into().unwrap() }
}

/// One row of a golden list.
#[derive(Debug)]
struct Golden {
    times: [i64; 3],
    prices: [f64; 2],
    reason: String,
    gross: f64,
    net: f64,
}

fn golden(path: &Path) -> Vec<Golden> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        let time = |index: usize| row[index].parse().unwrap();
        let number = |index: usize| row[index].parse().unwrap();
        Golden {
            times: [time(1), time(2), time(4)],
            prices: [number(3), number(5)],
            reason: row[6].to_owned(),
            gross: number(7),
            net: number(8),
        }
    });
    rows.collect()
}

/// A percentage from a fraction that was reckoned in binary.
fn percent(fraction: f64) -> Pct {
    format!("{:.4}", fraction * 100.0).parse().unwrap()
}

/// Fee, take profit and stop loss that the list was made with.
fn terms(rows: &[Golden]) -> (Pct, Pct, Pct) {
    // Of a long, (1 + net) / (1 + gross) = (1 - fee) / (1 + fee)
    let is_long = |row: &&Golden| near(row.prices[1] / row.prices[0] - 1.0, row.gross);
    let first = rows.iter().find(is_long).unwrap();
    let kept = (1.0 + first.net) / (1.0 + first.gross);
    // Gaps only make a take profit better and a stop loss worse.
    let of = |reason: &'static str| rows.iter().filter(move |row| row.reason == reason).map(|row| row.gross);
    let profit = of("tp").fold(f64::INFINITY, f64::min);
    let loss = of("sl").fold(f64::NEG_INFINITY, f64::max);
    let or = |value: f64, default: f64| if value.is_finite() { value } else { default };
    (percent((1.0 - kept) / (1.0 + kept)), percent(or(profit, 0.05)), percent(-or(loss, -0.015)))
}

/// The candles of a list: its name begins as its candle file's, and ends in which part of it: a year, `first8000`, or
/// nothing.
fn candles_of(label: &str, folders: &[PathBuf]) -> Option<(Symbol, Timeframe, Vec<Candle>)> {
    let parts: Vec<&str> = label.split('-').collect();
    let place = parts.iter().position(|part| part.parse::<Timeframe>().is_ok())?;
    let timeframe = parts[place].parse().ok()?;
    let symbol = Symbol::try_new(&parts[1..place].join("-")).ok()?;
    let series = parts[..=place].join("-");
    let mut found: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|entries| entries.map(|entry| entry.unwrap().path()))
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&format!("{series}-")))
        .filter(|path| path.file_name().unwrap().to_str().unwrap().contains(".csv"))
        .filter(|path| !path.to_str().unwrap().contains("/backtests/"))
        .collect();
    found.sort();
    let part = parts.get(place + 1).copied().unwrap_or_default();
    let year: Option<i16> = part.parse().ok();
    let path = found.iter().find(|path| covers(path, year)).or(found.first())?;
    let mut candles = read_candles(path, timeframe).unwrap().candles;
    if let Some(count) = part.strip_prefix("first").and_then(|count| count.parse().ok()) {
        candles.truncate(count);
    } else if let Some(count) = part.strip_prefix("last").and_then(|count| count.parse::<usize>().ok()) {
        candles.drain(..candles.len().saturating_sub(count));
    } else if let Some(year) = year {
        candles.retain(|candle| year_of(candle.open_time) == year);
    }
    Some((symbol, timeframe, candles))
}

fn year_of(at: Timestamp) -> i16 {
    at.to_string()[..4].parse().unwrap()
}

/// Whether a file's name says that the year is in it.
fn covers(path: &Path, year: Option<i16>) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    let span = name.split('-').next_back().unwrap_or_default();
    let mut years = span.split('_').filter_map(|day| day.get(..4)?.parse::<i16>().ok());
    match (year, years.next(), years.next()) {
        (Some(year), Some(from), Some(to)) => (from..=to).contains(&year),
        (_, _, _) => true,
    }
}

/// A market without ticks, steps and minimums.
fn exact_rules(symbol: &Symbol, candles: &[Candle]) -> Instrument {
    let rules = derive_instrument(symbol, candles).unwrap();
    let tick = Price::try_new(Decimal::new(1, (rules.tick.decimal().scale() + 6).min(12))).unwrap();
    Instrument { tick, min_notional: Quote::ZERO, ..rules }
}

fn setup(symbol: &Symbol, rules: Instrument, params: StrategyParams, fee: Pct) -> Setup {
    let mut bot = BotSettings { symbol: SymbolScope::One(symbol.clone()), ..BotSettings::default() };
    bot.set("allocation_percent", "100", limits()).unwrap();
    Setup {
        settings: Setup::plain_settings(),
        paper: PaperSettings { taker_fee_pct: fee, maker_fee_pct: fee, ..PaperSettings::default() },
        limits: limits(),
        bots: vec![BotSetup::signals("bot", StrategySpec { params, timeframe: None }, bot)],
        instruments: BTreeMap::from([(symbol.clone(), rules)]),
        funding: tradefleet::backtest::funding::FundingRates::default(),
        gates: None,
        spot: false,
        from: None,
        to: None,
    }
}

fn market(symbol: &Symbol, timeframe: Timeframe, candles: &[Candle]) -> Market {
    Market::new(BTreeMap::from([(symbol.clone(), Columns::of(timeframe, candles).unwrap())])).unwrap()
}

fn params(kind: StrategyKind, value: &serde_json::Value) -> StrategyParams {
    StrategyParams::from_json(kind, value).unwrap()
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(1.0)
}

fn compare(name: &str, expected: &[Golden], found: &[Trade]) {
    for (row, trade) in expected.iter().zip(found) {
        let times = [trade.signal_time_ms.unwrap(), trade.entry_time_ms, trade.exit_time_ms];
        let prices = [trade.entry_price, trade.exit_price].map(|price| price.decimal().to_f64().unwrap());
        let same = times == row.times
            && prices.iter().zip(&row.prices).all(|(one, other)| near(*one, *other))
            && trade.exit_reason == row.reason
            && near(trade.ret_gross.to_f64().unwrap(), row.gross)
            && near(trade.ret_net.to_f64().unwrap(), row.net);
        assert!(same, "{name}: {row:?}\n{trade:?}");
    }
    assert_eq!(expected.len(), found.len(), "{name}");
}

fn check_golden(path: &Path, folders: &[PathBuf]) -> bool {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let (label, kind) = name.rsplit_once('-').unwrap();
    if !["macd_fill", "ema", "ema_reverse"].contains(&kind) {
        return false;
    }
    let rows = golden(path);
    let Some((symbol, timeframe, candles)) = candles_of(label, folders) else {
        panic!("no candles for {name} in {folders:?}");
    };
    let (fee, profit, loss) = terms(&rows);
    let params = if kind.starts_with("ema") {
        let allow_short = kind == "ema_reverse";
        params(
            StrategyKind::EmaCross,
            &json!({"fast": 12, "slow": 26, "trend": 0, "allow_short": allow_short}),
        )
    } else {
        params(
            StrategyKind::Macd,
            &json!({
                "conditions_calm": 0, "conditions_volatile": 0, "min_hold_bars": 0, "trail_activation_pct": 0,
                "take_profit_pct": profit.to_string(), "stop_loss_pct": loss.to_string(),
            }),
        )
    };
    let market = market(&symbol, timeframe, &candles);
    let setup = setup(&symbol, exact_rules(&symbol, &candles), params, fee);
    for stride in [Stride::Skipping, Stride::EveryBar] {
        let played = play(&market, &setup, stride).unwrap();
        compare(name, &rows, &trades(&market, &setup, &played));
    }
    println!("{name}: {} trades", rows.len());
    true
}

#[test]
fn golden_trade_lists_are_reproduced() {
    let root = std::env::var_os("TRADEFLEET_GOLDEN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/backtests"),
        PathBuf::from,
    );
    let lists = if root.join("backtests").is_dir() { root.join("backtests") } else { root.clone() };
    let Ok(entries) = std::fs::read_dir(&lists) else {
        println!("skipped: no folder {}", lists.display());
        return;
    };
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ohlcv");
    let folders = [root.join("ohlcv"), lists.join("../ohlcv"), lists.clone(), shared];
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
    paths.sort();
    let checked = paths.iter().filter(|path| check_golden(path, &folders)).count();
    println!("{checked} lists of {}", lists.display());
}

/// Made by a plain loop over the candles that knows nothing of this program, by the rules of the other lists; each cross
/// closes one side and opens the other at the next open.
#[test]
fn stop_and_reverse_is_reproduced() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../shared/data/ohlcv");
    if !shared.is_dir() {
        println!("skipped: no folder {}", shared.display());
        return;
    }
    let list = "tests/fixtures/backtests/BINANCEUM-SOLUSDT-1h-first2000-ema_reverse.csv";
    assert!(check_golden(&here.join(list), &[shared]));
}

/// A trade of a stop-and-reverse cross: side, bars of signal, entry and exit, both prices.
type Turn = (PositionSide, [i64; 3], [f64; 2]);

/// Stop and reverse on the cross of two EMAs, as a person would write it down.
fn turns(candles: &[Candle], fast: u32, slow: u32) -> Vec<Turn> {
    let closes: Vec<f64> = candles.iter().map(|candle| candle.close.decimal().to_f64().unwrap()).collect();
    let opens: Vec<f64> = candles.iter().map(|candle| candle.open.decimal().to_f64().unwrap()).collect();
    let times: Vec<i64> = candles.iter().map(|candle| candle.open_time.ms()).collect();
    let ema = |bars: u32| {
        let (seed, rest) = closes.split_at(bars as usize);
        let mut value = seed.iter().sum::<f64>() / f64::from(bars);
        let mut line = vec![value];
        for close in rest {
            value += (close - value) * 2.0 / f64::from(bars + 1);
            line.push(value);
        }
        line
    };
    let (fast_line, slow_line) = (ema(fast), ema(slow));
    let (fast, slow) = (fast as usize, slow as usize);
    let gap = |bar: usize| fast_line[bar + 1 - fast] - slow_line[bar + 1 - slow];
    let mut done = Vec::new();
    let mut open: Option<(PositionSide, usize, usize)> = None;
    for bar in slow..candles.len() - 1 {
        let side = match (gap(bar - 1), gap(bar)) {
            (before, now) if before <= 0.0 && now > 0.0 => PositionSide::Long,
            (before, now) if before >= 0.0 && now < 0.0 => PositionSide::Short,
            _ => continue,
        };
        let next = (side, bar, bar + 1);
        if let Some((side, signal, entry)) = open.replace(next) {
            done.push((side, [times[signal], times[entry], times[bar + 1]], [opens[entry], opens[bar + 1]]));
        }
    }
    let last = candles.len() - 1;
    done.extend(open.map(|(side, signal, entry)| {
        (side, [times[signal], times[entry], times[last]], [opens[entry], closes[last]])
    }));
    done
}

/// The ways a strategy can be made to trade: plain, trailing, averaging down, reporting only, on coarser bars, two bots,
/// turning around with exits that fill over several bars.
fn variants(symbol: &Symbol, rules: &Instrument, coarser: Option<Timeframe>) -> Vec<Setup> {
    let fee = "0.05".parse().unwrap();
    let of = |kind, value: &serde_json::Value| setup(symbol, rules.clone(), params(kind, value), fee);
    let plain = of(
        StrategyKind::Macd,
        &json!({
            "fast": 5, "slow": 12, "signal": 4, "conditions_calm": 0, "conditions_volatile": 0, "min_hold_bars": 0,
            "trail_activation_pct": 0, "take_profit_pct": 2, "stop_loss_pct": 1, "allow_short": true,
        }),
    );
    let mut adaptive = of(
        StrategyKind::Macd,
        &json!({
            "fast": 5, "slow": 12, "signal": 4, "conditions_calm": 2, "conditions_volatile": 1, "min_hold_bars": 4,
            "trail_activation_pct": 1, "trail_pct": 0.5, "allow_short": true, "signal_ttl_bars": 3,
        }),
    );
    adaptive.settings = Setup::settings();
    adaptive.funding.every_eight_hours = Some("0.01".parse().unwrap());
    let mut averaging =
        of(StrategyKind::EmaCross, &json!({"fast": 4, "slow": 11, "trend": 0, "signal_ttl_bars": 2}));
    averaging.settings = Setup::settings();
    for (key, value) in
        [("dca_pct", "0.3"), ("long_sl_pct", "4"), ("exit_cooldown_h", "0"), ("entry_pct", "60")]
    {
        averaging.settings.set(key, value, limits()).unwrap();
    }
    averaging.paper.set("slippage_pct", "0.02").unwrap();
    let mut reporting = averaging.clone();
    reporting.settings.auto_exit = false;
    let mut wide = of(StrategyKind::AiTrend, &json!({"min_confidence": 0.2}));
    wide.bots[0].spec_mut().unwrap().timeframe = coarser;
    wide.paper.set("participation_pct", "0.01").unwrap();
    let mut two = plain.clone();
    let mut second = averaging.bots[0].clone();
    second.settings.set("allocation_percent", "50", limits()).unwrap();
    second.spec_mut().unwrap().timeframe = coarser;
    two.bots[0].settings.set("allocation_percent", "50", limits()).unwrap();
    "second".clone_into(&mut second.name);
    two.bots.push(second);
    let mut turning = of(StrategyKind::EmaCross, &json!({"fast": 3, "slow": 8, "trend": 0}));
    turning.paper.set("participation_pct", "0.5").unwrap();
    for (key, value) in [("entry_pct", "100"), ("leverage", "1")] {
        turning.settings.set(key, value, limits()).unwrap();
    }
    vec![plain, adaptive, averaging, reporting, wide, two, turning]
}

/// What the fast way gives is what stepping every bar gives; of trades alone, without the entries that were refused.
fn assert_same(market: &Market, setup: &Setup, what: &str) -> (usize, usize) {
    let fast = play(market, setup, Stride::Skipping).unwrap();
    let slow = play(market, setup, Stride::EveryBar).unwrap();
    let span = checked_span(market, setup).unwrap();
    let signals = SignalTable::compute(market, setup, span).unwrap();
    let trades = play_on(market, setup, span, (&signals, Extent::Trades));
    let counts = (fast.stepped, slow.stepped);
    assert!(trades.stepped <= fast.stepped, "{what}");
    assert_equal(fast, slow.clone(), what);
    assert_equal(without_refusals(trades), without_refusals(slow), &format!("{what}, trades alone"));
    counts
}

fn without_refusals(mut played: Played) -> Played {
    played.ledger.decisions.retain(|decision| decision.action != Action::Skipped);
    played
}

fn assert_equal(mut fast: Played, mut slow: Played, what: &str) {
    (fast.stepped, slow.stepped) = (0, 0);
    // Signals of a whole series have no words.
    for decision in fast.ledger.decisions.iter_mut().chain(&mut slow.ledger.decisions) {
        decision.detail.clear();
    }
    assert_eq!(fast.ledger.fills, slow.ledger.fills, "{what}");
    assert_eq!(fast.ledger.orders, slow.ledger.orders, "{what}");
    let decisions = (&fast.ledger.decisions, &slow.ledger.decisions);
    for (one, other) in decisions.0.iter().zip(decisions.1) {
        assert_eq!(one, other, "{what}");
    }
    assert_eq!(decisions.0.len(), decisions.1.len(), "{what}");
    assert_eq!(fast, slow, "{what}");
}

fn coarser_than(timeframe: Timeframe) -> Option<Timeframe> {
    Timeframe::ALL.into_iter().find(|other| *other > timeframe && other.is_multiple_of(timeframe))
}

#[test]
fn skipping_is_stepping_on_real_candles() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ohlcv");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: no folder {}", folder.display());
        return;
    };
    // All bars take minutes in a debug build.
    let most: usize = std::env::var("TRADEFLEET_BARS").map_or(400, |bars| bars.parse().unwrap());
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut total = (0, 0);
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some((symbol, timeframe)) = TapeName::parse(name) else { continue };
        let mut candles = read_candles(&path, timeframe).unwrap().candles;
        candles.truncate(most);
        let market = market(&symbol, timeframe, &candles);
        let rules = derive_instrument(&symbol, &candles).unwrap();
        for (number, mut setup) in variants(&symbol, &rules, coarser_than(timeframe)).into_iter().enumerate()
        {
            if number % 2 == 1 {
                setup.from = Some(candles[candles.len() / 3].open_time);
            }
            if symbol.quote_asset() == "KRW" {
                setup.paper.set("initial_balance", "100000000").unwrap();
            }
            let counts = assert_same(&market, &setup, &format!("{name} variant {number}"));
            total = (total.0 + counts.0, total.1 + counts.1);
        }
    }
    println!("{} steps instead of {}", total.0, total.1);
}

/// Bars on the grid, some left out, that wander.
fn walk(moves: &[(i8, u8, u8, bool)], start: i64) -> Vec<Candle> {
    let price = |value: i64| Price::try_new(Decimal::new(value.max(10), 2)).unwrap();
    let mut last = start;
    let bars = moves.iter().zip(0_i64..).filter_map(|((step, up, down, missing), index)| {
        let open = last + i64::from(step % 5);
        let close = (open + i64::from(*step) * 3).max(100);
        last = close;
        let (high, low) = (open.max(close) + i64::from(*up), (open.min(close) - i64::from(*down)).max(50));
        let at = Timestamp::from_ms(1_600_000_020_000 / 60_000 * 60_000 + index * 60_000);
        let volume = Decimal::from(index % 7 + 1);
        let candle = Candle::try_new(at, [open, high, low, close].map(price), volume).unwrap();
        (!missing).then_some(candle)
    });
    bars.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn stop_and_reverse_is_the_plain_loops(
        moves in prop::collection::vec((-40_i8..=40, 0_u8..60, 0_u8..60, prop::bool::weighted(0.05)), 60..260),
    ) {
        let symbol = Symbol::try_new("AAAUSDT").unwrap();
        let candles = walk(&moves, 10_000);
        let market = market(&symbol, Timeframe::M1, &candles);
        let value = json!({"fast": 3, "slow": 7, "trend": 0});
        let params = params(StrategyKind::EmaCross, &value);
        let mut setup = setup(&symbol, exact_rules(&symbol, &candles), params, "0.04".parse().unwrap());
        setup.settings.set("leverage", "1", limits()).unwrap();
        for stride in [Stride::Skipping, Stride::EveryBar] {
            let played = play(&market, &setup, stride).unwrap();
            let found = trades(&market, &setup, &played).into_iter().map(|trade| {
                let times = [trade.signal_time_ms.unwrap(), trade.entry_time_ms, trade.exit_time_ms];
                (trade.side, times, [trade.entry_price, trade.exit_price].map(|price| price.decimal().to_f64().unwrap()))
            });
            prop_assert_eq!(found.collect::<Vec<Turn>>(), turns(&candles, 3, 7));
        }
    }

    /// Many symbols, few positions: most entries are refused, for one reason or another.
    #[test]
    fn skipping_is_stepping_where_most_entries_are_refused(
        walks in prop::collection::vec(
            prop::collection::vec((-40_i8..=40, 0_u8..60, 0_u8..60, prop::bool::weighted(0.1)), 60..200), 4..=4),
        positions in 1_u16..=4,
        entry_pct in prop::sample::select(vec!["20", "34", "50", "97", "100"]),
        leverage in prop::sample::select(vec!["1", "3", "20"]),
        ttl in 1_u32..=3,
        turns: bool,
        stop in prop::sample::select(vec!["0.4", "2", "90"]),
        whole_units: bool,
    ) {
        let candles: Vec<Vec<Candle>> = walks.iter().zip([10_000, 4_000, 900, 60_000]).map(|(moves, start)| walk(moves, start)).collect();
        let names: Vec<Symbol> = ["AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT"].map(|name| Symbol::try_new(name).unwrap()).into();
        let series = names.iter().zip(&candles).filter(|(_, candles)| !candles.is_empty());
        let market = Market::new(series.map(|(symbol, candles)| (symbol.clone(), Columns::of(Timeframe::M1, candles).unwrap())).collect()).unwrap();
        let params = params(
            StrategyKind::Macd,
            &json!({
                "fast": 3, "slow": 7, "signal": 3, "conditions_calm": 0, "conditions_volatile": 0, "min_hold_bars": 0,
                "trail_activation_pct": 0, "take_profit_pct": 1, "stop_loss_pct": stop, "allow_short": turns, "signal_ttl_bars": ttl,
            }),
        );
        let mut setup = setup(&names[0], derive_instrument(&names[0], &candles[0]).unwrap(), params, "0.05".parse().unwrap());
        for (symbol, candles) in names.iter().zip(&candles) {
            let mut rules = derive_instrument(symbol, candles).unwrap();
            if whole_units {
                rules.step = "1".parse().unwrap();
            }
            setup.instruments.insert(symbol.clone(), rules);
        }
        setup.bots[0].settings.symbol = SymbolScope::Universe;
        let mut second = setup.bots[0].clone();
        "second".clone_into(&mut second.name);
        second.settings.set("allocation_percent", "30", limits()).unwrap();
        second.settings.set("max_positions", "1", limits()).unwrap();
        setup.bots.push(second);
        for (key, value) in [("entry_pct", entry_pct), ("leverage", leverage), ("max_positions", &positions.to_string())] {
            setup.settings.set(key, value, limits()).unwrap();
        }
        assert_same(&market, &setup, "many symbols");
    }

    #[test]
    fn skipping_is_stepping_on_random_candles(
        moves in prop::collection::vec((-40_i8..=40, 0_u8..60, 0_u8..60, prop::bool::weighted(0.03)), 60..260),
        others in prop::collection::vec((-40_i8..=40, 0_u8..60, 0_u8..60, prop::bool::weighted(0.2)), 60..260),
        from in 0_usize..80,
    ) {
        let names = ["AAAUSDT", "BBBUSDT"].map(|name| Symbol::try_new(name).unwrap());
        let candles = [walk(&moves, 10_000), walk(&others, 4_000)];
        let series: BTreeMap<_, _> = names.iter().zip(&candles)
            .map(|(symbol, candles)| (symbol.clone(), Columns::of(Timeframe::M1, candles).unwrap())).collect();
        let market = Market::new(series).unwrap();
        let rules = derive_instrument(&names[0], &candles[0]).unwrap();
        for (number, mut setup) in variants(&names[0], &rules, Some(Timeframe::M5)).into_iter().enumerate() {
            for symbol in &names {
                setup.instruments.insert(symbol.clone(), Instrument { symbol: symbol.clone(), ..rules.clone() });
            }
            if number % 2 == 0 {
                setup.bots[0].settings.symbol = SymbolScope::Universe;
            } else {
                setup.from = candles[0].get(from).map(|candle| candle.open_time);
            }
            assert_same(&market, &setup, &format!("variant {number}"));
        }
    }
}
