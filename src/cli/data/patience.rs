//! Asking an exchange again while that can help: a download is long, and a lost answer is no reason to end it.

use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::error::ExchangeError;
use crate::exchange::{Answer, Sleep};

/// How often one question is asked before it is given up.
const ATTEMPTS_MAX: u32 = 10;
/// Doubles from one attempt to the next.
const WAIT_FIRST: DurationMs = DurationMs::from_secs(1);
const WAIT_MAX: DurationMs = DurationMs::from_secs(30);
/// An exchange that wants to be left alone for longer is come back to by a person.
const THROTTLED_MAX: DurationMs = DurationMs::from_secs(3_600);

/// Asks until there is an answer, or an error that asking again does not change. `on_wait` hears why it takes longer.
pub(super) async fn patiently<'a, T>(
    sleep: &dyn Sleep,
    on_wait: impl Fn(&ExchangeError),
    question: impl Fn() -> Answer<'a, T>,
) -> Result<T, ExchangeError> {
    let mut attempt = 1;
    loop {
        let error = match question().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match wait_after(&error, attempt, sleep.now()) {
            Some(wait) if attempt < ATTEMPTS_MAX => {
                on_wait(&error);
                sleep.sleep(wait).await;
            }
            Some(_) | None => return Err(error),
        }
        attempt += 1;
    }
}

/// `None`: asking again is of no use.
fn wait_after(error: &ExchangeError, attempt: u32, now: Timestamp) -> Option<DurationMs> {
    match error {
        ExchangeError::Throttled { until } => {
            Some(until.since(now).max(WAIT_FIRST)).filter(|wait| *wait <= THROTTLED_MAX)
        }
        ExchangeError::Unavailable { .. }
        | ExchangeError::Unknown { .. }
        | ExchangeError::Malformed { .. } => {
            Some(WAIT_FIRST.times(2_i64.saturating_pow(attempt - 1)).min(WAIT_MAX))
        }
        ExchangeError::Refused { .. } | ExchangeError::Unauthorized { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::exchange::testing::ManualClock;

    /// Asks while these errors come; the answer is when it came.
    async fn ask(errors: Vec<ExchangeError>) -> Result<Timestamp, ExchangeError> {
        let clock = ManualClock::at(0);
        let errors = Mutex::new(errors.into_iter());
        let question = || -> Answer<'_, Timestamp> {
            Box::pin(async { errors.lock().unwrap().next().map_or_else(|| Ok(clock.now()), Err) })
        };
        clock.run_until(patiently(clock.as_ref(), |_| {}, question)).await
    }

    fn unavailable() -> ExchangeError {
        ExchangeError::Unavailable { reason: "no route".to_owned() }
    }

    fn throttled(seconds: i64) -> ExchangeError {
        ExchangeError::Throttled { until: Timestamp::from_ms(seconds * 1_000) }
    }

    #[tokio::test]
    async fn what_may_pass_is_waited_for() {
        let came = ask(vec![unavailable(), unavailable(), throttled(600)]).await.unwrap();
        assert!(came.ms() >= 600_000, "{came}");
    }

    #[tokio::test]
    async fn patience_ends() {
        assert_eq!(ask(vec![unavailable(); 10]).await, Err(unavailable()));
        assert!(ask(vec![unavailable(); 9]).await.is_ok());
        assert_eq!(ask(vec![throttled(86_400)]).await, Err(throttled(86_400)));
        let refused = ExchangeError::Refused { code: "-1121".to_owned(), reason: "no symbol".to_owned() };
        assert_eq!(ask(vec![refused.clone()]).await, Err(refused));
    }
}
