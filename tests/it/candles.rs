//! Candles of any origin in the store: imported whole or not at all, listed, checked, exported, and played.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::harness::Home;

const HOUR_MS: i64 = 3_600_000;
/// 2024-01-01
const START: i64 = 1_704_067_200_000;
const HEADER: &str = "open_time_ms,open,high,low,close,volume";

/// Open, high, low and close of an hour.
fn prices(hour: i64) -> String {
    let price = 40_000 + (hour % 97 - 48) * 35 + hour % 7 * 13;
    format!("{price}.10,{}.5,{}.25,{}", price + 40, price - 41, price + hour % 5)
}

/// Rows of our own layout for these hours.
fn rows(hours: std::ops::Range<i64>) -> String {
    hours.fold(String::new(), |mut text, hour| {
        writeln!(text, "{},{},{}.5", START + hour * HOUR_MS, prices(hour), hour % 9 + 1).unwrap();
        text
    })
}

/// Rows as Binance's archive has them, times in units of `per_ms` a millisecond.
fn archive_rows(hours: std::ops::Range<i64>, per_ms: i64) -> String {
    hours.fold(String::new(), |mut text, hour| {
        let open = START + hour * HOUR_MS;
        let close = (open + HOUR_MS) * per_ms - 1;
        writeln!(text, "{},{},{}.5,{close},1234.5,17,3.1,99.25,0", open * per_ms, prices(hour), hour % 9 + 1)
            .unwrap();
        text
    })
}

/// An archive with these files.
fn zipped(home: &Home, name: &str, files: &[(&str, &str)]) -> String {
    let path = home.write(name, "");
    let mut archive = ZipWriter::new(File::create(&path).unwrap());
    for (name, text) in files {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
    path
}

fn stored(home: &Home) -> Vec<Value> {
    home.json("data list")["series"].as_array().unwrap().clone()
}

#[test]
fn files_of_every_origin_become_one_series() {
    let home = Home::empty();
    let names = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,\
                 taker_buy_quote_volume,ignore\n";
    let futures = zipped(
        &home,
        "BTCUSDT-1h-2024-01.zip",
        &[("BTCUSDT-1h-2024-01.csv", &format!("{names}{}", archive_rows(0..100, 1)))],
    );
    let spot = home.write("BTCUSDT-1h-2024-02.csv", &archive_rows(100..150, 1_000));
    let dated = (150..200).fold("Date,Volume,Close,Open,High,Low\n".to_owned(), |mut text, hour| {
        let at = jiff::Timestamp::from_millisecond(START + hour * HOUR_MS).unwrap().strftime("%F %T");
        let numbers = prices(hour);
        let [open, high, low, close] = numbers.split(',').collect::<Vec<_>>().try_into().unwrap();
        writeln!(text, "{at},{}.5,{close},{open},{high},{low}", hour % 9 + 1).unwrap();
        text
    });
    let dated = home.write("whatever.csv", &dated);
    let answer = home.json(&format!("data import {futures} {spot}"));
    assert_eq!(answer["imported"], true);
    assert_eq!(answer["series"][0]["series"], "binance/BTCUSDT:1h");
    assert_eq!((&answer["series"][0]["added"], &answer["series"][0]["candles"]), (&json!(150), &json!(150)));
    home.run(&format!("data import {dated}")).fails(2, &["tells no symbol", "--symbol"]);
    // Its times tell that it holds hours.
    home.run(&format!("data import {dated} --symbol BTCUSDT")).ok();

    // What is exported is what one plain file of all rows would be, and can be imported again.
    let (csv, feather) = (home.file("out.csv"), home.file("BTC_USDT_USDT-1h-futures.feather"));
    home.run(&format!("data export BTCUSDT:1h {}", csv.display())).ok();
    let plain = home.write("BTCUSDT-1h.csv", &format!("{HEADER}\n{}", rows(0..200)));
    let checked = home.json(&format!("data check {plain} BTCUSDT:1h"));
    assert_eq!(checked["files"][0]["coverage"], checked["files"][1]["coverage"]);
    let again = home.json(&format!("data import {plain} --exchange binance"));
    assert_eq!((&again["series"][0]["added"], &again["series"][0]["known"]), (&json!(0), &json!(200)));
    home.run(&format!("data export BTCUSDT:1h {}", feather.display())).ok();
    let archive = home.file("BTCUSDT-1h-2024-01.zip");
    home.run(&format!("data export BTCUSDT:1h {}", archive.display())).ok();
    let mut inner = ZipArchive::new(File::open(&archive).unwrap()).unwrap();
    let mut text = String::new();
    inner.by_name("BTCUSDT-1h-2024-01.csv").unwrap().read_to_string(&mut text).unwrap();
    let (first, line) = (prices(0).replacen(".10,", ".1,", 1), text.lines().nth(1).unwrap());
    assert_eq!(line, format!("{START},{first},1.5,{},0,0,0,0,0", START + HOUR_MS - 1));
    let again = home.json(&format!("data import {}", archive.display()));
    assert_eq!((&again["series"][0]["known"], &again["series"][0]["conflicts"]), (&json!(200), &json!(0)));
    home.run(&format!("data export BTCUSDT:1h {}", feather.display()))
        .fails(4, &["is there already", "--force"]);
    let again = home.json(&format!("data import {} {plain}", feather.display()));
    assert_eq!((&again["series"][0]["added"], &again["series"][0]["conflicts"]), (&json!(0), &json!(0)));
    assert_eq!(again["series"][0]["known"], 400);
    home.run("data export ETHUSDT:1h x.csv").fails(3, &["no candles of ETHUSDT:1h are stored", "data list"]);
    home.run("data export BTCUSDT:1h x.parquet").fails(2, &[".feather"]);
}

#[test]
fn bad_files_are_named_with_their_lines_and_change_nothing() {
    let home = Home::empty();
    let good = home.write("GOOD-1h.csv", &format!("{HEADER}\n{}", rows(0..5)));
    let row = |hour: i64| rows(hour..hour + 1);
    let file = |name: &str, text: &str| home.write(&format!("{name}-1h.csv"), text);
    let two = zipped(&home, "TWO-1h.zip", &[("a.csv", HEADER), ("b.csv", HEADER)]);
    let none = zipped(&home, "NONE-1h.zip", &[("a.txt", "x")]);
    for (path, words) in [
        (file("EMPTY", ""), &["is empty"][..]),
        (file("HEADER", &format!("{HEADER}\n")), &["no rows"]),
        (file("COLUMNS", "time,open,high,low,last\n1,2,3,4,5\n"), &["header is `time,open,high,low,last`"]),
        (file("SHORT", &format!("{HEADER}\n{}7,8\n", rows(0..2))), &["bad rows: 1"]),
        (file("DISORDER", &format!("{HEADER}\n{}{}", row(3), row(2))), &["goes back behind", "line 3"]),
        (file("TWICE", &format!("{HEADER}\n{}{}{}", row(3), row(4), row(3))), &["is there twice", "line 4"]),
        (file("OFFGRID", &format!("{HEADER}\n{},1,1,1,1,1\n", START + 1)), &["is not the start of a 1h bar"]),
        (file("NEGATIVE", &format!("{HEADER}\n{START},1,1,-1,1,1\n")), &["low -1 must be above 0", "line 2"]),
        (file("NAN", &format!("{HEADER}\n{START},1,NaN,1,1,1\n")), &["high `NaN` is not a finite number"]),
        (file("UPSIDE", &format!("{HEADER}\n{START},2,1,1,1,1\n")), &["high 1 is below the open 2"]),
        (two, &["holds 2 CSV files, expected one"]),
        (none, &["holds 0 CSV files"]),
        ("missing.csv".to_owned(), &["missing.csv"]),
    ] {
        let answer = home.run(&format!("data import {good} {path} --symbol XRPUSDT --timeframe 1h"));
        let told = format!("{}{}", answer.stdout, answer.stderr);
        answer.fails(2, &[]);
        for word in words {
            assert!(told.contains(word), "no `{word}` for {path} in {told}");
        }
        assert!(stored(&home).is_empty(), "{path}");
    }
    let torn = home.write("BTC_USDT-1h.feather", "ARROW1 and nothing more");
    home.run(&format!("data import {torn}")).fails(2, &["feather"]);
}

#[test]
fn gaps_and_bars_without_trades_are_told_and_kept() {
    let home = Home::empty();
    let quiet = rows(5..7).replace(".5\n", "\n").replace(",6\n", ",0\n").replace(",7\n", ",0\n");
    let path = home.write("BTCUSDT-1h.csv", &format!("{HEADER}\n{}{quiet}", rows(0..3)));
    let shown = home.run(&format!("data import {path} --dry-run")).ok().stdout;
    for word in [
        "1 gap (2 missing)",
        "2 without volume (first on line 5)",
        "line 5: warning: 2 bars missing",
        "--dry-run",
    ] {
        assert!(shown.contains(word), "no {word} in {shown}");
    }
    assert!(stored(&home).is_empty());
    home.run(&format!("data import {path}")).ok();
    let listed = stored(&home);
    assert_eq!(
        (&listed[0]["candles"], &listed[0]["gaps"], &listed[0]["missing"]),
        (&json!(5), &json!(1), &json!(2))
    );
    assert!(home.run("data list").ok().stdout.contains("2024-01-01 07:00"));
    let checked = home.run("data check").ok().stdout;
    assert!(
        checked.contains("binance/BTCUSDT:1h: 5 candles, 2 missing, bad rows: 0, without volume: 2"),
        "{checked}"
    );
    // A flipped byte is found.
    let file = home.file("candles/binance/BTCUSDT/1h.tfc");
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&file, bytes).unwrap();
    home.run("data check").fails(2, &["damaged: 1", "import its candles again"]);
    home.run("backtest --kind macd --data BTCUSDT:1h").fails(1, &["damaged"]);
}

#[test]
fn other_numbers_for_a_stored_candle_are_refused_kept_or_taken() {
    let home = Home::empty();
    let first = home.write("BTCUSDT-1h.csv", &format!("{HEADER}\n{}", rows(0..10)));
    let other = rows(8..12).replacen(".10,", ".20,", 1);
    let second = home.write("BTCUSDT-1h-2024-01.csv", &format!("{HEADER}\n{other}"));
    home.run(&format!("data import {first}")).ok();
    let import = |flag: &str| home.run(format!("--json data import {second} {flag}").trim());
    import("").fails(4, &["1 of the new candles differ", "2024-01-01T08:00:00Z", "--on-conflict"]);
    assert_eq!(stored(&home)[0]["candles"], 10);
    let kept = import("--on-conflict keep").ok().json();
    assert_eq!((&kept["series"][0]["added"], &kept["series"][0]["conflicts"]), (&json!(2), &json!(1)));
    import("").fails(4, &["1 of the new candles differ"]);
    import("--on-conflict replace").ok();
    assert_eq!(import("").ok().json()["series"][0]["known"], 4);
}

#[test]
fn stored_candles_play_as_a_tape_does() {
    let home = Home::empty();
    let path = home.write("BTCUSDT-1h.csv", &format!("{HEADER}\n{}", rows(0..900)));
    home.run(&format!("data import {path}")).ok();
    let strategy = "--kind ema_cross --param trend=0 --param fast=4 --param slow=9 --plain";
    let taped = home.json(&format!("backtest {strategy} --tape {path} --timeframe 1h"));
    assert!(taped["trades"].as_array().unwrap().len() > 3, "{}", taped["summary"]);
    for line in
        ["--symbol BTCUSDT --timeframe 1h", "--data BTCUSDT:1h", "--data binance/BTCUSDT:1h --timeframe 1h"]
    {
        assert_eq!(home.json(&format!("backtest {strategy} {line}")), taped, "{line}");
    }
    // Coarser bars are built from what is there, and a file without a name holds what its times say.
    let built = home.json(&format!("backtest {strategy} --symbol BTCUSDT --timeframe 4h"));
    let unnamed = home.write("x.csv", &format!("{HEADER}\n{}", rows(0..900)));
    let detailed = home.json(&format!(
        "backtest {strategy} --tape {unnamed} --symbol BTCUSDT --timeframe 4h --detail-timeframe 1h"
    ));
    assert_eq!(built, detailed);
    home.run(&format!(
        "backtest {strategy} --tape {unnamed} --symbol BTCUSDT --timeframe 4h --detail-timeframe 1m"
    ))
    .fails(2, &["no 1m candles; it has 1h"]);
    home.run(&format!("backtest {strategy} --symbol ETHUSDT --timeframe 1h"))
        .fails(3, &["no candles of ETHUSDT"]);
    home.run(&format!("backtest {strategy} --symbol BTCUSDT --timeframe 30m")).fails(2, &["30m bars", "1h"]);
    home.run(&format!("backtest {strategy} --data BTCUSDT:1h --from 2024-02-01 --to 2024-01-15"))
        .fails(2, &["not after the start"]);
    home.run(&format!("backtest {strategy}")).fails(2, &["needs candles", "--tape FILE"]);
    home.run(&format!("data import {path} --exchange okx")).ok();
    home.run(&format!("backtest {strategy} --symbol BTCUSDT --timeframe 1h"))
        .fails(2, &["binance, okx", "--exchange"]);
    assert_eq!(
        home.json(&format!("backtest {strategy} --symbol BTCUSDT --timeframe 1h --exchange okx")),
        taped
    );
}
