//! An order as a row of `orders`, and the steps of its life in `order_events`.

use rusqlite::{Connection, Row, params};

use super::super::{StoreError, column};
use crate::domain::ids::{AccountId, BotId, CycleId};
use crate::domain::money::{Leverage, Price};
use crate::domain::order::{Order, OrderKind, OrderStatus, OrderTimes, Purpose, TimeInForce};
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;

/// The condition of the index on orders that have not ended, in its words: a query that says it otherwise searches all
/// orders. A list (`status IN (...)`) would be built anew for every statement that writes an order.
pub(in crate::store) const IS_WORKING: &str = "(status = 'intended' OR status = 'sent' OR status = 'unknown'
    OR status = 'open' OR status = 'partially_filled')";

const INSERT: &str = "INSERT INTO orders (client_order_id, account_id, bot_id, symbol, side, position_side, purpose,
         order_type, time_in_force, price, qty, reduce_only, leverage, reserved_margin, cycle_id, status, filled_qty,
         filled_notional, exchange_order_id, end_reason, dry_run, signal_at, decided_at, sent_at, acknowledged_at,
         finished_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
         ?24, ?25, ?26)
     ON CONFLICT (client_order_id) DO NOTHING";

/// Inserts the order, or brings its row up to date; what is likelier (`is_new`) first.
///
/// Two statements: one that may do either (an upsert) copies each page that it is about to touch, to take itself back.
pub(super) fn write(
    conn: &Connection,
    account: AccountId,
    order: &Order,
    is_new: bool,
) -> Result<(), StoreError> {
    if is_new {
        return if insert(conn, account, order)? { Ok(()) } else { update(conn, order).map(drop) };
    }
    if update(conn, order)? { Ok(()) } else { insert(conn, account, order).map(drop) }
}

/// False when it has no row.
fn update(conn: &Connection, order: &Order) -> Result<bool, StoreError> {
    let rows = conn
        .prepare_cached(
            "UPDATE orders SET status = ?2, filled_qty = ?3, filled_notional = ?4, exchange_order_id = ?5,
                 end_reason = ?6, sent_at = ?7, acknowledged_at = ?8, finished_at = ?9
             WHERE client_order_id = ?1",
        )?
        .execute(params![
            order.client_order_id.as_str(),
            order.status.as_str(),
            order.filled_qty.to_string(),
            order.filled_notional.to_string(),
            order.exchange_order_id,
            order.end_reason,
            order.times.sent_at.map(Timestamp::ms),
            order.times.acknowledged_at.map(Timestamp::ms),
            order.times.finished_at.map(Timestamp::ms),
        ])?;
    Ok(rows > 0)
}

/// False when it has a row already.
fn insert(conn: &Connection, account: AccountId, order: &Order) -> Result<bool, StoreError> {
    let time_in_force = match order.kind {
        OrderKind::Limit { time_in_force, .. } => Some(time_in_force.as_str()),
        OrderKind::Market | OrderKind::StopMarket { .. } | OrderKind::TakeProfitMarket { .. } => None,
    };
    let rows = conn.prepare_cached(INSERT)?.execute(params![
        order.client_order_id.as_str(),
        account.get(),
        order.bot.map(BotId::get),
        order.symbol.as_str(),
        order.side.as_str(),
        order.position_side.as_str(),
        order.purpose.as_str(),
        order.kind.as_str(),
        time_in_force,
        order.kind.price().map(|price| price.to_string()),
        order.qty.to_string(),
        order.reduce_only,
        order.leverage.get(),
        order.reserved_margin.to_string(),
        order.cycle.get(),
        order.status.as_str(),
        order.filled_qty.to_string(),
        order.filled_notional.to_string(),
        order.exchange_order_id,
        order.end_reason,
        order.dry_run,
        order.times.signal_at.map(Timestamp::ms),
        order.times.decided_at.ms(),
        order.times.sent_at.map(Timestamp::ms),
        order.times.acknowledged_at.map(Timestamp::ms),
        order.times.finished_at.map(Timestamp::ms),
    ])?;
    Ok(rows > 0)
}

/// Adds a step to the order's life.
pub(super) fn note(conn: &Connection, order: &Order, at: Timestamp, detail: &str) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO order_events (order_number, at, status, detail)
         VALUES ((SELECT number FROM orders WHERE client_order_id = ?1), ?2, ?3, ?4)",
    )?
    .execute(params![order.client_order_id.as_str(), at.ms(), order.status.as_str(), detail])?;
    Ok(())
}

/// Reads a row of `SELECT * FROM orders`.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Order> {
    Ok(Order {
        client_order_id: column::parsed(row, "client_order_id")?,
        bot: row.get::<_, Option<u32>>("bot_id")?.map(BotId::new),
        symbol: column::parsed(row, "symbol")?,
        side: column::word(row, "side", Side::from_word)?,
        position_side: column::word(row, "position_side", PositionSide::from_word)?,
        purpose: column::word(row, "purpose", Purpose::from_word)?,
        kind: kind(row)?,
        qty: column::parsed(row, "qty")?,
        reduce_only: row.get("reduce_only")?,
        leverage: leverage(row)?,
        reserved_margin: column::parsed(row, "reserved_margin")?,
        cycle: CycleId::at(column::timestamp(row, "cycle_id")?),
        status: column::word(row, "status", OrderStatus::from_word)?,
        filled_qty: column::parsed(row, "filled_qty")?,
        filled_notional: column::parsed(row, "filled_notional")?,
        exchange_order_id: row.get("exchange_order_id")?,
        end_reason: row.get("end_reason")?,
        dry_run: row.get("dry_run")?,
        times: OrderTimes {
            signal_at: column::timestamp_opt(row, "signal_at")?,
            decided_at: column::timestamp(row, "decided_at")?,
            sent_at: column::timestamp_opt(row, "sent_at")?,
            acknowledged_at: column::timestamp_opt(row, "acknowledged_at")?,
            finished_at: column::timestamp_opt(row, "finished_at")?,
        },
    })
}

pub(super) fn leverage(row: &Row<'_>) -> rusqlite::Result<Leverage> {
    Leverage::try_new(row.get("leverage")?).map_err(|error| column::mismatch(row, "leverage", error))
}

fn kind(row: &Row<'_>) -> rusqlite::Result<OrderKind> {
    let price: Option<Price> = column::parsed_opt(row, "price")?;
    let word: String = row.get("order_type")?;
    let kind = match (word.as_str(), price) {
        ("market", _) => OrderKind::Market,
        ("limit", Some(price)) => {
            let time_in_force = column::word(row, "time_in_force", TimeInForce::from_word)?;
            OrderKind::Limit { price, time_in_force }
        }
        ("stop_market", Some(trigger)) => OrderKind::StopMarket { trigger },
        ("take_profit_market", Some(trigger)) => OrderKind::TakeProfitMarket { trigger },
        _ => return Err(column::unknown(row, "order_type", &word)),
    };
    Ok(kind)
}
