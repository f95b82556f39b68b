//! Plan orders: they wait for a trigger in an id space of their own. Triggers of all types are compared with the last
//! price.

use rust_decimal::Decimal;
use serde_json::json;

use super::error::Error;
use super::market_data::listed;
use super::order_query::{Page, page_of};
use super::orders::{client_id, each, is_yes, mode, price, quantity, side, tradable};
use super::plan_rows::{PLAN_TYPE, TRIGGER_TYPE, plan as plan_row};
use super::{Call, Reply};
use crate::domain::instrument::Instrument;
use crate::domain::money::Pct;
use crate::domain::order::{OrderKind, TimeInForce};
use crate::domain::side::{PositionMode, PositionSide, Side};
use crate::simulator::account::Account;
use crate::simulator::order::{Conditional, NewConditional, Tags, Trigger};

/// Take-profits and stops of positions.
const TPSL: [&str; 5] = ["profit_plan", "loss_plan", "pos_profit", "pos_loss", "moving_plan"];
const OPEN_MAX: usize = 200;

/// A trigger order (`normal_plan`) or a trailing one (`track_plan`).
pub(super) fn place_plan(call: &Call<'_>) -> Reply {
    let params = call.params;
    let rules = tradable(call.venue, params)?;
    let instrument = &rules.instrument;
    let named = side(params)?;
    let position = if named == Side::Buy { PositionSide::Long } else { PositionSide::Short };
    let (side, position_side, reduce_only) = match mode(call) {
        PositionMode::Hedge => match params.need("tradeSide")?.to_ascii_lowercase().as_str() {
            "open" => (named, position, false),
            "close" => (position.exit_side(), position, true),
            _ => return Err(Error::wrong_mode()),
        },
        PositionMode::OneWay if is_yes(params, "reduceOnly") => (named, position.opposite(), true),
        PositionMode::OneWay => (named, position, false),
    };
    let level = price(params, "triggerPrice", instrument)?.ok_or_else(|| Error::empty("triggerPrice"))?;
    let market = call.venue.price(&instrument.symbol).unwrap_or(level);
    let trigger = match params.need("planType")? {
        "normal_plan" if level >= market => Trigger::AtOrAbove(level),
        "normal_plan" => Trigger::AtOrBelow(level),
        "track_plan" => {
            Trigger::Trailing { callback: rate(call, "callbackRatio")?, activation: Some(level), best: None }
        }
        _ => return Err(Error::wrong("planType")),
    };
    let qty = quantity(params, "size", instrument)?.ok_or_else(|| Error::empty("size"))?;
    let new = NewConditional {
        client_id: unused_id(call)?,
        symbol: instrument.symbol.clone(),
        side,
        position_side,
        trigger,
        kind: execution(call, instrument)?,
        qty: Some(qty),
        reduce_only,
        tags: tags(call)?,
    };
    placed(call, new)
}

/// A take-profit or a stop of a position, or of a part of it.
pub(super) fn place_tpsl(call: &Call<'_>) -> Reply {
    let params = call.params;
    let rules = tradable(call.venue, params)?;
    let instrument = &rules.instrument;
    let position_side = match (mode(call), params.need("holdSide")?) {
        (PositionMode::Hedge, "long") | (PositionMode::OneWay, "buy") => PositionSide::Long,
        (PositionMode::Hedge, "short") | (PositionMode::OneWay, "sell") => PositionSide::Short,
        _ => return Err(Error::wrong_mode()),
    };
    let plan_type = params.need("planType")?;
    if !TPSL.contains(&plan_type) {
        return Err(Error::wrong("planType"));
    }
    let level = price(params, "triggerPrice", instrument)?.ok_or_else(|| Error::empty("triggerPrice"))?;
    let takes_profit = matches!(plan_type, "profit_plan" | "pos_profit");
    let trigger = match (plan_type, position_side) {
        ("moving_plan", _) => {
            Trigger::Trailing { callback: rate(call, "rangeRate")?, activation: Some(level), best: None }
        }
        (_, PositionSide::Long) if takes_profit => Trigger::AtOrAbove(level),
        (_, PositionSide::Short) if !takes_profit => Trigger::AtOrAbove(level),
        (_, PositionSide::Long | PositionSide::Short) => Trigger::AtOrBelow(level),
    };
    // Those of the whole position have no size, whatever is sent.
    let qty = match plan_type {
        "pos_profit" | "pos_loss" => None,
        _ => Some(quantity(params, "size", instrument)?.ok_or_else(|| Error::empty("size"))?),
    };
    let new = NewConditional {
        client_id: unused_id(call)?,
        symbol: instrument.symbol.clone(),
        side: position_side.exit_side(),
        position_side,
        trigger,
        kind: execution(call, instrument)?,
        qty,
        reduce_only: true,
        tags: tags(call)?,
    };
    placed(call, new)
}

fn placed(call: &Call<'_>, new: NewConditional) -> Reply {
    if call.venue.with(call.account, |account| account.open_conditionals().count()) >= Some(OPEN_MAX) {
        return Err(Error::new("40889", "The plan order of this contract has reached the upper limit"));
    }
    let placed = call.venue.place_conditional(call.account, new)?;
    Ok(json!({ "orderId": placed.id.to_string(), "clientOid": placed.client_id }))
}

/// At the market, unless there is a price above zero.
fn execution(call: &Call<'_>, instrument: &Instrument) -> Result<OrderKind, Error> {
    let price = price(call.params, "executePrice", instrument)?;
    let time_in_force = TimeInForce::GoodTillCancel;
    Ok(price.map_or(OrderKind::Market, |price| OrderKind::Limit { price, time_in_force }))
}

fn rate(call: &Call<'_>, name: &str) -> Result<Pct, Error> {
    let rate = call.params.decimal(name)?.ok_or_else(|| Error::empty(name))?;
    let fits = rate > Decimal::ZERO && rate <= Decimal::TEN;
    fits.then(|| Pct::try_new(rate).ok()).flatten().ok_or_else(|| Error::wrong(name))
}

fn unused_id(call: &Call<'_>) -> Result<String, Error> {
    let id = client_id(call.params)?;
    let is_used = call.venue.with(call.account, |account| account.conditional_by_client_id(&id).is_some());
    if is_used == Some(true) { Err(Error::duplicate()) } else { Ok(id) }
}

fn tags(call: &Call<'_>) -> Result<Tags, Error> {
    let trigger_type = call.params.get("triggerType").unwrap_or("fill_price");
    if !matches!(trigger_type, "fill_price" | "mark_price") {
        return Err(Error::wrong("triggerType"));
    }
    let plan_type = call.params.need("planType")?;
    Ok(Tags::from([(PLAN_TYPE, plan_type.to_owned()), (TRIGGER_TYPE, trigger_type.to_owned())]))
}

/// Those of the list, whatever their type; without a list those of the type (trigger orders if none is named).
pub(super) fn cancel(call: &Call<'_>) -> Reply {
    call.params.is_usdt()?;
    if let Some(rows) = call.params.list("orderIdList") {
        let symbol = listed(call.venue, call.params)?;
        return Ok(each(rows, |row| {
            let found = call.venue.with(call.account, |account| {
                let plan = match (row.get("orderId"), row.get("clientOid")) {
                    (Some(id), _) => id.parse().ok().and_then(|id| account.conditional(id)),
                    (None, Some(client_id)) => account.conditional_by_client_id(client_id),
                    (None, None) => None,
                };
                plan.filter(|plan| plan.symbol == symbol).map(|plan| plan.id)
            });
            let missing = || Error::new("43025", "Plan order does not exist");
            let id = found.flatten().ok_or_else(missing)?;
            let cancelled = call.venue.cancel_conditional(call.account, id).map_err(|_| missing())?;
            Ok(json!({ "orderId": cancelled.id.to_string(), "clientOid": cancelled.client_id }))
        }));
    }
    let symbol = call.params.get("symbol").map(|_| listed(call.venue, call.params)).transpose()?;
    let plan_type = call.params.get("planType").unwrap_or("normal_plan");
    let open = call.venue.with(call.account, |account| {
        let wanted = |plan: &&Conditional| {
            symbol.as_ref().is_none_or(|symbol| plan.symbol == *symbol)
                && plan.tag(PLAN_TYPE) == Some(plan_type)
        };
        account.open_conditionals().filter(wanted).map(|plan| plan.id).collect::<Vec<_>>()
    });
    let cancelled = open
        .unwrap_or_default()
        .into_iter()
        .filter_map(|id| call.venue.cancel_conditional(call.account, id).ok());
    let rows: Vec<_> = cancelled
        .map(|plan| json!({ "orderId": plan.id.to_string(), "clientOid": plan.client_id }))
        .collect();
    Ok(json!({ "successList": rows, "failureList": [] }))
}

pub(super) fn pending(call: &Call<'_>) -> Reply {
    list(call, Conditional::is_open)
}

pub(super) fn history(call: &Call<'_>) -> Reply {
    list(call, |plan| !plan.is_open())
}

fn list(call: &Call<'_>, wanted: impl Fn(&Conditional) -> bool) -> Reply {
    let page = Page::read(call)?;
    let family = call.params.need("planType")?;
    let is_of_family = |plan: &Conditional| {
        let plan_type = plan.tag(PLAN_TYPE).unwrap_or_default();
        if family == "profit_loss" { TPSL.contains(&plan_type) } else { plan_type == family }
    };
    let before: Option<u64> = call.params.parse("idLessThan")?;
    let id: Option<u64> = call.params.parse("orderId")?;
    let client_id = call.params.get("clientOid").filter(|_| id.is_none());
    let horizon = call.venue.horizon(call.account);
    let seen = |account: &Account| {
        let rows = account.conditionals().rev().filter(|plan| {
            wanted(plan)
                && is_of_family(plan)
                && plan.created_at <= horizon
                && before.is_none_or(|before| plan.id < before)
                && id.is_none_or(|id| plan.id == id)
                && client_id.is_none_or(|client_id| plan.client_id == client_id)
                && page.has(&plan.symbol, plan.created_at)
        });
        rows.take(page.limit).map(|plan| plan_row(plan, account)).collect::<Vec<_>>()
    };
    let rows = call.venue.with(call.account, seen);
    Ok(page_of("entrustedList", rows.unwrap_or_default(), "orderId"))
}
