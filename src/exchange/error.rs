//! Errors of exchanges, by what the caller must do next.

use crate::domain::time::Timestamp;

/// Why a call has no answer, or not the one asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The exchange said no, and the order does not exist. Final: record the refusal, release what was reserved;
    /// the same request would be refused again.
    #[error("refused ({code}): {reason}")]
    Refused { code: String, reason: String },
    /// Too many requests; it was not executed. Send nothing in this lane before `until`, then try again.
    #[error("throttled until {until}")]
    Throttled { until: Timestamp },
    /// It may have been executed or not: a time-out, a lost connection, a server error after the request left.
    /// Never send again: ask by client order id until the horizon ([`super::capabilities::Capabilities::horizon`]).
    #[error("outcome unknown: {reason}")]
    Unknown { reason: String },
    /// The key is wrong, expired, or lacks a permission; it was not executed. Stop this account and tell its owner.
    #[error("unauthorized: {reason}")]
    Unauthorized { reason: String },
    /// The exchange could not be reached: it was surely not executed. Back off and try again.
    #[error("unavailable: {reason}")]
    Unavailable { reason: String },
    /// A query's answer could not be read. Nothing was changed: ask again, and raise an alert if it stays so. An
    /// unreadable answer to a write is [`ExchangeError::Unknown`].
    #[error("malformed answer: {reason}")]
    Malformed { reason: String },
}

impl ExchangeError {
    /// Whether it is certain that the request changed nothing at the exchange.
    pub const fn is_definitive(&self) -> bool {
        match self {
            // An answer that cannot be read says that the request arrived, not what became of it.
            Self::Unknown { .. } | Self::Malformed { .. } => false,
            Self::Refused { .. }
            | Self::Throttled { .. }
            | Self::Unauthorized { .. }
            | Self::Unavailable { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_name_what_happened() {
        let reason = || "no route".to_owned();
        let cases = [
            (
                ExchangeError::Refused { code: "-2019".to_owned(), reason: reason() },
                "refused (-2019): no route",
                true,
            ),
            (
                ExchangeError::Throttled { until: Timestamp::from_ms(0) },
                "throttled until 1970-01-01T00:00:00Z",
                true,
            ),
            (ExchangeError::Unknown { reason: reason() }, "outcome unknown: no route", false),
            (ExchangeError::Unauthorized { reason: reason() }, "unauthorized: no route", true),
            (ExchangeError::Unavailable { reason: reason() }, "unavailable: no route", true),
            (ExchangeError::Malformed { reason: reason() }, "malformed answer: no route", false),
        ];
        for (error, text, definitive) in cases {
            assert_eq!(error.to_string(), text);
            assert_eq!(error.is_definitive(), definitive, "{text}");
        }
    }
}
