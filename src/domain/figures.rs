//! Amounts as people read them: rounded for the eye. What scripts read is exact.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use super::money::Price;

const BAR_CELLS: usize = 10;

/// With exactly so many decimals; halves go away from zero.
pub fn fixed(value: Decimal, decimals: u32) -> String {
    let rounded = value.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
    let places = usize::try_from(decimals).unwrap_or(0);
    format!("{rounded:.places$}")
}

/// As [`fixed`], with a sign also when it is positive.
pub fn signed(value: Decimal, decimals: u32) -> String {
    let text = fixed(value, decimals);
    if value > Decimal::ZERO { format!("+{text}") } else { text }
}

/// A price, to 8 decimals at most.
pub fn price(price: Option<Price>) -> String {
    price.map_or_else(|| "-".to_owned(), |price| price.decimal().round_dp(8).normalize().to_string())
}

/// `[####......] 40 %`: how much of 100 % is allocated.
pub fn allocation_bar(percent: Decimal) -> String {
    let cells = (percent / Decimal::TEN).round().to_usize().unwrap_or(0).min(BAR_CELLS);
    // Something is never drawn as nothing.
    let filled = if percent > Decimal::ZERO { cells.max(1) } else { 0 };
    format!("[{}{}] {} %", "#".repeat(filled), ".".repeat(BAR_CELLS - filled), percent.normalize())
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;

    use super::*;

    #[test]
    fn the_bar_shows_the_share() {
        for (percent, bar) in [
            (dec!(0), "[..........] 0 %"),
            (dec!(0.5), "[#.........] 0.5 %"),
            (dec!(40.0), "[####......] 40 %"),
            (dec!(100), "[##########] 100 %"),
        ] {
            assert_eq!(allocation_bar(percent), bar);
        }
    }

    #[test]
    fn signs_are_shown_and_halves_go_away_from_zero() {
        assert_eq!(signed(dec!(1.235), 2), "+1.24");
        assert_eq!(signed(dec!(-1.235), 2), "-1.24");
        assert_eq!(signed(dec!(0), 2), "0.00");
        assert_eq!(fixed(dec!(7), 2), "7.00");
    }
}
