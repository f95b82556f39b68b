//! The vault's row, and the encrypted values that stand in other tables. To the store they are opaque text.

use std::str::FromStr;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, column};
use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;

/// How the master key is made from what the operator holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Derivation {
    /// It is the key itself: 64 hex digits.
    Raw,
    /// It is a passphrase.
    Argon2id,
}

impl Derivation {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Argon2id => "argon2id",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("derivation `{0}` is not raw or argon2id")]
pub struct UnknownDerivation(String);

impl FromStr for Derivation {
    type Err = UnknownDerivation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Raw, Self::Argon2id]
            .into_iter()
            .find(|derivation| derivation.as_str() == text)
            .ok_or_else(|| UnknownDerivation(text.to_owned()))
    }
}

/// What must be known to unlock the vault, none of it secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultMeta {
    pub key_version: u32,
    pub derivation: Derivation,
    /// Hex; set for `argon2id`.
    pub salt: Option<String>,
    /// A known text under the master key.
    pub key_check: String,
    pub created_at: Timestamp,
    pub rotated_at: Option<Timestamp>,
}

/// The columns that hold encrypted values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    ApiKey,
    ApiSecret,
    Passphrase,
    BotToken,
}

impl Field {
    pub const ALL: [Self; 4] = [Self::ApiKey, Self::ApiSecret, Self::Passphrase, Self::BotToken];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::ApiSecret => "api_secret",
            Self::Passphrase => "passphrase",
            Self::BotToken => "bot_token",
        }
    }

    const fn select(self) -> &'static str {
        match self {
            Self::ApiKey => "SELECT id, api_key FROM accounts WHERE api_key IS NOT NULL",
            Self::ApiSecret => "SELECT id, api_secret FROM accounts WHERE api_secret IS NOT NULL",
            Self::Passphrase => "SELECT id, passphrase FROM accounts WHERE passphrase IS NOT NULL",
            Self::BotToken => "SELECT account_id, bot_token FROM telegram_bots",
        }
    }

    const fn update(self) -> &'static str {
        match self {
            Self::ApiKey => "UPDATE accounts SET api_key = ?2 WHERE id = ?1",
            Self::ApiSecret => "UPDATE accounts SET api_secret = ?2 WHERE id = ?1",
            Self::Passphrase => "UPDATE accounts SET passphrase = ?2 WHERE id = ?1",
            Self::BotToken => "UPDATE telegram_bots SET bot_token = ?2 WHERE account_id = ?1",
        }
    }
}

/// One encrypted value and the place it is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedField {
    pub account: AccountId,
    pub field: Field,
    pub text: String,
}

/// The row; `None` before the vault was initialised.
pub fn read(conn: &Connection) -> Result<Option<VaultMeta>, StoreError> {
    Ok(conn.query_row("SELECT * FROM vault WHERE id = 1", [], from_row).optional()?)
}

/// Writes the row, replacing the present one.
pub fn write(conn: &Connection, meta: &VaultMeta) -> Result<(), StoreError> {
    conn.execute(
        "INSERT INTO vault (id, key_version, derivation, salt, key_check, created_at, rotated_at)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET key_version = excluded.key_version, derivation = excluded.derivation,
             salt = excluded.salt, key_check = excluded.key_check, created_at = excluded.created_at,
             rotated_at = excluded.rotated_at",
        params![
            meta.key_version,
            meta.derivation.as_str(),
            meta.salt,
            meta.key_check,
            meta.created_at.ms(),
            meta.rotated_at.map(Timestamp::ms)
        ],
    )?;
    Ok(())
}

/// Every encrypted value in the database, those of removed accounts too.
pub fn sealed_fields(conn: &Connection) -> Result<Vec<SealedField>, StoreError> {
    let mut all = Vec::new();
    for field in Field::ALL {
        let mut statement = conn.prepare(field.select())?;
        let rows = statement.query_map([], |row| {
            Ok(SealedField { account: AccountId::new(row.get(0)?), field, text: row.get(1)? })
        })?;
        for row in rows {
            all.push(row?);
        }
    }
    Ok(all)
}

/// Writes re-sealed values to the places they came from.
pub fn replace_sealed(conn: &Connection, fields: &[SealedField]) -> Result<(), StoreError> {
    for sealed in fields {
        let changed = conn
            .prepare_cached(sealed.field.update())?
            .execute(params![sealed.account.get(), sealed.text])?;
        if changed == 0 {
            return Err(StoreError::not_found("account", sealed.account.to_string()));
        }
    }
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<VaultMeta> {
    Ok(VaultMeta {
        key_version: row.get("key_version")?,
        derivation: column::parsed(row, "derivation")?,
        salt: row.get("salt")?,
        key_check: row.get("key_check")?,
        created_at: column::timestamp(row, "created_at")?,
        rotated_at: column::timestamp_opt(row, "rotated_at")?,
    })
}
