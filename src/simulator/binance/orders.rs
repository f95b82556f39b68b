//! Placing, modifying and cancelling orders, one and many.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::error::Error;
use super::market_data::{PRICE_BAND, listed};
use super::order_query::named;
use super::params::Params;
use super::{Call, Reply, order_json};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::{Price, Qty};
use crate::domain::order::{OrderKind, TimeInForce};
use crate::domain::side::{PositionMode, PositionSide, Side};
use crate::domain::time::DurationMs;
use crate::simulator::account::Account;
use crate::simulator::event::AccountIndex;
use crate::simulator::lock::lock;
use crate::simulator::order::{NewOrder, OrderRecord, Origin, Tags};
use crate::simulator::venue::{SymbolRules, Venue};

/// Open orders in a symbol.
pub(super) const OPEN_ORDERS_MAX: usize = 200;
const BATCH_MAX: usize = 5;
const CANCEL_BATCH_MAX: usize = 10;
const CLIENT_ID_MAX: usize = 36;
/// Types that moved to the algo endpoints in December 2025.
pub(super) const CONDITIONAL_TYPES: [&str; 5] =
    ["STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"];

pub(super) fn place(call: &Call<'_>) -> Reply {
    let order = new_order(call)?;
    let placed = call.venue.place(call.account, order)?;
    let mode = mode(call);
    if call.params.get("newOrderRespType") == Some("RESULT") {
        let is_resting = placed.is_open() && matches!(placed.kind, OrderKind::Limit { .. });
        return Ok(if is_resting {
            order_json::placed(&placed, mode)
        } else {
            order_json::queried(&placed, mode)
        });
    }
    // An ACK tells that the order was taken, not what became of it.
    let taken =
        OrderRecord { status: crate::domain::order::OrderStatus::Open, filled_qty: Qty::ZERO, ..placed };
    Ok(order_json::placed(&taken, mode))
}

fn new_order(call: &Call<'_>) -> Result<NewOrder, Error> {
    let params = call.params;
    let rules = tradable(call.venue, params)?;
    let instrument = &rules.instrument;
    let side = side(params)?;
    let kind = match params.need("type")? {
        "MARKET" => OrderKind::Market,
        "LIMIT" => limit(call, instrument, side)?,
        other if CONDITIONAL_TYPES.contains(&other) => {
            let message = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.";
            return Err(Error::new(-4120, message));
        }
        _ => return Err(Error::new(-1116, "Invalid orderType.")),
    };
    let qty = quantity(params, "quantity", instrument)?.ok_or_else(|| Error::missing("quantity"))?;
    let (position_side, reduce_only) = position_side(call, side)?;
    let symbol = instrument.symbol.clone();
    let open = call
        .venue
        .with(call.account, |account| account.open_orders().filter(|order| order.symbol == symbol).count());
    if open >= Some(OPEN_ORDERS_MAX) {
        return Err(Error::new(-2025, "Reach max open order limit."));
    }
    Ok(NewOrder {
        client_id: client_id(params, "newClientOrderId")?,
        symbol,
        side,
        position_side,
        kind,
        qty,
        reduce_only,
        origin: Origin::Client,
        tags: Tags::new(),
    })
}

pub(super) fn tradable(venue: &Venue, params: &Params) -> Result<SymbolRules, Error> {
    let rules = venue.rules(params.need("symbol")?).ok_or_else(Error::bad_symbol)?;
    if !rules.trading {
        return Err(crate::simulator::refusal::Refusal::NotTrading(rules.instrument.symbol).into());
    }
    Ok(rules)
}

pub(super) fn side(params: &Params) -> Result<Side, Error> {
    match params.need("side")? {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(Error::new(-1117, "Invalid side.")),
    }
}

fn limit(call: &Call<'_>, instrument: &Instrument, side: Side) -> Result<OrderKind, Error> {
    let price = price(call.params, "price", instrument)?.ok_or_else(|| Error::missing("price"))?;
    let time_in_force = match call.params.need("timeInForce")? {
        "GTC" | "GTD" => TimeInForce::GoodTillCancel,
        "IOC" => TimeInForce::ImmediateOrCancel,
        "FOK" => TimeInForce::FillOrKill,
        "GTX" => TimeInForce::PostOnly,
        _ => return Err(Error::new(-1115, "Invalid timeInForce.")),
    };
    let market = call.venue.price(&instrument.symbol).ok_or_else(Error::bad_symbol)?;
    check_band(price, side, market)?;
    let crosses = match side {
        Side::Buy => price >= market,
        Side::Sell => price <= market,
    };
    if time_in_force == TimeInForce::FillOrKill && !crosses {
        let message = "Due to the order could not be filled immediately, the FOK order has been rejected. The \
                       order will not be recorded in the order history";
        return Err(Error::new(-5021, message));
    }
    Ok(OrderKind::Limit { price, time_in_force })
}

/// PERCENT_PRICE: a buyer may not bid far above the market, a seller not ask far below.
fn check_band(price: Price, side: Side, market: Price) -> Result<(), Error> {
    let (high, low) =
        (market.decimal() * (Decimal::ONE + PRICE_BAND), market.decimal() * (Decimal::ONE - PRICE_BAND));
    match side {
        Side::Buy if price.decimal() > high => {
            Err(Error::new(-4016, format!("Limit price can't be higher than {}.", high.normalize())))
        }
        Side::Sell if price.decimal() < low => {
            Err(Error::new(-4024, format!("Limit price can't be lower than {}.", low.normalize())))
        }
        Side::Buy | Side::Sell => Ok(()),
    }
}

pub(super) fn price(params: &Params, name: &str, instrument: &Instrument) -> Result<Option<Price>, Error> {
    let Some(value) = params.decimal(name)? else { return Ok(None) };
    check_precision(value, instrument.tick.decimal())?;
    let price = Price::try_new(value).map_err(|_| Error::new(-4001, "Price less than 0."))?;
    instrument.check_price(price)?;
    Ok(Some(price))
}

pub(super) fn quantity(params: &Params, name: &str, instrument: &Instrument) -> Result<Option<Qty>, Error> {
    let Some(value) = params.decimal(name)? else { return Ok(None) };
    if value <= Decimal::ZERO {
        return Err(Error::new(-4003, "Quantity less than or equal to zero."));
    }
    check_precision(value, instrument.step.decimal())?;
    let qty = Qty::try_new(value).map_err(|_| Error::new(-4005, "Quantity greater than max quantity."))?;
    instrument.check_qty(qty)?;
    Ok(Some(qty))
}

fn check_precision(value: Decimal, unit: Decimal) -> Result<(), Error> {
    if value.normalize().scale() > unit.normalize().scale() {
        return Err(Error::new(-1111, "Precision is over the maximum defined for this asset."));
    }
    Ok(())
}

pub(super) fn client_id(params: &Params, name: &str) -> Result<String, Error> {
    let id = params.get(name).unwrap_or_default();
    if id.len() > CLIENT_ID_MAX {
        return Err(Error::new(-4015, "Client order id length should be less than 36 chars"));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '/' | '_' | '-');
    if !id.chars().all(allowed) {
        return Err(Error::new(-4015, "Client order id is not valid."));
    }
    Ok(id.to_owned())
}

/// The position that the order is about, and whether it may only reduce it.
pub(super) fn position_side(call: &Call<'_>, side: Side) -> Result<(PositionSide, bool), Error> {
    let mismatch = || Error::new(-4061, "Order's position side does not match user's setting.");
    let reduce_only = call.params.flag("reduceOnly");
    match (mode(call), call.params.get("positionSide").unwrap_or("BOTH")) {
        (PositionMode::OneWay, "BOTH") => {
            let opens = if side == Side::Buy { PositionSide::Long } else { PositionSide::Short };
            Ok((if reduce_only { opens.opposite() } else { opens }, reduce_only))
        }
        (PositionMode::Hedge, "LONG" | "SHORT") if call.params.get("reduceOnly").is_some() => {
            Err(Error::new(-1106, "Parameter 'reduceonly' sent when not required."))
        }
        (PositionMode::Hedge, "LONG") => Ok((PositionSide::Long, false)),
        (PositionMode::Hedge, "SHORT") => Ok((PositionSide::Short, false)),
        (PositionMode::Hedge | PositionMode::OneWay, _) => Err(mismatch()),
    }
}

pub(super) fn mode(call: &Call<'_>) -> PositionMode {
    call.venue.with(call.account, Account::position_mode).unwrap_or(PositionMode::OneWay)
}

pub(super) fn place_batch(call: &Call<'_>) -> Reply {
    let orders: Vec<serde_json::Map<String, Value>> =
        serde_json::from_str(call.params.need("batchOrders")?).map_err(|_| Error::missing("batchOrders"))?;
    if orders.is_empty() || orders.len() > BATCH_MAX {
        return Err(Error::new(-4082, "Invalid number of batch place order requests."));
    }
    let one = |object| {
        let params = Params::from_object(object);
        place(&Call { params: &params, ..*call }).unwrap_or_else(|error| error.to_json())
    };
    Ok(Value::Array(orders.iter().map(one).collect()))
}

pub(super) fn modify(call: &Call<'_>) -> Reply {
    let rules = tradable(call.venue, call.params)?;
    let instrument = &rules.instrument;
    let price = price(call.params, "price", instrument)?.ok_or_else(|| Error::missing("price"))?;
    let qty = quantity(call.params, "quantity", instrument)?.ok_or_else(|| Error::missing("quantity"))?;
    let side = side(call.params)?;
    let id = named_id(call, &instrument.symbol)?.ok_or_else(|| Error::new(-2013, "Order does not exist."))?;
    let market = call.venue.price(&instrument.symbol).ok_or_else(Error::bad_symbol)?;
    check_band(price, side, market)?;
    let amended = call.venue.amend(call.account, id, price, qty)?;
    Ok(order_json::placed(&amended, mode(call)))
}

fn named_id(call: &Call<'_>, symbol: &Symbol) -> Result<Option<u64>, Error> {
    let id = call.venue.with(call.account, |account| {
        Ok::<_, Error>(named(account, call.params, symbol)?.map(|order| order.id))
    });
    Ok(id.transpose()?.flatten())
}

pub(super) fn cancel(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let id = named_id(call, &symbol)?.ok_or_else(|| Error::new(-2011, "Unknown order sent."))?;
    let cancelled = call.venue.cancel(call.account, id)?;
    Ok(order_json::placed(&cancelled, mode(call)))
}

/// One that is cancelled already is answered with itself.
pub(super) fn cancel_batch(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let list = |names: [&str; 2]| names.into_iter().find_map(|name| call.params.get(name));
    let (text, name) = match list(["orderIdList", "orderidlist"]) {
        Some(text) => (text, "orderId"),
        None => (
            list(["origClientOrderIdList", "origclientorderidlist"])
                .ok_or_else(|| Error::missing("orderIdList"))?,
            "origClientOrderId",
        ),
    };
    let ids: Vec<Value> = serde_json::from_str(text).map_err(|_| Error::missing("orderIdList"))?;
    if ids.is_empty() || ids.len() > CANCEL_BATCH_MAX {
        return Err(Error::new(-4083, "Invalid number of batch cancel order requests."));
    }
    let one = |id: &Value| {
        let object = [(name.to_owned(), id.clone())].into_iter().collect();
        cancel_again(call, &Params::from_object(&object), &symbol).unwrap_or_else(|error| error.to_json())
    };
    Ok(Value::Array(ids.iter().map(one).collect()))
}

fn cancel_again(call: &Call<'_>, params: &Params, symbol: &Symbol) -> Reply {
    let found =
        call.venue.with(call.account, |account| Ok::<_, Error>(named(account, params, symbol)?.cloned()));
    let order = found.transpose()?.flatten().ok_or_else(|| Error::new(-2011, "Unknown order sent."))?;
    let is_cancelled = order.status == crate::domain::order::OrderStatus::Cancelled;
    let cancelled = if is_cancelled { order } else { call.venue.cancel(call.account, order.id)? };
    Ok(order_json::placed(&cancelled, mode(call)))
}

pub(super) fn cancel_all_of_symbol(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    cancel_all(call.venue, call.account, &symbol);
    Ok(json!({ "code": 200, "msg": "The operation of cancel all open order is done." }))
}

/// Cancels what is open in a symbol; what is filled meanwhile stays filled.
pub(super) fn cancel_all(venue: &Venue, account: AccountIndex, symbol: &Symbol) {
    let open = venue.with(account, |account| {
        account
            .open_orders()
            .filter(|order| order.symbol == *symbol)
            .map(|order| order.id)
            .collect::<Vec<_>>()
    });
    for id in open.unwrap_or_default() {
        if let Err(refusal) = venue.cancel(account, id) {
            tracing::debug!(%refusal, id, "not cancelled");
        }
    }
}

pub(super) fn countdown_cancel_all(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let span: i64 = call.params.parse("countdownTime")?.ok_or_else(|| Error::missing("countdownTime"))?;
    let mut countdowns = lock(&call.state.countdowns);
    if span <= 0 {
        countdowns.remove(&(call.account, symbol.clone()));
    } else {
        let at = call.venue.now().plus(DurationMs::from_ms(span));
        countdowns.insert((call.account, symbol.clone()), at);
    }
    Ok(json!({ "symbol": symbol.as_str(), "countdownTime": span.to_string() }))
}
