//! Grid bots: what is asked of them, and their ladders as they stand.

use rusqlite::{Connection, OptionalExtension, Row};

use super::{StoreError, column};
use crate::domain::ids::BotId;
use crate::domain::money::{Leverage, Price, Quote};
use crate::engine::grid::{Direction, GridConfig, GridMode};

pub(super) mod journal;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    pub current_price: Option<Price>,
    pub realized_profit: Quote,
    /// From the highest line down.
    pub lines: Vec<LadderLine>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LadderLine {
    pub index: u8,
    pub price: Price,
    /// pending, buy_placed, buy_filled, sell_placed, sell_filled.
    pub status: String,
    pub profit: Quote,
}

/// What a grid bot was asked to do; `None` for a bot that is no grid.
pub fn config(conn: &Connection, bot: BotId) -> Result<Option<GridConfig>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM grid_bot_configs WHERE bot_id = ?1")?;
    Ok(statement.query_row([bot.get()], config_of).optional()?)
}

fn config_of(row: &Row<'_>) -> rusqlite::Result<GridConfig> {
    let leverage: u8 = row.get("leverage")?;
    Ok(GridConfig {
        lower: column::parsed(row, "lower_price")?,
        upper: column::parsed(row, "upper_price")?,
        count: row.get("grid_count")?,
        mode: column::word(row, "grid_mode", GridMode::from_word)?,
        investment: column::parsed(row, "total_investment")?,
        direction: column::word(row, "direction", Direction::from_word)?,
        trigger: column::parsed_opt(row, "trigger_price")?,
        stop_upper: column::parsed_opt(row, "stop_upper")?,
        stop_lower: column::parsed_opt(row, "stop_lower")?,
        buy_in: row.get("buy_in")?,
        close_on_stop: row.get("close_on_stop")?,
        leverage: Leverage::try_new(leverage)
            .map_err(|_| column::unknown(row, "leverage", &leverage.to_string()))?,
        exchange_stop: row.get("exchange_stop")?,
    })
}

/// `None` for a bot that is no grid.
pub fn ladder(conn: &Connection, bot: BotId) -> Result<Option<Ladder>, StoreError> {
    let head = conn
        .prepare_cached("SELECT current_price, realized_profit FROM grid_bot_configs WHERE bot_id = ?1")?
        .query_row([bot.get()], |row| {
            Ok((column::parsed_opt(row, "current_price")?, column::parsed(row, "realized_profit")?))
        })
        .optional()?;
    let Some((current_price, realized_profit)) = head else { return Ok(None) };
    let mut statement = conn.prepare_cached(
        "SELECT grid_index, grid_price, status, profit FROM grid_orders WHERE grid_config_id = ?1
         ORDER BY grid_index DESC",
    )?;
    let rows = statement.query_map([bot.get()], |row| {
        Ok(LadderLine {
            index: row.get("grid_index")?,
            price: column::parsed(row, "grid_price")?,
            status: row.get("status")?,
            profit: column::parsed(row, "profit")?,
        })
    })?;
    Ok(Some(Ladder { current_price, realized_profit, lines: rows.collect::<Result<_, _>>()? }))
}
