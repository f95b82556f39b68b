//! What is stored of grids beside the history of their lines' fills, and that history beside the account's fills.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::findings::Findings;
use super::{BotRow, GRIDS};
use crate::domain::money::{Qty, Quote};
use crate::domain::side::Side;
use crate::store::queries::fills::fill;
use crate::store::{StoreError, column};

/// What follows from the history of one grid.
#[derive(Default)]
struct Summed {
    buys: u32,
    sells: u32,
    profit: Quote,
    lines: BTreeMap<u16, Quote>,
    /// Quantity and fee of each trade, over all of its lines.
    trades: BTreeMap<String, (Qty, Quote)>,
}

impl Summed {
    fn of(conn: &Connection, bot: u32) -> Result<Self, StoreError> {
        let mut statement =
            conn.prepare_cached("SELECT * FROM grid_fills WHERE grid_config_id = ?1 ORDER BY id")?;
        let mut rows = statement.query([bot])?;
        let mut summed = Self::default();
        while let Some(row) = rows.next()? {
            let profit = column::parsed_opt(row, "profit")?.unwrap_or_default();
            match column::word(row, "side", Side::from_word)? {
                Side::Buy => summed.buys += 1,
                Side::Sell => summed.sells += 1,
            }
            summed.profit += profit;
            *summed.lines.entry(row.get("grid_index")?).or_default() += profit;
            let trade = summed.trades.entry(row.get("trade_id")?).or_default();
            trade.0 = trade.0.plus(column::parsed(row, "qty")?);
            trade.1 += column::parsed(row, "fee")?;
        }
        Ok(summed)
    }
}

impl Findings<'_> {
    /// Compares counters and profits with the history, and the history with the fills; returns how many grids there
    /// are.
    pub(super) fn grids(&mut self, conn: &Connection, bots: &[BotRow]) -> Result<u64, StoreError> {
        let mut count = 0;
        for bot in bots {
            let mut statement = conn.prepare_cached("SELECT * FROM grid_bot_configs WHERE bot_id = ?1")?;
            let mut rows = statement.query([bot.id])?;
            let Some(row) = rows.next()? else { continue };
            count += 1;
            let (subject, summed) = (format!("grid {}", bot.name), Summed::of(conn, bot.id)?);
            let stored: (u32, u32) = (row.get("filled_buy_count")?, row.get("filled_sell_count")?);
            self.compare(GRIDS, &subject, "filled_buy_count", &stored.0, &summed.buys);
            self.compare(GRIDS, &subject, "filled_sell_count", &stored.1, &summed.sells);
            let profit: Quote = column::parsed(row, "realized_profit")?;
            self.compare(GRIDS, &subject, "realized_profit", &profit, &summed.profit);
            self.grid_lines(conn, bot, &summed)?;
            self.grid_trades(conn, bot, summed)?;
        }
        Ok(count)
    }

    fn grid_lines(&mut self, conn: &Connection, bot: &BotRow, summed: &Summed) -> Result<(), StoreError> {
        let mut statement =
            conn.prepare_cached("SELECT grid_index, profit FROM grid_orders WHERE grid_config_id = ?1")?;
        let mut rows = statement.query([bot.id])?;
        while let Some(row) = rows.next()? {
            let line: u16 = row.get("grid_index")?;
            let recomputed = summed.lines.get(&line).copied().unwrap_or_default();
            let subject = format!("grid {} line {line}", bot.name);
            self.compare(GRIDS, &subject, "profit", &column::parsed::<Quote>(row, "profit")?, &recomputed);
        }
        Ok(())
    }

    /// Each fill of a line's order is in the history, whole.
    fn grid_trades(&mut self, conn: &Connection, bot: &BotRow, summed: Summed) -> Result<(), StoreError> {
        let mut statement = conn.prepare_cached("SELECT * FROM fills WHERE bot_id = ?1")?;
        let mut rows = statement.query([bot.id])?;
        let mut left = summed.trades;
        while let Some(row) = rows.next()? {
            let fill = fill(row)?;
            let is_on_line = fill.client_order_id.key().is_some_and(|key| key.line().is_some());
            let position: Option<String> = row.get("position_id")?;
            if !is_on_line || position.is_none() {
                continue;
            }
            let subject = format!("fill {} of grid {}", fill.trade_id, bot.name);
            let (qty, fee) = left.remove(&fill.trade_id.0).unwrap_or_default();
            self.compare(GRIDS, &subject, "qty", &qty, &fill.qty);
            self.compare(GRIDS, &subject, "fee", &fee, &fill.fee.known_value());
        }
        for trade in left.into_keys() {
            self.add(
                GRIDS,
                &format!("fill {trade} of grid {}", bot.name),
                "fills",
                "a line's fill",
                "no fill",
            );
        }
        Ok(())
    }
}
