//! Why a book does not take an order, or a cancel.

use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::{FilterError, Symbol};
use crate::domain::money::{Price, Quote};
use crate::domain::side::Side;

/// A definitive no: nothing in the book has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error("client order id {0} was used before")]
    DuplicateId(ClientOrderId),
    #[error("no price of {0} is known yet")]
    NoPrice(Symbol),
    #[error("reduce-only {side} of {symbol} has no position to reduce")]
    NothingToReduce { symbol: Symbol, side: Side },
    #[error("post-only {side} of {symbol} at {price} would take liquidity: the market is at {market}")]
    WouldCross { symbol: Symbol, side: Side, price: Price, market: Price },
    #[error("the order needs {needed} of margin, available is {available}")]
    InsufficientMargin { needed: Quote, available: Quote },
    #[error("order {0} is not open")]
    NotOpen(ClientOrderId),
}

impl Refusal {
    /// A stable word for logs and rows.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Filter(_) => "filter",
            Self::DuplicateId(_) => "duplicate_id",
            Self::NoPrice(_) => "no_price",
            Self::NothingToReduce { .. } => "nothing_to_reduce",
            Self::WouldCross { .. } => "would_cross",
            Self::InsufficientMargin { .. } => "insufficient_margin",
            Self::NotOpen(_) => "not_open",
        }
    }
}
