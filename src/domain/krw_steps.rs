//! Price steps of Upbit's KRW market by price.
//!
//! The exchange tells a market's step at its current price, which is the truth; these bands are what is needed where a
//! price lies elsewhere. Source: docs.upbit.com, "KRW market info" (bands since 2025-07-31, page of 2026-05-04; below
//! 10 KRW the table is continued as it begins); some markets have finer steps than their band, none has a coarser one.

use rust_decimal::{Decimal, dec};

/// Prices from here on, and their step.
const BANDS: [(Decimal, Decimal); 10] = [
    (dec!(1_000_000), dec!(1_000)),
    (dec!(500_000), dec!(500)),
    (dec!(100_000), dec!(100)),
    (dec!(50_000), dec!(50)),
    (dec!(10_000), dec!(10)),
    (dec!(5_000), dec!(5)),
    (dec!(100), dec!(1)),
    (dec!(10), dec!(0.1)),
    (dec!(1), dec!(0.01)),
    (dec!(0.1), dec!(0.001)),
];

/// The step of the band that `price` is in; zero below the lowest band.
///
/// Steps only grow with the price, and each band's is a multiple of those below, so a coarser step fits everywhere
/// below its band.
pub fn step_at(price: Decimal) -> Decimal {
    BANDS.iter().find(|(from, _)| price >= *from).map_or(Decimal::ZERO, |(_, step)| *step)
}

/// A told step finer than the band's by this factor is none that the market had at another price: it says that prices
/// are not to be rounded, as a backtest's `--exact` does.
const EXACT_FROM: Decimal = dec!(100_000);

/// The step that an order at `price` must keep to on a market whose step was told as `told`, wherever its price stood
/// then. A told step that is no band's own is that of a market with rules of its own: the coarser of the two fits it.
pub fn step_for(price: Decimal, told: Decimal) -> Decimal {
    let band = step_at(price);
    if told * EXACT_FROM <= band {
        return told;
    }
    let is_bands_own = BANDS.iter().any(|(_, step)| *step == told);
    if is_bands_own && !band.is_zero() { band } else { band.max(told) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_band_of_the_price_itself_counts_whatever_was_told_elsewhere() {
        for (price, told, step) in [
            // Told in the same band.
            (dec!(148_601_000), dec!(1_000), dec!(1_000)),
            (dec!(7_321), dec!(5), dec!(5)),
            // Up over a border since it was told.
            (dec!(1_000_000), dec!(500), dec!(1_000)),
            (dec!(10_000), dec!(5), dec!(10)),
            (dec!(100), dec!(0.1), dec!(1)),
            // Down over one.
            (dec!(999_500), dec!(1_000), dec!(500)),
            (dec!(99.9), dec!(1), dec!(0.1)),
            // USDT has a step of its own.
            (dec!(1_380.5), dec!(0.5), dec!(1)),
            (dec!(4_999.5), dec!(0.5), dec!(1)),
            // Prices that are not to be rounded.
            (dec!(1_035), dec!(0.000001), dec!(0.000001)),
            (dec!(0.15), dec!(0.00000001), dec!(0.00000001)),
            // Below what the table tells.
            (dec!(0.00012), dec!(0.00000001), dec!(0.00000001)),
        ] {
            assert_eq!(step_for(price, told), step, "{price} told {told}");
        }
    }
}
