//! Our orders in the exchange's terms.
//!
//! **Market orders.** One to sell is a `market` order of a volume. The exchange's own market order to buy spends a
//! *total*, while ours are for a *quantity*: what a total buys is known only afterwards, and the position would not be
//! what was decided. So a market order to buy is sent as a limit order to be filled at once or not at all (`ioc`),
//! with a price above the market ([`ticks::buy_bound`](super::ticks::buy_bound)): the quantity is exact, the
//! slippage bounded, and what the book cannot give within the bound expires.

use super::calls::NewOrder;
use crate::domain::money::{Leverage, Price};
use crate::domain::order::{Order, OrderKind, TimeInForce};
use crate::domain::side::{PositionSide, Side};
use crate::exchange::error::ExchangeError;
use crate::exchange::wire::Lane;

/// Whether [`new_order`] needs a bound for the price.
pub fn needs_bound(order: &Order) -> bool {
    order.kind == OrderKind::Market && order.side == Side::Buy
}

/// Who waits for the order.
pub const fn lane(order: &Order) -> Lane {
    if order.purpose.increases() { Lane::Entry } else { Lane::Protect }
}

/// Refuses what is not 1.
pub fn check_leverage(leverage: Leverage) -> Result<(), ExchangeError> {
    if leverage == Leverage::ONE {
        return Ok(());
    }
    Err(refused("no_leverage", &format!("leverage is {leverage}; Upbit is a spot exchange, allowed is 1")))
}

/// An order as it is sent, or why there can be none such. `bound` is the highest price a market order to buy may pay.
pub fn new_order(order: &Order, bound: Option<Price>) -> Result<NewOrder<'_>, ExchangeError> {
    check_leverage(order.leverage)?;
    if order.position_side == PositionSide::Short {
        return Err(refused("no_shorts", "Upbit is a spot exchange: there are no short positions"));
    }
    let (ord_type, price, time_in_force) = match (order.kind, order.side) {
        (OrderKind::Market, Side::Sell) => ("market", None, None),
        (OrderKind::Market, Side::Buy) => ("limit", bound, Some("ioc")),
        (OrderKind::Limit { price, time_in_force }, _) => ("limit", Some(price), word(time_in_force)),
        (OrderKind::StopMarket { .. } | OrderKind::TakeProfitMarket { .. }, _) => {
            return Err(refused("no_conditional_orders", "Upbit takes no orders that wait for a trigger"));
        }
    };
    Ok(NewOrder {
        market: order.symbol.as_str(),
        side: match order.side {
            Side::Buy => "bid",
            Side::Sell => "ask",
        },
        ord_type,
        price: price.map(|price| price.to_string()),
        volume: order.qty.to_string(),
        identifier: order.client_order_id.as_str(),
        time_in_force,
    })
}

/// An order that rests until it is filled is what the exchange takes without a word.
const fn word(time_in_force: TimeInForce) -> Option<&'static str> {
    match time_in_force {
        TimeInForce::GoodTillCancel => None,
        TimeInForce::ImmediateOrCancel => Some("ioc"),
        TimeInForce::FillOrKill => Some("fok"),
        TimeInForce::PostOnly => Some("post_only"),
    }
}

fn refused(code: &str, reason: &str) -> ExchangeError {
    ExchangeError::Refused { code: code.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
