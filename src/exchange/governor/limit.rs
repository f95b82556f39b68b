//! One limit and the count of one window of it.

use crate::domain::ids::AccountId;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::wire::{Bucket, Lane};

/// The longest time a request is expected to be under way to the exchange.
const TRANSIT_MAX: DurationMs = DurationMs::from_ms(500);

/// What an exchange allows in each window of time. Windows are aligned to 1970, as exchanges do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub bucket: Bucket,
    pub amount: u32,
    pub window: DurationMs,
    /// 0..=100: % of the amount that only [`Lane::Protect`] may use; [`Lane::Cancel`] may use half of it.
    pub reserve_pct: u8,
}

/// What an answer says of a bucket, for the window it was counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    Used { bucket: Bucket, amount: u32 },
    Remaining { bucket: Bucket, amount: u32 },
}

impl Usage {
    pub(super) const fn bucket(self) -> Bucket {
        match self {
            Self::Used { bucket, .. } | Self::Remaining { bucket, .. } => bucket,
        }
    }

    pub(super) const fn used(self, limit: &Limit) -> u32 {
        match self {
            Self::Used { amount, .. } => amount,
            Self::Remaining { amount, .. } => limit.amount.saturating_sub(amount),
        }
    }
}

/// How much of a limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headroom {
    pub bucket: Bucket,
    /// The account of an account's limit.
    pub account: Option<AccountId>,
    pub used: u32,
    pub amount: u32,
    pub window: DurationMs,
    pub resets_at: Timestamp,
}

impl Limit {
    /// How far a lane may fill the window: all lanes at least to 1, so that a reserve delays and never forbids.
    pub(super) fn ceiling(&self, lane: Lane) -> u32 {
        let pct = u64::from(self.reserve_pct.min(100));
        let reserve = u32::try_from(u64::from(self.amount) * pct / 100).unwrap_or(u32::MAX);
        let kept_back = match lane {
            Lane::Protect => 0,
            Lane::Cancel => reserve / 2,
            Lane::Entry | Lane::Reconcile | Lane::History => reserve,
        };
        self.amount.saturating_sub(kept_back).max(1)
    }

    fn window_start(&self, at: Timestamp) -> Timestamp {
        let length = self.window.ms().max(1);
        Timestamp::from_ms(at.ms().div_euclid(length).saturating_mul(length))
    }

    pub(super) fn window_end(&self, start: Timestamp) -> Timestamp {
        start.plus(DurationMs::from_ms(self.window.ms().max(1)))
    }

    /// The time about the turn of a window in which a request may be counted on the other side of it.
    fn transit(&self) -> DurationMs {
        DurationMs::from_ms(self.window.ms() / 4).min(TRANSIT_MAX)
    }
}

/// What is used of a limit in the current window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) start: Timestamp,
    pub(super) used: u32,
    /// The part of it that left so late that the exchange may count it in the next window.
    late: u32,
}

impl Count {
    /// Goes on to the window of `now`.
    pub(super) fn turn(&mut self, limit: &Limit, now: Timestamp) {
        let start = limit.window_start(now);
        if start > self.start {
            self.used = if limit.window_end(self.start) == start { self.late } else { 0 };
            self.late = 0;
        }
        // A clock that was set back begins an earlier window; what is used stays used.
        self.start = start;
    }

    /// A charge beyond the ceiling fits an untouched window: it could never be made otherwise.
    pub(super) fn fits(&self, limit: &Limit, lane: Lane, amount: u32) -> bool {
        let ceiling = limit.ceiling(lane);
        self.used.saturating_add(amount.min(ceiling)) <= ceiling
    }

    pub(super) fn take(&mut self, limit: &Limit, now: Timestamp, amount: u32) {
        self.used = self.used.saturating_add(amount);
        if now >= limit.window_end(self.start).minus(limit.transit()) {
            self.late = self.late.saturating_add(amount);
        }
    }

    /// Corrects the count upward. An answer that comes right after the turn may tell the use of the window before.
    pub(super) fn correct(&mut self, limit: &Limit, now: Timestamp, used: u32) {
        if now >= self.start.plus(limit.transit()) {
            self.used = self.used.max(used);
        }
    }
}
