//! Every indicator against golden files of TA-Lib: same first bar, same values.
//!
//! The folder is `TRADEFLEET_GOLDEN`, or `../shared/data/indicators`; the periods are read from the column names, so any
//! file written the same way is checked. Without the folder the test says so and passes.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files must fail loudly")]
#![expect(clippy::print_stdout, reason = "what was skipped must be visible")]
#![expect(clippy::indexing_slicing, reason = "a row shorter than its header must fail loudly")]
#![expect(clippy::panic, reason = "a wrong value ends the test")]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use tradefleet::signal::indicator::{Adx, Atr, Bollinger, Ema, Macd, Roc, Rsi, Sma, TrueRange, natr};

const TOLERANCE: f64 = 1e-9;

type HighLowClose = (f64, f64, f64);

/// One column's computation, and what a value near zero is measured against.
struct Column {
    compute: Box<dyn FnMut(HighLowClose) -> Option<f64>>,
    scale: Scale,
    needs_range: bool,
}

#[derive(Clone, Copy)]
enum Scale {
    /// A price or a distance of prices that is never near zero.
    Value,
    /// A difference of prices: at least 1e-9 of the close.
    PriceDifference,
    /// A percentage: at least a millionth of a percent.
    Percent,
}

impl Scale {
    fn of(self, expected: f64, close: f64) -> f64 {
        match self {
            Self::Value => expected.abs(),
            Self::PriceDifference => expected.abs().max(1e-9 * close),
            Self::Percent => expected.abs().max(1e-6),
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one shape with the names that have no indicator")]
fn closes(scale: Scale, mut compute: impl FnMut(f64) -> Option<f64> + 'static) -> Option<Column> {
    let compute = Box::new(move |(_, _, close): HighLowClose| compute(close));
    Some(Column { compute, scale, needs_range: false })
}

#[expect(clippy::unnecessary_wraps, reason = "one shape with the names that have no indicator")]
fn ranges(scale: Scale, compute: impl FnMut(HighLowClose) -> Option<f64> + 'static) -> Option<Column> {
    Some(Column { compute: Box::new(compute), scale, needs_range: true })
}

/// Splits `bb_upper_20_2` into `bb_upper` and `[20, 2]`; `None` when text follows the numbers.
fn name_and_numbers(column: &str) -> Option<(String, Vec<f64>)> {
    let is_number = |part: &&str| part.starts_with(|c: char| c.is_ascii_digit());
    let column = column.strip_suffix("_pop").unwrap_or(column);
    let parts: Vec<&str> = column.split('_').collect();
    let words = parts.iter().take_while(|part| !is_number(part)).count();
    let (words, numbers) = parts.split_at(words);
    let numbers = numbers.iter().map(|part| part.parse().ok()).collect::<Option<Vec<f64>>>()?;
    Some((words.join("_"), numbers))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a period from a column name")]
fn column(header: &str) -> Option<Column> {
    let (name, numbers) = name_and_numbers(header)?;
    let periods: Vec<u32> = numbers.iter().map(|number| *number as u32).collect();
    match (name.as_str(), periods.as_slice()) {
        ("macd" | "macd_signal" | "macd_hist", []) => macd(&name, [12, 26, 9]),
        ("macd" | "macd_signal" | "macd_hist", [fast, slow, signal]) => macd(&name, [*fast, *slow, *signal]),
        ("tr", []) => {
            let mut range = TrueRange::default();
            ranges(Scale::PriceDifference, move |(high, low, close)| range.push(high, low, close))
        }
        ("bb_upper" | "bb_lower", [period, _]) => {
            let mut bands = Bollinger::new(*period, *numbers.get(1)?);
            let upper = name == "bb_upper";
            closes(Scale::Value, move |close| {
                bands.push(close).map(|bands| if upper { bands.upper } else { bands.lower })
            })
        }
        (_, [period]) => one_period(&name, *period),
        _ => None,
    }
}

fn one_period(name: &str, period: u32) -> Option<Column> {
    let (mut atr, mut adx, mut bands) = (Atr::new(period), Adx::new(period), Bollinger::new(period, 2.0));
    match name {
        "ema" => {
            let mut ema = Ema::new(period);
            closes(Scale::Value, move |close| ema.push(close))
        }
        "sma" => {
            let mut sma = Sma::new(period);
            closes(Scale::Value, move |close| sma.push(close))
        }
        "rsi" => {
            let mut rsi = Rsi::new(period);
            closes(Scale::Percent, move |close| rsi.push(close))
        }
        "roc" => {
            let mut roc = Roc::new(period);
            closes(Scale::Percent, move |close| roc.push(close))
        }
        "bb_mid" => closes(Scale::Value, move |close| bands.push(close).map(|bands| bands.middle)),
        "stddev" => closes(Scale::Value, move |close| bands.push(close).map(|bands| bands.deviation)),
        "atr" => ranges(Scale::PriceDifference, move |(high, low, close)| atr.push(high, low, close)),
        "natr" => ranges(Scale::Percent, move |(high, low, close)| {
            atr.push(high, low, close).map(|atr| natr(atr, close))
        }),
        "adx" => {
            ranges(Scale::Percent, move |(high, low, close)| adx.push(high, low, close).and_then(|d| d.adx))
        }
        "plus_di" => {
            ranges(Scale::Percent, move |(high, low, close)| adx.push(high, low, close).map(|d| d.plus_di))
        }
        "minus_di" => {
            ranges(Scale::Percent, move |(high, low, close)| adx.push(high, low, close).map(|d| d.minus_di))
        }
        _ => None,
    }
}

fn macd(name: &str, [fast, slow, signal]: [u32; 3]) -> Option<Column> {
    let mut macd = Macd::new(fast, slow, signal);
    let name = name.to_owned();
    closes(Scale::PriceDifference, move |close| {
        macd.push(close).map(|value| match name.as_str() {
            "macd" => value.line,
            "macd_signal" => value.signal,
            _ => value.histogram,
        })
    })
}

fn rows(path: &Path) -> (Vec<String>, Vec<Vec<Option<f64>>>) {
    let mut reader = csv::Reader::from_reader(GzDecoder::new(File::open(path).unwrap()));
    let headers = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader
        .records()
        .map(|record| record.unwrap().iter().map(|cell| cell.parse().ok()).collect())
        .collect();
    (headers, rows)
}

/// High and low by open time, from the candle file the golden file was made of.
fn candles(folder: &Path, stem: &str) -> Option<BTreeMap<i64, (f64, f64)>> {
    let name = format!("{stem}.csv.gz");
    let path =
        [folder.join("../ohlcv").join(&name), folder.join(&name)].into_iter().find(|path| path.exists())?;
    let (headers, rows) = rows(&path);
    let at = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let (time, high, low) = (at("open_time_ms"), at("high"), at("low"));
    Some(rows.iter().map(|row| (key(row[time]), (row[high].unwrap(), row[low].unwrap()))).collect())
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 are exact in f64")]
fn key(open_time_ms: Option<f64>) -> i64 {
    open_time_ms.unwrap() as i64
}

fn check_file(folder: &Path, path: &Path) -> usize {
    let file = path.file_name().unwrap().to_str().unwrap();
    let ranges = candles(folder, file.strip_suffix(".talib.csv.gz").unwrap());
    let (headers, rows) = rows(path);
    let at = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let (time, close) = (at("open_time_ms"), at("close"));
    let (mut checked, mut skipped, mut worst) = (0, Vec::new(), (0.0, ""));
    for (index, header) in headers.iter().enumerate().filter(|(index, _)| *index != time && *index != close) {
        let Some(mut column) = column(header).filter(|column| ranges.is_some() || !column.needs_range) else {
            skipped.push(header.as_str());
            continue;
        };
        for (bar, row) in rows.iter().enumerate() {
            let close = row[close].unwrap();
            let (high, low) = match ranges.as_ref() {
                Some(ranges) => ranges[&key(row[time])],
                None => (close, close),
            };
            match ((column.compute)((high, low, close)), row[index]) {
                (Some(value), Some(expected)) => {
                    let error = (value - expected).abs() / column.scale.of(expected, close);
                    let same = (value - expected).abs() <= TOLERANCE * column.scale.of(expected, close);
                    assert!(same, "{file} {header} bar {bar}: {value}, TA-Lib {expected}, off by {error:e}");
                    if error > worst.0 {
                        worst = (error, header);
                    }
                }
                (None, None) => {}
                (ours, theirs) => panic!("{file} {header} bar {bar}: {ours:?}, TA-Lib {theirs:?}"),
            }
        }
        checked += 1;
    }
    println!(
        "{file}: {checked} columns equal (worst {:.1e} in {}), skipped: {}",
        worst.0,
        worst.1,
        skipped.join(" ")
    );
    checked
}

#[test]
fn indicators_equal_ta_lib() {
    let folder = std::env::var_os("TRADEFLEET_GOLDEN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/indicators"),
        PathBuf::from,
    );
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: no golden indicator files in {}", folder.display());
        return;
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".talib.csv.gz"));
    files.sort();
    if files.is_empty() {
        println!("skipped: no *.talib.csv.gz in {}", folder.display());
        return;
    }
    for path in files {
        assert!(check_file(&folder, &path) > 0, "no column of {} was checked", path.display());
    }
}
