//! Requests: the same method, path and meaning, and signatures that recompute.

use std::collections::BTreeMap;

use serde_json::Value;
use tradefleet::domain::ids::CycleId;
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::kind::MarginMode;
use tradefleet::domain::money::{Leverage, Qty, Quote};
use tradefleet::domain::order::{Order, OrderKind, OrderStatus, OrderTimes, Purpose, TimeInForce};
use tradefleet::domain::side::{PositionMode, PositionSide, Side};
use tradefleet::domain::time::Timestamp;
use tradefleet::exchange::binance::IdSpace;
use tradefleet::exchange::binance::calls::{self, Call, TRADES_SPAN_MAX, TradesFrom};
use tradefleet::exchange::binance::orders::{self, OrderName, Ticket};
use tradefleet::exchange::wire::{HttpRequest, Lane};

use super::{own_id, signer};
use crate::{Findings, RequestVector, load, parameters, same};

type Parameters = BTreeMap<String, String>;

/// What may differ, and why. These parameters are not compared; all others must be the same on both sides.
const DIFFERENCES: &[(&str, &str)] = &[
    ("signature", "covers the other parameters; it is recomputed on both sides instead"),
    ("recvWindow", "we give an order 5 s to arrive, the recorded client 10 s"),
    (
        "newOrderRespType",
        "we are content with the acknowledgement: fills are told by stream and trade list only",
    ),
    ("workingType", "we name the last price, which is what the exchange takes when nothing is said"),
    ("limit", "we always name the page size that we read on from"),
    ("endTime", "we always close the span that is asked for"),
];

#[test]
fn our_requests_mean_what_a_real_client_sends() {
    let Some(file) = load::<RequestVector>("binance_usdm/request.json") else { return };
    let clock = Timestamp::from_ms(file.meta.get("clock_ms").and_then(Value::as_i64).unwrap());
    let signer = signer(file.text("apiKey"), file.text("secret"));
    for (parameter, reason) in DIFFERENCES {
        eprintln!("  not compared: {parameter} ({reason})");
    }
    let mut findings = Findings::default();
    for vector in &file.vectors {
        let theirs = all_parameters(vector.query(), vector.output.as_deref());
        match call_like(vector, &theirs) {
            Err(why) => findings.skip(&vector.name, &why),
            Ok(call) => {
                let request = signer.request(call, clock);
                let checks = compare(&request, vector, &theirs).and_then(|()| {
                    let recomputes = |query: &str, body: &str| {
                        let (signed, signature) = split_signature(query, body);
                        signature.is_none_or(|theirs| signer.signature(&signed, "") == theirs)
                    };
                    same("their signature recomputes", recomputes(vector.query(), body_of(vector)), true)?;
                    let (path_and_query, body) = (request.target.as_str(), body_text(&request));
                    let query = path_and_query.split_once('?').map_or("", |(_, query)| query);
                    same("our signature recomputes", recomputes(query, body), true)
                });
                findings.check(&vector.name, checks);
            }
        }
    }
    findings.conclude("binance requests");
}

fn compare(request: &HttpRequest, vector: &RequestVector, theirs: &Parameters) -> Result<(), String> {
    same("method", request.method.as_str(), vector.http_method.as_str())?;
    let (path, query) = request.target.split_once('?').unwrap_or((request.target.as_str(), ""));
    same("path", path, vector.path())?;
    let ours = all_parameters(query, Some(body_text(request)));
    same("parameters", comparable(&ours), comparable(theirs))?;
    let key =
        request.headers.iter().find(|(name, _)| *name == "X-MBX-APIKEY").map(|(_, value)| value.as_str());
    same("API key header", key, vector.headers.get("X-MBX-APIKEY").map(String::as_str))
}

fn body_of(vector: &RequestVector) -> &str {
    vector.output.as_deref().unwrap_or_default()
}

fn body_text(request: &HttpRequest) -> &str {
    request.body.as_ref().map_or("", |body| body.text.as_str())
}

/// What was signed, and the signature that stands after it.
fn split_signature<'a>(query: &'a str, body: &'a str) -> (String, Option<&'a str>) {
    let strip = |text: &'a str| {
        text.split_once("&signature=").map_or((text, None), |(rest, sign)| (rest, Some(sign)))
    };
    let ((query, in_query), (body, in_body)) = (strip(query), strip(body));
    (format!("{query}{body}"), in_query.or(in_body))
}

fn all_parameters(query: &str, body: Option<&str>) -> Parameters {
    let mut all = parameters(query);
    all.extend(parameters(body.unwrap_or_default()));
    all
}

/// Without what may differ; lists in JSON as sets of their own parameters.
fn comparable(all: &Parameters) -> BTreeMap<&str, Value> {
    let compared = |key: &str| !DIFFERENCES.iter().any(|(parameter, _)| *parameter == key);
    all.iter()
        .filter(|(key, _)| compared(key))
        .map(|(key, value)| {
            let mut value: Value = if value.starts_with('[') {
                serde_json::from_str(value).unwrap()
            } else {
                Value::String(value.clone())
            };
            if let Value::Array(items) = &mut value {
                for item in items.iter_mut().filter_map(Value::as_object_mut) {
                    item.retain(|key, _| compared(key));
                }
            }
            (key.as_str(), value)
        })
        .collect()
}

/// The call that our program makes to the same end; an error says why it makes none.
fn call_like(vector: &RequestVector, theirs: &Parameters) -> Result<Call, String> {
    let text = |key: &str| theirs.get(key).map(String::as_str);
    let symbol = || text("symbol").map(|symbol| symbol.parse::<Symbol>().unwrap());
    let needed = || symbol().ok_or_else(|| "our call is about one symbol".to_owned());
    match (vector.http_method.as_str(), vector.path()) {
        ("GET", "/fapi/v1/time") => Ok(calls::server_time()),
        ("GET", "/fapi/v1/exchangeInfo") => Ok(calls::exchange_info()),
        ("GET", "/fapi/v1/ticker/24hr") => Ok(calls::tickers(symbol().as_ref())),
        ("GET", "/fapi/v1/klines") => {
            let span = text("startTime").map(|from| {
                let at = |text: &str| Timestamp::from_ms(text.parse().unwrap());
                (at(from), text("endTime").map_or(at("1700000000000"), at))
            });
            let timeframe = text("interval").unwrap_or_default().parse();
            let timeframe = timeframe.map_err(|_| "a timeframe that we do not use".to_owned())?;
            Ok(calls::klines(&needed()?, timeframe, 2, span))
        }
        ("GET", "/fapi/v3/account") => Ok(calls::account()),
        ("GET", "/fapi/v3/balance") => Ok(calls::balances()),
        ("GET", "/fapi/v3/positionRisk") if symbol().is_none() => Ok(calls::positions()),
        ("GET", "/fapi/v1/positionSide/dual") => Ok(calls::position_mode()),
        ("GET", "/fapi/v1/multiAssetsMargin") => Ok(calls::multi_assets_mode()),
        ("GET", "/fapi/v1/openOrders") => Ok(orders::open_orders(IdSpace::Orders, symbol().as_ref())),
        ("GET", "/fapi/v1/openAlgoOrders") => Ok(orders::open_orders(IdSpace::Algo, symbol().as_ref())),
        ("GET", "/fapi/v1/userTrades") => trades_like(&needed()?, theirs),
        ("GET" | "DELETE", "/fapi/v1/order" | "/fapi/v1/algoOrder") => {
            let (space, name) = order_name(vector.path(), theirs)?;
            let symbol = needed()?;
            let is_query = vector.http_method == "GET";
            Ok(if is_query {
                orders::order(space, &symbol, name)
            } else {
                orders::cancel(space, &symbol, name)
            })
        }
        ("POST", "/fapi/v1/order" | "/fapi/v1/algoOrder") => place_like(theirs),
        ("POST", "/fapi/v1/batchOrders") => batch_like(text("batchOrders").unwrap_or("[]")),
        ("POST", "/fapi/v1/leverage") => {
            let leverage = text("leverage").and_then(|text| text.parse().ok()).map(Leverage::try_new);
            let Some(Ok(leverage)) = leverage else { return Err("more leverage than we allow".to_owned()) };
            Ok(calls::set_leverage(&needed()?, leverage, Lane::Entry))
        }
        ("POST", "/fapi/v1/marginType") => {
            let isolated = text("marginType") == Some("ISOLATED");
            let mode = if isolated { MarginMode::Isolated } else { MarginMode::Cross };
            Ok(calls::set_margin_mode(&needed()?, mode, Lane::Entry))
        }
        ("POST", "/fapi/v1/listenKey") => Ok(calls::open_listen_key()),
        ("PUT", "/fapi/v1/listenKey") => Ok(calls::prolong_listen_key()),
        (method, path) => Err(format!("we do not use {method} {path}")),
    }
}

fn trades_like(symbol: &Symbol, theirs: &Parameters) -> Result<Call, String> {
    let number = |key: &str| theirs.get(key).map(|text| text.parse::<u64>().unwrap());
    let at = |ms: u64| Timestamp::from_ms(i64::try_from(ms).unwrap());
    if theirs.contains_key("orderId") {
        return Err("we ask for trades by time and trade id, not by order".to_owned());
    }
    if let Some(id) = number("fromId") {
        return Ok(calls::trades(symbol, TradesFrom::Id(id)));
    }
    let start = at(number("startTime").ok_or("we always say from when on trades are wanted")?);
    let end = number("endTime").map_or(start.plus(TRADES_SPAN_MAX), at);
    Ok(calls::trades(symbol, TradesFrom::Span(start, end)))
}

fn order_name<'a>(path: &str, theirs: &'a Parameters) -> Result<(IdSpace, OrderName<'a>), String> {
    let (space, exchange, client) = match path {
        "/fapi/v1/order" => (IdSpace::Orders, "orderId", "origClientOrderId"),
        _ => (IdSpace::Algo, "algoId", "clientAlgoId"),
    };
    let of_exchange = theirs.get(exchange).filter(|id| !id.is_empty()).map(|id| OrderName::Exchange(id));
    let name = of_exchange.or_else(|| theirs.get(client).map(|id| OrderName::Client(id)));
    name.map(|name| (space, name)).ok_or_else(|| "names no order".to_owned())
}

fn place_like(theirs: &Parameters) -> Result<Call, String> {
    let (order, mode) = order_like(theirs)?;
    let client_id = theirs.get("newClientOrderId").or_else(|| theirs.get("clientAlgoId"));
    let client_id = client_id.ok_or("we always name our orders")?;
    Ok(Ticket::under(client_id, &order, mode).call(Lane::Entry))
}

fn batch_like(list: &str) -> Result<Call, String> {
    let items: Vec<BTreeMap<String, String>> =
        serde_json::from_str(list).map_err(|error| error.to_string())?;
    let mut placed = Vec::new();
    for item in &items {
        placed.push((order_like(item)?, item.get("newClientOrderId").ok_or("we always name our orders")?));
    }
    let mut tickets = Vec::new();
    for ((order, mode), client_id) in &placed {
        match Ticket::under(client_id, order, *mode) {
            Ticket::Order(ticket) => tickets.push(ticket),
            Ticket::Algo(_) => return Err("a condition in a batch".to_owned()),
        }
    }
    orders::place_batch(&tickets, Lane::Entry).map_err(|error| error.to_string())
}

/// Parameters that an order of ours has no field for.
const NEVER_OURS: [&str; 7] = [
    "goodTillDate",
    "priceMatch",
    "selfTradePreventionMode",
    "callbackRate",
    "activatePrice",
    "closePosition",
    "priceProtect",
];

fn order_like(theirs: &Parameters) -> Result<(Order, PositionMode), String> {
    let text = |key: &str| theirs.get(key).map_or("", String::as_str);
    if let Some(key) = NEVER_OURS.iter().find(|key| theirs.contains_key(**key)) {
        return Err(format!("we never send {key}"));
    }
    let side = if text("side") == "BUY" { Side::Buy } else { Side::Sell };
    let trigger = || text("triggerPrice").parse().map_err(|_| "no trigger".to_owned());
    let kind = match text("type") {
        "MARKET" => OrderKind::Market,
        "LIMIT" => OrderKind::Limit {
            price: text("price").parse().map_err(|_| "a limit order without price".to_owned())?,
            time_in_force: match text("timeInForce") {
                "GTC" => TimeInForce::GoodTillCancel,
                "IOC" => TimeInForce::ImmediateOrCancel,
                "FOK" => TimeInForce::FillOrKill,
                "GTX" => TimeInForce::PostOnly,
                other => return Err(format!("we never send timeInForce {other}")),
            },
        },
        "STOP_MARKET" => OrderKind::StopMarket { trigger: trigger()? },
        "TAKE_PROFIT_MARKET" => OrderKind::TakeProfitMarket { trigger: trigger()? },
        other => return Err(format!("we never send orders of type {other}")),
    };
    let (mode, position_side) = match text("positionSide") {
        "LONG" => (PositionMode::Hedge, PositionSide::Long),
        "SHORT" => (PositionMode::Hedge, PositionSide::Short),
        _ => (PositionMode::OneWay, PositionSide::Long),
    };
    let order = Order {
        client_order_id: own_id(Purpose::Entry),
        bot: None,
        symbol: text("symbol").parse().map_err(|_| "no symbol".to_owned())?,
        side,
        position_side,
        purpose: Purpose::Entry,
        kind,
        qty: text("quantity").parse().map_err(|_| "no quantity".to_owned())?,
        reduce_only: text("reduceOnly") == "true",
        leverage: Leverage::ONE,
        reserved_margin: Quote::ZERO,
        cycle: CycleId::at(Timestamp::from_ms(0)),
        status: OrderStatus::Intended,
        filled_qty: Qty::ZERO,
        filled_notional: Quote::ZERO,
        exchange_order_id: None,
        end_reason: None,
        dry_run: false,
        times: OrderTimes::default(),
    };
    Ok((order, mode))
}
