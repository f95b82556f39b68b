//! Orders in and out (docs.upbit.com, "Exchange API").
//!
//! The exchange has no margin: an order to buy must be covered by free cash including its fee, one to sell by free
//! coins. An identifier is used up by the first order that bears it, whether that is taken or not.

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::json;

use super::account_data::{free_cash, free_coins};
use super::error::Error;
use super::market_data::known;
use super::order_query::find;
use super::order_rows::{self, IDENTIFIER, ORD_TYPE, TIME_IN_FORCE, TOTAL};
use super::params::Params;
use super::{Call, Reply, ids, reply};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Price, Qty, Quote};
use crate::domain::order::{OrderKind, TimeInForce};
use crate::domain::side::{PositionSide, Side};
use crate::simulator::lock::lock;
use crate::simulator::order::{NewOrder, OrderRecord, Origin, Tags};

/// Decimals of a volume.
const VOLUME_DECIMALS: u32 = 8;
/// The most an order may be worth, in KRW.
const MAX_TOTAL: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);
/// Orders of one list.
const LIST_MAX: usize = 20;

pub(super) fn place(call: &Call<'_>) -> Reply {
    let order = accept(call, call.params)?;
    acknowledge(call, &order)
}

/// Checks an order without placing it. It uses its identifier up all the same.
pub(super) fn test(call: &Call<'_>) -> Reply {
    take_identifier(call, call.params)?;
    let new = read(call, call.params)?;
    cover(call, &new)?;
    reply(&json!({
        "uuid": uuid::Uuid::new_v4().to_string(), "side": order_rows::side_word(new.side), "ord_type": new.tags.get(ORD_TYPE),
        "price": new.tags.get(TOTAL).cloned().or_else(|| new.kind.price().map(|price| price.to_string())),
        "state": "wait", "market": new.symbol.as_str(), "volume": new.qty.to_string(),
    }))
}

fn acknowledge(call: &Call<'_>, order: &OrderRecord) -> Reply {
    let row = call.venue.with(call.account, |account| order_rows::acknowledged(account, order));
    reply(&row)
}

fn accept(call: &Call<'_>, params: &Params) -> Result<OrderRecord, Error> {
    take_identifier(call, params)?;
    let new = read(call, params)?;
    cover(call, &new)?;
    let side = new.side;
    call.venue.place(call.account, new).map_err(|refusal| Error::of(&refusal, side))
}

fn take_identifier(call: &Call<'_>, params: &Params) -> Result<(), Error> {
    let Some(identifier) = params.get("identifier") else { return Ok(()) };
    let is_new = lock(&call.state.identifiers).insert((call.account, identifier.to_owned()));
    if is_new { Ok(()) } else { Err(Error::used_identifier()) }
}

/// What an order asks for. One for a total becomes one for the volume that the total buys at the last price.
fn read(call: &Call<'_>, params: &Params) -> Result<NewOrder, Error> {
    let symbol = known(call.venue, params.need("market")?)?;
    let side = match params.need("side")? {
        "bid" => Side::Buy,
        "ask" => Side::Sell,
        _ => return Err(Error::invalid("side")),
    };
    let time_in_force = time_in_force(params)?;
    let ord_type = params.need("ord_type")?;
    let total = total(params, side, ord_type, time_in_force)?;
    let qty = match total {
        Some(total) => bought(call, total, &symbol)?,
        None => volume(params)?,
    };
    let kind = match ord_type {
        "limit" => {
            let price = params.decimal("price")?.and_then(|price| Price::try_new(price).ok());
            let price = price.ok_or_else(|| Error::invalid("price"))?;
            OrderKind::Limit { price, time_in_force: time_in_force.unwrap_or(TimeInForce::GoodTillCancel) }
        }
        _ => OrderKind::Market,
    };
    let mut tags = Tags::from([(ORD_TYPE, ord_type.to_owned())]);
    for name in [TIME_IN_FORCE, IDENTIFIER] {
        tags.extend(params.get(name).map(|value| (name, value.to_owned())));
    }
    tags.extend(total.map(|total| (TOTAL, total.to_string())));
    Ok(NewOrder {
        client_id: params.get("identifier").unwrap_or_default().to_owned(),
        symbol,
        side,
        position_side: PositionSide::Long,
        kind,
        qty,
        reduce_only: side == Side::Sell,
        origin: Origin::Client,
        tags,
    })
}

fn time_in_force(params: &Params) -> Result<Option<TimeInForce>, Error> {
    Ok(match params.get("time_in_force") {
        None => None,
        Some("ioc") => Some(TimeInForce::ImmediateOrCancel),
        Some("fok") => Some(TimeInForce::FillOrKill),
        Some("post_only") if params.get("smp_type").is_none_or(|smp_type| smp_type == "none") => {
            Some(TimeInForce::PostOnly)
        }
        Some(_) => return Err(Error::invalid("time_in_force")),
    })
}

/// The KRW to spend, for the kinds of orders that are for a total; the kinds have their own parameters, and no others.
fn total(
    params: &Params,
    side: Side,
    ord_type: &str,
    time_in_force: Option<TimeInForce>,
) -> Result<Option<Quote>, Error> {
    let (has_price, has_volume) = (params.get("price").is_some(), params.get("volume").is_some());
    let at_once = matches!(time_in_force, Some(TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill));
    match (ord_type, side) {
        ("limit", _) => return Ok(None),
        ("market", Side::Sell) if !has_price && time_in_force.is_none() => return Ok(None),
        ("best", Side::Sell) if !has_price && at_once => return Ok(None),
        ("price", Side::Buy) if !has_volume && time_in_force.is_none() => {}
        ("best", Side::Buy) if !has_volume && at_once => {}
        _ => return Err(Error::invalid("ord_type")),
    }
    let total = params.decimal("price")?.filter(|total| *total > Decimal::ZERO);
    total.map(|total| Some(Quote::new(total))).ok_or_else(|| Error::invalid("price"))
}

fn volume(params: &Params) -> Result<Qty, Error> {
    let volume = params.decimal("volume")?.filter(|volume| *volume > Decimal::ZERO);
    let volume = volume.filter(|volume| volume.scale() <= VOLUME_DECIMALS);
    volume.and_then(|volume| Qty::try_new(volume).ok()).ok_or_else(|| Error::invalid("volume"))
}

/// What a total buys, at the price that slippage makes of the last one.
fn bought(call: &Call<'_>, total: Quote, symbol: &Symbol) -> Result<Qty, Error> {
    let slippage = call.venue.with(call.account, |account| account.spec.slippage_pct).unwrap_or_default();
    let price = call.venue.price(symbol).ok_or_else(Error::unknown_market)?;
    let rules = call.venue.rules(symbol.as_str()).ok_or_else(Error::unknown_market)?;
    let price = rules.instrument.ceil_price(price.moved_by(slippage).unwrap_or(price));
    let volume =
        (total.decimal() / price.decimal()).round_dp_with_strategy(VOLUME_DECIMALS, RoundingStrategy::ToZero);
    Qty::try_new(volume).map_err(|_| Error::invalid("price"))
}

/// Refuses what is too small, too large, or not covered.
fn cover(call: &Call<'_>, new: &NewOrder) -> Result<(), Error> {
    let last = call.venue.price(&new.symbol).ok_or_else(Error::unknown_market)?;
    let rules = call.venue.rules(new.symbol.as_str()).ok_or_else(Error::unknown_market)?;
    let total = new.tags.get(TOTAL).and_then(|total| total.parse().ok());
    let total: Quote = total.unwrap_or_else(|| new.kind.price().unwrap_or(last).notional(new.qty));
    if total < rules.instrument.min_notional {
        return Err(Error::under_min_total(new.side));
    }
    if total.decimal() > MAX_TOTAL {
        return Err(Error::invalid("total"));
    }
    let covered = call.venue.with(call.account, |account| match new.side {
        Side::Buy => free_cash(account) >= total + total.part(account.spec.taker_fee_pct),
        Side::Sell => free_coins(account, &new.symbol) >= new.qty,
    });
    if covered != Some(true) {
        return Err(Error::funds(new.side));
    }
    // The core's leverage of a symbol that nobody set is not 1.
    call.venue
        .set_leverage(call.account, &new.symbol, Leverage::ONE)
        .map_err(|refusal| Error::of(&refusal, new.side))
}

/// The order as it was: that it is gone is told by the socket, or by asking again.
pub(super) fn cancel(call: &Call<'_>) -> Reply {
    let order = find(call, call.params.get("uuid"), call.params.get("identifier"))?;
    let row = call.venue.with(call.account, |account| order_rows::row(account, &order));
    end(call, &order)?;
    reply(&row)
}

fn end(call: &Call<'_>, order: &OrderRecord) -> Result<(), Error> {
    call.venue.cancel(call.account, order.id).map_err(|refusal| Error::of(&refusal, order.side))?;
    Ok(())
}

/// Cancels one order and places another in its market, on its side.
pub(super) fn cancel_and_new(call: &Call<'_>) -> Reply {
    let params = call.params;
    let order = find(call, params.get("prev_order_uuid"), params.get("prev_order_identifier"))?;
    let row = call.venue.with(call.account, |account| order_rows::row(account, &order)).unwrap_or_default();
    let market = order.symbol.to_string();
    let mut new = vec![("market", market.as_str()), ("side", order_rows::side_word(order.side))];
    let names = [
        ("new_ord_type", "ord_type"),
        ("new_price", "price"),
        ("new_volume", "volume"),
        ("new_identifier", "identifier"),
        ("new_time_in_force", "time_in_force"),
        ("new_smp_type", "smp_type"),
    ];
    new.extend(names.iter().filter_map(|(theirs, ours)| Some((*ours, params.get(theirs)?))));
    let remaining = order.remaining_qty().to_string();
    for (name, value) in &mut new {
        if *name == "volume" && *value == "remain_only" {
            *value = &remaining;
        }
    }
    end(call, &order)?;
    let placed = accept(call, &Params::of(&new))?;
    let row = order_rows::with(row, "new_order_uuid", json!(ids::of_order(call.account, placed.id)));
    reply(&order_rows::with(row, "new_order_identifier", json!(placed.tag(IDENTIFIER))))
}

/// Cancels the orders of a list, by `uuids[]` or `identifiers[]`.
pub(super) fn cancel_listed(call: &Call<'_>) -> Reply {
    let uuids = call.params.list("uuids").into_iter().map(|uuid| (Some(uuid), None));
    let identifiers = call.params.list("identifiers").into_iter().map(|identifier| (None, Some(identifier)));
    let named: Vec<_> = uuids.chain(identifiers).collect();
    if named.is_empty() || named.len() > LIST_MAX {
        return Err(Error::invalid("uuids"));
    }
    let found = named.into_iter().filter_map(|(uuid, identifier)| find(call, uuid, identifier).ok());
    cancel_all(call, found.collect())
}

/// Cancels what rests of some markets, or of all.
pub(super) fn cancel_open(call: &Call<'_>) -> Reply {
    let pairs = call.params.list("pairs");
    let side = call.params.get("cancel_side").unwrap_or("all");
    let open = call.venue.with(call.account, |account| {
        let wanted = |order: &&OrderRecord| {
            (pairs.is_empty() || pairs.contains(&order.symbol.as_str()))
                && (side == "all" || side == order_rows::side_word(order.side))
        };
        account.open_orders().filter(wanted).cloned().collect()
    });
    cancel_all(call, open.unwrap_or_default())
}

fn cancel_all(call: &Call<'_>, orders: Vec<OrderRecord>) -> Reply {
    let (mut success, mut failed) = (Vec::new(), Vec::new());
    for order in orders {
        let named = json!({
            "uuid": ids::of_order(call.account, order.id), "market": order.symbol.as_str(),
            "identifier": order.tag(IDENTIFIER),
        });
        let list = if end(call, &order).is_ok() { &mut success } else { &mut failed };
        list.push(named);
    }
    reply(&json!({
        "success": {"count": success.len(), "orders": success},
        "failed": {"count": failed.len(), "orders": failed},
    }))
}
