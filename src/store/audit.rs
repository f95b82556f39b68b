//! The audit log: who did what to which account, in a chain that shows every later change.
//!
//! hash = SHA-256(previous hash ‖ canonical JSON of the entry), in hex. The canonical form is one JSON object with its
//! keys in alphabetical order; `before` and `after` enter as the text that is stored. The id is part of it, so an
//! entry can neither be changed, removed from the middle, nor moved without breaking the chain.
//!
//! Entries cut off at the end leave a valid, shorter chain. Only a head kept elsewhere shows that: compare the head
//! that [`append`] and [`verify`] return with one that was sent off the machine.

use data_encoding::HEXLOWER;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{StoreError, column};
use crate::domain::time::Timestamp;

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
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// Entries that hold, up to the fault if there is one.
    pub entries: u64,
    /// The last entry that holds; `None` for an empty log.
    pub head: Option<AuditHead>,
    pub fault: Option<AuditFault>,
}

/// Which entries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub account: Option<String>,
    pub since: Option<Timestamp>,
    /// At most so many, the latest.
    pub limit: u32,
}

/// Appends an entry. Belongs into the transaction of the change it records, which must be a writing one: a second
/// writer between reading the head and appending would be refused by the primary key.
pub fn append(conn: &Connection, entry: &AuditEntry) -> Result<AuditHead, StoreError> {
    let head = head(conn)?;
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
    Ok(AuditHead { id: row.id, hash: row.hash })
}

/// The last entry, unverified; `None` for an empty log.
pub fn head(conn: &Connection) -> Result<Option<AuditHead>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT id, hash FROM audit_log ORDER BY id DESC LIMIT 1")?;
    let head =
        statement.query_row([], |row| Ok(AuditHead { id: row.get(0)?, hash: row.get(1)? })).optional()?;
    Ok(head)
}

/// Walks the whole chain and reports the first entry that does not hold.
pub fn verify(conn: &Connection) -> Result<AuditReport, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM audit_log ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut report = AuditReport { entries: 0, head: None, fault: None };
    while let Some(row) = rows.next()? {
        let row = from_row(row)?;
        report.fault = fault_of(&row, report.head.as_ref())?;
        if report.fault.is_some() {
            break;
        }
        report.entries = report.entries.saturating_add(1);
        report.head = Some(AuditHead { id: row.id, hash: row.hash });
    }
    Ok(report)
}

/// The latest entries that pass the filter, oldest first.
pub fn list(conn: &Connection, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM (
             SELECT * FROM audit_log WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR at >= ?2)
             ORDER BY id DESC LIMIT ?3
         ) ORDER BY id",
    )?;
    let since = filter.since.map(Timestamp::ms);
    let rows = statement.query_map(params![filter.account, since, filter.limit], from_row)?;
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
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::Store;
    use crate::store::scratch::Scratch;

    fn entry(n: i64) -> AuditEntry {
        AuditEntry {
            at: Timestamp::from_ms(n),
            actor: "cli:ana".to_owned(),
            action: "account.set".to_owned(),
            account: (n % 2 == 0).then(|| "family".to_owned()),
            subject: "leverage".to_owned(),
            before: Some(json!({"leverage": n})),
            after: Some(json!({"leverage": n + 1})),
        }
    }

    fn log_of_five(scratch: &Scratch) -> Store {
        let store = scratch.open();
        for n in 1..=5 {
            append(store.conn(), &entry(n)).unwrap();
        }
        store
    }

    #[test]
    fn an_untouched_chain_holds_and_returns_its_head() {
        let scratch = Scratch::new();
        let store = log_of_five(&scratch);
        let report = verify(store.conn()).unwrap();
        assert_eq!((report.entries, report.fault), (5, None));
        assert_eq!(report.head, head(store.conn()).unwrap());
    }

    #[test]
    fn the_log_itself_refuses_changes() {
        let scratch = Scratch::new();
        let store = log_of_five(&scratch);
        for sql in ["UPDATE audit_log SET actor = 'x' WHERE id = 2", "DELETE FROM audit_log WHERE id = 2"] {
            let refused = StoreError::from(store.conn().execute_batch(sql).unwrap_err());
            assert!(refused.to_string().contains("append-only"), "{refused}");
        }
    }

    #[test]
    fn whoever_drops_the_triggers_is_still_found_out() {
        let swap = "UPDATE audit_log SET id = 99 WHERE id = 2; UPDATE audit_log SET id = 2 WHERE id = 3;
                    UPDATE audit_log SET id = 3 WHERE id = 99;";
        let cases = [
            ("UPDATE audit_log SET after = '{\"leverage\":100}' WHERE id = 3", AuditFault::Changed(3)),
            ("UPDATE audit_log SET at = 0 WHERE id = 1", AuditFault::Changed(1)),
            ("UPDATE audit_log SET account = NULL WHERE id = 4", AuditFault::Changed(4)),
            ("DELETE FROM audit_log WHERE id = 2", AuditFault::Removed(2)),
            ("DELETE FROM audit_log WHERE id = 1", AuditFault::Removed(1)),
            (
                "DELETE FROM audit_log WHERE id = 3; UPDATE audit_log SET id = id - 1 WHERE id > 3",
                AuditFault::OutOfOrder(3),
            ),
            (swap, AuditFault::OutOfOrder(2)),
        ];
        for (tampering, fault) in cases {
            let scratch = Scratch::new();
            let store = log_of_five(&scratch);
            store
                .conn()
                .execute_batch("DROP TRIGGER audit_log_no_update; DROP TRIGGER audit_log_no_delete")
                .unwrap();
            store.conn().execute_batch(tampering).unwrap();
            assert_eq!(verify(store.conn()).unwrap().fault, Some(fault), "{tampering}");
        }
    }

    #[test]
    fn a_cut_tail_shows_only_against_a_head_kept_elsewhere() {
        let scratch = Scratch::new();
        let store = log_of_five(&scratch);
        let kept = head(store.conn()).unwrap();
        store
            .conn()
            .execute_batch("DROP TRIGGER audit_log_no_delete; DELETE FROM audit_log WHERE id = 5")
            .unwrap();
        let report = verify(store.conn()).unwrap();
        assert_eq!(report.fault, None);
        assert_ne!(report.head, kept);
    }

    #[test]
    fn the_list_is_filtered_and_limited_to_the_latest() {
        let scratch = Scratch::new();
        let store = log_of_five(&scratch);
        let ids = |filter: AuditFilter| -> Vec<i64> {
            list(store.conn(), &filter).unwrap().iter().map(|row| row.id).collect()
        };
        assert_eq!(ids(AuditFilter { limit: 2, ..AuditFilter::default() }), [4, 5]);
        let account = Some("family".to_owned());
        assert_eq!(ids(AuditFilter { account, limit: 9, ..AuditFilter::default() }), [2, 4]);
        let since = Some(Timestamp::from_ms(4));
        assert_eq!(ids(AuditFilter { since, limit: 9, ..AuditFilter::default() }), [4, 5]);
    }
}
