//! Error answers: Binance's codes and messages
//! (<https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code>).

use serde_json::{Value, json};

use crate::domain::instrument::FilterError;
use crate::matching::refusal::Refusal as BookRefusal;
use crate::simulator::refusal::Refusal;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    pub(super) status: u16,
    pub(super) code: i64,
    pub(super) message: String,
}

impl Error {
    /// An error of the request: 400.
    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into() }
    }

    pub(super) fn unauthorized(code: i64, message: &str) -> Self {
        Self { status: 401, ..Self::new(code, message) }
    }

    pub(super) fn missing(name: &str) -> Self {
        let message = format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.");
        Self::new(-1102, message)
    }

    pub(super) fn bad_symbol() -> Self {
        Self::new(-1121, "Invalid symbol.")
    }

    pub(super) fn to_json(&self) -> Value {
        json!({ "code": self.code, "msg": self.message })
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownSymbol(_) => Self::bad_symbol(),
            Refusal::NotTrading(_) => {
                Self::new(-4108, "Symbol is on delivering or delivered or settling or closed or pre-trading.")
            }
            Refusal::UnknownOrder => Self::new(-2011, "Unknown order sent."),
            Refusal::DuplicateClientId(_) => Self::new(-4116, "ClientOrderId is duplicated."),
            Refusal::WouldTriggerNow { .. } => Self::new(-2021, "Order would immediately trigger."),
            Refusal::NothingToReduce => Self::new(-2022, "ReduceOnly Order is rejected."),
            Refusal::NoChangeNeeded => Self::new(-5027, "No need to modify the order."),
            Refusal::OpenOrders => {
                Self::new(-4067, "Position side cannot be changed if there exists open orders.")
            }
            Refusal::OpenPosition => {
                Self::new(-4068, "Position side cannot be changed if there exists position.")
            }
            Refusal::Book(refusal) => refusal.into(),
        }
    }
}

impl From<BookRefusal> for Error {
    fn from(refusal: BookRefusal) -> Self {
        match refusal {
            BookRefusal::Filter(error) => error.into(),
            BookRefusal::DuplicateId(_) => Self::new(-4116, "ClientOrderId is duplicated."),
            BookRefusal::NoPrice(_) => {
                Self::new(-1000, "An unknown error occured while processing the request.")
            }
            BookRefusal::NothingToReduce { .. } => Refusal::NothingToReduce.into(),
            BookRefusal::WouldCross { .. } => Self::new(
                -5022,
                "Due to the order could not be executed as maker, the Post Only order will be rejected.",
            ),
            BookRefusal::InsufficientMargin { .. } => Self::new(-2019, "Margin is insufficient."),
            BookRefusal::NotOpen(_) => Refusal::UnknownOrder.into(),
        }
    }
}

impl From<FilterError> for Error {
    fn from(error: FilterError) -> Self {
        match error {
            FilterError::BelowMinQty { .. } => Self::new(-4004, "Quantity less than min quantity."),
            FilterError::OffStep { .. } => Self::new(-4023, "Qty not increased by step size."),
            FilterError::BelowMinNotional { min_notional, .. } => Self::new(
                -4164,
                format!(
                    "Order's notional must be no smaller than {min_notional} (unless you choose reduce only)."
                ),
            ),
            FilterError::OffTick { .. } => Self::new(-4014, "Price not increased by tick size."),
        }
    }
}
