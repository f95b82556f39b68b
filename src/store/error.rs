//! What can go wrong in the store, typed by what the caller can do about it.
//!
//! Errors are values that can be cloned: when a group's commit fails, every job of the group gets the same one.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use rusqlite::ffi;
use rust_decimal::Decimal;

use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("there is no {what} `{name}`")]
    NotFound { what: &'static str, name: String },
    #[error("{what} `{name}` exists already")]
    Exists { what: &'static str, name: String },
    #[error("the account has {limit} active bots already, which is the most it may have")]
    BotLimit { limit: u32 },
    /// Both in % of the account's equity.
    #[error("an allocation of {requested} % exceeds the {free} % that the account has free")]
    AllocationLimit { requested: Decimal, free: Decimal },
    /// Any other constraint of the schema.
    #[error("the database refused the change: {detail}")]
    Conflict { detail: String },
    #[error("there is no database at {}", path.display())]
    NoDatabase { path: PathBuf },
    #[error("{} is not a tradefleet database", path.display())]
    NotADatabase { path: PathBuf },
    #[error("the database has schema version {found}, newer than version {known} that this program knows")]
    NewerSchema { found: i32, known: i32 },
    #[error("the database has schema version {found}, this program needs version {known}")]
    NotMigrated { found: i32, known: i32 },
    #[error("the schema could not be changed: {detail}")]
    MigrationFailed { detail: String },
    #[error("{} has mode {mode:04o}: others can read or write it", path.display())]
    Permissions { path: PathBuf, mode: u32 },
    #[error("the database cannot be written: {detail}")]
    ReadOnly { detail: String },
    #[error("the disk is full")]
    DiskFull,
    #[error("another process is writing to the database and did not finish in time")]
    Busy,
    #[error("the database is damaged: {detail}")]
    Corrupt { detail: String },
    #[error("a daemon is running on this database: pid {pid} on {host} since {since}")]
    DaemonRunning { pid: u32, host: String, since: Timestamp },
    #[error("this daemon lost its lease: epoch {epoch} is not the current one")]
    LeaseLost { epoch: u64 },
    #[error("the store's writer has stopped")]
    WriterStopped,
    #[error("{}: {detail}", path.display())]
    File { path: PathBuf, detail: String },
    #[error("the database failed: {detail}")]
    Other { detail: String },
}

impl StoreError {
    /// What the operator can do about it, if anything.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoDatabase { .. } | Self::NotMigrated { found: 0, .. } => {
                "run `tradefleet init`".to_owned()
            }
            Self::BotLimit { .. } => "remove a bot first".to_owned(),
            Self::AllocationLimit { free, .. } => {
                format!("allocate at most {free} %, or lower another bot's allocation first")
            }
            Self::NewerSchema { .. } => "update tradefleet, or restore a backup made before".to_owned(),
            Self::NotMigrated { .. } => {
                "run `tradefleet db migrate`; a copy of the database is made first".to_owned()
            }
            Self::Permissions { path, .. } => format!("run `chmod 600 {}`", path.display()),
            Self::ReadOnly { .. } => "check the owner and mode of the database and its directory".to_owned(),
            Self::DiskFull => "free some space; nothing that was confirmed is lost".to_owned(),
            Self::Busy => "try again".to_owned(),
            Self::Corrupt { .. } => {
                "run `tradefleet db check`, then `tradefleet db restore` with the latest good backup"
                    .to_owned()
            }
            Self::DaemonRunning { .. } => "stop it first, or give this one another database".to_owned(),
            Self::NotFound { .. }
            | Self::Exists { .. }
            | Self::Conflict { .. }
            | Self::NotADatabase { .. }
            | Self::MigrationFailed { .. }
            | Self::LeaseLost { .. }
            | Self::WriterStopped
            | Self::File { .. }
            | Self::Other { .. } => return None,
        };
        Some(hint)
    }

    /// Whether the same write may succeed later: the disk, another writer, a passing I/O error.
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::DiskFull | Self::Busy | Self::ReadOnly { .. } | Self::File { .. } | Self::Other { .. }
        )
    }

    pub fn not_found(what: &'static str, name: impl Into<String>) -> Self {
        Self::NotFound { what, name: name.into() }
    }

    /// A stored value that this program cannot have written.
    pub fn corrupt(detail: impl Into<String>) -> Self {
        Self::Corrupt { detail: detail.into() }
    }

    pub(super) fn file(path: &Path, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull {
            return Self::DiskFull;
        }
        Self::File { path: path.to_owned(), detail: error.to_string() }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if let rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) = error
        {
            return Self::corrupt(error.to_string());
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::ReadOnly { detail: error.to_string() }
            }
            Some(ErrorCode::DatabaseCorrupt) => Self::corrupt(error.to_string()),
            Some(ErrorCode::ConstraintViolation) => Self::Conflict { detail: error.to_string() },
            Some(_) | None => Self::Other { detail: error.to_string() },
        }
    }
}

/// Whether a UNIQUE index or a primary key refused the row.
pub(super) fn is_duplicate(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|failure| {
        matches!(failure.extended_code, ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
    })
}
