use proptest::prelude::*;

use super::*;

/// First bar with a value of `push` over a series that wiggles upward.
fn first_value(mut push: impl FnMut(f64) -> bool) -> Option<u32> {
    (0..500_u32).find(|bar| push(100.0 + f64::from(*bar) + f64::from(bar % 7)))
}

#[test]
fn every_indicator_speaks_after_its_warmup() {
    for period in [1, 2, 3, 14, 50] {
        let (mut sma, mut ema, mut rsi) = (Sma::new(period), Ema::new(period), Rsi::new(period));
        let (mut atr, mut adx, mut roc) = (Atr::new(period), Adx::new(period), Roc::new(period));
        let (mut bands, mut macd) = (Bollinger::new(period, 2.0), Macd::new(period, period + 5, 4));
        let warmups = [
            (sma.warmup(), first_value(|x| sma.push(x).is_some())),
            (ema.warmup(), first_value(|x| ema.push(x).is_some())),
            (rsi.warmup(), first_value(|x| rsi.push(x).is_some())),
            (roc.warmup(), first_value(|x| roc.push(x).is_some())),
            (bands.warmup(), first_value(|x| bands.push(x).is_some())),
            (macd.warmup(), first_value(|x| macd.push(x).is_some())),
            (atr.warmup(), first_value(|x| atr.push(x + 1.0, x - 1.0, x).is_some())),
            (adx.warmup(), first_value(|x| adx.push(x + 1.0, x - 1.0, x).is_some_and(|d| d.adx.is_some()))),
        ];
        for (index, (warmup, first)) in warmups.into_iter().enumerate() {
            assert_eq!(Some(warmup - 1), first, "indicator {index}, period {period}");
        }
    }
}

#[test]
fn flat_series_have_no_strength() {
    let (mut rsi, mut adx, mut bands) = (Rsi::new(3), Adx::new(3), Bollinger::new(3, 2.0));
    for _ in 0..20 {
        let value = rsi.push(5.0);
        let strength = adx.push(5.0, 5.0, 5.0).and_then(|d| d.adx);
        let band = bands.push(5.0).map(|b| b.percent_b(5.0));
        assert!(value.unwrap_or(0.0).abs() < EPSILON);
        assert!(strength.unwrap_or(0.0).abs() < EPSILON);
        assert!((band.unwrap_or(0.5) - 0.5).abs() < EPSILON);
    }
}

#[test]
fn a_period_of_zero_counts_as_one() {
    assert_eq!(Sma::new(0).push(3.0), Some(3.0));
    assert_eq!(Ema::new(0).push(3.0), Some(3.0));
    assert_eq!(Macd::new(0, 0, 0).push(3.0).map(|value| value.slow_ema), Some(3.0));
}

#[test]
fn a_rolling_mean_does_not_drift() {
    let mut sma = Sma::new(200);
    let mut seen: Vec<f64> = Vec::new();
    let mut state = 1_u32;
    for _ in 0..50_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seen.push(1e7 + f64::from(state) / 3.0);
        if let (Some(mean), Some(window)) = (sma.push(*seen.last().unwrap()), seen.last_chunk::<200>()) {
            let expected = window.iter().sum::<f64>() / 200.0;
            assert!(((mean - expected) / expected).abs() < 1e-12, "{mean} {expected}");
        }
    }
}

proptest! {
    #[test]
    fn oscillators_stay_in_their_range(closes in prop::collection::vec(0.01_f64..1e6, 1..200), period in 1_u32..20) {
        let (mut rsi, mut adx, mut bands) = (Rsi::new(period), Adx::new(period), Bollinger::new(period, 2.0));
        for close in closes {
            if let Some(value) = rsi.push(close) {
                prop_assert!((0.0..=100.0).contains(&value), "{value}");
            }
            if let Some(direction) = adx.push(close * 1.01, close * 0.99, close) {
                let range = -1e-6..=100.0 + 1e-6;
                prop_assert!(range.contains(&direction.adx.unwrap_or(0.0)), "{direction:?}");
            }
            if let Some(bands) = bands.push(close) {
                prop_assert!(bands.lower <= bands.middle && bands.middle <= bands.upper);
            }
        }
    }
}
