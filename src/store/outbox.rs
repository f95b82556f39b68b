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

/// Says the condition of the index in its words.
const PRUNE: &str =
    "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE status <> 'pending' AND sent_at < ?1
     ORDER BY sent_at LIMIT ?2)";
const WAITING: &str =
    "SELECT * FROM outbox WHERE status = 'pending' AND account_id IS NOT NULL ORDER BY id LIMIT ?1";

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
    let mut statement = conn.prepare_cached(WAITING)?;
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
    Ok(())
}

/// Forgets what was told long ago, at most `limit` rows: the writer has other work.
pub fn prune(conn: &Connection, now: Timestamp, limit: u32) -> Result<(), StoreError> {
    conn.prepare_cached(PRUNE)?.execute(params![now.minus(KEPT).ms(), limit])?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kind::ExchangeKind;
    use crate::engine::turn::{Notice, NoticeKind};
    use crate::store::scratch::Scratch;
    use crate::store::telegram_bots::{self, TelegramBotRow};
    use crate::store::{accounts, journal};

    #[test]
    fn what_was_told_is_forgotten_after_its_time_a_part_at_a_time() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let (conn, at) = (store.conn(), Timestamp::from_ms);
        let account = accounts::insert(conn, "a", ExchangeKind::Paper, at(1)).unwrap();
        let bot =
            TelegramBotRow { account_id: account, bot_token: String::new(), chat_id: 7, language: None };
        telegram_bots::put(conn, &bot).unwrap();
        let notice = Notice { kind: NoticeKind::Entry, severity: Severity::Info, fields: BTreeMap::new() };
        for _ in 0..5 {
            journal::write_notice(conn, account, at(1), &notice).unwrap();
        }
        settle(conn, &[1, 2, 3], None, at(10)).unwrap();
        let late = at(11).plus(KEPT);
        settle(conn, &[4], None, late).unwrap();
        let left = || {
            let mut left: Vec<i64> = list(conn, None, None, 10).unwrap().iter().map(|row| row.id).collect();
            left.sort_unstable();
            left
        };
        assert_eq!(left(), [1, 2, 3, 4, 5], "telling deletes nothing");
        prune(conn, late, 2).unwrap();
        assert_eq!(left().len(), 3);
        prune(conn, late, 2).unwrap();
        prune(conn, late, 2).unwrap();
        assert_eq!(left(), [4, 5], "what waits stays however long");
    }

    #[test]
    fn no_query_of_each_second_goes_through_what_was_told() {
        let scratch = Scratch::new();
        let store = scratch.open();
        for (sql, index) in [(PRUNE, "outbox_told (sent_at<?)"), (WAITING, "outbox_pending")] {
            let plan = store.plan(sql);
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
        }
    }
}
