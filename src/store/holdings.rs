//! What is open: the positions that stand in the way of removing or switching something, and those a person wants closed.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};

use super::journal::order_row::IS_WORKING;
use super::{StoreError, column};
use crate::domain::ids::{AccountId, BotId, ClientOrderId};
use crate::domain::instrument::Symbol;
use crate::domain::time::Timestamp;

/// Whether a position `p` of an account in the state `s` is open. One that was given to the operator is, as long as the
/// exchange holds something of its symbol beyond the bots; who closes it then is not told here.
pub const IS_OPEN: &str = "p.closed_at IS NULL AND (p.bot_id IS NOT NULL OR p.dry_run = 1
    OR json_extract(s.state, '$.external.\"' || p.symbol || '\"') IS NOT NULL)";

/// Whether a position `p` was given to the operator and is over: when it ended, and at what price, nobody has told.
pub const IS_GONE: &str = "p.closed_at IS NULL AND p.bot_id IS NULL AND p.dry_run = 0
    AND NOT EXISTS (SELECT 1 FROM account_state s WHERE s.account_id = p.account_id
                    AND json_extract(s.state, '$.external.\"' || p.symbol || '\"') IS NOT NULL)";

/// Positions of the account that bots hold.
pub fn open_of_account(conn: &Connection, account: AccountId) -> Result<u32, StoreError> {
    let sql = "SELECT count(*) FROM bot_positions WHERE account_id = ?1 AND closed_at IS NULL AND bot_id IS NOT NULL";
    Ok(conn.prepare_cached(sql)?.query_row([account.get()], |row| row.get(0))?)
}

/// Positions that bots of the account hold in dry run, or with money.
pub fn open_in_life(conn: &Connection, account: AccountId, dry_run: bool) -> Result<u32, StoreError> {
    let sql = "SELECT count(*) FROM bot_positions
               WHERE account_id = ?1 AND dry_run = ?2 AND closed_at IS NULL AND bot_id IS NOT NULL";
    Ok(conn.prepare_cached(sql)?.query_row(params![account.get(), dry_run], |row| row.get(0))?)
}

/// Orders of the account that are not over.
pub fn working_of_account(conn: &Connection, account: AccountId) -> Result<u32, StoreError> {
    let sql = format!("SELECT count(*) FROM orders WHERE account_id = ?1 AND {IS_WORKING}");
    Ok(conn.prepare_cached(&sql)?.query_row([account.get()], |row| row.get(0))?)
}

/// Positions of the bot that are open.
pub fn open_of_bot(conn: &Connection, bot: BotId) -> Result<u32, StoreError> {
    let sql = "SELECT count(*) FROM bot_positions WHERE bot_id = ?1 AND closed_at IS NULL";
    Ok(conn.prepare_cached(sql)?.query_row([bot.get()], |row| row.get(0))?)
}

/// Whether the bot holds something, or has an order that may still open something.
pub fn is_engaged(conn: &Connection, bot: BotId) -> Result<bool, StoreError> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM bot_positions WHERE bot_id = ?1 AND closed_at IS NULL)
             OR EXISTS (SELECT 1 FROM orders WHERE bot_id = ?1 AND {IS_WORKING})"
    );
    Ok(conn.prepare_cached(&sql)?.query_row([bot.get()], |row| row.get(0))?)
}

/// Gives the bot's open positions to the operator, and returns their ids.
pub fn release(conn: &Connection, bot: BotId) -> Result<Vec<String>, StoreError> {
    let mut statement = conn.prepare_cached(
        "UPDATE bot_positions SET bot_id = NULL WHERE bot_id = ?1 AND closed_at IS NULL RETURNING id",
    )?;
    let ids = statement.query_map(params![bot.get()], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// The ids of positions that were given to the operator, by account.
pub fn released(conn: &Connection) -> Result<BTreeMap<AccountId, BTreeSet<ClientOrderId>>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT account_id, id FROM bot_positions WHERE closed_at IS NULL AND bot_id IS NULL",
    )?;
    let mut rows = statement.query([])?;
    let mut released: BTreeMap<AccountId, BTreeSet<ClientOrderId>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let account = AccountId::new(row.get("account_id")?);
        released.entry(account).or_default().insert(column::parsed(row, "id")?);
    }
    Ok(released)
}

/// Symbols of the account in which bots hold positions.
pub fn symbols_of_bots(conn: &Connection, account: AccountId) -> Result<Vec<Symbol>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT symbol FROM bot_positions
         WHERE account_id = ?1 AND closed_at IS NULL AND bot_id IS NOT NULL ORDER BY symbol",
    )?;
    let rows = statement.query_map([account.get()], |row| column::parsed(row, "symbol"))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Asks for the bots' positions of a symbol to be closed; true when that was not asked before.
pub fn request_close(
    conn: &Connection,
    account: AccountId,
    symbol: &Symbol,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let before: u32 = conn
        .prepare_cached("SELECT count(*) FROM close_requests WHERE account_id = ?1 AND symbol = ?2")?
        .query_row(params![account.get(), symbol.as_str()], |row| row.get(0))?;
    conn.prepare_cached(
        "INSERT INTO close_requests (account_id, symbol, requested_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (account_id, symbol) DO UPDATE SET requested_at = max(requested_at + 1, excluded.requested_at)",
    )?
    .execute(params![account.get(), symbol.as_str(), now.ms()])?;
    Ok(before == 0)
}

/// What is asked to be closed, and since when, by account.
pub fn close_requests(
    conn: &Connection,
) -> Result<BTreeMap<AccountId, BTreeMap<Symbol, Timestamp>>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM close_requests")?;
    let mut rows = statement.query([])?;
    let mut requests: BTreeMap<AccountId, BTreeMap<Symbol, Timestamp>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let account = AccountId::new(row.get("account_id")?);
        let asked_at = column::timestamp(row, "requested_at")?;
        requests.entry(account).or_default().insert(column::parsed(row, "symbol")?, asked_at);
    }
    Ok(requests)
}

/// The request of that time is fulfilled; a later one stays.
pub fn forget_close(
    conn: &Connection,
    account: AccountId,
    symbol: &Symbol,
    asked_at: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "DELETE FROM close_requests WHERE account_id = ?1 AND symbol = ?2 AND requested_at <= ?3",
    )?
    .execute(params![account.get(), symbol.as_str(), asked_at.ms()])?;
    Ok(())
}
