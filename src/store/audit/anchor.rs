//! The end of the audit log, kept a second time, and its seal.
//!
//! The anchor moves with every entry, in the same transaction. The seal is an anchor of an earlier moment that was
//! authenticated under the vault's key ([`crate::vault::audit_seal`]); what it says cannot be made up here.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{AuditHead, GENESIS};
use crate::domain::time::Timestamp;
use crate::store::{StoreError, column};

/// What is kept of the log beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The last entry; id 0 before the first.
    pub head: AuditHead,
    /// `None`: never sealed.
    pub seal: Option<Seal>,
}

/// An authenticated end of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    pub head: AuditHead,
    pub at: Timestamp,
    /// Of the master key that it was made with.
    pub key_version: u32,
    /// Hex.
    pub mac: String,
}

/// The row; `None` when somebody removed it.
pub fn read(conn: &Connection) -> Result<Option<Anchor>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM audit_anchor WHERE id = 1")?;
    Ok(statement.query_row([], from_row).optional()?)
}

/// Keeps a new seal.
pub fn write_seal(conn: &Connection, seal: &Seal) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE audit_anchor SET sealed_entries = ?1, sealed_head = ?2, sealed_at = ?3, key_version = ?4, mac = ?5",
    )?
    .execute(params![seal.head.id, seal.head.hash, seal.at.ms(), seal.key_version, seal.mac])?;
    Ok(())
}

/// The anchored end; `None` for an empty log, or without an anchor.
pub(super) fn head(conn: &Connection) -> Result<Option<AuditHead>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT entries, head FROM audit_anchor WHERE id = 1")?;
    let head =
        statement.query_row([], |row| Ok(AuditHead { id: row.get(0)?, hash: row.get(1)? })).optional()?;
    Ok(head.filter(|head| head.id > 0))
}

/// One that was removed is not made again: its absence is a finding.
pub(super) fn move_to(conn: &Connection, id: i64, hash: &str) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE audit_anchor SET entries = ?1, head = ?2")?.execute(params![id, hash])?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Anchor> {
    let seal = match row.get::<_, Option<String>>("mac")? {
        None => None,
        Some(mac) => Some(Seal {
            head: AuditHead {
                id: row.get::<_, Option<i64>>("sealed_entries")?.unwrap_or(0),
                hash: row.get::<_, Option<String>>("sealed_head")?.unwrap_or_else(|| GENESIS.to_owned()),
            },
            at: column::timestamp_opt(row, "sealed_at")?.unwrap_or_default(),
            key_version: row.get::<_, Option<u32>>("key_version")?.unwrap_or(0),
            mac,
        }),
    };
    Ok(Anchor { head: AuditHead { id: row.get("entries")?, hash: row.get("head")? }, seal })
}
