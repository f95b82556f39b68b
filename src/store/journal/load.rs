//! What a restart needs to know of an account.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::super::{StoreError, column};
use super::{order_row, position_row};
use crate::domain::ids::{AccountId, BotId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::engine::state::{BOOKED_MAX, DurableState, ENDED_MAX, SavedAccount};

/// An account as it was last committed.
#[derive(Debug)]
pub struct LoadedAccount {
    pub saved: SavedAccount,
    pub last_cycle_at: Option<Timestamp>,
    /// JSON of the paper book, if one was opened.
    pub paper_book: Option<String>,
}

/// Loads an account's machine state. An account that never ran has an empty one.
pub fn load_account(conn: &Connection, account: AccountId) -> Result<LoadedAccount, StoreError> {
    let id = account.get();
    let row: Option<(String, Option<i64>)> = conn
        .prepare_cached("SELECT state, last_cycle_at FROM account_state WHERE account_id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (state, last_cycle_at) = row.unwrap_or_else(|| ("{}".to_owned(), None));
    let durable: DurableState = serde_json::from_str(&state)
        .map_err(|error| StoreError::corrupt(format!("state of account {account}: {error}")))?;
    let positions = conn
        .prepare_cached(
            "SELECT * FROM bot_positions WHERE account_id = ?1 AND closed_at IS NULL AND bot_id IS NOT NULL",
        )?
        .query_map([id], position_row::read)?
        .collect::<Result<_, _>>()?;
    let working = conn
        .prepare_cached(
            "SELECT * FROM orders WHERE account_id = ?1
                 AND status IN ('intended', 'sent', 'unknown', 'open', 'partially_filled')",
        )?
        .query_map([id], order_row::read)?
        .collect::<Result<_, _>>()?;
    let paper_book = conn
        .prepare_cached("SELECT state FROM paper_books WHERE account_id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(LoadedAccount {
        saved: SavedAccount {
            durable,
            positions,
            working,
            ended: ended(conn, id)?,
            booked: booked(conn, id)?,
        },
        last_cycle_at: last_cycle_at.map(Timestamp::from_ms),
        paper_book,
    })
}

/// Bots that hold something, running or not.
pub fn bots_with_positions(conn: &Connection) -> Result<BTreeSet<BotId>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT bot_id FROM bot_positions WHERE closed_at IS NULL AND bot_id IS NOT NULL",
    )?;
    let rows = statement.query_map([], |row| row.get(0).map(BotId::new))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn ended(conn: &Connection, account: u32) -> Result<Vec<Order>, StoreError> {
    let mut orders = conn
        .prepare_cached(
            "SELECT * FROM orders WHERE account_id = ?1 AND finished_at IS NOT NULL
             ORDER BY decided_at DESC, client_order_id DESC LIMIT ?2",
        )?
        .query_map(params![account, i64::try_from(ENDED_MAX).unwrap_or(i64::MAX)], order_row::read)?
        .collect::<Result<Vec<_>, _>>()?;
    orders.reverse();
    Ok(orders)
}

fn booked(conn: &Connection, account: u32) -> Result<Vec<(Symbol, TradeId)>, StoreError> {
    let mut booked = conn
        .prepare_cached(
            "SELECT symbol, trade_id FROM fills WHERE account_id = ?1 ORDER BY at DESC, length(trade_id) DESC,
                 trade_id DESC LIMIT ?2",
        )?
        .query_map(params![account, i64::try_from(BOOKED_MAX).unwrap_or(i64::MAX)], |row| {
            Ok((column::parsed(row, "symbol")?, TradeId(row.get("trade_id")?)))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    booked.reverse();
    Ok(booked)
}
