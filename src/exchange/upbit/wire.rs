//! Answers of the REST interface, field for field.
//!
//! Numbers come as texts in some endpoints and as JSON doubles in others, now and then with an exponent
//! (`8.428e-05`). Either way it is their decimal text that is read; they are never floating point here.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::domain::money::parse_decimal;

/// A number, or a text that is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Number(pub Decimal);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get().trim_matches('"');
        decimal(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Reads plain or scientific notation, exactly.
fn decimal(text: &str) -> Result<Decimal, String> {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return parse_decimal("number", text).map_err(|error| error.to_string());
    };
    let bad = || format!("number `{text}` cannot be kept exactly");
    let mantissa = parse_decimal("number", mantissa).map_err(|error| error.to_string())?;
    let exponent: i64 = exponent.parse().map_err(|_| bad())?;
    let scale = i64::from(mantissa.scale()) - exponent;
    let (digits, scale) = if scale < 0 {
        let factor = scale.unsigned_abs().try_into().ok().and_then(|zeros| 10_i128.checked_pow(zeros));
        (factor.and_then(|factor| mantissa.mantissa().checked_mul(factor)).ok_or_else(bad)?, 0)
    } else {
        (mantissa.mantissa(), u32::try_from(scale).map_err(|_| bad())?)
    };
    Decimal::try_from_i128_with_scale(digits, scale).map(|value| value.normalize()).map_err(|_| bad())
}

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
}

/// An order, as placing, cancelling, listing and asking for one all answer it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OrderRow {
    pub uuid: String,
    pub side: BidAsk,
    /// `limit`, `price` (a market order to buy for a total), `market` (one to sell), `best`.
    pub ord_type: String,
    pub price: Option<Number>,
    pub state: OrderState,
    pub market: String,
    pub created_at: String,
    /// `None` for `price` orders.
    pub volume: Option<Number>,
    #[serde(default)]
    pub paid_fee: Number,
    #[serde(default)]
    pub executed_volume: Number,
    pub executed_funds: Option<Number>,
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
    pub price: Number,
    pub volume: Number,
    /// price x volume.
    pub funds: Number,
    /// `up` when the buyer took, `down` when the seller did.
    pub trend: Option<String>,
    pub created_at: String,
}

/// What the account holds of one currency; KRW is a row like the others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccountRow {
    pub currency: String,
    pub balance: Number,
    /// Set aside for open orders.
    pub locked: Number,
    /// The owner may edit it.
    pub avg_buy_price: Number,
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
    pub tick_size: Number,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TickerRow {
    pub market: String,
    pub trade_price: Number,
    pub acc_trade_price_24h: Number,
    /// When it changed last, in milliseconds.
    pub timestamp: Number,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CandleRow {
    /// Open time, without a zone.
    pub candle_date_time_utc: String,
    pub opening_price: Number,
    pub high_price: Number,
    pub low_price: Number,
    pub trade_price: Number,
    pub candle_acc_trade_volume: Number,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ErrorBody {
    pub error: ErrorRow,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ErrorRow {
    /// A word; sometimes the status as a number.
    pub name: Name,
    #[serde(default)]
    pub message: String,
}

/// A word that may be written as a number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Name {
    Word(String),
    Number(u32),
}

impl Name {
    pub fn text(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_text_whatever_they_are_written_as() {
        for (json, expected) in [
            ("48500000.0", "48500000"),
            ("\"0.00020618\"", "0.00020618"),
            ("8.428e-05", "0.00008428"),
            ("1.5E+7", "15000000"),
            ("1e3", "1000"),
            ("\"860743.5307100000000000\"", "860743.53071"),
        ] {
            assert_eq!(serde_json::from_str::<Number>(json).unwrap().0.to_string(), expected, "{json}");
        }
        for bad in ["\"NaN\"", "true", "1e999", "1e-99", "1e99999999999999999999", "\"\"", "\"1e\"", "{}"] {
            assert!(serde_json::from_str::<Number>(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::from_str::<Option<Number>>("null").unwrap(), None);
    }
}
