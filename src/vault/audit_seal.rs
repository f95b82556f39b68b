//! The seal of the audit log: its end, authenticated under a key that comes from the master key.
//!
//! Whoever can write the database but does not hold the key can add entries, but cannot take away what was sealed. The
//! daemon seals within a second of an entry, the command line with its own.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use rusqlite::Connection;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Vault;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::audit::{self, Anchor, AuditHead, Seal, anchor};

/// Parts the seal's key from every other use of the master key.
const PURPOSE: &[u8] = b"tradefleet audit seal 1";

/// What sealing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealed {
    Done,
    /// Nothing new was there.
    UpToDate,
    /// The log does not fit its present seal, which therefore stays: `audit verify` says more.
    Refused,
}

/// What the key says of a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealVerdict {
    Genuine,
    /// Made up, or changed.
    Forged,
    /// Under an earlier master key, or a later one.
    OtherKey,
    Missing,
}

/// Seals the log as it stands, unless what was sealed before is not in it any more.
pub fn seal(vault: &Vault, conn: &Connection, now: Timestamp) -> Result<Sealed, StoreError> {
    let Some(anchor) = anchor::read(conn)? else { return Ok(Sealed::Refused) };
    if let Some(seal) = &anchor.seal {
        if seal.head == anchor.head && seal.key_version == vault.key_version {
            return Ok(Sealed::UpToDate);
        }
        if check(vault, &anchor) != SealVerdict::Genuine || !holds(conn, seal)? {
            return Ok(Sealed::Refused);
        }
    }
    write(vault, conn, anchor.head, now)
}

/// Puts the log under a new key, if the seal under the old one holds.
pub fn reseal(old: &Vault, new: &Vault, conn: &Connection, now: Timestamp) -> Result<Sealed, StoreError> {
    let Some(anchor) = anchor::read(conn)? else { return Ok(Sealed::Refused) };
    let is_good = match &anchor.seal {
        None => true,
        Some(seal) => check(old, &anchor) == SealVerdict::Genuine && holds(conn, seal)?,
    };
    if is_good { write(new, conn, anchor.head, now) } else { Ok(Sealed::Refused) }
}

/// Whether the anchor's seal was made with this key.
pub fn check(vault: &Vault, anchor: &Anchor) -> SealVerdict {
    let Some(seal) = &anchor.seal else { return SealVerdict::Missing };
    if seal.key_version != vault.key_version {
        return SealVerdict::OtherKey;
    }
    let Ok(mac) = HEXLOWER.decode(seal.mac.as_bytes()) else { return SealVerdict::Forged };
    match authenticator(vault, &seal.head).verify_slice(&mac) {
        Ok(()) => SealVerdict::Genuine,
        Err(_) => SealVerdict::Forged,
    }
}

fn holds(conn: &Connection, seal: &Seal) -> Result<bool, StoreError> {
    let found = audit::hash_at(conn, seal.head.id)?;
    Ok(seal.head.id == 0 || found.as_ref() == Some(&seal.head.hash))
}

fn write(vault: &Vault, conn: &Connection, head: AuditHead, now: Timestamp) -> Result<Sealed, StoreError> {
    let mac = HEXLOWER.encode(&authenticator(vault, &head).finalize().into_bytes());
    anchor::write_seal(conn, &Seal { head, at: now, key_version: vault.key_version, mac })?;
    Ok(Sealed::Done)
}

fn authenticator(vault: &Vault, head: &AuditHead) -> Hmac<Sha256> {
    // An HMAC takes keys of every length; the master key has 32 bytes.
    let keyed = |key: &[u8]| {
        let mut block = Zeroizing::new([0_u8; 64]);
        for (slot, byte) in block.iter_mut().zip(key) {
            *slot = *byte;
        }
        Hmac::<Sha256>::new((&*block).into())
    };
    let mut derive = keyed(vault.key.bytes());
    derive.update(PURPOSE);
    let mut seal = keyed(&derive.finalize().into_bytes());
    seal.update(&head.id.to_be_bytes());
    seal.update(head.hash.as_bytes());
    seal
}
