//! Answers between the transaction that wrote them and their chat.

use rusqlite::Connection;

use super::answer::Answer;
use super::gate::Member;
use crate::domain::time::Timestamp;
use crate::store::{StoreError, telegram_replies};

/// Keeps an answer until it is sent.
pub(super) fn keep(
    conn: &Connection,
    member: &Member,
    answer: &Answer,
    now: Timestamp,
) -> Result<(), StoreError> {
    let body = serde_json::to_value(answer)
        .map_err(|error| StoreError::Other { detail: format!("an answer could not be written: {error}") })?;
    telegram_replies::insert(conn, member.account, member.chat_id, &body, now)
}
