//! The connect gate: exchanges limit how many sockets an address may have open and how often it may connect.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::time::{DurationMs, Timestamp};

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
    open: usize,
    /// When the last attempts were made, oldest first.
    made: VecDeque<Timestamp>,
}

/// The right to one socket, and to connect it again; given back when dropped.
#[derive(Debug)]
pub struct ConnectPermit {
    gate: Arc<ConnectGate>,
}

impl ConnectGate {
    /// At most `max_open` sockets at a time, and `attempts` in any time of the length of `window`.
    pub fn new(max_open: usize, attempts: usize, window: DurationMs) -> Arc<Self> {
        Arc::new(Self { max_open, attempts, window, state: Mutex::default() })
    }

    /// A permit, if there is one left. Without one an account is kept current by asking.
    pub fn try_take(self: &Arc<Self>) -> Option<ConnectPermit> {
        let mut state = self.lock();
        if state.open >= self.max_open {
            return None;
        }
        state.open = state.open.saturating_add(1);
        Some(ConnectPermit { gate: Arc::clone(self) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectPermit {
    /// Counts an attempt to connect, or says when to ask again.
    pub fn attempt(&self, now: Timestamp) -> Result<(), Timestamp> {
        let gate = &self.gate;
        let mut state = gate.lock();
        while state.made.front().is_some_and(|made| made.plus(gate.window) <= now) {
            state.made.pop_front();
        }
        if state.made.len() < gate.attempts {
            state.made.push_back(now);
            return Ok(());
        }
        Err(state.made.front().map_or(now, |made| made.plus(gate.window)))
    }
}

impl Drop for ConnectPermit {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.open = state.open.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests;
