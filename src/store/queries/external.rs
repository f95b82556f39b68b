//! What others hold on the accounts, as the exchanges said last: shown beside the bots' positions, never touched.

use rusqlite::Connection;
use serde::Serialize;

use super::Filter;
use crate::domain::ids::AccountId;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
use crate::engine::state::External;
use crate::store::{StoreError, column};

/// One side of a symbol that an account holds beyond what its bots hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExternalRow {
    pub account: String,
    pub symbol: Symbol,
    pub side: PositionSide,
    pub qty: Qty,
    /// The last price the daemon has seen, and when.
    pub mark_price: Option<Price>,
    pub mark_at: Option<Timestamp>,
    /// Quantity x mark price.
    pub notional: Option<Quote>,
}

/// Ordered by (account, symbol, side). A bot holds none of it, and since when it is held is not known: a filter by bot
/// or time finds nothing.
pub fn list(conn: &Connection, filter: &Filter) -> Result<Vec<ExternalRow>, StoreError> {
    if filter.bot.is_some() || filter.since.is_some() {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare_cached(
        "SELECT a.name AS account, e.key AS symbol, e.value AS held, m.price AS mark_price, m.at AS mark_at
         FROM account_state s JOIN accounts a ON a.id = s.account_id
         JOIN json_each(s.state, '$.external') e
         LEFT JOIN prices m ON m.market = coalesce(s.market, '') AND m.symbol = e.key
         WHERE a.removed_at IS NULL AND (?1 IS NULL OR a.id = ?1) AND (?2 IS NULL OR e.key = ?2)
         ORDER BY a.name, e.key",
    )?;
    let account = filter.account.map(AccountId::get);
    let mut rows = statement.query(rusqlite::params![account, filter.symbol.as_ref().map(Symbol::as_str)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get("held")?;
        let held: External =
            serde_json::from_str(&text).map_err(|error| StoreError::corrupt(error.to_string()))?;
        let mark_price: Option<Price> = column::parsed_opt(row, "mark_price")?;
        for side in [PositionSide::Long, PositionSide::Short] {
            let qty = held.on(side);
            if qty.is_zero() {
                continue;
            }
            found.push(ExternalRow {
                account: row.get("account")?,
                symbol: column::parsed(row, "symbol")?,
                side,
                qty,
                mark_price,
                mark_at: column::timestamp_opt(row, "mark_at")?,
                notional: mark_price.map(|price| price.notional(qty)),
            });
        }
    }
    Ok(found)
}
