//! Placing, modifying and cancelling orders, one and many.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::error::Error;
use super::market_data::{PRICE_BAND, listed};
use super::params::Params;
use super::{Call, Reply, ids};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::{Price, Qty};
use crate::domain::order::{OrderKind, TimeInForce};
use crate::domain::side::{PositionMode, PositionSide, Side};
use crate::simulator::account::Account;
use crate::simulator::order::{NewOrder, OrderRecord, Origin, Tags};
use crate::simulator::venue::{SymbolRules, Venue};

const BATCH_MAX: usize = 50;
const CLIENT_ID_MAX: usize = 64;

pub(super) fn place(call: &Call<'_>) -> Reply {
    let new = new_order(call)?;
    let made_room = make_room(call, &new);
    let placed = call.venue.place(call.account, new)?;
    // The answer to a reduce-only order that pushed older ones out names no order.
    let id = (!made_room).then(|| ids::of_order(placed.id));
    Ok(json!({ "orderId": id, "clientOid": placed.client_id }))
}

fn new_order(call: &Call<'_>) -> Result<NewOrder, Error> {
    let params = call.params;
    let rules = tradable(call.venue, params)?;
    let instrument = &rules.instrument;
    match params.need("marginMode")? {
        "crossed" | "isolated" => {}
        _ => return Err(Error::wrong("marginMode")),
    }
    params.need("marginCoin")?;
    let named = side(params)?;
    let qty = quantity(params, "size", instrument)?.ok_or_else(|| Error::empty("size"))?;
    let (side, position_side, reduce_only) = direction(call, named)?;
    let kind = match params.need("orderType")? {
        "market" => OrderKind::Market,
        "limit" => limit(call, instrument, side)?,
        _ => return Err(Error::wrong("orderType")),
    };
    let client_id = client_id(params)?;
    let is_used = call.venue.with(call.account, |account| account.order_by_client_id(&client_id).is_some());
    if is_used == Some(true) {
        return Err(Error::duplicate());
    }
    Ok(NewOrder {
        client_id,
        symbol: instrument.symbol.clone(),
        side,
        position_side,
        kind,
        qty,
        reduce_only,
        origin: Origin::Client,
        tags: Tags::new(),
    })
}

/// In hedge mode `side` names the position, and `tradeSide` must be given.
fn direction(call: &Call<'_>, named: Side) -> Result<(Side, PositionSide, bool), Error> {
    let position = if named == Side::Buy { PositionSide::Long } else { PositionSide::Short };
    match mode(call) {
        PositionMode::Hedge => match call.params.get("tradeSide").map(str::to_ascii_lowercase).as_deref() {
            Some("open") => Ok((named, position, false)),
            Some("close") => Ok((position.exit_side(), position, true)),
            _ => Err(Error::wrong_mode()),
        },
        PositionMode::OneWay if is_yes(call.params, "reduceOnly") => Ok((named, position.opposite(), true)),
        PositionMode::OneWay => Ok((named, position, false)),
    }
}

/// In one-way mode reduce-only orders that would together reduce more than there is push the older ones out.
fn make_room(call: &Call<'_>, new: &NewOrder) -> bool {
    if !new.reduce_only || mode(call) == PositionMode::Hedge {
        return false;
    }
    let (held, mut older) = call
        .venue
        .with(call.account, |account| {
            let held = account.position(&new.symbol, new.position_side).map_or(Qty::ZERO, |held| held.qty);
            let same = |order: &&OrderRecord| {
                order.reduce_only && order.symbol == new.symbol && order.side == new.side
            };
            let older: Vec<(u64, Qty)> =
                account.open_orders().filter(same).map(|order| (order.id, order.remaining_qty())).collect();
            (held, older.into_iter())
        })
        .unwrap_or_default();
    let mut sum = older.as_slice().iter().fold(new.qty, |sum, (_, qty)| sum.plus(*qty));
    let mut made_room = false;
    while sum > held {
        let Some((id, qty)) = older.next() else { break };
        made_room |= call.venue.cancel(call.account, id).is_ok();
        sum = sum.minus(qty);
    }
    made_room
}

pub(super) fn tradable(venue: &Venue, params: &Params) -> Result<SymbolRules, Error> {
    params.is_usdt()?;
    let symbol = listed(venue, params)?;
    let rules = venue.rules(symbol.as_str()).filter(|rules| rules.trading);
    rules.ok_or_else(|| Error::bad_symbol(symbol.as_str()))
}

pub(super) fn side(params: &Params) -> Result<Side, Error> {
    Side::from_word(params.need("side")?).ok_or_else(|| Error::wrong("side"))
}

pub(super) fn is_yes(params: &Params, name: &str) -> bool {
    params.get(name).is_some_and(|value| value.eq_ignore_ascii_case("yes"))
}

fn limit(call: &Call<'_>, instrument: &Instrument, side: Side) -> Result<OrderKind, Error> {
    let price = price(call.params, "price", instrument)?.ok_or_else(|| Error::empty("price"))?;
    let time_in_force = match call.params.get("force").unwrap_or("gtc").to_ascii_lowercase().as_str() {
        "gtc" => TimeInForce::GoodTillCancel,
        "ioc" => TimeInForce::ImmediateOrCancel,
        "fok" => TimeInForce::FillOrKill,
        "post_only" => TimeInForce::PostOnly,
        _ => return Err(Error::wrong("force")),
    };
    let market =
        call.venue.price(&instrument.symbol).ok_or_else(|| Error::bad_symbol(instrument.symbol.as_str()))?;
    check_band(price, side, market)?;
    Ok(OrderKind::Limit { price, time_in_force })
}

/// A buyer may not bid far above the market, a seller not ask far below.
fn check_band(price: Price, side: Side, market: Price) -> Result<(), Error> {
    let (high, low) =
        (market.decimal() * (Decimal::ONE + PRICE_BAND), market.decimal() * (Decimal::ONE - PRICE_BAND));
    match side {
        Side::Buy if price.decimal() > high => {
            Err(Error::new("40017", format!("the price cannot be higher than {}", high.normalize())))
        }
        Side::Sell if price.decimal() < low => {
            Err(Error::new("40017", format!("the price cannot be lower than {}", low.normalize())))
        }
        Side::Buy | Side::Sell => Ok(()),
    }
}

pub(super) fn price(params: &Params, name: &str, instrument: &Instrument) -> Result<Option<Price>, Error> {
    let Some(value) = params.decimal(name)?.filter(|value| !value.is_zero()) else { return Ok(None) };
    let price = Price::try_new(value).map_err(|_| Error::wrong(name))?;
    instrument.check_price(price)?;
    Ok(Some(price))
}

pub(super) fn quantity(params: &Params, name: &str, instrument: &Instrument) -> Result<Option<Qty>, Error> {
    let Some(value) = params.decimal(name)? else { return Ok(None) };
    let qty = Qty::try_new(value).map_err(|_| Error::wrong(name))?;
    instrument.check_qty(qty)?;
    Ok(Some(qty))
}

pub(super) fn client_id(params: &Params) -> Result<String, Error> {
    let id = params.get("clientOid").unwrap_or_default();
    if id.len() > CLIENT_ID_MAX { Err(Error::wrong("clientOid")) } else { Ok(id.to_owned()) }
}

pub(super) fn mode(call: &Call<'_>) -> PositionMode {
    call.venue.with(call.account, Account::position_mode).unwrap_or(PositionMode::OneWay)
}

/// Each row has its own fate; the whole is a success.
pub(super) fn place_batch(call: &Call<'_>) -> Reply {
    let rows = call.params.list("orderList").ok_or_else(|| Error::empty("orderList"))?;
    if rows.is_empty() || rows.len() > BATCH_MAX {
        return Err(Error::wrong("orderList"));
    }
    Ok(each(rows, |row| {
        let params = row.of_symbol(call.params);
        place(&Call { params: &params, ..*call })
    }))
}

/// The two lists that answer several orders at once.
pub(super) fn each(rows: &[Params], act: impl Fn(&Params) -> Reply) -> Value {
    let (mut successes, mut failures) = (Vec::new(), Vec::new());
    for row in rows {
        match act(row) {
            Ok(success) => successes.push(success),
            Err(error) => failures.push(json!({
                "orderId": row.get("orderId").unwrap_or_default(),
                "clientOid": row.get("clientOid").unwrap_or_default(),
                "errorMsg": error.message, "errorCode": error.code,
            })),
        }
    }
    json!({ "successList": successes, "failureList": failures })
}

pub(super) fn modify(call: &Call<'_>) -> Reply {
    let rules = tradable(call.venue, call.params)?;
    let instrument = &rules.instrument;
    let order = named(call, &instrument.symbol)?.ok_or_else(Error::unknown_order)?;
    let old_price = order.kind.price().ok_or_else(Error::unknown_order)?;
    let price = price(call.params, "newPrice", instrument)?.unwrap_or(old_price);
    let qty = quantity(call.params, "newSize", instrument)?.unwrap_or(order.qty);
    let amended = call.venue.amend(call.account, order.id, price, qty)?;
    Ok(json!({ "orderId": ids::of_order(amended.id), "clientOid": amended.client_id }))
}

/// The order that `orderId` or `clientOid` names.
pub(super) fn named(call: &Call<'_>, symbol: &Symbol) -> Result<Option<OrderRecord>, Error> {
    let (id, client_id) = (call.params.get("orderId"), call.params.get("clientOid"));
    if id.or(client_id).is_none() {
        return Err(Error::empty("orderId"));
    }
    let found = call.venue.with(call.account, |account| match (id, client_id) {
        (Some(id), _) => ids::order_number(id).and_then(|number| account.order(number)).cloned(),
        (None, Some(client_id)) => account.order_by_client_id(client_id).cloned(),
        (None, None) => None,
    });
    Ok(found.flatten().filter(|order| order.symbol == *symbol))
}

pub(super) fn cancel(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let order = named(call, &symbol)?.ok_or_else(Error::unknown_order)?;
    let cancelled = call.venue.cancel(call.account, order.id)?;
    Ok(json!({ "orderId": ids::of_order(cancelled.id), "clientOid": cancelled.client_id }))
}

/// Those of the list, or all of the symbol.
pub(super) fn cancel_batch(call: &Call<'_>) -> Reply {
    let Some(rows) = call.params.list("orderIdList") else { return cancel_all(call) };
    Ok(each(rows, |row| {
        let params = row.of_symbol(call.params);
        cancel(&Call { params: &params, ..*call })
    }))
}

/// All of the product, or of the symbol if there is one.
pub(super) fn cancel_all(call: &Call<'_>) -> Reply {
    call.params.is_usdt()?;
    let symbol = call.params.get("symbol").map(|_| listed(call.venue, call.params)).transpose()?;
    let open = call.venue.with(call.account, |account| {
        let wanted = |order: &&OrderRecord| symbol.as_ref().is_none_or(|symbol| order.symbol == *symbol);
        account.open_orders().filter(wanted).map(|order| order.id).collect::<Vec<_>>()
    });
    let cancelled =
        open.unwrap_or_default().into_iter().filter_map(|id| call.venue.cancel(call.account, id).ok());
    let rows: Vec<Value> = cancelled
        .map(|order| json!({ "orderId": ids::of_order(order.id), "clientOid": order.client_id }))
        .collect();
    Ok(json!({ "successList": rows, "failureList": [] }))
}

/// Closes at the market what is held. Where there is nothing, the answer names an order without ids: clients take the
/// first of the list.
pub(super) fn close_positions(call: &Call<'_>) -> Reply {
    call.params.is_usdt()?;
    let symbol = call.params.get("symbol").map(|_| listed(call.venue, call.params)).transpose()?;
    let hold_side = call.params.get("holdSide").and_then(PositionSide::from_word);
    let held = call.venue.with(call.account, |account| account.positions().to_vec()).unwrap_or_default();
    let wanted = held.into_iter().filter(|held| {
        symbol.as_ref().is_none_or(|symbol| held.symbol == *symbol)
            && hold_side.is_none_or(|side| held.side == side)
    });
    let (mut successes, mut failures) = (Vec::new(), Vec::new());
    for held in wanted {
        let order = NewOrder {
            client_id: String::new(),
            symbol: held.symbol,
            side: held.side.exit_side(),
            position_side: held.side,
            kind: OrderKind::Market,
            qty: held.qty,
            reduce_only: true,
            origin: Origin::Client,
            tags: Tags::new(),
        };
        match call.venue.place(call.account, order).map_err(Error::from) {
            Ok(placed) => {
                successes.push(json!({ "orderId": ids::of_order(placed.id), "clientOid": placed.client_id }));
            }
            Err(error) => {
                failures.push(json!({ "orderId": "", "clientOid": "", "errorMsg": error.message, "errorCode": error.code }));
            }
        }
    }
    if successes.is_empty() && failures.is_empty() {
        successes.push(json!({ "orderId": "", "clientOid": "" }));
    }
    Ok(json!({ "successList": successes, "failureList": failures }))
}
