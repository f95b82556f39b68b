//! Copies of the database that can be trusted.
//!
//! A copy is taken page by page in one read transaction, so it is consistent while the daemon writes, and it never
//! starts over. It gets its final name only after it was checked against its source and is on the disk. The way back
//! is [`super::restore`].

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::open::{OpenMode, connect};
use super::{StoreError, files, schema};

/// Pages in one step: all of them.
const ALL_PAGES: i32 = -1;

/// A copy that was made and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    pub path: PathBuf,
    pub bytes: u64,
    pub schema_version: i32,
    /// Rows of each table, the same in the copy as in its source.
    pub rows: BTreeMap<String, u64>,
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
    let (partial, rows) = write_partial(&source, to)?;
    files::publish(&partial, to)?;
    let bytes = fs::metadata(to).map_err(|error| StoreError::file(to, &error))?.len();
    Ok(BackupReport { path: to.to_owned(), bytes, schema_version, rows })
}

/// Copies an open database to `to`, replacing what is there once the copy is complete.
pub(super) fn copy_into(source: &Connection, to: &Path) -> Result<(), StoreError> {
    let (partial, _) = write_partial(source, to)?;
    files::publish(&partial, to)
}

/// A checked copy under a name that says it is not finished, and its rows by table.
pub(super) fn write_partial(
    source: &Connection,
    to: &Path,
) -> Result<(PathBuf, BTreeMap<String, u64>), StoreError> {
    let partial = files::sibling(to, ".partial");
    files::remove(&partial)?;
    // SQLite fills an empty file but would create a missing one with the process's own mode.
    files::create(&partial).map_err(|error| StoreError::file(&partial, &error))?;
    match copy_and_check(source, &partial) {
        Ok(rows) => Ok((partial, rows)),
        Err(error) => {
            files::remove(&partial)?;
            Err(error)
        }
    }
}

fn copy_and_check(source: &Connection, to: &Path) -> Result<BTreeMap<String, u64>, StoreError> {
    // One transaction over the counting and the copying: both see one state.
    let snapshot = source.unchecked_transaction()?;
    let rows = row_counts(&snapshot)?;
    copy_pages(&snapshot, to)?;
    drop(snapshot);
    let copy = connect(to, OpenMode::ReadOnly)?;
    require_sound(&copy)?;
    if row_counts(&copy)? != rows {
        return Err(StoreError::corrupt("the copy does not have the rows of the database"));
    }
    Ok(rows)
}

fn copy_pages(source: &Connection, to: &Path) -> Result<(), StoreError> {
    let mut copy = connect(to, OpenMode::ReadWrite)?;
    let step = Backup::new(source, &mut copy)?.step(ALL_PAGES)?;
    if step != StepResult::Done {
        return Err(StoreError::Busy);
    }
    // A file by itself: it may be read where no log can be made beside it.
    copy.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0))?;
    Ok(())
}

/// Refuses a file whose pages or indexes are damaged.
pub(super) fn require_sound(conn: &Connection) -> Result<(), StoreError> {
    let finding: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if finding == "ok" { Ok(()) } else { Err(StoreError::Corrupt { detail: finding }) }
}

fn row_counts(conn: &Connection) -> Result<BTreeMap<String, u64>, StoreError> {
    let names: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut counts = BTreeMap::new();
    for name in names {
        let quoted = name.replace('"', "\"\"");
        let count: i64 =
            conn.query_row(&format!("SELECT count(*) FROM \"{quoted}\""), [], |row| row.get(0))?;
        counts.insert(name, u64::try_from(count).unwrap_or(0));
    }
    Ok(counts)
}

#[cfg(test)]
pub(super) mod tests;
