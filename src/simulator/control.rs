//! `/_sim/`: reads out the oracle, sets the faults, and makes things happen that a client does not ask for.

use std::net::IpAddr;

use axum::http::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::account::Account;
use super::dialect::{Answer, Request};
use super::event::AccountIndex;
use super::limits::Payer;
use super::lock::lock;
use super::order::{NewOrder, Origin, Tags};
use super::venue::{SymbolRules, Venue};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Pct, Qty, parse_decimal};
use crate::domain::order::OrderKind;
use crate::domain::side::{PositionMode, PositionSide, Side};
use crate::domain::time::DurationMs;

pub(super) const PREFIX: &str = "/_sim/";

/// Never refused, never faulty.
pub(super) fn answer(venue: &Venue, request: &Request) -> Answer {
    let path = request.path.strip_prefix(PREFIX).unwrap_or_default();
    let outcome = match (&request.method, path) {
        (&Method::GET, "health") => Ok(health(venue)),
        (&Method::GET, "ledger") => ledger(venue, &request.query),
        (&Method::GET, "stats") => Ok(stats(venue)),
        (&Method::GET, "faults") => Ok(lock(&venue.faults).to_json()),
        (&Method::GET, "accounts") => Ok(accounts(venue)),
        (&Method::POST, _) => act(venue, path, &request.body),
        _ => Err(format!("there is no {} /_sim/{path}", request.method)),
    };
    match outcome {
        Ok(value) => Answer::json(200, &value),
        Err(message) => Answer::json(400, &json!({ "error": message })),
    }
}

fn act(venue: &Venue, path: &str, body: &str) -> Result<Value, String> {
    let body: Value =
        if body.is_empty() { json!({}) } else { serde_json::from_str(body).map_err(|e| e.to_string())? };
    match path {
        "faults" => lock(&venue.faults).apply(body)?,
        "calm" => {
            lock(&venue.faults).calm();
            lock(&venue.limits).lift_bans();
            venue.pause(false);
        }
        "pause" => venue.pause(true),
        "resume" => venue.pause(false),
        "ban" => ban(venue, &body)?,
        "filters" => filters(venue, &body)?,
        "delist" => delist(venue, &body)?,
        "funding" => return funding(venue, &body),
        "human" => return human(venue, &body),
        "liquidate" => return liquidate(venue, &body),
        _ => return Err(format!("there is no POST /_sim/{path}")),
    }
    Ok(json!({ "ok": true }))
}

fn health(venue: &Venue) -> Value {
    let disagreements = venue.disagreements();
    json!({
        "exchange": venue.exchange.as_str(),
        "time": venue.now().ms(),
        "speed": venue.clock.speed(),
        "market_ended": venue.next_step().is_none(),
        "paused": venue.is_paused(),
        "accounts": venue.account_count(),
        "private_listeners": lock(&venue.hub).listening(),
        "oracle_agrees": disagreements.is_empty(),
        "disagreements": disagreements,
    })
}

fn ledger(venue: &Venue, query: &str) -> Result<Value, String> {
    let name = query.split('&').find_map(|pair| pair.strip_prefix("account="));
    let name = name.ok_or("name an account: /_sim/ledger?account=NAME")?;
    let account = venue.account_of_name(name).ok_or_else(|| format!("there is no account {name}"))?;
    venue.ledger_json(account).ok_or_else(|| format!("there is no account {name}"))
}

fn stats(venue: &Venue) -> Value {
    let accounts = (0..venue.account_count()).map(AccountIndex).filter_map(|index| {
        let (name, duplicates) =
            venue.with(index, |account| (account.spec.name.clone(), account.duplicate_client_ids))?;
        let counts = lock(&venue.stats).account(index);
        Some(json!({ "account": name, "counts": counts, "duplicate_client_ids": duplicates }))
    });
    let accounts: Vec<Value> = accounts.collect();
    let limits = lock(&venue.limits);
    let usage = limits.usage().filter_map(|(payer, bucket, used)| match payer {
        Payer::Address(address) => {
            Some(json!({ "address": address.to_string(), "bucket": bucket, "used": used }))
        }
        Payer::Account(_) => None,
    });
    let usage: Vec<Value> = usage.collect();
    drop(limits);
    let stats = lock(&venue.stats);
    json!({
        "public_reads": stats.public_reads, "rate_limited": stats.rate_limited,
        "accounts": accounts, "usage": usage,
    })
}

fn accounts(venue: &Venue) -> Value {
    let accounts = (0..venue.account_count()).map(AccountIndex).filter_map(|index| {
        venue.with(index, |account| {
            let spec = &account.spec;
            json!({ "name": spec.name, "api_key": spec.api_key, "api_secret": spec.api_secret,
                    "passphrase": spec.passphrase, "balance": spec.balance.to_string() })
        })
    });
    Value::Array(accounts.collect())
}

fn ban(venue: &Venue, body: &Value) -> Result<(), String> {
    let address: IpAddr = text(body, "ip")?.parse().map_err(|_| "ip is not an address".to_owned())?;
    let seconds = body.get("seconds").and_then(Value::as_i64).ok_or("seconds is not a whole number")?;
    // By the wall clock, like every other fault.
    let span = DurationMs::from_secs(seconds).times(i64::from(venue.clock.speed()));
    lock(&venue.limits).ban(address, venue.now().plus(span));
    Ok(())
}

fn filters(venue: &Venue, body: &Value) -> Result<(), String> {
    let mut rules = rules(venue, body)?;
    let instrument = &mut rules.instrument;
    for (name, value) in body.as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        let bad = |_| format!("{name} `{value}` is not a decimal text");
        match name.as_str() {
            "symbol" => {}
            "tick" => instrument.tick = value.parse().map_err(bad)?,
            "step" => instrument.step = value.parse().map_err(bad)?,
            "min_qty" => instrument.min_qty = value.parse().map_err(bad)?,
            "min_notional" => instrument.min_notional = value.parse().map_err(bad)?,
            _ => return Err(format!("{name} is not one of symbol, tick, step, min_qty, min_notional")),
        }
    }
    venue.set_rules(rules);
    Ok(())
}

fn delist(venue: &Venue, body: &Value) -> Result<(), String> {
    let rules = rules(venue, body)?;
    venue.set_rules(SymbolRules { trading: false, ..rules });
    Ok(())
}

/// Settles funding: of one symbol or, without one, of all.
fn funding(venue: &Venue, body: &Value) -> Result<Value, String> {
    let symbol = match body.get("symbol") {
        None => None,
        Some(_) => Some(rules(venue, body)?.instrument.symbol),
    };
    let rate: Decimal =
        parse_decimal("rate_pct", text(body, "rate_pct")?).map_err(|error| error.to_string())?;
    let rate = Pct::try_new(rate).map_err(|error| error.to_string())?;
    let payments = venue.settle_funding(symbol.as_ref(), rate)?;
    Ok(json!({ "payments": payments }))
}

/// A market order that the account's client knows nothing of.
fn human(venue: &Venue, body: &Value) -> Result<Value, String> {
    let side = Side::from_word(&text(body, "side")?.to_lowercase()).ok_or("side is not buy or sell")?;
    let opens = if side == Side::Buy { PositionSide::Long } else { PositionSide::Short };
    let position_side = match body.get("position_side").and_then(Value::as_str) {
        None => opens,
        Some(word) => PositionSide::from_word(word).ok_or("position_side is not long or short")?,
    };
    let qty: Qty = text(body, "qty")?.parse().map_err(|error| format!("{error}"))?;
    let symbol = rules(venue, body)?.instrument.symbol;
    close_or_open(venue, account(venue, body)?, (symbol, side, position_side, qty), Origin::Human)
}

/// Closes every position of the account as the exchange does when its margin is gone.
fn liquidate(venue: &Venue, body: &Value) -> Result<Value, String> {
    let index = account(venue, body)?;
    let read = venue.with(index, |account| {
        let orders: Vec<u64> = account.open_orders().map(|order| order.id).collect();
        (orders, account.positions().to_vec())
    });
    let (orders, positions) = read.ok_or("the account is gone")?;
    for id in orders {
        venue.cancel(index, id).map_err(|refusal| refusal.to_string())?;
    }
    for held in &positions {
        let order = (held.symbol.clone(), held.side.exit_side(), held.side, held.qty);
        close_or_open(venue, index, order, Origin::Liquidation)?;
    }
    Ok(json!({ "closed": positions.len() }))
}

fn close_or_open(
    venue: &Venue,
    account: AccountIndex,
    (symbol, side, position_side, qty): (Symbol, Side, PositionSide, Qty),
    origin: Origin,
) -> Result<Value, String> {
    let is_hedged = venue.with(account, Account::position_mode) == Some(PositionMode::Hedge);
    let prefix = if origin == Origin::Liquidation { "autoclose" } else { "web" };
    let order = NewOrder {
        client_id: format!("{prefix}-{}-{symbol}", venue.now().ms()),
        symbol,
        side,
        position_side,
        kind: OrderKind::Market,
        qty,
        reduce_only: origin == Origin::Liquidation && !is_hedged,
        origin,
        tags: Tags::new(),
    };
    let placed = venue.place(account, order).map_err(|refusal| refusal.to_string())?;
    Ok(json!({ "order_id": placed.id, "status": placed.status.as_str() }))
}

fn account(venue: &Venue, body: &Value) -> Result<AccountIndex, String> {
    let name = text(body, "account")?;
    venue.account_of_name(name).ok_or_else(|| format!("there is no account {name}"))
}

fn rules(venue: &Venue, body: &Value) -> Result<SymbolRules, String> {
    let symbol = text(body, "symbol")?;
    venue.rules(symbol).ok_or_else(|| format!("symbol {symbol} is not listed"))
}

fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str, String> {
    body.get(name).and_then(Value::as_str).ok_or_else(|| format!("{name} is missing or not text"))
}
