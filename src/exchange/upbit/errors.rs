//! What a failed answer means for the caller.
//!
//! Errors are `{"error":{"name":..,"message":..}}` and are told apart by name, since the messages are Korean. What the
//! exchange is known to refuse with is a list; a write that failed in any other way has an unknown outcome.

use serde::de::DeserializeOwned;

use super::wire::ErrorBody;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::error::ExchangeError;
use crate::exchange::json;
use crate::exchange::wire::{Access, HttpAnswer};

/// The order was surely not taken; the same request would be refused again.
const REFUSALS: &[&str] = &[
    "insufficient_funds_bid",
    "insufficient_funds_ask",
    "under_min_total_bid",
    "under_min_total_ask",
    "over_max_total_bid",
    "over_max_total_ask",
    "invalid_price_bid",
    "invalid_price_ask",
    "invalid_volume_bid",
    "invalid_volume_ask",
    "validation_error",
    "invalid_parameter",
    "create_bid_error",
    "create_ask_error",
    "market_does_not_exist",
    "not_supported_ord_type",
    "order_not_found",
];

/// The market is closed for a while; nothing was taken.
const PAUSES: &[&str] = &["market_offline", "server_maintenance", "maintenance", "trading_suspended"];

/// A ban whose end is not told is taken to last so long.
const BAN: DurationMs = DurationMs::from_secs(600);

/// The limits are per second.
const SECOND: i64 = 1_000;

/// Reads the body of a success, or says what the answer means.
pub fn read<T: DeserializeOwned>(
    answer: &HttpAnswer,
    access: Access,
    now: Timestamp,
) -> Result<T, ExchangeError> {
    if !answer.is_success() {
        return Err(classify(answer, access, now));
    }
    json::parse(&answer.body).map_err(|error| unreadable(access, &error.to_string()))
}

/// An answer that cannot be read: nothing changed by asking, nobody knows what by telling.
pub fn unreadable(access: Access, reason: &str) -> ExchangeError {
    let reason = reason.to_owned();
    match access {
        Access::Read => ExchangeError::Malformed { reason },
        Access::Write => ExchangeError::Unknown { reason },
    }
}

/// What an answer that is no success means.
pub fn classify(answer: &HttpAnswer, access: Access, now: Timestamp) -> ExchangeError {
    let (name, message) = match json::parse::<ErrorBody>(&answer.body) {
        Ok(body) => (body.error.name.0, body.error.message),
        Err(_) => (answer.status.to_string(), String::new()),
    };
    let reason = format!("{name}: {message}");
    match answer.status {
        418 => ExchangeError::Throttled { until: now.plus(ban(answer, &message)) },
        429 => ExchangeError::Throttled { until: next_second(now) },
        401 if name == "nonce_used" => uncertain(access, reason),
        401 => ExchangeError::Unauthorized { reason },
        400..=499 if REFUSALS.contains(&name.as_str()) || names_used_identifier(&name) => {
            ExchangeError::Refused { code: name, reason: message }
        }
        400..=499 if PAUSES.contains(&name.as_str()) => ExchangeError::Unavailable { reason },
        // Asking in a way the exchange does not understand changes nothing, and would fail again.
        400..=499 if access == Access::Read => ExchangeError::Refused { code: name, reason: message },
        status => uncertain(access, format!("status {status}, {reason}")),
    }
}

/// Whether an order was refused because its identifier was used before, successfully or not: the first one may exist.
pub fn is_used_identifier(error: &ExchangeError) -> bool {
    match error {
        ExchangeError::Refused { code, .. } => names_used_identifier(code),
        ExchangeError::Throttled { .. }
        | ExchangeError::Unknown { .. }
        | ExchangeError::Unauthorized { .. }
        | ExchangeError::Unavailable { .. }
        | ExchangeError::Malformed { .. } => false,
    }
}

/// Whether the exchange does not know the order that was asked for.
pub fn is_not_found(error: &ExchangeError) -> bool {
    matches!(error, ExchangeError::Refused { code, .. } if code == "order_not_found")
}

/// The documentation describes the refusal of a used identifier but does not print its name.
fn names_used_identifier(name: &str) -> bool {
    name.contains("identifier") && ["dup", "used", "exist"].iter().any(|word| name.contains(word))
}

fn uncertain(access: Access, reason: String) -> ExchangeError {
    match access {
        Access::Read => ExchangeError::Unavailable { reason },
        Access::Write => ExchangeError::Unknown { reason },
    }
}

const fn next_second(now: Timestamp) -> Timestamp {
    Timestamp::from_ms((now.ms().div_euclid(SECOND) + 1) * SECOND)
}

/// How long a ban lasts: by its header, or by the number of seconds in its text.
fn ban(answer: &HttpAnswer, message: &str) -> DurationMs {
    let told = answer.header("retry-after").and_then(|text| text.parse().ok());
    told.or_else(|| seconds_in(message)).map_or(BAN, DurationMs::from_secs)
}

/// The first number of a text that is followed by a word for seconds.
fn seconds_in(text: &str) -> Option<i64> {
    let units = ["second", "sec", "초"];
    text.char_indices().filter(|(_, letter)| letter.is_ascii_digit()).find_map(|(start, _)| {
        let rest = text.get(start..)?;
        let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let unit = rest.get(end..)?.trim_start();
        units.iter().any(|word| unit.starts_with(word)).then(|| rest.get(..end)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests;
