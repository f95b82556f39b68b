//! The rate governor: one ledger of an exchange's limits for each egress, shared by all accounts behind it.
//!
//! A call waits here until what it costs fits. Higher lanes go first, and within a lane those who came first; who
//! waits for a limit of one account holds up nobody else. Below a reserve only [`Lane::Protect`] goes on (cancels may
//! use half of it), so that no load of the others delays a stop.
//!
//! What the exchange says overrules the count: the use it tells corrects ours upward, and a refusal for too many
//! requests stops the address or the account until its time ([`BlockCause`]). That memory can be taken out and put
//! back ([`Governor::bans`], [`Governor::restore`]), because a ban survives a restart of ours.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::Sleep;
use super::error::ExchangeError;
use super::wire::{Charge, Lane, LimitScope};
use crate::domain::ids::AccountId;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::Timestamp;
pub use block::{Ban, BlockCause};
use ledger::{Fate, Ledger, Ticket, Verdict};
pub use limit::{Headroom, Limit, Usage};

pub mod block;
pub mod ledger;
pub mod limit;

/// The limits of one exchange at one egress.
pub struct Governor {
    exchange: ExchangeKind,
    egress: String,
    sleep: Arc<dyn Sleep>,
    state: Mutex<State>,
}

struct State {
    ledger: Ledger,
    wakers: BTreeMap<Ticket, Arc<Notify>>,
}

impl Governor {
    /// `egress` is its label ([`super::egress::Egress::label`]). A bucket has one limit; one without is not limited.
    pub fn new(
        exchange: ExchangeKind,
        egress: impl Into<String>,
        limits: impl Into<Vec<Limit>>,
        sleep: Arc<dyn Sleep>,
    ) -> Arc<Self> {
        let state = State { ledger: Ledger::new(&limits.into()), wakers: BTreeMap::new() };
        Arc::new(Self { exchange, egress: egress.into(), sleep, state: Mutex::new(state) })
    }

    pub fn exchange(&self) -> ExchangeKind {
        self.exchange
    }

    pub fn egress(&self) -> &str {
        &self.egress
    }

    /// Waits until the charges fit, and takes them: they are used up, whatever becomes of the call. A bucket appears
    /// in them at most once.
    ///
    /// [`ExchangeError::Throttled`] when they cannot fit before `deadline`, and at once while a block is in force.
    pub async fn admit(
        &self,
        account: Option<AccountId>,
        lane: Lane,
        charges: &[Charge],
        deadline: Timestamp,
    ) -> Result<(), ExchangeError> {
        let now = self.sleep.now();
        if now > deadline {
            return Err(ExchangeError::Throttled { until: now });
        }
        let waiting = self.with(|state| match state.ledger.ask(now, account, lane, charges) {
            Verdict::Admitted => Ok(None),
            Verdict::Blocked { until } => Err(ExchangeError::Throttled { until }),
            Verdict::Waits(ticket) => {
                let wake = Arc::new(Notify::new());
                state.wakers.insert(ticket, Arc::clone(&wake));
                Ok(Some((Place { governor: self, ticket }, wake)))
            }
        })?;
        match waiting {
            None => Ok(()),
            Some((place, wake)) => self.wait(&place, &wake, deadline).await,
        }
    }

    async fn wait(&self, place: &Place<'_>, wake: &Notify, deadline: Timestamp) -> Result<(), ExchangeError> {
        loop {
            let now = self.sleep.now();
            let fate = self.with(|state| {
                state.ledger.advance(now);
                state.ledger.fate(place.ticket)
            });
            let turn = match fate {
                // The machine may have slept meanwhile.
                Fate::Admitted if now > deadline => return Err(ExchangeError::Throttled { until: now }),
                Fate::Admitted => return Ok(()),
                Fate::Blocked { until } => return Err(ExchangeError::Throttled { until }),
                Fate::Waiting { turn } => turn,
            };
            if turn > deadline {
                return Err(ExchangeError::Throttled { until: turn });
            }
            tokio::select! {
                () = wake.notified() => {}
                () = self.sleep.sleep(turn.since(now)) => {}
            }
        }
    }

    /// Takes in what an answer says of the limits.
    pub fn observe(&self, account: Option<AccountId>, usage: &[Usage]) {
        let now = self.sleep.now();
        self.with(|state| state.ledger.observe(now, account, usage));
    }

    /// Takes over limits that the exchange told. What is used stays used.
    pub fn set_limits(&self, limits: impl Into<Vec<Limit>>) {
        let (now, limits) = (self.sleep.now(), limits.into());
        self.with(|state| {
            state.ledger.set_limits(now, &limits);
            // The windows may turn at other times now.
            state.wakers.values().for_each(|wake| wake.notify_one());
        });
    }

    /// Stops the address or the account until then. An account-wide block of a line without an account is one of the
    /// address.
    pub fn block(&self, scope: LimitScope, account: Option<AccountId>, until: Timestamp, cause: BlockCause) {
        let account = match scope {
            LimitScope::Address => None,
            LimitScope::Account => account,
        };
        tracing::warn!(
            exchange = %self.exchange, egress = %self.egress, account = account.map(AccountId::get), %until, %cause,
            "the exchange stops us"
        );
        self.restore([Ban { account, until, cause }]);
    }

    /// The blocks in force, to be kept over a restart.
    pub fn bans(&self) -> Vec<Ban> {
        let now = self.sleep.now();
        self.with(|state| state.ledger.bans(now))
    }

    /// Puts remembered blocks into force again.
    pub fn restore(&self, bans: impl IntoIterator<Item = Ban>) {
        let now = self.sleep.now();
        self.with(|state| {
            for ban in bans.into_iter().filter(|ban| ban.until > now) {
                state.ledger.block(now, ban);
            }
        });
    }

    /// How much is used of each limit: of an account's limits, by the account that has the least left.
    pub fn headroom(&self) -> Vec<Headroom> {
        let now = self.sleep.now();
        self.with(|state| state.ledger.headroom(now))
    }

    /// Runs `act` on the state, then wakes whom it let go.
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut state);
        for ticket in state.ledger.take_settled() {
            if let Some(wake) = state.wakers.get(&ticket) {
                wake.notify_one();
            }
        }
        result
    }
}

/// A place in the queue, given up when the call is.
struct Place<'a> {
    governor: &'a Governor,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let now = self.governor.sleep.now();
        self.governor.with(|state| {
            state.wakers.remove(&self.ticket);
            state.ledger.withdraw(now, self.ticket);
        });
    }
}

#[cfg(test)]
mod tests;
