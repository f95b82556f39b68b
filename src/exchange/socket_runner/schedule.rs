//! What is due on a connection, and when. Pure.

use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::socket::Keepalive;

/// Logging in and subscribing take at most so long.
const READY_WITHIN: DurationMs = DurationMs::from_secs(30);
const TEND_EVERY: DurationMs = DurationMs::from_secs(60);
/// A loss has its owner ask for everything: where every frame is one, that must not be all it does.
const LOSS_TOLD_EVERY: DurationMs = DurationMs::from_secs(10);
/// Part of the lifetime by which connections that began together are spread.
const LIFETIME_SPREAD: i64 = 8;

/// The times of one connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    keepalive: Keepalive,
    lifetime: DurationMs,
    heard_at: Timestamp,
    ping_at: Timestamp,
    tend_at: Timestamp,
    ends_at: Timestamp,
    /// `None`: it is ready.
    ready_by: Option<Timestamp>,
    /// When it is told that something was lost; `None`: nothing was.
    loss_at: Option<Timestamp>,
    /// Not earlier than then.
    loss_from: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    Ping,
    Tend,
    /// Something that was heard could not be read.
    TellLoss,
    GiveUp {
        reason: &'static str,
    },
    Renew,
}

impl Schedule {
    /// `seed` spreads what happens on many connections at a time.
    pub(super) fn new(keepalive: Keepalive, seed: u64, now: Timestamp) -> Self {
        let share = i64::try_from(seed % 64).unwrap_or(0);
        let part = |whole: DurationMs| DurationMs::from_ms(whole.ms().saturating_mul(share) / 64);
        let spread = part(DurationMs::from_ms(keepalive.lifetime_max.ms() / LIFETIME_SPREAD));
        let lifetime = DurationMs::from_ms(keepalive.lifetime_max.ms().saturating_sub(spread.ms()));
        Self {
            keepalive,
            lifetime,
            heard_at: now,
            ping_at: now.plus(keepalive.every),
            tend_at: now.plus(TEND_EVERY).minus(part(TEND_EVERY)),
            ends_at: now.plus(lifetime),
            ready_by: Some(now.plus(READY_WITHIN)),
            loss_at: None,
            loss_from: now,
        }
    }

    pub(super) fn heard(&mut self, now: Timestamp) {
        self.heard_at = now;
    }

    pub(super) fn ready(&mut self) {
        self.ready_by = None;
    }

    /// Something that was heard could not be read. Before it is ready nobody relies on it.
    pub(super) fn lost(&mut self, now: Timestamp) {
        if self.ready_by.is_none() {
            self.loss_at = self.loss_at.or(Some(self.loss_from.max(now)));
        }
    }

    /// When there is something to do at the earliest, if nothing is heard until then.
    pub(super) fn next(&self) -> Timestamp {
        let silent_at = self.heard_at.plus(self.keepalive.silence_max);
        let next = self.ping_at.min(self.tend_at).min(self.ends_at).min(silent_at);
        [self.ready_by, self.loss_at].into_iter().flatten().fold(next, Timestamp::min)
    }

    /// One thing that is due now; asked again until there is none.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<Duty> {
        self.stay_near(now);
        if self.heard_at.plus(self.keepalive.silence_max) <= now {
            return Some(Duty::GiveUp { reason: "nothing was heard for too long" });
        }
        if self.ready_by.is_some_and(|ready_by| ready_by <= now) {
            return Some(Duty::GiveUp { reason: "login or subscription was not confirmed in time" });
        }
        if self.ends_at <= now {
            return Some(Duty::Renew);
        }
        if self.loss_at.is_some_and(|loss_at| loss_at <= now) {
            self.loss_at = None;
            self.loss_from = now.plus(LOSS_TOLD_EVERY);
            return Some(Duty::TellLoss);
        }
        if self.ping_at <= now {
            self.ping_at = now.plus(self.keepalive.every);
            return Some(Duty::Ping);
        }
        if self.tend_at <= now {
            self.tend_at = now.plus(TEND_EVERY);
            return Some(Duty::Tend);
        }
        None
    }

    /// After the clock was set back, nothing is further away than it can be.
    fn stay_near(&mut self, now: Timestamp) {
        self.heard_at = self.heard_at.min(now);
        self.ping_at = self.ping_at.min(now.plus(self.keepalive.every));
        self.tend_at = self.tend_at.min(now.plus(TEND_EVERY));
        self.ends_at = self.ends_at.min(now.plus(self.lifetime));
        self.ready_by = self.ready_by.map(|ready_by| ready_by.min(now.plus(READY_WITHIN)));
        self.loss_from = self.loss_from.min(now.plus(LOSS_TOLD_EVERY));
        self.loss_at = self.loss_at.map(|loss_at| loss_at.min(now.plus(LOSS_TOLD_EVERY)));
    }
}

#[cfg(test)]
mod tests;
