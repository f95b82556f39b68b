//! What the exchange answers, field by field as it writes it. Amounts are read from their text; fields that we have no
//! use for are not named, and answers may grow without harm.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::domain::side::Side;
use crate::exchange::error::ExchangeError;
use crate::exchange::json::{self, DecimalText, IdText, OptionalDecimal, OptionalId, OptionalTime, TimeText};
use crate::exchange::socket::BadFrame;

/// Text of the exchange that does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

impl From<Unreadable> for ExchangeError {
    fn from(error: Unreadable) -> Self {
        Self::Malformed { reason: error.0 }
    }
}

impl From<Unreadable> for BadFrame {
    fn from(error: Unreadable) -> Self {
        Self { reason: error.0 }
    }
}

/// Reads an answer or a frame.
pub fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|error| Unreadable(error.to_string()))
}

/// The two spaces of orders. Each has its own ids, of ours and of the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdSpace {
    /// Market and limit orders, and what conditional orders become when they are triggered.
    Orders,
    /// Conditional orders until they are triggered.
    Algo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SideWord {
    Buy,
    Sell,
}

impl SideWord {
    pub const fn side(self) -> Side {
        match self {
            Self::Buy => Side::Buy,
            Self::Sell => Side::Sell,
        }
    }
}

/// `Both`: one-way mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PositionSideWord {
    #[default]
    Both,
    Long,
    Short,
}

/// How far an order has come, in the exchange's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderState {
    /// The `New…` of the insurance fund and of auto-deleveraging are orders that the exchange makes.
    #[serde(alias = "NEW_INSURANCE", alias = "NEW_ADL")]
    New,
    PartiallyFilled,
    Filled,
    Canceled,
    #[serde(alias = "EXPIRED_IN_MATCH")]
    Expired,
    Rejected,
    /// A word that we do not know.
    #[serde(other)]
    Other,
}

/// How far a conditional order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AlgoState {
    New,
    /// On its way into the book.
    Triggering,
    /// An order of its own stands for it.
    Triggered,
    /// That order has ended, filled or not.
    Finished,
    Canceled,
    Expired,
    Rejected,
    #[serde(other)]
    Other,
}

/// An order, as it is placed, asked for, listed and cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderAnswer {
    pub order_id: IdText,
    pub symbol: String,
    pub status: OrderState,
    pub client_order_id: String,
    pub side: SideWord,
    #[serde(default)]
    pub position_side: PositionSideWord,
    pub orig_qty: DecimalText,
    pub executed_qty: DecimalText,
    /// Zero for market orders.
    #[serde(default)]
    pub price: OptionalDecimal,
    /// Missing from answers to placing, modifying and cancelling since 2026-07.
    #[serde(default)]
    pub avg_price: OptionalDecimal,
    #[serde(default)]
    pub cum_quote: OptionalDecimal,
    #[serde(default)]
    pub reduce_only: bool,
}

/// A number that a stranger's condition may leave out, or write as a word such as `None`.
pub(super) fn if_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OptionalDecimal, D::Error> {
    let text = OptionalId::deserialize(deserializer)?;
    Ok(OptionalDecimal(text.0.and_then(|text| json::decimal(&text).ok())))
}

/// A conditional order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlgoAnswer {
    pub algo_id: IdText,
    pub client_algo_id: String,
    pub symbol: String,
    pub side: SideWord,
    #[serde(default)]
    pub position_side: PositionSideWord,
    pub algo_status: AlgoState,
    /// Missing where it closes a position whole; never of ours.
    #[serde(default, deserialize_with = "if_number")]
    pub quantity: OptionalDecimal,
    /// Missing where it trails the price; never of ours.
    #[serde(default, deserialize_with = "if_number")]
    pub trigger_price: OptionalDecimal,
    #[serde(default)]
    pub reduce_only: bool,
    /// The order that it became.
    #[serde(default)]
    pub actual_order_id: OptionalId,
}

impl AlgoAnswer {
    /// The order that it became.
    pub fn became(&self) -> Option<&str> {
        self.actual_order_id.0.as_deref().filter(|id| *id != "0")
    }

    /// Whether it still waits for its trigger.
    pub const fn rests(&self) -> bool {
        matches!(self.algo_status, AlgoState::New)
    }
}

/// What an answer to placing an order must say; the rest comes by events and queries.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacedOrder {
    pub order_id: IdText,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacedAlgo {
    pub algo_id: IdText,
}

/// A trade of the account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TradeAnswer {
    pub id: u64,
    pub order_id: IdText,
    pub symbol: String,
    pub side: SideWord,
    #[serde(default)]
    pub position_side: PositionSideWord,
    pub price: DecimalText,
    pub qty: DecimalText,
    pub commission: DecimalText,
    pub commission_asset: String,
    pub maker: bool,
    pub time: TimeText,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PositionAnswer {
    pub symbol: String,
    #[serde(default)]
    pub position_side: PositionSideWord,
    /// Negative when short.
    pub position_amt: DecimalText,
    pub entry_price: DecimalText,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccountAnswer {
    pub assets: Vec<AssetAnswer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetAnswer {
    pub asset: String,
    pub wallet_balance: DecimalText,
    pub unrealized_profit: DecimalText,
    pub available_balance: DecimalText,
}

/// One line of the balances, of which we want only whose they are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BalanceAnswer {
    pub account_alias: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncomeAnswer {
    pub symbol: String,
    pub income_type: String,
    pub income: DecimalText,
    pub asset: String,
    pub time: TimeText,
    #[serde(default)]
    pub tran_id: OptionalId,
}

/// How an account is set up (docs: account, "Futures Account Configuration").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountConfigAnswer {
    pub can_trade: Option<bool>,
    pub dual_side_position: bool,
    pub multi_assets_margin: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PositionModeAnswer {
    pub dual_side_position: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MultiAssetsAnswer {
    pub multi_assets_margin: bool,
}

/// What a key may do (docs: wallet, "Get API Key Permission").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiRestrictionsAnswer {
    pub ip_restrict: Option<bool>,
    pub enable_futures: Option<bool>,
    pub enable_withdrawals: Option<bool>,
    pub enable_internal_transfer: Option<bool>,
    pub permits_universal_transfer: Option<bool>,
    /// When the permission to trade ends, for keys that are not bound to addresses.
    #[serde(default)]
    pub trading_authority_expiration_time: OptionalTime,
}

impl ApiRestrictionsAnswer {
    /// Out of the account, in whichever way; `None` if nothing is said of either.
    pub fn can_transfer(&self) -> Option<bool> {
        let ways = [self.enable_internal_transfer, self.permits_universal_transfer];
        ways.into_iter().flatten().reduce(|one, other| one || other)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenKeyAnswer {
    pub listen_key: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeAnswer {
    pub server_time: TimeText,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TickerAnswer {
    pub symbol: String,
    pub last_price: DecimalText,
    pub quote_volume: DecimalText,
}

/// A candle: an array that begins with these; the rest of it we have no use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KlineAnswer {
    pub open_time: TimeText,
    /// Open, high, low, close.
    pub prices: [DecimalText; 4],
    pub volume: DecimalText,
}

impl<'de> Deserialize<'de> for KlineAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = <Vec<&RawValue>>::deserialize(deserializer)?;
        let [open_time, open, high, low, close, volume, ..] = fields.as_slice() else {
            return Err(D::Error::invalid_length(fields.len(), &"a candle of 6 fields or more"));
        };
        let exact = |raw: &RawValue| read::<DecimalText>(raw.get()).map_err(D::Error::custom);
        Ok(Self {
            open_time: read(open_time.get()).map_err(D::Error::custom)?,
            prices: [exact(open)?, exact(high)?, exact(low)?, exact(close)?],
            volume: exact(volume)?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeInfoAnswer {
    #[serde(default)]
    pub rate_limits: Vec<RateLimitAnswer>,
    pub symbols: Vec<SymbolAnswer>,
}

/// So many of a sort in so many intervals.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitAnswer {
    pub rate_limit_type: String,
    pub interval: String,
    pub interval_num: u32,
    pub limit: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SymbolAnswer {
    pub symbol: String,
    pub status: String,
    pub contract_type: String,
    pub quote_asset: String,
    pub filters: Vec<FilterAnswer>,
}

/// One rule of a symbol; which fields it has follows from its type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FilterAnswer {
    pub filter_type: String,
    #[serde(default)]
    pub tick_size: OptionalDecimal,
    #[serde(default)]
    pub step_size: OptionalDecimal,
    #[serde(default)]
    pub min_qty: OptionalDecimal,
    #[serde(default)]
    pub notional: OptionalDecimal,
}
