//! Answers to commands from chats. A row is written in the transaction of its command and leaves afterwards, in order.

use std::fmt;

use rusqlite::{Connection, Row, params};
use serde_json::Value;

use super::tries::{self, Messages};
use super::{StoreError, column};
use crate::domain::ids::AccountId;
use crate::domain::time::{DurationMs, Timestamp};
use crate::domain::words::words;

/// Rows that have left are kept so long.
const KEPT: DurationMs = DurationMs::from_secs(7 * 86_400);

/// Says the condition of the index in its words.
const PRUNE: &str = "DELETE FROM telegram_replies WHERE id IN (SELECT id FROM telegram_replies
     WHERE status <> 'pending' AND created_at < ?1 ORDER BY created_at LIMIT ?2)";

/// Each kind leaves by itself, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyKind {
    Text,
    Chart,
}

words!(ReplyKind { Text => "text", Chart => "chart" });

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyRow {
    pub id: i64,
    pub account_id: AccountId,
    pub chat_id: i64,
    pub body: Value,
    pub not_before: Timestamp,
    pub attempts: u32,
}

pub fn insert(
    conn: &Connection,
    (account, chat_id): (AccountId, i64),
    kind: ReplyKind,
    body: &Value,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO telegram_replies (account_id, chat_id, kind, body, created_at, not_before)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
    )?
    .execute(params![account.get(), chat_id, kind.as_str(), body.to_string(), now.ms()])?;
    Ok(())
}

/// Forgets what has left long ago, at most `limit` rows: the writer has other work.
pub fn prune(conn: &Connection, now: Timestamp, limit: u32) -> Result<(), StoreError> {
    conn.prepare_cached(PRUNE)?.execute(params![now.minus(KEPT).ms(), limit])?;
    Ok(())
}

/// What of a kind has not left yet, oldest first.
pub fn pending(
    conn: &Connection,
    account: AccountId,
    kind: ReplyKind,
    limit: u32,
) -> Result<Vec<ReplyRow>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM telegram_replies WHERE account_id = ?1 AND status = 'pending' AND kind = ?2
         ORDER BY id LIMIT ?3",
    )?;
    let rows = statement.query_map(params![account.get(), kind.as_str(), limit], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn sent(conn: &Connection, id: i64, now: Timestamp) -> Result<(), StoreError> {
    tries::sent(conn, Messages::Replies, id, now)
}

/// To be tried again, not before `again`; `None`: it will never arrive.
pub fn failed(conn: &Connection, id: i64, error: &str, again: Option<Timestamp>) -> Result<(), StoreError> {
    tries::failed(conn, Messages::Replies, id, error, again)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<ReplyRow> {
    Ok(ReplyRow {
        id: row.get("id")?,
        account_id: AccountId::new(row.get("account_id")?),
        chat_id: row.get("chat_id")?,
        body: column::json(row, "body")?,
        not_before: column::timestamp(row, "not_before")?,
        attempts: row.get("attempts")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kind::ExchangeKind;
    use crate::store::accounts;
    use crate::store::scratch::Scratch;

    #[test]
    fn what_has_left_is_forgotten_after_its_time_a_part_at_a_time() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let (conn, at) = (store.conn(), Timestamp::from_ms);
        let account = accounts::insert(conn, "a", ExchangeKind::Paper, at(1)).unwrap();
        let put = |now| insert(conn, (account, 7), ReplyKind::Text, &Value::from("x"), now).unwrap();
        (0..4).for_each(|_| put(at(1)));
        (1..=3).for_each(|id| sent(conn, id, at(2)).unwrap());
        let late = at(2).plus(KEPT);
        put(late);
        let count = || -> i64 {
            conn.query_row("SELECT count(*) FROM telegram_replies", [], |row| row.get(0)).unwrap()
        };
        assert_eq!(count(), 5, "writing deletes nothing");
        prune(conn, late, 2).unwrap();
        assert_eq!(count(), 3);
        prune(conn, late, 2).unwrap();
        assert_eq!(count(), 2, "what waits stays however long");
        let plan = store.plan(PRUNE);
        assert!(plan.contains("telegram_replies_left (created_at<?)") && !plan.contains("TEMP"), "{plan}");
    }
}
