//! The plain strategies against trade lists of an independent engine: same bars, same signals.
//!
//! The lists and candles are in `../shared/data`; without them the test says so and passes.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files must fail loudly")]
#![expect(clippy::indexing_slicing, reason = "a row shorter than its header must fail loudly")]
#![expect(clippy::print_stdout, reason = "what was skipped must be visible")]

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tradefleet::domain::candle::Candle;
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::market::Bar;
use tradefleet::domain::money::{Price, parse_decimal};
use tradefleet::domain::side::PositionSide;
use tradefleet::domain::time::{Timeframe, Timestamp};
use tradefleet::strategy::{Strategy, StrategyKind, StrategyParams};

/// Label of the trade lists, candle file, number of bars.
const RUNS: [(&str, &str, usize); 2] = [
    ("BINANCEUM-BTCUSDT-1h-2020", "BINANCEUM-BTCUSDT-1h-20200101_20231231", 8_784),
    ("UPBIT-KRW-XRP-1h-first8000", "UPBIT-KRW-XRP-1h-20220101_20250929", 8_000),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data")
}

fn bars(stem: &str, count: usize) -> Option<Vec<Bar>> {
    let file = File::open(folder().join(format!("ohlcv/{stem}.csv.gz"))).ok()?;
    let mut reader = csv::Reader::from_reader(GzDecoder::new(file));
    let bar = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.unwrap();
        let price = |column: usize| record[column].parse::<Price>().unwrap();
        let open_time = Timestamp::from_ms(record[0].parse().unwrap());
        let volume = parse_decimal("volume", &record[5]).unwrap();
        Bar {
            symbol: Symbol::try_new("BTCUSDT").unwrap(),
            timeframe: Timeframe::H1,
            candle: Candle::try_new(open_time, [price(1), price(2), price(3), price(4)], volume).unwrap(),
            complete: true,
        }
    };
    Some(reader.records().take(count).map(bar).collect())
}

/// One column of a trade list, as times.
fn times(label: &str, kind: &str, column: &str) -> Vec<Timestamp> {
    let path = folder().join(format!("backtests/{label}-{kind}.csv"));
    let mut reader = csv::Reader::from_path(path).unwrap();
    let at = reader.headers().unwrap().iter().position(|header| header == column).unwrap();
    reader.records().map(|record| Timestamp::from_ms(record.unwrap()[at].parse().unwrap())).collect()
}

/// Open times of the bars that open a long, and of those after an exit of one.
fn signals(bars: &[Bar], kind: StrategyKind, params: &Value) -> (Vec<Timestamp>, Vec<Timestamp>) {
    let mut strategy = Strategy::new(&StrategyParams::from_json(kind, params).unwrap());
    let (mut entries, mut exits) = (Vec::new(), Vec::new());
    for bar in bars {
        let evaluation = strategy.push(bar);
        if evaluation.entry == Some(PositionSide::Long) {
            entries.push(bar.candle.open_time);
        }
        if evaluation.exit_long {
            exits.push(bar.close_time());
        }
    }
    (entries, exits)
}

#[test]
fn plain_ema_crosses_are_the_trades_of_the_reference() {
    for (label, stem, count) in RUNS {
        let Some(bars) = bars(stem, count) else {
            println!("skipped: no candles {stem} in {}", folder().display());
            continue;
        };
        let (entries, exits) =
            signals(&bars, StrategyKind::EmaCross, &json!({"trend": 0, "allow_short": false}));
        // Long only and no other exit: every golden cross opens, every dead cross after it closes. A cross on the very
        // last bar cannot be traded, and a trade left open ends with the data.
        let last = bars.last().unwrap().candle.open_time;
        let entries: Vec<Timestamp> = entries.into_iter().filter(|at| *at < last).collect();
        assert_eq!(entries, times(label, "ema", "signal_time_ms"), "{label}");
        let exits: BTreeSet<Timestamp> = exits.into_iter().collect();
        for at in times(label, "ema", "exit_time_ms").iter().filter(|at| **at < last) {
            assert!(exits.contains(at), "{label}: no dead cross before {at}");
        }
        println!("{label}: {} entries equal", entries.len());
    }
}

#[test]
fn plain_macd_crosses_are_the_trades_of_the_reference() {
    let plain = json!({"conditions_calm": 0, "conditions_volatile": 0, "min_hold_bars": 0, "trail_pct": 0});
    for (label, stem, count) in RUNS {
        let Some(bars) = bars(stem, count) else {
            println!("skipped: no candles {stem} in {}", folder().display());
            continue;
        };
        let entries = signals(&bars, StrategyKind::Macd, &plain).0;
        // A position is opened by the first golden cross since the last one was closed, the closing bar included.
        for kind in ["macd_fill", "macd_close"] {
            let signals = times(label, kind, "signal_time_ms");
            let exits = times(label, kind, "exit_time_ms");
            let mut free_from = bars[0].candle.open_time;
            for (signal, exit) in signals.iter().zip(exits) {
                let first = entries.iter().find(|at| **at >= free_from);
                assert_eq!(first, Some(signal), "{label} {kind}");
                free_from = exit;
            }
            println!("{label} {kind}: {} entries equal", signals.len());
        }
    }
}
