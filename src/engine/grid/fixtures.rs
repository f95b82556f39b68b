//! Grids for tests.

use super::plan::Terms;
use super::{Direction, GridConfig, GridMode};
use crate::domain::money::Leverage;

/// A long grid of equal steps at leverage 1, and nothing else asked of it.
pub(crate) fn plain((lower, upper): (&str, &str), count: u16, investment: &str) -> GridConfig {
    GridConfig {
        lower: lower.parse().unwrap(),
        upper: upper.parse().unwrap(),
        count,
        mode: GridMode::Arithmetic,
        investment: investment.parse().unwrap(),
        direction: Direction::Long,
        trigger: None,
        stop_upper: None,
        stop_lower: None,
        buy_in: false,
        close_on_stop: false,
        leverage: Leverage::ONE,
        exchange_stop: false,
    }
}

/// 0.02 % as maker, 0.05 % as taker, on futures.
pub(crate) fn terms() -> Terms {
    Terms { maker_fee_pct: "0.02".parse().unwrap(), taker_fee_pct: "0.05".parse().unwrap(), spot: false }
}
