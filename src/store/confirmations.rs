//! Commands from chats that wait for their button. A row is written with the question and ends once: pressed,
//! cancelled, or too old.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use super::{StoreError, column};
use crate::domain::ids::AccountId;
use crate::domain::time::{DurationMs, Timestamp};

/// Ended and expired rows are kept so long, so that a late press can be told what it was.
const KEPT: DurationMs = DurationMs::from_secs(86_400);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// One-time, and hard to guess.
    pub token: String,
    pub account_id: AccountId,
    pub chat_id: i64,
    /// Who asked, and alone may press.
    pub user_id: i64,
    pub command: Value,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// It was pressed, or cancelled.
    pub ended_at: Option<Timestamp>,
}

/// Keeps a question, and forgets the old ones.
pub fn insert(conn: &Connection, asked: &Confirmation) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM telegram_confirmations WHERE expires_at < ?1")?
        .execute([asked.created_at.minus(KEPT).ms()])?;
    conn.prepare_cached(
        "INSERT INTO telegram_confirmations (token, account_id, chat_id, user_id, command, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        asked.token,
        asked.account_id.get(),
        asked.chat_id,
        asked.user_id,
        asked.command.to_string(),
        asked.created_at.ms(),
        asked.expires_at.ms()
    ])?;
    Ok(())
}

pub fn find(conn: &Connection, token: &str) -> Result<Option<Confirmation>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM telegram_confirmations WHERE token = ?1")?;
    Ok(statement.query_row([token], from_row).optional()?)
}

/// Ends an open one; an error when it has ended already.
pub fn end(conn: &Connection, token: &str, is_confirmed: bool, now: Timestamp) -> Result<(), StoreError> {
    let outcome = if is_confirmed { "confirmed" } else { "cancelled" };
    let changed = conn
        .prepare_cached(
            "UPDATE telegram_confirmations SET outcome = ?2, ended_at = ?3 WHERE token = ?1 AND ended_at IS NULL",
        )?
        .execute(params![token, outcome, now.ms()])?;
    if changed == 0 { Err(StoreError::not_found("open confirmation", token)) } else { Ok(()) }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Confirmation> {
    Ok(Confirmation {
        token: row.get("token")?,
        account_id: AccountId::new(row.get("account_id")?),
        chat_id: row.get("chat_id")?,
        user_id: row.get("user_id")?,
        command: column::json(row, "command")?,
        created_at: column::timestamp(row, "created_at")?,
        expires_at: column::timestamp(row, "expires_at")?,
        ended_at: column::timestamp_opt(row, "ended_at")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::kind::ExchangeKind;
    use crate::store::accounts;
    use crate::store::scratch::Scratch;

    #[test]
    fn a_question_ends_once_and_is_forgotten_after_a_day() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let (conn, at) = (store.conn(), |secs: i64| Timestamp::from_ms(secs * 1_000));
        let account_id = accounts::insert(conn, "a", ExchangeKind::Paper, at(1)).unwrap();
        let asked = |token: &str, secs| Confirmation {
            token: token.to_owned(),
            account_id,
            chat_id: 7,
            user_id: 7,
            command: json!({"command": "halt"}),
            created_at: at(secs),
            expires_at: at(secs + 60),
            ended_at: None,
        };
        insert(conn, &asked("one", 10)).unwrap();
        assert_eq!(find(conn, "one").unwrap(), Some(asked("one", 10)));
        assert_eq!(find(conn, "two").unwrap(), None);
        end(conn, "one", true, at(20)).unwrap();
        assert!(end(conn, "one", true, at(21)).is_err(), "pressed twice");
        assert_eq!(find(conn, "one").unwrap().unwrap().ended_at, Some(at(20)));
        insert(conn, &asked("two", 90_000)).unwrap();
        assert_eq!(find(conn, "one").unwrap(), None);
    }
}
