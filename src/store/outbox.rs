//! Notices that wait to be told. A row is written in the transaction that causes it; telling it means to write the
//! message for its chat and to mark the row, in one transaction.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use super::{StoreError, column};
use crate::domain::ids::AccountId;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::turn::Severity;

/// Rows that were told are kept so long.
const KEPT: DurationMs = DurationMs::from_secs(30 * 86_400);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    pub id: i64,
    pub account: AccountId,
    /// A word of [`crate::engine::turn::NoticeKind`], or one that another room writes.
    pub kind: String,
    pub severity: Severity,
    /// Names and numbers.
    pub fields: BTreeMap<String, String>,
    pub created_at: Timestamp,
    /// pending, sent or dead.
    pub status: String,
    pub last_error: Option<String>,
}

/// What nobody was told yet, oldest first.
pub fn waiting(conn: &Connection, limit: u32) -> Result<Vec<NoticeRow>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM outbox WHERE status = 'pending' AND account_id IS NOT NULL ORDER BY id LIMIT ?1",
    )?;
    let rows = statement.query_map([limit], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether something waits for a chat that may go by now: a notice, or a message made of some.
pub fn has_deliverable(conn: &Connection, now: Timestamp) -> Result<bool, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM outbox JOIN telegram_bots USING (account_id) WHERE status = 'pending')
             OR EXISTS (SELECT 1 FROM telegram_replies WHERE status = 'pending' AND not_before <= ?1)",
    )?;
    Ok(statement.query_row([now.ms()], |row| row.get(0))?)
}

/// The last ones, newest first.
pub fn list(
    conn: &Connection,
    account: Option<AccountId>,
    status: Option<&str>,
    limit: u32,
) -> Result<Vec<NoticeRow>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM outbox WHERE account_id IS NOT NULL AND (?1 IS NULL OR account_id = ?1)
             AND (?2 IS NULL OR status = ?2)
         ORDER BY id DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(params![account.map(AccountId::get), status, limit], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// They were told, or, with a reason, never will be.
pub fn settle(
    conn: &Connection,
    ids: &[i64],
    reason: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut statement = conn.prepare_cached(
        "UPDATE outbox SET status = CASE WHEN ?2 IS NULL THEN 'sent' ELSE 'dead' END, last_error = ?2, sent_at = ?3
         WHERE id = ?1 AND status = 'pending'",
    )?;
    for id in ids {
        statement.execute(params![id, reason, now.ms()])?;
    }
    conn.prepare_cached("DELETE FROM outbox WHERE status <> 'pending' AND sent_at < ?1")?
        .execute([now.minus(KEPT).ms()])?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<NoticeRow> {
    let fields: serde_json::Value = column::json(row, "payload")?;
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = fields.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text(value)));
    Ok(NoticeRow {
        id: row.get("id")?,
        account: AccountId::new(row.get("account_id")?),
        kind: row.get("kind")?,
        severity: column::word(row, "severity", Severity::from_word)?,
        fields: fields.collect(),
        created_at: column::timestamp(row, "created_at")?,
        status: row.get("status")?,
        last_error: row.get("last_error")?,
    })
}
