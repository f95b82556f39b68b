//! The vectors of Upbit KRW spot.
//!
//! What our requests have that recorded ones have not, and the other way round:
//!
//! - every order carries an identifier: it is how an order is found whose answer was lost;
//! - lists of orders name all states at once (`states[]`), the page and the order of rows: recorded ones take the
//!   defaults, one state at a time;
//! - candles are always asked for up to a time, which is written without fractions of a second;
//! - market orders to buy are for a quantity, hence immediate limit orders: `price` orders, which spend a total, and
//!   `best` orders are never sent.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_in_result,
    reason = "a vector without the fields of its kind must fail loudly"
)]

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use tradefleet::domain::ids::{AccountId, ClientOrderId, CycleId, OrderKey};
use tradefleet::domain::money::{Price, Quote};
use tradefleet::domain::order::{OrderStatus, Purpose};
use tradefleet::domain::secret::Secret;
use tradefleet::domain::time::{Timeframe, Timestamp};
use tradefleet::exchange::error::ExchangeError;
use tradefleet::exchange::report::ReportedFill;
use tradefleet::exchange::upbit::calls::{self, Call, NewOrder, OrderName};
use tradefleet::exchange::upbit::params::Params;
use tradefleet::exchange::upbit::sign::{Algorithm, Keys, authorization};
use tradefleet::exchange::upbit::wire::{AccountRow, CandleRow, MarketRow, OrderRow, TickerRow};
use tradefleet::exchange::upbit::{convert, errors, fills};
use tradefleet::exchange::wire::{Access, HttpAnswer, Lane};

use super::{
    ErrorVector, Findings, RequestVector, ResponseVector, VectorFile, load, number, parameters, same, signing,
};

#[test]
fn signing_examples_recompute() {
    let mut findings = Findings::default();
    for example in signing::examples("upbit") {
        let algorithm = match example.text("alg") {
            "HS256" => Algorithm::Hs256,
            "HS512" => Algorithm::Hs512,
            other => panic!("algorithm {other}"),
        };
        let keys = keys(example.text("apiKey"), example.text("secret"), algorithm);
        let params = recorded_params(&example.query, &example.body);
        let ours = authorization(&keys, example.text("nonce"), &params);
        findings.check(&example.name, same("token", ours, format!("Bearer {}", example.expected)));
    }
    findings.conclude("signing examples of upbit");
}

#[test]
fn requests_are_those_a_real_client_sends() {
    let Some(file) = load::<RequestVector>("upbit/request.json") else { return };
    let keys = keys(file.text("apiKey"), file.text("secret"), Algorithm::Hs256);
    let mut findings = Findings::default();
    for vector in &file.vectors {
        match counterpart(vector) {
            Ok(call) => findings.check(&vector.name, compare(vector, &call, &keys, &file)),
            Err(why) => findings.skip(&vector.name, why),
        }
    }
    findings.conclude("requests of upbit");
}

/// Our call for the same thing, or why there is none.
fn counterpart(vector: &RequestVector) -> Result<Call, &'static str> {
    let fields = fields(vector);
    let text = |name: &str| fields.get(name).map(String::as_str);
    match (vector.http_method.as_str(), vector.path()) {
        ("GET", "/v1/market/all") => Ok(calls::markets()),
        ("GET", "/v1/ticker") => Ok(calls::ticker(text("markets").unwrap(), Lane::Entry)),
        ("GET", "/v1/accounts") => Ok(calls::accounts()),
        ("GET", "/v1/order") => Ok(calls::order(named(&fields))),
        ("DELETE", "/v1/order") => Ok(calls::cancel(named(&fields))),
        ("GET", "/v1/orders/open") => Ok(calls::open_orders(text("market"), 1)),
        ("GET", "/v1/orders/closed") => {
            let from = text("start_time").map_or(0, |text| text.parse().unwrap());
            Ok(calls::closed_orders(text("market"), Timestamp::from_ms(from), Timestamp::from_ms(from)))
        }
        ("POST", "/v1/orders") => placed(&fields),
        ("GET", path) => {
            let timeframe = timeframe(path).ok_or("we have no use for it")?;
            let to = text("to").map_or(Timestamp::default(), |text| convert::time(text).unwrap());
            let count = text("count").map_or(200, |text| text.parse().unwrap());
            calls::candles(text("market").unwrap(), timeframe, count, to).ok_or("a length we do not ask for")
        }
        _ => Err("we have no use for it"),
    }
}

fn placed(fields: &BTreeMap<String, String>) -> Result<Call, &'static str> {
    let text = |name: &str| fields.get(name).map(String::as_str);
    let ord_type = match text("ord_type").unwrap() {
        "limit" => "limit",
        "market" => "market",
        _ => return Err("spends a total or takes the best price: we buy quantities at bounded prices"),
    };
    let order = NewOrder {
        market: text("market").unwrap(),
        side: if text("side") == Some("bid") { "bid" } else { "ask" },
        ord_type,
        price: text("price").map(str::to_owned),
        volume: text("volume").unwrap().to_owned(),
        identifier: text("identifier").unwrap_or("ours"),
        time_in_force: match text("time_in_force") {
            None => None,
            Some("ioc") => Some("ioc"),
            Some("fok") => Some("fok"),
            Some("post_only") => Some("post_only"),
            Some(other) => panic!("time in force {other}"),
        },
    };
    Ok(calls::place(&order, Lane::Entry))
}

fn named(fields: &BTreeMap<String, String>) -> OrderName<'_> {
    match (fields.get("uuid"), fields.get("identifier")) {
        (Some(uuid), _) => OrderName::Uuid(uuid),
        (None, Some(identifier)) => OrderName::Identifier(identifier),
        (None, None) => panic!("an order without a name"),
    }
}

fn compare(
    vector: &RequestVector,
    call: &Call,
    keys: &Keys,
    file: &VectorFile<RequestVector>,
) -> Result<(), String> {
    let request = call.request(None);
    same("method", request.method.as_str(), vector.http_method.as_str())?;
    same("path", call.path.as_str(), vector.path())?;
    let ours = match &request.body {
        Some(body) => json_fields(&body.text),
        None => parameters(request.target.split_once('?').map_or("", |(_, query)| query)),
    };
    // The differences that the head of this file gives reasons for.
    let (added, changed): (&[&str], &[&str]) = match (call.access, call.path.as_str()) {
        (Access::Write, "/v1/orders") => (&["identifier"], &[]),
        (_, "/v1/orders/open") => (&["states[]", "page", "limit", "order_by"], &["state", "limit"]),
        (_, "/v1/orders/closed") => {
            (&["states[]", "start_time", "end_time", "limit", "order_by"], &["state", "limit"])
        }
        (_, path) if path.starts_with("/v1/candles/") => (&["to"], &["to"]),
        _ => (&[], &[]),
    };
    let theirs = fields(vector);
    for (name, value) in theirs.iter().filter(|(name, _)| !changed.contains(&name.as_str())) {
        same(name, ours.get(name), Some(value))?;
    }
    for name in ours.keys().filter(|name| !theirs.contains_key(*name)) {
        same(&format!("addition of `{name}`"), added.contains(&name.as_str()), true)?;
    }
    if let (Some(ours), Some(theirs)) = (ours.get("to"), theirs.get("to")) {
        same("to", convert::time(ours).unwrap(), convert::time(theirs).unwrap())?;
    }
    let token = vector.headers.get("Authorization");
    same("need of a token", call.is_private(), token.is_some())?;
    let recorded = recorded_params(vector.query(), vector.output.as_deref().unwrap_or_default());
    let recomputed = call.is_private().then(|| authorization(keys, file.text("uuid"), &recorded));
    same("token over the recorded parameters", recomputed.as_ref(), token)
}

#[test]
fn answers_mean_what_was_recorded() {
    let Some(file) = load::<ResponseVector>("upbit/response.json") else { return };
    let mut findings = Findings::default();
    for vector in &file.vectors {
        let body = vector.http_response.get();
        let meaning = &vector.parsed_response;
        let answer = HttpAnswer { status: vector.http_status, ..HttpAnswer::default() };
        findings.check(&vector.name, same("success", answer.is_success(), true));
        match (vector.http_method.as_str(), vector.path()) {
            ("GET", "/v1/ticker") => findings.check(&vector.name, ticker(body, meaning)),
            ("GET", "/v1/accounts") => findings.check(&vector.name, accounts(body, meaning)),
            ("GET", "/v1/market/all") => {
                let markets = serde_json::from_str::<Vec<MarketRow>>(body).map(drop);
                findings.check(&vector.name, markets.map_err(|error| error.to_string()));
            }
            ("POST", "/v1/orders") | ("GET" | "DELETE", "/v1/order") => {
                findings.check(&vector.name, order(&read(body), meaning));
            }
            ("GET", "/v1/orders/open" | "/v1/orders/closed") => {
                findings.check(&vector.name, orders(body, meaning));
            }
            ("GET", path) if timeframe(path).is_some() => {
                findings.check(&vector.name, candles(body, meaning, timeframe(path).unwrap()));
            }
            _ => findings.skip(&vector.name, "we have no use for it"),
        }
    }
    findings.conclude("answers of upbit");
}

fn ticker(body: &str, meaning: &Value) -> Result<(), String> {
    let rows: Vec<TickerRow> = read(body);
    let ours = convert::ticker(&rows[0]).map_err(|error| error.to_string())?.unwrap();
    same("last", Some(ours.last.decimal()), number(&meaning["last"]))?;
    same("volume", Some(ours.quote_volume_24h.decimal().normalize()), number(&meaning["quoteVolume"]))
}

fn accounts(body: &str, meaning: &Value) -> Result<(), String> {
    let rows: Vec<AccountRow> = read(body);
    let balance = convert::balance(&rows).map_err(|error| error.to_string())?;
    same("cash to spend", Some(balance.available.decimal()), number(&meaning["KRW"]["free"]))?;
    for position in convert::positions(&rows).map_err(|error| error.to_string())? {
        let coin = position.symbol.as_str().trim_start_matches("KRW-");
        same(coin, Some(position.qty.decimal()), number(&meaning[coin]["total"]))?;
    }
    Ok(())
}

fn orders(body: &str, meaning: &Value) -> Result<(), String> {
    let rows: Vec<OrderRow> = read(body);
    let recorded = meaning.as_array().unwrap();
    same("count", rows.len(), recorded.len())?;
    rows.iter().try_for_each(|row| {
        let meaning = recorded.iter().find(|order| order["id"] == row.uuid.as_str());
        order(row, meaning.ok_or_else(|| format!("order {} is not recorded", row.uuid))?)
    })
}

fn order(row: &OrderRow, meaning: &Value) -> Result<(), String> {
    let report = convert::order_report(row, some_id()).map_err(|error| error.to_string())?;
    same("id", report.exchange_order_id.as_str(), meaning["id"].as_str().unwrap())?;
    same("side", report.side.as_str(), meaning["side"].as_str().unwrap())?;
    same("filled", Some(report.filled_qty.decimal()), number(&meaning["filled"]))?;
    if let Some(amount) = number(&meaning["amount"]) {
        same("quantity", report.qty.decimal(), amount)?;
    }
    if let Some(cost) = number(&meaning["cost"]).filter(|_| !report.filled_qty.is_zero()) {
        same("notional", report.filled_notional.decimal(), cost)?;
    }
    let at = Timestamp::from_ms(meaning["timestamp"].as_i64().unwrap());
    same("time", convert::time(&row.created_at).map_err(|error| error.to_string())?, at)?;
    let expected: &[OrderStatus] = match meaning["status"].as_str().unwrap() {
        "open" | "watch" => &[OrderStatus::Open, OrderStatus::PartiallyFilled],
        "closed" => &[OrderStatus::Filled],
        // An order for a total is called cancelled when it is filled; we go by what was executed.
        "canceled" if row.volume.is_none() && !report.filled_qty.is_zero() => &[OrderStatus::Filled],
        "canceled" => &[OrderStatus::Cancelled, OrderStatus::Expired],
        other => panic!("status {other}"),
    };
    same(&format!("place of {} among {expected:?}", report.status), expected.contains(&report.status), true)?;
    trades(row, meaning)
}

fn trades(row: &OrderRow, meaning: &Value) -> Result<(), String> {
    let ours: Vec<_> = fills::of_order(row)
        .map_err(|error| error.to_string())?
        .into_iter()
        .map(|fill| match fill {
            ReportedFill::Ours(fill) => (fill.trade_id, fill.price, fill.qty, fill.at, fill.fee),
            ReportedFill::External(fill) => (fill.trade_id, fill.price, fill.qty, fill.at, fill.fee),
        })
        .collect();
    for recorded in meaning["trades"].as_array().unwrap() {
        let found = ours.iter().find(|(trade_id, ..)| recorded["id"] == trade_id.0.as_str());
        let (_, price, qty, at, _) = found.ok_or_else(|| format!("trade {} is missing", recorded["id"]))?;
        same("price", Some(price.decimal()), number(&recorded["price"]))?;
        same("volume", Some(qty.decimal()), number(&recorded["amount"]))?;
        same("time", at.ms(), recorded["timestamp"].as_i64().unwrap())?;
    }
    if !ours.is_empty() {
        let fees: Quote = ours.iter().map(|(.., fee)| fee.cash()).sum();
        same("fees", Some(fees.decimal()), number(&meaning["fee"]["cost"]))?;
    }
    Ok(())
}

fn candles(body: &str, meaning: &Value, timeframe: Timeframe) -> Result<(), String> {
    let mut rows: Vec<CandleRow> = read(body);
    rows.reverse();
    let recorded = meaning.as_array().unwrap();
    same("count", rows.len(), recorded.len())?;
    for (row, recorded) in rows.iter().zip(recorded) {
        let candle = convert::candle(row, timeframe).map_err(|error| error.to_string())?;
        let prices = [candle.open, candle.high, candle.low, candle.close].map(Price::decimal);
        let ours: Vec<Option<Decimal>> =
            prices.into_iter().chain([candle.volume.normalize()]).map(Some).collect();
        let theirs: Vec<Option<Decimal>> = recorded.as_array().unwrap()[1..].iter().map(number).collect();
        same("open time", Some(candle.open_time.ms()), recorded[0].as_i64())?;
        same("candle", ours, theirs)?;
    }
    Ok(())
}

#[test]
fn errors_have_their_consequence() {
    let Some(file) = load::<ErrorVector>("upbit/error.json") else { return };
    let mut findings = Findings::default();
    for vector in &file.vectors {
        let body = vector.http_response.get().to_owned();
        let answer = HttpAnswer { status: vector.http_status, body, ..HttpAnswer::default() };
        let error = errors::classify(&answer, Access::Write, Timestamp::default());
        let exception = vector.ccxt_exception.as_deref().unwrap_or_default();
        // The client calls most of them just an error: then the status says what it means.
        let holds = match (exception, vector.http_status) {
            ("OrderNotFound", _) => errors::is_not_found(&error),
            ("InvalidNonce", _) | (_, 500..) => matches!(error, ExchangeError::Unknown { .. }),
            ("AuthenticationError" | "PermissionDenied", _) | (_, 401) => {
                matches!(error, ExchangeError::Unauthorized { .. })
            }
            (_, 418 | 429) => matches!(error, ExchangeError::Throttled { .. }),
            ("InsufficientFunds" | "InvalidOrder", _) => matches!(error, ExchangeError::Refused { .. }),
            // What is not known to be a refusal is not taken for one.
            _ => matches!(error, ExchangeError::Refused { .. } | ExchangeError::Unknown { .. }),
        };
        findings
            .check(&vector.name, if holds { Ok(()) } else { Err(format!("{exception} became `{error}`")) });
    }
    findings.conclude("errors of upbit");
}

fn keys(access_key: &str, secret_key: &str, algorithm: Algorithm) -> Keys {
    let secret = |text: &str| Secret::new(text.to_owned());
    Keys { access_key: secret(access_key), secret_key: secret(secret_key), algorithm }
}

/// The length of the candles at a path.
fn timeframe(path: &str) -> Option<Timeframe> {
    let length = path.strip_prefix("/v1/candles/")?;
    let minutes = length.strip_prefix("minutes/").and_then(|minutes| minutes.parse::<u16>().ok());
    match minutes {
        Some(told) => Timeframe::ALL.into_iter().find(|timeframe| calls::minutes(*timeframe) == Some(told)),
        None => (length == "days").then_some(Timeframe::D1),
    }
}

/// What a recorded request says, wherever it says it.
fn fields(vector: &RequestVector) -> BTreeMap<String, String> {
    match vector.output.as_deref() {
        Some(body) if !body.is_empty() => json_fields(body),
        _ => parameters(vector.query()),
    }
}

fn json_fields(body: &str) -> BTreeMap<String, String> {
    recorded_params("", body)
        .plain()
        .split('&')
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// The parameters of a recorded query or body, in its order.
fn recorded_params(query: &str, body: &str) -> Params {
    let leaked = |name: &str| -> &'static str { name.to_owned().leak() };
    let mut params = Params::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        for (name, value) in parameters(pair) {
            params = params.with(leaked(&name), value);
        }
    }
    // A JSON object of texts without nesting; a map would not keep its order.
    for pair in body.trim_matches(['{', '}']).split(',').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once(':').unwrap();
        params = params.with(leaked(name.trim_matches('"')), value.trim_matches('"'));
    }
    params
}

fn some_id() -> ClientOrderId {
    ClientOrderId::new(&OrderKey {
        account: AccountId::new(1),
        bot: None,
        cycle: CycleId::at(Timestamp::default()),
        purpose: Purpose::Entry,
        leg: 0,
        attempt: 1,
    })
}

fn read<T: serde::de::DeserializeOwned>(body: &str) -> T {
    serde_json::from_str(body).unwrap()
}
