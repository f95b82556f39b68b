//! Frames of the sockets, as text: what to subscribe with, and what comes back.
//!
//! Source: docs.upbit.com, "WebSocket" (v1.6.4): `myOrder`, `candle`. A request replaces all that a connection had
//! subscribed to, so that each connection makes exactly one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::calls::minutes;
use super::convert::{self, QUOTE_ASSET, Unreadable};
use super::wire::{BidAsk, CandleRow, OrderState};
use crate::domain::fee::Fee;
use crate::domain::fill::{Fill, Liquidity};
use crate::domain::ids::TradeId;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::order::OrderStatus;
use crate::domain::side::PositionSide;
use crate::domain::time::{Timeframe, Timestamp};
use crate::exchange::json::{self, DecimalText, IdText, OptionalDecimal};
use crate::exchange::market_data::{MarketEvent, Series};
use crate::exchange::report::{ExchangeEvent, ExternalCause, ExternalFill, OrderReport};

/// Everything an account's socket tells, of all markets: orders, and that its assets have changed.
pub fn private_request(ticket: &str) -> String {
    json!([{"ticket": ticket}, {"type": "myOrder"}, {"type": "myAsset"}]).to_string()
}

/// The candles of these series; those of a length the exchange does not stream are left out.
pub fn candle_request(ticket: &str, series: &BTreeSet<Series>) -> String {
    let mut codes: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for (symbol, timeframe) in series {
        if let Some(length) = minutes(*timeframe) {
            codes.entry(length).or_default().push(symbol.as_str());
        }
    }
    let mut request = vec![json!({"ticket": ticket})];
    request.extend(
        codes.iter().map(|(length, codes)| json!({"type": format!("candle.{length}m"), "codes": codes})),
    );
    serde_json::Value::from(request).to_string()
}

/// What every frame may be told apart by.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    error: Option<SocketError>,
}

/// The exchange did not take a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SocketError {
    name: IdText,
    #[serde(default)]
    message: String,
}

impl SocketError {
    pub fn text(&self) -> String {
        format!("{}: {}", self.name.0, self.message)
    }
}

/// A frame of a market socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarketFrame {
    Candle(MarketEvent),
    Error(SocketError),
    /// Nothing to us, such as the answer to a ping.
    Other,
}

pub fn market_frame(text: &str) -> Result<MarketFrame, Unreadable> {
    let head: Head = read(text)?;
    if let Some(error) = head.error {
        return Ok(MarketFrame::Error(error));
    }
    let (Some(kind), Some(code)) = (head.kind, head.code) else { return Ok(MarketFrame::Other) };
    let Some(length) = kind.strip_prefix("candle.") else { return Ok(MarketFrame::Other) };
    let timeframe = streamed(length).ok_or_else(|| Unreadable(format!("candle length `{length}`")))?;
    let row: CandleRow = read(text)?;
    Ok(MarketFrame::Candle(MarketEvent::Candle {
        symbol: convert::symbol(&code)?,
        timeframe,
        candle: convert::candle(&row, timeframe)?,
        // The stream does not say so: the first candle of the next minute does.
        is_closed: false,
    }))
}

/// `60m` is an hour.
fn streamed(length: &str) -> Option<Timeframe> {
    let told: u16 = length.strip_suffix('m')?.parse().ok()?;
    Timeframe::ALL.into_iter().find(|timeframe| minutes(*timeframe) == Some(told))
}

/// A frame of an account's socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateFrame {
    Event(Box<ExchangeEvent>),
    Error(SocketError),
    /// Nothing to us: an external order that rests, a change of assets (its causes are told by the orders, and what
    /// the coins have cost only by asking), the answer to a ping.
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Step {
    Wait,
    Watch,
    Trade,
    Done,
    Cancel,
    /// A part was not executed since it would have been with an order of the same account.
    Prevented,
    #[serde(other)]
    Other,
}

/// Where `state` is `trade`, `price` and `volume` are those of the execution; else those of the order.
#[derive(Deserialize)]
struct MyOrder {
    code: String,
    uuid: String,
    ask_bid: BidAsk,
    order_type: String,
    state: Step,
    trade_uuid: Option<String>,
    price: Option<DecimalText>,
    volume: Option<DecimalText>,
    remaining_volume: Option<DecimalText>,
    #[serde(default)]
    executed_volume: OptionalDecimal,
    #[serde(default)]
    executed_funds: OptionalDecimal,
    /// What was taken out of the order since it would have met another one of the same account.
    #[serde(default)]
    prevented_volume: OptionalDecimal,
    time_in_force: Option<String>,
    trade_fee: Option<DecimalText>,
    is_maker: Option<bool>,
    identifier: Option<String>,
    trade_timestamp: Option<i64>,
}

pub fn private_frame(text: &str) -> Result<PrivateFrame, Unreadable> {
    let head: Head = read(text)?;
    if let Some(error) = head.error {
        return Ok(PrivateFrame::Error(error));
    }
    if head.kind.as_deref() != Some("myOrder") {
        return Ok(PrivateFrame::Other);
    }
    let order: MyOrder = read(text)?;
    let id = convert::our_id(order.identifier.as_deref());
    if !convert::is_traded(&order.code) || convert::order_symbol(&order.code, id.as_ref())?.is_none() {
        return Ok(PrivateFrame::Other);
    }
    let event = match order.state {
        Step::Wait | Step::Watch => seen(&order)?,
        Step::Trade => Some(trade(&order)?),
        Step::Done => ended(&order, OrderState::Done)?,
        Step::Cancel => ended(&order, OrderState::Cancel)?,
        Step::Other => None,
        // What is left of it, and whether it has ended, is asked for.
        Step::Prevented => id.map(|id| ExchangeEvent::Resync {
            reason: format!("a part of order {id} would have met an order of the same account"),
        }),
    };
    Ok(event.map_or(PrivateFrame::Other, |event| PrivateFrame::Event(Box::new(event))))
}

fn seen(order: &MyOrder) -> Result<Option<ExchangeEvent>, Unreadable> {
    let Some(client_order_id) = convert::our_id(order.identifier.as_deref()) else { return Ok(None) };
    let volume = convert::quantity(order.volume)?;
    let filled_qty = Qty::try_new(order.executed_volume.0.unwrap_or_default())?;
    let price = order.price.filter(|_| order.order_type == "limit");
    Ok(Some(ExchangeEvent::OrderSeen(OrderReport {
        client_order_id,
        exchange_order_id: order.uuid.clone(),
        symbol: convert::symbol(&order.code)?,
        side: order.ask_bid.into(),
        position_side: PositionSide::Long,
        status: convert::status(OrderState::Wait, volume, filled_qty, order.time_in_force.as_deref()),
        price: price.map(|price| Price::try_new(price.0)).transpose()?,
        qty: volume.unwrap_or(filled_qty),
        filled_qty,
        filled_notional: Quote::new(order.executed_funds.0.unwrap_or_default()),
        reduce_only: false,
        end_reason: None,
    })))
}

fn trade(order: &MyOrder) -> Result<ExchangeEvent, Unreadable> {
    let missing = |field: &str| Unreadable(format!("a trade of order {} has no `{field}`", order.uuid));
    let trade_id = TradeId(order.trade_uuid.clone().ok_or_else(|| missing("trade_uuid"))?);
    let symbol = convert::symbol(&order.code)?;
    let side = order.ask_bid.into();
    let price = Price::try_new(order.price.ok_or_else(|| missing("price"))?.0)?;
    let qty = convert::quantity(order.volume)?.ok_or_else(|| missing("volume"))?;
    let fee = Quote::new(order.trade_fee.ok_or_else(|| missing("trade_fee"))?.0);
    let fee = Fee::from_cash(fee, QUOTE_ASSET);
    let at = Timestamp::from_ms(order.trade_timestamp.ok_or_else(|| missing("trade_timestamp"))?);
    let Some(client_order_id) = convert::our_id(order.identifier.as_deref()) else {
        let (position_side, cause) = (None, ExternalCause::Manual);
        let fill = ExternalFill { trade_id, symbol, side, position_side, price, qty, fee, cause, at };
        return Ok(ExchangeEvent::ExternalFill(fill));
    };
    Ok(ExchangeEvent::Fill(Fill {
        trade_id,
        client_order_id,
        symbol,
        side,
        position_side: PositionSide::Long,
        price,
        qty,
        fee,
        liquidity: if order.is_maker == Some(true) { Liquidity::Maker } else { Liquidity::Taker },
        at,
    }))
}

/// The end of an order, unless its trades have told all of it.
fn ended(order: &MyOrder, state: OrderState) -> Result<Option<ExchangeEvent>, Unreadable> {
    let Some(client_order_id) = convert::our_id(order.identifier.as_deref()) else { return Ok(None) };
    let executed = Qty::try_new(order.executed_volume.0.unwrap_or_default())?;
    let remaining = convert::quantity(order.remaining_volume)?;
    let volume = convert::quantity(order.volume)?;
    // Nothing remains of an order, too, whose last part was taken out of it.
    let is_cut = order.prevented_volume.0.is_some_and(|volume| !volume.is_zero())
        || state == OrderState::Cancel && (volume.is_none() || remaining.is_some_and(|rest| !rest.is_zero()));
    let volume = volume.or_else(|| remaining.map(|rest| executed.plus(rest)));
    let time_in_force = order.time_in_force.as_deref();
    let status = if is_cut {
        convert::unfilled(time_in_force)
    } else {
        convert::status(state, volume, executed, time_in_force)
    };
    if status == OrderStatus::Filled {
        return Ok(None);
    }
    let reason = convert::end_reason(status).unwrap_or_default().to_owned();
    Ok(Some(ExchangeEvent::OrderEnded { client_order_id, status, reason }))
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    json::parse(text).map_err(|error| Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests;
