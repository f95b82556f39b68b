//! Fills as they were booked, in the order of the exchange.

use rusqlite::{Connection, Params, Row};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::domain::fee::{Fee, Paid};
use crate::domain::fill::{Fill, Liquidity};
use crate::domain::ids::{ClientOrderId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::order::Purpose;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;
use crate::store::{StoreError, column};

/// One execution with what it realized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FillRow {
    pub trade_id: TradeId,
    pub order: ClientOrderId,
    /// Of the order; read from its id.
    pub purpose: Option<Purpose>,
    pub side: Side,
    pub price: Price,
    pub qty: Qty,
    /// Paid when positive, in `fee_asset`.
    pub fee: Decimal,
    pub fee_asset: String,
    /// What one of `fee_asset` was worth in quote currency; `None` for the quote currency itself, and where nobody knew.
    pub fee_price: Option<Price>,
    /// In quote currency; `None` where the price of its asset was not known.
    pub fee_value: Option<Quote>,
    pub liquidity: Liquidity,
    /// Before its fee; 0 for fills that add.
    pub realized_pnl: Quote,
    pub at: Timestamp,
}

/// The fills of one position, oldest first.
pub fn of_position(conn: &Connection, position: &ClientOrderId) -> Result<Vec<FillRow>, StoreError> {
    list(conn, "SELECT * FROM fills WHERE position_id = ?1", [position.as_str()])
}

/// The fills of one order, oldest first.
pub fn of_order(conn: &Connection, order: &ClientOrderId) -> Result<Vec<FillRow>, StoreError> {
    list(conn, "SELECT * FROM fills WHERE client_order_id = ?1", [order.as_str()])
}

/// Where a fill stands among those of its account: by time, then by the number in the exchange's trade id, then by
/// the id's text.
pub fn booking_order(at: Timestamp, trade_id: &TradeId) -> (Timestamp, u64, String) {
    let digits: String = trade_id
        .0
        .chars()
        .skip_while(|letter| !letter.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    (at, digits.parse().unwrap_or(u64::MAX), trade_id.0.clone())
}

/// A row of `fills` as the domain knows it.
pub(in crate::store) fn fill(row: &Row<'_>) -> rusqlite::Result<Fill> {
    let symbol: Symbol = column::parsed(row, "symbol")?;
    Ok(Fill {
        trade_id: TradeId(row.get("trade_id")?),
        client_order_id: column::parsed(row, "client_order_id")?,
        symbol,
        side: column::word(row, "side", Side::from_word)?,
        position_side: column::word(row, "position_side", PositionSide::from_word)?,
        price: column::parsed(row, "price")?,
        qty: column::parsed(row, "qty")?,
        fee: fee(row)?,
        liquidity: column::word(row, "liquidity", Liquidity::from_word)?,
        at: column::timestamp(row, "at")?,
    })
}

/// The fee of a row of `fills`.
pub(super) fn fee(row: &Row<'_>) -> rusqlite::Result<Fee> {
    let amount: Quote = column::parsed(row, "fee")?;
    let in_kind: bool = row.get("fee_in_kind")?;
    let paid =
        if in_kind { Paid::InKind { price: column::parsed_opt(row, "fee_price")? } } else { Paid::FromCash };
    Ok(Fee::kept(amount.decimal(), row.get("fee_asset")?, paid))
}

fn list(conn: &Connection, sql: &str, params: impl Params) -> Result<Vec<FillRow>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params, from_row)?;
    let mut fills = rows.collect::<Result<Vec<_>, _>>()?;
    fills.sort_by_cached_key(|fill| booking_order(fill.at, &fill.trade_id));
    Ok(fills)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<FillRow> {
    let fill = fill(row)?;
    Ok(FillRow {
        purpose: fill.client_order_id.key().map(|key| key.purpose),
        trade_id: fill.trade_id,
        order: fill.client_order_id,
        side: fill.side,
        price: fill.price,
        qty: fill.qty,
        fee: fill.fee.amount(),
        fee_price: match fill.fee.paid() {
            Paid::FromCash => None,
            Paid::InKind { price } => price,
        },
        fee_value: fill.fee.value(),
        fee_asset: fill.fee.asset().to_owned(),
        liquidity: fill.liquidity,
        realized_pnl: column::parsed(row, "realized_pnl")?,
        at: fill.at,
    })
}
