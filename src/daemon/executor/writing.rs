//! Makes an account's turns durable. What the database does not take is kept and tried again: a fill is never dropped.

use std::sync::Arc;
use std::time::Duration;

use super::Executor;
use crate::domain::time::Timestamp;
use crate::engine::turn::{Record, Turn};
use crate::exchange::Sleep;
use crate::store::StoreError;
use crate::store::journal::{self, StateRow, TurnRows};

/// Wall time between two tries to write what the database did not take.
const WRITE_RETRY: Duration = Duration::from_millis(500);

impl Executor {
    /// Writes what was decided and waits until it is durable. What the database does not take is kept and tried
    /// again: a fill is never dropped.
    pub(super) async fn commit(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.records.is_empty() {
            return Ok(());
        }
        let records = std::mem::take(&mut self.records);
        let revision = self.handle.exchange().revision();
        let intends = records.iter().any(|record| matches!(record, Record::OrderIntended(_)));
        let book_changed = intends || self.committed_revision != Some(revision);
        let rows = Arc::new(TurnRows {
            account: self.account,
            at: now,
            records,
            state: Some(self.state_row()?),
            paper_book: if book_changed { self.handle.exchange().snapshot() } else { None },
        });
        loop {
            let job = Arc::clone(&rows);
            match self.writer.run_repeatable(move |conn| journal::record_turn(conn, &job)).await {
                Ok(()) => break,
                Err(error) if error.is_passing() => {
                    self.counters.store_failed(&error);
                    tracing::error!(account = self.name, %error, "the database does not take the account's turn");
                    tokio::time::sleep(WRITE_RETRY).await;
                }
                Err(error) => return Err(error),
            }
        }
        self.counters.committed(&rows);
        self.committed_revision = Some(revision);
        Ok(())
    }

    /// Writes with the next group what nothing waits for. A crash may lose it; the replay brings it back.
    pub(super) async fn write_behind(&mut self, now: Timestamp, turn: Turn) -> Result<(), StoreError> {
        let explains_only = turn.records.iter().all(|record| matches!(record, Record::Decision(_)));
        let rows = TurnRows {
            account: self.account,
            at: now,
            records: turn.records,
            state: if explains_only { None } else { Some(self.state_row()?) },
            paper_book: None,
        };
        self.writer.post_repeatable(move |conn| journal::record_turn(conn, &rows)).await;
        Ok(())
    }

    fn state_row(&mut self) -> Result<StateRow, StoreError> {
        let state = serde_json::to_string(&self.machine.durable_state())
            .map_err(|error| StoreError::Other { detail: format!("account state: {error}") })?;
        Ok(StateRow {
            state,
            last_cycle_at: self.last_cycle,
            wallet: self.machine.wallet(),
            equity: self.machine.equity(),
            breaker: self.breaker.state(self.clock.now()).as_str(),
            last_error: self.last_error.take(),
        })
    }

    /// The last word before a stop: where the account stands.
    pub(super) async fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.records.push(Record::StateChanged);
        let now = self.now();
        self.commit(now).await
    }
}
