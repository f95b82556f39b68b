//! What can go wrong with keys. No message repeats a secret.

use std::path::PathBuf;

use super::Field;
use crate::domain::ids::AccountId;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("the master key from {origin} is not the one this database was encrypted with")]
    WrongKey { origin: String },
    #[error("{} of account {account} cannot be decrypted: it is damaged or was sealed for another place", field.as_str())]
    Unreadable { account: AccountId, field: Field },
    #[error("a master key is 64 hex digits")]
    NotAKey,
    #[error("a salt is 32 hex digits")]
    NotASalt,
    #[error("the master key in {origin} is not 64 hex digits")]
    BadKey { origin: String },
    #[error("no master key: looked at {tried}")]
    NoKey { tried: String },
    #[error("{} has mode {mode:04o}: others can read the master key", path.display())]
    Permissions { path: PathBuf, mode: u32 },
    #[error("key file {} exists already", path.display())]
    KeyFileExists { path: PathBuf },
    #[error("{}: {detail}", path.display())]
    File { path: PathBuf, detail: String },
    #[error("no passphrase was entered: {detail}")]
    Prompt { detail: String },
    #[error("the key could not be derived: {detail}")]
    Derivation { detail: String },
    #[error("the value is too long to be encrypted")]
    TooLong,
    #[error("the system gives no random numbers")]
    NoRandomness,
}

impl VaultError {
    /// What the operator can do about it, if anything.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::WrongKey { .. } => Some("give the key that `tradefleet init` or `keys rotate` made".to_owned()),
            Self::Unreadable { account, .. } => Some(format!("enter the keys of account {account} again")),
            Self::NoKey { .. } => Some(
                "name a key file in the configuration, or set TRADEFLEET_MASTER_KEY; `tradefleet init` makes a key"
                    .to_owned(),
            ),
            Self::Permissions { path, .. } => Some(format!("run `chmod 600 {}`", path.display())),
            Self::KeyFileExists { .. } => Some("a key is never overwritten: choose another path".to_owned()),
            Self::NotAKey
            | Self::NotASalt
            | Self::BadKey { .. }
            | Self::File { .. }
            | Self::Prompt { .. }
            | Self::Derivation { .. }
            | Self::TooLong
            | Self::NoRandomness => None,
        }
    }
}
