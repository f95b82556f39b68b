//! How far above the market a buy may reach, on a price step that is valid there.

use rust_decimal::{Decimal, RoundingStrategy, dec};

use crate::domain::krw_steps;
use crate::domain::money::Price;

/// A market order to buy may cost so much more than the last price: 1 %.
const BUY_REACH: Decimal = dec!(1.01);

/// The highest price that a market order to buy may pay: 1 % above `last`, or one step where that is more.
///
/// Steps only grow with the price, and each band's is a multiple of those below, so that the coarser one of the
/// exchange's step at `last` and the documented one at the bound fits on either side of a band's border.
pub fn buy_bound(last: Price, tick: Price) -> Option<Price> {
    let reach = last.decimal().checked_mul(BUY_REACH)?;
    let step = tick.decimal().max(krw_steps::step_at(reach));
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
