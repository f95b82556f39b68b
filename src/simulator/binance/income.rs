//! What came and went: profits, fees and funding.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{Call, Reply};
use crate::domain::instrument::Symbol;
use crate::domain::time::Timestamp;
use crate::simulator::account::Account;

/// One line.
struct Income<'a> {
    symbol: &'a Symbol,
    kind: &'static str,
    amount: Decimal,
    asset: &'a str,
    /// Of the transaction; a fill's lines share their trade's.
    id: u64,
    /// Empty for what belongs to no trade.
    trade: String,
    at: Timestamp,
}

impl Income<'_> {
    fn to_json(&self) -> Value {
        json!({
            "symbol": self.symbol.as_str(), "incomeType": self.kind,
            "income": self.amount.normalize().to_string(), "asset": self.asset, "info": self.kind,
            "time": self.at.ms(), "tranId": self.id, "tradeId": self.trade,
        })
    }
}

/// Oldest first.
pub(super) fn income(call: &Call<'_>) -> Reply {
    let (from, to) = (call.params.time("startTime")?, call.params.time("endTime")?);
    let (symbol, kind) = (call.params.get("symbol"), call.params.get("incomeType"));
    let limit = call.params.limit(100, 1_000)?;
    let is_wanted = |line: &Income<'_>| {
        !line.amount.is_zero()
            && from.is_none_or(|from| line.at >= from)
            && to.is_none_or(|to| line.at <= to)
            && symbol.is_none_or(|symbol| line.symbol.as_str() == symbol)
            && kind.is_none_or(|kind| kind == line.kind)
    };
    let found = call.venue.with(call.account, |account| {
        let mut lines: Vec<Income<'_>> = lines(account).filter(is_wanted).collect();
        lines.sort_by_key(|line| line.at);
        lines.iter().take(limit).map(Income::to_json).collect::<Vec<_>>()
    });
    Ok(Value::Array(found.unwrap_or_default()))
}

fn lines(account: &Account) -> impl Iterator<Item = Income<'_>> {
    let trades = account.fills().iter().flat_map(|fill| {
        let line = |kind, amount, asset| Income {
            symbol: &fill.symbol,
            kind,
            amount,
            asset,
            id: fill.trade_id,
            trade: fill.trade_id.to_string(),
            at: fill.at,
        };
        [
            line("REALIZED_PNL", fill.realized.decimal(), "USDT"),
            line("COMMISSION", -fill.fee.amount(), fill.fee.asset()),
        ]
    });
    let funding = account.funding().iter().map(|payment| Income {
        symbol: &payment.symbol,
        kind: "FUNDING_FEE",
        amount: payment.amount.decimal(),
        asset: "USDT",
        id: payment.id,
        trade: String::new(),
        at: payment.at,
    });
    trades.chain(funding)
}
