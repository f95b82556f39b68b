//! Grids over candles: by hand on a few bars, the fast way against stepping every bar, and the booked profit against
//! the fills.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use rust_decimal::{Decimal, dec};

use super::*;
use crate::backtest::columns::Columns;
use crate::backtest::driver::{Stride, play};
use crate::backtest::results::Results;
use crate::domain::candle::Candle;
use crate::domain::time::Timeframe;
use crate::engine::settings::{BotSettings, GridDraft, PolicyLimits};
use crate::market::candle_file::read_candles;
use crate::market::instruments::derive_instrument;
use crate::strategy::{StrategyKind, StrategyParams, StrategySpec};

const START: i64 = 1_600_000_020_000 / 60_000 * 60_000;

fn limits() -> PolicyLimits {
    PolicyLimits { max_leverage: 20.try_into().unwrap() }
}

fn symbol(name: &str) -> Symbol {
    Symbol::try_new(name).unwrap()
}

fn rules(symbol: &Symbol) -> Instrument {
    Instrument {
        symbol: symbol.clone(),
        tick: "0.01".parse().unwrap(),
        step: "0.001".parse().unwrap(),
        min_qty: "0.001".parse().unwrap(),
        min_notional: "1".parse().unwrap(),
    }
}

/// `lower=90 upper=110 ...`
fn grid(text: &str) -> GridConfig {
    let mut draft = GridDraft::default();
    for pair in text.split(' ') {
        let (key, value) = pair.split_once('=').unwrap();
        draft.set(key, value, limits()).unwrap();
    }
    draft.finish().unwrap()
}

fn settings(symbol: &Symbol, allocation: &str) -> BotSettings {
    let mut settings = BotSettings { symbol: SymbolScope::One(symbol.clone()), ..BotSettings::default() };
    settings.set("allocation_percent", allocation, limits()).unwrap();
    settings
}

fn setup(symbols: &[Symbol], bots: Vec<BotSetup>) -> Setup {
    let instruments = symbols.iter().map(|symbol| (symbol.clone(), rules(symbol))).collect();
    Setup { instruments, ..Setup::new(limits(), bots) }
}

/// The account whose only bot works the grid.
fn alone(symbol: &Symbol, text: &str) -> Setup {
    let bot = BotSetup::grid("ladder", grid(text), settings(symbol, "100"));
    setup(std::slice::from_ref(symbol), vec![bot])
}

fn market(symbol: &Symbol, timeframe: Timeframe, candles: &[Candle]) -> Market {
    Market::new(BTreeMap::from([(symbol.clone(), Columns::of(timeframe, candles).unwrap())])).unwrap()
}

/// One-minute bars of open, high, low and close.
fn bars(prices: &[[i64; 4]]) -> Vec<Candle> {
    let price = |value: i64| Price::try_new(Decimal::from(value)).unwrap();
    let bars = prices.iter().zip(0_i64..).map(|(prices, minute)| {
        let at = Timestamp::from_ms(START + minute * 60_000);
        Candle::try_new(at, prices.map(price), Decimal::TEN).unwrap()
    });
    bars.collect()
}

/// Ledgers but for the words in decisions, which tell prices that the fast way does not look at.
fn assert_same(market: &Market, setup: &Setup, what: &str) -> (Played, usize, usize) {
    let mut fast = play(market, setup, Stride::Skipping).unwrap();
    let mut slow = play(market, setup, Stride::EveryBar).unwrap();
    let counts = (fast.stepped, slow.stepped);
    for played in [&mut fast, &mut slow] {
        played.stepped = 0;
        played.ledger.decisions.iter_mut().for_each(|decision| decision.detail.clear());
    }
    assert_eq!(fast.ledger.fills, slow.ledger.fills, "{what}");
    assert_eq!(fast.ledger.orders, slow.ledger.orders, "{what}");
    assert_eq!(fast.ledger.decisions, slow.ledger.decisions, "{what}");
    assert_eq!(fast, slow, "{what}");
    (fast, counts.0, counts.1)
}

/// What each line has earned in its finished rounds, by the account's fills alone.
fn recomputed(played: &Played) -> BTreeMap<u16, Decimal> {
    let mut rounds: BTreeMap<u16, (Decimal, Decimal)> = BTreeMap::new();
    let mut earned: BTreeMap<u16, Decimal> = BTreeMap::new();
    for filled in &played.ledger.fills {
        let fill = &filled.booked.fill;
        let Some(line) = fill.client_order_id.key().unwrap().line() else { continue };
        let sign = if fill.side == Side::Buy { Decimal::ONE } else { -Decimal::ONE };
        let round = rounds.entry(line).or_default();
        round.0 += sign * fill.qty.decimal();
        round.1 -= sign * fill.price.notional(fill.qty).decimal() + fill.fee.cash().decimal();
        if round.0.is_zero() {
            *earned.entry(line).or_default() += round.1;
            round.1 = Decimal::ZERO;
        }
    }
    earned
}

/// Every booked profit is what the fills say, to the last digit.
fn assert_booked(results: &Results, played: &Played) {
    let [row] = results.grids.as_slice() else { panic!("one grid, not {}", results.grids.len()) };
    let earned = recomputed(played);
    for line in &row.lines {
        let of_fills = earned.get(&line.line).copied().unwrap_or_default();
        assert_eq!(line.profit.decimal(), of_fills.normalize(), "line {}", line.line);
    }
    assert_eq!(row.realized_profit.decimal(), earned.values().sum::<Decimal>().normalize());
    // Nothing else was traded: what the account made is what the grid made.
    assert_eq!(results.summary.net_profit, row.net_profit);
}

#[test]
fn a_few_bars_by_hand() {
    let symbol = symbol("AAAUSDT");
    // Lines at 90, 95, 100, 105, 110; 400 / (390 x 1.0002) = 1.0254..., on the step 1.025.
    let setup = alone(&symbol, "lower=90 upper=110 grids=5 investment=400");
    let candles = bars(&[
        [101, 102, 101, 101], // begins: buys rest at 90, 95 and 100
        [101, 101, 99, 99],   // buys at 100
        [99, 104, 98, 104],   // between the lines
        [104, 106, 103, 106], // sells at 105, one round; 100 is bought anew, at 105 and above nothing lacks
        [106, 106, 94, 94],   // buys at 105, 100 and 95
        [94, 97, 93, 96],
    ]);
    let market = market(&symbol, Timeframe::M1, &candles);
    let (played, ..) = assert_same(&market, &setup, "by hand");
    let results = Results::of(&market, &setup, &played);
    assert_booked(&results, &played);
    let [row] = results.grids.as_slice() else { panic!("one grid") };
    assert_eq!((row.cycles, row.buy_fills, row.sell_fills), (1, 4, 1));
    // 1.025 x (5 - 0.0002 x 205)
    assert_eq!(row.realized_profit, Quote::new(dec!(5.082975)));
    assert_eq!(row.profit_pct.unwrap().decimal(), dec!(1.2707));
    assert_eq!(row.held_qty, dec!(3.075));
    // 3.075 x 96 less 1.025 x 300 x 1.0002
    assert_eq!(row.unrealized_profit, Quote::new(dec!(-12.3615)));
    let lines: Vec<_> =
        row.lines.iter().map(|line| (line.line, line.status.as_str(), line.buy_fills)).collect();
    let expected = [(4, "pending", 0), (3, "sell_placed", 1), (2, "sell_placed", 2), (1, "sell_placed", 1)];
    assert_eq!(lines[..4], expected);
    assert_eq!(lines[4], (0, "buy_placed", 0));
    // A trade goes from flat to flat; what is left is valued at the end less the taker's fee.
    let trades: Vec<_> =
        results.trades.iter().map(|trade| (trade.bot.as_str(), trade.exit_reason.as_str())).collect();
    assert_eq!(trades, [("ladder", "grid"), ("ladder", "end")]);
    let sold = dec!(3.075) * dec!(96);
    let taker = sold * setup.paper.taker_fee_pct.fraction();
    assert_eq!(row.net_profit.decimal(), dec!(5.082975) - dec!(12.3615) - taker);
}

#[test]
fn a_stop_closes_what_is_held_and_is_told() {
    let symbol = symbol("AAAUSDT");
    let setup = alone(&symbol, "lower=90 upper=110 grids=5 investment=400 stop_lower=85 close_on_stop=on");
    let candles = bars(&[
        [101, 102, 101, 101],
        [101, 101, 92, 92], // buys at 100 and 95
        [92, 92, 84, 85],   // buys at 90; at its close the stop is reached
        [86, 88, 86, 87],   // sold at the open
        [87, 106, 87, 100], // and at rest
    ]);
    let market = market(&symbol, Timeframe::M1, &candles);
    let (played, ..) = assert_same(&market, &setup, "stop");
    let results = Results::of(&market, &setup, &played);
    let [row] = results.grids.as_slice() else { panic!("one grid") };
    let stopped = row.stopped.as_ref().unwrap();
    assert_eq!(stopped.time_ms, START + 120_000);
    assert_eq!(stopped.reason, "the price 85 has reached stop_lower 85");
    assert_eq!((row.cycles, row.buy_fills, row.held_qty), (0, 3, Decimal::ZERO));
    assert!(row.net_profit.decimal() < dec!(-20), "{}", row.net_profit);
    assert_eq!(results.trades[0].exit_reason, "grid_stop");
    assert_eq!(results.trades[0].exit_price, "86".parse().unwrap());
    assert_eq!((results.summary.net_profit, results.summary.liquidations), (row.net_profit, 0));
}

#[test]
fn what_could_not_be_added_is_refused_with_its_arithmetic() {
    let symbol = symbol("AAAUSDT");
    let market = market(&symbol, Timeframe::M1, &bars(&[[101, 102, 101, 101], [101, 101, 92, 92]]));
    let good = "upper=110 grids=5";
    for (text, words) in [
        (format!("lower=120 {good} investment=400"), "lower = 120 must be below upper = 110"),
        (format!("lower=90 {good} investment=10001"), "100 % of the equity 10000 = 10000"),
        (format!("lower=105 {good} investment=400"), "the price 101 is outside the range, 105 to 110"),
        (format!("lower=90 {good} investment=1"), "below the smallest quantity"),
        (format!("lower=90 {good} investment=400 leverage=20"), "leverage = 20 is above the 10"),
    ] {
        let refused = play(&market, &alone(&symbol, &text), Stride::Skipping).unwrap_err().to_string();
        assert!(refused.contains("grid `ladder` is refused:\n"), "{refused}");
        let needle = if words.starts_with("below") { "below the smallest" } else { words };
        assert!(refused.contains(needle), "{refused}");
    }
    // Outside with a trigger is fine.
    let waiting = alone(&symbol, &format!("lower=105 {good} investment=400 trigger=106"));
    assert_same(&market, &waiting, "trigger");
}

/// Grids of every kind around `level`, whose lines are `space` apart; some share the account with a bot that follows
/// signals.
fn variants(symbols: &[Symbol], level: Decimal, space: Decimal) -> Vec<Setup> {
    let at = |lines: i64| (level + Decimal::from(lines) * space).to_string();
    let range = format!("lower={} upper={} grids=9", at(-4), at(4));
    let one = |text: &str| alone(&symbols[0], &format!("{range} {text}"));
    let mut partial = one("investment=4000 leverage=3");
    partial.paper.set("participation_pct", "0.4").unwrap();
    let mut dear = one("investment=9999 mode=geometric");
    dear.paper.set("maker_fee_pct", "-0.01").unwrap();
    let mut shared = one("investment=3000 buy_in=on");
    shared.bots[0].settings.set("allocation_percent", "30", limits()).unwrap();
    let other = symbols.last().unwrap();
    let middle = format!("lower={} upper={} grids=5 investment=2000 direction=neutral", at(-2), at(2));
    shared.bots.push(BotSetup::grid("second", grid(&middle), settings(&symbols[0], "20")));
    let value = serde_json::json!({"fast": 3, "slow": 8, "trend": 0});
    let params = StrategyParams::from_json(StrategyKind::EmaCross, &value).unwrap();
    let spec = StrategySpec { params, timeframe: None };
    shared.bots.push(BotSetup::signals("crosses", spec.clone(), settings(other, "50")));
    shared.instruments.insert(other.clone(), rules(other));
    // In one-way mode sides get in each other's way, and the one takes margin that the other would need.
    let mut one_way = shared.clone();
    one_way.paper.set("position_mode", "one_way").unwrap();
    one_way.settings.set("leverage", "20", limits()).unwrap();
    one_way.settings.set("entry_pct", "100", limits()).unwrap();
    one_way.bots[2] = BotSetup::signals("crosses", spec, settings(&symbols[0], "50"));
    let mut funded = one("investment=9000 leverage=5 direction=neutral");
    funded.funding.every_eight_hours = Some("0.01".parse().unwrap());
    vec![
        one("investment=4000"),
        one("investment=4000 buy_in=on direction=short"),
        one("investment=4000 direction=neutral leverage=2"),
        one(&format!("investment=4000 trigger={}", at(-2))),
        one(&format!("investment=4000 trigger={} buy_in=on stop_upper={}", at(2), at(6))),
        one(&format!("investment=9000 stop_lower={} close_on_stop=on stop_upper={}", at(-5), at(5))),
        one(&format!("investment=9000 leverage=10 stop_lower={} exchange_stop=on", at(-6))),
        one("investment=9999 leverage=10"),
        partial,
        dear,
        shared,
        one_way,
        funded,
    ]
}

/// Bars that wander around a level, some left out.
fn walk(moves: &[(i8, u8, u8, bool)], start: i64) -> Vec<Candle> {
    let price = |value: i64| Price::try_new(Decimal::new(value, 2)).unwrap();
    let mut last = start;
    let bars = moves.iter().zip(0_i64..).filter_map(|((step, up, down, missing), index)| {
        let open = last + i64::from(step % 5);
        // It is drawn back, so that lines are passed again and again.
        let close = (open + i64::from(*step) * 3 + (start - open) / 8).max(100);
        last = close;
        let (high, low) = (open.max(close) + i64::from(*up), (open.min(close) - i64::from(*down)).max(50));
        let at = Timestamp::from_ms(START + index * 60_000);
        let volume = Decimal::from(index % 7 + 1);
        let candle = Candle::try_new(at, [open, high, low, close].map(price), volume).unwrap();
        (!missing).then_some(candle)
    });
    bars.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]
    #[test]
    fn skipping_is_stepping_with_grids_on_random_candles(
        moves in prop::collection::vec((-40_i8..=40, 0_u8..60, 0_u8..60, prop::bool::weighted(0.03)), 60..300),
        others in prop::collection::vec((-40_i8..=40, 0_u8..60, 0_u8..60, prop::bool::weighted(0.2)), 60..300),
        space in 30_i64..90,
        from in 0_usize..50,
    ) {
        let symbols = ["AAAUSDT", "BBBUSDT"].map(symbol);
        let candles = [walk(&moves, 10_000), walk(&others, 4_000)];
        let series: BTreeMap<_, _> = symbols.iter().zip(&candles)
            .map(|(symbol, candles)| (symbol.clone(), Columns::of(Timeframe::M1, candles).unwrap())).collect();
        let both = Market::new(series).unwrap();
        let one = market(&symbols[0], Timeframe::M1, &candles[0]);
        let variants = variants(&symbols, Decimal::ONE_HUNDRED, Decimal::new(space, 2));
        let mut traded = 0;
        for (number, mut setup) in variants.into_iter().enumerate() {
            setup.from = candles[0].get(from * (number % 2)).map(|candle| candle.open_time);
            let what = format!("variant {number}");
            for market in [&one, &both] {
                let needs = |symbol: &Symbol| market.lane(symbol).is_some();
                if !setup.instruments.keys().all(needs) {
                    continue;
                }
                match judge(market, &setup, checked(market, &setup)) {
                    Ok(()) => traded += assert_same(market, &setup, &what).0.ledger.grid_fills.len(),
                    // It wandered off before it could begin.
                    Err(BacktestError::GridRefused { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
        prop_assert!(traded > 20, "{traded} fills");
    }
}

fn checked(market: &Market, setup: &Setup) -> (usize, usize) {
    crate::backtest::driver::checked_span(market, setup).unwrap()
}

/// The candles of `name` among those that are shared, or `None`, which is said.
#[expect(clippy::print_stdout, reason = "what was skipped must be visible")]
fn real(name: &str, timeframe: Timeframe) -> Option<Vec<Candle>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ohlcv").join(name);
    if !path.is_file() {
        println!("skipped: no file {}", path.display());
        return None;
    }
    Some(read_candles(&path, timeframe).unwrap().candles)
}

#[test]
#[expect(clippy::print_stdout, reason = "how much was passed over is worth a look")]
fn skipping_is_stepping_with_grids_on_real_candles() {
    for (name, pair, timeframe, space) in [
        ("BINANCE-BTCUSDT-1m-20230826_20230929.csv.gz", "BTCUSDT", Timeframe::M1, dec!(0.001)),
        ("BINANCE-SOLUSDT-5m-20250819_20250921.csv.gz", "SOLUSDT", Timeframe::M5, dec!(0.003)),
        ("BINANCE-XRPUSDT-1h-20220101_20260430.csv.gz", "XRPUSDT", Timeframe::H1, dec!(0.006)),
    ] {
        let Some(mut candles) = real(name, timeframe) else { return };
        // All bars take minutes in a debug build.
        candles.truncate(600);
        let symbol = symbol(pair);
        let rules = derive_instrument(&symbol, &candles).unwrap();
        let market = market(&symbol, timeframe, &candles);
        let mut total = (0, 0, 0);
        let level = candles[0].close.decimal();
        let variants = variants(std::slice::from_ref(&symbol), level, level * space);
        for (number, mut setup) in variants.into_iter().enumerate() {
            setup.instruments.insert(symbol.clone(), rules.clone());
            let (played, fast, slow) = assert_same(&market, &setup, &format!("{name} variant {number}"));
            total = (total.0 + fast, total.1 + slow, total.2 + played.ledger.grid_fills.len());
        }
        println!("{name}: {} steps instead of {}, {} fills on lines", total.0, total.1, total.2);
        assert!(total.2 > 100, "{} fills", total.2);
    }
}

/// BTC in September of 2023, between 24,900 and 27,500.
#[test]
#[expect(clippy::print_stdout, reason = "what came of it is worth a look")]
fn a_sideways_month_books_what_its_fills_say() {
    let name = "BINANCE-BTCUSDT-1m-20230826_20230929.csv.gz";
    let Some(candles) = real(name, Timeframe::M1) else { return };
    let symbol = symbol("BTCUSDT");
    let mut setup = alone(&symbol, "lower=25000 upper=27500 grids=51 investment=9000");
    setup.instruments.insert(symbol.clone(), derive_instrument(&symbol, &candles).unwrap());
    let market = market(&symbol, Timeframe::M1, &candles);
    let played = play(&market, &setup, Stride::Skipping).unwrap();
    let results = Results::of(&market, &setup, &played);
    assert_booked(&results, &played);
    let row = &results.grids[0];
    assert!(row.cycles > 200, "{} cycles", row.cycles);
    assert!(played.stepped < candles.len() / 4, "{} of {} bars stepped", played.stepped, candles.len());
    println!(
        "{} cycles, {} booked, {} steps of {}",
        row.cycles,
        row.realized_profit,
        played.stepped,
        candles.len()
    );
}
