//! An order as a row of `orders`, and the steps of its life in `order_events`.

use rusqlite::{Connection, Row, params};

use super::super::{StoreError, column};
use crate::domain::ids::{AccountId, BotId, CycleId};
use crate::domain::money::{Leverage, Price};
use crate::domain::order::{Order, OrderKind, OrderStatus, OrderTimes, Purpose, TimeInForce};
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;

/// Inserts the order, or brings its row up to date.
pub(super) fn write(conn: &Connection, account: AccountId, order: &Order) -> Result<(), StoreError> {
    let time_in_force = match order.kind {
        OrderKind::Limit { time_in_force, .. } => Some(time_in_force.as_str()),
        OrderKind::Market | OrderKind::StopMarket { .. } | OrderKind::TakeProfitMarket { .. } => None,
    };
    conn.prepare_cached(
        "INSERT INTO orders (client_order_id, account_id, bot_id, symbol, side, position_side, purpose, order_type,
             time_in_force, price, qty, reduce_only, leverage, reserved_margin, cycle_id, status, filled_qty,
             filled_notional, exchange_order_id, end_reason, dry_run, signal_at, decided_at, sent_at,
             acknowledged_at, finished_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
             ?22, ?23, ?24, ?25, ?26)
         ON CONFLICT (client_order_id) DO UPDATE SET status = excluded.status, filled_qty = excluded.filled_qty,
             filled_notional = excluded.filled_notional, exchange_order_id = excluded.exchange_order_id,
             end_reason = excluded.end_reason, sent_at = excluded.sent_at,
             acknowledged_at = excluded.acknowledged_at, finished_at = excluded.finished_at",
    )?
    .execute(params![
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
    Ok(())
}

/// Adds a step to the order's life.
pub(super) fn note(conn: &Connection, order: &Order, at: Timestamp, detail: &str) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO order_events (client_order_id, at, status, detail) VALUES (?1, ?2, ?3, ?4)",
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
