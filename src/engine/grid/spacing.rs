//! Where the lines lie: equal steps or equal ratios, rounded to the tick.
//!
//! The ratio of a geometric ladder is an n-th root, found by bisection in 28-digit decimals: no binary floating point,
//! the same on every machine. A line's relative error before rounding is below 10^-24 (each of the at most 99 factors is
//! exact to about 10^-28), far below the 10^-12 of a price, so a line is on the tick that the exact ratio has its
//! nearest tick at, but for ties closer than that.

use rust_decimal::{Decimal, RoundingStrategy};

use super::GridMode;
use crate::domain::money::Price;

/// Halvings that take any two bounds together: 2^200 is beyond 10^24 / 10^-28.
const HALVINGS_MAX: u32 = 200;

/// `count` prices from `lower` to `upper`, before rounding; at least two.
fn exact(lower: Decimal, upper: Decimal, count: u16, mode: GridMode) -> Option<Vec<Decimal>> {
    let grids = count.checked_sub(1).filter(|grids| *grids > 0)?;
    let inner: Option<Vec<Decimal>> = match mode {
        GridMode::Arithmetic => {
            let span = upper.checked_sub(lower)?;
            (1..grids)
                .map(|index| {
                    let above = span.checked_mul(index.into())?.checked_div(grids.into())?;
                    lower.checked_add(above)
                })
                .collect()
        }
        GridMode::Geometric => {
            let ratio = root(upper.checked_div(lower)?, grids)?;
            (1..grids).map(|index| lower.checked_mul(power(ratio, index)?)).collect()
        }
    };
    let ends = |inner: Vec<Decimal>| [lower].into_iter().chain(inner).chain([upper]).collect();
    inner.map(ends)
}

/// `count` prices from `lower` to `upper`, each on the nearest multiple of `tick` (halves up, at least one tick).
/// Neighbours may have fallen together. `None` for fewer than two, or bounds that no decimal can divide.
pub(super) fn prices(
    (lower, upper): (Price, Price),
    count: u16,
    mode: GridMode,
    tick: Price,
) -> Option<Vec<Price>> {
    let on_tick = |price: Decimal| {
        let ticks = price.checked_div(tick.decimal())?;
        let whole = ticks.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
        Price::try_new(whole.max(Decimal::ONE).checked_mul(tick.decimal())?).ok()
    };
    exact(lower.decimal(), upper.decimal(), count, mode)?.into_iter().map(on_tick).collect()
}

/// The largest decimal whose `n`-th power is at most `value`, which is at least 1.
fn root(value: Decimal, n: u16) -> Option<Decimal> {
    let (mut low, mut high) = (Decimal::ONE, value);
    if power(high, n).is_some_and(|whole| whole <= value) {
        return Some(high);
    }
    for _ in 0..HALVINGS_MAX {
        let middle = low.checked_add(high.checked_sub(low)?.checked_div(Decimal::TWO)?)?;
        if middle <= low || middle >= high {
            break;
        }
        // What overflows is too large.
        if power(middle, n).is_some_and(|whole| whole <= value) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low)
}

/// `base^n` by squaring; `None` when it overflows.
fn power(base: Decimal, n: u16) -> Option<Decimal> {
    let (mut result, mut square, mut left) = (Decimal::ONE, base, n);
    loop {
        if left % 2 == 1 {
            result = result.checked_mul(square)?;
        }
        left /= 2;
        if left == 0 {
            return Some(result);
        }
        square = square.checked_mul(square)?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::dec;

    use super::*;

    #[test]
    fn roots_are_exact_where_they_exist() {
        for (value, n, expected) in [
            (dec!(1), 7, dec!(1)),
            (dec!(4), 1, dec!(4)),
            (dec!(4), 2, dec!(2)),
            (dec!(1024), 10, dec!(2)),
            (dec!(1_000_000_000_000_000_000_000_000), 24, dec!(10)),
            (dec!(1.21), 2, dec!(1.1)),
        ] {
            assert_eq!(root(value, n), Some(expected), "{value}^(1/{n})");
        }
        // 2^(1/12), the semitone, to 25 digits.
        assert_eq!(root(dec!(2), 12).unwrap().round_dp(25), dec!(1.0594630943592952645618253));
    }

    #[test]
    fn ladders_by_hand() {
        let price = |text: &str| text.parse::<Price>().unwrap();
        let ladder = |count, mode, tick: &str| {
            let lines = prices((price("100"), price("200")), count, mode, price(tick)).unwrap();
            lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ladder(5, GridMode::Arithmetic, "0.1"), "100 125 150 175 200");
        assert_eq!(ladder(4, GridMode::Arithmetic, "0.1"), "100 133.3 166.7 200");
        assert_eq!(ladder(5, GridMode::Geometric, "0.01"), "100 118.92 141.42 168.18 200");
        assert_eq!(ladder(3, GridMode::Geometric, "7"), "98 140 203");
    }

    proptest! {
        #[test]
        fn a_root_is_the_largest_that_fits(mantissa in 10_u64..1_000_000_000, scale in 0_u32..8, n in 1_u16..100) {
            let value = Decimal::from_i128_with_scale(mantissa.into(), scale) + Decimal::ONE;
            let root = root(value, n).unwrap();
            prop_assert!(power(root, n).unwrap() <= value);
            let error = value - power(root, n).unwrap();
            prop_assert!(error / value < dec!(0.000000000000000000000001), "{error} of {value}");
        }
    }
}
