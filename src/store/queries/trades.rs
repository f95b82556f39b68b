//! Trades: one life of a position each, from its first fill to its last, with the fills it can be recomputed from.

use rusqlite::{Connection, Row};
use serde::Serialize;

use super::fees;
use super::fills::{self, FillRow};
use super::filter::{Filter, matching};
use crate::domain::fee::FeeSum;
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
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
    /// `None` while it is open.
    pub closed_at: Option<Timestamp>,
    /// Oldest first.
    pub fills: Vec<FillRow>,
}

/// How many trades the filter matches, and the latest of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeList {
    pub matching: u32,
    /// Ordered by (opened_at, account, id).
    pub trades: Vec<TradeRow>,
}

/// Closed trades, and with `with_open` the open ones too. `since` is about the time a trade was closed.
pub fn list(conn: &Connection, filter: &Filter, with_open: bool) -> Result<TradeList, StoreError> {
    let mut conditions = filter.conditions("p");
    match (filter.since, with_open) {
        (Some(since), false) => conditions.and("p.closed_at >= ?", since.ms()),
        (Some(since), true) => conditions.and("(p.closed_at >= ? OR p.closed_at IS NULL)", since.ms()),
        (None, false) => conditions.and_plain("p.closed_at IS NOT NULL"),
        (None, true) => {}
    }
    let sql = format!(
        "SELECT p.*, a.name AS account, b.name AS bot
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
    let matching = matching(conn, filter, ("bot_positions p", &conditions), trades.len())?;
    Ok(TradeList { matching, trades })
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
        fees_by_asset: Vec::new(),
        fills: Vec::new(),
    })
}
