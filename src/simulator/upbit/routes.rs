//! The endpoints: how they are counted, who may call them, who answers.
//!
//! Limits are those of docs.upbit.com, "Rate limits" (2026-08): per second, by address for what the market says, by
//! account for what the account does.

use axum::http::Method;

use super::{Call, Reply, account_data, market_data, order_query, orders};
use crate::domain::time::DurationMs;
use crate::simulator::limits::Limit;

const SECOND: DurationMs = DurationMs::from_secs(1);

const MARKET: Limit = Limit { bucket: "market", window: SECOND, max: 10 };
const ORDERBOOK: Limit = Limit { bucket: "orderbook", window: SECOND, max: 10 };
const TICKER: Limit = Limit { bucket: "ticker", window: SECOND, max: 10 };
const TRADE: Limit = Limit { bucket: "trade", window: SECOND, max: 10 };
const CANDLE: Limit = Limit { bucket: "candle", window: SECOND, max: 10 };
const DEFAULT: Limit = Limit { bucket: "default", window: SECOND, max: 30 };
const ORDER: Limit = Limit { bucket: "order", window: SECOND, max: 12 };
const ORDER_TEST: Limit = Limit { bucket: "order-test", window: SECOND, max: 12 };
const CANCEL_ALL: Limit = Limit { bucket: "order-cancel-all", window: DurationMs::from_secs(2), max: 1 };

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    Open,
    Read,
    Trade,
}

pub(super) struct Route {
    method: Method,
    /// One that ends in `/` is that of all paths below it.
    path: &'static str,
    pub(super) group: Limit,
    pub(super) security: Security,
    pub(super) status: u16,
    pub(super) handler: fn(&Call<'_>) -> Reply,
}

pub(super) fn route(method: &Method, path: &str) -> Option<&'static Route> {
    let fits = |known: &str| known == path || (known.ends_with('/') && path.starts_with(known));
    ROUTES.iter().find(|route| route.method == *method && fits(route.path))
}

const fn open(path: &'static str, group: Limit, handler: fn(&Call<'_>) -> Reply) -> Route {
    Route { method: Method::GET, path, group, security: Security::Open, status: 200, handler }
}

const fn read(path: &'static str, handler: fn(&Call<'_>) -> Reply) -> Route {
    Route { method: Method::GET, path, group: DEFAULT, security: Security::Read, status: 200, handler }
}

const fn post(path: &'static str, group: Limit, handler: fn(&Call<'_>) -> Reply) -> Route {
    Route { method: Method::POST, path, group, security: Security::Trade, status: 201, handler }
}

const fn delete(path: &'static str, group: Limit, handler: fn(&Call<'_>) -> Reply) -> Route {
    Route { method: Method::DELETE, path, group, security: Security::Trade, status: 200, handler }
}

static ROUTES: &[Route] = &[
    open("/v1/market/all", MARKET, market_data::markets),
    open("/v1/orderbook/instruments", ORDERBOOK, market_data::instruments),
    open("/v1/orderbook/supported_levels", ORDERBOOK, market_data::supported_levels),
    open("/v1/orderbook", ORDERBOOK, market_data::orderbooks),
    open("/v1/ticker", TICKER, market_data::tickers),
    open("/v1/ticker/all", TICKER, market_data::all_tickers),
    open("/v1/trades/ticks", TRADE, market_data::trades),
    open("/v1/candles/", CANDLE, market_data::candles),
    read("/v1/accounts", account_data::accounts),
    read("/v1/api_keys", account_data::keys),
    read("/v1/orders/chance", order_query::chance),
    read("/v1/order", order_query::order),
    read("/v1/orders/uuids", order_query::listed),
    read("/v1/orders/open", order_query::open),
    // Deprecated, and still what some clients call.
    read("/v1/orders", order_query::open),
    read("/v1/orders/closed", order_query::closed),
    post("/v1/orders", ORDER, orders::place),
    post("/v1/orders/test", ORDER_TEST, orders::test),
    post("/v1/orders/cancel_and_new", ORDER, orders::cancel_and_new),
    delete("/v1/order", DEFAULT, orders::cancel),
    delete("/v1/orders/uuids", DEFAULT, orders::cancel_listed),
    delete("/v1/orders/open", CANCEL_ALL, orders::cancel_open),
];
