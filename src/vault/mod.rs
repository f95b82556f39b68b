//! Encryption of exchange keys and bot tokens at rest.
//!
//! Each value is sealed with XChaCha20-Poly1305 under the master key and bound to its account, its field and the
//! key's version: a value copied to another row or column does not open. The text form is `v1:` and the base64 of
//! nonce ‖ ciphertext ‖ tag. The nonce has 192 random bits, so it never needs a counter.
//!
//! Secrets live in types that are wiped when dropped and print as `[secret]`. The master key is not in the database.

pub mod audit_seal;
pub mod error;
pub mod key_file;
pub mod key_source;
pub mod master_key;
pub mod reference;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::BASE64;
use zeroize::Zeroize;

pub use error::VaultError;
pub use key_source::{FoundKey, KeyLookup, KeySource};
pub use master_key::{MasterKey, Salt};

use crate::domain::ids::AccountId;
pub use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
pub use crate::store::vault_meta::{Derivation, Field, SealedField, VaultMeta};

const FORMAT: &str = "v1:";
const NONCE_BYTES: usize = 24;
/// What the key check holds; known, so that a wrong key is told from a damaged value.
const KEY_CHECK: &str = "tradefleet key check";

/// The unlocked master key.
#[derive(Debug)]
pub struct Vault {
    key: MasterKey,
    key_version: u32,
}

impl Vault {
    /// A vault with its first key. The row belongs into the `vault` table.
    pub fn initialise(
        key: MasterKey,
        salt: Option<&Salt>,
        now: Timestamp,
    ) -> Result<(Self, VaultMeta), VaultError> {
        Self::with_version(key, salt, 1, now)
    }

    /// Proves that the key is the right one. `source` is named when it is not.
    pub fn unlock(key: MasterKey, source: &KeySource, meta: &VaultMeta) -> Result<Self, VaultError> {
        let vault = Self { key, key_version: meta.key_version };
        let check = vault.open_bound(&vault.check_binding(), &meta.key_check);
        match check {
            Some(text) if text.expose() == KEY_CHECK => Ok(vault),
            Some(_) | None => Err(VaultError::WrongKey { origin: source.to_string() }),
        }
    }

    /// Encrypts a value for one field of one account.
    pub fn seal(&self, account: AccountId, field: Field, secret: &Secret) -> Result<String, VaultError> {
        self.seal_bound(&self.binding(account, field), secret)
    }

    /// Decrypts what [`Vault::seal`] made for the same account and field.
    pub fn open(&self, account: AccountId, field: Field, sealed: &str) -> Result<Secret, VaultError> {
        self.open_bound(&self.binding(account, field), sealed)
            .ok_or(VaultError::Unreadable { account, field })
    }

    /// Re-encrypts values under a new key. Vault row and values belong into one transaction, so that the database
    /// is under the old key or under the new one, never under both.
    pub fn rotate(
        &self,
        old: &VaultMeta,
        new_key: MasterKey,
        salt: Option<&Salt>,
        fields: &[SealedField],
        now: Timestamp,
    ) -> Result<Rotation, VaultError> {
        let version = self.key_version.saturating_add(1);
        let (vault, meta) = Self::with_version(new_key, salt, version, now)?;
        let fields = fields
            .iter()
            .map(|sealed| {
                let SealedField { account, field, ref text } = *sealed;
                let secret = self.open(account, field, text)?;
                Ok(SealedField { account, field, text: vault.seal(account, field, &secret)? })
            })
            .collect::<Result<_, VaultError>>()?;
        let meta = VaultMeta { created_at: old.created_at, rotated_at: Some(now), ..meta };
        Ok(Rotation { vault, meta, fields })
    }

    fn with_version(
        key: MasterKey,
        salt: Option<&Salt>,
        key_version: u32,
        now: Timestamp,
    ) -> Result<(Self, VaultMeta), VaultError> {
        let vault = Self { key, key_version };
        let key_check = vault.seal_bound(&vault.check_binding(), &Secret::new(KEY_CHECK.to_owned()))?;
        let meta = VaultMeta {
            key_version,
            derivation: if salt.is_some() { Derivation::Argon2id } else { Derivation::Raw },
            salt: salt.map(Salt::to_hex),
            key_check,
            created_at: now,
            rotated_at: None,
        };
        Ok((vault, meta))
    }

    fn seal_bound(&self, binding: &[u8], secret: &Secret) -> Result<String, VaultError> {
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| VaultError::NoRandomness)?;
        let payload = Payload { msg: secret.expose().as_bytes(), aad: binding };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::TooLong)?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(format!("{FORMAT}{}", BASE64.encode(&bytes)))
    }

    /// `None` when anything is not as it was sealed: the cipher does not say what.
    fn open_bound(&self, binding: &[u8], sealed: &str) -> Option<Secret> {
        let bytes = BASE64.decode(sealed.strip_prefix(FORMAT)?.as_bytes()).ok()?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: ciphertext, aad: binding };
        let plain = self.cipher().decrypt(&XNonce::from(*nonce), payload).ok()?;
        match String::from_utf8(plain) {
            Ok(text) => Some(Secret::new(text)),
            Err(error) => {
                error.into_bytes().zeroize();
                None
            }
        }
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.key.bytes().into())
    }

    fn binding(&self, account: AccountId, field: Field) -> Vec<u8> {
        binding(self.key_version, account.get(), field.as_str())
    }

    /// No account has id 0, so the check can never be taken for a value.
    fn check_binding(&self) -> Vec<u8> {
        binding(self.key_version, 0, "key_check")
    }
}

/// What `keys rotate` writes in one transaction.
#[derive(Debug)]
pub struct Rotation {
    pub vault: Vault,
    pub meta: VaultMeta,
    pub fields: Vec<SealedField>,
}

/// The associated data. All parts but the last have a fixed length, so no two places share one.
fn binding(key_version: u32, account: u32, field: &str) -> Vec<u8> {
    let mut data = b"tradefleet".to_vec();
    data.extend_from_slice(&key_version.to_be_bytes());
    data.extend_from_slice(&account.to_be_bytes());
    data.extend_from_slice(field.as_bytes());
    data
}

#[cfg(test)]
mod tests;
