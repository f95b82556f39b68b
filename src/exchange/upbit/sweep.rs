//! Questions that take several calls: all that rests, all that was filled since.
//!
//! Lists of orders do not tell trades; an order that is asked for by itself does. So fills are looked for in three
//! places, and then asked for order by order: the orders that the caller knows of, those that rest, and those that have
//! ended. The last are listed by when they were *made*, so that an old order which was filled lately is found only
//! among the first two.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::{self, CLOSED_ORDERS_MAX, OPEN_ORDERS_MAX, OrderName};
use super::rest::Rest;
use super::wire::OrderRow;
use super::{convert, errors, fills};
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::error::ExchangeError;
use crate::exchange::report::{ExternalFill, FillSweep, ReportedFill};

/// The longest span that ended orders can be asked for at once.
const SPAN_MAX: DurationMs = DurationMs::from_secs(7 * 86_400);
/// How far back ended orders are looked for; what the caller knows of is found however old it is.
const LOOKBACK_MAX: DurationMs = DurationMs::from_secs(28 * 86_400);
/// Times of trades may be told to the second.
const SECOND: i64 = 1_000;

/// Orders that rest, of one market or of all.
pub(super) async fn open_rows(rest: &Rest, market: Option<&str>) -> Result<Vec<OrderRow>, ExchangeError> {
    let mut rows = Vec::new();
    for page in 1.. {
        let listed: Vec<OrderRow> = rest.ask(&calls::open_orders(market, page)).await?;
        let is_last = listed.len() < OPEN_ORDERS_MAX;
        rows.extend(listed);
        if is_last {
            break;
        }
    }
    Ok(rows)
}

/// The market to ask about: all of them cost as much as one, so that more than one are asked for as all.
pub(super) fn only_market(symbols: &BTreeSet<Symbol>) -> Option<&str> {
    match symbols.first() {
        Some(symbol) if symbols.len() == 1 => Some(symbol.as_str()),
        _ => None,
    }
}

pub(super) async fn fills_since(rest: &Rest, sweep: &FillSweep) -> Result<Vec<ReportedFill>, ExchangeError> {
    let market = only_market(&sweep.symbols);
    let since = rest.line().clock().to_server(sweep.since);
    let ours: BTreeMap<&str, &ClientOrderId> =
        sweep.orders.iter().map(|((_, id), uuid)| (uuid.as_str(), id)).collect();
    let mut candidates: BTreeSet<String> = sweep.orders.values().cloned().collect();
    let open = open_rows(rest, market).await?;
    let ended = ended_rows(rest, market, since).await?;
    let is_filled = |row: &&OrderRow| !row.executed().is_zero() && convert::is_traded(&row.market);
    candidates.extend(open.iter().chain(&ended).filter(is_filled).map(|row| row.uuid.clone()));
    let mut found = BTreeMap::new();
    for uuid in candidates {
        let mut row: OrderRow = match rest.ask(&calls::order(OrderName::Uuid(&uuid))).await {
            Err(error) if errors::is_not_found(&error) => continue,
            answer => answer?,
        };
        if let Some(id) = ours.get(uuid.as_str()) {
            row.identifier = Some(id.to_string());
        }
        for fill in fills::of_order(&row)? {
            // Two orders of the account that trade with each other share the trade.
            let (at, trade_id) = time_and_id(&fill);
            found.insert((at, trade_id, uuid.clone()), fill);
        }
    }
    let from = since.ms().div_euclid(SECOND) * SECOND;
    let wanted = found.into_iter().filter(|((at, ..), _)| at.ms() >= from);
    Ok(wanted.map(|(_, fill)| fill).collect())
}

fn time_and_id(fill: &ReportedFill) -> (Timestamp, String) {
    match fill {
        ReportedFill::Ours(fill) => (fill.at, fill.trade_id.0.clone()),
        ReportedFill::External(ExternalFill { at, trade_id, .. }) => (*at, trade_id.0.clone()),
    }
}

/// Orders that were made since then and have ended.
async fn ended_rows(
    rest: &Rest,
    market: Option<&str>,
    since: Timestamp,
) -> Result<Vec<OrderRow>, ExchangeError> {
    let now = rest.line().clock().now();
    let mut from = since.max(now.minus(LOOKBACK_MAX));
    let mut rows: Vec<OrderRow> = Vec::new();
    // Once at least: the exchange's time may be later than we know.
    loop {
        let until = from.plus(SPAN_MAX);
        let listed: Vec<OrderRow> = rest.ask(&calls::closed_orders(market, from, until)).await?;
        let last = match listed.last() {
            Some(last) if listed.len() >= CLOSED_ORDERS_MAX => Some(convert::time(&last.created_at)?),
            _ => None,
        };
        rows.extend(listed);
        // A full answer goes on where it ended, unless all of it was made in one second.
        from = last.filter(|last| *last > from).unwrap_or(until);
        if from > now {
            return Ok(rows);
        }
    }
}
