//! When an account asks for its funding: after a start, when cash has moved without a fill, and now and then.

use crate::domain::ids::AccountId;
use crate::domain::time::{DurationMs, Timestamp};

/// Between two questions where nothing asks for one, and after one that was not answered.
const EVERY: DurationMs = DurationMs::from_secs(3_600);
const RETRY: DurationMs = DurationMs::from_secs(120);
/// Cash that has moved asks at most so often.
const PAUSE: DurationMs = DurationMs::from_secs(60);
/// All accounts are paid at once: they ask one after the other, a second apart, over so many seconds.
const TURNS: u32 = 900;

#[derive(Debug)]
pub(super) struct FundingSchedule {
    account: AccountId,
    due_at: Option<Timestamp>,
    asked_at: Option<Timestamp>,
}

impl FundingSchedule {
    pub(super) const fn new(account: AccountId) -> Self {
        Self { account, due_at: None, asked_at: None }
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.due_at.is_some_and(|due| now >= due)
    }

    /// The account was compared with its exchange; the first time, what was paid while we were away is asked for.
    pub(super) fn compared(&mut self, now: Timestamp) {
        if self.due_at.is_none() {
            self.cash_moved(now);
        }
    }

    /// Funding may have been paid.
    pub(super) fn cash_moved(&mut self, now: Timestamp) {
        let turn = DurationMs::from_secs(i64::from(self.account.get() % TURNS));
        let earliest = self.asked_at.map_or(now, |asked| now.max(asked.plus(PAUSE)));
        let due = earliest.plus(turn);
        self.due_at = Some(self.due_at.map_or(due, |known| known.min(due)));
    }

    pub(super) fn asked(&mut self, now: Timestamp, is_answered: bool) {
        self.asked_at = Some(now);
        self.due_at = Some(now.plus(if is_answered { EVERY } else { RETRY }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_ms(seconds * 1_000)
    }

    #[test]
    fn it_is_asked_after_a_start_when_cash_moves_and_once_an_hour() {
        let mut funding = FundingSchedule::new(AccountId::new(3));
        assert!(!funding.is_due(at(10)), "nothing is known of the account yet");
        funding.compared(at(10));
        assert!(!funding.is_due(at(12)) && funding.is_due(at(13)), "each account has its turn");
        funding.asked(at(13), true);
        funding.compared(at(14));
        assert!(!funding.is_due(at(3_612)) && funding.is_due(at(3_613)));
        funding.cash_moved(at(20));
        assert!(!funding.is_due(at(75)) && funding.is_due(at(76)), "not more than once a minute");
        funding.asked(at(76), false);
        assert!(funding.is_due(at(196)), "what was not answered is asked again");
    }
}
