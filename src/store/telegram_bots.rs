//! The Telegram bot of each account, and who may speak to it. Its token is encrypted; to the store it is opaque text.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, column};
use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelegramBotRow {
    pub account_id: AccountId,
    /// Encrypted.
    pub bot_token: String,
    pub chat_id: i64,
    /// `en` or `ko`; `None`: as the configuration says.
    pub language: Option<String>,
}

/// What an account's chat is held to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChatState {
    /// The last update that was handled.
    pub last_update_id: i64,
    pub last_update_at: Option<Timestamp>,
    /// Buttons that were pressed wrongly one after another.
    pub wrong_confirms: u32,
    /// Not listened to before this.
    pub muted_until: Option<Timestamp>,
}

/// Writes the account's row. The last update id of another token means nothing, so it starts over.
pub fn put(conn: &Connection, bot: &TelegramBotRow) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO telegram_bots (account_id, bot_token, chat_id, language) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (account_id) DO UPDATE SET chat_id = excluded.chat_id, language = excluded.language,
             last_update_id = CASE bot_token WHEN excluded.bot_token THEN last_update_id ELSE 0 END,
             wrong_confirms = 0, muted_until = NULL, bot_token = excluded.bot_token",
    )?
    .execute(params![bot.account_id.get(), bot.bot_token, bot.chat_id, bot.language])?;
    Ok(())
}

/// The account's row, if it has one.
pub fn find(conn: &Connection, account: AccountId) -> Result<Option<TelegramBotRow>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM telegram_bots WHERE account_id = ?1")?;
    Ok(statement.query_row([account.get()], from_row).optional()?)
}

/// The rows of all accounts that were not removed.
pub fn list(conn: &Connection) -> Result<Vec<TelegramBotRow>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT t.* FROM telegram_bots t JOIN accounts a ON a.id = t.account_id
         WHERE a.removed_at IS NULL ORDER BY t.account_id",
    )?;
    let rows = statement.query_map([], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes the account's bot away, with everything that waits in its chat.
pub fn remove(conn: &Connection, account: AccountId) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM telegram_bots WHERE account_id = ?1",
        "DELETE FROM telegram_users WHERE account_id = ?1",
        "DELETE FROM telegram_confirmations WHERE account_id = ?1",
        "DELETE FROM telegram_replies WHERE account_id = ?1 AND status = 'pending'",
    ] {
        conn.prepare_cached(sql)?.execute([account.get()])?;
    }
    Ok(())
}

/// Who may give commands to the account, ordered.
pub fn users(conn: &Connection, account: AccountId) -> Result<Vec<i64>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT user_id FROM telegram_users WHERE account_id = ?1 ORDER BY user_id")?;
    let rows = statement.query_map([account.get()], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Replaces who may give commands.
pub fn set_users(conn: &Connection, account: AccountId, users: &[i64]) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM telegram_users WHERE account_id = ?1")?.execute([account.get()])?;
    let mut insert =
        conn.prepare_cached("INSERT INTO telegram_users (account_id, user_id) VALUES (?1, ?2)")?;
    for user in users {
        insert.execute(params![account.get(), user])?;
    }
    Ok(())
}

pub fn state(conn: &Connection, account: AccountId) -> Result<ChatState, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM telegram_bots WHERE account_id = ?1")?;
    let state = statement.query_row([account.get()], |row| {
        Ok(ChatState {
            last_update_id: row.get("last_update_id")?,
            last_update_at: column::timestamp_opt(row, "last_update_at")?,
            wrong_confirms: row.get("wrong_confirms")?,
            muted_until: column::timestamp_opt(row, "muted_until")?,
        })
    });
    Ok(state.optional()?.unwrap_or_default())
}

/// Notes the last update that the bot of these accounts has handled.
pub fn note_update(
    conn: &Connection,
    accounts: &[AccountId],
    update_id: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut statement = conn.prepare_cached(
        "UPDATE telegram_bots SET last_update_id = ?2, last_update_at = ?3 WHERE account_id = ?1",
    )?;
    for account in accounts {
        statement.execute(params![account.get(), update_id, now.ms()])?;
    }
    Ok(())
}

/// Notes how often a button was pressed wrongly, and until when the chat is not listened to for that.
pub fn set_strikes(
    conn: &Connection,
    account: AccountId,
    wrong_confirms: u32,
    muted_until: Option<Timestamp>,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE telegram_bots SET wrong_confirms = ?2, muted_until = ?3 WHERE account_id = ?1",
    )?
    .execute(params![account.get(), wrong_confirms, muted_until.map(Timestamp::ms)])?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<TelegramBotRow> {
    Ok(TelegramBotRow {
        account_id: AccountId::new(row.get("account_id")?),
        bot_token: row.get("bot_token")?,
        chat_id: row.get("chat_id")?,
        language: row.get("language")?,
    })
}
