//! The backups that the daemon makes by itself, beside its work: one at a time, on a thread that may block.

use std::path::Path;

use rusqlite::Connection;
use tokio::task::JoinHandle;

use crate::backup::{self, BackupError, Keep, Lock, Plan, Target};
use crate::clock::wall_now;
use crate::config::Config;
use crate::domain::time::{DurationMs, Timestamp};
use crate::store::backup_log::{self, BackupRow};
use crate::store::{StoreError, Writer};

/// After one that failed.
const AGAIN: DurationMs = DurationMs::from_secs(600);

/// When the next one is due, and the one that is being made.
pub struct Backups {
    schedule: Option<Schedule>,
}

struct Schedule {
    plan: Result<Plan, BackupError>,
    every: DurationMs,
    due_at: Timestamp,
    running: Option<JoinHandle<BackupRow>>,
}

impl Backups {
    /// The interval counts from the last good one, whoever made it.
    pub fn new(database: &Path, config: &Config, conn: &Connection) -> Result<Self, StoreError> {
        let terms = &config.backup;
        let Some(dir) = &terms.dir else { return Ok(Self { schedule: None }) };
        let lock = if terms.recipients.is_empty() { Ok(None) } else { Lock::to(&terms.recipients).map(Some) };
        let keep = Keep { count: terms.keep, age: terms.keep_age };
        let target = Target::Folder { dir: dir.clone(), keep };
        let plan = lock.map(|lock| Plan { database: database.to_owned(), target, lock });
        let last = backup_log::state(conn)?.and_then(|state| state.last_good);
        let due_at = last.map_or_else(wall_now, |good| good.finished_at.plus(terms.every));
        Ok(Self { schedule: Some(Schedule { plan, every: terms.every, due_at, running: None }) })
    }

    /// Begins one that is due, and keeps what became of the last.
    pub async fn attend(&mut self, writer: &Writer) {
        let Some(schedule) = &mut self.schedule else { return };
        if schedule.running.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(done) = schedule.running.take()
        {
            match done.await {
                Ok(row) => schedule.keep(row, writer).await,
                Err(error) => {
                    tracing::error!(%error, "the backup ended without an answer");
                    schedule.due_at = wall_now().plus(AGAIN);
                }
            }
        }
        if schedule.running.is_none() && wall_now() >= schedule.due_at {
            schedule.begin(writer).await;
        }
    }
}

impl Schedule {
    async fn begin(&mut self, writer: &Writer) {
        let started_at = wall_now();
        match &self.plan {
            Ok(plan) => {
                let plan = plan.clone();
                self.running = Some(tokio::task::spawn_blocking(move || {
                    let outcome = backup::make(&plan, started_at);
                    plan.row(&outcome, "daemon", started_at, wall_now())
                }));
            }
            Err(error) => {
                let row = BackupRow {
                    started_at,
                    finished_at: started_at,
                    actor: "daemon".to_owned(),
                    path: "backup.recipients".to_owned(),
                    bytes: None,
                    sha256: None,
                    encrypted: true,
                    error: Some(error.to_string()),
                };
                self.keep(row, writer).await;
            }
        }
    }

    async fn keep(&mut self, row: BackupRow, writer: &Writer) {
        let wait = if row.error.is_some() { AGAIN.min(self.every) } else { self.every };
        self.due_at = row.finished_at.plus(wait);
        match &row.error {
            None => tracing::info!(path = row.path, "backup made"),
            Some(error) => tracing::error!(path = row.path, error, "backup failed"),
        }
        writer.post(move |conn| backup_log::record(conn, &row)).await;
    }
}
