//! Orders: the list, and the whole life of one.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

use super::fees;
use super::fills::{self, FillRow};
use super::filter::{Filter, matching};
use super::signals::{self, DecisionRow, SignalRow};
use crate::domain::fee::FeeSum;
use crate::domain::ids::{AccountId, ClientOrderId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::order::{OrderStatus, Purpose, TimeInForce};
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;
use crate::store::journal::order_row::IS_WORKING;
use crate::store::{StoreError, column};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderRow {
    /// The client order id.
    pub id: ClientOrderId,
    pub account: String,
    /// `None` for an order of the account itself.
    pub bot: Option<String>,
    pub symbol: Symbol,
    pub side: Side,
    pub position_side: PositionSide,
    pub purpose: Purpose,
    /// market, limit, stop_market, take_profit_market.
    pub order_type: String,
    pub time_in_force: Option<TimeInForce>,
    /// Limit price, or the trigger of a conditional order.
    pub price: Option<Price>,
    pub qty: Qty,
    pub reduce_only: bool,
    pub leverage: u8,
    /// Kept aside until it has ended, in quote currency.
    pub reserved_margin: Quote,
    pub status: OrderStatus,
    pub filled_qty: Qty,
    pub filled_notional: Quote,
    /// Notional / quantity of its fills, rounded to 12 decimals.
    pub average_price: Option<Price>,
    /// Of its fills, by the asset they were paid in.
    pub fees: Vec<FeeSum>,
    pub exchange_order_id: Option<String>,
    pub end_reason: Option<String>,
    pub dry_run: bool,
    /// The cycle that caused it, named by its time.
    pub cycle_at: Timestamp,
    /// Close of the bar whose signal caused it.
    pub signal_at: Option<Timestamp>,
    pub decided_at: Timestamp,
    pub sent_at: Option<Timestamp>,
    pub acknowledged_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

/// One step of an order's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderEventRow {
    pub at: Timestamp,
    pub status: OrderStatus,
    pub detail: String,
}

/// An order with everything that led to it and came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrderLife {
    pub order: OrderRow,
    /// Oldest first.
    pub events: Vec<OrderEventRow>,
    /// Oldest first.
    pub fills: Vec<FillRow>,
    /// `None` when it was pruned, or when nobody decided (the exchange's own doing).
    pub decision: Option<DecisionRow>,
    /// `None` when it was pruned, or when no signal caused the order.
    pub signal: Option<SignalRow>,
}

/// How many orders the filter matches, and the latest of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderList {
    pub matching: u32,
    /// Ordered by (decided_at, account, id).
    pub orders: Vec<OrderRow>,
}

const SELECT: &str = "SELECT o.*, a.name AS account, b.name AS bot
    FROM orders o JOIN accounts a ON a.id = o.account_id LEFT JOIN bot_instances b ON b.id = o.bot_id";

/// The latest orders. `since` is about the time they were decided.
pub fn list(
    conn: &Connection,
    filter: &Filter,
    status: Option<OrderStatus>,
) -> Result<OrderList, StoreError> {
    let mut conditions = filter.conditions("o");
    if let Some(since) = filter.since {
        conditions.and("o.decided_at >= ?", since.ms());
    }
    let mut decided_at = "o.decided_at";
    if let Some(status) = status {
        if !status.is_final() {
            // Names the condition of the index on working orders and hides the sorted one, so that the few are sorted
            // rather than the many searched.
            conditions.and_plain(IS_WORKING);
            decided_at = "+o.decided_at";
        }
        conditions.and("o.status = ?", status.as_str().to_owned());
    }
    let sql = format!(
        "{SELECT}{} ORDER BY {decided_at} DESC, o.account_id DESC, o.client_order_id DESC LIMIT ?",
        conditions.sql()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows =
        statement.query_map(rusqlite::params_from_iter(conditions.params_and(filter.limit())), from_row)?;
    let mut orders = rows.collect::<Result<Vec<_>, _>>()?;
    orders.reverse();
    for order in orders.iter_mut().filter(|order| !order.filled_qty.is_zero()) {
        order.fees = fees::of_order(conn, &order.id)?;
    }
    let matching = matching(conn, filter, ("orders o", &conditions), orders.len())?;
    Ok(OrderList { matching, orders })
}

/// The whole life of one order.
pub fn life(conn: &Connection, id: &str) -> Result<OrderLife, StoreError> {
    let found = conn
        .prepare_cached(&format!("{SELECT} WHERE o.client_order_id = ?1"))?
        .query_row([id], |row| Ok((from_row(row)?, row.get("account_id")?, row.get("bot_id")?)))
        .optional()?;
    let Some((mut order, account, bot)) = found else {
        return Err(StoreError::not_found("order", id));
    };
    let account = AccountId::new(account);
    let bot: Option<u32> = bot;
    let decision = match bot {
        Some(bot) => signals::decision_of_order(conn, account, bot, &order.symbol, &order.id)?,
        None => None,
    };
    let signal = match bot.zip(order.signal_at) {
        Some((bot, at)) => signals::followed_by(conn, bot, &order.symbol, at)?,
        None => None,
    };
    let fills = fills::of_order(conn, &order.id)?;
    order.fees = fees::of_fills(&fills);
    Ok(OrderLife { events: events(conn, &order.id)?, fills, decision, signal, order })
}

/// Ids of recent orders that begin with `start`: what a mistyped or shortened id may have meant.
pub fn ids_starting_with(conn: &Connection, start: &str, limit: u32) -> Result<Vec<String>, StoreError> {
    // Every character of an id is below '~', so this is the end of the range.
    let mut statement = conn.prepare_cached(
        "SELECT client_order_id FROM orders WHERE client_order_id >= ?1 AND client_order_id < ?1 || '~'
         ORDER BY client_order_id LIMIT ?2",
    )?;
    let rows = statement.query_map(rusqlite::params![start, limit], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn events(conn: &Connection, id: &ClientOrderId) -> Result<Vec<OrderEventRow>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT e.at, e.status, e.detail FROM order_events e JOIN orders o ON o.number = e.order_number
         WHERE o.client_order_id = ?1 ORDER BY e.at, e.id",
    )?;
    let rows = statement.query_map([id.as_str()], |row| {
        Ok(OrderEventRow {
            at: column::timestamp(row, "at")?,
            status: column::word(row, "status", OrderStatus::from_word)?,
            detail: row.get("detail")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<OrderRow> {
    let filled_qty: Qty = column::parsed(row, "filled_qty")?;
    let filled_notional: Quote = column::parsed(row, "filled_notional")?;
    let has_time_in_force = row.get::<_, Option<String>>("time_in_force")?.is_some();
    Ok(OrderRow {
        id: column::parsed(row, "client_order_id")?,
        account: row.get("account")?,
        bot: row.get("bot")?,
        symbol: column::parsed(row, "symbol")?,
        side: column::word(row, "side", Side::from_word)?,
        position_side: column::word(row, "position_side", PositionSide::from_word)?,
        purpose: column::word(row, "purpose", Purpose::from_word)?,
        order_type: row.get("order_type")?,
        time_in_force: has_time_in_force
            .then(|| column::word(row, "time_in_force", TimeInForce::from_word))
            .transpose()?,
        price: column::parsed_opt(row, "price")?,
        qty: column::parsed(row, "qty")?,
        reduce_only: row.get("reduce_only")?,
        leverage: row.get("leverage")?,
        reserved_margin: column::parsed(row, "reserved_margin")?,
        status: column::word(row, "status", OrderStatus::from_word)?,
        average_price: filled_notional.average_price(filled_qty),
        filled_qty,
        filled_notional,
        fees: Vec::new(),
        exchange_order_id: row.get("exchange_order_id")?,
        end_reason: row.get("end_reason")?,
        dry_run: row.get("dry_run")?,
        cycle_at: column::timestamp(row, "cycle_id")?,
        signal_at: column::timestamp_opt(row, "signal_at")?,
        decided_at: column::timestamp(row, "decided_at")?,
        sent_at: column::timestamp_opt(row, "sent_at")?,
        acknowledged_at: column::timestamp_opt(row, "acknowledged_at")?,
        finished_at: column::timestamp_opt(row, "finished_at")?,
    })
}
