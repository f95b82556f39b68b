//! Error answers: Bitget's codes and messages (<https://www.bitget.com/api-doc/common/error-code>).

use crate::domain::instrument::FilterError;
use crate::matching::refusal::Refusal as BookRefusal;
use crate::simulator::refusal::Refusal;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Error {
    /// An error of the request: 400.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into() }
    }

    pub(super) fn no_such_path() -> Self {
        Self { status: 404, ..Self::new("40404", "Request URL NOT FOUND") }
    }

    pub(super) fn too_many() -> Self {
        Self { status: 429, ..Self::new("429", "Too Many Requests") }
    }

    pub(super) fn empty(name: &str) -> Self {
        Self::new("40019", format!("Parameter {name} cannot be empty"))
    }

    pub(super) fn wrong(name: &str) -> Self {
        Self::new("40020", format!("Parameter {name} error"))
    }

    pub(super) fn bad_symbol(symbol: &str) -> Self {
        Self::new("40034", format!("Parameter {symbol} does not exist"))
    }

    pub(super) fn unknown_order() -> Self {
        Self::new("40768", "Order does not exist")
    }

    pub(super) fn not_found() -> Self {
        Self::new("40109", "The data of the order cannot be found, please confirm the order number")
    }

    pub(super) fn duplicate() -> Self {
        Self::new("40786", "Duplicate clientOid")
    }

    pub(super) fn wrong_mode() -> Self {
        let message = "The order type for unilateral position must also be the unilateral position type.";
        Self::new("40774", message)
    }

    pub(super) fn no_position() -> Self {
        Self::new("22002", "No position to close")
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownSymbol(symbol) => Self::bad_symbol(&symbol),
            Refusal::NotTrading(symbol) => Self::bad_symbol(symbol.as_str()),
            Refusal::UnknownOrder => Self::unknown_order(),
            Refusal::DuplicateClientId(_) => Self::duplicate(),
            Refusal::WouldTriggerNow { trigger, market } => {
                Self::new("45122", format!("The trigger price {trigger} is on the wrong side of {market}"))
            }
            Refusal::NothingToReduce => Self::no_position(),
            // Setting what is set is a success; see where it is handled.
            Refusal::NoChangeNeeded => Self::new("40020", "No change is needed"),
            Refusal::OpenOrders | Refusal::OpenPosition => Self::new(
                "40872",
                "Failed to adjust position mode, please clear all orders and positions first",
            ),
            Refusal::Book(refusal) => refusal.into(),
        }
    }
}

impl From<BookRefusal> for Error {
    fn from(refusal: BookRefusal) -> Self {
        match refusal {
            BookRefusal::Filter(error) => error.into(),
            BookRefusal::DuplicateId(_) => Self::duplicate(),
            BookRefusal::NoPrice(_) => Self::new("40015", "System is abnormal, please try again later"),
            BookRefusal::NothingToReduce { .. } => Self::no_position(),
            BookRefusal::WouldCross { .. } => {
                Self::new("43011", "The parameter does not meet the specification: post_only would take")
            }
            BookRefusal::InsufficientMargin { .. } => {
                Self::new("40762", "The order amount exceeds the balance")
            }
            BookRefusal::NotOpen(_) => Self::unknown_order(),
        }
    }
}

impl From<FilterError> for Error {
    fn from(error: FilterError) -> Self {
        match error {
            FilterError::BelowMinQty { min_qty, .. } => {
                Self::new("43006", format!("The minimum order quantity is {min_qty}"))
            }
            FilterError::OffStep { qty, step, .. } => {
                let scale = step.decimal().normalize().scale();
                let message = format!(
                    "Parameter verification exception size checkBDScale error value={qty} checkScale={scale}"
                );
                Self::new("40808", message)
            }
            FilterError::BelowMinNotional { min_notional, .. } => {
                Self::new("45110", format!("less than the minimum amount {min_notional} USDT"))
            }
            FilterError::OffTick { tick, .. } => {
                Self::new("45115", format!("The price you enter should be a multiple of {tick}"))
            }
        }
    }
}
