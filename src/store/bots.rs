//! Bots of an account. At most ten are active, and their allocations sum to at most 100 %: the schema's triggers hold
//! that against every writer; here their refusals become errors that say what is free.

use rusqlite::{Connection, OptionalExtension, Row, params};
use rust_decimal::Decimal;

use super::error::is_duplicate;
use super::{StoreError, column, setting_columns};
use crate::domain::ids::{AccountId, BotId, StrategyId};
use crate::domain::kind::BotType;
use crate::domain::money::{Pct, Quote};
use crate::domain::time::Timestamp;
use crate::engine::settings::BotSettings;

/// As the trigger says it.
const BOT_LIMIT: u32 = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotRow {
    pub id: BotId,
    pub account_id: AccountId,
    /// `None` once its strategy was deleted.
    pub strategy_id: Option<StrategyId>,
    pub name: String,
    pub bot_type: BotType,
    pub settings: BotSettings,
    pub is_running: bool,
    pub is_active: bool,
    /// Close what it holds, by a person's word.
    pub close_requested: bool,
    pub last_started_at: Option<Timestamp>,
    pub last_stopped_at: Option<Timestamp>,
    pub last_trade_at: Option<Timestamp>,
    pub last_error: Option<String>,
    pub total_trades: u32,
    pub winning_trades: u32,
    /// In quote currency.
    pub total_pnl: Quote,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A bot to be added; it starts stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBot {
    pub account_id: AccountId,
    pub strategy_id: Option<StrategyId>,
    pub name: String,
    pub bot_type: BotType,
    pub settings: BotSettings,
}

/// Adds a bot. All of its columns come from `bot`, so the schema's defaults never apply.
pub fn insert(conn: &Connection, bot: &NewBot, now: Timestamp) -> Result<BotId, StoreError> {
    let allocation = bot.settings.allocation_percent;
    let id: u32 = conn
        .prepare_cached(
            "INSERT INTO bot_instances
                 (account_id, strategy_id, name, bot_type, allocation_percent, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) RETURNING id",
        )?
        .query_row(
            params![
                bot.account_id.get(),
                bot.strategy_id.map(StrategyId::get),
                bot.name,
                bot.bot_type.as_str(),
                allocation.to_string(),
                now.ms()
            ],
            |row| row.get(0),
        )
        .map_err(|error| explained(conn, named(error, &bot.name), bot.account_id, None, allocation))?;
    setting_columns::update(conn, "bot_instances", "id", id, &bot.settings)?;
    Ok(BotId::new(id))
}

/// The active bot of this name.
pub fn find(conn: &Connection, account: AccountId, name: &str) -> Result<BotRow, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM bot_instances WHERE account_id = ?1 AND name = ?2 AND is_active = 1",
    )?;
    let row = statement.query_row(params![account.get(), name], from_row).optional()?;
    row.ok_or_else(|| StoreError::not_found("bot", name))
}

/// The bot of this id, removed or not.
pub fn get(conn: &Connection, id: BotId) -> Result<BotRow, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM bot_instances WHERE id = ?1")?;
    let row = statement.query_row([id.get()], from_row).optional()?;
    row.ok_or_else(|| absent(id))
}

/// The active bots of an account, or of all accounts, by account and id.
pub fn list(conn: &Connection, account: Option<AccountId>) -> Result<Vec<BotRow>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM bot_instances WHERE is_active = 1 AND (?1 IS NULL OR account_id = ?1)
         ORDER BY account_id, id",
    )?;
    let rows = statement.query_map([account.map(AccountId::get)], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What the account's active bots are allocated together, in % of its equity.
pub fn allocation_used(conn: &Connection, account: AccountId) -> Result<Pct, StoreError> {
    allocation_of_others(conn, account, None)
}

/// Writes the name, strategy and settings of `bot`; nothing else of it.
pub fn update(conn: &Connection, bot: &BotRow, now: Timestamp) -> Result<(), StoreError> {
    let changed = conn
        .prepare_cached(
            "UPDATE bot_instances SET name = ?2, strategy_id = ?3, updated_at = ?4
             WHERE id = ?1 AND is_active = 1",
        )?
        .execute(params![bot.id.get(), bot.name, bot.strategy_id.map(StrategyId::get), now.ms()])
        .map_err(|error| named(error, &bot.name))?;
    found(changed, bot.id)?;
    let requested = bot.settings.allocation_percent;
    setting_columns::update(conn, "bot_instances", "id", bot.id.get(), &bot.settings)
        .map_err(|error| explained(conn, error, bot.account_id, Some(bot.id), requested))
}

/// Starts or stops the bot and notes when. One that is so already keeps its time.
pub fn set_running(conn: &Connection, id: BotId, is_running: bool, now: Timestamp) -> Result<(), StoreError> {
    let changed = conn
        .prepare_cached(
            "UPDATE bot_instances SET
                 last_started_at = CASE WHEN ?2 AND NOT is_running THEN ?3 ELSE last_started_at END,
                 last_stopped_at = CASE WHEN NOT ?2 AND is_running THEN ?3 ELSE last_stopped_at END,
                 is_running = ?2, updated_at = ?3
             WHERE id = ?1 AND is_active = 1",
        )?
        .execute(params![id.get(), is_running, now.ms()])?;
    found(changed, id)
}

/// Asks the bot to close what it holds, or marks that it has.
pub fn set_close_requested(
    conn: &Connection,
    id: BotId,
    close_requested: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let changed = conn
        .prepare_cached("UPDATE bot_instances SET close_requested = ?2, updated_at = ?3 WHERE id = ?1")?
        .execute(params![id.get(), close_requested, now.ms()])?;
    found(changed, id)
}

/// Removes the bot softly: it stops and its name and allocation become free; its history stays.
pub fn remove(conn: &Connection, id: BotId, now: Timestamp) -> Result<(), StoreError> {
    set_running(conn, id, false, now)?;
    let changed =
        conn.prepare_cached("UPDATE bot_instances SET is_active = 0 WHERE id = ?1")?.execute([id.get()])?;
    found(changed, id)
}

fn allocation_of_others(
    conn: &Connection,
    account: AccountId,
    but: Option<BotId>,
) -> Result<Pct, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT allocation_percent FROM bot_instances
         WHERE account_id = ?1 AND is_active = 1 AND (?2 IS NULL OR id <> ?2)",
    )?;
    let rows = statement.query_map(params![account.get(), but.map(BotId::get)], |row| {
        column::parsed::<Pct>(row, "allocation_percent")
    })?;
    let mut used = Pct::ZERO;
    for allocation in rows {
        used = used + allocation?;
    }
    Ok(used)
}

/// A limit's refusal with the numbers; any other error as it is.
fn explained(
    conn: &Connection,
    error: StoreError,
    account: AccountId,
    bot: Option<BotId>,
    requested: Pct,
) -> StoreError {
    let StoreError::Conflict { detail } = &error else {
        return error;
    };
    if detail.contains("limit: at most") {
        return StoreError::BotLimit { limit: BOT_LIMIT };
    }
    if !detail.contains("limit: allocations") {
        return error;
    }
    match allocation_of_others(conn, account, bot) {
        Ok(used) => StoreError::AllocationLimit {
            requested: requested.decimal(),
            free: (Pct::HUNDRED.decimal() - used.decimal()).max(Decimal::ZERO),
        },
        Err(error) => error,
    }
}

fn named(error: rusqlite::Error, name: &str) -> StoreError {
    if is_duplicate(&error) {
        StoreError::Exists { what: "bot", name: name.to_owned() }
    } else {
        error.into()
    }
}

fn found(changed: usize, id: BotId) -> Result<(), StoreError> {
    if changed == 0 { Err(absent(id)) } else { Ok(()) }
}

fn absent(id: BotId) -> StoreError {
    StoreError::not_found("bot", id.to_string())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<BotRow> {
    Ok(BotRow {
        id: BotId::new(row.get("id")?),
        account_id: AccountId::new(row.get("account_id")?),
        strategy_id: row.get::<_, Option<u32>>("strategy_id")?.map(StrategyId::new),
        name: row.get("name")?,
        bot_type: column::word(row, "bot_type", BotType::from_word)?,
        settings: setting_columns::read(row)?,
        is_running: row.get("is_running")?,
        is_active: row.get("is_active")?,
        close_requested: row.get("close_requested")?,
        last_started_at: column::timestamp_opt(row, "last_started_at")?,
        last_stopped_at: column::timestamp_opt(row, "last_stopped_at")?,
        last_trade_at: column::timestamp_opt(row, "last_trade_at")?,
        last_error: row.get("last_error")?,
        total_trades: row.get("total_trades")?,
        winning_trades: row.get("winning_trades")?,
        total_pnl: column::parsed(row, "total_pnl")?,
        created_at: column::timestamp(row, "created_at")?,
        updated_at: column::timestamp(row, "updated_at")?,
    })
}

#[cfg(test)]
mod tests;
