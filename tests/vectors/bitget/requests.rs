//! What we send against what a real client sends for the same.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::super::signing::examples;
use super::super::{Findings, RequestVector, load, parameters, same};
use super::{CLOCK, our_id, signer, signer_of};
use tradefleet::domain::ids::CycleId;
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::kind::MarginMode;
use tradefleet::domain::money::{Leverage, Quote};
use tradefleet::domain::order::{Order, OrderKind, OrderStatus, OrderTimes, Purpose, TimeInForce};
use tradefleet::domain::side::{PositionMode, PositionSide, Side};
use tradefleet::domain::time::{DurationMs, Timeframe, Timestamp};
use tradefleet::exchange::bitget::calls::{self, Call, OrderName, Window};
use tradefleet::exchange::bitget::endpoints::{CANDLES, HISTORY_CANDLES};
use tradefleet::exchange::bitget::orders::{self, Modes};
use tradefleet::exchange::bitget::sign::unsigned;
use tradefleet::exchange::wire::{HttpRequest, Lane, Method};

/// Where we send something else than the recorded client: the end of the path (empty: everywhere), the field, why.
/// Beside these, words such as `Open` and `GTC` are sent in lower case, as the documentation writes them.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("", "clientOid", "our ids say what an order is for"),
    ("", "limit", "we always ask for whole pages"),
    ("", "startTime", "we ask for windows of time"),
    ("", "endTime", "we ask for windows of time"),
    ("/fills", "symbol", "we ask for the fills of all symbols at once"),
    ("/place-order", "force", "market orders do not rest, so we do not say for how long"),
    ("/place-tpsl-order", "planType", "we close the bot's own quantity, not the whole position"),
    ("/place-tpsl-order", "triggerType", "our triggers are compared with the last price"),
    ("/place-tpsl-order", "executePrice", "we say `0`, at the market, instead of leaving it out"),
    ("/place-tpsl-order", "orderType", "not a field of the documentation"),
    ("/place-tpsl-order", "force", "not a field of the documentation"),
    ("/batch-place-order", "symbol", "said once, for the whole batch"),
    ("/batch-place-order", "productType", "said once, for the whole batch"),
    ("/batch-place-order", "marginCoin", "said once, for the whole batch"),
    ("/batch-place-order", "marginMode", "said once, for the whole batch"),
    ("/cancel-order", "marginCoin", "optional, and we say it"),
    ("/cancel-order", "orderId", "we cancel by our own id, or by either"),
    ("/cancel-plan-order", "marginCoin", "optional, and we say it"),
    ("/cancel-plan-order", "planType", "take-profits and stops need it"),
];

#[test]
fn requests_mean_the_same_and_their_signatures_recompute() {
    let Some(file) = load::<RequestVector>("bitget/request.json") else { return };
    let signer = signer(&file);
    let mut findings = Findings::default();
    for vector in &file.vectors {
        match ours(vector) {
            Ok(call) => findings.check(&vector.name, compare(vector, &call)),
            Err(why) => findings.skip(&vector.name, why),
        }
        // Whatever it is, what the other client signed comes out the same by our signing.
        if let Some(sign) = vector.headers.get("ACCESS-SIGN") {
            let body = vector.output.as_deref().unwrap_or_default();
            let stamp = &vector.headers["ACCESS-TIMESTAMP"];
            let target = decoded_target(vector);
            let ours = signer.signature(stamp, method_of(vector), &target, body);
            findings.check(&format!("{} (signature)", vector.name), same("signature", ours, sign.clone()));
        }
        if let Ok(call) = ours(vector)
            && vector.headers.contains_key("ACCESS-SIGN")
        {
            let signed = signer.signed(&call, CLOCK);
            let expected = recomputed(file.text("secret"), &call, &signed);
            let header = header(&signed, "ACCESS-SIGN");
            findings.check(&format!("{} (our signature)", vector.name), same("signature", header, expected));
        }
    }
    findings.conclude("bitget requests");
}

#[test]
fn signing_examples_recompute() {
    let mut findings = Findings::default();
    for example in examples("bitget") {
        let signer = signer_of(example.text("apiKey"), example.text("secret"), example.text("passphrase"));
        let stamp = example.rest["timestamp"].to_string();
        let query = if example.query.is_empty() { String::new() } else { format!("?{}", example.query) };
        let method = if example.method == "POST" { Method::Post } else { Method::Get };
        let sign = signer.signature(&stamp, method, &format!("{}{query}", example.path), &example.body);
        findings.check(&example.name, same("signature", sign, example.expected.clone()));
        if example.path == "/user/verify" {
            let seconds: i64 = stamp.parse().unwrap();
            let login: Value =
                serde_json::from_str(&signer.login(Timestamp::from_ms(seconds * 1_000))).unwrap();
            let sign = login["args"][0]["sign"].as_str().unwrap().to_owned();
            findings.check("login frame", same("signature", sign, example.expected.clone()));
        }
    }
    findings.conclude("bitget signing");
}

fn method_of(vector: &RequestVector) -> Method {
    match vector.http_method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        other => panic!("{}: method {other}", vector.name),
    }
}

fn decoded_target(vector: &RequestVector) -> String {
    if vector.query().is_empty() {
        return vector.path().to_owned();
    }
    let pairs: Vec<String> =
        vector.query().split('&').flat_map(parameters).map(|(key, value)| format!("{key}={value}")).collect();
    format!("{}?{}", vector.path(), pairs.join("&"))
}

fn header(request: &HttpRequest, name: &str) -> String {
    request.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()).unwrap()
}

/// The signature of a request of ours, computed apart from our signing code.
fn recomputed(secret: &str, call: &Call, request: &HttpRequest) -> String {
    let body = request.body.as_ref().map_or("", |body| body.text.as_str());
    let text = format!(
        "{}{}{}{body}",
        header(request, "ACCESS-TIMESTAMP"),
        request.method.as_str(),
        call.decoded_target()
    );
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(text);
    BASE64.encode(&mac.finalize().into_bytes())
}

fn compare(vector: &RequestVector, call: &Call) -> Result<(), String> {
    let request = unsigned(call);
    same("method", request.method.as_str(), vector.http_method.as_str())?;
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    same("path", path, vector.path())?;
    let ours = meaning(path, query, request.body.as_ref().map(|body| body.text.as_str()));
    let theirs = meaning(path, vector.query(), vector.output.as_deref());
    same("meaning", ours, theirs)
}

/// Query and body as `field -> value`, without the differences that are listed.
fn meaning(path: &str, query: &str, body: Option<&str>) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for (key, value) in parameters(query) {
        fields.insert(key, value);
    }
    if let Some(body) = body {
        flatten("", &serde_json::from_str(body).unwrap(), &mut fields);
    }
    let differs = |key: &str| {
        let field = key.rsplit('.').next().unwrap();
        DIFFERENCES.iter().any(|(end, name, _)| path.ends_with(end) && *name == field)
    };
    // Prices and sizes as numbers, words in lower case.
    fields.retain(|key, _| !differs(key));
    fields.into_iter().map(|(key, value)| (key, value.to_lowercase())).collect()
}

fn flatten(prefix: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    let name = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| flatten(&name(key), value, fields)),
        Value::Array(list) => {
            list.iter()
                .enumerate()
                .for_each(|(index, value)| flatten(&name(&index.to_string()), value, fields));
        }
        Value::String(text) => {
            fields.insert(prefix.to_owned(), text.clone());
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            fields.insert(prefix.to_owned(), value.to_string());
        }
    }
}

/// Our call for what a vector asks, or why there is none.
fn ours(vector: &RequestVector) -> Result<Call, &'static str> {
    let query = parameters(vector.query());
    let body: Value =
        vector.output.as_deref().map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
    let product = query.get("productType").map(String::as_str).or(body["productType"].as_str());
    if product.is_some_and(|product| product != calls::PRODUCT_TYPE) {
        return Err("only USDT futures are traded");
    }
    let asked = |key: &str| query.get(key).map(String::as_str);
    let some_symbol = asked("symbol").map(|symbol| Symbol::try_new(symbol).unwrap());
    let in_query = || some_symbol.clone().unwrap();
    let window = Window { from: CLOCK.minus(DurationMs::from_secs(60)), until: Some(CLOCK) };
    match vector.path().rsplit('/').next().unwrap() {
        "time" => Ok(calls::time()),
        "contracts" => Ok(calls::contracts()),
        "tickers" => Ok(calls::tickers()),
        name @ ("candles" | "history-candles") => {
            let endpoint = if name == "candles" { CANDLES } else { HISTORY_CANDLES };
            let length = asked("granularity").unwrap();
            let ours = Timeframe::ALL
                .into_iter()
                .find_map(|frame| calls::granularity(frame).filter(|name| *name == length));
            let granularity = ours.ok_or("candles of a length that is not used")?;
            Ok(calls::candles(endpoint, &in_query(), granularity, window))
        }
        "account" => Ok(calls::account(in_query().as_str(), Lane::Entry)),
        "accounts" => Ok(calls::accounts()),
        "all-position" => Ok(calls::positions()),
        "detail" => Ok(calls::order_detail(&in_query(), named(asked("orderId"), asked("clientOid")))),
        "orders-pending" => Ok(calls::pending(some_symbol.as_ref(), asked("idLessThan"))),
        "orders-plan-pending" if asked("planType") == Some("profit_loss") => {
            Ok(calls::plans_pending(some_symbol.as_ref(), None, asked("idLessThan")))
        }
        "orders-plan-history" if asked("planType") == Some("profit_loss") => {
            Ok(calls::plan_history(some_symbol.as_ref(), None, None, asked("idLessThan")))
        }
        "fills" => Ok(calls::fills(window, asked("idLessThan"))),
        _ => our_write(vector, &body),
    }
}

fn named<'a>(exchange: Option<&'a str>, client: Option<&'a str>) -> OrderName<'a> {
    exchange.map_or_else(|| OrderName::Client(client.unwrap()), OrderName::Exchange)
}

fn our_write(vector: &RequestVector, body: &Value) -> Result<Call, &'static str> {
    let symbol = || Symbol::try_new(body["symbol"].as_str().unwrap()).unwrap();
    match vector.path().rsplit('/').next().unwrap() {
        "place-order" => {
            if body.as_object().unwrap().keys().any(|key| key.starts_with("preset")) {
                return Err("stops are placed after the entry's fill, not attached to it");
            }
            Ok(orders::place(&order(&symbol(), body), modes(body)))
        }
        "batch-place-order" => {
            let list = body["orderList"].as_array().unwrap();
            let list: Vec<Order> = list.iter().map(|row| order(&symbol(), row)).collect();
            Ok(orders::place_batch(&symbol(), &list.iter().collect::<Vec<_>>(), modes(body)))
        }
        "place-tpsl-order" => {
            if body["executePrice"].as_str().is_some_and(|price| price != "0") {
                return Err("stops and take-profits execute at the market");
            }
            Ok(orders::place(&conditional(&symbol(), body)?, plan_modes(body)))
        }
        "cancel-order" => {
            let name = named(body["orderId"].as_str(), body["clientOid"].as_str());
            Ok(orders::cancel_order(&symbol(), name))
        }
        "cancel-plan-order" => {
            let row = &body["orderIdList"][0];
            let name = named(row["orderId"].as_str(), row["clientOid"].as_str());
            Ok(orders::cancel_plan(&symbol(), name, "loss_plan"))
        }
        "set-leverage" => {
            let leverage = body["leverage"].as_str().unwrap().parse().unwrap();
            let side = body["holdSide"].as_str().map(|side| PositionSide::from_word(side).unwrap());
            Ok(orders::set_leverage(&symbol(), Leverage::try_new(leverage).unwrap(), side, Lane::Entry))
        }
        "set-margin-mode" => Ok(orders::set_margin_mode(&symbol(), modes(body).margin, Lane::Entry)),
        "modify-order" => Err("orders are not modified but cancelled and placed anew"),
        "close-positions" => Err("positions are closed by orders of a bot's own quantity"),
        "batch-cancel-orders" | "cancel-all-orders" => Err("orders are cancelled one by one"),
        "place-plan-order" => Err("entries have no triggers, and trailing is done in process"),
        "orders-plan-pending" | "orders-plan-history" => Err("only take-profits and stops are used"),
        "set-position-mode" => Err("the position mode is never switched"),
        _ => Err("not used"),
    }
}

fn modes(body: &Value) -> Modes {
    let margin = if body["marginMode"] == "isolated" { MarginMode::Isolated } else { MarginMode::Cross };
    let position = if body["tradeSide"].is_string() { PositionMode::Hedge } else { PositionMode::OneWay };
    Modes { position, margin }
}

fn plan_modes(body: &Value) -> Modes {
    let is_hedged = matches!(body["holdSide"].as_str(), Some("long" | "short"));
    let position = if is_hedged { PositionMode::Hedge } else { PositionMode::OneWay };
    Modes { position, margin: MarginMode::Cross }
}

/// The order that a body describes.
fn order(symbol: &Symbol, body: &Value) -> Order {
    let named = Side::from_word(body["side"].as_str().unwrap()).unwrap();
    let closes = body["tradeSide"].as_str().is_some_and(|word| word.eq_ignore_ascii_case("close"))
        || body["reduceOnly"] == "YES";
    let is_hedged = modes(body).position == PositionMode::Hedge;
    // In one-way mode an order that closes goes against its position.
    let opens = if closes && !is_hedged { named.opposite() } else { named };
    let position_side = if opens == Side::Buy { PositionSide::Long } else { PositionSide::Short };
    let kind = match body["orderType"].as_str().unwrap() {
        "market" => OrderKind::Market,
        _ => OrderKind::Limit {
            price: body["price"].as_str().unwrap().parse().unwrap(),
            time_in_force: match body["force"].as_str().unwrap().to_lowercase().as_str() {
                "ioc" => TimeInForce::ImmediateOrCancel,
                "fok" => TimeInForce::FillOrKill,
                "post_only" => TimeInForce::PostOnly,
                _ => TimeInForce::GoodTillCancel,
            },
        },
    };
    drawn_up(symbol, body, position_side, if closes { Purpose::Exit } else { Purpose::Entry }, kind)
}

fn conditional(symbol: &Symbol, body: &Value) -> Result<Order, &'static str> {
    let position_side = match body["holdSide"].as_str().unwrap() {
        "buy" | "long" => PositionSide::Long,
        _ => PositionSide::Short,
    };
    let trigger = body["triggerPrice"].as_str().unwrap().parse().unwrap();
    let (purpose, kind) = match body["planType"].as_str().unwrap() {
        "pos_loss" | "loss_plan" => (Purpose::StopLoss, OrderKind::StopMarket { trigger }),
        "pos_profit" | "profit_plan" => (Purpose::TakeProfit, OrderKind::TakeProfitMarket { trigger }),
        _ => return Err("trailing is done in process"),
    };
    Ok(drawn_up(symbol, body, position_side, purpose, kind))
}

fn drawn_up(
    symbol: &Symbol,
    body: &Value,
    position_side: PositionSide,
    purpose: Purpose,
    kind: OrderKind,
) -> Order {
    let reduces = !purpose.increases();
    Order {
        client_order_id: our_id(purpose),
        bot: None,
        symbol: symbol.clone(),
        side: if reduces { position_side.exit_side() } else { position_side.entry_side() },
        position_side,
        purpose,
        kind,
        qty: body["size"].as_str().unwrap().parse().unwrap(),
        reduce_only: reduces,
        leverage: Leverage::ONE,
        reserved_margin: Quote::ZERO,
        cycle: CycleId::at(CLOCK),
        status: OrderStatus::Intended,
        filled_qty: "0".parse().unwrap(),
        filled_notional: Quote::ZERO,
        exchange_order_id: None,
        end_reason: None,
        dry_run: false,
        times: OrderTimes { decided_at: CLOCK, ..OrderTimes::default() },
    }
}
