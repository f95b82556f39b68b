//! The audit log: who did what to which account, in a chain that shows every later change.
//!
//! hash = SHA-256(previous hash ‖ canonical JSON of the entry), in hex. The canonical form is one JSON object with its
//! keys in alphabetical order; `before` and `after` enter as the text that is stored. The id is part of it, so an
//! entry can neither be changed, removed from the middle, nor moved without breaking the chain.
//!
//! Entries cut off at the end leave a valid, shorter chain. The [`anchor`] keeps the end a second time and shows that;
//! its seal, which needs a key, shows it even to one who rewrites the anchor too. A head that was sent off the machine
//! shows the rest: whoever holds the machine, its database and its key can forge all that is on it.

pub mod anchor;

use data_encoding::HEXLOWER;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{StoreError, column};
use crate::domain::time::Timestamp;

pub use anchor::{Anchor, Seal};

/// What the first entry's hash is chained to.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub at: Timestamp,
    /// `cli:USER`, `telegram:CHAT` or `daemon`.
    pub actor: String,
    pub action: String,
    /// The account's name, which outlives its row.
    pub account: Option<String>,
    /// What it was done to: a bot, a setting, a file.
    pub subject: String,
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
}

/// The end of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    pub id: i64,
    pub hash: String,
}

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    pub id: i64,
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub account: Option<String>,
    pub subject: String,
    /// JSON text.
    pub before: Option<String>,
    /// JSON text.
    pub after: Option<String>,
    pub prev_hash: String,
    pub hash: String,
}

/// Where the chain is broken first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    #[error("audit entry {0} was changed")]
    Changed(i64),
    #[error("audit entry {0} was removed")]
    Removed(i64),
    #[error("audit entry {0} does not follow the one before it")]
    OutOfOrder(i64),
    #[error("the end of the audit log was removed: it has {found} entries of {anchored}")]
    Cut { found: i64, anchored: i64 },
    #[error("audit entry {0} is not the one that its anchor knows")]
    Replaced(i64),
    #[error("audit entry {0} is not the one that was sealed")]
    NotAsSealed(i64),
    #[error("the anchor of the audit log was removed")]
    NoAnchor,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// Entries that hold, up to the fault if there is one.
    pub entries: u64,
    /// The last entry that holds; `None` for an empty log.
    pub head: Option<AuditHead>,
    pub fault: Option<AuditFault>,
    /// What was kept of the log beside it; `None`: even that is gone.
    pub anchor: Option<Anchor>,
}

/// Which entries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub account: Option<String>,
    /// `cli:ana`, or `cli` for all who typed.
    pub actor: Option<String>,
    pub action: Option<String>,
    pub since: Option<Timestamp>,
    /// At most so many, the latest.
    pub limit: u32,
}

/// Appends an entry. Belongs into the transaction of the change it records, which must be a writing one: a second
/// writer between reading the head and appending would be refused by the primary key.
pub fn append(conn: &Connection, entry: &AuditEntry) -> Result<AuditHead, StoreError> {
    // The anchor counts more than the log: what was cut off leaves a hole that no later entry closes.
    let head = anchor::head(conn)?.map_or_else(|| head(conn), |anchored| Ok(Some(anchored)))?;
    let mut row = AuditRow {
        id: head.as_ref().map_or(1, |head| head.id.saturating_add(1)),
        at: entry.at,
        actor: entry.actor.clone(),
        action: entry.action.clone(),
        account: entry.account.clone(),
        subject: entry.subject.clone(),
        before: entry.before.as_ref().map(ToString::to_string),
        after: entry.after.as_ref().map(ToString::to_string),
        prev_hash: head.map_or_else(|| GENESIS.to_owned(), |head| head.hash),
        hash: String::new(),
    };
    row.hash = hash_of(&row)?;
    conn.prepare_cached(
        "INSERT INTO audit_log (id, at, actor, action, account, subject, before, after, prev_hash, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        row.id,
        row.at.ms(),
        row.actor,
        row.action,
        row.account,
        row.subject,
        row.before,
        row.after,
        row.prev_hash,
        row.hash
    ])?;
    anchor::move_to(conn, row.id, &row.hash)?;
    Ok(AuditHead { id: row.id, hash: row.hash })
}

/// The last entry, unverified; `None` for an empty log.
pub fn head(conn: &Connection) -> Result<Option<AuditHead>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT id, hash FROM audit_log ORDER BY id DESC LIMIT 1")?;
    let head =
        statement.query_row([], |row| Ok(AuditHead { id: row.get(0)?, hash: row.get(1)? })).optional()?;
    Ok(head)
}

/// Walks the whole chain, compares its end with the anchor, and reports the first entry that does not hold. Whether a
/// seal is genuine only the key can tell.
pub fn verify(conn: &Connection) -> Result<AuditReport, StoreError> {
    let anchor = anchor::read(conn)?;
    let sealed = anchor.as_ref().and_then(|anchor| anchor.seal.as_ref()).map(|seal| seal.head.clone());
    let mut statement = conn.prepare_cached("SELECT * FROM audit_log ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut report = AuditReport { entries: 0, head: None, fault: None, anchor };
    while let Some(row) = rows.next()? {
        let row = from_row(row)?;
        let is_replaced = sealed.as_ref().is_some_and(|head| head.id == row.id && head.hash != row.hash);
        report.fault = fault_of(&row, report.head.as_ref())?
            .or_else(|| is_replaced.then_some(AuditFault::NotAsSealed(row.id)));
        if report.fault.is_some() {
            break;
        }
        report.entries = report.entries.saturating_add(1);
        report.head = Some(AuditHead { id: row.id, hash: row.hash });
    }
    report.fault = report.fault.or_else(|| fault_at_end(report.anchor.as_ref(), report.head.as_ref()));
    Ok(report)
}

/// The hash of one entry; `None` when it is not there.
pub fn hash_at(conn: &Connection, id: i64) -> Result<Option<String>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT hash FROM audit_log WHERE id = ?1")?;
    Ok(statement.query_row([id], |row| row.get(0)).optional()?)
}

/// Compares the end of a chain that holds with what is kept of it.
fn fault_at_end(anchor: Option<&Anchor>, head: Option<&AuditHead>) -> Option<AuditFault> {
    let found = head.map_or(0, |head| head.id);
    let Some(anchor) = anchor else { return Some(AuditFault::NoAnchor) };
    let sealed = anchor.seal.as_ref().map_or(0, |seal| seal.head.id);
    let anchored = anchor.head.id.max(sealed);
    if found < anchored {
        return Some(AuditFault::Cut { found, anchored });
    }
    let hash = head.map_or(GENESIS, |head| head.hash.as_str());
    (found != anchor.head.id || hash != anchor.head.hash).then_some(AuditFault::Replaced(found))
}

/// The latest entries that pass the filter, oldest first.
pub fn list(conn: &Connection, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM (
             SELECT * FROM audit_log
             WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR at >= ?2) AND (?5 IS NULL OR action = ?5)
               AND (?4 IS NULL OR actor = ?4 OR substr(actor, 1, length(?4) + 1) = ?4 || ':')
             ORDER BY id DESC LIMIT ?3
         ) ORDER BY id",
    )?;
    let since = filter.since.map(Timestamp::ms);
    let key = params![filter.account, since, filter.limit, filter.actor, filter.action];
    let rows = statement.query_map(key, from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn fault_of(row: &AuditRow, before: Option<&AuditHead>) -> Result<Option<AuditFault>, StoreError> {
    let expected_id = before.map_or(1, |head| head.id.saturating_add(1));
    if row.id > expected_id {
        return Ok(Some(AuditFault::Removed(expected_id)));
    }
    if row.id < expected_id || before.map_or(GENESIS, |head| head.hash.as_str()) != row.prev_hash {
        return Ok(Some(AuditFault::OutOfOrder(row.id)));
    }
    Ok((hash_of(row)? != row.hash).then_some(AuditFault::Changed(row.id)))
}

/// What is hashed. The field order is the form's definition and must never change.
#[derive(Serialize)]
struct Canonical<'a> {
    account: Option<&'a str>,
    action: &'a str,
    actor: &'a str,
    after: Option<&'a str>,
    at: i64,
    before: Option<&'a str>,
    id: i64,
    subject: &'a str,
}

fn hash_of(row: &AuditRow) -> Result<String, StoreError> {
    let canonical = serde_json::to_vec(&Canonical {
        account: row.account.as_deref(),
        action: &row.action,
        actor: &row.actor,
        after: row.after.as_deref(),
        at: row.at.ms(),
        before: row.before.as_deref(),
        id: row.id,
        subject: &row.subject,
    })
    .map_err(|error| StoreError::Other { detail: format!("audit entry: {error}") })?;
    let digest = Sha256::new().chain_update(row.prev_hash.as_bytes()).chain_update(canonical).finalize();
    Ok(HEXLOWER.encode(&digest))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        id: row.get("id")?,
        at: column::timestamp(row, "at")?,
        actor: row.get("actor")?,
        action: row.get("action")?,
        account: row.get("account")?,
        subject: row.get("subject")?,
        before: row.get("before")?,
        after: row.get("after")?,
        prev_hash: row.get("prev_hash")?,
        hash: row.get("hash")?,
    })
}

#[cfg(test)]
mod tests;
