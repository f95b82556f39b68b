//! What a client sees of the market: whole bars, coarser ones, the running one.

use super::*;
use crate::market::tape::Tape;

fn symbol() -> Symbol {
    Symbol::try_new("BTCUSDT").unwrap()
}

/// A market of rising 1m bars: bar n opens at 1000 + n and closes at 1001 + n, its volume is 6. `missing` are gaps.
fn market(bars: i64, missing: &[i64], now: Timestamp) -> Market {
    let price = |value: i64| Price::try_new(Decimal::from(value)).unwrap();
    let candles = (0..bars).filter(|bar| !missing.contains(bar)).map(|bar| {
        let prices = [price(1_000 + bar), price(1_001 + bar), price(1_000 + bar), price(1_001 + bar)];
        Candle::try_new(Timestamp::from_ms(bar * 60_000), prices, Decimal::from(6)).unwrap()
    });
    let series = BTreeMap::from([((symbol(), Timeframe::M1), candles.collect())]);
    let instrument = Instrument {
        symbol: symbol(),
        tick: "0.01".parse().unwrap(),
        step: "0.001".parse().unwrap(),
        min_qty: "0.001".parse().unwrap(),
        min_notional: "5".parse().unwrap(),
    };
    let feed = Feed::from_tape(&Tape::from_candles(series).unwrap());
    let data = MarketData { feed, instruments: BTreeMap::from([(symbol(), instrument)]), warmup: 10 };
    Market::open(data, now, 6).unwrap()
}

/// Ten hours after the epoch.
const NOW: Timestamp = Timestamp::from_ms(36_000_000);

#[test]
fn history_ends_where_the_running_bar_begins() {
    let mut market = market(20, &[], NOW);
    let views = market.candles(&symbol(), DurationMs::from_secs(60), (None, None), 100).unwrap();
    assert_eq!(views.len(), 10);
    assert_eq!(views.last().unwrap().end, NOW);
    assert_eq!(market.next_time(), Some(NOW.plus(DurationMs::from_secs(10))));
    let update = market.advance().unwrap();
    let moved = update.symbol(&symbol()).unwrap();
    assert_eq!((moved.running.open_time, moved.running.volume, moved.closed), (NOW, Decimal::ONE, false));
    let views = market.candles(&symbol(), DurationMs::from_secs(60), (None, None), 2).unwrap();
    assert_eq!(views.last().unwrap().candle, moved.running);
}

#[test]
fn coarser_candles_are_made_of_whole_bars_and_a_gap_stays_one() {
    let mut market = market(40, &[13, 14], NOW);
    while market.next_time().is_some_and(|at| at <= NOW.plus(DurationMs::from_secs(600))) {
        market.advance();
    }
    let length = DurationMs::from_secs(300);
    let views = market.candles(&symbol(), length, (Some(NOW), None), 10).unwrap();
    let volumes: Vec<Decimal> = views.iter().map(|view| view.candle.volume).collect();
    assert_eq!(volumes, [Decimal::from(18), Decimal::from(30)]);
    assert_eq!(views[0].candle.open, Price::try_new(Decimal::from(1_010)).unwrap());
    assert_eq!(views[1].candle.close, Price::try_new(Decimal::from(1_020)).unwrap());
    let one = market.candles(&symbol(), length, (Some(NOW), None), 1).unwrap();
    assert_eq!(one, views[..1]);
    assert_eq!(market.candles(&symbol(), DurationMs::from_secs(90), (None, None), 1), None);
}

#[test]
fn an_exchange_that_opens_in_the_middle_of_a_bar_has_its_beginning() {
    let market = market(20, &[], NOW.plus(DurationMs::from_secs(30)));
    let running = market.running(&symbol(), DurationMs::from_secs(60)).unwrap();
    assert_eq!((running.candle.open_time, running.candle.volume), (NOW, Decimal::from(3)));
}

#[test]
fn the_end_of_the_data_leaves_prices_as_they_are() {
    let mut market = market(12, &[], NOW);
    while market.advance().is_some() {}
    assert_eq!(market.next_time(), None);
    assert_eq!(market.price(&symbol()).unwrap().to_string(), "1012");
    let day = market.day(&symbol(), NOW).unwrap();
    assert_eq!((day.open.to_string(), day.volume), ("1000".to_owned(), Decimal::from(72)));
}

#[test]
fn weeks_begin_on_monday() {
    // 1970-01-05 was a Monday.
    let monday = Timestamp::from_ms(4 * 86_400_000);
    assert_eq!(window_start(monday.plus(DurationMs::from_secs(1)), WEEK), monday);
    assert_eq!(window_start(monday.minus(DurationMs::from_secs(1)), WEEK), monday.minus(WEEK));
}
