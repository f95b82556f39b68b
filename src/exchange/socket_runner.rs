//! Keeps one socket connected for ever: what is said and heard on it is the dialect's ([`SocketProtocol`]).
//!
//! A connection is given up when it is silent, when it is not ready in time, when it is old, or when somebody says so;
//! then there is another, after a time that grows with each failure. Its owner hears of the market or the account only
//! between [`SocketNews::Up`] and [`SocketNews::Down`], and asks for the state anew at each `Up`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::Sleep;
use super::connect_gate::{ConnectClaim, ConnectGate};
use super::http::HttpClient;
use super::inbox::Inbox;
use super::socket::SocketProtocol;
use crate::domain::time::Timestamp;
use connection::Runner;

mod backoff;
mod connection;
mod schedule;

/// News that wait for their owner at most.
const INBOX_CAPACITY: usize = 4_096;

/// What the owner of a socket hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketNews<E> {
    /// Connected, logged in and subscribed: from here on nothing is missed.
    Up,
    Event(E),
    /// Not (or not yet) connected, or something was lost. It may come several times in a row.
    Down {
        reason: String,
    },
}

/// Starts sockets.
pub struct SocketRunner;

/// A running socket. Dropping the handle ends it.
pub struct SocketHandle<E> {
    shared: Arc<Shared<E>>,
    /// Follows the news of an overflow.
    is_up_untold: bool,
    _task: JoinSet<()>,
}

/// Between the task and its handle.
struct Shared<E> {
    inbox: Inbox<SocketNews<E>>,
    is_up: AtomicBool,
    /// When anything was heard last, ms.
    heard_at: AtomicI64,
    bad_frames: AtomicU64,
    wishes: Mutex<Wishes>,
    wished: Notify,
    /// Where the sockets of the egress are limited.
    claim: Option<ConnectClaim>,
}

/// What the owner wants done.
#[derive(Debug, Default)]
struct Wishes {
    regreet: bool,
    reconnect: Option<String>,
}

impl SocketRunner {
    /// Starts a socket within the current runtime. `connects` limits the sockets of its egress: while there is none
    /// left for it, the socket stays down.
    pub fn spawn<E: Send + 'static>(
        http: HttpClient,
        protocol: Box<dyn SocketProtocol<Event = E>>,
        sleep: Arc<dyn Sleep>,
        connects: Option<&Arc<ConnectGate>>,
    ) -> SocketHandle<E> {
        let shared = Arc::new(Shared {
            inbox: Inbox::new(INBOX_CAPACITY),
            is_up: AtomicBool::new(false),
            heard_at: AtomicI64::new(0),
            bad_frames: AtomicU64::new(0),
            wishes: Mutex::default(),
            wished: Notify::new(),
            claim: connects.map(ConnectGate::claim),
        });
        let runner = Runner::new(http, protocol, sleep, Arc::clone(&shared));
        let mut task = JoinSet::new();
        task.spawn(runner.run());
        SocketHandle { shared, is_up_untold: false, _task: task }
    }
}

impl<E> SocketHandle<E> {
    /// The oldest news. Too many of them at once are dropped: that is told as down and up again.
    pub fn pop(&mut self) -> Option<SocketNews<E>> {
        if std::mem::take(&mut self.is_up_untold) {
            return Some(SocketNews::Up);
        }
        if self.shared.inbox.take_overflowed() {
            self.is_up_untold = self.is_up();
            return Some(SocketNews::Down { reason: "more events came than were taken".to_owned() });
        }
        self.shared.inbox.pop()
    }

    /// Resolves as soon as there are news. Safe to drop and call again.
    pub async fn changed(&self) {
        if !self.is_up_untold {
            self.shared.inbox.changed().await;
        }
    }

    pub fn is_up(&self) -> bool {
        self.shared.is_up.load(Ordering::Relaxed)
    }

    /// When anything was heard last, be it an answer to a ping; by the clock it was started with.
    pub fn heard_at(&self) -> Timestamp {
        Timestamp::from_ms(self.shared.heard_at.load(Ordering::Relaxed))
    }

    /// Says whether something is at stake: where sockets are limited, those who need one go first.
    pub fn set_engaged(&self, is_engaged: bool) {
        if let Some(claim) = &self.shared.claim {
            claim.set_engaged(is_engaged);
        }
    }

    /// Frames that could not be read so far.
    pub fn bad_frames(&self) -> u64 {
        self.shared.bad_frames.load(Ordering::Relaxed)
    }

    /// Says the greeting again, because the subscriptions have changed.
    pub fn regreet(&self) {
        self.shared.wish(|wishes| wishes.regreet = true);
    }

    /// Gives the connection up for a new one.
    pub fn reconnect(&self, reason: impl Into<String>) {
        self.shared.wish(|wishes| wishes.reconnect = Some(reason.into()));
    }
}

impl<E> Shared<E> {
    fn wish(&self, act: impl FnOnce(&mut Wishes)) {
        act(&mut self.wishes.lock().unwrap_or_else(PoisonError::into_inner));
        self.wished.notify_one();
    }

    fn take_wishes(&self) -> Wishes {
        std::mem::take(&mut self.wishes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn up(&self) {
        if !self.is_up.swap(true, Ordering::Relaxed) {
            self.inbox.push(SocketNews::Up);
        }
    }

    /// The connection goes on, but something that was told on it is not known.
    fn lost(&self, reason: &str) {
        self.inbox.push(SocketNews::Down { reason: reason.to_owned() });
        self.inbox.push(SocketNews::Up);
    }

    fn down(&self, reason: String) {
        self.is_up.store(false, Ordering::Relaxed);
        self.inbox.push(SocketNews::Down { reason });
    }
}

#[cfg(test)]
mod tests;
