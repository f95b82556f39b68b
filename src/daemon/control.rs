//! What people want while the daemon runs: commands that the CLI wrote into the database, and the signal to stop.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::roster::{Roster, RosterTerms};
use super::shutdown::Shutdown;
use crate::clock::wall_now;
use crate::domain::ids::AccountId;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::kind::ExchangeKind;
use crate::store::commands::{self, CommandRow, CommandStatus};
use crate::store::{OpenMode, Store, StoreError, Writer, journal, market_log, outbox};

/// Reads with a connection of its own, so that it never waits for the writer.
pub struct Control {
    store: Store,
    shutdown: Shutdown,
    /// `PRAGMA data_version` as last seen: unchanged means that nothing was written.
    seen: Option<i64>,
}

impl Control {
    pub fn open(database: &Path, shutdown: Shutdown) -> Result<Self, StoreError> {
        Ok(Self { store: Store::open(database, OpenMode::ReadOnly)?, shutdown, seen: None })
    }

    pub fn is_stopping(&self) -> bool {
        self.shutdown.is_requested()
    }

    /// Commands that nobody has answered yet, oldest first.
    pub fn pending(&mut self) -> Result<Vec<CommandRow>, StoreError> {
        let version = self.store.data_version()?;
        if self.seen == Some(version) {
            return Ok(Vec::new());
        }
        self.seen = Some(version);
        commands::pending(self.store.conn(), 0)
    }

    /// Whether a notice or an answer has not reached its chat and could.
    pub fn has_something_to_tell(&self) -> Result<bool, StoreError> {
        outbox::has_deliverable(self.store.conn(), wall_now())
    }

    pub fn read_roster(&self, terms: &RosterTerms) -> Result<Roster, StoreError> {
        Roster::read(self.store.conn(), terms)
    }

    /// Accounts of which something is left where they trade with money.
    pub fn at_stake(&self) -> Result<BTreeSet<AccountId>, StoreError> {
        journal::at_stake(self.store.conn())
    }

    /// The trading rules that an earlier run has left of an exchange.
    pub fn kept_rules(&self, kind: ExchangeKind) -> Result<BTreeMap<Symbol, Instrument>, StoreError> {
        market_log::instruments(self.store.conn(), Some(kind))
    }

    /// The change is in force from the next cycle on; say so.
    pub async fn acknowledge(&self, writer: &Writer, commands: Vec<CommandRow>) -> Result<(), StoreError> {
        writer
            .run(move |conn| {
                for command in &commands {
                    let done = CommandStatus::Acknowledged;
                    commands::acknowledge(conn, command.id, done, "taken over by the daemon", wall_now())?;
                }
                Ok(())
            })
            .await
    }
}
