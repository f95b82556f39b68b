//! Answers of the REST interface and rows of the private stream, field for field.
//!
//! Nearly every number is a text, but not everywhere the same ones are; lists may be null instead of empty, and fields
//! come and go. So everything is taken as text here and read where it is used ([`super::convert`]).

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::exchange::json::OptionalId;

/// A text, or a number as it was written; empty for null.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(String);

impl Text {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `None` when empty.
    pub fn some(&self) -> Option<&str> {
        (!self.is_empty()).then_some(self.as_str())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        OptionalId::deserialize(deserializer).map(|text| Self(text.0.unwrap_or_default()))
    }
}

/// What every answer is wrapped in. `code` is `00000` when the call succeeded.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    pub code: Text,
    #[serde(default)]
    pub msg: Text,
    /// When the exchange got the request, by its clock.
    #[serde(default)]
    pub request_time: Text,
    pub data: Option<Box<RawValue>>,
}

/// A list with the id that the next page is asked for with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    #[serde(alias = "entrustedList", alias = "fillList", alias = "bills")]
    pub rows: Option<Vec<T>>,
    #[serde(default)]
    pub end_id: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TimeRow {
    pub server_time: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContractRow {
    pub symbol: Text,
    pub quote_coin: Text,
    pub min_trade_num: Text,
    pub price_end_step: Text,
    pub price_place: Text,
    pub size_multiplier: Text,
    pub symbol_type: Text,
    #[serde(rename = "minTradeUSDT")]
    pub min_trade_usdt: Text,
    pub symbol_status: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TickerRow {
    pub symbol: Text,
    pub last_pr: Text,
    pub quote_volume: Text,
}

/// `[open time, open, high, low, close, base volume, quote volume]`.
pub type CandleRow = Vec<Text>;

/// The answer to a placed or cancelled order. A reduce-only order that cancelled older ones has no `orderId`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlacedRow {
    pub order_id: Text,
    pub client_oid: Text,
}

/// One order of a batch that was not taken. The lists of plan orders have no code.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FailedRow {
    pub order_id: Text,
    pub client_oid: Text,
    pub error_msg: Text,
    pub error_code: Text,
}

/// The answer to several orders at once: the whole is a success even if each of them failed.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchAnswer {
    pub success_list: Option<Vec<PlacedRow>>,
    pub failure_list: Option<Vec<FailedRow>>,
}

/// An order; the stream adds the latest fill. In REST `base_volume` is what has been filled in all, in the stream it is
/// the size of the latest fill and `acc_base_volume` is the sum.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OrderRow {
    pub symbol: Text,
    /// The symbol in the stream.
    pub inst_id: Text,
    pub size: Text,
    pub order_id: Text,
    #[serde(alias = "clientOId")]
    pub client_oid: Text,
    pub base_volume: Text,
    pub quote_volume: Text,
    pub price: Text,
    pub price_avg: Text,
    /// The status where one order was asked for.
    state: Text,
    /// The status in lists and in the stream.
    status: Text,
    pub side: Text,
    pub pos_side: Text,
    pub trade_side: Text,
    pub pos_mode: Text,
    pub reduce_only: Text,
    pub order_source: Text,
    pub cancel_reason: Text,
    pub c_time: Text,
    pub acc_base_volume: Text,
    pub fill_price: Text,
    pub fill_fee: Text,
    pub fill_fee_coin: Text,
    pub fill_time: Text,
    pub trade_id: Text,
    pub trade_scope: Text,
}

impl OrderRow {
    pub const fn status(&self) -> &Text {
        if self.state.is_empty() { &self.status } else { &self.state }
    }
}

/// A take-profit or stop-loss order. Once it is triggered another order executes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanRow {
    pub symbol: Text,
    /// The symbol in the stream.
    pub inst_id: Text,
    pub size: Text,
    pub order_id: Text,
    pub client_oid: Text,
    /// The order that executes it.
    pub execute_order_id: Text,
    plan_status: Text,
    /// The plan status in the stream.
    status: Text,
    pub trigger_price: Text,
    pub side: Text,
    pub pos_side: Text,
    pub trade_side: Text,
    pub pos_mode: Text,
}

impl PlanRow {
    pub const fn plan_status(&self) -> &Text {
        if self.plan_status.is_empty() { &self.status } else { &self.plan_status }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FillRow {
    pub trade_id: Text,
    pub symbol: Text,
    pub order_id: Text,
    pub price: Text,
    pub base_volume: Text,
    pub fee_detail: Option<Vec<FeeRow>>,
    pub side: Text,
    pub trade_side: Text,
    pub pos_mode: Text,
    pub trade_scope: Text,
    pub c_time: Text,
}

/// Negative when paid.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FeeRow {
    pub fee_coin: Text,
    pub total_fee: Text,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PositionRow {
    pub symbol: Text,
    /// The symbol in the stream.
    pub inst_id: Text,
    pub margin_coin: Text,
    pub hold_side: Text,
    /// Without a sign, also in one-way mode.
    pub total: Text,
    pub open_price_avg: Text,
    pub leverage: Text,
    pub margin_mode: Text,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccountRow {
    pub margin_coin: Text,
    pub account_equity: Text,
    /// The account's equity in the stream.
    pub equity: Text,
    pub crossed_max_available: Text,
    #[serde(rename = "unrealizedPL")]
    pub unrealized_pl: Text,
    pub crossed_margin_leverage: Text,
    pub isolated_long_lever: Text,
    pub isolated_short_lever: Text,
    pub margin_mode: Text,
    pub pos_mode: Text,
    /// `single`, or `union` for multi-assets mode.
    pub asset_mode: Text,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BillRow {
    pub bill_id: Text,
    pub symbol: Text,
    pub amount: Text,
    pub business_type: Text,
    pub c_time: Text,
}

/// Whose key it is. `authorities` are words such as `trade`, `readonly`, `withdraw`, or short codes of them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyRow {
    pub user_id: Text,
    pub ips: Text,
    pub authorities: Option<Vec<Text>>,
    pub trader_type: Text,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_taken_as_the_text_that_was_written() {
        for (json, expected) in [(r#""0.10""#, "0.10"), ("0.10", "0.10"), ("20", "20"), ("null", "")] {
            assert_eq!(serde_json::from_str::<Text>(json).unwrap().as_str(), expected);
        }
        assert!(serde_json::from_str::<Text>("[1]").is_err());
    }

    #[test]
    fn lists_may_be_null_and_fields_may_be_missing() {
        let page: Page<OrderRow> = serde_json::from_str(r#"{"entrustedList":null,"endId":null}"#).unwrap();
        assert!(page.rows.is_none() && page.end_id.is_empty());
        let page: Page<FillRow> =
            serde_json::from_str(r#"{"fillList":[{"tradeId":"1","feeDetail":null}]}"#).unwrap();
        assert_eq!(page.rows.unwrap()[0].trade_id.as_str(), "1");
        let batch: BatchAnswer =
            serde_json::from_str(r#"{"successList":[{"orderId":null,"clientOid":"a"}]}"#).unwrap();
        assert!(batch.success_list.unwrap()[0].order_id.is_empty());
    }
}
