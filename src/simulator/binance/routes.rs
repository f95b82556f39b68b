//! The endpoints: who may call them, what they weigh, who answers.

use axum::http::Method;

use super::params::Params;
use super::{
    Call, Reply, account_data, account_write, algo, income, listen_key, market_data, order_query, orders,
};

/// What a request must bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    Open,
    Key,
    Signed,
}

/// Whether a route needs the permission to trade, and how many orders it counts as.
#[derive(Debug, Clone, Copy)]
pub(super) enum Write {
    No,
    Yes,
    Orders(fn(&Params) -> u64),
}

impl PartialEq for Write {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Route {
    method: &'static str,
    paths: &'static [&'static str],
    pub(super) security: Security,
    pub(super) write: Write,
    pub(super) weight: fn(&Params) -> u64,
    pub(super) handler: fn(&Call<'_>) -> Reply,
}

pub(super) fn route(method: &Method, path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.method == method.as_str() && route.paths.contains(&path))
}

const fn open(
    paths: &'static [&'static str],
    weight: fn(&Params) -> u64,
    handler: fn(&Call<'_>) -> Reply,
) -> Route {
    Route { method: "GET", paths, security: Security::Open, write: Write::No, weight, handler }
}

const fn read(
    paths: &'static [&'static str],
    weight: fn(&Params) -> u64,
    handler: fn(&Call<'_>) -> Reply,
) -> Route {
    Route { security: Security::Signed, ..open(paths, weight, handler) }
}

const fn write(
    method: &'static str,
    paths: &'static [&'static str],
    write: Write,
    handler: fn(&Call<'_>) -> Reply,
) -> Route {
    Route { method, paths, security: Security::Signed, write, weight: one, handler }
}

const fn user_stream(method: &'static str, handler: fn(&Call<'_>) -> Reply) -> Route {
    let route = open(&["/fapi/v1/listenKey"], one, handler);
    Route { method, security: Security::Key, ..route }
}

const ONE_ORDER: Write = Write::Orders(one);
const BATCH: Write = Write::Orders(five);

static ROUTES: &[Route] = &[
    open(&["/fapi/v1/ping"], one, market_data::ping),
    open(&["/fapi/v1/time"], one, market_data::time),
    open(&["/fapi/v1/exchangeInfo"], one, market_data::exchange_info),
    open(&["/fapi/v1/klines"], klines_weight, market_data::klines),
    open(&["/fapi/v1/ticker/24hr"], |params| per_symbol(params, 1, 40), market_data::day_ticker),
    open(
        &["/fapi/v1/ticker/price", "/fapi/v2/ticker/price"],
        |params| per_symbol(params, 1, 2),
        market_data::price_ticker,
    ),
    open(&["/fapi/v1/ticker/bookTicker"], |params| per_symbol(params, 2, 5), market_data::book_ticker),
    open(&["/fapi/v1/premiumIndex"], |params| per_symbol(params, 1, 10), market_data::premium_index),
    open(&["/fapi/v1/fundingRate"], one, market_data::funding_rates),
    open(&["/fapi/v1/depth"], five, market_data::depth),
    read(&["/fapi/v3/account"], five, account_data::account),
    read(&["/fapi/v2/account"], five, account_data::account_with_settings),
    read(&["/fapi/v3/balance", "/fapi/v2/balance"], five, account_data::balance),
    read(&["/fapi/v3/positionRisk"], five, account_data::position_risk),
    read(&["/fapi/v2/positionRisk"], five, account_data::position_risk_with_settings),
    read(&["/fapi/v1/symbolConfig"], five, account_data::symbol_config),
    read(&["/fapi/v1/leverageBracket"], one, account_data::leverage_bracket),
    read(&["/fapi/v1/commissionRate"], twenty, account_data::commission_rate),
    read(&["/fapi/v1/accountConfig"], five, account_data::account_config),
    read(&["/fapi/v1/positionSide/dual"], thirty, account_data::position_mode),
    read(&["/fapi/v1/multiAssetsMargin"], thirty, account_data::multi_assets),
    read(&["/fapi/v1/income"], thirty, income::income),
    read(&["/fapi/v1/rateLimit/order"], one, account_data::order_limits),
    read(&["/sapi/v1/account/apiRestrictions"], one, account_data::key_restrictions),
    read(&["/api/v3/account"], twenty, account_data::spot_account),
    read(&["/fapi/v1/order"], one, order_query::order),
    read(&["/fapi/v1/openOrder"], one, order_query::open_order),
    read(&["/fapi/v1/openOrders"], |params| per_symbol(params, 1, 40), order_query::open_orders),
    read(&["/fapi/v1/allOrders"], five, order_query::all_orders),
    read(&["/fapi/v1/userTrades"], five, order_query::user_trades),
    read(&["/fapi/v1/algoOrder"], one, algo::query),
    read(&["/fapi/v1/openAlgoOrders"], |params| per_symbol(params, 1, 40), algo::open_orders),
    read(&["/fapi/v1/allAlgoOrders"], five, algo::all_orders),
    Route { weight: none, ..write("POST", &["/fapi/v1/order"], ONE_ORDER, orders::place) },
    Route { weight: none, ..write("PUT", &["/fapi/v1/order"], ONE_ORDER, orders::modify) },
    Route { weight: none, ..write("POST", &["/fapi/v1/algoOrder"], ONE_ORDER, algo::place) },
    Route { weight: five, ..write("POST", &["/fapi/v1/batchOrders"], BATCH, orders::place_batch) },
    write("DELETE", &["/fapi/v1/order"], Write::Yes, orders::cancel),
    write("DELETE", &["/fapi/v1/batchOrders"], Write::Yes, orders::cancel_batch),
    write("DELETE", &["/fapi/v1/allOpenOrders"], Write::Yes, orders::cancel_all_of_symbol),
    Route {
        weight: ten,
        ..write("POST", &["/fapi/v1/countdownCancelAll"], Write::Yes, orders::countdown_cancel_all)
    },
    write("DELETE", &["/fapi/v1/algoOrder"], Write::Yes, algo::cancel),
    write("DELETE", &["/fapi/v1/algoOpenOrders"], Write::Yes, algo::cancel_all_of_symbol),
    write("POST", &["/fapi/v1/leverage"], Write::Yes, account_write::leverage),
    write("POST", &["/fapi/v1/marginType"], Write::Yes, account_write::margin_type),
    write("POST", &["/fapi/v1/positionSide/dual"], Write::Yes, account_write::position_mode),
    write("POST", &["/fapi/v1/multiAssetsMargin"], Write::Yes, account_write::multi_assets),
    user_stream("POST", listen_key::create),
    user_stream("PUT", listen_key::keep_alive),
    user_stream("DELETE", listen_key::close),
];

const fn none(_: &Params) -> u64 {
    0
}

const fn one(_: &Params) -> u64 {
    1
}

const fn five(_: &Params) -> u64 {
    5
}

const fn ten(_: &Params) -> u64 {
    10
}

const fn twenty(_: &Params) -> u64 {
    20
}

const fn thirty(_: &Params) -> u64 {
    30
}

fn per_symbol(params: &Params, with: u64, without: u64) -> u64 {
    if params.get("symbol").is_some() { with } else { without }
}

fn klines_weight(params: &Params) -> u64 {
    match params.parse("limit").ok().flatten().unwrap_or(500_u64) {
        ..100 => 1,
        100..500 => 2,
        500..=1_000 => 5,
        _ => 10,
    }
}
