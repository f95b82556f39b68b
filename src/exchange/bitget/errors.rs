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
            "40001", "40002", "40003", "40006", "40009", "40011", "40012", "40037", "40013", "40014",
            "40016", "40018", "40031", "40084", "40085",
        ],
    ),
    (Class::NotExecuted, &STAMP_REFUSED),
    // A contract that opens soon or is being maintained.
    (Class::NotExecuted, &["43115", "40308", "41114"]),
    // No position for a stop: right after a fill it may not be settled yet.
    (Class::NotExecuted, &["43023"]),
    // "Request timed out" in one of the documentation's mirrors; faults of the system.
    (Class::Ambiguous, &["40010", "40015", "40200", "40604", "40725", "45001"]),
    (Class::Throttled, &["429", "40429"]),
    // Parameters, endpoints, contracts that are gone.
    (
        Class::Refused,
        &[
            "40007", "40017", "40019", "40020", "40034", "40102", "40305", "40309", "40404", "40708",
            "40808", "40919", "43011", "400172",
        ],
    ),
    // Balance, margin, size.
    (Class::Refused, &["40754", "40762", "43012", "40711", "40712"]),
    // The order does not fit the position mode; modes cannot be changed now.
    (Class::Refused, &["40774", "40872"]),
    // The client order id was used before.
    (Class::Refused, DUPLICATES),
    (Class::Refused, NOT_FOUND),
    // A plan order that has ended.
    (Class::Refused, &["43021", "43026"]),
    // No such position, or not enough of it.
    (
        Class::Refused,
        &["22002", "25227", "40755", "40757", "40758", "40804", "43029", "45003", "45005", "45006"],
    ),
    // Minimums, maximums, ticks.
    (
        Class::Refused,
        &[
            "40108", "40706", "43006", "43007", "43009", "43010", "43027", "43028", "43037", "43038",
            "45110", "45113", "45115",
        ],
    ),
    // Triggers on the wrong side of the market; too many plan orders.
    (
        Class::Refused,
        &[
            "40832", "40836", "40917", "43008", "43013", "43014", "43015", "43016", "43034", "43035",
            "45122", "40889", "45111",
        ],
    ),
];

/// The client order id was used before.
const DUPLICATES: &[&str] = &["40786", "43118"];
/// No such order, no such plan order, nothing to cancel.
const NOT_FOUND: &[&str] = &["40768", "40109", "43001", "43020", "43025", "22001"];

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
    is_refused_with(error, DUPLICATES)
}

/// Whether the exchange does not know the order that was asked for.
pub fn is_not_found(error: &ExchangeError) -> bool {
    is_refused_with(error, NOT_FOUND)
}

fn is_refused_with(error: &ExchangeError, codes: &[&str]) -> bool {
    matches!(error, ExchangeError::Refused { code, .. } if codes.contains(&code.as_str()))
}

#[cfg(test)]
mod tests;
