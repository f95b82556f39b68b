//! A grid as it stands: its ladder with what rests on it, what it holds, and what it has earned.
//!
//! What it holds is what it remembers ([`GridState`]). Its lines' fills alone do not tell: what was closed otherwise than
//! by the lines (a flatten, a stop) is none of them.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::domain::ids::{BotId, ClientOrderId};
use crate::domain::money::{Pct, Price, Qty, Quote};
use crate::domain::order::OrderStatus;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;
use crate::engine::grid::flow::{Flow, pct_of};
use crate::engine::grid::lots::Lots;
use crate::engine::grid::state::GridState;
use crate::store::{StoreError, column};

/// An order that works for a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestingOrder {
    /// The client order id.
    pub id: ClientOrderId,
    /// The line whose grid it trades; an exit rests one line further on.
    pub line: u16,
    pub side: Side,
    pub position_side: PositionSide,
    /// Closes what the line holds.
    pub is_exit: bool,
    pub price: Price,
    pub qty: Qty,
    pub filled_qty: Qty,
    pub status: OrderStatus,
}

/// One line of the ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LadderLine {
    pub line: u16,
    pub price: Price,
    /// pending, buy_placed, buy_filled, sell_placed, sell_filled.
    pub status: String,
    /// What rests at this price, or nearest to it.
    pub orders: Vec<RestingOrder>,
    /// What the line has opened and not closed again, in base currency.
    pub held_qty: Qty,
    /// `None` when it holds nothing.
    pub held_side: Option<PositionSide>,
    pub buy_fills: u64,
    pub sell_fills: u64,
    /// Of its round trips, after fees, in quote currency.
    pub profit: Quote,
}

/// What a grid has earned, in quote currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GridFigures {
    pub investment: Quote,
    /// Round trips: orders that closed a line and were filled whole.
    pub cycles: u64,
    pub buy_fills: u64,
    pub sell_fills: u64,
    /// Of all round trips, after the fees of both sides.
    pub realized_profit: Quote,
    /// Realized profit, rounded to 8 decimals, for a day of the market's time since the first fill; `None` in its first hour.
    pub profit_per_day: Option<Quote>,
    /// Realized profit in % of the investment, rounded to 4 decimals.
    pub profit_pct: Option<Pct>,
    /// What it holds at the last price, less what that has cost with fees; `None` without a price.
    pub unrealized_profit: Option<Quote>,
    /// All that were paid, also of what it still holds.
    pub fees: Quote,
    /// What all lines hold together; negative when it is short.
    pub held_qty: Decimal,
    pub first_fill_at: Option<Timestamp>,
    pub last_fill_at: Option<Timestamp>,
}

/// A grid and its ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GridView {
    /// The last price that is known.
    pub current_price: Option<Price>,
    pub active_buys: u64,
    pub active_sells: u64,
    #[serde(flatten)]
    pub figures: GridFigures,
    /// From the highest line down.
    pub lines: Vec<LadderLine>,
}

/// How often a line has bought and sold.
#[derive(Debug, Clone, Copy, Default)]
struct LineCount {
    buys: u64,
    sells: u64,
}

/// `planned` are the prices of the lines as they are meant to be, from the lowest. `None` for a bot that is no grid.
pub fn view(conn: &Connection, bot: BotId, planned: &[Price]) -> Result<Option<GridView>, StoreError> {
    let Some(figures) = figures(conn, bot)? else { return Ok(None) };
    let orders = resting(conn, bot)?;
    let is_buy = |order: &&RestingOrder| order.side == Side::Buy;
    let active_buys = u64::try_from(orders.iter().filter(is_buy).count()).unwrap_or(u64::MAX);
    let active_sells = u64::try_from(orders.len()).unwrap_or(u64::MAX).saturating_sub(active_buys);
    let mut lines = lines(conn, bot, planned)?;
    let mut counts = line_counts(conn, bot)?;
    let mut held = held(conn, bot)?;
    for line in &mut lines {
        let count = counts.remove(&line.line).unwrap_or_default();
        (line.buy_fills, line.sell_fills) = (count.buys, count.sells);
        if let Some(net) = held.remove(&line.line) {
            line.held_qty = Qty::try_new(net.abs()).unwrap_or_default();
            line.held_side =
                Some(if net.is_sign_negative() { PositionSide::Short } else { PositionSide::Long });
        }
    }
    for order in orders {
        let distance = |line: &&mut LadderLine| (line.price.decimal() - order.price.decimal()).abs();
        if let Some(line) = lines.iter_mut().min_by_key(distance) {
            line.orders.push(order);
        }
    }
    let current_price = current_price(conn, bot)?;
    Ok(Some(GridView { current_price, active_buys, active_sells, figures, lines }))
}

/// What a grid has earned; `None` for a bot that is no grid.
pub fn figures(conn: &Connection, bot: BotId) -> Result<Option<GridFigures>, StoreError> {
    let head = conn
        .prepare_cached("SELECT total_investment, realized_profit FROM grid_bot_configs WHERE bot_id = ?1")?
        .query_row([bot.get()], |row| {
            Ok((
                column::parsed::<Quote>(row, "total_investment")?,
                column::parsed::<Quote>(row, "realized_profit")?,
            ))
        })
        .optional()?;
    let Some((investment, realized_profit)) = head else { return Ok(None) };
    let flow = flow(conn, bot)?;
    let lots = state(conn, bot)?.lots;
    let unrealized_profit = if lots.is_empty() {
        Some(Quote::ZERO)
    } else {
        current_price(conn, bot)?.map(|price| unrealized(&lots, price))
    };
    let until = market_time(conn, bot)?.max(flow.last);
    Ok(Some(GridFigures {
        investment,
        cycles: cycles(conn, bot)?,
        buy_fills: flow.buys,
        sell_fills: flow.sells,
        realized_profit,
        profit_per_day: until.and_then(|until| flow.per_day(realized_profit, until)),
        profit_pct: pct_of(realized_profit, investment),
        unrealized_profit,
        fees: flow.fees,
        held_qty: lots.iter().map(|(side, _, lot)| signed(side, lot.qty)).sum(),
        first_fill_at: flow.first,
        last_fill_at: flow.last,
    }))
}

fn flow(conn: &Connection, bot: BotId) -> Result<Flow, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT side, price, qty, fee, at FROM grid_fills WHERE grid_config_id = ?1")?;
    let mut rows = statement.query([bot.get()])?;
    let mut flow = Flow::default();
    while let Some(row) = rows.next()? {
        let traded = (column::parsed(row, "price")?, column::parsed(row, "qty")?);
        let side = column::word(row, "side", Side::from_word)?;
        flow.add(side, traded, column::parsed(row, "fee")?, column::timestamp(row, "at")?);
    }
    Ok(flow)
}

fn cycles(conn: &Connection, bot: BotId) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM (
                   SELECT DISTINCT f.client_order_id, f.grid_index FROM grid_fills f
                   JOIN orders o ON o.client_order_id = f.client_order_id
                   WHERE f.grid_config_id = ?1 AND f.profit IS NOT NULL AND o.status = 'filled')";
    let count: i64 = conn.prepare_cached(sql)?.query_row([bot.get()], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Negative when it is short.
fn signed(side: PositionSide, qty: Qty) -> Decimal {
    match side {
        PositionSide::Long => qty.decimal(),
        PositionSide::Short => -qty.decimal(),
    }
}

/// What is held at `price`, less what it has cost with its fees.
fn unrealized(lots: &Lots, price: Price) -> Quote {
    let gains = lots.iter().map(|(side, _, lot)| {
        let worth = price.notional(lot.qty);
        let gross = match side {
            PositionSide::Long => worth - lot.cost,
            PositionSide::Short => lot.cost - worth,
        };
        gross - lot.fees
    });
    Quote::new(gains.sum::<Quote>().decimal().normalize())
}

/// As the grid saw it last, else as its market did.
fn current_price(conn: &Connection, bot: BotId) -> Result<Option<Price>, StoreError> {
    let sql = "SELECT coalesce(p.price, g.current_price) AS price
               FROM grid_bot_configs g
               JOIN bot_instances b ON b.id = g.bot_id
               LEFT JOIN account_state s ON s.account_id = b.account_id
               LEFT JOIN prices p ON p.symbol = b.symbol AND p.market = coalesce(s.market, '')
               WHERE g.bot_id = ?1";
    let price = conn.prepare_cached(sql)?.query_row([bot.get()], |row| column::parsed_opt(row, "price"));
    Ok(price.optional()?.flatten())
}

/// The account's last cycle.
fn market_time(conn: &Connection, bot: BotId) -> Result<Option<Timestamp>, StoreError> {
    let sql =
        "SELECT s.last_cycle_at FROM bot_instances b JOIN account_state s ON s.account_id = b.account_id
               WHERE b.id = ?1";
    let at = conn
        .prepare_cached(sql)?
        .query_row([bot.get()], |row| column::timestamp_opt(row, "last_cycle_at"))
        .optional()?;
    Ok(at.flatten())
}

fn line_counts(conn: &Connection, bot: BotId) -> Result<BTreeMap<u16, LineCount>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT grid_index, side FROM grid_fills WHERE grid_config_id = ?1")?;
    let mut rows = statement.query([bot.get()])?;
    let mut counts: BTreeMap<u16, LineCount> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let count = counts.entry(row.get("grid_index")?).or_default();
        match column::word(row, "side", Side::from_word)? {
            Side::Buy => count.buys += 1,
            Side::Sell => count.sells += 1,
        }
    }
    Ok(counts)
}

/// The planned lines with their states, and lines the grid still has beside them; from the highest down.
fn lines(conn: &Connection, bot: BotId, planned: &[Price]) -> Result<Vec<LadderLine>, StoreError> {
    let blank = |line: u16, price: Price| LadderLine {
        line,
        price,
        status: "pending".to_owned(),
        orders: Vec::new(),
        held_qty: Qty::ZERO,
        held_side: None,
        buy_fills: 0,
        sell_fills: 0,
        profit: Quote::ZERO,
    };
    let mut lines: BTreeMap<u16, LadderLine> =
        (0_u16..).zip(planned).map(|(line, price)| (line, blank(line, *price))).collect();
    let mut statement = conn.prepare_cached(
        "SELECT grid_index, grid_price, status, profit FROM grid_orders WHERE grid_config_id = ?1",
    )?;
    let mut rows = statement.query([bot.get()])?;
    while let Some(row) = rows.next()? {
        let (index, price) = (row.get("grid_index")?, column::parsed(row, "grid_price")?);
        let line = lines.entry(index).or_insert_with(|| blank(index, price));
        line.status = row.get("status")?;
        line.profit = column::parsed(row, "profit")?;
    }
    Ok(lines.into_values().rev().collect())
}

/// The orders that work for the grid's lines, from the lowest line up.
pub fn resting(conn: &Connection, bot: BotId) -> Result<Vec<RestingOrder>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT g.grid_index, g.grid_price, o.* FROM grid_orders g
         JOIN orders o ON o.client_order_id IN (g.buy_order_id, g.sell_order_id)
         WHERE g.grid_config_id = ?1
             AND o.status IN ('intended', 'sent', 'unknown', 'open', 'partially_filled')
         ORDER BY g.grid_index, o.client_order_id",
    )?;
    let rows = statement.query_map([bot.get()], order)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn order(row: &Row<'_>) -> rusqlite::Result<RestingOrder> {
    let side = column::word(row, "side", Side::from_word)?;
    let position_side = column::word(row, "position_side", PositionSide::from_word)?;
    let price: Option<Price> = column::parsed_opt(row, "price")?;
    Ok(RestingOrder {
        id: column::parsed(row, "client_order_id")?,
        line: row.get("grid_index")?,
        side,
        position_side,
        is_exit: side == position_side.exit_side(),
        price: price.map_or_else(|| column::parsed(row, "grid_price"), Ok)?,
        qty: column::parsed(row, "qty")?,
        filled_qty: column::parsed(row, "filled_qty")?,
        status: column::word(row, "status", OrderStatus::from_word)?,
    })
}

/// What the grid remembered when its account last did anything.
pub fn state(conn: &Connection, bot: BotId) -> Result<GridState, StoreError> {
    let sql = "SELECT json_extract(s.state, '$.grids.\"' || b.id || '\"')
               FROM bot_instances b JOIN account_state s ON s.account_id = b.account_id WHERE b.id = ?1";
    let text: Option<String> = conn
        .prepare_cached(sql)?
        .query_row([bot.get()], |row| row.get::<_, Option<String>>(0))
        .optional()?
        .flatten();
    let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
    let unreadable = |error: serde_json::Error| StoreError::corrupt(format!("state of grid {bot}: {error}"));
    Ok(parsed.map_err(unreadable)?.unwrap_or_default())
}

/// What lines hold, negative where they are short; lines that hold nothing are absent.
pub fn held(conn: &Connection, bot: BotId) -> Result<BTreeMap<u16, Decimal>, StoreError> {
    let mut held: BTreeMap<u16, Decimal> = BTreeMap::new();
    for (side, line, lot) in state(conn, bot)?.lots.iter() {
        *held.entry(line).or_default() += signed(side, lot.qty);
    }
    held.retain(|_, net| !net.is_zero());
    Ok(held)
}

#[cfg(test)]
mod tests;
