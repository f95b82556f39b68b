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
