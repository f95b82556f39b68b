//! Makes an account's turns durable. What the database does not take is kept and tried again: a fill is never dropped.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::Executor;
use crate::domain::time::Timestamp;
use crate::engine::turn::{Record, Turn};
use crate::exchange::Sleep;
use crate::store::journal::{self, StateRow, TurnRows};
use crate::store::{StoreError, Writer};

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
        let job = Arc::clone(&rows);
        self.insist(move |conn| journal::record_turn(conn, &job)).await?;
        self.counters.committed(&rows);
        self.committed_revision = Some(revision);
        Ok(())
    }

    /// Writes until the database takes it: one that is busy or full for a while is no reason to stop an account.
    pub(super) async fn insist<F>(&mut self, work: F) -> Result<(), StoreError>
    where
        F: FnMut(&Connection) -> Result<(), StoreError> + Clone + Send + 'static,
    {
        insist(&self.writer, work, |error| {
            self.counters.store_failed(error);
            tracing::error!(account = self.name, %error, "the database does not take what the account writes");
        })
        .await
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

async fn insist<F>(writer: &Writer, work: F, refused: impl Fn(&StoreError)) -> Result<(), StoreError>
where
    F: FnMut(&Connection) -> Result<(), StoreError> + Clone + Send + 'static,
{
    loop {
        match writer.run_repeatable(work.clone()).await {
            Err(error) if error.is_passing() => {
                refused(&error);
                tokio::time::sleep(WRITE_RETRY).await;
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::store::scratch::Scratch;

    #[tokio::test]
    async fn what_the_database_does_not_take_now_is_tried_again_and_what_it_never_will_is_not() {
        let scratch = Scratch::new();
        let writer = Writer::start(scratch.open()).unwrap();
        let tries = Arc::new(AtomicU32::new(0));
        let work = |outcomes: [StoreError; 2]| {
            let tries = Arc::clone(&tries);
            move |_: &Connection| {
                let number = usize::try_from(tries.fetch_add(1, Ordering::Relaxed)).unwrap();
                outcomes.get(number).map_or(Ok(()), |error| Err(error.clone()))
            }
        };
        let told = AtomicU32::new(0);
        let tell = |_: &StoreError| told.store(told.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        insist(&writer, work([StoreError::Busy, StoreError::DiskFull]), tell).await.unwrap();
        assert_eq!((tries.swap(0, Ordering::Relaxed), told.load(Ordering::Relaxed)), (3, 2));
        let lasting = StoreError::corrupt("x");
        let outcome = insist(&writer, work([lasting.clone(), StoreError::Busy]), tell).await;
        assert_eq!((outcome, tries.load(Ordering::Relaxed)), (Err(lasting), 1));
    }
}
