//! The order of the steps, and history against the stream.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::domain::money::Price;
use crate::market::synthetic::SyntheticConfig;

fn symbol(text: &str) -> Symbol {
    Symbol::try_new(text).unwrap()
}

fn candles(timeframe: Timeframe, bars: impl IntoIterator<Item = i64>) -> Vec<Candle> {
    let length = timeframe.duration().ms();
    let candle = |bar: i64| {
        let price = |value: i64| Price::try_new(Decimal::new(value, 1)).unwrap();
        let close = 1_000 + bar % 17;
        let prices = [price(close), price(close + 2), price(close - 2), price(close + 1)];
        Candle::try_new(Timestamp::from_ms(bar * length), prices, Decimal::ONE).unwrap()
    };
    bars.into_iter().map(candle).collect()
}

fn feed(series: Vec<(&str, Timeframe, Vec<Candle>)>) -> Feed {
    let series = series.into_iter().map(|(name, timeframe, candles)| ((symbol(name), timeframe), candles));
    Feed::from_tape(&Tape::from_candles(series.collect()).unwrap())
}

fn wishes(wishes: &[(&str, Timeframe)]) -> BTreeSet<(Symbol, Timeframe)> {
    wishes.iter().map(|(name, timeframe)| (symbol(name), *timeframe)).collect()
}

fn minutes(bars: impl IntoIterator<Item = i64>) -> Vec<i64> {
    bars.into_iter().map(|bar| bar * 60_000).collect()
}

#[test]
fn steps_join_symbols_by_close_time() {
    let mut feed = feed(vec![
        ("ETHUSDT", Timeframe::M1, candles(Timeframe::M1, [0, 1, 4])),
        ("BTCUSDT", Timeframe::M1, candles(Timeframe::M1, [1, 2, 3])),
    ]);
    assert_eq!(feed.symbols().map(Symbol::as_str).collect::<Vec<_>>(), ["BTCUSDT", "ETHUSDT"]);
    assert_eq!(feed.steps_hint(), Some(5));
    assert_eq!(feed.span(), (Timestamp::from_ms(60_000), Timestamp::from_ms(300_000)));
    assert_eq!(feed.peek_time(), Some(Timestamp::from_ms(60_000)));
    let steps: Vec<MarketStep> = feed.by_ref().collect();
    assert_eq!(steps.iter().map(|step| step.at.ms()).collect::<Vec<_>>(), minutes(1..=5));
    assert_eq!(steps.iter().map(|step| step.price_bars.len()).collect::<Vec<_>>(), [1, 2, 1, 1, 1]);
    assert!(steps[1].close(&symbol("ETHUSDT")).is_some());
    assert_eq!((feed.peek_time(), feed.steps_hint()), (None, Some(0)));
}

#[test]
fn coarser_files_come_with_the_price_and_replace_what_is_built() {
    let hours = candles(Timeframe::H1, 0..3);
    let mut feed = feed(vec![
        ("BTCUSDT", Timeframe::M15, candles(Timeframe::M15, 4..16)),
        ("BTCUSDT", Timeframe::H1, hours.clone()),
    ]);
    let needed = wishes(&[("BTCUSDT", Timeframe::H1), ("BTCUSDT", Timeframe::M30)]);
    assert_eq!(feed.unmet(&needed), []);
    feed.subscribe(&needed);
    let bars: Vec<Bar> = feed.by_ref().flat_map(|step| step.closed_bars).collect();
    let hourly: Vec<_> = bars.iter().filter(|bar| bar.timeframe == Timeframe::H1).collect();
    assert_eq!(hourly.len(), 3);
    assert_eq!((hourly[0].candle, hourly[1].candle), (hours[1], hours[2]));
    assert!(hourly[2].complete && hourly[2].candle.volume == Decimal::from(4), "built where the file ends");
    let all = feed.history(&symbol("BTCUSDT"), Timeframe::H1, Timestamp::from_ms(i64::MAX), 10);
    assert_eq!(all.len(), 4, "the hour before the first price is history");
    assert_eq!(bars.iter().filter(|bar| bar.timeframe == Timeframe::M30).count(), 6);
}

#[test]
fn a_window_with_a_missing_end_comes_with_the_next_bar() {
    let mut feed = feed(vec![("BTCUSDT", Timeframe::M1, candles(Timeframe::M1, [0, 1, 2, 3, 5, 6]))]);
    feed.subscribe(&wishes(&[("BTCUSDT", Timeframe::M5)]));
    let steps: Vec<MarketStep> = feed.collect();
    let late = &steps[4];
    assert_eq!(late.at.ms(), 360_000);
    let bar = late.closed_bars.iter().find(|bar| bar.timeframe == Timeframe::M5).unwrap();
    assert_eq!((bar.close_time().ms(), bar.complete), (300_000, false));
    assert_eq!(steps.iter().map(|step| step.closed_bars.len()).sum::<usize>(), 7);
}

#[test]
fn wishes_that_cannot_be_met_are_explained() {
    let feed = feed(vec![
        ("BTCUSDT", Timeframe::H1, candles(Timeframe::H1, 0..3)),
        ("ETHUSDT", Timeframe::M3, candles(Timeframe::M3, 0..3)),
    ]);
    assert_eq!(feed.base_timeframe(&symbol("ETHUSDT")), Some(Timeframe::M3));
    let needed = wishes(&[
        ("BTCUSDT", Timeframe::M5),
        ("BTCUSDT", Timeframe::H4),
        ("ETHUSDT", Timeframe::M5),
        ("XRPUSDT", Timeframe::M5),
    ]);
    let texts: Vec<String> = feed.unmet(&needed).iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "5m bars of BTCUSDT cannot be built: its finest candles are 1h",
            "5m bars of ETHUSDT cannot be built from 3m candles: not a whole number of them",
            "XRPUSDT is not in this market data",
        ]
    );
}

fn synthetic(steps: Option<u64>) -> Feed {
    let config = SyntheticConfig::with_default_symbols(11, Timestamp::from_ms(1_700_000_000_000));
    Feed::from_synthetic(SyntheticMarket::new(SyntheticConfig { steps, ..config }).unwrap())
}

#[test]
fn a_synthetic_feed_remembers_what_it_yielded() {
    let mut feed = synthetic(Some(4_000));
    let needed = wishes(&[("ETHUSDT", Timeframe::M15)]);
    feed.subscribe(&needed);
    assert_eq!(feed.steps_hint(), Some(4_000));
    let (_, last) = feed.span();
    assert_eq!(feed.history(&symbol("ETHUSDT"), Timeframe::M1, last, 10), []);
    let mut regime = None;
    let mut bars = Vec::new();
    for _ in 0..3_200 {
        let step = feed.next_step().unwrap();
        regime = feed.regime_at(step.at);
        bars.extend(step.closed_bars.into_iter().filter(|bar| bar.symbol == symbol("ETHUSDT")));
    }
    assert!(regime.is_some() && feed.steps_hint() == Some(800) && feed.span().1 == last);
    for timeframe in [Timeframe::M1, Timeframe::M15] {
        let yielded: Vec<Bar> = bars.iter().filter(|bar| bar.timeframe == timeframe).cloned().collect();
        let history = feed.history(&symbol("ETHUSDT"), timeframe, last, 150);
        assert_eq!(history, yielded[yielded.len() - 150..], "{timeframe}");
    }
    assert_eq!(feed.count(), 800);
    assert_eq!(synthetic(None).steps_hint(), None);
    assert_eq!(synthetic(None).span().1, Timestamp::from_ms(i64::MAX));
}

proptest! {
    #[test]
    fn steps_rise_and_bars_are_sorted_and_come_once(
        btc in prop::collection::btree_set(0_i64..300, 1..200),
        eth in prop::collection::btree_set(0_i64..60, 1..50),
        hours in prop::collection::btree_set(0_i64..6, 1..6),
    ) {
        let mut feed = feed(vec![
            ("BTCUSDT", Timeframe::M1, candles(Timeframe::M1, btc.iter().copied())),
            ("BTCUSDT", Timeframe::H1, candles(Timeframe::H1, hours)),
            ("ETHUSDT", Timeframe::M5, candles(Timeframe::M5, eth.iter().copied())),
        ]);
        let needed =
            [("BTCUSDT", Timeframe::M15), ("BTCUSDT", Timeframe::H1), ("ETHUSDT", Timeframe::H1)];
        feed.subscribe(&wishes(&needed));
        let hint = feed.steps_hint();
        let steps: Vec<MarketStep> = feed.collect();
        prop_assert_eq!(hint, Some(steps.len() as u64));
        prop_assert!(steps.windows(2).all(|pair| pair[0].at < pair[1].at));
        prop_assert_eq!(steps.iter().map(|step| step.price_bars.len()).sum::<usize>(), btc.len() + eth.len());
        let mut seen: BTreeMap<(Symbol, Timeframe), Timestamp> = BTreeMap::new();
        for step in &steps {
            prop_assert!(step.price_bars.iter().all(|bar| bar.close_time() == step.at));
            prop_assert!(step.price_bars.iter().all(|bar| step.closed_bars.contains(bar)));
            let order = |bar: &Bar| (bar.symbol.clone(), bar.timeframe, bar.candle.open_time);
            prop_assert!(step.closed_bars.is_sorted_by_key(order));
            for bar in &step.closed_bars {
                prop_assert!(bar.close_time() <= step.at);
                let previous = seen.insert((bar.symbol.clone(), bar.timeframe), bar.close_time());
                prop_assert!(previous < Some(bar.close_time()));
            }
        }
    }

    #[test]
    fn history_and_what_follows_make_the_whole_series(
        btc in prop::collection::btree_set(0_i64..300, 2..200),
        hours in prop::collection::btree_set(0_i64..6, 1..6),
        joins in 0_usize..200,
        skips in any::<bool>(),
    ) {
        let name = symbol("BTCUSDT");
        let series = || vec![
            ("BTCUSDT", Timeframe::M1, candles(Timeframe::M1, btc.iter().copied())),
            ("BTCUSDT", Timeframe::H1, candles(Timeframe::H1, hours.iter().copied())),
        ];
        let needed = wishes(&[("BTCUSDT", Timeframe::M15), ("BTCUSDT", Timeframe::H1)]);
        let mut whole = feed(series());
        whole.subscribe(&needed);
        let expected: Vec<Bar> = whole.flat_map(|step| step.closed_bars).collect();

        let mut late = feed(series());
        let joins = joins.min(btc.len() - 1);
        let at = Timestamp::from_ms((btc.iter().nth(joins).unwrap() + 1) * 60_000);
        if skips {
            late.skip_until(at);
        } else {
            while late.peek_time().is_some_and(|next| next <= at) {
                late.next_step();
            }
        }
        late.subscribe(&needed);
        let first = Timestamp::from_ms(btc.first().unwrap() * 60_000);
        for timeframe in [Timeframe::M1, Timeframe::M15, Timeframe::H1] {
            let mut got = late.history(&name, timeframe, at, 1_000);
            got.retain(|bar| bar.close_time() > first);
            let few = late.history(&name, timeframe, at, 3);
            prop_assert!(few.iter().rev().zip(got.iter().rev()).all(|(one, other)| one == other));
            prop_assert!(few.len() >= got.len().min(3));
            let mut rest = feed(series());
            rest.skip_until(at);
            rest.subscribe(&needed);
            got.extend(rest.flat_map(|step| step.closed_bars).filter(|bar| bar.timeframe == timeframe));
            let direct: Vec<Bar> =
                expected.iter().filter(|bar| bar.timeframe == timeframe).cloned().collect();
            prop_assert_eq!(got, direct, "{}", timeframe);
        }
        let steps: Vec<MarketStep> = late.collect();
        prop_assert_eq!(steps.len(), btc.len() - joins - 1);
    }
}
