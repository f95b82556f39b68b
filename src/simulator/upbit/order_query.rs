//! Questions about orders. What is newer than the venue's horizon is not seen.

use serde_json::{Value, json};

use super::account_data::{cash_row, coin_row};
use super::error::Error;
use super::market_data::{coin, known, market};
use super::order_rows;
use super::{Call, Reply, ids, reply};
use crate::domain::money::Pct;
use crate::domain::time::{DurationMs, Timestamp};
use crate::simulator::account::Account;
use crate::simulator::order::OrderRecord;

/// The longest span of a question about ended orders.
const SPAN_MAX: DurationMs = DurationMs::from_secs(7 * 86_400);

/// The order of that name, whether it still rests or not.
pub(super) fn find(
    call: &Call<'_>,
    uuid: Option<&str>,
    identifier: Option<&str>,
) -> Result<OrderRecord, Error> {
    if uuid.is_none() && identifier.is_none() {
        return Err(Error::invalid("uuid"));
    }
    let found = call.venue.with(call.account, |account| named(account, uuid, identifier).cloned());
    found.flatten().ok_or_else(Error::unknown_order)
}

fn named<'a>(account: &'a Account, uuid: Option<&str>, identifier: Option<&str>) -> Option<&'a OrderRecord> {
    match (uuid, identifier) {
        (Some(uuid), _) => account.order(ids::order_number(account.index(), uuid)?),
        (None, Some(identifier)) => account.order_by_client_id(identifier),
        (None, None) => None,
    }
}

pub(super) fn order(call: &Call<'_>) -> Reply {
    let order = find(call, call.params.get("uuid"), call.params.get("identifier"))?;
    if order.created_at > call.venue.horizon(call.account) {
        return Err(Error::unknown_order());
    }
    reply(&call.venue.with(call.account, |account| order_rows::row_with_trades(account, &order)))
}

/// Several orders by name; names that are unknown are left out.
pub(super) fn listed(call: &Call<'_>) -> Reply {
    let (uuids, identifiers) = (call.params.list("uuids"), call.params.list("identifiers"));
    let names = uuids.iter().map(|uuid| (Some(*uuid), None));
    let names = names.chain(identifiers.iter().map(|identifier| (None, Some(*identifier))));
    let horizon = call.venue.horizon(call.account);
    let rows = call.venue.with(call.account, |account| {
        let found = names.filter_map(|(uuid, identifier)| named(account, uuid, identifier));
        let seen = found.filter(|order| order.created_at <= horizon);
        seen.map(|order| order_rows::row(account, order)).collect::<Vec<_>>()
    });
    reply(&rows.unwrap_or_default())
}

/// Which states are asked for.
fn states<'a>(call: &'a Call<'_>, default: &'a [&'a str]) -> Vec<&'a str> {
    let states: Vec<&str> = call.params.list("states").into_iter().chain(call.params.get("state")).collect();
    if states.is_empty() { default.to_vec() } else { states }
}

pub(super) fn open(call: &Call<'_>) -> Reply {
    let states = states(call, &["wait"]);
    let limit = limit(call, 100, 100)?;
    let page: usize = call.params.parse("page")?.unwrap_or(1);
    select(call, &states, |_| true, page.saturating_sub(1).saturating_mul(limit), limit)
}

pub(super) fn closed(call: &Call<'_>) -> Reply {
    let states = states(call, &["done", "cancel"]);
    let limit = limit(call, 100, 1_000)?;
    let (from, until) = span(call)?;
    select(call, &states, |order| (from..=until).contains(&order.created_at), 0, limit)
}

/// The time between `start_time` and `end_time`; the last week when neither is given.
fn span(call: &Call<'_>) -> Result<(Timestamp, Timestamp), Error> {
    let (from, until) = (call.params.time("start_time")?, call.params.time("end_time")?);
    let until = until.unwrap_or_else(|| from.map_or(call.venue.now(), |from| from.plus(SPAN_MAX)));
    let from = from.unwrap_or_else(|| until.minus(SPAN_MAX));
    if until.since(from) > SPAN_MAX {
        return Err(Error::invalid("start_time"));
    }
    Ok((from, until))
}

fn limit(call: &Call<'_>, default: usize, max: usize) -> Result<usize, Error> {
    let limit = call.params.parse("limit")?.unwrap_or(default);
    if (1..=max).contains(&limit) { Ok(limit) } else { Err(Error::invalid("limit")) }
}

/// Orders in these states, newest first unless it is asked for otherwise.
fn select(
    call: &Call<'_>,
    states: &[&str],
    wanted: impl Fn(&OrderRecord) -> bool,
    skip: usize,
    limit: usize,
) -> Reply {
    let symbol = call.params.get("market").map(|_| market(call)).transpose()?;
    let horizon = call.venue.horizon(call.account);
    let ascending = call.params.get("order_by") == Some("asc");
    let rows = call.venue.with(call.account, |account| {
        let is_wanted = |order: &&OrderRecord| {
            states.contains(&order_rows::state(order))
                && symbol.as_ref().is_none_or(|symbol| order.symbol == *symbol)
                && order.created_at <= horizon
                && wanted(order)
        };
        let found = account.orders().filter(is_wanted);
        let found: Vec<&OrderRecord> = if ascending { found.collect() } else { found.rev().collect() };
        let page = found.into_iter().skip(skip).take(limit);
        page.map(|order| order_rows::row(account, order)).collect::<Vec<Value>>()
    });
    reply(&rows.unwrap_or_default())
}

/// What an order in a market costs and may be.
pub(super) fn chance(call: &Call<'_>) -> Reply {
    let symbol = known(call.venue, call.params.need("market")?)?;
    let rules = call.venue.rules(symbol.as_str()).ok_or_else(Error::unknown_market)?;
    let state = if rules.trading { "active" } else { "offline" };
    let min_total = rules.instrument.min_notional.to_string();
    let currency = coin(&symbol);
    let chance = call.venue.with(call.account, |account| {
        let fee = |pct: Pct| pct.fraction().normalize().to_string();
        let (maker, taker) = (fee(account.spec.maker_fee_pct), fee(account.spec.taker_fee_pct));
        json!({
            "bid_fee": taker, "ask_fee": taker, "maker_bid_fee": maker, "maker_ask_fee": maker,
            "market": {
                "id": symbol.as_str(), "name": format!("{currency}/KRW"),
                "order_types": ["limit"], "order_sides": ["ask", "bid"],
                "bid_types": ["best_fok", "best_ioc", "limit", "limit_fok", "limit_ioc", "price"],
                "ask_types": ["best_fok", "best_ioc", "limit", "limit_fok", "limit_ioc", "market"],
                "bid": {"currency": "KRW", "min_total": min_total},
                "ask": {"currency": currency, "min_total": min_total},
                "max_total": "1000000000", "state": state,
            },
            "bid_account": cash_row(account),
            "ask_account": coin_row(account, &symbol),
        })
    });
    reply(&chance)
}
