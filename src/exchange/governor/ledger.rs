//! The ledger of the limits: who may go and who waits for what. Pure; the time is an argument.
//!
//! A call waits at one place only: the first of its buckets that lacks room for it, or where somebody before it waits.
//! So it stands in the way of nobody who does not need that bucket. When a window turns, those who wait there are
//! asked again in their order; one that now lacks another bucket moves on to it and keeps its rank.

use std::collections::{BTreeMap, BTreeSet};

use super::block::{Ban, Blocks};
use super::limit::{Count, Headroom, Limit, Usage};
use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;
use crate::exchange::wire::{Bucket, Charge, Lane, LimitScope};

/// A call that waits. Lower ones came earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What becomes of a call when it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Admitted,
    Waits(Ticket),
    Blocked { until: Timestamp },
}

/// How it stands with a call that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Admitted,
    Blocked {
        until: Timestamp,
    },
    /// Nothing changes for it before `turn`.
    Waiting {
        turn: Timestamp,
    },
}

/// One bucket of the address, or of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    account: Option<AccountId>,
    bucket: Bucket,
}

#[derive(Debug, Default)]
struct Counter {
    count: Count,
    /// In the order in which they are asked.
    queue: BTreeSet<(Lane, Ticket)>,
}

#[derive(Debug)]
struct Call {
    account: Option<AccountId>,
    lane: Lane,
    charges: Vec<Charge>,
    waits_at: Place,
}

/// All counts of one exchange at one egress.
#[derive(Debug, Default)]
pub struct Ledger {
    limits: BTreeMap<Bucket, Limit>,
    counters: BTreeMap<Place, Counter>,
    calls: BTreeMap<Ticket, Call>,
    /// When the windows of the places turn at which somebody waits.
    turns: BTreeSet<(Timestamp, Place)>,
    blocks: Blocks,
    /// Calls that waited and do so no more, until they are told.
    fates: BTreeMap<Ticket, Fate>,
    settled: Vec<Ticket>,
    next_ticket: u64,
}

impl Ledger {
    pub fn new(limits: &[Limit]) -> Self {
        Self { limits: by_bucket(limits), ..Self::default() }
    }

    /// Takes the charges if they fit, otherwise lets the call wait.
    pub fn ask(
        &mut self,
        now: Timestamp,
        account: Option<AccountId>,
        lane: Lane,
        charges: &[Charge],
    ) -> Verdict {
        self.advance(now);
        if let Some(until) = self.blocks.until(account, lane) {
            return Verdict::Blocked { until };
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket = self.next_ticket.saturating_add(1);
        match self.obstacle(now, account, (lane, ticket), charges) {
            None => {
                self.take(now, account, charges);
                Verdict::Admitted
            }
            Some(waits_at) => {
                self.calls.insert(ticket, Call { account, lane, charges: charges.to_vec(), waits_at });
                self.queue_up(waits_at, (lane, ticket));
                Verdict::Waits(ticket)
            }
        }
    }

    /// Lets go who fits since windows have turned.
    pub fn advance(&mut self, now: Timestamp) {
        self.blocks.expire(now);
        let mut places = Vec::new();
        while self.turns.first().is_some_and(|(at, _)| *at <= now) {
            places.extend(self.turns.pop_first().map(|(_, place)| place));
        }
        // Accounts first: who then lacks the address's buckets takes its rank there before anybody is let go.
        places.sort_unstable();
        for place in places.into_iter().rev() {
            self.serve(now, place);
        }
    }

    pub fn fate(&mut self, ticket: Ticket) -> Fate {
        match self.calls.get(&ticket) {
            Some(call) => Fate::Waiting { turn: self.turn_of(call.waits_at) },
            None => self.fates.remove(&ticket).unwrap_or(Fate::Admitted),
        }
    }

    /// Forgets a call. Whoever waited behind it may fit where it did not.
    pub fn withdraw(&mut self, now: Timestamp, ticket: Ticket) {
        self.fates.remove(&ticket);
        if let Some(call) = self.calls.remove(&ticket) {
            if let Some(counter) = self.counters.get_mut(&call.waits_at) {
                counter.queue.remove(&(call.lane, ticket));
            }
            self.serve(now, call.waits_at);
        }
    }

    pub fn observe(&mut self, now: Timestamp, account: Option<AccountId>, usage: &[Usage]) {
        self.advance(now);
        for told in usage {
            let Some(limit) = self.limits.get(&told.bucket()) else { continue };
            let counter = self.counters.entry(place(account, told.bucket())).or_default();
            counter.count.turn(limit, now);
            counter.count.correct(limit, now, told.used(limit));
        }
    }

    /// Everybody who waits is asked again.
    pub fn set_limits(&mut self, now: Timestamp, limits: &[Limit]) {
        self.limits = by_bucket(limits);
        self.turns.clear();
        self.counters.values_mut().for_each(|counter| counter.queue.clear());
        let waiting: BTreeSet<(Lane, Ticket)> =
            self.calls.iter().map(|(ticket, call)| (call.lane, *ticket)).collect();
        for rank in waiting {
            self.ask_again(now, rank);
        }
    }

    /// Whoever is stopped by it waits no more, nor stands in anybody's way.
    pub fn block(&mut self, now: Timestamp, ban: Ban) {
        self.blocks.expire(now);
        self.blocks.add(ban);
        let stopped: Vec<(Ticket, Timestamp)> = self
            .calls
            .iter()
            .filter_map(|(ticket, call)| Some((*ticket, self.blocks.until(call.account, call.lane)?)))
            .collect();
        for (ticket, until) in stopped {
            self.withdraw(now, ticket);
            self.settle(ticket, Fate::Blocked { until });
        }
    }

    pub fn bans(&mut self, now: Timestamp) -> Vec<Ban> {
        self.blocks.expire(now);
        self.blocks.all()
    }

    /// Calls whose fate was decided since the last time.
    pub fn take_settled(&mut self) -> Vec<Ticket> {
        std::mem::take(&mut self.settled)
    }

    pub fn headroom(&mut self, now: Timestamp) -> Vec<Headroom> {
        let mut fullest: BTreeMap<Bucket, Headroom> = BTreeMap::new();
        for limit in self.limits.values() {
            if limit.bucket.scope == LimitScope::Address {
                self.counters.entry(place(None, limit.bucket)).or_default();
            }
        }
        for (place, counter) in &mut self.counters {
            let Some(limit) = self.limits.get(&place.bucket) else { continue };
            counter.count.turn(limit, now);
            let room = Headroom {
                bucket: place.bucket,
                account: place.account,
                used: counter.count.used,
                amount: limit.amount,
                window: limit.window,
                resets_at: limit.window_end(counter.count.start),
            };
            let worst = fullest.entry(place.bucket).or_insert(room);
            if room.used > worst.used {
                *worst = room;
            }
        }
        fullest.into_values().collect()
    }

    /// The first place where a call would have to wait.
    fn obstacle(
        &mut self,
        now: Timestamp,
        account: Option<AccountId>,
        rank: (Lane, Ticket),
        charges: &[Charge],
    ) -> Option<Place> {
        charges.iter().filter(|charge| charge.amount > 0).find_map(|charge| {
            let limit = self.limits.get(&charge.bucket)?;
            let place = place(account, charge.bucket);
            let counter = self.counters.entry(place).or_default();
            counter.count.turn(limit, now);
            let is_next = counter.queue.first().is_none_or(|first| rank <= *first);
            let goes = is_next && counter.count.fits(limit, rank.0, charge.amount);
            (!goes).then_some(place)
        })
    }

    fn take(&mut self, now: Timestamp, account: Option<AccountId>, charges: &[Charge]) {
        for charge in charges {
            if let Some(limit) = self.limits.get(&charge.bucket)
                && let Some(counter) = self.counters.get_mut(&place(account, charge.bucket))
            {
                counter.count.take(limit, now, charge.amount);
            }
        }
    }

    /// Lets go who fits at a place, in their order, up to the first for whom there is no room.
    fn serve(&mut self, now: Timestamp, place: Place) {
        while let Some(rank) = self.counters.get(&place).and_then(|counter| counter.queue.first().copied()) {
            if self.ask_again(now, rank) == Some(place) {
                break;
            }
            if let Some(counter) = self.counters.get_mut(&place) {
                counter.queue.remove(&rank);
            }
        }
    }

    /// Lets a waiting call go, or says where it waits now.
    fn ask_again(&mut self, now: Timestamp, rank: (Lane, Ticket)) -> Option<Place> {
        let mut call = self.calls.remove(&rank.1)?;
        let obstacle = self.obstacle(now, call.account, rank, &call.charges);
        if let Some(waits_at) = obstacle {
            call.waits_at = waits_at;
            self.calls.insert(rank.1, call);
            self.queue_up(waits_at, rank);
        } else {
            self.take(now, call.account, &call.charges);
            self.settle(rank.1, Fate::Admitted);
        }
        obstacle
    }

    fn queue_up(&mut self, place: Place, rank: (Lane, Ticket)) {
        if let Some(counter) = self.counters.get_mut(&place) {
            counter.queue.insert(rank);
        }
        self.turns.insert((self.turn_of(place), place));
    }

    fn turn_of(&self, place: Place) -> Timestamp {
        match (self.limits.get(&place.bucket), self.counters.get(&place)) {
            (Some(limit), Some(counter)) => limit.window_end(counter.count.start),
            (None, _) | (_, None) => Timestamp::default(),
        }
    }

    fn settle(&mut self, ticket: Ticket, fate: Fate) {
        self.fates.insert(ticket, fate);
        self.settled.push(ticket);
    }
}

fn by_bucket(limits: &[Limit]) -> BTreeMap<Bucket, Limit> {
    limits.iter().map(|limit| (limit.bucket, *limit)).collect()
}

fn place(account: Option<AccountId>, bucket: Bucket) -> Place {
    match bucket.scope {
        LimitScope::Address => Place { account: None, bucket },
        LimitScope::Account => Place { account, bucket },
    }
}

#[cfg(test)]
mod tests;
