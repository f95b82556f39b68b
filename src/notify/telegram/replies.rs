//! Answers between the transaction that wrote them and their chat.

use rusqlite::Connection;
use serde::Serialize;

use super::answer::Answer;
use super::gate::Member;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::telegram_replies::{self, ReplyKind};

/// Keeps an answer until it is sent.
pub(in crate::notify) fn keep(
    conn: &Connection,
    member: &Member,
    answer: &Answer,
    now: Timestamp,
) -> Result<(), StoreError> {
    put(conn, member, (ReplyKind::Text, answer), now)?;
    answer.chart.iter().try_for_each(|chart| put(conn, member, (ReplyKind::Chart, chart), now))
}

fn put(
    conn: &Connection,
    member: &Member,
    (kind, body): (ReplyKind, &impl Serialize),
    now: Timestamp,
) -> Result<(), StoreError> {
    let body = serde_json::to_value(body)
        .map_err(|error| StoreError::Other { detail: format!("an answer could not be written: {error}") })?;
    telegram_replies::insert(conn, (member.account, member.chat_id), kind, &body, now)
}
