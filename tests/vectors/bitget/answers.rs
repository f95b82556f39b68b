//! What we read in recorded answers against what a real client reads in them.

use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::{ErrorVector, Findings, ResponseVector, load, number, same};
use super::{CLOCK, our_id, symbol_of};
use tradefleet::domain::fill::Liquidity;
use tradefleet::domain::money::Price;
use tradefleet::domain::order::{OrderStatus, Purpose};
use tradefleet::domain::side::PositionSide;
use tradefleet::exchange::bitget::convert::{self, ReadOrder};
use tradefleet::exchange::bitget::errors::{class_of, failed, read};
use tradefleet::exchange::bitget::fills::Execution;
use tradefleet::exchange::bitget::market_rows;
use tradefleet::exchange::bitget::wire::{
    AccountRow, BatchAnswer, CandleRow, ContractRow, Envelope, FillRow, OrderRow, Page, PlacedRow, PlanRow,
    PositionRow, Text, TickerRow, TimeRow,
};
use tradefleet::exchange::error::ExchangeError;
use tradefleet::exchange::wire::{Access, HttpAnswer};

type Checked = Result<(), String>;

#[test]
fn answers_are_read_as_they_are_meant() {
    let Some(file) = load::<ResponseVector>("bitget/response.json") else { return };
    let mut findings = Findings::default();
    for vector in &file.vectors {
        let meant = &vector.parsed_response;
        let result = match vector.path().rsplit('/').next().unwrap() {
            "time" => time(vector, meant),
            "place-order" | "cancel-order" | "place-tpsl-order" => placed(vector, meant),
            "batch-place-order" => batch(vector, meant),
            "detail" => data::<OrderRow>(vector, Access::Read).and_then(|row| order(&row, meant)),
            "orders-pending" | "orders-history" => each_of_page::<OrderRow>(vector, meant, order),
            "orders-plan-pending" | "orders-plan-history" => each_of_page::<PlanRow>(vector, meant, plan),
            "fills" => each_of_page::<FillRow>(vector, meant, fill),
            "accounts" => balance(vector, meant),
            "account" => leverage(vector, meant),
            "all-position" => each::<PositionRow>(vector, meant, position),
            "candles" | "history-candles" => each::<CandleRow>(vector, meant, candle),
            "tickers" => tickers(vector, meant),
            "contracts" => data::<Vec<ContractRow>>(vector, Access::Read).and_then(|rows| {
                rows.iter()
                    .try_for_each(|row| market_rows::instrument(row).map(drop).map_err(|e| e.to_string()))
            }),
            "set-margin-mode" | "set-leverage" => data::<Value>(vector, Access::Write).map(drop),
            _ => {
                findings.skip(&vector.name, "not called");
                continue;
            }
        };
        findings.check(&vector.name, result);
    }
    findings.conclude("bitget answers");
}

fn answer(vector: &ResponseVector) -> HttpAnswer {
    HttpAnswer {
        status: vector.http_status,
        body: vector.http_response.get().to_owned(),
        ..HttpAnswer::default()
    }
}

fn data<T: DeserializeOwned>(vector: &ResponseVector, access: Access) -> Result<T, String> {
    read(&answer(vector), access, CLOCK).map_err(|error| error.to_string())
}

fn each<T: DeserializeOwned>(
    vector: &ResponseVector,
    meant: &Value,
    check: impl Fn(&T, &Value) -> Checked,
) -> Checked {
    in_pairs(&data::<Option<Vec<T>>>(vector, Access::Read)?.unwrap_or_default(), meant, check)
}

fn each_of_page<T: DeserializeOwned>(
    vector: &ResponseVector,
    meant: &Value,
    check: impl Fn(&T, &Value) -> Checked,
) -> Checked {
    in_pairs(&data::<Page<T>>(vector, Access::Read)?.rows.unwrap_or_default(), meant, check)
}

fn in_pairs<T>(rows: &[T], meant: &Value, check: impl Fn(&T, &Value) -> Checked) -> Checked {
    let meant = meant.as_array().unwrap();
    same("number of rows", rows.len(), meant.len())?;
    rows.iter().zip(meant).try_for_each(|(row, meant)| check(row, meant))
}

fn time(vector: &ResponseVector, meant: &Value) -> Checked {
    let row: TimeRow = data(vector, Access::Read)?;
    same("time", row.server_time.as_str(), &meant.to_string())
}

fn placed(vector: &ResponseVector, meant: &Value) -> Checked {
    let row: PlacedRow = data(vector, Access::Write)?;
    same("id", row.order_id.some(), meant["id"].as_str())?;
    same("client id", row.client_oid.some(), meant["clientOrderId"].as_str())
}

/// The client forgets the orders that were not taken; each of ours has its own fate.
fn batch(vector: &ResponseVector, meant: &Value) -> Checked {
    let both: BatchAnswer = data(vector, Access::Write)?;
    for row in both.failure_list.iter().flatten() {
        let error = failed(row, CLOCK);
        let is_final = matches!(error, ExchangeError::Refused { .. });
        same("whether a listed failure is final", is_final, class_of(row.error_code.as_str()).is_some())?;
    }
    in_pairs(&both.success_list.unwrap_or_default(), meant, |row, meant| {
        same("id", row.order_id.some(), meant["id"].as_str())?;
        same("client id", row.client_oid.some(), meant["clientOrderId"].as_str())
    })
}

/// The row is read as if the order were ours, so that all of it is looked at.
fn order(row: &OrderRow, meant: &Value) -> Checked {
    let reduces = meant["reduceOnly"] == true || row.trade_side.as_str() == "close";
    let id = our_id(if reduces { Purpose::Exit } else { Purpose::Entry });
    let (mode, named) = (row.pos_mode.clone(), row.side.clone());
    let mut row = row.clone();
    row.client_oid = Text::from(id.as_str());
    let ours = convert::order(&row).map_err(|error| error.to_string())?.and_then(ReadOrder::ours).unwrap();
    same("symbol", ours.symbol.clone(), symbol_of(&meant["symbol"]))?;
    same("id", Some(ours.exchange_order_id.as_str()), meant["id"].as_str())?;
    same("quantity", Some(ours.qty.decimal()), number(&meant["amount"]))?;
    same("filled", Some(ours.filled_qty.decimal()), number(&meant["filled"]))?;
    // The client takes the average for the price of a market order.
    if let Some(price) = ours.price {
        same("price", Some(price.decimal()), number(&meant["price"]))?;
    }
    let cost = number(&meant["cost"]).filter(|cost| !cost.is_zero());
    let average = number(&meant["average"]).map(|average| average * ours.filled_qty.decimal());
    let expected = cost.or(average).unwrap_or_default();
    same("turnover", ours.filled_notional.decimal().normalize(), expected.normalize())?;
    same("reduces", ours.reduce_only, reduces)?;
    let word = match ours.status {
        OrderStatus::Open | OrderStatus::PartiallyFilled => "open",
        OrderStatus::Filled => "closed",
        OrderStatus::Intended
        | OrderStatus::Sent
        | OrderStatus::Unknown
        | OrderStatus::Cancelled
        | OrderStatus::Rejected
        | OrderStatus::Expired => "canceled",
    };
    same("status", Some(word), meant["status"].as_str())?;
    // In hedge mode the client repeats the exchange's side, which names the position.
    let side = if mode.as_str() == "hedge_mode" { ours.position_side.entry_side() } else { ours.side };
    same("side", side.as_str(), named.as_str())
}

fn plan(row: &PlanRow, meant: &Value) -> Checked {
    let mut row = row.clone();
    row.client_oid = Text::from(our_id(Purpose::StopLoss).as_str());
    let read = convert::plan(&row).map_err(|error| error.to_string())?.unwrap();
    let ours = read.order.ours().unwrap();
    same("symbol", ours.symbol, symbol_of(&meant["symbol"]))?;
    same("id", Some(ours.exchange_order_id.as_str()), meant["id"].as_str())?;
    same("trigger", ours.price.map(Price::decimal), number(&meant["triggerPrice"]))?;
    same("quantity", Some(ours.qty.decimal()), number(&meant["amount"]))?;
    let word = if ours.status == OrderStatus::Open { "open" } else { "canceled" };
    same("status", Some(word), meant["status"].as_str())
}

fn fill(row: &FillRow, meant: &Value) -> Checked {
    let is_closing = row.trade_side.as_str() == "close";
    let read = Execution::from_rest(row).map_err(|error| error.to_string())?.unwrap();
    same("id", Some(read.trade_id.0.as_str()), meant["id"].as_str())?;
    same("order", Some(read.exchange_order_id.as_str()), meant["order"].as_str())?;
    same("price", Some(read.price.decimal()), number(&meant["price"]))?;
    same("quantity", Some(read.qty.decimal()), number(&meant["amount"]))?;
    same("fee", Some(read.fee.amount()), number(&meant["fee"]["cost"]))?;
    same("fee coin", Some(read.fee.asset()), meant["fee"]["currency"].as_str())?;
    same("time", Some(read.at.ms()), meant["timestamp"].as_i64())?;
    let liquidity = if read.liquidity == Liquidity::Maker { "maker" } else { "taker" };
    same("liquidity", Some(liquidity), meant["takerOrMaker"].as_str())?;
    if is_closing {
        return Ok(());
    }
    same("side", Some(read.way.side().as_str()), meant["side"].as_str())
}

/// The client calls the equity `total` and what can be used `free`.
fn balance(vector: &ResponseVector, meant: &Value) -> Checked {
    let rows: Vec<AccountRow> = data(vector, Access::Read)?;
    let ours = convert::balance(&rows).map_err(|error| error.to_string())?;
    let equity: Decimal = ours.wallet.decimal() + ours.unrealized.decimal();
    same("equity", Some(equity.normalize()), number(&meant["USDT"]["total"]))?;
    same("available", Some(ours.available.decimal().normalize()), number(&meant["USDT"]["free"]))
}

fn leverage(vector: &ResponseVector, meant: &Value) -> Checked {
    let row: AccountRow = data(vector, Access::Read)?;
    let mode = convert::margin_mode(&row.margin_mode).map_err(|error| error.to_string())?;
    same("margin mode", Some(mode.as_str()), meant["marginMode"].as_str())?;
    convert::position_mode(&row.pos_mode).map_err(|error| error.to_string())?;
    let told = if mode.as_str() == "cross" { &row.crossed_margin_leverage } else { &row.isolated_long_lever };
    same("leverage", convert::leverage(told).map(|it| i64::from(it.get())), meant["longLeverage"].as_i64())
}

fn position(row: &PositionRow, meant: &Value) -> Checked {
    let ours = convert::position(row).map_err(|error| error.to_string())?.unwrap();
    same("symbol", ours.symbol, symbol_of(&meant["symbol"]))?;
    same("side", Some(ours.side), meant["side"].as_str().and_then(PositionSide::from_word))?;
    same("quantity", Some(ours.qty.decimal()), number(&meant["contracts"]))?;
    same("entry", ours.entry_price_avg.map(Price::decimal), number(&meant["entryPrice"]))?;
    same("leverage", ours.leverage.map(|it| Decimal::from(it.get())), number(&meant["leverage"]))
}

fn candle(row: &CandleRow, meant: &Value) -> Checked {
    let ours = market_rows::candle(row).map_err(|error| error.to_string())?;
    let prices = [ours.open, ours.high, ours.low, ours.close].map(Price::decimal);
    let read = [vec![Decimal::from(ours.open_time.ms())], prices.to_vec(), vec![ours.volume]].concat();
    let expected: Vec<_> = meant.as_array().unwrap().iter().filter_map(number).collect();
    same("candle", read, expected)
}

fn tickers(vector: &ResponseVector, meant: &Value) -> Checked {
    let rows: Vec<TickerRow> = data(vector, Access::Read)?;
    for row in rows {
        let ours = market_rows::ticker(&row).map_err(|error| error.to_string())?.unwrap();
        let told = meant.as_object().unwrap().values().find(|it| symbol_of(&it["symbol"]) == ours.symbol);
        let Some(told) = told else { continue };
        same("last", Some(ours.last.decimal()), number(&told["last"]))?;
        same("volume", Some(ours.quote_volume_24h.decimal()), number(&told["quoteVolume"]))?;
    }
    Ok(())
}

#[test]
fn errors_are_told_apart_by_consequence() {
    let Some(file) = load::<ErrorVector>("bitget/error.json") else { return };
    let mut findings = Findings::default();
    for vector in &file.vectors {
        let answer = HttpAnswer {
            status: vector.http_status,
            body: vector.http_response.get().to_owned(),
            ..HttpAnswer::default()
        };
        let class =
            |access| read::<Value>(&answer, access, CLOCK).err().map_or("success", |error| word(&error));
        let (asked, told) = (class(Access::Read), class(Access::Write));
        let code =
            serde_json::from_str::<Envelope>(&answer.body).map(|envelope| envelope.code).unwrap_or_default();
        let expected: &[(&str, &str)] = match vector.ccxt_exception.as_deref().unwrap_or_default() {
            // What we do not know leaves an order's outcome open, whatever others make of it.
            _ if class_of(code.as_str()).is_none() => &[("unavailable", "unknown")],
            "AuthenticationError" | "PermissionDenied" | "AccountSuspended" => {
                &[("unauthorized", "unauthorized")]
            }
            // The timestamp was not taken, so nothing was.
            "InvalidNonce" => &[("unavailable", "unavailable")],
            "DDoSProtection" | "RateLimitExceeded" => &[("throttled", "throttled")],
            "OnMaintenance" | "ExchangeNotAvailable" | "RequestTimeout" => &[("unavailable", "unknown")],
            "InvalidOrder" | "OrderNotFound" | "InsufficientFunds" | "BadRequest" | "BadSymbol" => {
                &[("refused", "refused")]
            }
            // The client has no word for these: a refusal that is known, or a fault.
            "ExchangeError" => &[("refused", "refused"), ("unavailable", "unknown")],
            other => {
                findings.skip(&vector.name, &format!("no meaning for {other}"));
                continue;
            }
        };
        let result = if expected.contains(&(asked, told)) {
            Ok(())
        } else {
            Err(format!("asking is {asked} and telling is {told}, expected is one of {expected:?}"))
        };
        findings.check(&vector.name, result);
    }
    findings.conclude("bitget errors");
}

fn word(error: &ExchangeError) -> &'static str {
    match error {
        ExchangeError::Refused { .. } => "refused",
        ExchangeError::Throttled { .. } => "throttled",
        ExchangeError::Unknown { .. } => "unknown",
        ExchangeError::Unauthorized { .. } => "unauthorized",
        ExchangeError::Unavailable { .. } => "unavailable",
        ExchangeError::Malformed { .. } => "malformed",
    }
}
