//! Which sockets hear of which account.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::event::{AccountEvent, AccountIndex};

/// Events that may wait for a socket; one that is further behind is cut off.
const BACKLOG_MAX: usize = 4_096;

/// A socket's ear: it hears of every account it is joined to.
pub(super) type Events = mpsc::Receiver<Arc<AccountEvent>>;

/// Gives a session the accounts it has signed in to. Dropping it ends that.
#[derive(Debug, Clone)]
pub struct Link {
    pub(super) socket: u64,
    sender: mpsc::Sender<Arc<AccountEvent>>,
}

#[derive(Debug, Default)]
pub(super) struct Hub {
    sockets: u64,
    listeners: BTreeMap<AccountIndex, Vec<Link>>,
}

impl Hub {
    pub(super) fn open(&mut self) -> (Link, Events) {
        self.sockets += 1;
        let (sender, events) = mpsc::channel(BACKLOG_MAX);
        (Link { socket: self.sockets, sender }, events)
    }

    pub(super) fn join(&mut self, account: AccountIndex, link: &Link) {
        let listeners = self.listeners.entry(account).or_default();
        if listeners.iter().all(|known| known.socket != link.socket) {
            listeners.push(link.clone());
        }
    }

    pub(super) fn leave(&mut self, socket: u64) {
        for listeners in self.listeners.values_mut() {
            listeners.retain(|link| link.socket != socket);
        }
    }

    pub(super) fn publish(&mut self, event: AccountEvent) {
        let Some(listeners) = self.listeners.get_mut(&event.account) else { return };
        let event = Arc::new(event);
        listeners.retain(|link| link.sender.try_send(Arc::clone(&event)).is_ok());
    }

    pub(super) fn listening(&self) -> usize {
        self.listeners.values().map(Vec::len).sum()
    }
}
