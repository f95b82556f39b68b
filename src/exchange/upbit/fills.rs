//! Fills out of an order's trades.
//!
//! A trade does not tell its fee, its order tells their sum. Fees are a fixed share of the funds, so that the sum split
//! by funds gives each trade's own, to the digit; what rounding could take or add goes to the last.

use rust_decimal::Decimal;

use super::convert::{self, QUOTE_ASSET, Unreadable};
use super::wire::{BidAsk, OrderRow, TradeRow};
use crate::domain::fee::Fee;
use crate::domain::fill::{Fill, Liquidity};
use crate::domain::ids::TradeId;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::side::PositionSide;
use crate::exchange::report::{ExternalCause, ExternalFill, ReportedFill};

/// The fills of an order that was asked for by itself: ours, or somebody else's; none of a market that nobody trades here.
pub fn of_order(row: &OrderRow) -> Result<Vec<ReportedFill>, Unreadable> {
    let client_order_id = convert::our_id(row.identifier.as_deref());
    let symbol = convert::order_symbol(&row.market, client_order_id.as_ref())?;
    let Some(symbol) = symbol else { return Ok(Vec::new()) };
    let side = row.side.into();
    let mut fills = Vec::with_capacity(row.trades.len());
    for (trade, fee) in row.trades.iter().zip(fees(row)?) {
        let trade_id = TradeId(trade.uuid.clone());
        let price = Price::try_new(trade.price.0)?;
        let qty = Qty::try_new(trade.volume.0)?;
        let at = convert::time(&trade.created_at)?;
        let symbol = symbol.clone();
        fills.push(match &client_order_id {
            Some(id) => ReportedFill::Ours(Fill {
                trade_id,
                client_order_id: id.clone(),
                symbol,
                side,
                position_side: PositionSide::Long,
                price,
                qty,
                fee: Fee::from_cash(fee, QUOTE_ASSET),
                liquidity: liquidity(row, trade),
                at,
            }),
            None => ReportedFill::External(ExternalFill {
                trade_id,
                symbol,
                side,
                position_side: None,
                price,
                qty,
                fee: Fee::from_cash(fee, QUOTE_ASSET),
                cause: ExternalCause::Manual,
                at,
            }),
        });
    }
    Ok(fills)
}

/// What each trade has cost.
fn fees(row: &OrderRow) -> Result<Vec<Quote>, Unreadable> {
    let told: Decimal = row.trades.iter().map(|trade| trade.funds.0).sum();
    let funds = convert::executed_funds(row).decimal();
    let paid = row.paid_fee.0.unwrap_or_default();
    let share = |trade: &TradeRow| {
        let fee = trade.funds.0.checked_mul(paid)?.checked_div(funds)?;
        Some(Quote::new(fee.round_dp(16).normalize()))
    };
    let unreadable = || Unreadable(format!("order {} has trades and no funds", row.uuid));
    let mut fees = row.trades.iter().map(share).collect::<Option<Vec<Quote>>>().ok_or_else(unreadable)?;
    // An order whose last trades are not told yet keeps their fee for them.
    if told == funds {
        let split: Quote = fees.iter().copied().sum();
        if let Some(last) = fees.last_mut() {
            *last += Quote::new(paid) - split;
        }
    }
    Ok(fees)
}

/// Who took is told by the trade's direction; where it is not, by the kind of the order.
fn liquidity(row: &OrderRow, trade: &TradeRow) -> Liquidity {
    let took = match (trade.trend.as_deref(), row.side) {
        (Some("up"), side) => side == BidAsk::Bid,
        (Some("down"), side) => side == BidAsk::Ask,
        _ => row.ord_type != "limit" || matches!(row.time_in_force.as_deref(), Some("ioc" | "fok")),
    };
    if took { Liquidity::Taker } else { Liquidity::Maker }
}

#[cfg(test)]
mod tests;
