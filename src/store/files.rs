//! Files that only their owner can read.
//!
//! A database file is never opened here while it may be in use: closing any descriptor of a file drops all POSIX
//! locks that the process holds on it, among them those of SQLite's connections. Existing databases are only looked
//! at with `stat`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::StoreError;

const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_DIR: u32 = 0o700;
const OTHERS: u32 = 0o077;

/// `path` with `suffix` appended to its name: `a.db` and `-wal` make `a.db-wal`.
pub(crate) fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Creates an empty file of mode 0600; one that exists is refused.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(PRIVATE_FILE).open(path)
}

/// Makes a file of mode 0600 that holds `bytes`: whole and durable under its name, or not there. One that exists is
/// refused.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = sibling(path, ".partial");
    // What a killed attempt has left.
    drop(fs::remove_file(&partial));
    let written = create(&partial).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let linked = written.and_then(|()| fs::hard_link(&partial, path));
    drop(fs::remove_file(&partial));
    linked?;
    sync_parent(path).inspect_err(|_| drop(fs::remove_file(path)))
}

/// Opens a file that is not a database, creating it with mode 0600.
pub(crate) fn open_or_create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(PRIVATE_FILE).open(path)
}

/// Creates the directory that shall hold `path`, with mode 0700, unless it is there.
pub(crate) fn create_parent(path: &Path) -> Result<(), StoreError> {
    let parent = parent_of(path);
    if parent.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_DIR)
        .create(parent)
        .map_err(|error| StoreError::file(parent, &error))
}

/// Refuses a file that its group or the world can access; one that is absent is fine.
pub(crate) fn require_private(path: &Path) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o7777;
            if mode & OTHERS == 0 {
                Ok(())
            } else {
                Err(StoreError::Permissions { path: path.to_owned(), mode })
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::file(path, &error)),
    }
}

/// Makes a finished, closed file durable under its final name.
pub(crate) fn publish(partial: &Path, path: &Path) -> Result<(), StoreError> {
    File::open(partial)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(partial, path))
        .and_then(|()| sync_parent(path))
        .map_err(|error| StoreError::file(path, &error))
}

/// Makes the names of the folder that holds `path` durable: a file that was made, moved or removed there stays so.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    File::open(parent_of(path))?.sync_all()
}

/// Removes a file; one that is absent is fine.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::file(path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}
