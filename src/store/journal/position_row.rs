//! A bot's position as a row of `bot_positions`.

use rusqlite::{Connection, Row, params};

use super::super::{StoreError, column};
use super::order_row::leverage;
use crate::domain::ids::{AccountId, BotId};
use crate::domain::position::Position;
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
use crate::engine::turn::PositionRow;

/// Inserts the position, or brings its row up to date.
pub(super) fn write(conn: &Connection, account: AccountId, row: &PositionRow) -> Result<(), StoreError> {
    if update(conn, row)? { Ok(()) } else { insert(conn, account, row) }
}

/// False when it has no row.
fn update(conn: &Connection, row: &PositionRow) -> Result<bool, StoreError> {
    let position = &row.position;
    let rows = conn
        .prepare_cached(
            "UPDATE bot_positions SET qty = ?2, cost = ?3, first_entry_qty = ?4, last_entry_price = ?5,
                 entered_qty = ?6, entered_notional = ?7, exited_qty = ?8, exited_notional = ?9, realized_pnl = ?10,
                 fees = ?11, dca_level = ?12, stop_loss_price = ?13, take_profit_price = ?14, protected = ?15,
                 exit_reason = ?16, opened_at = ?17, closed_at = ?18
             WHERE id = ?1",
        )?
        .execute(params![
            position.id.as_str(),
            position.qty.to_string(),
            position.cost.to_string(),
            position.first_entry_qty.to_string(),
            position.last_entry_price.to_string(),
            position.entered_qty.to_string(),
            position.entered_notional.to_string(),
            position.exited_qty.to_string(),
            position.exited_notional.to_string(),
            position.realized_pnl.to_string(),
            position.fees.to_string(),
            row.dca_level,
            row.stop_loss.map(|price| price.to_string()),
            row.take_profit.map(|price| price.to_string()),
            row.is_protected,
            row.exit_reason,
            position.opened_at.ms(),
            position.closed_at.map(Timestamp::ms),
        ])?;
    Ok(rows > 0)
}

fn insert(conn: &Connection, account: AccountId, row: &PositionRow) -> Result<(), StoreError> {
    let position = &row.position;
    conn.prepare_cached(
        "INSERT INTO bot_positions (id, account_id, bot_id, symbol, side, leverage, qty, cost, first_entry_qty,
             last_entry_price, entered_qty, entered_notional, exited_qty, exited_notional, realized_pnl, fees,
             dca_level, stop_loss_price, take_profit_price, protected, exit_reason, dry_run, opened_at, closed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
             ?22, ?23, ?24)",
    )?
    .execute(params![
        position.id.as_str(),
        account.get(),
        position.bot.map(BotId::get),
        position.symbol.as_str(),
        position.side.as_str(),
        position.leverage.get(),
        position.qty.to_string(),
        position.cost.to_string(),
        position.first_entry_qty.to_string(),
        position.last_entry_price.to_string(),
        position.entered_qty.to_string(),
        position.entered_notional.to_string(),
        position.exited_qty.to_string(),
        position.exited_notional.to_string(),
        position.realized_pnl.to_string(),
        position.fees.to_string(),
        row.dca_level,
        row.stop_loss.map(|price| price.to_string()),
        row.take_profit.map(|price| price.to_string()),
        row.is_protected,
        row.exit_reason,
        row.dry_run,
        position.opened_at.ms(),
        position.closed_at.map(Timestamp::ms),
    ])?;
    Ok(())
}

/// Reads a row of `SELECT * FROM bot_positions`.
pub(in crate::store) fn read(row: &Row<'_>) -> rusqlite::Result<PositionRow> {
    Ok(PositionRow {
        position: Position {
            id: column::parsed(row, "id")?,
            bot: row.get::<_, Option<u32>>("bot_id")?.map(BotId::new),
            symbol: column::parsed(row, "symbol")?,
            side: column::word(row, "side", PositionSide::from_word)?,
            leverage: leverage(row)?,
            qty: column::parsed(row, "qty")?,
            cost: column::parsed(row, "cost")?,
            first_entry_qty: column::parsed(row, "first_entry_qty")?,
            last_entry_price: column::parsed(row, "last_entry_price")?,
            entered_qty: column::parsed(row, "entered_qty")?,
            entered_notional: column::parsed(row, "entered_notional")?,
            exited_qty: column::parsed(row, "exited_qty")?,
            exited_notional: column::parsed(row, "exited_notional")?,
            realized_pnl: column::parsed(row, "realized_pnl")?,
            fees: column::parsed(row, "fees")?,
            opened_at: column::timestamp(row, "opened_at")?,
            closed_at: column::timestamp_opt(row, "closed_at")?,
        },
        dca_level: row.get("dca_level")?,
        stop_loss: column::parsed_opt(row, "stop_loss_price")?,
        take_profit: column::parsed_opt(row, "take_profit_price")?,
        is_protected: row.get("protected")?,
        exit_reason: row.get("exit_reason")?,
        dry_run: row.get("dry_run")?,
    })
}
