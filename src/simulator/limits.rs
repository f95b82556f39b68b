//! Rate limits: costs counted in windows of exchange time, each for an address or an account.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use super::event::AccountIndex;
use crate::domain::time::{DurationMs, Timestamp};

/// Who pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Payer {
    Address(IpAddr),
    Account(AccountIndex),
}

/// One limit of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Tells limits of one payer apart.
    pub bucket: &'static str,
    pub window: DurationMs,
    pub max: u64,
}

/// What the operator says about limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSpec {
    /// No limits at all, for load runs.
    #[serde(default)]
    pub off: bool,
    /// Other maxima, by bucket.
    #[serde(default)]
    pub max: BTreeMap<String, u64>,
}

/// A limit was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    pub bucket: &'static str,
    /// The end of its window.
    pub until: Timestamp,
    /// How often the payer has been told so in this window, this time included.
    pub strikes: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    window_start: i64,
    used: u64,
    strikes: u64,
}

/// What was used of every limit, and who is banned until when.
#[derive(Debug, Default)]
pub struct Limiter {
    spec: LimitSpec,
    usage: BTreeMap<(Payer, &'static str), Usage>,
    bans: BTreeMap<IpAddr, Timestamp>,
}

impl Limiter {
    pub fn new(spec: LimitSpec) -> Self {
        Self { spec, ..Self::default() }
    }

    /// Counts `cost`; returns what is used of the window now.
    pub fn charge(&mut self, payer: Payer, limit: Limit, cost: u64, now: Timestamp) -> Result<u64, Exceeded> {
        let length = limit.window.ms().max(1);
        let window_start = now.ms().div_euclid(length) * length;
        let max = self.spec.max.get(limit.bucket).copied().unwrap_or(limit.max);
        let usage = self.usage.entry((payer, limit.bucket)).or_default();
        if usage.window_start != window_start {
            *usage = Usage { window_start, ..Usage::default() };
        }
        usage.used = usage.used.saturating_add(cost);
        if usage.used > max && !self.spec.off {
            usage.strikes += 1;
            let until = Timestamp::from_ms(window_start.saturating_add(length));
            return Err(Exceeded { bucket: limit.bucket, until, strikes: usage.strikes });
        }
        Ok(usage.used)
    }

    /// What is used of the window that `now` is in.
    pub fn used(&self, payer: Payer, limit: Limit, now: Timestamp) -> u64 {
        let length = limit.window.ms().max(1);
        let window_start = now.ms().div_euclid(length) * length;
        let usage = self.usage.get(&(payer, limit.bucket)).filter(|usage| usage.window_start == window_start);
        usage.map_or(0, |usage| usage.used)
    }

    pub fn ban(&mut self, address: IpAddr, until: Timestamp) {
        self.bans.insert(address, until);
    }

    pub fn lift_bans(&mut self) {
        self.bans.clear();
    }

    pub fn banned_until(&self, address: IpAddr, now: Timestamp) -> Option<Timestamp> {
        self.bans.get(&address).copied().filter(|until| *until > now)
    }

    /// Each payer's usage, for `/_sim/stats`.
    pub(super) fn usage(&self) -> impl Iterator<Item = (Payer, &'static str, u64)> {
        self.usage.iter().map(|((payer, bucket), usage)| (*payer, *bucket, usage.used))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { bucket: "weight", window: DurationMs::from_secs(60), max: 10 };

    #[test]
    fn a_window_ends_and_a_ban_is_for_one_address() {
        let mut limiter = Limiter::default();
        let here: IpAddr = [127, 0, 0, 1].into();
        let payer = Payer::Address(here);
        let at = Timestamp::from_ms;
        assert_eq!(limiter.charge(payer, LIMIT, 10, at(1_000)), Ok(10));
        let exceeded = limiter.charge(payer, LIMIT, 1, at(59_000)).unwrap_err();
        assert_eq!((exceeded.until, exceeded.strikes), (at(60_000), 1));
        assert_eq!(limiter.charge(payer, LIMIT, 1, at(60_000)), Ok(1));
        limiter.ban(here, at(90_000));
        assert_eq!(limiter.banned_until(here, at(89_999)), Some(at(90_000)));
        assert_eq!(limiter.banned_until([127, 0, 0, 2].into(), at(70_000)), None);
        assert_eq!(limiter.banned_until(here, at(90_000)), None);
    }
}
