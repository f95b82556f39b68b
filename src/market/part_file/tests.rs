//! What is kept of a part that was interrupted.

use rust_decimal::dec;

use super::*;
use crate::domain::money::Price;
use crate::market::candle_file::read_candles;

const M1: Timeframe = Timeframe::M1;

const fn at(minute: i64) -> Timestamp {
    Timestamp::from_ms(minute * 60_000)
}

fn candle(minute: i64) -> Candle {
    let price = |value| Price::try_new(value).unwrap();
    let prices = [price(dec!(10.50)), price(dec!(11)), price(dec!(10)), price(dec!(10.25))];
    Candle::try_new(at(minute), prices, dec!(0.1250)).unwrap()
}

#[test]
fn what_was_written_in_parts_reads_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let (path, finished) = (dir.path().join("x.csv.part"), dir.path().join("BTCUSDT-1m.csv.gz"));
    let mut part = PartFile::open(&path, M1, (at(0), at(10))).unwrap();
    part.append(&[candle(0), candle(1)], M1).unwrap();
    drop(part);
    let mut part = PartFile::open(&path, M1, (at(0), at(10))).unwrap();
    assert_eq!((part.next(), part.candles()), (at(2), 2));
    part.append(&[candle(1), candle(4)], M1).unwrap();
    part.finish(&finished).unwrap();
    let file = read_candles(&finished, M1).unwrap();
    assert_eq!(file.candles, [candle(0), candle(1), candle(4)]);
    assert!(!path.exists());
}

#[test]
fn torn_and_foreign_rows_are_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.csv.part");
    let whole = format!("{}{}{}", header(), row(&candle(0)), row(&candle(1)));
    let cases = [
        ("", 2, "nothing more"),
        ("120000,10.5,11,10,10.25,0.12", 2, "a row without its line feed"),
        ("120000,10.5,11\n", 2, "a row without all columns"),
        ("60000,10.5,11,10,10.25,1\n", 2, "a row that is there"),
        ("600000,10.5,11,10,10.25,1\n", 2, "a row behind the period"),
        ("120001,10.5,11,10,10.25,1\n", 2, "a row off the grid"),
        ("120000,10.5,11,10,10.25,1\n", 3, "a row that belongs there"),
    ];
    for (more, candles, what) in cases {
        fs::write(&path, format!("{whole}{more}")).unwrap();
        let part = PartFile::open(&path, M1, (at(0), at(10))).unwrap();
        assert_eq!(part.candles(), candles, "{what}");
        let lines = fs::read_to_string(&path).unwrap().lines().count() as u64;
        assert_eq!(lines, candles + 1, "{what}");
    }
    fs::write(&path, b"\xff\xfe no candles").unwrap();
    let part = PartFile::open(&path, M1, (at(0), at(10))).unwrap();
    assert_eq!((part.candles(), fs::read_to_string(&path).unwrap()), (0, header()));
}

#[test]
fn a_part_has_one_writer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.csv.part");
    let _held = PartFile::open(&path, M1, (at(0), at(10))).unwrap();
    assert!(matches!(PartFile::open(&path, M1, (at(0), at(10))), Err(PartFileError::InUse { .. })));
}
