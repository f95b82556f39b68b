//! The ladder of a grid bot as it stands. What is asked of it is in [`super::grid_configs`].

use rusqlite::{Connection, OptionalExtension};

use super::{StoreError, column};
use crate::domain::ids::BotId;
use crate::domain::money::{Price, Quote};

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
