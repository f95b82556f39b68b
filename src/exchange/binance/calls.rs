//! The calls of USDⓈ-M futures: where each goes, what it carries, who may use it, and what it costs.
//!
//! Weights: docstrings of the official connector (binance-connector-python, derivatives_trading_usds_futures).

use super::query::Query;
use crate::domain::instrument::Symbol;
use crate::domain::kind::MarginMode;
use crate::domain::money::Leverage;
use crate::domain::time::{DurationMs, Timeframe, Timestamp};
use crate::exchange::governor::Limit;
use crate::exchange::wire::{Access, Body, Bucket, Charge, HttpRequest, Lane, LimitScope, Method};

/// How long after its time stamp a request may still be executed.
pub const RECEIVE_WINDOW: DurationMs = DurationMs::from_secs(5);

/// Request weight of all that leave by one address, by the minute.
pub const WEIGHT: Bucket = Bucket { scope: LimitScope::Address, name: "weight" };
/// Orders of one account in 10 seconds.
pub const ORDERS_10S: Bucket = Bucket { scope: LimitScope::Account, name: "orders 10s" };
/// Orders of one account in a minute.
pub const ORDERS_1M: Bucket = Bucket { scope: LimitScope::Account, name: "orders 1m" };

/// What the exchange allows, unless it has told otherwise.
pub const LIMITS: [Limit; 3] = [
    Limit { bucket: WEIGHT, amount: 2_400, window: DurationMs::from_secs(60), reserve_pct: 10 },
    Limit { bucket: ORDERS_10S, amount: 300, window: DurationMs::from_secs(10), reserve_pct: 20 },
    Limit { bucket: ORDERS_1M, amount: 1_200, window: DurationMs::from_secs(60), reserve_pct: 20 },
];

/// Candles an answer holds at most.
pub const KLINES_MAX: usize = 1_500;
/// Trades an answer holds at most.
pub const TRADES_MAX: usize = 1_000;
/// Payments an answer holds at most.
pub const INCOME_MAX: usize = 1_000;
/// From first to last, a question about trades spans at most this.
pub const TRADES_SPAN_MAX: DurationMs = DurationMs::from_secs(7 * 24 * 3_600);

/// What an endpoint asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    Open,
    /// The key alone.
    Key,
    Signed,
}

/// A call before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub method: Method,
    pub path: &'static str,
    pub query: Query,
    pub auth: Auth,
    pub access: Access,
    pub lane: Lane,
    pub charges: Vec<Charge>,
}

impl Call {
    pub(super) fn read(path: &'static str, weight: u32) -> Self {
        Self {
            method: Method::Get,
            path,
            query: Query::new(),
            auth: Auth::Signed,
            access: Access::Read,
            lane: Lane::Reconcile,
            charges: vec![Charge { bucket: WEIGHT, amount: weight }],
        }
    }

    pub(super) fn write(method: Method, path: &'static str, lane: Lane) -> Self {
        Self { method, access: Access::Write, lane, ..Self::read(path, 1) }
    }

    fn open(path: &'static str, weight: u32, lane: Lane) -> Self {
        Self { auth: Auth::Open, lane, ..Self::read(path, weight) }
    }

    #[must_use]
    pub(super) fn carrying(mut self, query: Query) -> Self {
        self.query = query;
        self
    }

    #[must_use]
    pub(super) fn costing(mut self, charges: Vec<Charge>) -> Self {
        self.charges = charges;
        self
    }

    /// The request as it is, unsigned: parameters in the body of what is posted or put, else in the query.
    pub fn into_request(self) -> HttpRequest {
        let text = self.query.into_text();
        let in_body = matches!(self.method, Method::Post | Method::Put);
        let (target, body) = match (text.is_empty(), in_body) {
            (true, _) => (self.path.to_owned(), None),
            (false, true) => {
                let body = Body { content_type: "application/x-www-form-urlencoded", text };
                (self.path.to_owned(), Some(body))
            }
            (false, false) => (format!("{}?{text}", self.path), None),
        };
        HttpRequest { method: self.method, target, headers: Vec::new(), body }
    }
}

pub fn server_time() -> Call {
    Call::open("/fapi/v1/time", 1, Lane::Reconcile)
}

pub fn exchange_info() -> Call {
    Call::open("/fapi/v1/exchangeInfo", 1, Lane::Reconcile)
}

/// Volumes of one symbol, or of all.
pub fn tickers(symbol: Option<&Symbol>) -> Call {
    let weight = if symbol.is_some() { 1 } else { 40 };
    Call::open("/fapi/v1/ticker/24hr", weight, Lane::History)
        .carrying(Query::new().with_some("symbol", symbol))
}

/// Candles that open from `from` on and before `until`; the exchange's end is inclusive.
pub fn klines(
    symbol: &Symbol,
    timeframe: Timeframe,
    limit: usize,
    span: Option<(Timestamp, Timestamp)>,
) -> Call {
    let weight = match limit {
        0..=99 => 1,
        100..=499 => 2,
        500..=1_000 => 5,
        _ => 10,
    };
    let query = Query::new()
        .with("symbol", symbol)
        .with("interval", timeframe)
        .with_some("startTime", span.map(|(from, _)| from.ms()))
        .with_some("endTime", span.map(|(_, until)| until.ms() - 1))
        .with("limit", limit);
    Call::open("/fapi/v1/klines", weight, Lane::History).carrying(query)
}

/// Balances and positions.
pub fn account() -> Call {
    Call::read("/fapi/v3/account", 5)
}

/// Balances with the code of the account.
pub fn balances() -> Call {
    Call::read("/fapi/v3/balance", 5)
}

/// Positions of all symbols that have one, or orders.
pub fn positions() -> Call {
    Call::read("/fapi/v3/positionRisk", 5)
}

/// Position mode and multi-assets mode in one, at a twelfth of what the two questions for them cost.
pub fn account_config() -> Call {
    Call::read("/fapi/v1/accountConfig", 5)
}

pub fn position_mode() -> Call {
    Call::read("/fapi/v1/positionSide/dual", 30)
}

pub fn multi_assets_mode() -> Call {
    Call::read("/fapi/v1/multiAssetsMargin", 30)
}

/// What the key may do; at the spot host, whose limits are not ours.
pub fn api_restrictions() -> Call {
    Call::read("/sapi/v1/account/apiRestrictions", 1)
}

pub fn set_leverage(symbol: &Symbol, leverage: Leverage, lane: Lane) -> Call {
    let query = Query::new().with("symbol", symbol).with("leverage", leverage);
    Call::write(Method::Post, "/fapi/v1/leverage", lane).carrying(query)
}

pub fn set_margin_mode(symbol: &Symbol, mode: MarginMode, lane: Lane) -> Call {
    let word = match mode {
        MarginMode::Cross => "CROSSED",
        MarginMode::Isolated => "ISOLATED",
    };
    let query = Query::new().with("symbol", symbol).with("marginType", word);
    Call::write(Method::Post, "/fapi/v1/marginType", lane).carrying(query)
}

/// Which trades of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TradesFrom {
    /// Of a span of at most [`TRADES_SPAN_MAX`], both ends included.
    Span(Timestamp, Timestamp),
    /// This one and those that follow.
    Id(u64),
}

pub fn trades(symbol: &Symbol, from: TradesFrom) -> Call {
    let query = Query::new().with("symbol", symbol);
    let query = match from {
        TradesFrom::Span(start, end) => query.with("startTime", start.ms()).with("endTime", end.ms()),
        TradesFrom::Id(id) => query.with("fromId", id),
    };
    Call::read("/fapi/v1/userTrades", 5).carrying(query.with("limit", TRADES_MAX))
}

/// Funding paid and received from `since` on, oldest first.
pub fn funding(since: Timestamp) -> Call {
    let query = Query::new()
        .with("incomeType", "FUNDING_FEE")
        .with("startTime", since.ms())
        .with("limit", INCOME_MAX);
    Call { lane: Lane::History, ..Call::read("/fapi/v1/income", 30).carrying(query) }
}

/// A new listen key, or the one that is valid, prolonged.
pub fn open_listen_key() -> Call {
    Call { auth: Auth::Key, ..Call::write(Method::Post, "/fapi/v1/listenKey", Lane::Reconcile) }
}

pub fn prolong_listen_key() -> Call {
    Call { auth: Auth::Key, ..Call::write(Method::Put, "/fapi/v1/listenKey", Lane::Reconcile) }
}
