//! Queries of orders and fills, newest first. What is newer than the venue's horizon is not seen.

use serde_json::{Value, json};

use super::error::Error;
use super::market_data::listed;
use super::orders::named;
use super::{Call, Reply, ids, order_rows};
use crate::domain::instrument::Symbol;
use crate::domain::time::Timestamp;
use crate::simulator::order::{FillRecord, OrderRecord};

const PAGE_MAX: usize = 100;

pub(super) fn detail(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let horizon = call.venue.horizon(call.account);
    let order = named(call, &symbol)?.filter(|order| order.created_at <= horizon);
    let order = order.ok_or_else(Error::not_found)?;
    let row = call.venue.with(call.account, |account| order_rows::order(&order, account, "state"));
    Ok(row.unwrap_or_default())
}

pub(super) fn pending(call: &Call<'_>) -> Reply {
    list(call, OrderRecord::is_open)
}

pub(super) fn history(call: &Call<'_>) -> Reply {
    list(call, |order| !order.is_open())
}

fn list(call: &Call<'_>, wanted: impl Fn(&OrderRecord) -> bool) -> Reply {
    let page = Page::read(call)?;
    let before = call.params.get("idLessThan").and_then(ids::order_number);
    let horizon = call.venue.horizon(call.account);
    let rows = call.venue.with(call.account, |account| {
        let seen = account.orders().rev().filter(|order| {
            wanted(order)
                && order.created_at <= horizon
                && before.is_none_or(|before| order.id < before)
                && page.has(&order.symbol, order.created_at)
        });
        let rows = seen.take(page.limit).map(|order| order_rows::order(order, account, "status"));
        rows.collect::<Vec<_>>()
    });
    Ok(page_of("entrustedList", rows.unwrap_or_default(), "orderId"))
}

pub(super) fn fills(call: &Call<'_>) -> Reply {
    let page = Page::read(call)?;
    let before: Option<u64> = call.params.parse("idLessThan")?;
    let order_id = call.params.get("orderId").map(|id| ids::order_number(id).unwrap_or_default());
    let horizon = call.venue.horizon(call.account);
    let rows = call.venue.with(call.account, |account| {
        let wanted = |fill: &&FillRecord| {
            fill.at <= horizon
                && before.is_none_or(|before| fill.trade_id < before)
                && order_id.is_none_or(|id| fill.order_id == id)
                && page.has(&fill.symbol, fill.at)
        };
        let seen = account.fills().iter().rev().filter(wanted).take(page.limit);
        seen.map(|fill| order_rows::fill(fill, account)).collect::<Vec<_>>()
    });
    Ok(page_of("fillList", rows.unwrap_or_default(), "tradeId"))
}

/// Which rows of a list are asked for.
pub(super) struct Page {
    /// `None` for all, and no symbol at all for a product that is not traded.
    symbol: Option<Symbol>,
    is_traded: bool,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    pub(super) limit: usize,
}

impl Page {
    pub(super) fn read(call: &Call<'_>) -> Result<Self, Error> {
        let params = call.params;
        Ok(Self {
            is_traded: params.is_usdt()?,
            symbol: params.get("symbol").map(|_| listed(call.venue, params)).transpose()?,
            from: params.time("startTime")?,
            until: params.time("endTime")?,
            limit: params.limit(PAGE_MAX, PAGE_MAX)?,
        })
    }

    pub(super) fn has(&self, symbol: &Symbol, at: Timestamp) -> bool {
        self.is_traded
            && self.symbol.as_ref().is_none_or(|wanted| wanted == symbol)
            && self.from.is_none_or(|from| at >= from)
            && self.until.is_none_or(|until| at <= until)
    }
}

/// A list with its last id; an empty one is `null`.
pub(super) fn page_of(name: &str, rows: Vec<Value>, id_field: &str) -> Value {
    let end_id = rows.last().and_then(|row| row.get(id_field)).cloned();
    let rows = if rows.is_empty() { Value::Null } else { Value::Array(rows) };
    json!({ name: rows, "endId": end_id })
}
