//! Why the exchange does not do what a request asks. Each dialect has its own codes for these.

use crate::domain::instrument::Symbol;
use crate::domain::money::Price;
use crate::matching::refusal::Refusal as BookRefusal;

/// A definitive no: nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("symbol {0} is not listed")]
    UnknownSymbol(String),
    #[error("{0} is not traded")]
    NotTrading(Symbol),
    #[error("the order does not exist or is not open")]
    UnknownOrder,
    #[error("client order id {0} belongs to an open order")]
    DuplicateClientId(String),
    #[error("the trigger {trigger} is met already: the market is at {market}")]
    WouldTriggerNow { trigger: Price, market: Price },
    #[error("there is no position to reduce")]
    NothingToReduce,
    #[error("margin type, leverage or position mode is as asked for already")]
    NoChangeNeeded,
    #[error("open orders stand in the way of the change")]
    OpenOrders,
    #[error("an open position stands in the way of the change")]
    OpenPosition,
    #[error(transparent)]
    Book(BookRefusal),
}

impl From<BookRefusal> for Refusal {
    fn from(refusal: BookRefusal) -> Self {
        match refusal {
            BookRefusal::NothingToReduce { .. } => Self::NothingToReduce,
            BookRefusal::NotOpen(_) => Self::UnknownOrder,
            BookRefusal::Filter(_)
            | BookRefusal::DuplicateId(_)
            | BookRefusal::NoPrice(_)
            | BookRefusal::WouldCross { .. }
            | BookRefusal::InsufficientMargin { .. } => Self::Book(refusal),
        }
    }
}
