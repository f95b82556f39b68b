//! The algo endpoints: conditional orders, in an id space of their own since December 2025.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::algo_json::{self, WORKING_TYPE};
use super::error::Error;
use super::market_data::listed;
use super::order_json::{CLOSE_POSITION, TYPE};
use super::order_query::{page, span};
use super::orders::{client_id, mode, position_side, price, quantity, side, tradable};
use super::{Call, Reply};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::Pct;
use crate::domain::order::{OrderKind, TimeInForce};
use crate::domain::side::Side;
use crate::simulator::account::Account;
use crate::simulator::order::{Conditional, NewConditional, Tags, Trigger};

/// Open conditional orders of an account, over all symbols.
const OPEN_MAX: usize = 200;

pub(super) fn place(call: &Call<'_>) -> Reply {
    if call.params.need("algoType")? != "CONDITIONAL" {
        return Err(Error::missing("algoType"));
    }
    let new = new_conditional(call)?;
    if call.venue.with(call.account, |account| account.open_conditionals().count()) >= Some(OPEN_MAX) {
        return Err(Error::new(-4045, "Reach max stop order limit."));
    }
    let placed = call.venue.place_conditional(call.account, new)?;
    Ok(algo_json::base(&placed, None, mode(call)))
}

fn new_conditional(call: &Call<'_>) -> Result<NewConditional, Error> {
    let params = call.params;
    let rules = tradable(call.venue, params)?;
    let instrument = &rules.instrument;
    let side = side(params)?;
    let word = params.need("type")?;
    let trigger = trigger(call, word, side, instrument)?;
    let kind = match word {
        "STOP" | "TAKE_PROFIT" => {
            let price = price(params, "price", instrument)?.ok_or_else(|| Error::missing("price"))?;
            OrderKind::Limit { price, time_in_force: TimeInForce::GoodTillCancel }
        }
        _ => OrderKind::Market,
    };
    let closes_position = params.flag("closePosition");
    let qty = quantity(params, "quantity", instrument)?;
    if closes_position && (qty.is_some() || params.flag("reduceOnly")) {
        return Err(Error::new(-1106, "Parameter 'quantity' or 'reduceOnly' sent when not required."));
    }
    if !closes_position && qty.is_none() {
        return Err(Error::missing("quantity"));
    }
    let (position_side, reduce_only) = position_side(call, side)?;
    let mut tags: Tags = [(TYPE, word.to_owned())].into_iter().collect();
    tags.insert(WORKING_TYPE, params.get("workingType").unwrap_or("CONTRACT_PRICE").to_owned());
    if closes_position {
        tags.insert(CLOSE_POSITION, "true".to_owned());
        refuse_second_close(call, &instrument.symbol, side, word)?;
    }
    Ok(NewConditional {
        client_id: client_id(params, "clientAlgoId")?,
        symbol: instrument.symbol.clone(),
        side,
        position_side,
        trigger,
        kind,
        qty,
        reduce_only,
        tags,
    })
}

fn trigger(call: &Call<'_>, word: &str, side: Side, instrument: &Instrument) -> Result<Trigger, Error> {
    let level =
        || price(call.params, "triggerPrice", instrument)?.ok_or_else(|| Error::missing("triggerPrice"));
    match (word, side) {
        ("STOP" | "STOP_MARKET", Side::Sell) | ("TAKE_PROFIT" | "TAKE_PROFIT_MARKET", Side::Buy) => {
            Ok(Trigger::AtOrBelow(level()?))
        }
        ("STOP" | "STOP_MARKET", Side::Buy) | ("TAKE_PROFIT" | "TAKE_PROFIT_MARKET", Side::Sell) => {
            Ok(Trigger::AtOrAbove(level()?))
        }
        ("TRAILING_STOP_MARKET", _) => {
            let rate = call.params.decimal("callbackRate")?.ok_or_else(|| Error::missing("callbackRate"))?;
            let fits = (Decimal::new(1, 1)..=Decimal::TEN).contains(&rate);
            let callback = fits.then(|| Pct::try_new(rate).ok()).flatten();
            let callback = callback.ok_or_else(|| Error::new(-2007, "Invalid callBack rate."))?;
            let activation = price(call.params, "activatePrice", instrument)?;
            Ok(Trigger::Trailing { callback, activation, best: None })
        }
        _ => Err(Error::new(-1116, "Invalid orderType.")),
    }
}

/// One stop and one take-profit that close a position are allowed at a time.
fn refuse_second_close(call: &Call<'_>, symbol: &Symbol, side: Side, word: &str) -> Result<(), Error> {
    let exists = call.venue.with(call.account, |account| {
        account.open_conditionals().any(|open| {
            open.symbol == *symbol
                && open.side == side
                && open.tag(CLOSE_POSITION).is_some()
                && open.tag(TYPE) == Some(word)
        })
    });
    if exists == Some(true) {
        let message =
            "An open stop or take profit order with GTE and closePosition in the direction is existing.";
        return Err(Error::new(-4130, message));
    }
    Ok(())
}

/// The conditional order that `algoId` or `clientAlgoId` names.
fn named<'a>(account: &'a Account, call: &Call<'_>) -> Result<Option<&'a Conditional>, Error> {
    match (call.params.parse("algoId")?, call.params.get("clientAlgoId")) {
        (Some(id), _) => Ok(account.conditional(id)),
        (None, Some(client_id)) => Ok(account.conditional_by_client_id(client_id)),
        (None, None) => Err(Error::missing("algoId")),
    }
}

pub(super) fn query(call: &Call<'_>) -> Reply {
    let horizon = call.venue.horizon(call.account);
    let found = call.venue.with(call.account, |account| {
        let seen = named(account, call)?.filter(|conditional| conditional.created_at <= horizon);
        Ok::<_, Error>(seen.map(|conditional| algo_json::algo(conditional, account)))
    });
    found.transpose()?.flatten().ok_or_else(|| Error::new(-2013, "Order does not exist."))
}

pub(super) fn cancel(call: &Call<'_>) -> Reply {
    let id =
        call.venue.with(call.account, |account| Ok::<_, Error>(named(account, call)?.map(|known| known.id)));
    let id = id.transpose()?.flatten().ok_or_else(|| Error::new(-2011, "Unknown order sent."))?;
    let cancelled = call.venue.cancel_conditional(call.account, id)?;
    Ok(json!({
        "algoId": cancelled.id, "clientAlgoId": cancelled.client_id, "code": "200", "msg": "success",
    }))
}

pub(super) fn cancel_all_of_symbol(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let open = call.venue.with(call.account, |account| {
        let of_symbol = account.open_conditionals().filter(|open| open.symbol == symbol);
        of_symbol.map(|open| open.id).collect::<Vec<_>>()
    });
    for id in open.unwrap_or_default() {
        if let Err(refusal) = call.venue.cancel_conditional(call.account, id) {
            tracing::debug!(%refusal, id, "not cancelled");
        }
    }
    Ok(json!({ "code": 200, "msg": "The operation of cancel all open order is done." }))
}

pub(super) fn open_orders(call: &Call<'_>) -> Reply {
    let symbol = call.params.get("symbol").map(|_| listed(call.venue, call.params)).transpose()?;
    let horizon = call.venue.horizon(call.account);
    let found = call.venue.with(call.account, |account| {
        let wanted = |open: &&Conditional| {
            symbol.as_ref().is_none_or(|symbol| open.symbol == *symbol) && open.created_at <= horizon
        };
        let seen = account.open_conditionals().filter(wanted);
        seen.map(|conditional| algo_json::algo(conditional, account)).collect::<Vec<_>>()
    });
    Ok(Value::Array(found.unwrap_or_default()))
}

pub(super) fn all_orders(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let limit = call.params.limit(500, 1_000)?;
    let (from, to) = span(call)?;
    let horizon = call.venue.horizon(call.account).min(to);
    let found = call.venue.with(call.account, |account| {
        let wanted = |known: &&Conditional| {
            known.symbol == symbol && known.created_at >= from && known.created_at <= horizon
        };
        page(account.conditionals().filter(wanted), false, limit)
            .into_iter()
            .map(|conditional| algo_json::algo(conditional, account))
            .collect::<Vec<_>>()
    });
    Ok(Value::Array(found.unwrap_or_default()))
}
