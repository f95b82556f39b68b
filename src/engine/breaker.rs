//! The circuit breaker of one account: after a failure it backs off, after five in a row it opens for 60 s, then lets
//! one call through to see.
//!
//! Pure: time is an argument, and the jitter is drawn from the account and the failure count, so that many accounts
//! do not retry in step and a replay retries at the same moment.

use std::fmt;

use crate::domain::ids::AccountId;
use crate::domain::time::{DurationMs, Timestamp};
use crate::domain::words::words;

/// Consecutive failures that open it.
const FAILURES_TO_OPEN: u32 = 5;
/// How long it stays open before one call may try.
const OPEN_FOR: DurationMs = DurationMs::from_secs(60);
/// What makes a position safe tries more often: a minute without a stop is too long.
const PROTECT_EVERY: DurationMs = DurationMs::from_secs(5);
/// First pause after a failure; doubles with each further one.
const BACKOFF_FIRST: DurationMs = DurationMs::from_ms(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    Open,
    HalfOpen,
}

words!(BreakerState { Closed => "closed", Open => "open", HalfOpen => "half_open" });

/// How urgent a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Protects or closes, or asks how things stand: waits for no backoff, and only shortly for an open breaker.
    Protect,
    Normal,
}

#[derive(Debug)]
pub struct Breaker {
    account: AccountId,
    failures: u32,
    /// No call before this, while backing off or open.
    resume_at: Timestamp,
    /// While open: no call that protects before this.
    protect_at: Timestamp,
}

impl Breaker {
    pub const fn new(account: AccountId) -> Self {
        let long_ago = Timestamp::from_ms(i64::MIN);
        Self { account, failures: 0, resume_at: long_ago, protect_at: long_ago }
    }

    pub fn state(&self, now: Timestamp) -> BreakerState {
        if self.failures < FAILURES_TO_OPEN {
            BreakerState::Closed
        } else if now < self.resume_at {
            BreakerState::Open
        } else {
            BreakerState::HalfOpen
        }
    }

    /// Whether a call may be made now.
    pub fn allows(&self, urgency: Urgency, now: Timestamp) -> bool {
        let may_protect = self.failures < FAILURES_TO_OPEN || now >= self.protect_at;
        now >= self.resume_at || (urgency == Urgency::Protect && may_protect)
    }

    /// The exchange answered, whatever it said.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.resume_at = Timestamp::from_ms(i64::MIN);
    }

    /// The exchange could not be reached, or did not say what became of a request.
    pub fn failed(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        let pause = if self.failures >= FAILURES_TO_OPEN {
            OPEN_FOR
        } else {
            BACKOFF_FIRST.times(1 << (self.failures - 1).min(10))
        };
        self.resume_at = now.plus(pause).plus(self.jitter(pause));
        self.protect_at = now.plus(PROTECT_EVERY);
    }

    /// 0 to 20 % of `pause`.
    fn jitter(&self, pause: DurationMs) -> DurationMs {
        let mixed = (u64::from(self.account.get()) << 32 | u64::from(self.failures))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            >> 54; // 10 bits
        let share = i64::try_from(mixed).unwrap_or(0);
        DurationMs::from_ms(pause.ms() / 5 * share / 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_open_it_for_a_minute_then_one_call_tries() {
        let mut breaker = Breaker::new(AccountId::new(3));
        let at = |ms: i64| Timestamp::from_ms(ms);
        for n in 0..4 {
            breaker.failed(at(n));
            assert_eq!(breaker.state(at(n)), BreakerState::Closed);
            assert!(!breaker.allows(Urgency::Normal, at(n)), "backs off");
            assert!(breaker.allows(Urgency::Protect, at(n)), "protection does not wait for a backoff");
        }
        breaker.failed(at(10));
        assert_eq!(breaker.state(at(10)), BreakerState::Open);
        assert!(!breaker.allows(Urgency::Protect, at(5_009)));
        assert!(
            breaker.allows(Urgency::Protect, at(5_010)),
            "a position is not left without a stop for a minute"
        );
        assert!(!breaker.allows(Urgency::Normal, at(59_000)));
        let later = at(10 + 60_000 + 12_000);
        assert_eq!(breaker.state(later), BreakerState::HalfOpen);
        assert!(breaker.allows(Urgency::Normal, later));
        breaker.failed(later);
        assert_eq!(breaker.state(later), BreakerState::Open, "a failed trial opens it again");
        breaker.succeeded();
        assert_eq!(breaker.state(later), BreakerState::Closed);
        assert!(breaker.allows(Urgency::Normal, later));
    }

    #[test]
    fn accounts_do_not_retry_in_step() {
        let resume: std::collections::BTreeSet<_> = (1..=50)
            .map(|id| {
                let mut breaker = Breaker::new(AccountId::new(id));
                (0..5).for_each(|_| breaker.failed(Timestamp::from_ms(0)));
                breaker.resume_at
            })
            .collect();
        assert!(resume.len() > 40, "{} distinct moments", resume.len());
    }
}
