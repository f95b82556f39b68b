//! Answers of the REST interface, field for field.
//!
//! DecimalTexts come as texts in some endpoints and as JSON doubles in others, now and then with an exponent
//! (`8.428e-05`). Either way it is their decimal text that is read; they are never floating point here.

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::exchange::json::{DecimalText, IdText, OptionalDecimal};

/// `bid` buys, `ask` sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BidAsk {
    #[serde(alias = "BID")]
    Bid,
    #[serde(alias = "ASK")]
    Ask,
}

/// How far an order has come. What was executed is told by `executed_volume`, never by this: a market order that bought
/// for a total ends as `cancel` since a few KRW remain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderState {
    Wait,
    /// Reserved in the exchange's own application: it rests until its price is reached.
    Watch,
    Done,
    Cancel,
    /// A part was not executed since it would have been with an order of the same account.
    Prevented,
    /// A word that we do not know.
    #[serde(other)]
    Other,
}

impl OrderRow {
    /// How much of it was executed.
    pub fn executed(&self) -> Decimal {
        self.executed_volume.0.unwrap_or_default()
    }
}

/// An order, as placing, cancelling, listing and asking for one all answer it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OrderRow {
    pub uuid: String,
    pub side: BidAsk,
    /// `limit`, `price` (a market order to buy for a total), `market` (one to sell), `best`.
    pub ord_type: String,
    pub price: Option<DecimalText>,
    pub state: OrderState,
    pub market: String,
    pub created_at: String,
    /// `None` for `price` orders.
    pub volume: Option<DecimalText>,
    #[serde(default)]
    pub paid_fee: OptionalDecimal,
    #[serde(default)]
    pub executed_volume: OptionalDecimal,
    pub executed_funds: Option<DecimalText>,
    pub time_in_force: Option<String>,
    /// Our client order id; missing on orders before 2024-10-18.
    pub identifier: Option<String>,
    /// Only where a single order was asked for.
    #[serde(default)]
    pub trades: Vec<TradeRow>,
}

/// One execution of an order. Its fee is not told: see [`super::fills`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TradeRow {
    pub uuid: String,
    pub price: DecimalText,
    pub volume: DecimalText,
    /// price x volume.
    pub funds: DecimalText,
    /// `up` when the buyer took, `down` when the seller did.
    pub trend: Option<String>,
    pub created_at: String,
}

/// What the account holds of one currency; KRW is a row like the others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccountRow {
    pub currency: String,
    pub balance: DecimalText,
    /// Set aside for open orders.
    pub locked: DecimalText,
    /// The owner may edit it.
    pub avg_buy_price: DecimalText,
    pub unit_currency: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KeyRow {
    pub access_key: String,
    pub expire_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MarketRow {
    pub market: String,
}

/// The price step of a market at its current price.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TickRow {
    pub market: String,
    pub tick_size: DecimalText,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TickerRow {
    pub market: String,
    pub trade_price: DecimalText,
    pub acc_trade_price_24h: DecimalText,
    /// When it changed last, in milliseconds.
    pub timestamp: DecimalText,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CandleRow {
    /// Open time, without a zone.
    pub candle_date_time_utc: String,
    pub opening_price: DecimalText,
    pub high_price: DecimalText,
    pub low_price: DecimalText,
    pub trade_price: DecimalText,
    pub candle_acc_trade_volume: DecimalText,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ErrorBody {
    pub error: ErrorRow,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ErrorRow {
    /// A word; sometimes the status as a number.
    pub name: IdText,
    #[serde(default)]
    pub message: String,
}
