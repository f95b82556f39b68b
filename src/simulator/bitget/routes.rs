//! The endpoints: who may call them, how often a second, who answers.

use axum::http::Method;

use super::{Call, Reply, account_data, account_write, market_data, order_query, orders, plans};

/// What a request must bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Public,
    Read,
    Trade,
}

pub(super) struct Route {
    method: &'static str,
    pub(super) path: &'static str,
    pub(super) access: Access,
    pub(super) per_second: u64,
    pub(super) handler: fn(&Call<'_>) -> Reply,
}

pub(super) fn route(method: &Method, path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.method == method.as_str() && route.path == path)
}

const fn public(path: &'static str, handler: fn(&Call<'_>) -> Reply) -> Route {
    Route { method: "GET", path, access: Access::Public, per_second: 20, handler }
}

const fn read(path: &'static str, per_second: u64, handler: fn(&Call<'_>) -> Reply) -> Route {
    Route { method: "GET", path, access: Access::Read, per_second, handler }
}

const fn write(path: &'static str, per_second: u64, handler: fn(&Call<'_>) -> Reply) -> Route {
    Route { method: "POST", path, access: Access::Trade, per_second, handler }
}

static ROUTES: &[Route] = &[
    public("/api/v2/public/time", market_data::time),
    public("/api/v2/spot/public/coins", market_data::coins),
    public("/api/v2/mix/market/contracts", market_data::contracts),
    public("/api/v2/mix/market/tickers", market_data::tickers),
    public("/api/v2/mix/market/ticker", market_data::ticker),
    public("/api/v2/mix/market/candles", market_data::candles),
    public("/api/v2/mix/market/history-candles", market_data::history_candles),
    read("/api/v2/spot/account/info", 1, account_data::key_info),
    read("/api/v2/mix/account/account", 10, account_data::account),
    read("/api/v2/mix/account/accounts", 10, account_data::accounts),
    read("/api/v2/mix/account/bill", 10, account_data::bills),
    read("/api/v2/mix/position/all-position", 5, account_data::positions),
    read("/api/v2/mix/position/single-position", 10, account_data::position),
    write("/api/v2/mix/account/set-leverage", 5, account_write::set_leverage),
    write("/api/v2/mix/account/set-margin-mode", 5, account_write::set_margin_mode),
    write("/api/v2/mix/account/set-position-mode", 5, account_write::set_position_mode),
    write("/api/v2/mix/order/place-order", 10, orders::place),
    write("/api/v2/mix/order/batch-place-order", 1, orders::place_batch),
    write("/api/v2/mix/order/modify-order", 10, orders::modify),
    write("/api/v2/mix/order/cancel-order", 10, orders::cancel),
    write("/api/v2/mix/order/batch-cancel-orders", 10, orders::cancel_batch),
    write("/api/v2/mix/order/cancel-all-orders", 1, orders::cancel_all),
    write("/api/v2/mix/order/close-positions", 1, orders::close_positions),
    read("/api/v2/mix/order/detail", 10, order_query::detail),
    read("/api/v2/mix/order/orders-pending", 10, order_query::pending),
    read("/api/v2/mix/order/orders-history", 10, order_query::history),
    read("/api/v2/mix/order/fills", 10, order_query::fills),
    read("/api/v2/mix/order/fill-history", 10, order_query::fills),
    write("/api/v2/mix/order/place-plan-order", 10, plans::place_plan),
    write("/api/v2/mix/order/place-tpsl-order", 10, plans::place_tpsl),
    write("/api/v2/mix/order/cancel-plan-order", 10, plans::cancel),
    read("/api/v2/mix/order/orders-plan-pending", 10, plans::pending),
    read("/api/v2/mix/order/orders-plan-history", 10, plans::history),
];
