//! What was asked of the exchange, counted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::event::AccountIndex;

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    Public,
    PrivateRead,
    PrivateWrite,
}

/// The requests of one account.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Counts {
    pub private_reads: u64,
    pub private_writes: u64,
    /// Orders and conditional orders, also those that were refused.
    pub placements: u64,
    pub rate_limited: u64,
}

#[derive(Debug, Default)]
pub struct Stats {
    pub public_reads: u64,
    pub rate_limited: u64,
    accounts: BTreeMap<AccountIndex, Counts>,
}

impl Stats {
    pub(super) fn count(&mut self, account: Option<AccountIndex>, kind: RequestKind) {
        match (kind, account) {
            (RequestKind::Public, _) | (_, None) => self.public_reads += 1,
            (RequestKind::PrivateRead, Some(account)) => self.of(account).private_reads += 1,
            (RequestKind::PrivateWrite, Some(account)) => self.of(account).private_writes += 1,
        }
    }

    pub(super) fn placed(&mut self, account: AccountIndex) {
        self.of(account).placements += 1;
    }

    /// Counts an answer of 429 or 418.
    pub(super) fn limited(&mut self, account: Option<AccountIndex>) {
        self.rate_limited += 1;
        if let Some(account) = account {
            self.of(account).rate_limited += 1;
        }
    }

    pub(super) fn account(&self, account: AccountIndex) -> Counts {
        self.accounts.get(&account).copied().unwrap_or_default()
    }

    fn of(&mut self, account: AccountIndex) -> &mut Counts {
        self.accounts.entry(account).or_default()
    }
}
