//! Answers: they parse to the recorded meaning.

use rust_decimal::Decimal;
use serde_json::Value;
use tradefleet::domain::fill::Liquidity;
use tradefleet::domain::money::Price;
use tradefleet::domain::order::{OrderStatus, Purpose};
use tradefleet::domain::side::{PositionSide, Side};
use tradefleet::domain::time::{Timeframe, Timestamp};
use tradefleet::exchange::binance::answers::{
    AccountAnswer, AlgoAnswer, AlgoState, ExchangeInfoAnswer, KlineAnswer, OrderAnswer, PlacedAlgo,
    PositionAnswer, PositionModeAnswer, TickerAnswer, TradeAnswer, read,
};
use tradefleet::exchange::binance::convert;
use tradefleet::exchange::binance::orders::read_batch;
use tradefleet::exchange::binance::trade::Trade;

use super::own_id;
use crate::{Findings, ResponseVector, load, number, same};

type Checked = Result<(), String>;

#[test]
fn answers_have_the_recorded_meaning() {
    let Some(file) = load::<ResponseVector>("binance_usdm/response.json") else { return };
    let mut findings = Findings::default();
    for vector in &file.vectors {
        let (text, meaning) = (vector.http_response.get(), &vector.parsed_response);
        let checked = match (vector.http_method.as_str(), vector.path()) {
            ("POST" | "GET" | "DELETE" | "PUT", "/fapi/v1/order") => order(text, meaning),
            ("POST", "/fapi/v1/batchOrders") => batch(text, meaning),
            ("DELETE", "/fapi/v1/algoOrder") => cancelled_condition(text, meaning),
            ("POST" | "GET", "/fapi/v1/algoOrder") => condition(text, meaning),
            ("GET", "/fapi/v1/openOrders" | "/fapi/v1/allOrders") => each(text, meaning, order),
            ("GET", "/fapi/v1/openAlgoOrders" | "/fapi/v1/allAlgoOrders") => each(text, meaning, condition),
            ("GET", "/fapi/v3/account") if vector.method == "fetch_balance" => balance(text, meaning),
            ("GET", "/fapi/v3/positionRisk") => positions(text, meaning),
            ("GET", "/fapi/v1/positionSide/dual") => position_mode(text, meaning),
            ("GET", "/fapi/v1/klines") => each(text, meaning, kline),
            ("GET", "/fapi/v1/ticker/24hr") if meaning.get("symbol").is_some() => ticker(text, meaning),
            ("GET", "/fapi/v1/userTrades") => each(text, meaning, trade),
            ("GET", "/fapi/v1/exchangeInfo") if meaning.is_array() => instruments(text, meaning),
            ("POST", "/fapi/v1/leverage" | "/fapi/v1/marginType") => same("status", vector.http_status, 200),
            (method, path) => {
                findings.skip(&vector.name, &format!("we do not read {method} {path}"));
                continue;
            }
        };
        findings.check(&vector.name, checked);
    }
    findings.conclude("binance answers");
}

/// Reads text as ours, errors as text.
fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    read(text).map_err(|error| error.to_string())
}

/// Checks both lists item by item; the client sorts some by time, so that items are found by their id.
fn each(text: &str, meaning: &Value, check: fn(&str, &Value) -> Checked) -> Checked {
    let items: Vec<&serde_json::value::RawValue> = parse(text)?;
    let meanings = meaning.as_array().ok_or("the meaning is no list")?;
    same("items", items.len(), meanings.len())?;
    items.iter().try_for_each(|item| {
        let results: Vec<Checked> = meanings.iter().map(|meaning| check(item.get(), meaning)).collect();
        let first = results.first().cloned();
        if results.iter().any(Result::is_ok) { Ok(()) } else { first.unwrap_or(Ok(())) }
    })
}

/// Compares a number, unless the client has none.
fn amount(what: &str, ours: Decimal, theirs: &Value) -> Checked {
    number(theirs).map_or(Ok(()), |theirs| same(what, ours.normalize(), theirs))
}

fn word<'a>(meaning: &'a Value, key: &str) -> &'a str {
    meaning.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn side(ours: Side, meaning: &Value) -> Checked {
    same("side", ours.as_str(), word(meaning, "side"))
}

fn order(text: &str, meaning: &Value) -> Checked {
    let answer: OrderAnswer = parse(text)?;
    let report = convert::order_report(&answer, own_id(Purpose::Entry)).map_err(|error| error.to_string())?;
    same("id", report.exchange_order_id.as_str(), word(meaning, "id"))?;
    same("client id", answer.client_order_id.as_str(), word(meaning, "clientOrderId"))?;
    side(report.side, meaning)?;
    let status = match report.status {
        OrderStatus::Open | OrderStatus::PartiallyFilled => "open",
        OrderStatus::Filled => "closed",
        OrderStatus::Cancelled => "canceled",
        OrderStatus::Expired => "expired",
        OrderStatus::Rejected => "rejected",
        OrderStatus::Intended | OrderStatus::Sent | OrderStatus::Unknown => "never told by an exchange",
    };
    same("status", status, word(meaning, "status"))?;
    amount("quantity", report.qty.decimal(), &meaning["amount"])?;
    amount("filled", report.filled_qty.decimal(), &meaning["filled"])?;
    amount("cost", report.filled_notional.decimal(), &meaning["cost"])?;
    // For a market order the client gives the average as its price.
    if word(meaning, "type") == "limit" {
        same("price", report.price.map(Price::decimal), number(&meaning["price"]))?;
    }
    same("reduce only", Some(report.reduce_only), meaning["reduceOnly"].as_bool())
}

/// The client puts refused items first: they are compared by their number, the others by their id.
fn batch(text: &str, meaning: &Value) -> Checked {
    let meanings = meaning.as_array().ok_or("the meaning is no list")?;
    let items = read_batch(text).map_err(|error| error.to_string())?;
    same("items", items.len(), meanings.len())?;
    let refused = meanings.iter().filter(|meaning| meaning["id"].is_null()).count();
    same("refused", items.iter().filter(|item| item.is_err()).count(), refused)?;
    for placed in items.iter().flatten() {
        let id = &placed.order_id.0;
        let known = meanings.iter().any(|meaning| word(meaning, "id") == id.as_str());
        same("known id", known, true)?;
    }
    Ok(())
}

fn cancelled_condition(text: &str, meaning: &Value) -> Checked {
    let answer: PlacedAlgo = parse(text)?;
    same("id", answer.algo_id.0.as_str(), word(meaning, "id"))
}

fn condition(text: &str, meaning: &Value) -> Checked {
    let answer: AlgoAnswer = parse(text)?;
    let report =
        convert::algo_report(&answer, own_id(Purpose::StopLoss), None).map_err(|error| error.to_string())?;
    same("id", report.exchange_order_id.as_str(), word(meaning, "id"))?;
    same("client id", answer.client_algo_id.as_str(), word(meaning, "clientOrderId"))?;
    side(report.side, meaning)?;
    // In our books one that is finished is what the order it became is, and one rejected late has expired.
    let status = match answer.algo_status {
        AlgoState::New | AlgoState::Triggering | AlgoState::Triggered => "open",
        AlgoState::Finished => "closed",
        AlgoState::Canceled => "canceled",
        AlgoState::Expired => "expired",
        AlgoState::Rejected => "rejected",
        AlgoState::Other => "not documented",
    };
    same("status", status, word(meaning, "status"))?;
    amount("quantity", report.qty.decimal(), &meaning["amount"])?;
    same("trigger", report.price.map(Price::decimal), number(&meaning["triggerPrice"]))?;
    same("reduce only", Some(report.reduce_only), meaning["reduceOnly"].as_bool())
}

fn balance(text: &str, meaning: &Value) -> Checked {
    let answer: AccountAnswer = parse(text)?;
    let balance = convert::balance(&answer);
    let theirs = &meaning["USDT"];
    amount("available", balance.available.decimal(), &theirs["free"])?;
    // The client's total is the margin balance.
    amount("total", (balance.wallet + balance.unrealized).decimal(), &theirs["total"])
}

fn positions(text: &str, meaning: &Value) -> Checked {
    let answers: Vec<PositionAnswer> = parse(text)?;
    let meanings = meaning.as_array().ok_or("the meaning is no list")?;
    let open = answers.iter().filter_map(|answer| convert::position_report(answer).transpose());
    let open: Vec<_> = open.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    same("positions", open.len(), meanings.len())?;
    for (ours, theirs) in open.iter().zip(meanings) {
        let side = if ours.side == PositionSide::Long { "long" } else { "short" };
        same("side", side, word(theirs, "side"))?;
        amount("quantity", ours.qty.decimal(), &theirs["contracts"])?;
        let entry = ours.entry_price_avg.map(Price::decimal);
        amount("entry price", entry.unwrap_or_default(), &theirs["entryPrice"])?;
    }
    Ok(())
}

fn position_mode(text: &str, meaning: &Value) -> Checked {
    let answer: PositionModeAnswer = parse(text)?;
    same("hedge mode", Some(answer.dual_side_position), meaning["hedged"].as_bool())
}

fn kline(text: &str, meaning: &Value) -> Checked {
    let answer: KlineAnswer = parse(text)?;
    let end_of_time = Timestamp::from_ms(i64::MAX);
    let candle = convert::closed_candle(&answer, Timeframe::M1, end_of_time).ok_or("not closed")?;
    let candle = candle.map_err(|error| error.to_string())?;
    same("open time", Some(candle.open_time.ms()), meaning[0].as_i64())?;
    let prices = [candle.open, candle.high, candle.low, candle.close];
    prices
        .iter()
        .zip(1..)
        .try_for_each(|(price, index)| amount("price", price.decimal(), &meaning[index]))?;
    amount("volume", candle.volume, &meaning[5])
}

fn ticker(text: &str, meaning: &Value) -> Checked {
    let answer: TickerAnswer = parse(text)?;
    let ticker = convert::ticker(&answer).map_err(|error| error.to_string())?.ok_or("no ticker")?;
    amount("last", ticker.last.decimal(), &meaning["last"])?;
    amount("volume", ticker.quote_volume_24h.decimal(), &meaning["quoteVolume"])
}

fn trade(text: &str, meaning: &Value) -> Checked {
    let answer: TradeAnswer = parse(text)?;
    let trade = Trade::read(answer).map_err(|error| error.to_string())?.ok_or("no trade")?;
    same("order", trade.order_id.as_str(), word(meaning, "order"))?;
    let fill = trade.into_fill(own_id(Purpose::Entry));
    same("id", fill.trade_id.0.as_str(), word(meaning, "id"))?;
    side(fill.side, meaning)?;
    let liquidity = if fill.liquidity == Liquidity::Maker { "maker" } else { "taker" };
    same("liquidity", liquidity, word(meaning, "takerOrMaker"))?;
    same("time", Some(fill.at.ms()), meaning["timestamp"].as_i64())?;
    amount("price", fill.price.decimal(), &meaning["price"])?;
    amount("quantity", fill.qty.decimal(), &meaning["amount"])?;
    amount("fee", fill.fee.amount(), &meaning["fee"]["cost"])?;
    same("fee asset", fill.fee.asset(), word(&meaning["fee"], "currency"))
}

fn instruments(text: &str, meaning: &Value) -> Checked {
    let answer: ExchangeInfoAnswer = parse(text)?;
    let markets = meaning.as_array().ok_or("the meaning is no list")?;
    for symbol in &answer.symbols {
        let Some(ours) = convert::instrument(symbol).map_err(|error| error.to_string())? else { continue };
        let theirs = markets.iter().find(|market| word(market, "id") == ours.symbol.as_str());
        let Some(theirs) = theirs else { continue };
        amount("tick", ours.tick.decimal(), &theirs["precision"]["price"])?;
        amount("minimum notional", ours.min_notional.decimal(), &theirs["limits"]["cost"]["min"])?;
    }
    Ok(())
}
