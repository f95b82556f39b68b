//! What happens on an account without an order of ours.

use super::fee::Fee;
use super::ids::TradeId;
use super::instrument::Symbol;
use super::money::{Price, Qty};
use super::side::{PositionSide, Side};
use super::time::Timestamp;
use super::words::words;

use std::fmt;

/// A fill of an order that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalFill {
    pub trade_id: TradeId,
    pub symbol: Symbol,
    pub side: Side,
    /// `None` in one-way mode.
    pub position_side: Option<PositionSide>,
    pub price: Price,
    pub qty: Qty,
    pub fee: Fee,
    pub cause: ExternalCause,
    pub at: Timestamp,
}

impl ExternalFill {
    /// The side of the position that it reduces, if it reduces one.
    pub const fn reduced_side(&self) -> PositionSide {
        match (self.position_side, self.side) {
            (Some(side), _) => side,
            (None, Side::Sell) => PositionSide::Long,
            (None, Side::Buy) => PositionSide::Short,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExternalCause {
    /// A person or another program.
    Manual,
    Liquidation,
    /// Auto-deleveraging.
    Deleveraging,
    /// The contract was delisted or settled.
    Settlement,
}

words!(ExternalCause {
    Manual => "manual",
    Liquidation => "liquidation",
    Deleveraging => "deleveraging",
    Settlement => "settlement",
});
