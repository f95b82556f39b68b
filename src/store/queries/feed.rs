//! Steps of orders of the whole fleet, as they were recorded.

use rusqlite::{Connection, params};
use serde::Serialize;

use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::order::{OrderStatus, Purpose};
use crate::domain::side::Side;
use crate::domain::time::Timestamp;
use crate::store::{StoreError, column};

/// One step of an order's life, with what the order is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderStep {
    pub at: Timestamp,
    pub order: ClientOrderId,
    pub account: String,
    pub bot: Option<String>,
    pub symbol: Symbol,
    pub side: Side,
    pub purpose: Purpose,
    pub status: OrderStatus,
    pub detail: String,
}

/// The last `limit` steps, of them those that are not older than `since`; newest first.
pub fn order_steps(
    conn: &Connection,
    since: Option<Timestamp>,
    limit: u32,
) -> Result<Vec<OrderStep>, StoreError> {
    // Bounded by the primary key first: a fleet's events of years are never searched.
    let mut statement = conn.prepare_cached(
        "SELECT e.at, o.client_order_id, e.status, e.detail, a.name AS account, b.name AS bot, o.symbol, o.side,
                o.purpose
         FROM (SELECT * FROM order_events ORDER BY id DESC LIMIT ?2) e
         JOIN orders o ON o.number = e.order_number JOIN accounts a ON a.id = o.account_id
         LEFT JOIN bot_instances b ON b.id = o.bot_id
         WHERE ?1 IS NULL OR e.at >= ?1 ORDER BY e.id DESC",
    )?;
    let rows = statement.query_map(params![since.map(Timestamp::ms), limit], |row| {
        Ok(OrderStep {
            at: column::timestamp(row, "at")?,
            order: column::parsed(row, "client_order_id")?,
            account: row.get("account")?,
            bot: row.get("bot")?,
            symbol: column::parsed(row, "symbol")?,
            side: column::word(row, "side", Side::from_word)?,
            purpose: column::word(row, "purpose", Purpose::from_word)?,
            status: column::word(row, "status", OrderStatus::from_word)?,
            detail: row.get("detail")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
