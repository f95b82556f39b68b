//! What is open now, valued at the last price the daemon has seen.

use rusqlite::{Connection, Row};
use serde::Serialize;

use super::Filter;
use super::fills::{self, FillRow};
use crate::domain::ids::{BotId, ClientOrderId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, MoneyError, Pct, Price, Qty, Quote};
use crate::domain::position::Position;
use crate::domain::side::PositionSide;
use crate::domain::time::{DurationMs, Timeframe, Timestamp};
use crate::store::{StoreError, column};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PositionRow {
    pub id: ClientOrderId,
    pub account: String,
    /// `None` once released to the operator.
    pub bot: Option<String>,
    pub symbol: Symbol,
    pub side: PositionSide,
    pub leverage: Leverage,
    pub qty: Qty,
    /// Entry notional of the open quantity.
    pub cost: Quote,
    pub entry_price_avg: Option<Price>,
    /// The last price the daemon has seen, and when.
    pub mark_price: Option<Price>,
    pub mark_at: Option<Timestamp>,
    /// At the mark price, before fees.
    pub unrealized_pnl: Option<Quote>,
    /// Move from the average entry price, in the position's favour when positive, in %.
    pub move_pct: Option<Pct>,
    /// cost / leverage.
    pub margin: Quote,
    /// Of what was closed so far, before fees.
    pub realized_pnl: Quote,
    pub fees: Quote,
    pub stop_loss_price: Option<Price>,
    pub take_profit_price: Option<Price>,
    /// A stop rests at the exchange.
    pub protected: bool,
    pub dca_level: u8,
    pub dry_run: bool,
    pub opened_at: Timestamp,
    /// From opening to the mark price's time.
    pub held_ms: Option<DurationMs>,
    /// Of the signal that opened it.
    pub timeframe: Option<Timeframe>,
    /// Whole bars held.
    pub bars_held: Option<i64>,
    /// Oldest first.
    pub fills: Vec<FillRow>,
}

/// Open positions, ordered by (opened_at, account, id). `since` is about the time they were opened.
pub fn list(conn: &Connection, filter: &Filter) -> Result<Vec<PositionRow>, StoreError> {
    let mut conditions = filter.conditions("p");
    conditions.and_plain("p.closed_at IS NULL");
    if let Some(since) = filter.since {
        conditions.and("p.opened_at >= ?", since.ms());
    }
    let sql = format!(
        "SELECT p.*, a.name AS account, b.name AS bot, m.price AS mark_price, m.at AS mark_at,
                json_extract(s.state, '$.holdings.' || p.id || '.timeframe') AS timeframe
         FROM bot_positions p JOIN accounts a ON a.id = p.account_id
         LEFT JOIN bot_instances b ON b.id = p.bot_id
         LEFT JOIN prices m ON m.symbol = p.symbol
         LEFT JOIN account_state s ON s.account_id = p.account_id
         {} ORDER BY p.opened_at DESC, p.account_id DESC, p.id DESC LIMIT ?",
        conditions.sql()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows =
        statement.query_map(rusqlite::params_from_iter(conditions.params_and(filter.limit())), from_row)?;
    let mut positions = rows.collect::<Result<Vec<_>, _>>()?;
    positions.reverse();
    for position in &mut positions {
        position.fills = fills::of_position(conn, &position.id)?;
    }
    Ok(positions)
}

/// A row of `bot_positions` as the domain knows it.
pub(in crate::store) fn position(row: &Row<'_>) -> rusqlite::Result<Position> {
    Ok(Position {
        id: column::parsed(row, "id")?,
        bot: row.get::<_, Option<u32>>("bot_id")?.map(BotId::new),
        symbol: column::parsed(row, "symbol")?,
        side: column::word(row, "side", PositionSide::from_word)?,
        leverage: Leverage::try_new(row.get("leverage")?)
            .map_err(|error: MoneyError| column::mismatch(row, "leverage", error))?,
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
    })
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<PositionRow> {
    let position = position(row)?;
    let entry_price_avg = position.entry_price_avg();
    let mark_price: Option<Price> = column::parsed_opt(row, "mark_price")?;
    let mark_at = column::timestamp_opt(row, "mark_at")?;
    let timeframe: Option<Timeframe> = column::parsed_opt(row, "timeframe")?;
    let held = mark_at.map(|at| at.since(position.opened_at));
    Ok(PositionRow {
        account: row.get("account")?,
        bot: row.get("bot")?,
        unrealized_pnl: mark_price.map(|price| position.unrealized_pnl(price)),
        move_pct: entry_price_avg.zip(mark_price).map(|(entry, mark)| favourable(position.side, entry, mark)),
        margin: position.margin(),
        mark_price,
        mark_at,
        entry_price_avg,
        stop_loss_price: column::parsed_opt(row, "stop_loss_price")?,
        take_profit_price: column::parsed_opt(row, "take_profit_price")?,
        protected: row.get("protected")?,
        dca_level: row.get("dca_level")?,
        dry_run: row.get("dry_run")?,
        held_ms: held,
        bars_held: held.zip(timeframe).map(|(held, bar)| held.ms().div_euclid(bar.duration().ms())),
        timeframe,
        fills: Vec::new(),
        id: position.id,
        symbol: position.symbol,
        side: position.side,
        leverage: position.leverage,
        qty: position.qty,
        cost: position.cost,
        realized_pnl: position.realized_pnl,
        fees: position.fees,
        opened_at: position.opened_at,
    })
}

fn favourable(side: PositionSide, entry: Price, mark: Price) -> Pct {
    let change = Pct::change(entry, mark);
    match side {
        PositionSide::Long => change,
        PositionSide::Short => -change,
    }
}
