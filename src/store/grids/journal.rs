//! The part of a turn that grids have in the database: the history of their fills, and how their lines stand.

use rusqlite::{Connection, OptionalExtension, params};

use super::super::{StoreError, column};
use crate::domain::ids::ClientOrderId;
use crate::domain::money::{Quote, parse_decimal};
use crate::domain::side::Side;
use crate::engine::grid::rows::{GridFill, GridLineRow, GridLines};

/// Writes a fill of a line, and adds it to the sums of its line and its grid. Sums are taken in decimals.
pub(in crate::store) fn write_fill(conn: &Connection, fill: &GridFill) -> Result<(), StoreError> {
    let bot = fill.bot.get();
    let written = conn
        .prepare_cached(
            "INSERT INTO grid_fills (grid_config_id, grid_index, client_order_id, trade_id, side, price, qty, fee,
                 profit, dry_run, at)
             SELECT bot_id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM grid_bot_configs WHERE bot_id = ?1",
        )?
        .execute(params![
            bot,
            fill.line,
            fill.client_order_id.as_str(),
            fill.trade_id.0,
            fill.side.as_str(),
            fill.price.to_string(),
            fill.qty.to_string(),
            fill.fee.to_string(),
            fill.profit.map(|profit| profit.to_string()),
            fill.dry_run,
            fill.at.ms(),
        ])?;
    if written == 0 {
        // Its grid is gone; the fill itself is kept with the account's.
        return Ok(());
    }
    add_to_grid(conn, fill)?;
    add_to_line(conn, fill)
}

fn add_to_grid(conn: &Connection, fill: &GridFill) -> Result<(), StoreError> {
    let bot = fill.bot.get();
    let sum: String = conn
        .prepare_cached("SELECT realized_profit FROM grid_bot_configs WHERE bot_id = ?1")?
        .query_row([bot], |row| row.get(0))?;
    let sum = amount(&sum)? + fill.profit.unwrap_or_default();
    let is_buy = fill.side == Side::Buy;
    conn.prepare_cached(
        "UPDATE grid_bot_configs SET realized_profit = ?2, filled_buy_count = filled_buy_count + ?3,
             filled_sell_count = filled_sell_count + ?4 WHERE bot_id = ?1",
    )?
    .execute(params![bot, sum.to_string(), i32::from(is_buy), i32::from(!is_buy)])?;
    Ok(())
}

fn add_to_line(conn: &Connection, fill: &GridFill) -> Result<(), StoreError> {
    let (bot, line) = (fill.bot.get(), fill.line);
    let known: Option<String> = conn
        .prepare_cached("SELECT profit FROM grid_orders WHERE grid_config_id = ?1 AND grid_index = ?2")?
        .query_row(params![bot, line], |row| row.get(0))
        .optional()?;
    let sum = match known {
        Some(known) => amount(&known)? + fill.profit.unwrap_or_default(),
        None => earned_on(conn, bot, line)?,
    };
    // The price of a line that is not known yet follows with the turn's lines.
    conn.prepare_cached(
        "INSERT INTO grid_orders (grid_config_id, grid_index, grid_price, profit) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (grid_config_id, grid_index) DO UPDATE SET profit = excluded.profit",
    )?
    .execute(params![bot, line, fill.price.to_string(), sum.to_string()])?;
    let last = match fill.side {
        Side::Buy => {
            "UPDATE grid_orders SET buy_price = ?3, buy_qty = ?4, buy_filled_at = ?5
                      WHERE grid_config_id = ?1 AND grid_index = ?2"
        }
        Side::Sell => {
            "UPDATE grid_orders SET sell_price = ?3, sell_qty = ?4, sell_filled_at = ?5
                       WHERE grid_config_id = ?1 AND grid_index = ?2"
        }
    };
    conn.prepare_cached(last)?.execute(params![
        bot,
        line,
        fill.price.to_string(),
        fill.qty.to_string(),
        fill.at.ms()
    ])?;
    Ok(())
}

/// What a line has earned by its whole history: an edit may have taken it away and brought it back.
fn earned_on(conn: &Connection, bot: u32, line: u16) -> Result<Quote, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT profit FROM grid_fills WHERE grid_config_id = ?1 AND grid_index = ?2 AND profit IS NOT NULL",
    )?;
    let rows = statement.query_map(params![bot, line], |row| column::parsed::<Quote>(row, "profit"))?;
    Ok(rows.sum::<Result<_, _>>()?)
}

/// Writes the lines of a grid that have changed, and forgets those it has no more.
pub(in crate::store) fn write_lines(conn: &Connection, lines: &GridLines) -> Result<(), StoreError> {
    let bot = lines.bot.get();
    let known = conn
        .prepare_cached(
            "UPDATE grid_bot_configs SET current_price = coalesce(?2, current_price), active_buy_orders = ?3,
                 active_sell_orders = ?4 WHERE bot_id = ?1",
        )?
        .execute(params![
            bot,
            lines.current_price.map(|price| price.to_string()),
            lines.active_buys,
            lines.active_sells
        ])?;
    if known == 0 {
        return Ok(());
    }
    conn.prepare_cached("DELETE FROM grid_orders WHERE grid_config_id = ?1 AND grid_index >= ?2")?
        .execute(params![bot, lines.count])?;
    lines.changed.iter().try_for_each(|row| write_line(conn, bot, row))
}

/// A line on which nothing rests and nothing is held has sold, if that is the last thing it did.
fn write_line(conn: &Connection, bot: u32, row: &GridLineRow) -> Result<(), StoreError> {
    let id = |order: &Option<ClientOrderId>| order.as_ref().map(|id| id.as_str().to_owned());
    let (price, status) = (row.price.to_string(), row.status.as_str());
    let known = conn
        .prepare_cached(
            "UPDATE grid_orders SET grid_price = ?3, buy_order_id = ?5, sell_order_id = ?6,
                 status = CASE WHEN ?4 = 'pending' AND sell_filled_at > coalesce(buy_filled_at, 0)
                     THEN 'sell_filled' ELSE ?4 END
             WHERE grid_config_id = ?1 AND grid_index = ?2",
        )?
        .execute(params![bot, row.line, price, status, id(&row.buy), id(&row.sell)])?;
    if known == 0 {
        let earned = earned_on(conn, bot, row.line)?.to_string();
        conn.prepare_cached(
            "INSERT INTO grid_orders (grid_config_id, grid_index, grid_price, status, buy_order_id, sell_order_id, profit)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![bot, row.line, price, status, id(&row.buy), id(&row.sell), earned])?;
    }
    Ok(())
}

fn amount(text: &str) -> Result<Quote, StoreError> {
    let amount = parse_decimal("profit", text).map_err(|error| StoreError::corrupt(error.to_string()))?;
    Ok(Quote::new(amount))
}
