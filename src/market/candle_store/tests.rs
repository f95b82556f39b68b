//! Series that are added to, found and read.

use rust_decimal::Decimal;

use super::*;
use crate::domain::money::Price;

fn candles(minutes: std::ops::Range<i64>, price: i64) -> Vec<Candle> {
    let price = Price::try_new(Decimal::new(price, 1)).unwrap();
    let candle =
        |minute| Candle::try_new(Timestamp::from_ms(minute * 60_000), [price; 4], Decimal::ONE).unwrap();
    minutes.map(candle).collect()
}

fn key(text: &str) -> SeriesKey {
    let name: SeriesName = text.parse().unwrap();
    SeriesKey { exchange: name.exchange.unwrap(), symbol: name.symbol, timeframe: name.timeframe }
}

fn store() -> (tempfile::TempDir, CandleStore) {
    let home = tempfile::tempdir().unwrap();
    let store = CandleStore::in_home(home.path());
    (home, store)
}

#[test]
fn additions_grow_a_series_and_conflicts_change_nothing() {
    let (_home, store) = store();
    let key = key("binance/BTCUSDT:1m");
    assert!(store.load(&key).unwrap().is_none());
    assert!(store.list().unwrap().is_empty());
    store.add(&key, &candles(10..20, 105), OnConflict::Refuse).unwrap();
    let added = store.add(&key, &candles(15..25, 105), OnConflict::Refuse).unwrap();
    assert_eq!((added.report.added, added.report.equal, added.rows), (5, 5, 15));
    let before = store.load(&key).unwrap();
    let error = store.add(&key, &candles(24..26, 99), OnConflict::Refuse).unwrap_err().to_string();
    for words in ["1 of the new candles", "1970-01-01T00:24:00Z", "10.5", "9.9"] {
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(store.load(&key).unwrap(), before);
    let since = store.load_since(&key, Timestamp::from_ms(22 * 60_000)).unwrap().unwrap();
    assert_eq!(since.candles(0, 9).collect::<Vec<_>>(), candles(22..25, 105));
}

#[test]
fn what_is_planned_together_is_written_together() {
    let (_home, store) = store();
    let (one, other) = (key("binance/BTCUSDT:1m"), key("upbit/KRW-BTC:1m"));
    store.add(&one, &candles(0..5, 10), OnConflict::Refuse).unwrap();
    let writer = store.writer().unwrap();
    let mut plan = writer.plan();
    plan.add(&other, &candles(0..5, 10), OnConflict::Refuse).unwrap();
    assert!(plan.add(&one, &candles(4..6, 11), OnConflict::Refuse).is_err());
    drop(plan);
    assert_eq!(store.keys().unwrap(), std::slice::from_ref(&one));
    let mut plan = writer.plan();
    plan.add(&other, &candles(0..5, 10), OnConflict::Refuse).unwrap();
    let again = plan.add(&other, &candles(7..9, 10), OnConflict::Refuse).unwrap();
    assert_eq!(again.rows, 7);
    plan.commit().unwrap();
    let listed = store.list().unwrap();
    let header = listed[1].header.as_ref().unwrap();
    assert_eq!((listed[1].key.clone(), header.rows, header.gaps(), header.missing), (other, 7, 1, 2));
}

#[test]
fn names_find_one_series_or_say_why_not() {
    let (_home, store) = store();
    for name in ["binance/BTCUSDT:1m", "binance-spot/BTCUSDT:1m", "upbit/KRW-BTC:1m"] {
        store.add(&key(name), &candles(0..2, 10), OnConflict::Refuse).unwrap();
    }
    let find = |name: &str| store.find(&name.parse().unwrap()).map_err(|error| error.to_string());
    assert_eq!(find("KRW-BTC:1m"), Ok(key("upbit/KRW-BTC:1m")));
    assert_eq!(find("binance/BTCUSDT:1m"), Ok(key("binance/BTCUSDT:1m")));
    assert!(find("BTCUSDT:1m").unwrap_err().contains("binance/BTCUSDT:1m, binance-spot/BTCUSDT:1m"));
    assert!(find("KRW-BTC:1h").unwrap_err().contains("there is upbit/KRW-BTC:1m"));
    assert!(find("XRPUSDT:1h").unwrap_err().ends_with("XRPUSDT:1h are stored"));
}
