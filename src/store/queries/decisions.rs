//! What an account decided last.

use rusqlite::{Connection, params};
use serde::Serialize;

use crate::domain::ids::AccountId;
use crate::domain::instrument::Symbol;
use crate::domain::time::Timestamp;
use crate::store::{StoreError, column};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentDecision {
    pub at: Timestamp,
    pub bot: String,
    pub symbol: Symbol,
    pub action: String,
    pub code: String,
    /// The numbers it was decided on.
    pub detail: String,
}

/// The latest decisions of an account, on one symbol or on all, newest first.
pub fn recent(
    conn: &Connection,
    account: AccountId,
    symbol: Option<&Symbol>,
    limit: u32,
) -> Result<Vec<RecentDecision>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT d.at, b.name AS bot, d.symbol, d.action, d.code, d.detail
         FROM decisions d JOIN bot_instances b ON b.id = d.bot_id
         WHERE d.account_id = ?1 AND (?2 IS NULL OR d.symbol = ?2)
         ORDER BY d.at DESC, b.name, d.symbol, d.action, d.code LIMIT ?3",
    )?;
    let rows = statement.query_map(params![account.get(), symbol.map(Symbol::as_str), limit], |row| {
        Ok(RecentDecision {
            at: column::timestamp(row, "at")?,
            bot: row.get("bot")?,
            symbol: column::parsed(row, "symbol")?,
            action: row.get("action")?,
            code: row.get("code")?,
            detail: row.get("detail")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A decision of any account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FleetDecision {
    pub at: Timestamp,
    pub account: String,
    pub bot: String,
    pub symbol: Symbol,
    pub action: String,
    pub code: String,
    pub detail: String,
}

/// The latest decisions of all accounts that are not older than `since`, newest first.
pub fn since(conn: &Connection, since: Timestamp, limit: u32) -> Result<Vec<FleetDecision>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT d.at, a.name AS account, b.name AS bot, d.symbol, d.action, d.code, d.detail
         FROM decisions d JOIN accounts a ON a.id = d.account_id JOIN bot_instances b ON b.id = d.bot_id
         WHERE d.at >= ?1 ORDER BY d.at DESC, a.name, b.name, d.symbol, d.action, d.code LIMIT ?2",
    )?;
    let rows = statement.query_map(params![since.ms(), limit], |row| {
        Ok(FleetDecision {
            at: column::timestamp(row, "at")?,
            account: row.get("account")?,
            bot: row.get("bot")?,
            symbol: column::parsed(row, "symbol")?,
            action: row.get("action")?,
            code: row.get("code")?,
            detail: row.get("detail")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
