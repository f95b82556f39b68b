//! The connect gate: exchanges limit how many sockets an address may have open and how often it may connect.
//!
//! Sockets go to whom they matter most. An account that is engaged (it has orders or positions) gets one before those
//! that are not, and where none is left it takes the place of one of theirs; they are kept current by asking. Whoever
//! has a socket keeps it until then, also when nothing is at stake any more.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::domain::time::{DurationMs, Timestamp};

/// Of the attempts in a window this part is kept for engaged accounts.
const ATTEMPTS_KEPT: usize = 4;

/// The sockets of one exchange at one egress.
#[derive(Debug)]
pub struct ConnectGate {
    max_open: usize,
    attempts: usize,
    window: DurationMs,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Those who wait and those who have a socket, in the order they came.
    claims: BTreeMap<u64, watch::Sender<Place>>,
    next_claim: u64,
    /// When the last attempts were made, oldest first.
    made: VecDeque<Timestamp>,
}

/// How it stands with one claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    is_engaged: bool,
    has_socket: bool,
    /// An engaged account waits for this socket.
    must_yield: bool,
}

/// An account's claim to one socket; given up when dropped.
#[derive(Debug)]
pub struct ConnectClaim {
    gate: Arc<ConnectGate>,
    id: u64,
    place: watch::Receiver<Place>,
}

impl ConnectGate {
    /// At most `max_open` sockets at a time, and `attempts` in any time of the length of `window`.
    pub fn new(max_open: usize, attempts: usize, window: DurationMs) -> Arc<Self> {
        Arc::new(Self { max_open, attempts, window, state: Mutex::default() })
    }

    /// Asks for a socket, for an account that is not engaged as far as is known.
    pub fn claim(self: &Arc<Self>) -> ConnectClaim {
        let (sender, place) = watch::channel(Place::default());
        let mut state = self.lock();
        let id = state.next_claim;
        state.next_claim = state.next_claim.saturating_add(1);
        state.claims.insert(id, sender);
        state.settle(self.max_open);
        ConnectClaim { gate: Arc::clone(self), id, place }
    }

    fn change(&self, act: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        act(&mut state);
        state.settle(self.max_open);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Hands out the sockets that are free, and asks for those back that others need more.
    fn settle(&mut self, max_open: usize) {
        let count = |test: fn(&Place) -> bool| self.claims.values().filter(|at| test(&at.borrow())).count();
        let mut free = max_open.saturating_sub(count(|place| place.has_socket));
        for is_engaged in [true, false] {
            let waiting = |place: &Place| !place.has_socket && place.is_engaged == is_engaged;
            for at in self.claims.values().filter(|at| waiting(&at.borrow())).take(free) {
                at.send_modify(|place| place.has_socket = true);
                free = free.saturating_sub(1);
            }
        }
        let waiting = self.claims.values().filter(|at| {
            let place = at.borrow();
            place.is_engaged && !place.has_socket
        });
        let leaving = self.claims.values().filter(|at| at.borrow().must_yield);
        let wanted = waiting.count().saturating_sub(leaving.count());
        let idle = |place: &Place| place.has_socket && !place.is_engaged && !place.must_yield;
        for at in self.claims.values().filter(|at| idle(&at.borrow())).take(wanted) {
            at.send_modify(|place| place.must_yield = true);
        }
    }

    fn place_of(&self, id: u64) -> Place {
        self.claims.get(&id).map(|at| *at.borrow()).unwrap_or_default()
    }

    fn modify(&mut self, id: u64, act: impl FnOnce(&mut Place)) {
        if let Some(at) = self.claims.get(&id) {
            at.send_modify(act);
        }
    }
}

impl ConnectClaim {
    /// Says whether something is at stake for the account.
    pub fn set_engaged(&self, is_engaged: bool) {
        self.gate.change(|state| {
            state.modify(self.id, |place| {
                place.is_engaged = is_engaged;
                // Who has not left yet, and needs it now, stays: others are asked instead.
                place.must_yield &= !is_engaged;
            });
        });
    }

    pub fn has_socket(&self) -> bool {
        self.place.borrow().has_socket
    }

    pub fn is_engaged(&self) -> bool {
        self.place.borrow().is_engaged
    }

    /// Resolves once the account may have a socket.
    pub async fn granted(&self) {
        self.until(|place| place.has_socket).await;
    }

    /// Resolves when the socket is to be given back, for an account that needs it more.
    pub async fn wanted_back(&self) {
        self.until(|place| place.must_yield).await;
    }

    /// Resolves when something is at stake.
    pub async fn engaged(&self) {
        self.until(|place| place.is_engaged).await;
    }

    /// The socket is closed; the claim waits for another one.
    pub fn give_back(&self) {
        self.gate.change(|state| {
            state.modify(self.id, |place| (place.has_socket, place.must_yield) = (false, false));
        });
    }

    /// Counts an attempt to connect, or says when to ask again.
    pub fn attempt(&self, now: Timestamp) -> Result<(), Timestamp> {
        let gate = &self.gate;
        let mut state = gate.lock();
        while state.made.front().is_some_and(|made| made.plus(gate.window) <= now) {
            state.made.pop_front();
        }
        let kept = if state.place_of(self.id).is_engaged { 0 } else { gate.attempts / ATTEMPTS_KEPT };
        let Some(too_many) = state.made.len().checked_sub(gate.attempts.saturating_sub(kept)) else {
            state.made.push_back(now);
            return Ok(());
        };
        Err(state.made.get(too_many).map_or(now.plus(gate.window), |made| made.plus(gate.window)))
    }

    async fn until(&self, test: impl FnMut(&Place) -> bool) {
        // The gate outlives its claims, and with it what is waited for.
        drop(self.place.clone().wait_for(test).await);
    }
}

impl Drop for ConnectClaim {
    fn drop(&mut self) {
        self.gate.change(|state| drop(state.claims.remove(&self.id)));
    }
}

#[cfg(test)]
mod tests;
