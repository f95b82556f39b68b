//! What is open: the positions that stand in the way of removing or switching something.

use rusqlite::{Connection, params};

use super::StoreError;
use crate::domain::ids::{AccountId, BotId};

/// Positions of the account that are open, those released to the operator too.
pub fn open_of_account(conn: &Connection, account: AccountId) -> Result<u32, StoreError> {
    let sql = "SELECT count(*) FROM bot_positions WHERE account_id = ?1 AND closed_at IS NULL";
    Ok(conn.prepare_cached(sql)?.query_row([account.get()], |row| row.get(0))?)
}

/// Positions of the bot that are open.
pub fn open_of_bot(conn: &Connection, bot: BotId) -> Result<u32, StoreError> {
    let sql = "SELECT count(*) FROM bot_positions WHERE bot_id = ?1 AND closed_at IS NULL";
    Ok(conn.prepare_cached(sql)?.query_row([bot.get()], |row| row.get(0))?)
}

/// Gives the bot's open positions to the operator, and returns their ids.
pub fn release(conn: &Connection, bot: BotId) -> Result<Vec<String>, StoreError> {
    let mut statement = conn.prepare_cached(
        "UPDATE bot_positions SET bot_id = NULL WHERE bot_id = ?1 AND closed_at IS NULL RETURNING id",
    )?;
    let ids = statement.query_map(params![bot.get()], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}
