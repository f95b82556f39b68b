//! Aggregation against its definition.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::domain::money::Price;
use crate::domain::time::Timestamp;

fn candle(minute: i64, close: i64) -> Candle {
    let price = |value: i64| Price::try_new(Decimal::new(value, 2)).unwrap();
    let prices = [price(close + 1), price(close + 3), price(close - 2), price(close)];
    Candle::try_new(Timestamp::from_ms(minute * 60_000), prices, Decimal::new(minute % 7, 3)).unwrap()
}

fn aggregated(base: Timeframe, target: Timeframe, parts: &[(Candle, bool)]) -> Vec<(Candle, bool)> {
    let mut aggregator = Aggregator::try_new(base, target).unwrap();
    let closed = parts.iter().flat_map(|(candle, complete)| aggregator.push(candle, *complete));
    closed.flatten().map(|aggregate| (aggregate.candle, aggregate.complete)).collect()
}

#[test]
fn a_whole_window_closes_with_its_last_part() {
    let mut aggregator = Aggregator::try_new(Timeframe::M1, Timeframe::M5).unwrap();
    for minute in 0..4 {
        assert_eq!(aggregator.push(&candle(minute, 100 + minute), true), [None, None]);
    }
    let [overdue, closed] = aggregator.push(&candle(4, 90), true);
    let Aggregate { candle, complete } = closed.unwrap();
    assert_eq!((overdue, complete), (None, true));
    let text = [candle.open, candle.high, candle.low, candle.close].map(|price| price.to_string());
    assert_eq!(text, ["1.01", "1.06", "0.88", "0.9"]);
    assert_eq!((candle.open_time.ms(), candle.volume), (0, Decimal::new(10, 3)));
}

#[test]
fn a_window_without_its_last_part_closes_with_the_next_bar_and_is_not_complete() {
    let mut aggregator = Aggregator::try_new(Timeframe::M1, Timeframe::M5).unwrap();
    assert_eq!(aggregator.push(&candle(3, 100), true), [None, None]);
    let [overdue, closed] = aggregator.push(&candle(9, 100), true);
    assert_eq!(overdue.map(|bar| (bar.candle.open_time.ms(), bar.complete)), Some((0, false)));
    assert_eq!(closed.map(|bar| (bar.candle.open_time.ms(), bar.complete)), Some((300_000, false)));
}

#[test]
fn only_whole_multiples_are_built() {
    for (base, target, possible) in [
        (Timeframe::M1, Timeframe::D1, true),
        (Timeframe::H1, Timeframe::M5, false),
        (Timeframe::H1, Timeframe::H1, false),
        (Timeframe::M3, Timeframe::M5, false),
        (Timeframe::H8, Timeframe::H12, false),
    ] {
        assert_eq!(Aggregator::try_new(base, target).is_some(), possible, "{base} {target}");
    }
}

proptest! {
    #[test]
    fn aggregates_of_aggregates_equal_the_direct_ones(
        bars in prop::collection::btree_map(0_i64..600, 100_i64..1_000, 1..400),
    ) {
        // Past the end of every window, so that nothing is left open.
        let end = candle(1_440 * 2, 100);
        let parts: Vec<_> = bars.iter().map(|(minute, close)| (candle(*minute, *close), true)).collect();
        let closing: Vec<_> = parts.iter().copied().chain([(end, true)]).collect();
        let direct = aggregated(Timeframe::M1, Timeframe::H1, &closing);
        let fine = aggregated(Timeframe::M1, Timeframe::M15, &closing);
        let mut steps = fine.clone();
        steps.push((Candle { open_time: Timeframe::M15.bar_start(end.open_time), ..end }, false));
        prop_assert_eq!(&aggregated(Timeframe::M15, Timeframe::H1, &steps), &direct);
        let volume: Decimal = parts.iter().map(|(candle, _)| candle.volume).sum();
        prop_assert_eq!(direct.iter().map(|(candle, _)| candle.volume).sum::<Decimal>(), volume);
        for (bar, complete) in direct {
            let inside = parts.iter().filter(|(part, _)| {
                Timeframe::H1.bar_start(part.open_time) == bar.open_time
            });
            prop_assert_eq!(inside.count() == 60, complete);
        }
    }
}
