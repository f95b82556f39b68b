//! Backups: copies of the database that are checked, encrypted if wished, and rotated.
//!
//! [`make`] is all of it, for the command line and for the daemon. The copying itself is [`crate::store::backup`]; here
//! is what happens around it. A copy has its final name only when it is complete, and older ones go only after it.

pub mod cipher;
pub mod error;
pub mod rotation;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::domain::time::Timestamp;
use crate::store::backup_log::BackupRow;
use crate::store::{backup as copying, files};

pub use cipher::{Key, Lock};
pub use error::BackupError;
pub use rotation::Keep;

/// Where a copy goes.
#[derive(Debug, Clone)]
pub enum Target {
    /// This file, which must not exist.
    File(PathBuf),
    /// A file named after the time, in this folder, where older ones are removed.
    Folder { dir: PathBuf, keep: Keep },
}

/// One backup to be made.
#[derive(Debug, Clone)]
pub struct Plan {
    pub database: PathBuf,
    pub target: Target,
    /// `None`: not encrypted.
    pub lock: Option<Lock>,
}

/// A backup that was made and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    pub path: PathBuf,
    pub bytes: u64,
    /// Of the file, in hex.
    pub sha256: String,
    pub schema_version: i32,
    /// Rows of each table, as compared with the database.
    pub rows: BTreeMap<String, u64>,
    pub encrypted: bool,
    /// Older ones that went.
    pub removed: Vec<PathBuf>,
}

/// Copies, checks, encrypts, and removes what is beyond what is kept.
pub fn make(plan: &Plan, now: Timestamp) -> Result<Made, BackupError> {
    let path = plan.path(now);
    let encrypted = plan.lock.is_some();
    let copied = match &plan.lock {
        None => copying::backup(&plan.database, &path)?,
        Some(lock) => encrypted_copy(&plan.database, &path, lock)?,
    };
    let bytes = fs::metadata(&path).map_err(|error| BackupError::file(&path, &error))?.len();
    let sha256 = HEXLOWER.encode(&digest_of(&path)?);
    let removed = match &plan.target {
        Target::File(_) => Vec::new(),
        Target::Folder { dir, keep } => rotation::rotate(dir, *keep, &path, now)?,
    };
    Ok(Made {
        path,
        bytes,
        sha256,
        schema_version: copied.schema_version,
        rows: copied.rows,
        encrypted,
        removed,
    })
}

impl Plan {
    /// The file that a backup at this time becomes.
    pub fn path(&self, now: Timestamp) -> PathBuf {
        match &self.target {
            Target::File(path) => path.clone(),
            Target::Folder { dir, .. } => dir.join(rotation::file_name(now, self.lock.is_some())),
        }
    }

    /// What became of an attempt, for the log of backups.
    pub fn row(
        &self,
        outcome: &Result<Made, BackupError>,
        actor: &str,
        started_at: Timestamp,
        finished_at: Timestamp,
    ) -> BackupRow {
        let made = outcome.as_ref().ok();
        BackupRow {
            started_at,
            finished_at,
            actor: actor.to_owned(),
            path: self.path(started_at).display().to_string(),
            bytes: made.map(|made| made.bytes),
            sha256: made.map(|made| made.sha256.clone()),
            encrypted: self.lock.is_some(),
            error: outcome.as_ref().err().map(ToString::to_string),
        }
    }
}

/// A plain copy is on the disk for the moment that its encryption takes, as private as the database itself.
fn encrypted_copy(database: &Path, to: &Path, lock: &Lock) -> Result<copying::BackupReport, BackupError> {
    if to.exists() {
        return Err(BackupError::Exists { path: to.to_owned() });
    }
    let plain = files::sibling(to, ".plain");
    files::remove(&plain)?;
    let copied = copying::backup(database, &plain)?;
    let partial = files::sibling(to, ".partial");
    files::remove(&partial)?;
    let outcome = cipher::encrypt(&plain, &partial, lock);
    files::remove(&plain)?;
    if let Err(error) = outcome {
        files::remove(&partial)?;
        return Err(error);
    }
    files::publish(&partial, to)?;
    Ok(copied)
}

/// SHA-256 of a file.
fn digest_of(path: &Path) -> Result<[u8; 32], BackupError> {
    let mut digest = Sha256::new();
    File::open(path)
        .and_then(|mut file| io::copy(&mut file, &mut cipher::Digesting::new(&mut digest)))
        .map_err(|error| BackupError::file(path, &error))?;
    Ok(digest.finalize().into())
}

#[cfg(test)]
mod tests;
