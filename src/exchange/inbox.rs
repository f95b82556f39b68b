//! A bounded queue from a socket's task to its owner, which never blocks the task.
//!
//! An owner that does not keep up has lost the thread anyway: at the bound everything is dropped, and the overflow is
//! noted so that it asks for the state anew instead.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Clones are the same queue.
pub struct Inbox<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    changed: Notify,
}

struct State<T> {
    queue: VecDeque<T>,
    overflowed: bool,
}

impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Inbox<T> {
    pub fn new(capacity: usize) -> Self {
        let state = State { queue: VecDeque::new(), overflowed: false };
        Self { shared: Arc::new(Shared { capacity, state: Mutex::new(state), changed: Notify::new() }) }
    }

    /// Adds at the end. When there is no room, everything goes, this one too.
    pub fn push(&self, item: T) {
        {
            let mut state = self.lock();
            if state.queue.len() < self.shared.capacity {
                state.queue.push_back(item);
            } else {
                state.queue.clear();
                state.overflowed = true;
            }
        }
        self.shared.changed.notify_one();
    }

    /// The oldest one.
    pub fn pop(&self) -> Option<T> {
        self.lock().queue.pop_front()
    }

    /// Whether something was dropped since this was asked last.
    pub fn take_overflowed(&self) -> bool {
        std::mem::take(&mut self.lock().overflowed)
    }

    /// Resolves as soon as there is something to take, at once if there is already. For one owner; safe to drop and
    /// call again.
    pub async fn changed(&self) {
        loop {
            // A note that came before the wait began is kept by the notifier, so nothing falls in between.
            if self.has_something() {
                return;
            }
            self.shared.changed.notified().await;
        }
    }

    fn has_something(&self) -> bool {
        let state = self.lock();
        state.overflowed || !state.queue.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
