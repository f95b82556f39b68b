//! The master key: 32 bytes, from 64 hex digits, from a passphrase, or random.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Secret, VaultError};

const KEY_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
const HEX_DIGITS: usize = 64;

/// Argon2id as RFC 9106 section 4 recommends it where memory is limited: 64 MiB, 3 passes, 4 lanes, 128-bit salt,
/// 256-bit key. A vault keeps these for life: a change of them is a change of its key.
const ARGON2_MEMORY_KIB: u32 = 64 * 1024;
const ARGON2_PASSES: u32 = 3;
const ARGON2_LANES: u32 = 4;

#[derive(Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; KEY_BYTES]);

impl MasterKey {
    pub fn random() -> Result<Self, VaultError> {
        let mut key = Self([0; KEY_BYTES]);
        getrandom::fill(&mut key.0).map_err(|_| VaultError::NoRandomness)?;
        Ok(key)
    }

    /// Reads 64 hex digits; space around them is ignored. The error does not repeat the text.
    pub fn from_hex(text: &Secret) -> Result<Self, VaultError> {
        let digits = text.expose().trim().as_bytes();
        let mut key = Self([0; KEY_BYTES]);
        if digits.len() != HEX_DIGITS || HEXLOWER_PERMISSIVE.decode_mut(digits, &mut key.0).is_err() {
            return Err(VaultError::NotAKey);
        }
        Ok(key)
    }

    /// Derives the key of a passphrase; takes a noticeable moment, on purpose.
    pub fn from_passphrase(passphrase: &Secret, salt: &Salt) -> Result<Self, VaultError> {
        let params = Params::new(ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES, Some(KEY_BYTES))
            .map_err(|error| VaultError::Derivation { detail: error.to_string() })?;
        let mut key = Self([0; KEY_BYTES]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose().as_bytes(), &salt.0, &mut key.0)
            .map_err(|error| VaultError::Derivation { detail: error.to_string() })?;
        Ok(key)
    }

    pub(super) fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(HEXLOWER_PERMISSIVE.encode(&self.0))
    }

    pub(super) const fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The salt of a passphrase; not secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; SALT_BYTES]);

impl Salt {
    pub fn random() -> Result<Self, VaultError> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| VaultError::NoRandomness)?;
        Ok(Self(salt))
    }

    pub fn to_hex(&self) -> String {
        HEXLOWER_PERMISSIVE.encode(&self.0)
    }

    pub fn from_hex(text: &str) -> Result<Self, VaultError> {
        HEXLOWER_PERMISSIVE
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(VaultError::NotASalt)
    }
}
