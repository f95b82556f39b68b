//! The Telegram bot of each account. Its token is encrypted; to the store it is opaque text.

use rusqlite::{Connection, OptionalExtension, params};

use super::StoreError;
use crate::domain::ids::AccountId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelegramBotRow {
    pub account_id: AccountId,
    /// Encrypted.
    pub bot_token: String,
    pub chat_id: i64,
}

/// Writes the account's row. The last update id of another token means nothing, so it starts over.
pub fn put(conn: &Connection, bot: &TelegramBotRow) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO telegram_bots (account_id, bot_token, chat_id) VALUES (?1, ?2, ?3)
         ON CONFLICT (account_id) DO UPDATE SET bot_token = excluded.bot_token, chat_id = excluded.chat_id,
             last_update_id = 0",
    )?
    .execute(params![bot.account_id.get(), bot.bot_token, bot.chat_id])?;
    Ok(())
}

/// The account's row, if it has one.
pub fn find(conn: &Connection, account: AccountId) -> Result<Option<TelegramBotRow>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT bot_token, chat_id FROM telegram_bots WHERE account_id = ?1")?;
    let row = statement.query_row([account.get()], |row| {
        Ok(TelegramBotRow { account_id: account, bot_token: row.get(0)?, chat_id: row.get(1)? })
    });
    Ok(row.optional()?)
}
