//! The owner of all executor tasks: starts them, notices how they end, and takes an account that panicked out of
//! service until a person resumes it. The others never notice.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;
use tokio::task::{Id, JoinError, JoinSet};

use super::connections::Connections;
use super::counters::Counters;
use super::executor::{Ended, Executor, Parts};
use super::handle::Handle;
use super::pace::{AccountClock, MarketId, Pace, Seat};
use super::roster::{self, Access, Entrant};
use super::timer::WallTimer;
use crate::clock::wall_now;
use crate::domain::ids::AccountId;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::machine::AccountMachine;
use crate::exchange::BoxFuture;
use crate::exchange::faults::PaperAccount;
use crate::exchange::paper::BadPaperState;
use crate::store::audit::{self, AuditEntry};
use crate::store::journal::LoadedAccount;
use crate::store::{StoreError, Writer, journal, latches, market_log};

/// How long the last executors may take to finish.
const DRAIN_PATIENCE: Duration = Duration::from_secs(20);
/// While waiting for them, every so long virtual time moves on by so much.
const DRAIN_STEP: Duration = Duration::from_millis(5);
const DRAIN_PASSES: DurationMs = DurationMs::from_secs(10);
/// Accounts that are loaded in one transaction.
const LOADED_TOGETHER: usize = 128;

pub struct Supervisor {
    pace: Arc<Pace>,
    writer: Writer,
    counters: Arc<Counters>,
    tasks: JoinSet<Ended>,
    /// Which account a task serves.
    accounts: BTreeMap<Id, AccountId>,
    names: BTreeMap<AccountId, String>,
    /// How each was seated: what cannot be changed while it runs.
    ways: BTreeMap<AccountId, Option<Access>>,
    /// Why accounts were taken out of service, as long as the database has not taken it: they stay out all the same.
    unwritten: BTreeMap<AccountId, String>,
    /// The ways to the exchanges; none in a replay.
    connections: Option<Connections>,
}

impl Supervisor {
    pub fn new(
        pace: Arc<Pace>,
        writer: Writer,
        counters: Arc<Counters>,
        connections: Option<Connections>,
    ) -> Self {
        Self {
            pace,
            writer,
            counters,
            ways: BTreeMap::new(),
            connections,
            tasks: JoinSet::new(),
            accounts: BTreeMap::new(),
            names: BTreeMap::new(),
            unwritten: BTreeMap::new(),
        }
    }

    /// Loads accounts and starts their executors, in order; on real exchanges those with something at stake first, so
    /// that they are the first to ask and to connect.
    pub async fn admit(&mut self, mut entrants: Vec<Entrant>, from: Timestamp) -> Result<(), StoreError> {
        if self.connections.is_some() && !entrants.is_empty() {
            let engaged = self.writer.run(journal::engaged_accounts).await?;
            entrants.sort_by_key(|entrant| !engaged.contains(&entrant.id));
        }
        let begins_at = self.connections.as_ref().filter(|own| own.keeps_wall_time()).map(|_| from);
        for together in entrants.chunks(LOADED_TOGETHER) {
            let life = |entrant: &Entrant| (entrant.id, entrant.market, entrant.access.is_some());
            let lives: Vec<_> = together.iter().map(life).collect();
            let loaded = self
                .writer
                .run(move |conn| {
                    let load = |life| load(conn, life, (from, begins_at));
                    lives.into_iter().map(load).collect::<Result<Vec<_>, _>>()
                })
                .await?;
            for (entrant, loaded) in together.iter().zip(loaded) {
                self.seat(entrant, loaded).await?;
            }
        }
        Ok(())
    }

    /// Starts the executor of a loaded account. An account whose stored state cannot be read is quarantined: it must
    /// not trade on what it does not know.
    async fn seat(
        &mut self,
        entrant: &Entrant,
        loaded: Result<LoadedAccount, String>,
    ) -> Result<(), StoreError> {
        let id = entrant.id;
        self.names.insert(id, entrant.name.clone());
        self.ways.insert(id, entrant.access.clone());
        let seat = self.pace.join(id, entrant.market);
        match loaded.and_then(|loaded| self.build(entrant, loaded, &seat)) {
            Ok(parts) => {
                let executor = Executor::new(parts, self.writer.clone(), Arc::clone(&self.counters), seat);
                let handle = self.tasks.spawn(executor.run());
                self.accounts.insert(handle.id(), id);
                Ok(())
            }
            Err(reason) => {
                self.quarantine(id, &reason).await;
                Ok(())
            }
        }
    }

    /// Accounts whose executors run.
    pub fn running(&self) -> impl Iterator<Item = AccountId> {
        self.accounts.values().copied()
    }

    /// Whether it trades in another way than it was seated with: on paper instead of with money, with other keys, or by
    /// another address.
    pub fn must_restart(&self, entrant: &Entrant) -> bool {
        match (self.ways.get(&entrant.id), &entrant.access) {
            (Some(Some(before)), Some(now)) => !before.is_same_way(now),
            (Some(before), now) => before.is_some() != now.is_some(),
            (None, _) => false,
        }
    }

    /// Measures the exchanges' clocks anew, each in a future of its own.
    pub fn clock_measurements(&mut self) -> Vec<BoxFuture<'static, ()>> {
        self.connections.as_mut().map(Connections::measurements).unwrap_or_default()
    }

    pub const fn connections_mut(&mut self) -> Option<&mut Connections> {
        self.connections.as_mut()
    }

    pub const fn connections(&self) -> Option<&Connections> {
        self.connections.as_ref()
    }

    /// Whether it may be started: it does not run, and is not in a quarantine that the database does not know yet.
    pub fn has_room_for(&self, account: AccountId) -> bool {
        !self.unwritten.contains_key(&account) && self.accounts.values().all(|running| *running != account)
    }

    /// Deals with executors that have ended since the last call; true when there were any.
    pub async fn reap(&mut self) -> bool {
        self.write_quarantines().await;
        let mut has_ended = false;
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.take_leave(ended).await;
            has_ended = true;
        }
        has_ended
    }

    /// Asks everybody to finish and waits until all have.
    pub async fn drain(&mut self) {
        for account in self.accounts.values() {
            self.pace.stop(*account);
        }
        let patience = WallTimer::new(DRAIN_PATIENCE);
        loop {
            match tokio::time::timeout(DRAIN_STEP, self.tasks.join_next_with_id()).await {
                Ok(None) => return self.write_quarantines().await,
                Ok(Some(ended)) => self.take_leave(ended).await,
                // Whoever waits for an answer that never comes waits in virtual time: let it pass.
                Err(_) => self.pace.advance(self.pace.now().plus(DRAIN_PASSES)).await,
            }
            if patience.left().is_none() {
                tracing::warn!("some accounts do not finish; they go on where they are after a restart");
                self.tasks.abort_all();
            }
        }
    }

    /// Ends everybody where they stand. What was not durable is done again after a restart.
    pub fn abort(&mut self) {
        self.tasks.abort_all();
    }

    async fn take_leave(&mut self, ended: Result<(Id, Ended), JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(account) = self.accounts.remove(&id) else { return };
        self.counters.vitals.set_ready(account, false);
        match ended {
            Ok((_, Ended::Broken(error))) => self.quarantine(account, &error.to_string()).await,
            Ok((_, Ended::Refused(reason))) => self.quarantine(account, &reason).await,
            Err(error) if error.is_panic() => {
                let reason = format!("panicked: {}", panic_text(error.into_panic().as_ref()));
                self.quarantine(account, &reason).await;
            }
            // The other errors are our own aborts.
            Ok((_, Ended::Stopped)) | Err(_) => {}
        }
    }

    fn build(&mut self, entrant: &Entrant, loaded: LoadedAccount, seat: &Seat) -> Result<Parts, String> {
        let mut handle = if let (Some(access), Some(connections)) = (&entrant.access, &mut self.connections) {
            Handle::Live(connections.open(entrant.id, access).map_err(|error| error.to_string())?)
        } else {
            let paper = open_paper(entrant, loaded.paper_book.as_deref(), seat.clock());
            Handle::Paper(Box::new(paper.map_err(|error| error.to_string())?))
        };
        let mut configuration = entrant.configuration.clone();
        handle.configure(&mut configuration);
        let machine = AccountMachine::restore(entrant.id, configuration.account, loaded.saved);
        let name = entrant.name.clone();
        Ok(Parts { account: entrant.id, name, machine, handle, last_cycle: loaded.last_cycle_at })
    }

    async fn quarantine(&mut self, account: AccountId, reason: &str) {
        tracing::error!(account = self.name(account), reason, "account quarantined; the others go on");
        self.unwritten.insert(account, reason.to_owned());
        self.write_quarantines().await;
    }

    /// Writes what is to be written of them; what the database does not take is tried again with the next call.
    async fn write_quarantines(&mut self) {
        for (account, reason) in self.unwritten.clone() {
            let name = self.name(account);
            match self.writer.run(move |conn| write_quarantine(conn, account, name, &reason)).await {
                Ok(()) => drop(self.unwritten.remove(&account)),
                Err(error) => {
                    let name = self.name(account);
                    tracing::error!(account = name, %error, "the database does not take a quarantine; kept in memory");
                }
            }
        }
    }

    fn name(&self, account: AccountId) -> String {
        self.names.get(&account).cloned().unwrap_or_else(|| account.to_string())
    }
}

fn write_quarantine(
    conn: &Connection,
    account: AccountId,
    name: String,
    reason: &str,
) -> Result<(), StoreError> {
    let now = wall_now();
    latches::quarantine(conn, account, reason, now)?;
    let entry = AuditEntry {
        at: now,
        actor: "daemon".to_owned(),
        action: "quarantine".to_owned(),
        subject: format!("account {name}"),
        account: Some(name),
        before: None,
        after: Some(json!({ "reason": reason })),
    };
    audit::append(conn, &entry).map(drop)
}

/// Enrols an account and reads what was kept of the life that it leads, with money or on paper; the inner error says what of that is damaged. `begins_at` is `from`
/// where time goes by the wall clock.
fn load(
    conn: &Connection,
    (id, market, with_money): (AccountId, MarketId, bool),
    (from, begins_at): (Timestamp, Option<Timestamp>),
) -> Result<Result<LoadedAccount, String>, StoreError> {
    latches::enrol(conn, id, from, market_log::market_word(market))?;
    match journal::load_account(conn, id, with_money, begins_at) {
        Ok(loaded) => Ok(Ok(loaded)),
        Err(StoreError::Corrupt { detail }) => Ok(Err(detail)),
        Err(error) => Err(error),
    }
}

fn open_paper(
    entrant: &Entrant,
    stored: Option<&str>,
    clock: AccountClock,
) -> Result<PaperAccount, BadPaperState> {
    PaperAccount::open(
        roster::book_config(&entrant.configuration.paper),
        stored,
        Arc::clone(&entrant.configuration.account.instruments),
        entrant.id,
        Arc::new(clock),
    )
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}
