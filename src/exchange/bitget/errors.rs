//! What a failed answer means for the caller.
//!
//! Failures are `{"code":"45110","msg":..}` with a 4xx status, and now and then with 200. Only codes that are known to
//! refuse do so for an order: everything else leaves its outcome unknown.
//! Source: bitget.com/api-doc/common/error-code.

use serde::de::DeserializeOwned;

use super::wire::{Envelope, FailedRow};
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::error::ExchangeError;
use crate::exchange::wire::{Access, HttpAnswer};

const SUCCESS: &str = "00000";

/// The limits are per second.
const SECOND: DurationMs = DurationMs::from_secs(1);

/// The stamp is too old, too new, or none.
const STAMP_REFUSED: [&str; 3] = ["40004", "40005", "40008"];

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Not executed, and would not be the next time.
    Refused,
    /// The key, the account or its kind is not fit for this.
    Unauthorized,
    Throttled,
    /// Not executed; another time it might be.
    NotExecuted,
    /// The exchange had a fault, perhaps after it executed the request.
    Ambiguous,
}

/// What each known code means.
pub const CODES: &[(Class, &[&str])] = &[
    // Key, signature, passphrase; permission, verification, address, closed account; a unified account.
    (
        Class::Unauthorized,
        &[
            "40001", "40002", "40003", "40006", "40009", "40011", "40012", "40037", "40014", "40016",
            "40018", "40031", "40084", "40085",
        ],
    ),
    // The stamp.
    (Class::NotExecuted, &STAMP_REFUSED),
    // A contract that opens soon.
    (Class::NotExecuted, &["43115"]),
    // "Request timed out" in one of the documentation's mirrors; faults of the system.
    (Class::Ambiguous, &["40010", "40015", "40200", "40725", "45001"]),
    (Class::Throttled, &["429", "40429"]),
    // Parameters, endpoints.
    (Class::Refused, &["40017", "40019", "40020", "40034", "40808", "43011", "400172", "40404", "40919"]),
    // Balance, margin, size.
    (Class::Refused, &["40754", "40762", "43012", "40711", "40712"]),
    // The order does not fit the position mode; modes cannot be changed now.
    (Class::Refused, &["40774", "40872"]),
    // The client order id was used before.
    (Class::Refused, &["40786", "43118"]),
    // No such order.
    (Class::Refused, &["40768", "40109", "43001", "43020", "43025", "22001"]),
    // No such position.
    (Class::Refused, &["22002", "40757", "25227"]),
    // Minimums, maximums, ticks, triggers on the wrong side, too many plan orders.
    (Class::Refused, &["43006", "45110", "45115", "45113", "45122", "43008", "40889", "45111"]),
];

pub fn class_of(code: &str) -> Option<Class> {
    CODES.iter().find(|(_, codes)| codes.contains(&code)).map(|(class, _)| *class)
}

/// Reads the data of a success, or says what the answer means.
pub fn read<T: DeserializeOwned>(
    answer: &HttpAnswer,
    access: Access,
    now: Timestamp,
) -> Result<T, ExchangeError> {
    let Ok(envelope) = serde_json::from_str::<Envelope>(&answer.body) else {
        return Err(without_envelope(answer, access, now));
    };
    if envelope.code.as_str() != SUCCESS {
        return Err(classify(envelope.code.as_str(), envelope.msg.as_str(), access, retry_at(answer, now)));
    }
    let data = envelope.data.as_deref().map_or("null", |data| data.get());
    serde_json::from_str(data).map_err(|error| unreadable(access, format!("{error} in {data:.200}")))
}

/// When the exchange got the request, by its clock.
pub fn time_told(answer: &HttpAnswer) -> Option<Timestamp> {
    let envelope: Envelope = serde_json::from_str(&answer.body).ok()?;
    envelope.request_time.as_str().parse().ok().map(Timestamp::from_ms)
}

/// Whether the stamp of the request was not taken: nothing was executed.
pub fn is_stamp_refused(answer: &HttpAnswer) -> bool {
    let envelope = serde_json::from_str::<Envelope>(&answer.body);
    envelope.is_ok_and(|envelope| STAMP_REFUSED.contains(&envelope.code.as_str()))
}

/// An answer that cannot be read: nothing changed by asking, nobody knows what by telling.
pub fn unreadable(access: Access, reason: String) -> ExchangeError {
    match access {
        Access::Read => ExchangeError::Malformed { reason },
        Access::Write => ExchangeError::Unknown { reason },
    }
}

/// Something between us and the exchange answered, or the exchange while it was failing.
fn without_envelope(answer: &HttpAnswer, access: Access, now: Timestamp) -> ExchangeError {
    match answer.status {
        429 => ExchangeError::Throttled { until: retry_at(answer, now) },
        200..=299 => unreadable(access, format!("no envelope in {:.200}", answer.body)),
        status => uncertain(access, format!("status {status}: {:.200}", answer.body)),
    }
}

/// What a code that is not success means.
fn classify(code: &str, message: &str, access: Access, retry_at: Timestamp) -> ExchangeError {
    let reason = format!("{code}: {message}");
    match class_of(code) {
        Some(Class::Refused) => ExchangeError::Refused { code: code.to_owned(), reason: message.to_owned() },
        Some(Class::Unauthorized) => ExchangeError::Unauthorized { reason: unauthorized(code, reason) },
        Some(Class::Throttled) => ExchangeError::Throttled { until: retry_at },
        Some(Class::NotExecuted) => ExchangeError::Unavailable { reason },
        Some(Class::Ambiguous) | None => uncertain(access, reason),
    }
}

fn unauthorized(code: &str, reason: String) -> String {
    match code {
        "40085" => {
            "this is a unified trading account (40085): only classic accounts can be used, switch the account back \
             at the exchange or use another one"
                .to_owned()
        }
        _ => reason,
    }
}

/// What became of one order of a batch that was not taken.
pub fn failed(row: &FailedRow, now: Timestamp) -> ExchangeError {
    if row.error_code.is_empty() {
        // Lists of plan orders tell no code, and only cancelling makes them: the order is not there.
        return ExchangeError::Refused { code: "not_found".to_owned(), reason: row.error_msg.to_string() };
    }
    classify(row.error_code.as_str(), row.error_msg.as_str(), Access::Write, now.plus(SECOND))
}

fn uncertain(access: Access, reason: String) -> ExchangeError {
    match access {
        Access::Read => ExchangeError::Unavailable { reason },
        Access::Write => ExchangeError::Unknown { reason },
    }
}

fn retry_at(answer: &HttpAnswer, now: Timestamp) -> Timestamp {
    let told = answer.header("retry-after").and_then(|text| text.parse().ok()).map(DurationMs::from_secs);
    now.plus(told.unwrap_or(SECOND))
}

/// Whether an order was refused because its id was used before: the first one exists.
pub fn is_duplicate(error: &ExchangeError) -> bool {
    is_refused_with(error, &["40786", "43118"])
}

/// Whether the exchange does not know the order that was asked for.
pub fn is_not_found(error: &ExchangeError) -> bool {
    is_refused_with(error, &["40768", "40109", "43001", "43020", "43025", "22001"])
}

fn is_refused_with(error: &ExchangeError, codes: &[&str]) -> bool {
    matches!(error, ExchangeError::Refused { code, .. } if codes.contains(&code.as_str()))
}

#[cfg(test)]
mod tests;
