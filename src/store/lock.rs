//! The lock file beside a database: who holds it is the database's only daemon.
//!
//! The kernel releases the lock when its owner dies, however it dies, so a lock that is held proves a live owner.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{StoreError, files};

/// A process that only asks whether the lock is held holds it for an instant itself; one more try tells it apart
/// from a daemon.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

impl FileLock {
    /// `None` when another holds it.
    pub(super) fn acquire(database: &Path) -> Result<Option<Self>, StoreError> {
        let path = lock_path(database)?;
        let file = files::open_or_create(&path).map_err(|error| StoreError::file(&path, &error))?;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                std::thread::sleep(PAUSE);
            }
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self { _file: file })),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(StoreError::file(&path, &error)),
            }
        }
        Ok(None)
    }

    /// Whether some process holds the lock now.
    pub(super) fn is_held(database: &Path) -> Result<bool, StoreError> {
        let path = lock_path(database)?;
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(StoreError::file(&path, &error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(StoreError::file(&path, &error)),
        }
    }
}

/// One lock for all names of a database: symbolic links are followed first.
fn lock_path(database: &Path) -> Result<PathBuf, StoreError> {
    let real = match database.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => database.to_owned(),
        Err(error) => return Err(StoreError::file(database, &error)),
    };
    Ok(files::sibling(&real, ".lock"))
}
