//! The endpoints of the REST interface, and how often each may be called.
//!
//! Every endpoint has its own limit a second, counted by account for what needs a key and by address for what does not;
//! beside them an address may send 6,000 requests a minute. Nothing in the answers tells how much is left.
//! Source: bitget.com/api-doc/contract (each page states its limit), bitget.com/api-doc/common/intro.

use crate::exchange::wire::{Bucket, LimitScope};

/// One endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    pub path: &'static str,
    pub scope: LimitScope,
    /// Calls a second.
    pub per_second: u32,
}

const fn public(path: &'static str) -> Endpoint {
    Endpoint { path, scope: LimitScope::Address, per_second: 20 }
}

const fn private(path: &'static str, per_second: u32) -> Endpoint {
    Endpoint { path, scope: LimitScope::Account, per_second }
}

pub const TIME: Endpoint = public("/api/v2/public/time");
pub const CONTRACTS: Endpoint = public("/api/v2/mix/market/contracts");
pub const TICKERS: Endpoint = public("/api/v2/mix/market/tickers");
pub const CANDLES: Endpoint = public("/api/v2/mix/market/candles");
pub const HISTORY_CANDLES: Endpoint = public("/api/v2/mix/market/history-candles");
pub const KEY_INFO: Endpoint = private("/api/v2/spot/account/info", 1);
pub const ACCOUNT: Endpoint = private("/api/v2/mix/account/account", 10);
pub const ACCOUNTS: Endpoint = private("/api/v2/mix/account/accounts", 10);
pub const BILLS: Endpoint = private("/api/v2/mix/account/bill", 10);
pub const SET_LEVERAGE: Endpoint = private("/api/v2/mix/account/set-leverage", 5);
pub const SET_MARGIN_MODE: Endpoint = private("/api/v2/mix/account/set-margin-mode", 5);
pub const POSITIONS: Endpoint = private("/api/v2/mix/position/all-position", 5);
pub const PLACE: Endpoint = private("/api/v2/mix/order/place-order", 10);
pub const BATCH_PLACE: Endpoint = private("/api/v2/mix/order/batch-place-order", 1);
pub const CANCEL: Endpoint = private("/api/v2/mix/order/cancel-order", 10);
pub const DETAIL: Endpoint = private("/api/v2/mix/order/detail", 10);
pub const PENDING: Endpoint = private("/api/v2/mix/order/orders-pending", 10);
pub const FILLS: Endpoint = private("/api/v2/mix/order/fills", 10);
pub const PLACE_TPSL: Endpoint = private("/api/v2/mix/order/place-tpsl-order", 10);
pub const CANCEL_PLAN: Endpoint = private("/api/v2/mix/order/cancel-plan-order", 10);
pub const PLAN_PENDING: Endpoint = private("/api/v2/mix/order/orders-plan-pending", 10);
pub const PLAN_HISTORY: Endpoint = private("/api/v2/mix/order/orders-plan-history", 10);

pub const ENDPOINTS: [Endpoint; 22] = [
    TIME,
    CONTRACTS,
    TICKERS,
    CANDLES,
    HISTORY_CANDLES,
    KEY_INFO,
    ACCOUNT,
    ACCOUNTS,
    BILLS,
    SET_LEVERAGE,
    SET_MARGIN_MODE,
    POSITIONS,
    PLACE,
    BATCH_PLACE,
    CANCEL,
    DETAIL,
    PENDING,
    FILLS,
    PLACE_TPSL,
    CANCEL_PLAN,
    PLAN_PENDING,
    PLAN_HISTORY,
];

/// All requests of an address.
pub const ADDRESS: Bucket = Bucket { scope: LimitScope::Address, name: "requests" };
/// What [`ADDRESS`] allows a minute.
pub const ADDRESS_PER_MINUTE: u32 = 6_000;

impl Endpoint {
    pub const fn bucket(self) -> Bucket {
        Bucket { scope: self.scope, name: self.path }
    }
}
