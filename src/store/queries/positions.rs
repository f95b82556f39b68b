//! What is open now, valued at the last price the daemon has seen.

use rusqlite::{Connection, Row};
use serde::Serialize;

use super::Filter;
use super::fees;
use super::fills::{self, FillRow};
use crate::domain::fee::FeeSum;
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Pct, Price, Qty, Quote};
use crate::domain::side::PositionSide;
use crate::domain::time::{DurationMs, Timeframe, Timestamp};
use crate::store::holdings::IS_OPEN;
use crate::store::journal::position_row;
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
    /// In quote currency, as far as it is known.
    pub fees: Quote,
    /// The same by the asset they were paid in; what no price was known for is in no other figure.
    pub fees_by_asset: Vec<FeeSum>,
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
    conditions.and_plain(IS_OPEN);
    if let Some(since) = filter.since {
        conditions.and("p.opened_at >= ?", since.ms());
    }
    let sql = format!(
        "SELECT p.*, a.name AS account, b.name AS bot, m.price AS mark_price, m.at AS mark_at,
                json_extract(s.state, '$.holdings.' || p.id || '.timeframe') AS timeframe
         FROM bot_positions p JOIN accounts a ON a.id = p.account_id
         LEFT JOIN bot_instances b ON b.id = p.bot_id
         LEFT JOIN account_state s ON s.account_id = p.account_id
         LEFT JOIN prices m ON m.market = coalesce(s.market, '') AND m.symbol = p.symbol
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
        position.fees_by_asset = fees::of_fills(&position.fills);
    }
    Ok(positions)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<PositionRow> {
    let stored = position_row::read(row)?;
    let position = stored.position;
    let entry_price_avg = position.entry_price_avg();
    let mark_price: Option<Price> = column::parsed_opt(row, "mark_price")?;
    let mark_at = column::timestamp_opt(row, "mark_at")?;
    let timeframe: Option<Timeframe> = column::parsed_opt(row, "timeframe")?;
    // A fill may be of a moment after the last price.
    let held = mark_at.map(|at| at.since(position.opened_at).max(DurationMs::ZERO));
    Ok(PositionRow {
        account: row.get("account")?,
        bot: row.get("bot")?,
        unrealized_pnl: mark_price.map(|price| position.unrealized_pnl(price)),
        move_pct: entry_price_avg.zip(mark_price).map(|(entry, mark)| favourable(position.side, entry, mark)),
        margin: position.margin(),
        mark_price,
        mark_at,
        entry_price_avg,
        stop_loss_price: stored.stop_loss,
        take_profit_price: stored.take_profit,
        protected: stored.is_protected,
        dca_level: stored.dca_level,
        dry_run: stored.dry_run,
        held_ms: held,
        bars_held: held.zip(timeframe).map(|(held, bar)| held.ms().div_euclid(bar.duration().ms())),
        timeframe,
        fees_by_asset: Vec::new(),
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
