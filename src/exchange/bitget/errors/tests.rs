//! The table of codes, and what is outside of it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);

fn answer(status: u16, body: &str) -> HttpAnswer {
    HttpAnswer { status, body: body.to_owned(), ..HttpAnswer::default() }
}

fn coded(code: &str) -> HttpAnswer {
    answer(400, &format!(r#"{{"code":"{code}","msg":"words","requestTime":1,"data":null}}"#))
}

fn error(answer: &HttpAnswer, access: Access) -> ExchangeError {
    read::<Value>(answer, access, NOW).unwrap_err()
}

#[test]
fn every_code_has_one_class_and_each_class_one_consequence() {
    let all: Vec<&str> = CODES.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "a code is listed twice");
    for (class, codes) in CODES {
        for code in *codes {
            let (asked, told) = (error(&coded(code), Access::Read), error(&coded(code), Access::Write));
            let fits = match class {
                Class::Refused => matches!(told, ExchangeError::Refused { .. }) && asked == told,
                Class::Unauthorized => matches!(told, ExchangeError::Unauthorized { .. }) && asked == told,
                Class::Throttled => {
                    told == ExchangeError::Throttled { until: NOW.plus(SECOND) } && asked == told
                }
                Class::NotExecuted => matches!(told, ExchangeError::Unavailable { .. }) && asked == told,
                Class::Ambiguous => {
                    matches!(told, ExchangeError::Unknown { .. })
                        && matches!(asked, ExchangeError::Unavailable { .. })
                }
            };
            assert!(fits, "{code}: {asked}; {told}");
        }
    }
}

#[test]
fn what_is_not_known_leaves_an_order_open() {
    for strange in [
        coded("99999"),
        answer(502, "<html>bad gateway</html>"),
        answer(403, "blocked"),
        answer(200, "<html>captive portal</html>"),
        answer(200, r#"{"code":"00000","data":7}"#),
        answer(200, ""),
    ] {
        let told = read::<Vec<Value>>(&strange, Access::Write, NOW).unwrap_err();
        assert!(matches!(told, ExchangeError::Unknown { .. }), "{told}");
        let asked = read::<Vec<Value>>(&strange, Access::Read, NOW).unwrap_err();
        assert!(
            matches!(asked, ExchangeError::Unavailable { .. } | ExchangeError::Malformed { .. }),
            "{asked}"
        );
    }
}

#[test]
fn the_time_that_a_throttle_names_is_kept() {
    let mut throttled = answer(429, "slow down");
    throttled.headers.insert("retry-after".to_owned(), "30".to_owned());
    assert_eq!(
        error(&throttled, Access::Write),
        ExchangeError::Throttled { until: NOW.plus(DurationMs::from_secs(30)) }
    );
}

#[test]
fn a_unified_account_is_told_in_plain_words() {
    let told = error(&coded("40085"), Access::Read).to_string();
    assert!(told.contains("unified trading account"), "{told}");
}

#[test]
fn each_order_of_a_batch_fails_for_itself() {
    let row = |json: &str| serde_json::from_str::<FailedRow>(json).unwrap();
    let refused = failed(&row(r#"{"errorCode":"45110","errorMsg":"too small"}"#), NOW);
    assert_eq!(refused.to_string(), "refused (45110): too small");
    assert!(is_duplicate(&failed(&row(r#"{"errorCode":"40786"}"#), NOW)));
    assert!(matches!(failed(&row(r#"{"errorCode":"40725"}"#), NOW), ExchangeError::Unknown { .. }));
    assert!(is_not_found(&error(&coded("40109"), Access::Read)));
}
