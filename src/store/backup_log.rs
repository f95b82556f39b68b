//! What became of each attempt to copy the database, so that a backup that stopped working is seen.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::{StoreError, column};
use crate::domain::time::Timestamp;

/// Attempts that are kept.
const KEPT: u32 = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupRow {
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    /// `cli:USER` or `daemon`.
    pub actor: String,
    pub path: String,
    /// Of the file; `None` when there is none.
    pub bytes: Option<u64>,
    /// Of the file, in hex.
    pub sha256: Option<String>,
    pub encrypted: bool,
    /// Why there is no copy; `None`: it is good.
    pub error: Option<String>,
}

/// How the backups are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupState {
    pub last_good: Option<BackupRow>,
    /// The latest attempt, if it failed.
    pub last_failure: Option<BackupRow>,
    /// Attempts that failed since the last good one.
    pub failures: u64,
}

/// Keeps an attempt; the oldest go.
pub fn record(conn: &Connection, row: &BackupRow) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO backups (started_at, finished_at, actor, path, bytes, sha256, encrypted, error)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        row.started_at.ms(),
        row.finished_at.ms(),
        row.actor,
        row.path,
        row.bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
        row.sha256,
        row.encrypted,
        row.error,
    ])?;
    conn.prepare_cached(
        "DELETE FROM backups WHERE id <= (SELECT max(id) FROM backups) - ?1
             AND id <> (SELECT max(id) FROM backups WHERE error IS NULL)",
    )?
    .execute([KEPT])?;
    Ok(())
}

/// How the backups are; `None` when none was ever tried.
pub fn state(conn: &Connection) -> Result<Option<BackupState>, StoreError> {
    let last = |condition: &str| -> Result<Option<(i64, BackupRow)>, StoreError> {
        let sql = format!("SELECT * FROM backups {condition} ORDER BY id DESC LIMIT 1");
        let mut statement = conn.prepare_cached(&sql)?;
        Ok(statement.query_row([], |row| Ok((row.get("id")?, from_row(row)?))).optional()?)
    };
    let Some((_, latest)) = last("")? else { return Ok(None) };
    let good = last("WHERE error IS NULL")?;
    let failures: i64 = conn
        .prepare_cached("SELECT count(*) FROM backups WHERE id > ?1")?
        .query_row([good.as_ref().map_or(0, |(id, _)| *id)], |row| row.get(0))?;
    Ok(Some(BackupState {
        last_good: good.map(|(_, row)| row),
        last_failure: latest.error.is_some().then_some(latest),
        failures: u64::try_from(failures).unwrap_or(0),
    }))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<BackupRow> {
    Ok(BackupRow {
        started_at: column::timestamp(row, "started_at")?,
        finished_at: column::timestamp(row, "finished_at")?,
        actor: row.get("actor")?,
        path: row.get("path")?,
        bytes: row.get::<_, Option<i64>>("bytes")?.map(|bytes| u64::try_from(bytes).unwrap_or(0)),
        sha256: row.get("sha256")?,
        encrypted: row.get("encrypted")?,
        error: row.get("error")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    #[test]
    fn a_failure_after_a_good_backup_shows_until_the_next_good_one() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let attempt = |at: i64, error: Option<&str>| {
            let row = BackupRow {
                started_at: Timestamp::from_ms(at),
                finished_at: Timestamp::from_ms(at + 1),
                actor: "daemon".to_owned(),
                path: "a".to_owned(),
                bytes: error.is_none().then_some(7),
                sha256: None,
                encrypted: false,
                error: error.map(str::to_owned),
            };
            record(store.conn(), &row).unwrap();
            state(store.conn()).unwrap().unwrap()
        };
        assert_eq!(state(store.conn()).unwrap(), None);
        assert_eq!(attempt(1, None).failures, 0);
        let failed = attempt(3, Some("the disk is full"));
        assert_eq!(failed.failures, 1);
        assert_eq!(failed.last_good.unwrap().started_at, Timestamp::from_ms(1));
        assert_eq!(failed.last_failure.unwrap().error.as_deref(), Some("the disk is full"));
        let good = attempt(5, None);
        assert_eq!((good.failures, good.last_failure), (0, None));
    }

    #[test]
    fn the_last_good_attempt_is_never_forgotten() {
        let scratch = Scratch::new();
        let store = scratch.open();
        store
            .conn()
            .execute_batch(
                "INSERT INTO backups (id, started_at, finished_at, actor, path, encrypted)
                     VALUES (1, 1, 1, 'daemon', 'good', 0);
                 INSERT INTO backups (id, started_at, finished_at, actor, path, encrypted, error)
                     VALUES (5000, 2, 2, 'daemon', 'bad', 0, 'x')",
            )
            .unwrap();
        let row = state(store.conn()).unwrap().unwrap().last_failure.unwrap();
        record(store.conn(), &row).unwrap();
        assert_eq!(state(store.conn()).unwrap().unwrap().last_good.unwrap().path, "good");
    }
}
