//! A candle in binary floating point: what indicators are fed with.

use rust_decimal::Decimal;

use crate::domain::market::Bar;

/// The numbers of one closed bar, prices in quote currency, volume in base currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
    /// False for a bar with missing parts: it may move indicators but opens nothing.
    pub complete: bool,
}

impl Sample {
    pub fn of(bar: &Bar) -> Self {
        let candle = &bar.candle;
        Self {
            high: float(candle.high.decimal()),
            low: float(candle.low.decimal()),
            close: float(candle.close.decimal()),
            volume: float(candle.volume),
            complete: bar.complete,
        }
    }
}

/// Whole numbers below it are binary numbers too.
const EXACT_BELOW: u64 = 1 << f64::MANTISSA_DIGITS;

/// `mantissa / 10^scale`, as a [`Sample`] of that decimal has it.
#[expect(clippy::cast_precision_loss, reason = "whole numbers below 2^53 are exact")]
pub fn scaled(mantissa: i64, scale: u32) -> f64 {
    let power = usize::try_from(scale).ok().and_then(|scale| POWERS_OF_TEN.get(scale));
    match power {
        Some(power) if mantissa.unsigned_abs() < EXACT_BELOW => mantissa as f64 / power,
        Some(_) | None => float(Decimal::new(mantissa, scale).normalize()),
    }
}

/// [`scaled`] of every number of a column.
#[expect(clippy::cast_precision_loss, reason = "whole numbers below 2^53 are exact")]
pub fn scaled_all(column: &[i64], scale: u32) -> Vec<f64> {
    let power = usize::try_from(scale).ok().and_then(|scale| POWERS_OF_TEN.get(scale));
    match power {
        Some(power) if column.iter().all(|number| number.unsigned_abs() < EXACT_BELOW) => {
            column.iter().map(|number| *number as f64 / power).collect()
        }
        Some(_) | None => column.iter().map(|number| scaled(*number, scale)).collect(),
    }
}

/// As [`scaled`], of a number of any size; what no `Decimal` holds is not a number.
pub fn scaled_wide(mantissa: i128, scale: u32) -> f64 {
    let value = Decimal::try_from_i128_with_scale(mantissa, scale);
    value.map_or(f64::NAN, |value| float(value.normalize()))
}

/// The nearest `f64` of every decimal with at most 15 digits (both operands of the division are exact then), the same
/// that parsing its text gives; within 1 ulp otherwise.
#[expect(clippy::cast_precision_loss, reason = "rounding to binary is what this function is for")]
fn float(value: Decimal) -> f64 {
    let mantissa = value.mantissa();
    let mantissa = i64::try_from(mantissa).map_or(mantissa as f64, |small| small as f64);
    let power = usize::try_from(value.scale()).ok().and_then(|scale| POWERS_OF_TEN.get(scale));
    mantissa / power.copied().unwrap_or(f64::INFINITY)
}

/// 10^0 ..= 10^28, the scales a `Decimal` has; exact up to 10^22.
const POWERS_OF_TEN: [f64; 29] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decimals_become_what_their_text_parses_to(units in -9_007_199_254_740_992_i64..9_007_199_254_740_992, scale in 0_u32..13) {
            let value = Decimal::new(units, scale);
            prop_assert_eq!(float(value).to_bits(), (value.to_string().parse::<f64>().unwrap() + 0.0).to_bits());
        }
    }
}
