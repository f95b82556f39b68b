use super::*;

const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);

fn answer(status: u16, body: &str, retry_after: Option<&str>) -> HttpAnswer {
    let headers =
        retry_after.map(|seconds| ("retry-after".to_owned(), seconds.to_owned())).into_iter().collect();
    HttpAnswer { status, headers, body: body.to_owned() }
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

#[test]
fn every_code_has_one_consequence_for_writes_and_for_reads() {
    let table: &[(&[i64], &str, &str)] = &[
        (&[-1000, -1001, -1006, -1007, -1010, -4116], "unknown", "unavailable"),
        (&[-1003, -1015], "throttled", "throttled"),
        (&[-1008, -1016, -1021, -5028], "unavailable", "unavailable"),
        (&[-1002, -1022, -2014, -2015, -2017], "unauthorized", "unauthorized"),
        (&[-1102, -1111, -1121, -4003, -4014, -4015, -4164, -4120], "refused", "refused"),
        (
            &[-2010, -2011, -2013, -2018, -2019, -2020, -2021, -2022, -2023, -2024, -2025],
            "refused",
            "refused",
        ),
        (
            &[-2026, -2027, -2028, -4028, -4046, -4047, -4059, -4061, -4068, -4087, -4117],
            "refused",
            "refused",
        ),
        (&[-4118, -4131, -4192, -4400, -4401, -4531, -5021, -5022, -5024, -5027], "refused", "refused"),
        (&[-1, -999, -3000, -5099, -9999], "unknown", "malformed"),
    ];
    for (codes, write, read) in table {
        for code in *codes {
            let answer = answer(400, &format!("{{\"code\":{code},\"msg\":\"text\"}}"), None);
            for (access, expected) in [(Access::Write, write), (Access::Read, read)] {
                let failure = failure(&answer, access, NOW);
                assert_eq!(word(&failure.error), *expected, "{code} on {access:?}");
                assert_eq!(failure.code, Some(*code));
            }
        }
    }
}

#[test]
fn a_status_without_a_code_says_what_it_can() {
    let unknown_503 = "{\"msg\":\"Unknown error, please check your request or try again later.\"}";
    let failed_503 = "{\"msg\":\"Internal error; unable to process your request. Please try again.\"}";
    let table = [
        (503, unknown_503, "unknown", "unavailable"),
        (503, "{\"msg\":\"Service Unavailable.\"}", "unavailable", "unavailable"),
        (503, failed_503, "unavailable", "unavailable"),
        (502, "<html>Bad Gateway</html>", "unknown", "unavailable"),
        (504, "", "unknown", "unavailable"),
        (408, "", "unknown", "unavailable"),
        (403, "<html>Forbidden</html>", "throttled", "throttled"),
        (401, "", "unauthorized", "unauthorized"),
        (404, "<html>Not Found</html>", "unknown", "malformed"),
        (302, "", "unknown", "malformed"),
    ];
    for (status, body, write, read) in table {
        let answer = answer(status, body, None);
        assert_eq!(word(&failure(&answer, Access::Write, NOW).error), write, "{status} {body}");
        assert_eq!(word(&failure(&answer, Access::Read, NOW).error), read, "{status} {body}");
    }
}

#[test]
fn limits_say_until_when_and_whose() {
    let until = |status, body, retry_after| {
        let failure = failure(&answer(status, body, retry_after), Access::Write, NOW);
        let ExchangeError::Throttled { until } = failure.error else { panic!("{}", failure.error) };
        (until.since(NOW).ms(), failure.pause)
    };
    let address = |cause| Some((LimitScope::Address, cause));
    let banned = "{\"code\":-1003,\"msg\":\"Way too many requests; IP banned until 1700000120000.\"}";
    assert_eq!(until(418, banned, Some("5")), (120_000, address(BlockCause::Banned)));
    assert_eq!(
        until(429, "{\"code\":-1003,\"msg\":\"Too many requests\"}", Some("7")),
        (7_000, address(BlockCause::RetryAfter))
    );
    assert_eq!(until(429, "", None), (60_000, address(BlockCause::TooMany)));
    let orders = "{\"code\":-1015,\"msg\":\"Too many new orders.\"}";
    assert_eq!(until(429, orders, None), (10_000, Some((LimitScope::Account, BlockCause::TooMany))));
}
