//! Whether a stream is alive, judged by what it must tell: each order of ours comes back on it. Pongs prove a
//! connection, not that anything is still published on it.

use std::collections::BTreeMap;

use crate::domain::ids::ClientOrderId;
use crate::domain::time::Timestamp;

/// Orders whose echo is due.
#[derive(Debug, Clone, Default)]
pub struct EchoWatch {
    due: BTreeMap<ClientOrderId, Timestamp>,
}

impl EchoWatch {
    /// The stream must tell of the order by then.
    pub fn expect(&mut self, id: ClientOrderId, by: Timestamp) {
        self.due.insert(id, by);
    }

    /// It did, or the order turned out not to exist.
    pub fn heard(&mut self, id: &ClientOrderId) {
        self.due.remove(id);
    }

    /// An order of which nothing was heard in time; each is told once.
    pub fn overdue(&mut self, now: Timestamp) -> Option<ClientOrderId> {
        let id = self.due.iter().find(|(_, by)| **by < now).map(|(id, _)| id.clone())?;
        self.due.remove(&id);
        Some(id)
    }

    /// The stream was interrupted: what it owed is asked for by other means.
    pub fn forget(&mut self) {
        self.due.clear();
    }
}

#[cfg(test)]
mod tests;
