//! Messages that leave by a wire which may fail: how often each was tried, when it is tried again, and that it left or
//! never will.

use rusqlite::{Connection, params};

use super::StoreError;
use crate::domain::time::Timestamp;

/// The tables of such messages; they have the columns `attempts`, `not_before`, `status`, `last_error`, `sent_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Messages {
    Alerts,
    Replies,
}

impl Messages {
    const fn table(self) -> &'static str {
        match self {
            Self::Alerts => "alert_messages",
            Self::Replies => "telegram_replies",
        }
    }
}

/// A message has left.
pub(super) fn sent(conn: &Connection, of: Messages, id: i64, now: Timestamp) -> Result<(), StoreError> {
    let table = of.table();
    conn.prepare_cached(&format!(
        "UPDATE {table} SET status = 'sent', attempts = attempts + 1, sent_at = ?2 WHERE id = ?1"
    ))?
    .execute(params![id, now.ms()])?;
    Ok(())
}

/// To be tried again, not before `again`; `None`: it is given up.
pub(super) fn failed(
    conn: &Connection,
    of: Messages,
    id: i64,
    error: &str,
    again: Option<Timestamp>,
) -> Result<(), StoreError> {
    let table = of.table();
    conn.prepare_cached(&format!(
        "UPDATE {table} SET attempts = attempts + 1, last_error = ?2, not_before = coalesce(?3, not_before),
             status = CASE WHEN ?3 IS NULL THEN 'dead' ELSE 'pending' END
         WHERE id = ?1"
    ))?
    .execute(params![id, error, again.map(Timestamp::ms)])?;
    Ok(())
}
