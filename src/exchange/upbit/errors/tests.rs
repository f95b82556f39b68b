//! Every row of the error table.

use super::*;

const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_250);

fn answer(status: u16, name: &str, message: &str) -> HttpAnswer {
    let body = serde_json::json!({"error": {"name": name, "message": message}}).to_string();
    HttpAnswer { status, body, ..HttpAnswer::default() }
}

fn class(error: &ExchangeError) -> &'static str {
    match error {
        ExchangeError::Refused { .. } => "refused",
        ExchangeError::Throttled { .. } => "throttled",
        ExchangeError::Unknown { .. } => "unknown",
        ExchangeError::Unauthorized { .. } => "unauthorized",
        ExchangeError::Unavailable { .. } => "unavailable",
        ExchangeError::Malformed { .. } => "malformed",
    }
}

#[test]
fn each_error_has_one_class_for_writes_and_one_for_reads() {
    let table = [
        (400, "insufficient_funds_bid", "refused", "refused"),
        (400, "insufficient_funds_ask", "refused", "refused"),
        (400, "under_min_total_bid", "refused", "refused"),
        (400, "under_min_total_ask", "refused", "refused"),
        (400, "invalid_price_bid", "refused", "refused"),
        (400, "invalid_price_ask", "refused", "refused"),
        (400, "validation_error", "refused", "refused"),
        (400, "invalid_parameter", "refused", "refused"),
        (400, "create_bid_error", "refused", "refused"),
        (400, "create_ask_error", "refused", "refused"),
        (400, "duplicated_identifier", "refused", "refused"),
        (400, "market_offline", "unavailable", "unavailable"),
        (400, "never_seen_before", "unknown", "refused"),
        (401, "invalid_access_key", "unauthorized", "unauthorized"),
        (401, "jwt_verification", "unauthorized", "unauthorized"),
        (401, "expired_access_key", "unauthorized", "unauthorized"),
        (401, "no_authorization_token", "unauthorized", "unauthorized"),
        (401, "no_authorization_ip", "unauthorized", "unauthorized"),
        (401, "no_authorization_i_p", "unauthorized", "unauthorized"),
        (401, "out_of_scope", "unauthorized", "unauthorized"),
        (401, "nonce_used", "unknown", "unavailable"),
        (404, "order_not_found", "refused", "refused"),
        (429, "too_many_requests", "throttled", "throttled"),
        (418, "banned", "throttled", "throttled"),
        (500, "server_error", "unknown", "unavailable"),
        (503, "server_error", "unknown", "unavailable"),
    ];
    for (status, name, write, read) in table {
        let answer = answer(status, name, "");
        assert_eq!(class(&classify(&answer, Access::Write, NOW)), write, "{status} {name} of a write");
        assert_eq!(class(&classify(&answer, Access::Read, NOW)), read, "{status} {name} of a read");
    }
    let page = HttpAnswer { status: 502, body: "<html>".to_owned(), ..HttpAnswer::default() };
    assert_eq!(class(&classify(&page, Access::Write, NOW)), "unknown");
}

#[test]
fn a_name_may_be_a_number() {
    let body = r#"{"error":{"name":404,"message":"no such path"}}"#.to_owned();
    let answer = HttpAnswer { status: 404, body, ..HttpAnswer::default() };
    let error = classify(&answer, Access::Read, NOW);
    assert_eq!(error.to_string(), "refused (404): no such path");
    assert!(!is_not_found(&error));
}

#[test]
fn throttling_ends_with_the_second_and_a_ban_when_it_says() {
    let until = |answer: &HttpAnswer| {
        let error = classify(answer, Access::Write, NOW);
        let ExchangeError::Throttled { until } = error else { panic!("{error}") };
        until.since(NOW).ms()
    };
    assert_eq!(until(&answer(429, "too_many_requests", "")), 750);
    assert_eq!(until(&answer(418, "banned", "")), 600_000);
    assert_eq!(until(&answer(418, "banned", "blocked by rule 7, try again in 30 seconds")), 30_000);
    assert_eq!(until(&answer(418, "banned", "요청이 60초 동안 제한됩니다")), 60_000);
}

#[test]
fn a_used_identifier_is_told_from_a_bad_one() {
    for (name, used) in [
        ("duplicated_identifier", true),
        ("already_used_identifier", true),
        ("identifier_already_exists", true),
        ("invalid_identifier", false),
        ("insufficient_funds_bid", false),
    ] {
        assert_eq!(is_used_identifier(&classify(&answer(400, name, ""), Access::Write, NOW)), used, "{name}");
    }
}

#[test]
fn an_unreadable_answer_is_malformed_only_where_nothing_was_changed() {
    let answer = HttpAnswer { status: 200, body: "<html>".to_owned(), ..HttpAnswer::default() };
    let outcome = |access| class(&read::<Vec<u8>>(&answer, access, NOW).unwrap_err());
    assert_eq!((outcome(Access::Read), outcome(Access::Write)), ("malformed", "unknown"));
}
