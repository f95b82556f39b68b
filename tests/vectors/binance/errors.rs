//! Errors: our class is compatible with the client's.

use tradefleet::domain::time::Timestamp;
use tradefleet::exchange::binance::errors::{ErrorBody, failure};
use tradefleet::exchange::error::ExchangeError;
use tradefleet::exchange::wire::{Access, HttpAnswer};

use crate::{ErrorVector, Findings, load};

/// What our classes may be for a class of the client.
const CLASSES: &[(&[&str], &[&str])] = &[
    (&["AuthenticationError", "AccountSuspended"], &["unauthorized"]),
    (&["PermissionDenied", "AccountNotEnabled"], &["unauthorized", "refused"]),
    (&["RateLimitExceeded", "DDoSProtection"], &["throttled"]),
    (&["InvalidNonce"], &["unavailable"]),
    (&["RequestTimeout"], &["unknown"]),
    (
        &["OperationFailed", "ExchangeNotAvailable", "OnMaintenance", "NetworkError"],
        &["unknown", "unavailable"],
    ),
];

/// Where the client's class is too coarse to act on, ours by code, and why.
const OUR_OWN: &[(i64, &str, &str)] = &[
    (-1004, "unknown", "not one of the documented refusals of an order"),
    (-1015, "throttled", "the order limit of the account"),
    (-1016, "unavailable", "the service goes down: nothing was executed"),
    (-1125, "refused", "the listen key is unknown; the key of the account is good"),
    (-2012, "refused", "nothing was cancelled"),
    (-2020, "refused", "unable to fill: final"),
    (-2023, "refused", "the account is being liquidated: final"),
    (-4116, "unknown", "an order with this id rests, most likely the one that was meant"),
];

#[test]
fn errors_have_the_recorded_consequence() {
    let Some(file) = load::<ErrorVector>("binance_usdm/error.json") else { return };
    for (code, class, reason) in OUR_OWN {
        eprintln!("  our own: {code} is {class} ({reason})");
    }
    let mut findings = Findings::default();
    for vector in &file.vectors {
        let Some(theirs) = vector.ccxt_exception.as_deref() else {
            findings.skip(&vector.name, "no class recorded");
            continue;
        };
        findings.check(&vector.name, check(vector, theirs));
    }
    findings.conclude("binance errors");
}

fn check(vector: &ErrorVector, theirs: &str) -> Result<(), String> {
    let body = vector.http_response.get().to_owned();
    let code = ErrorBody::read(&body).code;
    let answer = HttpAnswer { status: vector.http_status, body, ..HttpAnswer::default() };
    let failure = failure(&answer, Access::Write, Timestamp::from_ms(1_700_000_000_000));
    let ours = word(&failure.error);
    let own = OUR_OWN.iter().find(|(of, ..)| Some(*of) == code).map(|(_, class, _)| *class);
    let by_class = CLASSES.iter().find(|(names, _)| names.contains(&theirs)).map(|(_, classes)| *classes);
    // Everything else the client knows is a refusal.
    let allowed = own.as_ref().map(std::slice::from_ref).or(by_class).unwrap_or(&["refused"]);
    if allowed.contains(&ours) {
        Ok(())
    } else {
        Err(format!("is {ours}, recorded is {theirs}: one of {allowed:?}"))
    }
}

fn word(error: &ExchangeError) -> &'static str {
    match error {
        ExchangeError::Refused { .. } => "refused",
        ExchangeError::Throttled { .. } => "throttled",
        ExchangeError::Unknown { .. } => "unknown",
        ExchangeError::Unauthorized { .. } => "unauthorized",
        ExchangeError::Unavailable { .. } => "unavailable",
        ExchangeError::Malformed { .. } => "malformed",
    }
}
