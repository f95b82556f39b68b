//! Bars come once, in order and whole, whatever the stream leaves out.

use super::*;

const MINUTE: i64 = 60_000;

fn series() -> Series {
    (Symbol::try_new("BTCUSDT").unwrap(), Timeframe::M1)
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn candle(minute: i64, prices: [u32; 4]) -> Candle {
    let [open, high, low, close] = prices.map(|price| Price::try_new(price.into()).unwrap());
    Candle { open_time: at(minute * MINUTE), open, high, low, close, volume: Decimal::ONE }
}

fn flat(minute: i64, price: u32) -> Candle {
    candle(minute, [price; 4])
}

/// Minutes 0 to 2 are history.
fn warmed() -> LiveBars {
    let mut bars = LiveBars::new(Timeframe::M1, DurationMs::from_secs(10));
    bars.follow(&BTreeSet::from([series()]));
    assert_eq!(bars.missing(), [Missing { series: series(), from: None }]);
    bars.fetched(&series(), &[flat(0, 10), flat(1, 11), flat(2, 12)], at(3 * MINUTE + 5_000));
    assert!(bars.missing().is_empty());
    bars
}

fn closes(step: &MarketStep) -> Vec<(i64, String)> {
    let bars = step.closed_bars.iter();
    bars.map(|bar| (bar.candle.open_time.ms() / MINUTE, bar.candle.close.to_string())).collect()
}

#[test]
fn history_is_no_news_and_warms_up() {
    let mut bars = warmed();
    assert!(!bars.has_news());
    assert!(closes(&bars.step(at(3 * MINUTE + 5_000))).is_empty());
    assert_eq!(bars.history(&series(), at(3 * MINUTE), 2).len(), 2);
    assert_eq!(bars.price(&series().0).unwrap().to_string(), "12");
}

#[test]
fn a_candle_closes_when_it_is_said_or_when_the_next_one_opens() {
    let mut bars = warmed();
    bars.heard(&series(), flat(3, 13), false);
    assert!(!bars.has_news());
    bars.heard(&series(), flat(3, 14), true);
    bars.heard(&series(), flat(4, 15), false);
    bars.heard(&series(), flat(5, 16), false);
    assert_eq!(closes(&bars.step(at(5 * MINUTE))), [(3, "14".to_owned()), (4, "15".to_owned())]);
    bars.heard(&series(), flat(4, 99), true);
    assert!(!bars.has_news(), "it was closed before");
}

#[test]
fn minutes_without_trades_stand_still_and_silence_ends_a_candle() {
    let mut bars = warmed();
    bars.heard(&series(), flat(3, 13), false);
    bars.heard(&series(), flat(6, 16), false);
    let expected = [(3, "13"), (4, "13"), (5, "13")].map(|(minute, close)| (minute, close.to_owned()));
    assert_eq!(closes(&bars.step(at(6 * MINUTE + 1_000))), expected);
    assert!(closes(&bars.step(at(7 * MINUTE + 9_000))).is_empty(), "its end may still be under way");
    assert_eq!(closes(&bars.step(at(7 * MINUTE + 10_000))), [(6, "16".to_owned())]);
}

#[test]
fn a_stream_that_is_not_heard_ends_no_candle() {
    let mut bars = warmed();
    let all = BTreeSet::from([series()]);
    bars.heard(&series(), flat(3, 13), false);
    bars.alive(&all, at(3 * MINUTE + 50_000));
    assert!(closes(&bars.step(at(5 * MINUTE))).is_empty(), "what was traded last may be under way");
    bars.heard(&series(), flat(3, 14), true);
    bars.alive(&all, at(5 * MINUTE + 1_000));
    let expected = [(3, "14"), (4, "14")].map(|(minute, close)| (minute, close.to_owned()));
    assert_eq!(closes(&bars.step(at(5 * MINUTE + 20_000))), expected);
}

#[test]
fn a_series_is_loaded_whatever_else_its_symbol_lacks() {
    let mut bars = warmed();
    let hours = (series().0, Timeframe::H1);
    bars.follow(&BTreeSet::from([series(), hours.clone()]));
    assert!(bars.is_loaded(&series()) && !bars.is_loaded(&hours));
}

#[test]
fn as_many_bars_are_kept_as_are_wanted() {
    let mut bars = warmed();
    bars.keep(&series(), 3_000);
    for minute in 3..4_000 {
        bars.heard(&series(), flat(minute, 13), true);
    }
    assert_eq!(bars.history(&series(), at(4_000 * MINUTE), usize::MAX).len(), 3_000);
}

#[test]
fn a_gap_is_fetched_before_anything_goes_on() {
    let mut bars = warmed();
    bars.interrupted(&BTreeSet::from([series()]));
    assert_eq!(bars.missing(), [Missing { series: series(), from: Some(at(3 * MINUTE)) }]);
    bars.heard(&series(), flat(5, 15), true);
    bars.heard(&series(), flat(6, 16), false);
    assert!(closes(&bars.step(at(6 * MINUTE + 30_000))).is_empty());
    bars.fetched(&series(), &[flat(3, 13), flat(4, 14)], at(6 * MINUTE + 40_000));
    let expected = [(3, "13"), (4, "14"), (5, "15")].map(|(minute, close)| (minute, close.to_owned()));
    assert_eq!(closes(&bars.step(at(6 * MINUTE + 50_000))), expected);
    bars.heard(&series(), flat(6, 17), true);
    assert_eq!(closes(&bars.step(at(7 * MINUTE))), [(6, "17".to_owned())]);
}

#[test]
fn a_price_bar_spans_what_was_seen_since_the_last_step() {
    let mut bars = warmed();
    bars.heard(&series(), candle(3, [12, 30, 5, 13]), false);
    bars.step(at(3 * MINUTE + 10_000));
    bars.heard(&series(), candle(3, [12, 30, 5, 14]), false);
    bars.heard(&series(), candle(3, [12, 31, 5, 12]), false);
    let step = bars.step(at(3 * MINUTE + 20_000));
    let range = &step.price_bars[0].candle;
    let seen = [range.open, range.high, range.low, range.close].map(|price| price.to_string());
    assert_eq!(seen, ["13", "31", "12", "12"], "the low of 5 was before");
    assert_eq!(range.open_time, at(3 * MINUTE + 10_000));
    let quiet = bars.step(at(3 * MINUTE + 30_000)).price_bars[0].candle;
    assert_eq!((quiet.high, quiet.low, quiet.volume), (quiet.open, quiet.close, Decimal::ZERO));
}

#[test]
fn a_day_that_nobody_streams_is_asked_for_when_it_is_over() {
    let day = Timeframe::D1.duration();
    let days = |n: i64| at(n * day.ms());
    let daily = (series().0, Timeframe::D1);
    let bar_of = |n: i64, price: u32| Candle { open_time: days(n), ..flat(0, price) };
    let mut bars =
        LiveBars::new(Timeframe::M1, DurationMs::from_secs(10)).polling(BTreeSet::from([Timeframe::D1]));
    bars.follow(&BTreeSet::from([daily.clone()]));
    let noon = days(2).plus(DurationMs::from_secs(43_200));
    bars.fetched(&daily, &[bar_of(0, 10), bar_of(1, 11)], noon);
    let mut closed_at = |secs: i64, told: &[Candle]| -> (bool, Vec<String>) {
        let now = days(3).plus(DurationMs::from_secs(secs));
        let step = bars.step(now);
        let asked = bars.missing() == [Missing { series: daily.clone(), from: Some(days(2)) }];
        if asked {
            bars.fetched(&daily, told, now);
        }
        let closed = step
            .closed_bars
            .iter()
            .chain(bars.step(now).closed_bars.iter())
            .map(|bar| bar.candle.close.to_string())
            .collect();
        (asked, closed)
    };
    assert_eq!(closed_at(-3_600, &[]), (false, vec![]), "it goes on");
    assert_eq!(closed_at(9, &[]), (false, vec![]), "within its grace");
    assert_eq!(closed_at(10, &[]), (true, vec![]), "not told yet: no candle is made up");
    assert_eq!(closed_at(24, &[]), (false, vec![]), "asked a short while ago");
    assert_eq!(closed_at(25, &[bar_of(2, 13)]), (true, vec!["13".to_owned()]));
    assert_eq!(closed_at(60, &[]), (false, vec![]), "once a day");
}

#[test]
fn a_polled_day_without_a_trade_stands_still_in_the_end() {
    let daily = (series().0, Timeframe::D1);
    let mut bars =
        LiveBars::new(Timeframe::M1, DurationMs::from_secs(10)).polling(BTreeSet::from([Timeframe::D1]));
    bars.follow(&BTreeSet::from([daily.clone()]));
    bars.fetched(&daily, &[flat(0, 10)], at(Timeframe::D1.duration().ms() + 1));
    let over = at(2 * Timeframe::D1.duration().ms());
    let closes_at =
        |bars: &mut LiveBars, secs: i64| bars.step(over.plus(DurationMs::from_secs(secs))).closed_bars.len();
    assert_eq!(closes_at(&mut bars, 609), 0);
    bars.fetched(&daily, &[], over.plus(DurationMs::from_secs(609)));
    assert_eq!(closes_at(&mut bars, 610), 1);
}
