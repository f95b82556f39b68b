//! Grids in backtests as they are typed: figures, files, refusals, and the run that they agree with.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use rust_decimal::Decimal;
use serde_json::Value;
use tradefleet::domain::candle::Candle;
use tradefleet::domain::time::{Timeframe, Timestamp};
use tradefleet::market::candle_file::read_candles;

use crate::fleet::{HEADER, Tape, add_bot, figure, fleet, list};
use crate::grids::recomputed;
use crate::harness::Home;

/// Half an hour a bar, back and forth between 9,700 and 10,300 with smaller swings inside.
fn sideways(home: &Home) -> String {
    let mut text = HEADER.to_owned();
    let mut last = 10_000_i64;
    for bar in 0..1_400_i64 {
        let phase = (bar + 30) % 120;
        let wide = if phase < 60 { -300 + phase * 10 } else { 300 - (phase - 60) * 10 };
        let close = 10_000 + wide + (bar * 37 % 11 - 5) * 9;
        let (high, low) = (last.max(close) + 6, last.min(close) - 7);
        let at = 1_600_000_200_000 + bar * 1_800_000;
        writeln!(text, "{at},{last},{high},{low},{close},{}", bar % 9 + 1).unwrap();
        last = close;
    }
    home.write("BTCUSDT-30m.csv", &text)
}

const LADDER: &str = "name=ladder,type=grid,allocation=60,lower=9700,upper=10300,grids=13,investment=6000";

#[test]
fn a_grid_tells_one_story_everywhere() {
    let home = Home::empty();
    let tape = sideways(&home);
    let (csv, page) = (home.write("fills.csv", ""), home.write("page.html", ""));
    let line = format!(
        "backtest --tape {tape} --symbol BTCUSDT --timeframe 30m --bot {LADDER},buy_in=on \
         --bot name=cross,kind=ema_cross,allocation=40,param.trend=0,param.fast=4,param.slow=9"
    );
    let results = home.json(&format!("{line} --grid-fills-csv {csv} --html {page}"));
    let grid = &results["grids"][0];
    assert_eq!(
        (&grid["bot"], &grid["symbol"], &grid["grids"]),
        (&"ladder".into(), &"BTCUSDT".into(), &13.into())
    );
    assert!(grid["cycles"].as_u64().unwrap() > 50, "{}", grid["cycles"]);
    let fills = list(grid, "fills");
    let profit: Decimal =
        fills.iter().filter(|fill| !fill["profit"].is_null()).map(|fill| figure(fill, "profit")).sum();
    assert_eq!(figure(grid, "realized_profit"), profit);
    let of_lines: Decimal = list(grid, "lines").iter().map(|line| figure(line, "profit")).sum();
    assert_eq!(of_lines, profit);
    // The account made what its bots made.
    let net = |of: &dyn Fn(&Value) -> bool| -> Decimal {
        let trades = results["trades"].as_array().unwrap().iter();
        trades.filter(|trade| of(trade)).map(|trade| figure(trade, "net_pnl")).sum()
    };
    assert_eq!(figure(grid, "net_profit"), net(&|trade| trade["bot"] == "ladder"));
    assert_eq!(figure(&results["summary"], "net_profit"), net(&|_| true));
    assert!(net(&|trade| trade["bot"] == "cross") != Decimal::ZERO);
    assert_eq!(std::fs::read_to_string(csv).unwrap().lines().count(), fills.len() + 1);
    let page = std::fs::read_to_string(page).unwrap();
    let embedded = page.split("id=\"results\">").nth(1).unwrap().split("</script>").next().unwrap();
    assert_eq!(serde_json::from_str::<Value>(embedded).unwrap(), results);
    assert_eq!(home.json(&format!("{line} --every-bar")), results);
    let shown = home.run(&line).ok().stdout;
    for words in ["GRID", "CYCLES", "ladder: 13 long lines from 9700 to 10300, arithmetic"] {
        assert!(shown.contains(words), "no {words} in {shown}");
    }
}

/// The words and the arithmetic of `bot add --type grid`.
#[test]
fn what_bot_add_refuses_a_backtest_refuses() {
    let home = Home::empty();
    let tape = sideways(&home);
    let series = format!("--tape {tape} --symbol BTCUSDT --timeframe 30m");
    let good = "allocation=100,lower=9700,upper=10300,grids=13,investment=6000";
    for (bot, words) in [
        ("type=cubic", &["type = `cubic` is not allowed: ai_trend or grid"][..]),
        ("type=grid,lower=9700", &["a grid needs upper, grids, investment", "type=grid,lower="]),
        (&format!("type=grid,{good},lower=10400"), &["lower = 10400 must be below upper = 10300"]),
        (&format!("type=grid,{good},grids=101"), &["grids = 101 is not allowed: 2 to 100 lines"]),
        (&format!("type=grid,{good},lower=0"), &["lower = `0` is not allowed: a price above 0"]),
        (&format!("type=grid,{good},mode=cubic"), &["mode = `cubic` is not allowed"]),
        (&format!("type=grid,{good},allocation=10"), &["10 % of the equity 10000 = 1000", "allocation="]),
        (&format!("type=grid,{good},investment=3"), &["below the smallest"]),
        (&format!("type=grid,{good},trigger=9000"), &["trigger = 9000 must be inside the range"]),
        (&format!("type=grid,{good},close_on_stop=on"), &["close_on_stop needs a stop"]),
        (&format!("type=grid,{good},leverage=11"), &["leverage = 11 is above the 10"]),
        (&format!("type=grid,{good},lower=10100"), &["is outside the range, 10100 to 10300"]),
        (&format!("type=grid,{good},upper=9724"), &["the spacing does not pay the fees"]),
        (&format!("type=grid,{good},symbol=*"), &["one symbol for a grid"]),
        (&format!("type=grid,{good},symbol=ETHUSDT"), &["the tape has no ETHUSDT"]),
        (&format!("type=grid,{good},max_positions=3"), &["`max_positions` is a setting of ai_trend bots"]),
        (&format!("type=grid,{good},kind=macd"), &["`kind` describes a strategy"]),
        (&format!("type=grid,{good},uper=1"), &["uper"]),
        ("kind=macd,lower=9700", &["`lower` is a setting of grid bots", "type=grid"]),
        ("kind=macd --grid-fills-csv x.csv", &["no bot is a grid"]),
        (&format!("type=grid,{good} --check-lookahead"), &["no bot follows signals"]),
    ] {
        home.run(&format!("backtest {series} --bot {bot}")).fails(2, words);
    }
    home.run(&format!("backtest {series} --spot --bot type=grid,{good},direction=short"))
        .fails(2, &["direction = short is not possible on a spot exchange"]);
    home.run(&format!("optimize grid --param lower=1..2 {series}"))
        .fails(2, &["a grid follows no strategy", "backtest --bot type=grid"]);
}

fn grid_bot(home: &Home, account: &str, name: &str, what: &str) {
    home.run(&format!("bot add {name} --account {account} --type grid --symbol BTCUSDT {what} --start")).ok();
}

/// A dry run and a backtest over the same candles decide and trade the same, byte for byte, with grids beside signals.
#[test]
fn a_run_with_grids_is_the_backtest_of_its_accounts() {
    let home = fleet(&["a", "b"]);
    add_bot(&home, "a", "cross", "quick", "BTCUSDT");
    grid_bot(
        &home,
        "a",
        "ladder",
        "--allocation 60 --lower 28500 --upper 31500 --grids 21 --investment 6000 --buy-in",
    );
    grid_bot(
        &home,
        "b",
        "stopping",
        "--allocation 50 --lower 29700 --upper 30300 --grids 9 --investment 4000 \
         --leverage 3 --direction neutral --stop-lower 29000 --stop-upper 31000 --close-on-stop",
    );
    grid_bot(
        &home,
        "b",
        "waiting",
        "--allocation 30 --lower 29500 --upper 30500 --grids 5 --investment 2000 \
         --trigger 29800",
    );
    let tape = Tape::write(&home, 1_200, 600);
    home.run(&format!("run {}", tape.whole)).ok();
    // A grid that its stop has stopped is another one for the next run: this is about the one that was.
    home.sql("UPDATE bot_instances SET is_running = 1");
    for account in ["a", "b"] {
        let answer = home.json(&format!("backtest --compare-run {account} {}", tape.whole));
        for what in ["fills", "grid_fills", "decisions"] {
            assert!(answer[what].as_u64().unwrap() > 1, "{what}: {answer}");
        }
    }
    home.sql(
        "DROP TRIGGER grid_fills_no_update;
         UPDATE grid_fills SET profit = '1' WHERE profit IS NOT NULL AND grid_config_id = 2",
    );
    home.run(&format!("backtest --compare-run a {}", tape.whole)).fails(4, &["grid fill", "differs"]);
}

/// The candles of September 2023 where they are shared, else such as a month goes sideways with.
fn month(home: &Home) -> (String, &'static str) {
    let shared = "../shared/data/ohlcv/BINANCE-BTCUSDT-1h-20220101_20231231.csv.gz";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(shared);
    if !path.is_file() {
        return (sideways(home), "lower=9700,upper=10300,grids=13");
    }
    let candles = read_candles(&path, Timeframe::H1).unwrap().candles;
    let (from, to): (i64, i64) = (1_693_526_400_000, 1_696_118_400_000);
    let inside = |candle: &&Candle| (from..to).contains(&candle.open_time.ms());
    let mut text = HEADER.to_owned();
    for Candle { open_time, open, high, low, close, volume } in candles.iter().filter(inside) {
        writeln!(text, "{},{open},{high},{low},{close},{volume}", Timestamp::ms(*open_time)).unwrap();
    }
    (home.write("BTCUSDT-1h.csv", &text), "lower=25000,upper=27500,grids=26")
}

/// The booked profit of a sideways month, in a run and in a backtest, is the sum over its fills as `trades --json` tells
/// them, to the last digit.
#[test]
fn a_sideways_month_books_what_its_trades_say() {
    let home = Home::with_account();
    let (tape, range) = month(&home);
    let flags: Vec<String> = range.split(',').map(|pair| format!("--{}", pair.replace('=', " "))).collect();
    grid_bot(&home, "a", "ladder", &format!("--allocation 100 --investment 9000 {}", flags.join(" ")));
    home.run(&format!("run --tape {tape}")).ok();
    let earned: BTreeMap<u16, Decimal> = recomputed(&home);
    let ladder = home.json("bot grid ladder --account a");
    assert!(ladder["cycles"].as_u64().unwrap() > 30, "{}", ladder["cycles"]);
    let total = earned.values().sum::<Decimal>();
    assert_eq!(figure(&ladder, "realized_profit"), total);
    let timeframe = if tape.ends_with("-1h.csv") { "1h" } else { "30m" };
    let results = home.json(&format!(
        "backtest --tape {tape} --symbol BTCUSDT --timeframe {timeframe} \
         --bot name=ladder,type=grid,allocation=100,investment=9000,{range}"
    ));
    let grid = &results["grids"][0];
    for key in
        ["cycles", "realized_profit", "buy_fills", "sell_fills", "fees", "held_qty", "unrealized_profit"]
    {
        assert_eq!(grid[key], ladder[key], "{key}");
    }
    for (line, other) in list(grid, "lines").iter().zip(list(&ladder, "lines")) {
        for key in ["line", "price", "held_qty", "held_side", "buy_fills", "sell_fills", "profit"] {
            assert_eq!(line[key], other[key], "{key} of line {}", line["line"]);
        }
        let index = u16::try_from(line["line"].as_u64().unwrap()).unwrap();
        let profit = earned.get(&index).copied().unwrap_or_default();
        assert_eq!(figure(line, "profit"), profit, "line {index}");
    }
    assert_eq!(home.json("db check")["ok"], true);
}
