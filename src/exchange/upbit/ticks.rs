//! Price steps, and how far above the market a buy may reach.
//!
//! The exchange tells a market's step at its current price, which is the truth; here is only what is needed where a
//! price is computed that may lie in the next band. Source: docs.upbit.com, "KRW market info" (bands since 2025-07-31,
//! page of 2026-05-04; below 10 KRW the table is continued as it begins); some markets have finer steps than their band,
//! none has a coarser one.

use rust_decimal::{Decimal, RoundingStrategy, dec};

use crate::domain::money::Price;

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

/// A market order to buy may cost so much more than the last price: 1 %.
const BUY_REACH: Decimal = dec!(1.01);

/// The highest price that a market order to buy may pay: 1 % above `last`, or one step where that is more.
///
/// Steps only grow with the price, and each band's is a multiple of those below, so that the coarser one of the
/// exchange's step at `last` and the documented one at the bound fits on either side of a band's border.
pub fn buy_bound(last: Price, tick: Price) -> Option<Price> {
    let reach = last.decimal().checked_mul(BUY_REACH)?;
    let band = BANDS.iter().find(|(from, _)| reach >= *from).map_or(Decimal::ZERO, |(_, step)| *step);
    let step = tick.decimal().max(band);
    let ticks = |price: Decimal, strategy| Some(price.checked_div(step)?.round_dp_with_strategy(0, strategy));
    let bound = ticks(reach, RoundingStrategy::ToNegativeInfinity)?;
    let least = ticks(last.decimal(), RoundingStrategy::ToPositiveInfinity)?.checked_add(Decimal::ONE)?;
    Price::try_new(bound.max(least).checked_mul(step)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buy_reaches_one_percent_up_and_always_at_least_a_step() {
        for (last, tick, bound) in [
            ("148601000", "1000", "150087000"),
            // Into the next band, whose step counts.
            ("49800", "10", "50250"),
            ("99950", "50", "100900"),
            // A step is more than one percent.
            ("101.3", "1", "103"),
            ("100", "1", "101"),
            // A market with a step finer than its band's keeps to the band's.
            ("1380.5", "0.5", "1394"),
            ("0.00012", "0.00000001", "0.0001212"),
        ] {
            let price = |text: &str| text.parse::<Price>().unwrap();
            assert_eq!(buy_bound(price(last), price(tick)), Some(price(bound)), "{last}");
        }
    }
}
