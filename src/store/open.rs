//! Opening, creating and migrating the database.
//!
//! A [`Store`] that exists is private to its owner, in WAL mode, with foreign keys on, and has exactly the schema
//! this program knows. What does not fit is refused and left as it is; nothing is mended silently.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, ffi};

use super::lock::FileLock;
use super::{StoreError, backup, files, lease, schema};

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const STATEMENT_CACHE: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    ReadWrite,
    ReadOnly,
}

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    pub from: i32,
    pub to: i32,
    /// The copy of the database as it was before; `None` when there was nothing to keep or to do.
    pub copy: Option<PathBuf>,
}

#[derive(Debug)]
pub struct Store {
    conn: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens a database that has our schema.
    pub fn open(path: &Path, mode: OpenMode) -> Result<Self, StoreError> {
        let mut conn = connect(path, mode)?;
        schema::require_known(&conn)?;
        prepare(&mut conn, mode)?;
        Ok(Self { conn, path: path.to_owned() })
    }

    /// Creates the database and, if need be, its directory. One that has a schema already is refused.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        files::create_parent(path)?;
        match files::create(path) {
            Ok(_) => {}
            // An empty file is what a killed `create` leaves behind; go on with it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if schema::version(&connect(path, OpenMode::ReadOnly)?)? > 0 {
                    return Err(StoreError::Exists { what: "database", name: path.display().to_string() });
                }
            }
            Err(error) => return Err(StoreError::file(path, &error)),
        }
        Self::migrate(path)?;
        Self::open(path, OpenMode::ReadWrite)
    }

    /// Brings an older schema up to ours. A database that has one already is copied first, to `<path>.bak-vN`.
    /// Refused beside a live daemon. May be killed at any moment and run again.
    pub fn migrate(path: &Path) -> Result<Migrated, StoreError> {
        let mut conn = connect(path, OpenMode::ReadWrite)?;
        let (from, to) = (schema::version(&conn)?, schema::known_version());
        if from > to {
            return Err(StoreError::NewerSchema { found: from, known: to });
        }
        if from == to {
            return Ok(Migrated { from, to, copy: None });
        }
        let Some(_lock) = FileLock::acquire(path)? else {
            return Err(lease::running_error(&conn));
        };
        let copy = if from > 0 {
            let copy = files::sibling(path, &format!(".bak-v{from}"));
            backup::copy_into(&conn, &copy)?;
            Some(copy)
        } else {
            None
        };
        prepare(&mut conn, OpenMode::ReadWrite)?;
        schema::apply(&mut conn)?;
        Ok(Migrated { from, to, copy })
    }

    pub const fn conn(&self) -> &Connection {
        &self.conn
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in one immediate transaction: all of it is durable on return, or nothing of it happened.
    pub fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    /// [`Self::transaction`] for work with an error of its own. A rehearsal is rolled back after it was done, so its
    /// answer says what would happen.
    pub fn attempt<T, E: From<StoreError>>(
        &mut self,
        is_rehearsal: bool,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let begun = self.conn.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.map_err(StoreError::from)?;
        let value = work(&transaction)?;
        if is_rehearsal {
            transaction.rollback().map_err(StoreError::from)?;
        } else {
            transaction.commit().map_err(StoreError::from)?;
        }
        Ok(value)
    }

    /// The fast check that a daemon makes before it trusts the file: pages and rows, not the indexes' content.
    pub fn quick_check(&self) -> Result<(), StoreError> {
        let finding: String = self.conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if finding == "ok" { Ok(()) } else { Err(StoreError::Corrupt { detail: finding }) }
    }

    /// Changes when, and only when, another connection has changed the database.
    pub fn data_version(&self) -> Result<i64, StoreError> {
        Ok(self.conn.query_row("PRAGMA data_version", [], |row| row.get(0))?)
    }

    pub(super) fn into_connection(self) -> Connection {
        self.conn
    }
}

/// Opens a file that is private and a database, of whatever schema. Changes nothing in it.
pub(super) fn connect(path: &Path, mode: OpenMode) -> Result<Connection, StoreError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(StoreError::NotADatabase { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StoreError::NoDatabase { path: path.to_owned() });
        }
        Err(error) => return Err(StoreError::file(path, &error)),
    }
    for suffix in ["", "-wal", "-shm"] {
        files::require_private(&files::sibling(path, suffix))?;
    }
    let access = match mode {
        OpenMode::ReadWrite => OpenFlags::SQLITE_OPEN_READ_WRITE,
        OpenMode::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let opened = attach(path, access)
        .or_else(|error| {
            if !is_half_done(&error) {
                return Err(error);
            }
            attach(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map(drop)?;
            attach(path, access)
        })
        .map_err(|error| cannot_open(path, error))?;
    if schema::is_foreign(&opened)? {
        return Err(StoreError::NotADatabase { path: path.to_owned() });
    }
    if mode == OpenMode::ReadWrite && opened.is_readonly("main")? {
        return Err(StoreError::ReadOnly { detail: format!("{} may only be read", path.display()) });
    }
    Ok(opened)
}

fn attach(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    // The first read of the file: here SQLite finds out whether it is a database at all.
    conn.query_row("PRAGMA schema_version", [], |row| row.get::<_, i64>(0))?;
    Ok(conn)
}

/// Whether a crash has left a change half done, which only a connection that may write can take back.
fn is_half_done(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|failure| {
        matches!(failure.extended_code, ffi::SQLITE_READONLY_ROLLBACK | ffi::SQLITE_READONLY_RECOVERY)
    })
}

/// Settings that write to the file, so they come after all checks.
fn prepare(conn: &mut Connection, mode: OpenMode) -> Result<(), StoreError> {
    match mode {
        OpenMode::ReadOnly => Ok(()),
        OpenMode::ReadWrite => {
            let journal: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
            if journal != "wal" {
                let detail =
                    format!("the file system does not allow write-ahead logging (mode is {journal})");
                return Err(StoreError::Other { detail });
            }
            conn.pragma_update(None, "synchronous", "FULL")?;
            Ok(())
        }
    }
}

fn cannot_open(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => StoreError::NotADatabase { path: path.to_owned() },
        // A WAL database needs its shared-memory file, which cannot be made in a read-only directory.
        Some(rusqlite::ErrorCode::CannotOpen) => StoreError::ReadOnly {
            detail: format!("{} or its directory may not be written: {error}", path.display()),
        },
        Some(_) | None => error.into(),
    }
}

#[cfg(test)]
mod tests;
