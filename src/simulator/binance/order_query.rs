//! Queries of orders and fills. What is newer than the venue's horizon is not seen.

use serde_json::Value;

use super::error::Error;
use super::market_data::listed;
use super::params::Params;
use super::{Call, Reply, order_json};
use crate::domain::instrument::Symbol;
use crate::domain::time::{DurationMs, Timestamp};
use crate::simulator::account::Account;
use crate::simulator::order::{FillRecord, OrderRecord};

/// The longest span of a history query.
const WEEK: DurationMs = DurationMs::from_secs(7 * 86_400);

/// The order that `orderId` or `origClientOrderId` names.
pub(super) fn named<'a>(
    account: &'a Account,
    params: &Params,
    symbol: &Symbol,
) -> Result<Option<&'a OrderRecord>, Error> {
    let order = match (params.parse("orderId")?, params.get("origClientOrderId")) {
        (Some(id), _) => account.order(id),
        (None, Some(client_id)) => account.order_by_client_id(client_id),
        (None, None) => return Err(Error::missing("orderId")),
    };
    Ok(order.filter(|order| order.symbol == *symbol))
}

pub(super) fn order(call: &Call<'_>) -> Reply {
    find(call, |_| true)
}

pub(super) fn open_order(call: &Call<'_>) -> Reply {
    find(call, OrderRecord::is_open)
}

fn find(call: &Call<'_>, wanted: impl Fn(&OrderRecord) -> bool) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let horizon = call.venue.horizon(call.account);
    let found = call.venue.with(call.account, |account| {
        let order = named(account, call.params, &symbol)?;
        let seen = order.filter(|order| wanted(order) && order.created_at <= horizon);
        Ok::<_, Error>(seen.map(|order| order_json::queried(order, account.position_mode())))
    });
    found.transpose()?.flatten().ok_or_else(|| Error::new(-2013, "Order does not exist."))
}

pub(super) fn open_orders(call: &Call<'_>) -> Reply {
    let symbol = call.params.get("symbol").map(|_| listed(call.venue, call.params)).transpose()?;
    let horizon = call.venue.horizon(call.account);
    let found = call.venue.with(call.account, |account| {
        let of_symbol = |order: &&OrderRecord| symbol.as_ref().is_none_or(|symbol| order.symbol == *symbol);
        let seen = account.open_orders().filter(of_symbol).filter(|order| order.created_at <= horizon);
        seen.map(|order| order_json::queried(order, account.position_mode())).collect::<Vec<_>>()
    });
    Ok(Value::Array(found.unwrap_or_default()))
}

/// `startTime..=endTime`, at most a week; the last week when neither is given.
pub(super) fn span(call: &Call<'_>) -> Result<(Timestamp, Timestamp), Error> {
    let now = call.venue.now();
    let (from, to) = (call.params.time("startTime")?, call.params.time("endTime")?);
    let to = to.unwrap_or_else(|| from.map_or(now, |from| from.plus(WEEK)));
    let from = from.unwrap_or_else(|| to.minus(WEEK));
    if to.since(from) > WEEK {
        return Err(Error::new(-4166, "Search window is restricted to recent 7 days only."));
    }
    Ok((from, to))
}

pub(super) fn all_orders(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let limit = call.params.limit(500, 1_000)?;
    let from_id: Option<u64> = call.params.parse("orderId")?;
    let (from, to) = span(call)?;
    let horizon = call.venue.horizon(call.account);
    let wanted = |order: &&OrderRecord| {
        let in_range = match from_id {
            Some(id) => order.id >= id,
            None => order.created_at >= from && order.created_at <= to,
        };
        in_range && order.symbol == symbol && order.created_at <= horizon
    };
    let found = call.venue.with(call.account, |account| {
        let mode = account.position_mode();
        page(account.orders().filter(wanted), from_id.is_some(), limit)
            .into_iter()
            .map(|order| order_json::queried(order, mode))
            .collect::<Vec<_>>()
    });
    Ok(Value::Array(found.unwrap_or_default()))
}

pub(super) fn user_trades(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let limit = call.params.limit(500, 1_000)?;
    let from_id: Option<u64> = call.params.parse("fromId")?;
    let order_id: Option<u64> = call.params.parse("orderId")?;
    let (from, to) = span(call)?;
    let horizon = call.venue.horizon(call.account);
    let wanted = |fill: &&FillRecord| {
        let in_range = match from_id {
            Some(id) => fill.trade_id >= id,
            None => fill.at >= from && fill.at <= to,
        };
        in_range
            && fill.symbol == symbol
            && order_id.is_none_or(|id| fill.order_id == id)
            && fill.at <= horizon
    };
    let has_start = from_id.is_some() || call.params.get("startTime").is_some();
    let found = call.venue.with(call.account, |account| {
        let mode = account.position_mode();
        page(account.fills().iter().filter(wanted), has_start, limit)
            .into_iter()
            .map(|fill| order_json::trade(fill, mode))
            .collect::<Vec<_>>()
    });
    Ok(Value::Array(found.unwrap_or_default()))
}

/// The first of them when the query says where to begin, else the last, in order of age either way.
pub(super) fn page<T>(
    found: impl DoubleEndedIterator<Item = T>,
    from_the_start: bool,
    limit: usize,
) -> Vec<T> {
    if from_the_start {
        return found.take(limit).collect();
    }
    let mut last: Vec<T> = found.rev().take(limit).collect();
    last.reverse();
    last
}
