//! Blocks: the times for which an exchange wants to hear nothing from an address or an account.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;
use crate::domain::words::words;
use crate::exchange::wire::Lane;

/// Why nothing may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockCause {
    /// Status 418, or a ban by another name: nothing leaves, not even protection.
    Banned,
    /// Status 429 and the exchange said until when. Nothing leaves: what is sent all the same turns it into a ban,
    /// which would hold up protection for far longer.
    RetryAfter,
    /// Status 429 without a time: how long is our guess, and [`Lane::Protect`] goes on with what is left to it.
    TooMany,
}

words!(BlockCause { Banned => "banned", RetryAfter => "retry_after", TooMany => "too_many" });

impl BlockCause {
    const fn stops(self, lane: Lane) -> bool {
        match self {
            Self::Banned | Self::RetryAfter => true,
            Self::TooMany => !matches!(lane, Lane::Protect),
        }
    }
}

/// A block of the whole address, or of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// `None`: the address.
    pub account: Option<AccountId>,
    pub until: Timestamp,
    pub cause: BlockCause,
}

/// All blocks behind one egress.
#[derive(Debug, Default)]
pub(super) struct Blocks(BTreeMap<(Option<AccountId>, BlockCause), Timestamp>);

impl Blocks {
    /// A later word never shortens an earlier one.
    pub(super) fn add(&mut self, ban: Ban) {
        let until = self.0.entry((ban.account, ban.cause)).or_insert(ban.until);
        *until = ban.until.max(*until);
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        if !self.0.is_empty() {
            self.0.retain(|_, until| *until > now);
        }
    }

    pub(super) fn all(&self) -> Vec<Ban> {
        self.0.iter().map(|(&(account, cause), &until)| Ban { account, until, cause }).collect()
    }

    /// Until when a call is stopped, if it is.
    pub(super) fn until(&self, account: Option<AccountId>, lane: Lane) -> Option<Timestamp> {
        if self.0.is_empty() {
            return None;
        }
        let causes = BlockCause::ALL.iter().filter(|cause| cause.stops(lane));
        causes
            .flat_map(|cause| [self.0.get(&(None, *cause)), self.0.get(&(account, *cause))])
            .flatten()
            .max()
            .copied()
    }
}
