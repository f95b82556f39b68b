//! When an account is compared with its exchange next: rarely while its stream tells what happens, often while it has
//! none and something is at stake.

use crate::domain::ids::AccountId;
use crate::domain::time::{DurationMs, Timestamp};

/// Between two comparisons of an account whose stream is up.
const STREAMED_EVERY: DurationMs = DurationMs::from_secs(600);
/// Without a stream: where something is at stake, and where nothing is.
const ENGAGED_EVERY: DurationMs = DurationMs::from_secs(10);
const IDLE_EVERY: DurationMs = DurationMs::from_secs(60);
/// Between two questions for everything there is, also on symbols we have nothing on.
const WIDE_EVERY: DurationMs = DurationMs::from_secs(3_600);

/// How an account learns what happens, and what hangs on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub is_streaming: bool,
    pub is_engaged: bool,
}

#[derive(Debug)]
pub(super) struct Schedule {
    account: AccountId,
    resync: bool,
    /// Up to when what we believe was told to us: by the last comparison, or by a stream that has ended since.
    told_until: Option<Timestamp>,
    was_streaming: bool,
    soon_at: Option<Timestamp>,
    wide_at: Option<Timestamp>,
}

impl Schedule {
    pub(super) const fn new(account: AccountId) -> Self {
        Self { account, resync: false, told_until: None, was_streaming: false, soon_at: None, wide_at: None }
    }

    pub(super) const fn want_resync(&mut self) {
        self.resync = true;
    }

    pub(super) const fn is_resync_due(&self) -> bool {
        self.resync
    }

    /// Whether it is time; to be asked with each cycle.
    pub(super) fn is_due(&mut self, now: Timestamp, standing: Standing) -> bool {
        if self.was_streaming && !standing.is_streaming {
            self.told_until = self.told_until.max(Some(now));
        }
        self.was_streaming = standing.is_streaming;
        let pause = match standing {
            Standing { is_streaming: true, .. } => STREAMED_EVERY,
            Standing { is_engaged: true, .. } => ENGAGED_EVERY,
            Standing { is_engaged: false, .. } => IDLE_EVERY,
        };
        let is_past = |due: Option<Timestamp>| due.is_some_and(|due| now >= due);
        self.resync
            || self.is_wide(now)
            || is_past(self.soon_at)
            || is_past(self.told_until.map(|told| told.plus(pause)))
    }

    pub(super) fn is_wide(&self, now: Timestamp) -> bool {
        self.wide_at.is_some_and(|due| now >= due)
    }

    /// Something was not told: the next comparison comes earlier.
    pub(super) fn compare_soon(&mut self, now: Timestamp) {
        self.soon_at = Some(now.plus(ENGAGED_EVERY));
    }

    /// A comparison was made at `now`. Wide ones cost more: a thousand accounts take turns, each with its own place in
    /// the hour.
    pub(super) fn compared(&mut self, now: Timestamp) {
        self.resync = false;
        self.soon_at = None;
        self.told_until = Some(now);
        if self.wide_at.is_none_or(|due| now >= due) {
            let place = i64::from(self.account.get()).wrapping_mul(7_919_000).rem_euclid(WIDE_EVERY.ms());
            let into = (now.ms() - place).rem_euclid(WIDE_EVERY.ms());
            self.wide_at = Some(now.plus(DurationMs::from_ms(WIDE_EVERY.ms() - into)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAMED: Standing = Standing { is_streaming: true, is_engaged: true };
    const MUTE: Standing = Standing { is_streaming: false, ..STREAMED };
    const IDLE: Standing = Standing { is_streaming: false, is_engaged: false };

    /// Compared at 0 s, with its place for the wide one far away.
    fn compared() -> Schedule {
        let mut schedule = Schedule::new(AccountId::new(0));
        schedule.compared(at(0));
        schedule
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_ms(seconds * 1_000)
    }

    #[test]
    fn without_a_stream_it_is_compared_by_what_is_at_stake() {
        for (standing, pause) in [(MUTE, 10), (IDLE, 60), (STREAMED, 600)] {
            let mut schedule = compared();
            assert!(!schedule.is_due(at(pause - 1), standing));
            assert!(schedule.is_due(at(pause), standing));
        }
    }

    #[test]
    fn a_stream_that_has_ended_leaves_nobody_for_ten_minutes_without_a_comparison() {
        let mut schedule = compared();
        assert!(!schedule.is_due(at(100), STREAMED));
        assert!(!schedule.is_due(at(101), MUTE), "it was told everything until now");
        assert!(!schedule.is_due(at(110), MUTE));
        assert!(schedule.is_due(at(111), MUTE));
        schedule.compared(at(111));
        assert!(schedule.is_due(at(121), MUTE));
        assert!(!schedule.is_due(at(122), STREAMED), "whoever hears again is told by the stream's beginning");
    }

    #[test]
    fn what_was_not_told_is_asked_for_soon_and_everything_once_an_hour() {
        let mut schedule = compared();
        schedule.compare_soon(at(1));
        assert!(!schedule.is_due(at(10), STREAMED));
        assert!(schedule.is_due(at(11), STREAMED));
        schedule.compared(at(11));
        assert!(!schedule.is_due(at(12), STREAMED) && !schedule.is_wide(at(3_599)));
        assert!(schedule.is_wide(at(3_600)) && schedule.is_due(at(3_600), STREAMED));
        schedule.want_resync();
        assert!(schedule.is_due(at(12), STREAMED) && schedule.is_resync_due());
    }
}
