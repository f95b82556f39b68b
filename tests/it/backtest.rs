//! `backtest` as it is typed: figures, files, refusals.

use std::fmt::Write;

use serde_json::Value;

use crate::fleet::{Tape, three_bots};
use crate::harness::Home;

/// An hourly file whose price swings, so that crosses come and go.
fn candles(home: &Home, name: &str, bars: i64) -> String {
    let mut text = "open_time_ms,open,high,low,close,volume\n".to_owned();
    let mut last = 10_000;
    for bar in 0..bars {
        let step = if bar / 17 % 2 == 0 { 37 } else { -35 } + bar % 5 * 3;
        let close = last + step;
        let (high, low) = (last.max(close) + 11, last.min(close) - 13);
        let at = 1_600_000_000_000_i64 / 3_600_000 * 3_600_000 + bar * 3_600_000;
        writeln!(text, "{at},{last},{high},{low},{close},{}", bar % 9 + 1).unwrap();
        last = close;
    }
    home.write(name, &text)
}

const PLAIN: &str = "--kind ema_cross --param trend=0 --param fast=4 --param slow=9 --plain";

#[test]
fn a_backtest_needs_no_home_and_tells_one_story() {
    let home = Home::empty();
    let tape = candles(&home, "X-BTCUSDT-1h-a.csv", 900);
    let (csv, page) = (home.write("trades.csv", ""), home.write("page.html", ""));
    let line = format!("backtest {PLAIN} --tape {tape} --symbol BTCUSDT --timeframe 1h");
    let results = home.json(&format!("{line} --trades-csv {csv} --html {page}"));
    let trades = results["trades"].as_array().unwrap();
    assert!(trades.len() > 10, "{results}");
    assert_eq!(results["summary"]["trades"], trades.len());
    // What was asked stands beside it, and a reversal is no refusal.
    let asked = &results["bots"][0];
    assert_eq!((asked["strategy"].as_str(), asked["params"]["fast"].as_i64()), (Some("ema_cross"), Some(4)));
    assert_eq!(results["settings"]["leverage"], "10");
    assert!(
        trades.iter().any(|trade| trade["side"] == "short") && results["skipped"]["position_open"].is_null()
    );
    // All figures end with everything closed, fees included.
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap();
    let grown =
        results["months"].as_array().unwrap().iter().map(|month| 1.0 + number(&month["total_return"]));
    let total = number(&results["summary"]["total_return"]);
    assert!((grown.product::<f64>() - 1.0 - total).abs() < 1e-9, "{}", results["months"]);
    let last = results["equity"].as_array().unwrap().last().unwrap();
    assert!((number(&last["equity"]) - number(&results["summary"]["final_equity"])).abs() < 1e-6);
    let rows = std::fs::read_to_string(csv).unwrap();
    assert_eq!(rows.lines().count(), trades.len() + 1);
    // The page carries what `--json` prints, and names nothing outside itself.
    let page = std::fs::read_to_string(page).unwrap();
    let embedded = page.split("id=\"results\">").nth(1).unwrap().split("</script>").next().unwrap();
    assert_eq!(serde_json::from_str::<Value>(embedded).unwrap(), results);
    assert!(!page.contains("src=") && !page.replace("http://www.w3.org/2000/svg", "").contains("://"));
    // Stepping every bar tells the same.
    assert_eq!(home.json(&format!("{line} --every-bar")), results);
    let shown = home.run(&line).ok().stdout;
    for word in ["Sharpe", "max drawdown", "MONTH", "BTCUSDT", "auto_exit on"] {
        assert!(shown.contains(word), "no {word} in {shown}");
    }
    assert_eq!(home.json(&format!("{line} --check-lookahead"))["differences"], 0);
}

#[test]
fn what_would_mislead_or_destroy_is_refused_and_changes_nothing() {
    let home = Home::empty();
    let (tape, krw) = (candles(&home, "BTCUSDT-1h.csv", 400), candles(&home, "KRW-BTC-1h.csv", 400));
    let other = home.write("x.csv", "");
    let rates = home.write("rates.csv", "funding_time_ms,rate\n1577836800003,0.0001\n");
    let before = std::fs::read(&tape).unwrap();
    for (more, words) in [
        (format!("--trades-csv {tape}"), "that file is read"),
        (format!("--html {rates} --funding-file BTCUSDT={rates}"), "that file is read"),
        (format!("--trades-csv {other} --html {other}"), "another option writes it"),
        ("--settings leverage=2 leverage=3".to_owned(), "`leverage` is given twice"),
        ("--param slow=20".to_owned(), "`slow` is given twice"),
        ("--spot --settings funding_pct=0.01".to_owned(), "nothing is funded on a spot exchange"),
        ("--spot --settings leverage=5".to_owned(), "leverage = `5` is not allowed"),
        ("--check-lookahead --html page.html".to_owned(), "cannot be used with"),
    ] {
        home.run(&format!("backtest {PLAIN} --tape {tape} {more}")).fails(2, &[words]);
    }
    home.run(&format!("backtest {PLAIN} --tape {tape} {krw}")).fails(2, &["KRW and USDT", "one capital"]);
    assert_eq!(std::fs::read(&tape).unwrap(), before);
    let odd = home.run(&format!("backtest {PLAIN} --tape {tape} --funding-file {rates}")).ok().stderr;
    assert!(odd.contains("no funding rate of BTCUSDT falls into the period"), "{odd}");
    let few = home.run(&format!("backtest --kind macd --tape {tape} --to 2020-09-14")).ok().stderr;
    assert!(few.contains("decides once it has seen"), "{few}");
}

#[test]
fn bots_share_the_capital_and_coarser_bars_are_built() {
    let home = Home::empty();
    let tape = candles(&home, "X-BTCUSDT-1h-a.csv", 900);
    let results = home.json(&format!(
        "backtest --tape {tape} --symbol BTCUSDT --timeframe 1h --plain \
         --bot name=fast,kind=ema_cross,allocation=50,param.trend=0,param.fast=4,param.slow=9 \
         --bot name=slow,kind=ema_cross,allocation=50,timeframe=4h,param.trend=0,param.fast=3,param.slow=5 \
         --settings funding_pct=0.01 fee_pct=0.04"
    ));
    let of = |name: &str| {
        results["trades"].as_array().unwrap().iter().filter(|trade| trade["bot"] == name).count()
    };
    assert!(of("fast") > 0 && of("slow") > 0, "{results}");
    assert_ne!(results["summary"]["funding"], "0");
}

/// What is paid is the rate times what is held at each time of the file, and nothing at other times.
#[test]
fn funding_of_a_file_is_paid_on_what_is_held() {
    let home = Home::empty();
    let tape = candles(&home, "X-BTCUSDT-1h-a.csv", 900);
    let line =
        format!("backtest {PLAIN} --param allow_short=false --tape {tape} --symbol BTCUSDT --timeframe 1h");
    let unfunded = home.json(&line);
    let first = &unfunded["trades"][0];
    assert_eq!(first["side"], "long", "{first}");
    let ms = |key: &str| first[key].as_i64().unwrap();
    let inside = ms("entry_time_ms") + 3_600_000;
    assert!(inside < ms("exit_time_ms"));
    let file = home.write("rates.csv", &format!("funding_time_ms,rate\n{inside},0.0010\n"));
    let funded = home.json(&format!("{line} --funding-file {file}"));
    assert_eq!(home.json(&format!("{line} --funding-file BTCUSDT={file} --every-bar")), funded);
    assert_eq!(unfunded["summary"]["funding"], "0");
    // The bar that closes then tells the price: rows are an hour apart, and this one opened an hour before.
    let rows = std::fs::read_to_string(&tape).unwrap();
    let row = rows.lines().find(|row| row.starts_with(&(inside - 3_600_000).to_string())).unwrap();
    let close: rust_decimal::Decimal = row.split(',').nth(4).unwrap().parse().unwrap();
    let qty: rust_decimal::Decimal = first["qty"].as_str().unwrap().parse().unwrap();
    let paid: rust_decimal::Decimal = funded["summary"]["funding"].as_str().unwrap().parse().unwrap();
    assert_eq!(paid, -(close * qty * rust_decimal::dec!(0.001)).normalize());
    let bad = home.write("bad.csv", "a,b\n1,2\n");
    home.run(&format!("{line} --funding-file {bad}")).fails(2, &["header is `a,b`", "funding_time_ms"]);
    home.run(&format!("{line} --funding-file ETHUSDT={file}")).fails(2, &["ETHUSDT is not traded"]);
}

#[test]
fn bad_input_is_named() {
    let home = Home::empty();
    let tape = candles(&home, "X-BTCUSDT-1h-a.csv", 60);
    let named = candles(&home, "BTCUSDT-1h.csv", 60);
    let empty = home.write("EMPTY-1h.csv", "");
    let wrong = home.write("WRONG-1h.csv", "a,b\n1,2\n");
    let header = "open_time_ms,open,high,low,close,volume\n";
    let disorder = home.write("DISORDER-1h.csv", &format!("{header}7200000,1,1,1,1,1\n3600000,1,1,1,1,1\n"));
    let series = "--symbol BTCUSDT --timeframe 1h";
    for (line, words) in [
        (format!("{PLAIN} --tape {empty}"), &["empty"][..]),
        (format!("{PLAIN} --tape {wrong}"), &["header is `a,b`", "open_time_ms"]),
        (format!("{PLAIN} --tape {disorder}"), &["1 bad row", "goes back"]),
        (format!("{PLAIN} --tape missing.csv {series}"), &["missing.csv"]),
        (format!("--kind macd --param fats=3 --tape {tape} {series}"), &["fats", "did you mean `fast`"]),
        (format!("--kind macd --param fast=30 --tape {tape} {series}"), &["`fast` is 30", "slow"]),
        (format!("--tape {tape} {series}"), &["needs one strategy"]),
        (format!("{PLAIN} --tape {tape} {series} --settings levrage=3"), &["levrage", "leverage"]),
        (format!("{PLAIN} --tape {tape} {series} --settings fault_hang=on"), &["means nothing"]),
        (
            format!("{PLAIN} --tape {tape} {series} --from 2020-09-14 --to 2020-09-13"),
            &["not after the start"],
        ),
        (format!("{PLAIN} --tape {tape} {series} --from 2031-01-01"), &["no bar from 2031"]),
        (format!("{PLAIN} --tape {named} --detail-timeframe 1m"), &["no 1m candles"]),
        (
            format!("--tape {tape} {series} --bot kind=macd,allocation=60 --bot kind=macd,allocation=60"),
            &["120 %"],
        ),
    ] {
        home.run(&format!("backtest {line}")).fails(2, words);
    }
}

/// A run and a backtest over the same candles decide and trade the same, byte for byte.
#[test]
fn a_run_on_a_tape_is_the_backtest_of_its_accounts() {
    let home = three_bots();
    let tape = Tape::write(&home, 1_200, 600);
    home.run(&format!("run {}", tape.whole)).ok();
    for account in ["a", "b"] {
        let answer = home.json(&format!("backtest --compare-run {account} {}", tape.whole));
        assert!(answer["fills"].as_u64().unwrap() > 10, "{answer}");
        assert!(answer["decisions"].as_u64().unwrap() > 10, "{answer}");
    }
    home.sql("UPDATE fills SET fee = '0' WHERE trade_id = 'P3'");
    home.run(&format!("backtest --compare-run a {}", tape.whole)).fails(4, &["fill 3 differs"]);
    home.run(&format!("backtest --compare-run nobody {}", tape.whole)).fails(3, &["nobody"]);
}
