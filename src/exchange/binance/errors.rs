//! What each HTTP status and error code means for the caller.
//!
//! An error code is final for a write only if it stands in `REFUSED` or one of the families of
//! `REFUSED_FAMILIES`: everything else leaves open whether the order exists. Source: developers.binance.com,
//! USDⓈ-M futures, "Error Codes" and "General Info" (HTTP return codes).

use serde::Deserialize;

use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::error::ExchangeError;
use crate::exchange::governor::BlockCause;
use crate::exchange::wire::{Access, HttpAnswer, LimitScope};

/// The clock of a request is outside of the receive window; it was not executed. `-5028` is measured later on, at
/// the matching engine.
pub const CLOCK: [i64; 2] = [-1021, -5028];
/// No such order, in answer to a query.
pub const NO_SUCH_ORDER: i64 = -2013;
/// Margin mode and position mode that are so already.
pub const NO_NEED_TO_CHANGE: [i64; 2] = [-4046, -4059];

/// Too many requests of an address, and too many orders of an account.
const TOO_MANY_REQUESTS: i64 = -1003;
const TOO_MANY_ORDERS: i64 = -1015;

/// Key, signature, address or permission.
const UNAUTHORIZED: [i64; 9] = [-1002, -1005, -1011, -1022, -1099, -1109, -2014, -2015, -2017];

/// Surely not executed, and worth another try: overload (-1008), a service that goes down (-1016), the clock.
const UNAVAILABLE: [i64; 4] = [-1008, -1016, -1021, -5028];

/// Perhaps executed: unknown error, disconnect, bus, time-out, a message without description. And -4116: an order
/// under this id rests already, and most likely it is the one that was meant.
const UNKNOWN: [i64; 6] = [-1000, -1001, -1006, -1007, -1010, -4116];

/// Final refusals outside of the families.
const REFUSED: [i64; 24] = [
    -1013, -1014, -1020, -1023, // unsupported or senseless
    -2010, -2011, -2012, -2013, -2016, // rejected, no such order, no trading now
    -2018, -2019, -2020, -2021, -2022, -2023, -2024, -2025, -2026, -2027,
    -2028, // balance, margin, position
    -4531, // position mode must be the same on both sorts of futures
    -5021, -5022, -5041, // fill or kill, post only, no depth
];

/// Families of which every code is a check before execution: request fields; filters, modes and settings; changes
/// of orders.
const REFUSED_FAMILIES: [(i64, i64); 3] = [(-1199, -1100), (-4499, -4000), (-5040, -5023)];

/// How long to pause when a limit is hit and nobody says for how long.
const PAUSE_OF_ADDRESS: DurationMs = DurationMs::from_secs(60);
const PAUSE_OF_ACCOUNT: DurationMs = DurationMs::from_secs(10);

/// The consequence of a failure, before it is known what was asked and until when to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Refused,
    Throttled(LimitScope),
    Unauthorized,
    Unavailable,
    Unknown,
    /// The answer says nothing that we know.
    Unheard,
}

/// The body of a failure. Some failures have no code, some not even a body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ErrorBody {
    pub code: Option<i64>,
    #[serde(default)]
    pub msg: String,
}

impl ErrorBody {
    /// Reads a body; one that is no JSON is a message.
    pub fn read(body: &str) -> Self {
        serde_json::from_str(body).unwrap_or_else(|_| Self { code: None, msg: beginning(body) })
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: Option<i64>,
    /// Whose requests must pause and why, if a limit was hit.
    pub pause: Option<(LimitScope, BlockCause)>,
    pub error: ExchangeError,
}

impl Failure {
    /// A failure that happened on our side of the exchange.
    pub const fn of(error: ExchangeError) -> Self {
        Self { code: None, pause: None, error }
    }

    pub fn is_of_clock(&self) -> bool {
        self.code.is_some_and(|code| CLOCK.contains(&code))
    }
}

impl From<ExchangeError> for Failure {
    fn from(error: ExchangeError) -> Self {
        Self::of(error)
    }
}

/// What an answer that is no success means. `now`, and every time in the result, is by the exchange's clock.
pub fn failure(answer: &HttpAnswer, access: Access, now: Timestamp) -> Failure {
    let body = ErrorBody::read(&answer.body);
    let class = class_of(answer.status, &body);
    let retry_after = answer.header("retry-after").and_then(|seconds| seconds.trim().parse().ok());
    let until =
        banned_until(&body.msg).or_else(|| retry_after.map(|secs| now.plus(DurationMs::from_secs(secs))));
    conclude(answer.status, body, class, access, until, now)
}

/// What a failed item inside of a successful answer means: a batch judges each order alone.
pub fn item_failure(body: ErrorBody, now: Timestamp) -> Failure {
    let class = class_of_code(&body).unwrap_or(Class::Unheard);
    let until = banned_until(&body.msg);
    conclude(200, body, class, Access::Write, until, now)
}

fn conclude(
    status: u16,
    body: ErrorBody,
    class: Class,
    access: Access,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Failure {
    let ErrorBody { code, msg } = body;
    let named = match code {
        Some(code) => format!("{code} {msg}"),
        None => format!("HTTP {status} {msg}"),
    };
    let is_read = access == Access::Read;
    let mut pause = None;
    let error = match class {
        Class::Refused => ExchangeError::Refused {
            code: code.map_or_else(|| status.to_string(), |code| code.to_string()),
            reason: msg,
        },
        Class::Throttled(scope) => {
            let cause = match until {
                _ if status == 418 => BlockCause::Banned,
                Some(_) => BlockCause::RetryAfter,
                None => BlockCause::TooMany,
            };
            pause = Some((scope, cause));
            let unsaid = if scope == LimitScope::Address { PAUSE_OF_ADDRESS } else { PAUSE_OF_ACCOUNT };
            ExchangeError::Throttled { until: until.unwrap_or_else(|| now.plus(unsaid)) }
        }
        Class::Unauthorized => ExchangeError::Unauthorized { reason: named },
        Class::Unavailable => ExchangeError::Unavailable { reason: named },
        Class::Unknown if is_read => ExchangeError::Unavailable { reason: named },
        Class::Unheard if is_read => ExchangeError::Malformed { reason: named },
        Class::Unknown | Class::Unheard => ExchangeError::Unknown { reason: named },
    };
    Failure { code, pause, error }
}

/// The class of a failure: by status where that says it all, else by code, else by what the status leaves open.
pub fn class_of(status: u16, body: &ErrorBody) -> Class {
    if matches!(status, 418 | 429) {
        let of_account = body.code == Some(TOO_MANY_ORDERS);
        return Class::Throttled(if of_account { LimitScope::Account } else { LimitScope::Address });
    }
    if let Some(class) = class_of_code(body) {
        return class;
    }
    match status {
        401 => Class::Unauthorized,
        // The firewall before the exchange: too many requests, or such that it does not let through.
        403 => Class::Throttled(LimitScope::Address),
        // Not served to this country.
        451 => Class::Unavailable,
        // Two of the three texts of a 503 say that the request failed; the third says that nobody knows.
        503 if ["Service Unavailable", "Internal error"].iter().any(|text| body.msg.starts_with(text)) => {
            Class::Unavailable
        }
        408 | 500..=599 => Class::Unknown,
        _ => Class::Unheard,
    }
}

fn class_of_code(body: &ErrorBody) -> Option<Class> {
    let code = body.code?;
    let class = match code {
        TOO_MANY_REQUESTS => Class::Throttled(LimitScope::Address),
        TOO_MANY_ORDERS => Class::Throttled(LimitScope::Account),
        code if UNAUTHORIZED.contains(&code) => Class::Unauthorized,
        code if UNAVAILABLE.contains(&code) => Class::Unavailable,
        code if UNKNOWN.contains(&code) => Class::Unknown,
        code if REFUSED.contains(&code) => Class::Refused,
        code if REFUSED_FAMILIES.iter().any(|(from, to)| (*from..=*to).contains(&code)) => Class::Refused,
        _ => return None,
    };
    Some(class)
}

/// The end of a ban, from texts such as `IP banned until 1700000000000`.
fn banned_until(msg: &str) -> Option<Timestamp> {
    let (_, rest) = msg.split_once("banned until ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Timestamp::from_ms)
}

/// As much of a text as a message should carry.
fn beginning(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests;
