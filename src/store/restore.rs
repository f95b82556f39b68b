//! The way back: a copy takes the place of the database, which is set aside, never lost.
//!
//! The copy is made ready under another name first: brought to this program's schema, told in its audit log what it
//! replaces, and given what must not be forgotten by going back in time, the number of daemons there were and the
//! accounts that people have halted since. Then it takes its place in one step.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

use super::audit::{self, AuditEntry, AuditHead};
use super::lock::FileLock;
use super::open::{OpenMode, connect};
use super::{StoreError, accounts, backup, files, latches, lease, schema};
use crate::domain::time::Timestamp;

/// Who brings back what.
#[derive(Debug, Clone, Copy)]
pub struct Restorer<'a> {
    /// `cli:USER`.
    pub actor: &'a str,
    pub now: Timestamp,
    /// The copy's name, for the audit log.
    pub origin: &'a str,
    /// The time of [`Self::now`] as part of a file's name.
    pub stamp: &'a str,
}

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub schema_version: i32,
    pub accounts: u64,
    pub bots: u64,
    pub orders: u64,
    pub fills: u64,
    /// The latest cycle that any account had handled.
    pub last_cycle_at: Option<Timestamp>,
    pub audit: Option<AuditHead>,
    pub last_audit_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// As the copy was; what it is now is the schema of this program.
    pub contents: Contents,
    /// The database that was replaced; `None` when there was none.
    pub replaced: Option<PathBuf>,
    /// Accounts that are halted because they were when the copy was brought back.
    pub halts_kept: Vec<String>,
}

/// What is in the copy `from`, if it can take a database's place at all.
pub fn inspect(from: &Path) -> Result<Contents, StoreError> {
    contents(&open_copy(from)?)
}

/// Puts the copy `from` in the place of the database `to`, which is kept as `<to>.before-restore-<stamp>`.
///
/// Refused beside a live daemon, and when the copy is damaged or newer than this program; then nothing changes. A
/// program that has the database open all the while would go on with the file that was set aside; one that reads or
/// writes at the moment is an error.
pub fn restore(from: &Path, to: &Path, by: Restorer<'_>) -> Result<RestoreReport, StoreError> {
    let copy = open_copy(from)?;
    let contents = contents(&copy)?;
    files::create_parent(to)?;
    let Some(_lock) = FileLock::acquire(to)? else {
        let replaced = connect(to, OpenMode::ReadOnly)?;
        return Err(lease::running_error(&replaced));
    };
    let memory = Memory::of(to)?;
    let (partial, _) = backup::write_partial(&copy, to)?;
    let halts_kept = match make_ready(&partial, &contents, &memory, by) {
        Ok(halts) => halts,
        Err(error) => {
            files::remove(&partial)?;
            return Err(error);
        }
    };
    let replaced = set_aside(to, by.stamp)?;
    files::publish(&partial, to)?;
    Ok(RestoreReport { contents, replaced, halts_kept })
}

fn open_copy(from: &Path) -> Result<Connection, StoreError> {
    let copy = connect(from, OpenMode::ReadOnly)?;
    let (found, known) = (schema::version(&copy)?, schema::known_version());
    if found == 0 {
        return Err(StoreError::NotADatabase { path: from.to_owned() });
    }
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    require_whole_pages(&copy, from)?;
    backup::require_sound(&copy)?;
    Ok(copy)
}

/// SQLite reads a last page that was cut short as if it ended in zeros.
fn require_whole_pages(copy: &Connection, from: &Path) -> Result<(), StoreError> {
    let bytes = fs::metadata(from).map_err(|error| StoreError::file(from, &error))?.len();
    let page: u64 = copy.query_row("PRAGMA page_size", [], |row| row.get::<_, u32>(0))?.into();
    if bytes.is_multiple_of(page) { Ok(()) } else { Err(StoreError::corrupt("the last page is cut short")) }
}

fn contents(conn: &Connection) -> Result<Contents, StoreError> {
    let count = |sql: &str| -> Result<u64, StoreError> {
        Ok(u64::try_from(conn.query_row(sql, [], |row| row.get::<_, i64>(0))?).unwrap_or(0))
    };
    Ok(Contents {
        schema_version: schema::version(conn)?,
        accounts: count("SELECT count(*) FROM accounts WHERE removed_at IS NULL")?,
        bots: count("SELECT count(*) FROM bot_instances WHERE is_active = 1")?,
        orders: count("SELECT count(*) FROM orders")?,
        fills: count("SELECT count(*) FROM fills")?,
        last_cycle_at: last_cycle_at(conn)?,
        audit: audit::head(conn)?,
        last_audit_at: moment(conn, "SELECT max(at) FROM audit_log")?,
    })
}

fn last_cycle_at(conn: &Connection) -> Result<Option<Timestamp>, StoreError> {
    moment(conn, "SELECT max(last_cycle_at) FROM account_state")
}

fn moment(conn: &Connection, sql: &str) -> Result<Option<Timestamp>, StoreError> {
    let ms: Option<i64> = conn.query_row(sql, [], |row| row.get(0))?;
    Ok(ms.map(Timestamp::from_ms))
}

/// What of the database that goes must not be forgotten. A damaged one remembers nothing.
#[derive(Debug, Default)]
struct Memory {
    epoch: i64,
    audit: Option<AuditHead>,
    /// The latest cycle that any account had handled, by the exchange's clock.
    last_cycle_at: Option<Timestamp>,
    /// Reason and wish to flatten, by account.
    halts: BTreeMap<String, (String, bool)>,
}

impl Memory {
    /// An error where it cannot be read now and may be later, a full disk say: nothing may be forgotten for that.
    fn of(database: &Path) -> Result<Self, StoreError> {
        let Some(conn) = unless_damaged(|| connect(database, OpenMode::ReadOnly).map(Some))? else {
            return Ok(Self::default());
        };
        if unless_damaged(|| schema::version(&conn))? == 0 {
            return Ok(Self::default());
        }
        let epoch = || Ok(conn.query_row("SELECT epoch FROM lease", [], |row| row.get(0)).optional()?);
        Ok(Self {
            epoch: unless_damaged(epoch)?.unwrap_or_default(),
            audit: unless_damaged(|| audit::head(&conn))?,
            last_cycle_at: unless_damaged(|| last_cycle_at(&conn))?,
            halts: unless_damaged(|| halts(&conn))?,
        })
    }
}

/// SQLite calls a page damaged that the disk failed to read, be it for a moment: what seems damaged is read once more.
fn unless_damaged<T: Default>(read: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let is_damage =
        |error: &StoreError| !error.is_passing() && !matches!(error, StoreError::Permissions { .. });
    match read().or_else(|error| if is_damage(&error) { read() } else { Err(error) }) {
        Err(error) if !is_damage(&error) => Err(error),
        Err(_) => Ok(T::default()),
        Ok(value) => Ok(value),
    }
}

fn halts(conn: &Connection) -> Result<BTreeMap<String, (String, bool)>, StoreError> {
    let mut statement = conn.prepare(
        "SELECT a.name, coalesce(s.halt_reason, ''), s.halt_flatten FROM account_state s
         JOIN accounts a ON a.id = s.account_id WHERE s.halted_at IS NOT NULL AND a.removed_at IS NULL",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns the accounts that are halted by what is remembered.
fn make_ready(
    copy: &Path,
    contents: &Contents,
    memory: &Memory,
    by: Restorer<'_>,
) -> Result<Vec<String>, StoreError> {
    let mut conn = connect(copy, OpenMode::ReadWrite)?;
    if contents.schema_version < schema::known_version() {
        schema::apply(&mut conn)?;
    }
    let transaction = conn.transaction()?;
    transaction.execute("UPDATE lease SET epoch = max(epoch, ?1)", [memory.epoch])?;
    // What was ordered since the copy rests at the exchange and is known to nobody.
    transaction
        .execute("UPDATE account_state SET state = json_set(state, '$.is_restored', json('true'))", [])?;
    let mut halted = Vec::new();
    for (name, (reason, flatten)) in &memory.halts {
        let Ok(account) = accounts::find(&transaction, name) else { continue };
        if latches::health(&transaction, account.id)?.halted_at.is_none() {
            latches::halt(&transaction, account.id, reason, *flatten, by.now)?;
            halted.push(name.clone());
        }
    }
    let head = |head: &Option<AuditHead>| {
        json!({
            "entries": head.as_ref().map_or(0, |head| head.id),
            "head": head.as_ref().map(|head| head.hash.as_str()),
        })
    };
    let mut after = head(&contents.audit);
    if let Some(after) = after.as_object_mut() {
        after.insert("file".to_owned(), by.origin.into());
        after.insert("halts_kept".to_owned(), json!(halted));
        after.insert("last_cycle_at".to_owned(), json!(contents.last_cycle_at.map(Timestamp::ms)));
        after.insert("replaced_last_cycle_at".to_owned(), json!(memory.last_cycle_at.map(Timestamp::ms)));
    }
    audit::append(
        &transaction,
        &AuditEntry {
            at: by.now,
            actor: by.actor.to_owned(),
            action: "restore_database".to_owned(),
            account: None,
            subject: "database".to_owned(),
            before: Some(head(&memory.audit)),
            after: Some(after),
        },
    )?;
    transaction.commit()?;
    Ok(halted)
}

/// Keeps the database, if there is one, under a name of its own, together with what is still in its log.
fn set_aside(database: &Path, stamp: &str) -> Result<Option<PathBuf>, StoreError> {
    checkpoint(database)?;
    let kept = free_name(database, stamp);
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

/// `<database>.before-restore-<stamp>`, numbered when that is taken.
fn free_name(database: &Path, stamp: &str) -> PathBuf {
    let mut name = files::sibling(database, &format!(".before-restore-{stamp}"));
    let mut number = 2_u32;
    while name.exists() || files::sibling(&name, "-wal").exists() {
        name = files::sibling(database, &format!(".before-restore-{stamp}-{number}"));
        number = number.saturating_add(1);
    }
    name
}

#[cfg(test)]
mod tests;
