//! The requests of the REST interface: where they go, what they carry, what they cost. Orders are in [`super::orders`].
//!
//! Source: bitget.com/api-doc/contract, one page an endpoint.

use serde_json::Value;

use super::endpoints::{
    ACCOUNT, ACCOUNTS, ADDRESS, BILLS, CONTRACTS, DETAIL, Endpoint, FILLS, KEY_INFO, PENDING, PLAN_HISTORY,
    PLAN_PENDING, POSITIONS, TICKERS, TIME,
};
use crate::domain::instrument::Symbol;
use crate::domain::time::{DurationMs, Timeframe, Timestamp};
use crate::exchange::percent;
use crate::exchange::wire::{Access, Charge, Lane, LimitScope, Method};

/// The only product that is traded here.
pub const PRODUCT_TYPE: &str = "USDT-FUTURES";
/// What margins are in.
pub const MARGIN_COIN: &str = "USDT";

/// Rows that a page of orders, fills or bills holds at most.
pub const PAGE_MAX: usize = 100;
/// Candles that an answer holds at most.
pub const CANDLES_MAX: usize = 200;

/// A request before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub endpoint: Endpoint,
    pub method: Method,
    /// In the order it is sent and signed.
    pub query: Vec<(&'static str, String)>,
    pub body: Option<String>,
    pub lane: Lane,
}

impl Call {
    fn get(endpoint: Endpoint, lane: Lane, query: Vec<(&'static str, String)>) -> Self {
        Self { endpoint, method: Method::Get, query, body: None, lane }
    }

    pub(super) fn post(endpoint: Endpoint, lane: Lane, body: &Value) -> Self {
        let body = Some(body.to_string());
        Self { endpoint, method: Method::Post, query: Vec::new(), body, lane }
    }

    /// Every POST changes something, no GET does.
    pub const fn access(&self) -> Access {
        match self.method {
            Method::Get => Access::Read,
            Method::Post | Method::Put | Method::Delete => Access::Write,
        }
    }

    /// Whether it needs a key: what belongs to an account does.
    pub const fn is_private(&self) -> bool {
        matches!(self.endpoint.scope, LimitScope::Account)
    }

    pub const fn charges(&self) -> [Charge; 2] {
        [Charge { bucket: self.endpoint.bucket(), amount: 1 }, Charge { bucket: ADDRESS, amount: 1 }]
    }

    /// Path and query as they are sent.
    pub fn target(&self) -> String {
        self.target_by(|text| percent::encoded(text, b""))
    }

    /// Path and query as they are signed.
    pub fn decoded_target(&self) -> String {
        self.target_by(str::to_owned)
    }

    fn target_by(&self, write: impl Fn(&str) -> String) -> String {
        let pairs: Vec<String> =
            self.query.iter().map(|(key, value)| format!("{key}={}", write(value))).collect();
        let path = self.endpoint.path;
        if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
    }
}

/// The parameter that every futures call has.
fn product() -> (&'static str, String) {
    ("productType", PRODUCT_TYPE.to_owned())
}

fn of_symbol(symbol: &Symbol) -> (&'static str, String) {
    ("symbol", symbol.to_string())
}

/// Which order is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderName<'a> {
    /// The exchange's id.
    Exchange(&'a str),
    /// Ours.
    Client(&'a str),
}

impl OrderName<'_> {
    pub(super) fn field(self) -> (&'static str, String) {
        match self {
            Self::Exchange(id) => ("orderId", id.to_owned()),
            Self::Client(id) => ("clientOid", id.to_owned()),
        }
    }
}

pub fn time() -> Call {
    Call::get(TIME, Lane::Reconcile, Vec::new())
}

pub fn contracts() -> Call {
    Call::get(CONTRACTS, Lane::Reconcile, vec![product()])
}

pub fn tickers() -> Call {
    Call::get(TICKERS, Lane::Reconcile, vec![product()])
}

/// What candles of a length are called here; `None` where the exchange has none. Those of 6 hours and longer start at
/// UTC+8 but for the `utc` ones.
pub const fn granularity(timeframe: Timeframe) -> Option<&'static str> {
    match timeframe {
        Timeframe::M1 => Some("1m"),
        Timeframe::M5 => Some("5m"),
        Timeframe::M15 => Some("15m"),
        Timeframe::M30 => Some("30m"),
        Timeframe::H1 => Some("1H"),
        Timeframe::H4 => Some("4H"),
        Timeframe::H6 => Some("6Hutc"),
        Timeframe::H12 => Some("12Hutc"),
        Timeframe::D1 => Some("1Dutc"),
        // 3 minutes and 2 hours can be asked for, but are not streamed.
        Timeframe::M3 | Timeframe::H2 | Timeframe::H8 => None,
    }
}

/// What candles can be asked about at once, however few they are.
pub const CANDLES_SPAN: DurationMs = DurationMs::from_secs(90 * 86_400);

/// Candles, at most [`CANDLES_MAX`], oldest first: from [`super::endpoints::CANDLES`] those of the last days, from
/// [`super::endpoints::HISTORY_CANDLES`] what is older.
pub fn candles(endpoint: Endpoint, symbol: &Symbol, granularity: &str, window: Window) -> Call {
    let mut query = vec![of_symbol(symbol), product(), ("granularity", granularity.to_owned())];
    query.extend(window.fields());
    query.push(("limit", CANDLES_MAX.to_string()));
    Call::get(endpoint, Lane::History, query)
}

/// Whose key it is and what it may do.
pub fn key_info() -> Call {
    Call::get(KEY_INFO, Lane::Reconcile, Vec::new())
}

/// Leverage, margin mode and position mode of one symbol.
pub fn account(symbol: &str, lane: Lane) -> Call {
    let margin_coin = ("marginCoin", MARGIN_COIN.to_owned());
    Call::get(ACCOUNT, lane, vec![("symbol", symbol.to_owned()), product(), margin_coin])
}

pub fn accounts() -> Call {
    Call::get(ACCOUNTS, Lane::Reconcile, vec![product()])
}

pub fn positions() -> Call {
    let margin_coin = ("marginCoin", MARGIN_COIN.to_owned());
    Call::get(POSITIONS, Lane::Reconcile, vec![margin_coin, product()])
}

/// A part of the past that is asked for at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: Timestamp,
    /// `None`: up to the present.
    pub until: Option<Timestamp>,
}

/// The exchange knows nothing that is older.
const HISTORY: DurationMs = DurationMs::from_secs(90 * 86_400);

impl Window {
    /// `from..until` in parts of at most `span`, oldest first.
    pub fn parts(from: Timestamp, until: Timestamp, span: DurationMs) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut from = from;
        while from < until {
            let end = from.plus(span).min(until);
            parts.push(Self { from, until: Some(end) });
            from = end;
        }
        parts
    }

    /// Everything since then in parts of at most `span`, oldest first. The last one has no end: where the present is,
    /// the exchange knows best.
    pub fn since(since: Timestamp, now: Timestamp, span: DurationMs) -> Vec<Self> {
        let mut parts = Self::parts(since.max(now.minus(HISTORY)), now.minus(span), span);
        let from = parts.last().and_then(|part| part.until).unwrap_or(since.max(now.minus(HISTORY)));
        parts.push(Self { from, until: None });
        parts
    }

    fn fields(self) -> impl Iterator<Item = (&'static str, String)> {
        let until = self.until.map(|until| ("endTime", until.ms().to_string()));
        [("startTime", self.from.ms().to_string())].into_iter().chain(until)
    }
}

/// What [`funding`] can be asked about at once.
pub const FUNDING_SPAN: DurationMs = DurationMs::from_secs(30 * 86_400);
/// What [`fills`] can be asked about at once.
pub const FILLS_SPAN: DurationMs = DurationMs::from_secs(7 * 86_400);

/// Funding, newest first, from below the bill `before` on.
pub fn funding(window: Window, before: Option<&str>) -> Call {
    let mut query = vec![product(), ("businessType", "contract_settle_fee".to_owned())];
    query.extend(page_of(before));
    query.extend(window.fields());
    Call::get(BILLS, Lane::History, query)
}

/// The parameters of a page that ends below `before`.
fn page_of(before: Option<&str>) -> Vec<(&'static str, String)> {
    let below = before.map(|id| ("idLessThan", id.to_owned()));
    below.into_iter().chain([("limit", PAGE_MAX.to_string())]).collect()
}

pub fn order_detail(symbol: &Symbol, order: OrderName<'_>) -> Call {
    Call::get(DETAIL, Lane::Reconcile, vec![order.field(), product(), of_symbol(symbol)])
}

/// Orders that rest, newest first, of one symbol or of all.
pub fn pending(symbol: Option<&Symbol>, before: Option<&str>) -> Call {
    let mut query = page_of(before);
    query.push(product());
    query.extend(symbol.map(of_symbol));
    Call::get(PENDING, Lane::Reconcile, query)
}

/// Take-profit and stop-loss orders that wait, newest first.
pub fn plans_pending(symbol: Option<&Symbol>, order: Option<OrderName<'_>>, before: Option<&str>) -> Call {
    Call::get(PLAN_PENDING, Lane::Reconcile, plan_query(symbol, order, before))
}

/// Take-profit and stop-loss orders that have ended, newest first; those that were made since then, where that is told
/// and not long ago.
pub fn plan_history(
    symbol: Option<&Symbol>,
    order: Option<OrderName<'_>>,
    since: Option<Timestamp>,
    before: Option<&str>,
) -> Call {
    let mut query = plan_query(symbol, order, before);
    query.extend(since.map(|since| ("startTime", since.ms().to_string())));
    Call::get(PLAN_HISTORY, Lane::Reconcile, query)
}

fn plan_query(
    symbol: Option<&Symbol>,
    order: Option<OrderName<'_>>,
    before: Option<&str>,
) -> Vec<(&'static str, String)> {
    let mut query: Vec<_> = order.map(OrderName::field).into_iter().collect();
    query.extend(page_of(before));
    query.push(("planType", "profit_loss".to_owned()));
    query.push(product());
    query.extend(symbol.map(of_symbol));
    query
}

/// Fills, newest first, from below the fill `before` on.
pub fn fills(window: Window, before: Option<&str>) -> Call {
    let mut query = page_of(before);
    query.push(product());
    query.extend(window.fields());
    Call::get(FILLS, Lane::Reconcile, query)
}

#[cfg(test)]
mod tests;
