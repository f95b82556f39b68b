//! The calls about orders. Conditional orders live apart ("algo orders"): their own endpoints, their own ids.

use serde::Serialize;
use serde_json::value::RawValue;

use super::answers::{IdSpace, PlacedOrder, Unreadable, read};
use super::calls::{Call, ORDERS_1M, ORDERS_10S, WEIGHT};
use super::errors::ErrorBody;
use super::query::Query;
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty};
use crate::domain::order::{Order, OrderKind, TimeInForce};
use crate::domain::side::{PositionMode, PositionSide, Side};
use crate::exchange::wire::{Charge, Lane, Method};

/// Orders a batch holds at most.
pub const BATCH_MAX: u8 = 5;

/// What is sent of an order, in the exchange's words. A batch carries it as JSON, a single order as parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderTicket<'a> {
    pub symbol: &'a Symbol,
    pub side: &'static str,
    /// Absent in one-way mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position_side: Option<&'static str>,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub quantity: Qty,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_in_force: Option<&'static str>,
    /// Absent where the position side says it already (hedge mode refuses it), or where it is not so. Text, as the
    /// exchange asks for it even in JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reduce_only: Option<&'static str>,
    pub new_client_order_id: &'a str,
}

/// What is sent of a conditional order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlgoTicket<'a> {
    pub symbol: &'a Symbol,
    pub side: &'static str,
    pub position_side: Option<&'static str>,
    pub kind: &'static str,
    pub quantity: Qty,
    pub trigger_price: Price,
    pub reduce_only: Option<&'static str>,
    pub client_algo_id: &'a str,
}

/// An order in the exchange's words: the one or the other sort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ticket<'a> {
    Order(OrderTicket<'a>),
    Algo(AlgoTicket<'a>),
}

impl<'a> Ticket<'a> {
    pub fn of(order: &'a Order, mode: PositionMode) -> Self {
        Self::under(order.client_order_id.as_str(), order, mode)
    }

    /// The order under any client id.
    pub fn under(client_id: &'a str, order: &'a Order, mode: PositionMode) -> Self {
        let symbol = &order.symbol;
        let side = side_word(order.side);
        let position_side = position_side_word(order.position_side, mode);
        let reduce_only = (order.reduce_only && mode == PositionMode::OneWay).then_some("true");
        let plain = |kind, price, time_in_force| {
            Self::Order(OrderTicket {
                symbol,
                side,
                position_side,
                kind,
                quantity: order.qty,
                price,
                time_in_force,
                reduce_only,
                new_client_order_id: client_id,
            })
        };
        let conditional = |kind, trigger_price| {
            Self::Algo(AlgoTicket {
                symbol,
                side,
                position_side,
                kind,
                quantity: order.qty,
                trigger_price,
                reduce_only,
                client_algo_id: client_id,
            })
        };
        match order.kind {
            OrderKind::Market => plain("MARKET", None, None),
            OrderKind::Limit { price, time_in_force } => {
                plain("LIMIT", Some(price), Some(time_in_force_word(time_in_force)))
            }
            OrderKind::StopMarket { trigger } => conditional("STOP_MARKET", trigger),
            OrderKind::TakeProfitMarket { trigger } => conditional("TAKE_PROFIT_MARKET", trigger),
        }
    }

    pub const fn space(&self) -> IdSpace {
        match self {
            Self::Order(_) => IdSpace::Orders,
            Self::Algo(_) => IdSpace::Algo,
        }
    }

    /// The call that places it alone.
    pub fn call(&self, lane: Lane) -> Call {
        let (path, query) = match self {
            Self::Order(ticket) => ("/fapi/v1/order", order_query(ticket)),
            Self::Algo(ticket) => ("/fapi/v1/algoOrder", algo_query(ticket)),
        };
        Call::write(Method::Post, path, lane).carrying(query).costing(order_charges(0, 1))
    }
}

/// The call that places several plain orders at once.
pub fn place_batch(tickets: &[OrderTicket<'_>], lane: Lane) -> Result<Call, serde_json::Error> {
    let orders = serde_json::to_string(tickets)?;
    let count = u32::try_from(tickets.len()).unwrap_or(u32::from(BATCH_MAX));
    Ok(Call::write(Method::Post, "/fapi/v1/batchOrders", lane)
        .carrying(Query::new().with("batchOrders", orders))
        .costing(order_charges(5, count)))
}

/// What became of each order of a batch, in the order they were sent: every item is judged alone.
pub fn read_batch(text: &str) -> Result<Vec<Result<PlacedOrder, ErrorBody>>, Unreadable> {
    let items: Vec<&RawValue> = read(text)?;
    Ok(items.into_iter().map(|item| read(item.get()).map_err(|_| ErrorBody::read(item.get()))).collect())
}

/// Orders cost address weight only in batches; a batch counts as one order by the minute, as many by the ten seconds.
fn order_charges(weight: u32, count: u32) -> Vec<Charge> {
    let mut charges =
        vec![Charge { bucket: ORDERS_10S, amount: count }, Charge { bucket: ORDERS_1M, amount: 1 }];
    if weight > 0 {
        charges.push(Charge { bucket: WEIGHT, amount: weight });
    }
    charges
}

fn order_query(ticket: &OrderTicket<'_>) -> Query {
    Query::new()
        .with("symbol", ticket.symbol)
        .with("side", ticket.side)
        .with_some("positionSide", ticket.position_side)
        .with("type", ticket.kind)
        .with("quantity", ticket.quantity)
        .with_some("price", ticket.price)
        .with_some("timeInForce", ticket.time_in_force)
        .with_some("reduceOnly", ticket.reduce_only)
        .with("newClientOrderId", ticket.new_client_order_id)
}

/// Triggers are compared with the last price, as everywhere in this program.
fn algo_query(ticket: &AlgoTicket<'_>) -> Query {
    Query::new()
        .with("algoType", "CONDITIONAL")
        .with("symbol", ticket.symbol)
        .with("side", ticket.side)
        .with_some("positionSide", ticket.position_side)
        .with("type", ticket.kind)
        .with("quantity", ticket.quantity)
        .with("triggerPrice", ticket.trigger_price)
        .with("workingType", "CONTRACT_PRICE")
        .with_some("reduceOnly", ticket.reduce_only)
        .with("clientAlgoId", ticket.client_algo_id)
}

/// Which order is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderName<'a> {
    /// By the id it was given by whoever placed it.
    Client(&'a str),
    /// By the exchange's id in its space.
    Exchange(&'a str),
}

/// Asks for one order.
pub fn order(space: IdSpace, symbol: &Symbol, name: OrderName<'_>) -> Call {
    let (path, query) = named(space, symbol, name);
    Call::read(path, 1).carrying(query)
}

/// Takes one order back.
pub fn cancel(space: IdSpace, symbol: &Symbol, name: OrderName<'_>) -> Call {
    let (path, query) = named(space, symbol, name);
    Call::write(Method::Delete, path, Lane::Cancel).carrying(query)
}

/// The order of a client id of ours: its purpose says where it lives.
pub fn space_of(id: &ClientOrderId) -> IdSpace {
    if id.key().is_some_and(|key| key.purpose.protects()) { IdSpace::Algo } else { IdSpace::Orders }
}

/// The orders that rest in a space, of one symbol or of all.
pub fn open_orders(space: IdSpace, symbol: Option<&Symbol>) -> Call {
    let path = match space {
        IdSpace::Orders => "/fapi/v1/openOrders",
        IdSpace::Algo => "/fapi/v1/openAlgoOrders",
    };
    let weight = if symbol.is_some() { 1 } else { 40 };
    Call::read(path, weight).carrying(Query::new().with_some("symbol", symbol))
}

fn named(space: IdSpace, symbol: &Symbol, name: OrderName<'_>) -> (&'static str, Query) {
    let query = Query::new().with("symbol", symbol);
    match (space, name) {
        (IdSpace::Orders, OrderName::Client(id)) => ("/fapi/v1/order", query.with("origClientOrderId", id)),
        (IdSpace::Orders, OrderName::Exchange(id)) => ("/fapi/v1/order", query.with("orderId", id)),
        (IdSpace::Algo, OrderName::Client(id)) => ("/fapi/v1/algoOrder", query.with("clientAlgoId", id)),
        (IdSpace::Algo, OrderName::Exchange(id)) => ("/fapi/v1/algoOrder", query.with("algoId", id)),
    }
}

const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

const fn position_side_word(side: PositionSide, mode: PositionMode) -> Option<&'static str> {
    match (mode, side) {
        (PositionMode::OneWay, _) => None,
        (PositionMode::Hedge, PositionSide::Long) => Some("LONG"),
        (PositionMode::Hedge, PositionSide::Short) => Some("SHORT"),
    }
}

const fn time_in_force_word(time_in_force: TimeInForce) -> &'static str {
    match time_in_force {
        TimeInForce::GoodTillCancel => "GTC",
        TimeInForce::ImmediateOrCancel => "IOC",
        TimeInForce::FillOrKill => "FOK",
        TimeInForce::PostOnly => "GTX",
    }
}

/// Whether an order waits for a trigger.
pub const fn is_conditional(kind: OrderKind) -> bool {
    matches!(kind, OrderKind::StopMarket { .. } | OrderKind::TakeProfitMarket { .. })
}

/// Which lane an order takes: what reduces goes before what opens.
pub const fn lane(order: &Order) -> Lane {
    if order.purpose.increases() { Lane::Entry } else { Lane::Protect }
}
