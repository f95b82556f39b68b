//! The requests of the REST interface: where they go, what they carry, what they cost.
//!
//! Limits are per second (docs.upbit.com, "Rate limits", 2026-08): what the market says is counted by address, 10 a
//! second in each group; what an account does is counted by account, orders 12 a second, all else 30.

use super::params::Params;
use crate::domain::time::{Timeframe, Timestamp};
use crate::exchange::wire::{Access, Body, Bucket, Charge, HttpRequest, Lane, LimitScope, Method};

/// A request before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub params: Params,
    pub access: Access,
    pub lane: Lane,
    pub bucket: Bucket,
}

const fn by_address(name: &'static str) -> Bucket {
    Bucket { scope: LimitScope::Address, name }
}

const fn by_account(name: &'static str) -> Bucket {
    Bucket { scope: LimitScope::Account, name }
}

/// The groups of requests that are counted together.
pub const MARKET: Bucket = by_address("market");
pub const ORDERBOOK: Bucket = by_address("orderbook");
pub const TICKER: Bucket = by_address("ticker");
pub const CANDLE: Bucket = by_address("candle");
pub const ORDER: Bucket = by_account("order");
pub const DEFAULT: Bucket = by_account("default");

/// What each group allows a second.
pub const LIMITS: [(Bucket, u32); 6] =
    [(MARKET, 10), (ORDERBOOK, 10), (TICKER, 10), (CANDLE, 10), (ORDER, 12), (DEFAULT, 30)];

/// Candles an answer holds at most.
pub const CANDLES_MAX: u16 = 200;
/// Open orders a page holds at most.
pub const OPEN_ORDERS_MAX: usize = 100;
/// Closed orders an answer holds at most.
pub const CLOSED_ORDERS_MAX: usize = 1_000;

/// Which order is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderName<'a> {
    /// The exchange's id.
    Uuid(&'a str),
    /// Ours.
    Identifier(&'a str),
}

impl OrderName<'_> {
    fn params(self) -> Params {
        match self {
            Self::Uuid(uuid) => Params::default().with("uuid", uuid),
            Self::Identifier(identifier) => Params::default().with("identifier", identifier),
        }
    }
}

/// An order as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder<'a> {
    pub market: &'a str,
    pub side: &'static str,
    pub ord_type: &'static str,
    pub price: Option<String>,
    pub volume: String,
    pub identifier: &'a str,
    pub time_in_force: Option<&'static str>,
}

impl Call {
    fn get(path: &str, params: Params, bucket: Bucket, lane: Lane) -> Self {
        let path = path.to_owned();
        Self { method: Method::Get, path, params, access: Access::Read, lane, bucket }
    }

    /// Whether it needs a token: what belongs to an account does.
    pub const fn is_private(&self) -> bool {
        matches!(self.bucket.scope, LimitScope::Account)
    }

    pub const fn charges(&self) -> [Charge; 1] {
        [Charge { bucket: self.bucket, amount: 1 }]
    }

    /// The request, with its `Authorization` header if it has one. Only POST carries its parameters in the body.
    pub fn request(&self, authorization: Option<String>) -> HttpRequest {
        let (target, body) = match self.method {
            Method::Post => {
                (self.path.clone(), Some(Body { content_type: "application/json", text: self.params.json() }))
            }
            Method::Get | Method::Put | Method::Delete if self.params.is_empty() => (self.path.clone(), None),
            Method::Get | Method::Put | Method::Delete => {
                (format!("{}?{}", self.path, self.params.query()), None)
            }
        };
        let headers = authorization.map(|value| ("authorization", value)).into_iter().collect();
        HttpRequest { method: self.method, target, headers, body }
    }
}

pub fn markets() -> Call {
    Call::get("/v1/market/all", Params::default(), MARKET, Lane::Reconcile)
}

/// The price steps of these markets, separated by commas.
pub fn ticks(markets: &str, lane: Lane) -> Call {
    let params = Params::default().with("markets", markets);
    Call::get("/v1/orderbook/instruments", params, ORDERBOOK, lane)
}

pub fn ticker(market: &str, lane: Lane) -> Call {
    Call::get("/v1/ticker", Params::default().with("markets", market), TICKER, lane)
}

pub fn tickers(quote_asset: &str) -> Call {
    let params = Params::default().with("quote_currencies", quote_asset);
    Call::get("/v1/ticker/all", params, TICKER, Lane::Reconcile)
}

/// The newest `count` candles that opened before `to`, newest first; `None` for a length the exchange does not have.
/// Minutes in which nothing was traded have no candle.
pub fn candles(market: &str, timeframe: Timeframe, count: u16, to: Timestamp) -> Option<Call> {
    let path = match minutes(timeframe) {
        Some(length) => format!("/v1/candles/minutes/{length}"),
        None if timeframe == Timeframe::D1 => "/v1/candles/days".to_owned(),
        None => return None,
    };
    let params =
        Params::default().with("market", market).with("count", count.to_string()).with("to", to.to_string());
    Some(Call::get(&path, params, CANDLE, Lane::History))
}

/// The length of a minute candle, where the exchange has one; also what its stream is named by.
pub const fn minutes(timeframe: Timeframe) -> Option<u16> {
    match timeframe {
        Timeframe::M1 => Some(1),
        Timeframe::M3 => Some(3),
        Timeframe::M5 => Some(5),
        Timeframe::M15 => Some(15),
        Timeframe::M30 => Some(30),
        Timeframe::H1 => Some(60),
        Timeframe::H4 => Some(240),
        Timeframe::H2 | Timeframe::H6 | Timeframe::H8 | Timeframe::H12 | Timeframe::D1 => None,
    }
}

pub fn accounts() -> Call {
    Call::get("/v1/accounts", Params::default(), DEFAULT, Lane::Reconcile)
}

/// The account's keys and until when they work.
pub fn keys() -> Call {
    Call::get("/v1/api_keys", Params::default(), DEFAULT, Lane::Reconcile)
}

pub fn place(order: &NewOrder<'_>, lane: Lane) -> Call {
    let params = Params::default()
        .with("market", order.market)
        .with("side", order.side)
        .with("ord_type", order.ord_type)
        .with_some("price", order.price.as_deref())
        .with("volume", order.volume.as_str())
        .with("identifier", order.identifier)
        .with_some("time_in_force", order.time_in_force);
    Call {
        method: Method::Post,
        path: "/v1/orders".to_owned(),
        params,
        access: Access::Write,
        lane,
        bucket: ORDER,
    }
}

pub fn cancel(order: OrderName<'_>) -> Call {
    Call {
        method: Method::Delete,
        path: "/v1/order".to_owned(),
        params: order.params(),
        access: Access::Write,
        lane: Lane::Cancel,
        bucket: DEFAULT,
    }
}

/// One order, with its trades.
pub fn order(order: OrderName<'_>) -> Call {
    Call::get("/v1/order", order.params(), DEFAULT, Lane::Reconcile)
}

/// Orders that rest, reserved ones too, oldest first. Pages count from 1.
pub fn open_orders(market: Option<&str>, page: u32) -> Call {
    let params = Params::default()
        .with_some("market", market)
        .with("states[]", "wait")
        .with("states[]", "watch")
        .with("page", page.to_string())
        .with("limit", OPEN_ORDERS_MAX.to_string())
        .with("order_by", "asc");
    Call::get("/v1/orders/open", params, DEFAULT, Lane::Reconcile)
}

/// Orders that have ended and were made in `from..until`, at most seven days, oldest first.
pub fn closed_orders(market: Option<&str>, from: Timestamp, until: Timestamp) -> Call {
    let params = Params::default()
        .with_some("market", market)
        .with("states[]", "done")
        .with("states[]", "cancel")
        .with("start_time", from.ms().to_string())
        .with("end_time", until.ms().to_string())
        .with("limit", CLOSED_ORDERS_MAX.to_string())
        .with("order_by", "asc");
    Call::get("/v1/orders/closed", params, DEFAULT, Lane::Reconcile)
}
