//! Key files: 64 hex digits that only their owner can read.

use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroize;

use super::{MasterKey, Secret, VaultError};
use crate::store::files;

const OTHERS: u32 = 0o077;

/// Writes the key to a new file of mode 0600, in a directory that is made with mode 0700 if need be. A file that
/// exists is never overwritten: it may hold the only copy of a key. On return it is durable, its name too: what is
/// sealed under the key next may be durable at once.
pub fn create_key_file(path: &Path, key: &MasterKey) -> Result<(), VaultError> {
    let failed = |error: io::Error| VaultError::File { path: path.to_owned(), detail: error.to_string() };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed)?;
    }
    let mut line = key.to_hex();
    line.push('\n');
    let written = files::write_new(path, line.as_bytes());
    line.zeroize();
    written.map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return VaultError::KeyFileExists { path: path.to_owned() };
        }
        failed(error)
    })
}

/// Reads a private file; `None` when there is none.
pub(super) fn read_private(path: &Path) -> Result<Option<Secret>, VaultError> {
    let failed = |error: io::Error| VaultError::File { path: path.to_owned(), detail: error.to_string() };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(VaultError::Permissions { path: path.to_owned(), mode });
    }
    read_text(&mut file).map(Some).map_err(failed)
}

/// Reads a systemd credential; `None` when there is none. Its mode says nothing: systemd grants a service's user
/// access by an ACL, which shows as group bits, and the directory keeps all others out.
pub(super) fn read_credential(path: &Path) -> Result<Option<Secret>, VaultError> {
    match File::open(path).and_then(|mut file| read_text(&mut file)) {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(VaultError::File { path: path.to_owned(), detail: error.to_string() }),
    }
}

fn read_text(file: &mut File) -> io::Result<Secret> {
    let mut text = String::new();
    if let Err(error) = file.read_to_string(&mut text) {
        text.zeroize();
        return Err(error);
    }
    let secret = Secret::new(text.trim().to_owned());
    text.zeroize();
    Ok(secret)
}
