//! Names of accounts, bots, strategies and tags: what shells, paths and chats can carry unquoted.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::ControlError;

macro_rules! allowed {
    ($max:literal) => {
        concat!("1 to ", $max, " letters, digits, `-`, `_` and `.`, not starting with `-`")
    };
}

pub(super) const ACCOUNT: Kind = Kind { what: "account name", max: 64, allowed: allowed!(64) };
pub(super) const BOT: Kind = Kind { what: "bot name", max: 100, allowed: allowed!(100) };
pub(super) const STRATEGY: Kind = Kind { what: "strategy name", max: 64, allowed: allowed!(64) };
pub(super) const TAG: Kind = Kind { what: "tag", max: 32, allowed: allowed!(32) };

/// One kind of name.
pub(super) struct Kind {
    what: &'static str,
    /// Characters.
    max: usize,
    allowed: &'static str,
}

impl Kind {
    pub(super) fn check(&self, name: &str) -> Result<(), ControlError> {
        let length = name.chars().count();
        let is_plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if (1..=self.max).contains(&length) && is_plain && !name.starts_with('-') {
            return Ok(());
        }
        Err(ControlError::BadName { what: self.what, name: name.to_owned(), allowed: self.allowed })
    }
}

/// Eight hex digits that tell names apart where their letters cannot be kept.
pub(super) fn mark(name: &str) -> String {
    let mut digits = HEXLOWER.encode(&Sha256::digest(name));
    digits.truncate(8);
    digits
}
