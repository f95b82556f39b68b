//! What chats said that was not obeyed and not answered: strangers, groups, edits, floods. Bounded.

use rusqlite::{Connection, Row, params};

use super::{StoreError, column};
use crate::domain::time::Timestamp;

/// Rows that are kept, the latest.
pub const KEPT_MAX: i64 = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredUpdate {
    pub at: Timestamp,
    /// Telegram's public number of the bot that was spoken to.
    pub bot_id: i64,
    pub update_id: i64,
    pub chat_id: Option<i64>,
    pub user_id: Option<i64>,
    /// A stable word.
    pub reason: String,
}

pub fn insert(conn: &Connection, ignored: &IgnoredUpdate) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO telegram_ignored (at, bot_id, update_id, chat_id, user_id, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        ignored.at.ms(),
        ignored.bot_id,
        ignored.update_id,
        ignored.chat_id,
        ignored.user_id,
        ignored.reason
    ])?;
    conn.prepare_cached(
        "DELETE FROM telegram_ignored WHERE id <= (SELECT max(id) FROM telegram_ignored) - ?1",
    )?
    .execute([KEPT_MAX])?;
    Ok(())
}

/// The latest, oldest first.
pub fn list(conn: &Connection, limit: u32) -> Result<Vec<IgnoredUpdate>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM (SELECT * FROM telegram_ignored ORDER BY id DESC LIMIT ?1) ORDER BY id",
    )?;
    let rows = statement.query_map([limit], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<IgnoredUpdate> {
    Ok(IgnoredUpdate {
        at: column::timestamp(row, "at")?,
        bot_id: row.get("bot_id")?,
        update_id: row.get("update_id")?,
        chat_id: row.get("chat_id")?,
        user_id: row.get("user_id")?,
        reason: row.get("reason")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    #[test]
    fn a_flood_leaves_a_bounded_table() {
        let scratch = Scratch::new();
        let mut store = scratch.open();
        store
            .attempt::<_, StoreError>(false, |conn| {
                for update_id in 1..=KEPT_MAX + 50 {
                    let reason = "foreign_chat".to_owned();
                    let at = Timestamp::from_ms(update_id);
                    insert(
                        conn,
                        &IgnoredUpdate { at, bot_id: 1, update_id, chat_id: Some(2), user_id: None, reason },
                    )?;
                }
                Ok(())
            })
            .unwrap();
        let rows = list(store.conn(), u32::MAX).unwrap();
        assert_eq!(rows.len(), usize::try_from(KEPT_MAX).unwrap());
        assert_eq!(rows[0].update_id, 51);
        assert_eq!(list(store.conn(), 9).unwrap().len(), 9);
    }
}
