//! Commands: how the CLI and chats speak to the daemon. A row is written, the daemon answers in the same row.

use std::fmt;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use super::{StoreError, column};
use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;
use crate::domain::words::words;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandStatus {
    Pending,
    Acknowledged,
    Refused,
}

words!(CommandStatus { Pending => "pending", Acknowledged => "acknowledged", Refused => "refused" });

/// What is asked of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommand {
    /// `cli:USER` or `telegram:CHAT`.
    pub actor: String,
    /// `None` = it concerns all accounts.
    pub account_id: Option<AccountId>,
    pub kind: String,
    pub payload: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRow {
    pub id: i64,
    pub created_at: Timestamp,
    pub command: NewCommand,
    pub status: CommandStatus,
    /// The daemon's answer.
    pub result: Option<String>,
    pub acknowledged_at: Option<Timestamp>,
}

/// Adds a pending command and returns its id.
pub fn insert(conn: &Connection, command: &NewCommand, now: Timestamp) -> Result<i64, StoreError> {
    let id = conn
        .prepare_cached(
            "INSERT INTO commands (created_at, actor, account_id, kind, payload)
             VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
        )?
        .query_row(
            params![
                now.ms(),
                command.actor,
                command.account_id.map(AccountId::get),
                command.kind,
                command.payload.to_string()
            ],
            |row| row.get(0),
        )?;
    Ok(id)
}

/// Pending commands with ids above `after_id`, oldest first.
pub fn pending(conn: &Connection, after_id: i64) -> Result<Vec<CommandRow>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM commands WHERE status = 'pending' AND id > ?1 ORDER BY id")?;
    let rows = statement.query_map([after_id], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Answers a pending command. One that has its answer already keeps it, and this is an error.
pub fn acknowledge(
    conn: &Connection,
    id: i64,
    status: CommandStatus,
    result: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let changed = conn
        .prepare_cached(
            "UPDATE commands SET status = ?2, result = ?3, acknowledged_at = ?4
             WHERE id = ?1 AND status = 'pending'",
        )?
        .execute(params![id, status.as_str(), result, now.ms()])?;
    if changed == 0 { Err(StoreError::not_found("pending command", id.to_string())) } else { Ok(()) }
}

/// One command as it stands, without waiting for anything.
pub fn get(conn: &Connection, id: i64) -> Result<CommandRow, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM commands WHERE id = ?1")?;
    let row = statement.query_row([id], from_row).optional()?;
    row.ok_or_else(|| StoreError::not_found("command", id.to_string()))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<CommandRow> {
    Ok(CommandRow {
        id: row.get("id")?,
        created_at: column::timestamp(row, "created_at")?,
        command: NewCommand {
            actor: row.get("actor")?,
            account_id: row.get::<_, Option<u32>>("account_id")?.map(AccountId::new),
            kind: row.get("kind")?,
            payload: column::json(row, "payload")?,
        },
        status: column::word(row, "status", CommandStatus::from_word)?,
        result: row.get("result")?,
        acknowledged_at: column::timestamp_opt(row, "acknowledged_at")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::scratch::Scratch;

    #[test]
    fn a_command_is_answered_once() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let (conn, now) = (store.conn(), Timestamp::from_ms(5));
        let command = NewCommand {
            actor: "cli:ana".to_owned(),
            account_id: None,
            kind: "halt".to_owned(),
            payload: json!({"flatten": true}),
        };
        let first = insert(conn, &command, now).unwrap();
        let second = insert(conn, &command, now).unwrap();
        let ids = |after| -> Vec<i64> { pending(conn, after).unwrap().iter().map(|row| row.id).collect() };
        assert_eq!((ids(0), ids(first)), (vec![first, second], vec![second]));

        acknowledge(conn, first, CommandStatus::Refused, "no such account", now).unwrap();
        assert_eq!(ids(0), [second]);
        let row = get(conn, first).unwrap();
        assert_eq!((row.command, row.status), (command, CommandStatus::Refused));
        assert_eq!(row.result.as_deref(), Some("no such account"));
        assert!(acknowledge(conn, first, CommandStatus::Acknowledged, "", now).is_err());
        assert!(get(conn, 99).is_err());
    }
}
