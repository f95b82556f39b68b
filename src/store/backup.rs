//! Copies of the database that can be trusted, and the way back.
//!
//! A copy is taken by `VACUUM INTO`: one read transaction, so it is consistent while the daemon writes, and it never
//! starts over as page-wise copying does. It gets its final name only after it was checked and is on the disk.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::lock::FileLock;
use super::open::{OpenMode, connect};
use super::{StoreError, files, lease, schema};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    pub path: PathBuf,
    pub bytes: u64,
    pub schema_version: i32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    pub schema_version: i32,
    /// The database that was replaced; `None` when there was none.
    pub replaced: Option<PathBuf>,
}

/// Copies the database at `from`, which may be in use, to the new file `to` (mode 0600).
pub fn backup(from: &Path, to: &Path) -> Result<BackupReport, StoreError> {
    if to.exists() {
        return Err(StoreError::Exists { what: "file", name: to.display().to_string() });
    }
    files::create_parent(to)?;
    let source = connect(from, OpenMode::ReadOnly)?;
    let schema_version = schema::version(&source)?;
    if schema_version == 0 {
        return Err(StoreError::NotMigrated { found: 0, known: schema::known_version() });
    }
    copy_into(&source, to)?;
    let bytes = fs::metadata(to).map_err(|error| StoreError::file(to, &error))?.len();
    Ok(BackupReport { path: to.to_owned(), bytes, schema_version })
}

/// Puts the copy `from` in the place of the database `to`, which is kept as `<to>.before-restore`.
///
/// Refused beside a live daemon, and when the copy is damaged or newer than this program; then nothing changes. An
/// older copy is restored as it is: it needs [`super::Store::migrate`]. A program that has the database open all the
/// while would go on with the file that was set aside; one that reads or writes at the moment is an error.
pub fn restore(from: &Path, to: &Path) -> Result<RestoreReport, StoreError> {
    let copy = connect(from, OpenMode::ReadOnly)?;
    let (found, known) = (schema::version(&copy)?, schema::known_version());
    if found == 0 {
        return Err(StoreError::NotADatabase { path: from.to_owned() });
    }
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    require_intact(&copy)?;
    files::create_parent(to)?;
    let Some(_lock) = FileLock::acquire(to)? else {
        let replaced = connect(to, OpenMode::ReadOnly)?;
        return Err(lease::running_error(&replaced));
    };
    let partial = write_partial(&copy, to)?;
    let replaced = set_aside(to)?;
    files::publish(&partial, to)?;
    Ok(RestoreReport { schema_version: found, replaced })
}

/// Copies an open database to `to`, replacing what is there once the copy is complete.
pub(super) fn copy_into(source: &Connection, to: &Path) -> Result<(), StoreError> {
    let partial = write_partial(source, to)?;
    files::publish(&partial, to)
}

/// A checked copy under a name that says it is not finished.
fn write_partial(source: &Connection, to: &Path) -> Result<PathBuf, StoreError> {
    let partial = files::sibling(to, ".partial");
    files::remove(&partial)?;
    // SQLite fills an empty file but would create a missing one with the process's own mode.
    files::create(&partial).map_err(|error| StoreError::file(&partial, &error))?;
    let written = source
        .execute("VACUUM INTO ?1", [partial.to_string_lossy().as_ref()])
        .map_err(StoreError::from)
        .and_then(|_| require_intact(&connect(&partial, OpenMode::ReadOnly)?));
    if let Err(error) = written {
        files::remove(&partial)?;
        return Err(error);
    }
    Ok(partial)
}

fn require_intact(conn: &Connection) -> Result<(), StoreError> {
    let finding: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if finding == "ok" { Ok(()) } else { Err(StoreError::Corrupt { detail: finding }) }
}

/// Keeps the database, if there is one, under a name of its own, together with what is still in its log.
fn set_aside(database: &Path) -> Result<Option<PathBuf>, StoreError> {
    checkpoint(database)?;
    let kept = free_name(database);
    let is_there = database.exists();
    if is_there {
        // The link leaves the database in its place until the copy replaces it in one step.
        fs::hard_link(database, &kept)
            .or_else(|_| fs::rename(database, &kept))
            .map_err(|error| StoreError::file(&kept, &error))?;
    }
    // A log that belongs to the old file, even to one that is gone, must not meet the new one.
    for suffix in ["-wal", "-shm"] {
        let log = files::sibling(database, suffix);
        if log.exists() {
            let kept_log = files::sibling(&kept, suffix);
            fs::rename(&log, &kept_log).map_err(|error| StoreError::file(&log, &error))?;
        }
    }
    Ok(is_there.then_some(kept))
}

/// Moves the log's content into the database, where it can be read; a damaged one keeps its log beside it.
fn checkpoint(database: &Path) -> Result<(), StoreError> {
    let Ok(conn) = connect(database, OpenMode::ReadWrite) else {
        return Ok(());
    };
    match conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0)) {
        Ok(true) => Err(StoreError::Busy),
        Ok(false) | Err(_) => Ok(()),
    }
}

/// `<database>.before-restore`, numbered when earlier restores left theirs.
fn free_name(database: &Path) -> PathBuf {
    let mut name = files::sibling(database, ".before-restore");
    let mut number = 2_u32;
    while name.exists() || files::sibling(&name, "-wal").exists() {
        name = files::sibling(database, &format!(".before-restore-{number}"));
        number = number.saturating_add(1);
    }
    name
}

#[cfg(test)]
mod tests;
