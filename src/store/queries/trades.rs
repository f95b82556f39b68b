//! Trades: one life of a position each, from its first fill to its last, with the fills it can be recomputed from.

use rusqlite::{Connection, Row};
use serde::Serialize;

use super::fees;
use super::fills::{self, FillRow};
use super::filter::{Filter, count, matching};
use crate::domain::fee::FeeSum;
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
use crate::store::holdings::IS_GONE;
use crate::store::{StoreError, column};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TradeRow {
    /// The client order id of the order that opened it.
    pub id: ClientOrderId,
    pub account: String,
    /// `None` once released to the operator.
    pub bot: Option<String>,
    pub symbol: Symbol,
    pub side: PositionSide,
    pub leverage: u8,
    pub entered_qty: Qty,
    pub exited_qty: Qty,
    /// Notional / quantity of the entries (of the exits), rounded to 12 decimals.
    pub entry_price_avg: Option<Price>,
    pub exit_price_avg: Option<Price>,
    pub entered_notional: Quote,
    pub exited_notional: Quote,
    /// Realized, before fees.
    pub gross_pnl: Quote,
    /// In quote currency, as far as it is known.
    pub fees: Quote,
    /// The same by the asset they were paid in; what no price was known for is in no other figure.
    pub fees_by_asset: Vec<FeeSum>,
    /// gross_pnl - fees.
    pub net_pnl: Quote,
    pub dca_level: u8,
    pub exit_reason: Option<String>,
    pub dry_run: bool,
    pub opened_at: Timestamp,
    /// `None` while it is open, and where nobody knows when it was closed.
    pub closed_at: Option<Timestamp>,
    /// Released to the operator, and over.
    #[serde(skip)]
    pub is_gone: bool,
    /// Oldest first.
    pub fills: Vec<FillRow>,
}

const TABLE: &str = "bot_positions p";
const IS_CLOSED: &str = "p.closed_at IS NOT NULL";

/// How many trades the filter matches, and the latest of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeList {
    pub matching: u32,
    /// Ordered by (opened_at, account, id).
    pub trades: Vec<TradeRow>,
}

/// Trades that are over, and with `with_open` the open ones too. `since` is about the time a trade was closed.
pub fn list(conn: &Connection, filter: &Filter, with_open: bool) -> Result<TradeList, StoreError> {
    let mut conditions = filter.conditions("p");
    match (filter.since, with_open) {
        (Some(since), false) => conditions.and("p.closed_at >= ?", since.ms()),
        (Some(since), true) => conditions.and("(p.closed_at >= ? OR p.closed_at IS NULL)", since.ms()),
        (None, false) => conditions.and_plain(&format!("({IS_CLOSED} OR {IS_GONE})")),
        (None, true) => {}
    }
    let sql = format!(
        "SELECT p.*, a.name AS account, b.name AS bot, {IS_GONE} AS is_gone
         FROM bot_positions p JOIN accounts a ON a.id = p.account_id LEFT JOIN bot_instances b ON b.id = p.bot_id
         {} ORDER BY p.opened_at DESC, p.account_id DESC, p.id DESC LIMIT ?",
        conditions.sql()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows =
        statement.query_map(rusqlite::params_from_iter(conditions.params_and(filter.limit())), from_row)?;
    let mut trades = rows.collect::<Result<Vec<_>, _>>()?;
    trades.reverse();
    for trade in &mut trades {
        trade.fills = fills::of_position(conn, &trade.id)?;
        trade.fees_by_asset = fees::of_fills(&trade.fills);
    }
    let is_cut = filter.limit.is_some_and(|limit| u32::try_from(trades.len()).unwrap_or(limit) >= limit);
    let matching = if is_cut && filter.since.is_none() && !with_open {
        // Each by an index: one count of both would read every row.
        count_of(conn, filter, IS_CLOSED)? + count_of(conn, filter, IS_GONE)?
    } else {
        matching(conn, filter, (TABLE, &conditions), trades.len())?
    };
    Ok(TradeList { matching, trades })
}

fn count_of(conn: &Connection, filter: &Filter, which: &str) -> Result<u32, StoreError> {
    let mut conditions = filter.conditions("p");
    conditions.and_plain(which);
    count(conn, (TABLE, &conditions))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<TradeRow> {
    let (entered_qty, exited_qty): (Qty, Qty) =
        (column::parsed(row, "entered_qty")?, column::parsed(row, "exited_qty")?);
    let entered_notional: Quote = column::parsed(row, "entered_notional")?;
    let exited_notional: Quote = column::parsed(row, "exited_notional")?;
    let gross_pnl: Quote = column::parsed(row, "realized_pnl")?;
    let fees: Quote = column::parsed(row, "fees")?;
    Ok(TradeRow {
        id: column::parsed(row, "id")?,
        account: row.get("account")?,
        bot: row.get("bot")?,
        symbol: column::parsed(row, "symbol")?,
        side: column::word(row, "side", PositionSide::from_word)?,
        leverage: row.get("leverage")?,
        entry_price_avg: entered_notional.average_price(entered_qty),
        exit_price_avg: exited_notional.average_price(exited_qty),
        entered_qty,
        exited_qty,
        entered_notional,
        exited_notional,
        gross_pnl,
        fees,
        net_pnl: gross_pnl - fees,
        dca_level: row.get("dca_level")?,
        exit_reason: row.get("exit_reason")?,
        dry_run: row.get("dry_run")?,
        opened_at: column::timestamp(row, "opened_at")?,
        closed_at: column::timestamp_opt(row, "closed_at")?,
        is_gone: row.get("is_gone")?,
        fees_by_asset: Vec::new(),
        fills: Vec::new(),
    })
}
