//! What a restart needs to know of an account.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::super::{StoreError, column};
use super::order_row::{self, IS_WORKING};
use super::position_row;
use crate::domain::ids::{AccountId, BotId, ClientOrderId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::order::Order;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;
use crate::engine::booked::{BOOKED_MIN, BookedTrade, Moved, kept_since};
use crate::engine::orders::{ENDED_MAX, ENDED_MIN};
use crate::engine::state::{DurableState, External, SavedAccount};
use crate::engine::turn::PositionRow;

/// An account as it was last committed.
#[derive(Debug)]
pub struct LoadedAccount {
    pub saved: SavedAccount,
    pub last_cycle_at: Option<Timestamp>,
    /// JSON of the paper book, if one was opened.
    pub paper_book: Option<String>,
}

/// What the exchange holds on an account beyond what its bots hold, as last seen.
pub fn external_of(conn: &Connection, account: AccountId) -> Result<BTreeMap<Symbol, External>, StoreError> {
    let text: Option<String> = conn
        .prepare_cached("SELECT json_extract(state, '$.external') FROM account_state WHERE account_id = ?1")?
        .query_row([account.get()], |row| row.get(0))
        .optional()?
        .flatten();
    let read =
        |text: String| serde_json::from_str(&text).map_err(|error| StoreError::corrupt(error.to_string()));
    text.map_or(Ok(BTreeMap::new()), read)
}

/// Loads an account's machine state. An account that never ran has an empty one. On a real exchange, what was done in
/// dry run and what was done for real are kept apart: only that of the life it leads, `with_money` or not, is loaded.
/// `begins_at` is the time by a clock that people may set back between two runs.
pub fn load_account(
    conn: &Connection,
    account: AccountId,
    with_money: bool,
    begins_at: Option<Timestamp>,
) -> Result<LoadedAccount, StoreError> {
    let id = account.get();
    let row: Option<(String, Option<i64>)> = conn
        .prepare_cached("SELECT state, last_cycle_at FROM account_state WHERE account_id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (state, last_cycle_at) = row.unwrap_or_else(|| ("{}".to_owned(), None));
    let mut durable: DurableState = serde_json::from_str(&state)
        .map_err(|error| StoreError::corrupt(format!("state of account {account}: {error}")))?;
    if let Some(now) = begins_at {
        durable.begin_at(now);
    }
    let rows = LifeRows { conn, account: id, dry_run: dry_run_of(conn, id, with_money)? };
    let paper_book = conn
        .prepare_cached("SELECT state FROM paper_books WHERE account_id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(LoadedAccount {
        saved: SavedAccount {
            positions: rows.positions()?,
            working: rows.working()?.into_iter().map(|order| known_by(order, begins_at)).collect(),
            ended: rows.ended(durable.retold_since())?,
            booked: rows.booked(kept_since(durable.retold_since()))?,
            durable,
        },
        last_cycle_at: last_cycle_at
            .map(Timestamp::from_ms)
            .filter(|last| begins_at.is_none_or(|now| *last < now)),
        paper_book,
    })
}

/// An order of a time that has not come, by a clock that was set back since, is as old as the run: it would be waited
/// for until then.
fn known_by(mut order: Order, begins_at: Option<Timestamp>) -> Order {
    if let Some(now) = begins_at {
        let times = &mut order.times;
        times.decided_at = times.decided_at.min(now);
        times.sent_at = times.sent_at.map(|at| at.min(now));
        times.acknowledged_at = times.acknowledged_at.map(|at| at.min(now));
    }
    order
}

/// The symbols in which bots hold something or have an order that is not over; also of bots that were removed.
pub fn engagements(conn: &Connection) -> Result<BTreeMap<BotId, BTreeSet<Symbol>>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT bot_id, symbol FROM bot_positions WHERE closed_at IS NULL AND bot_id IS NOT NULL
         UNION SELECT bot_id, symbol FROM orders WHERE {IS_WORKING} AND bot_id IS NOT NULL"
    ))?;
    let mut rows = statement.query([])?;
    let mut symbols: BTreeMap<BotId, BTreeSet<Symbol>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        symbols.entry(BotId::new(row.get("bot_id")?)).or_default().insert(column::parsed(row, "symbol")?);
    }
    Ok(symbols)
}

/// Accounts of which something is left at their exchange that is traded with money: what a bot holds, or an order.
pub fn at_stake(conn: &Connection) -> Result<BTreeSet<AccountId>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT account_id FROM bot_positions WHERE closed_at IS NULL AND bot_id IS NOT NULL AND dry_run = 0
         UNION SELECT account_id FROM orders WHERE {IS_WORKING} AND dry_run = 0"
    ))?;
    let rows = statement.query_map([], |row| row.get(0).map(AccountId::new))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Accounts with a position or an order that is not over.
pub fn engaged_accounts(conn: &Connection) -> Result<BTreeSet<AccountId>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT account_id FROM bot_positions WHERE closed_at IS NULL AND bot_id IS NOT NULL
         UNION SELECT account_id FROM orders WHERE {IS_WORKING}"
    ))?;
    let rows = statement.query_map([], |row| row.get(0).map(AccountId::new))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The `dry_run` of the rows that belong to a life of the account; `None`: all of them, on the embedded exchange.
fn dry_run_of(conn: &Connection, account: u32, with_money: bool) -> Result<Option<bool>, StoreError> {
    let has_exchange: Option<bool> = conn
        .prepare_cached("SELECT exchange <> 'paper' FROM accounts WHERE id = ?1")?
        .query_row([account], |row| row.get(0))
        .optional()?;
    Ok(has_exchange.filter(|has| *has).map(|_| !with_money))
}

/// The rows of an account in one of its lives.
struct LifeRows<'a> {
    conn: &'a Connection,
    account: u32,
    dry_run: Option<bool>,
}

impl LifeRows<'_> {
    fn positions(&self) -> Result<Vec<PositionRow>, StoreError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT * FROM bot_positions WHERE account_id = ?1 AND closed_at IS NULL AND bot_id IS NOT NULL
                 AND dry_run = coalesce(?2, dry_run)",
        )?;
        let rows = statement.query_map(params![self.account, self.dry_run], position_row::read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn working(&self) -> Result<Vec<Order>, StoreError> {
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT * FROM orders WHERE account_id = ?1 AND dry_run = coalesce(?2, dry_run) AND {IS_WORKING}"
        ))?;
        let rows = statement.query_map(params![self.account, self.dry_run], order_row::read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn ended(&self, since: Option<Timestamp>) -> Result<Vec<Order>, StoreError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT * FROM orders WHERE account_id = ?1 AND dry_run = coalesce(?2, dry_run)
                 AND finished_at IS NOT NULL
                 AND (finished_at >= ?3 OR client_order_id IN (
                     SELECT client_order_id FROM orders WHERE account_id = ?1 AND dry_run = coalesce(?2, dry_run)
                         AND finished_at IS NOT NULL
                     ORDER BY decided_at DESC, client_order_id DESC LIMIT ?4))
             ORDER BY decided_at DESC, client_order_id DESC LIMIT ?5",
        )?;
        let rows = statement.query_map(
            params![self.account, self.dry_run, since_ms(since), limit(ENDED_MIN), limit(ENDED_MAX)],
            order_row::read,
        )?;
        let mut orders = rows.collect::<Result<Vec<_>, _>>()?;
        orders.reverse();
        Ok(orders)
    }

    fn booked(&self, since: Option<Timestamp>) -> Result<Vec<BookedTrade>, StoreError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT * FROM (
                 SELECT symbol, trade_id, client_order_id, side, position_side, qty, at,
                     row_number() OVER (ORDER BY at DESC, length(trade_id) DESC, trade_id DESC) AS age
                 FROM fills WHERE account_id = ?1 AND dry_run = coalesce(?2, dry_run))
             WHERE age <= ?4 OR at >= ?3 ORDER BY age DESC",
        )?;
        let rows = statement.query_map(
            params![self.account, self.dry_run, since_ms(since), limit(BOOKED_MIN)],
            |row| {
                let order: ClientOrderId = column::parsed(row, "client_order_id")?;
                let side = column::word(row, "side", Side::from_word)?;
                let position_side = column::word(row, "position_side", PositionSide::from_word)?;
                Ok(BookedTrade {
                    symbol: column::parsed(row, "symbol")?,
                    trade_id: TradeId(row.get("trade_id")?),
                    order: Some(order.clone()),
                    at: column::timestamp(row, "at")?,
                    moved: Moved::by_fill(&order, side, position_side, column::parsed(row, "qty")?),
                })
            },
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Later than everything where nothing is told again.
fn since_ms(since: Option<Timestamp>) -> i64 {
    since.map_or(i64::MAX, Timestamp::ms)
}

fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
