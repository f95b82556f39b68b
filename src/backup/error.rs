//! What can go wrong with a backup. No message repeats a passphrase or a key.

use std::io;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("file `{}` exists already", path.display())]
    Exists { path: PathBuf },
    #[error("`{text}` is not an age recipient: one begins with age1 and is what `age-keygen -y` prints")]
    NotARecipient { text: String },
    #[error("{} names no recipient", path.display())]
    NoRecipient { path: PathBuf },
    #[error("{} is not an age identity file: {detail}", path.display())]
    NotAnIdentity { path: PathBuf, detail: String },
    #[error("{} is encrypted", path.display())]
    Locked { path: PathBuf },
    #[error("{} cannot be decrypted: {detail}", path.display())]
    Undecryptable { path: PathBuf, detail: String },
    #[error("the encrypted copy does not read back as it was written")]
    ReadsBackDifferently,
    #[error("encryption failed: {detail}")]
    Encryption { detail: String },
    /// A file to read that was named.
    #[error("{}: {detail}", path.display())]
    Input { path: PathBuf, detail: String },
    #[error("{}: {detail}", path.display())]
    File { path: PathBuf, detail: String },
}

impl BackupError {
    /// What the operator can do about it, if anything.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Locked { .. } => Some("give the key: --identity FILE, or --passphrase-env NAME".to_owned()),
            Self::Undecryptable { .. } => {
                Some("give the identity or the passphrase that it was made for, or another backup".to_owned())
            }
            Self::Exists { .. }
            | Self::NotARecipient { .. }
            | Self::NoRecipient { .. }
            | Self::NotAnIdentity { .. }
            | Self::ReadsBackDifferently
            | Self::Encryption { .. }
            | Self::Input { .. }
            | Self::File { .. } => None,
        }
    }

    pub(super) fn input(path: &Path, error: &io::Error) -> Self {
        Self::Input { path: path.to_owned(), detail: error.to_string() }
    }

    pub(super) fn file(path: &Path, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull {
            return Self::Store(StoreError::DiskFull);
        }
        Self::File { path: path.to_owned(), detail: error.to_string() }
    }
}
