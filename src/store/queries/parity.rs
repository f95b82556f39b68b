//! What an account decided and what was filled, line by line, to be compared with another telling of the same.

use rusqlite::{Connection, Row};

use super::fills::booking_order;
use crate::domain::ids::{AccountId, ClientOrderId, TradeId};
use crate::domain::time::Timestamp;
use crate::engine::decision::Decision;
use crate::engine::grid::rows::GridFill;
use crate::engine::turn::BookedFill;
use crate::store::StoreError;

/// One decision in one line.
pub fn decision_line(decision: &Decision) -> String {
    let order = decision.client_order_id.as_ref().map_or("", ClientOrderId::as_str);
    let Decision { at, bot, symbol, action, code, detail, bar_close_at, .. } = decision;
    format!("{} {bot} {symbol} {} {action} {code} {order} {detail}", at.ms(), bar_close_at.ms())
}

/// One fill in one line.
pub fn fill_line(booked: &BookedFill) -> String {
    let fill = &booked.fill;
    format!(
        "{} {} {} {} {} {} {} {} fee {} realized {} position {}",
        fill.at.ms(),
        fill.trade_id,
        fill.client_order_id,
        fill.symbol,
        fill.side,
        fill.position_side,
        fill.price,
        fill.qty,
        fill.fee.amount(),
        booked.realized_pnl,
        booked.position.as_ref().map_or("", ClientOrderId::as_str),
    )
}

/// What a fill did on a grid's line, in one line.
pub fn grid_fill_line(fill: &GridFill) -> String {
    let GridFill { bot, line, trade_id, client_order_id, side, price, qty, fee, profit, at, .. } = fill;
    let profit = profit.map(|profit| profit.to_string()).unwrap_or_default();
    format!(
        "{} {bot} line {line} {trade_id} {client_order_id} {side} {price} {qty} fee {fee} profit {profit}",
        at.ms()
    )
}

/// What the fills of an account did on the lines of its grids, sorted.
pub fn grid_fills(conn: &Connection, account: AccountId) -> Result<Vec<String>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT g.* FROM grid_fills g JOIN bot_instances b ON b.id = g.grid_config_id WHERE b.account_id = ?1",
    )?;
    let line = |row: &Row<'_>| {
        let text = |column: &str| row.get::<_, String>(column);
        let number = |column: &str| row.get::<_, i64>(column);
        let profit: Option<String> = row.get("profit")?;
        Ok(format!(
            "{} {} line {} {} {} {} {} {} fee {} profit {}",
            number("at")?,
            number("grid_config_id")?,
            number("grid_index")?,
            text("trade_id")?,
            text("client_order_id")?,
            text("side")?,
            text("price")?,
            text("qty")?,
            text("fee")?,
            profit.unwrap_or_default(),
        ))
    };
    let mut lines: Vec<String> = statement.query_map([account.get()], line)?.collect::<Result<_, _>>()?;
    lines.sort();
    Ok(lines)
}

/// The decisions of an account that are still kept, sorted.
pub fn decisions(conn: &Connection, account: AccountId) -> Result<Vec<String>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM decisions WHERE account_id = ?1")?;
    let line = |row: &Row<'_>| {
        let text = |column: &str| row.get::<_, String>(column);
        let number = |column: &str| row.get::<_, i64>(column);
        let order: Option<String> = row.get("client_order_id")?;
        Ok(format!(
            "{} {} {} {} {} {} {} {}",
            number("at")?,
            number("bot_id")?,
            text("symbol")?,
            number("bar_close_at")?,
            text("action")?,
            text("code")?,
            order.unwrap_or_default(),
            text("detail")?,
        ))
    };
    let mut lines: Vec<String> = statement.query_map([account.get()], line)?.collect::<Result<_, _>>()?;
    lines.sort();
    Ok(lines)
}

/// The fills of an account, in the order they were booked.
pub fn fills(conn: &Connection, account: AccountId) -> Result<Vec<String>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM fills WHERE account_id = ?1")?;
    let line = |row: &Row<'_>| {
        let text = |column: &str| row.get::<_, String>(column);
        let at: i64 = row.get("at")?;
        let trade: String = text("trade_id")?;
        let position: Option<String> = row.get("position_id")?;
        let line = format!(
            "{at} {trade} {} {} {} {} {} {} fee {} realized {} position {}",
            text("client_order_id")?,
            text("symbol")?,
            text("side")?,
            text("position_side")?,
            text("price")?,
            text("qty")?,
            text("fee")?,
            text("realized_pnl")?,
            position.unwrap_or_default(),
        );
        Ok((booking_order(Timestamp::from_ms(at), &TradeId(trade)), line))
    };
    let mut lines: Vec<_> = statement.query_map([account.get()], line)?.collect::<Result<_, _>>()?;
    lines.sort();
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}
