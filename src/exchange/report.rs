//! What exchanges report: orders, positions, balances, and events as they happen.

use crate::domain::fill::Fill;
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Price, Qty, Quote};
use crate::domain::order::OrderStatus;
use crate::domain::side::{PositionSide, Side};
use crate::matching::event::Liquidation;

/// The exchange took an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub exchange_order_id: String,
}

/// An order as the exchange sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderReport {
    pub client_order_id: ClientOrderId,
    pub exchange_order_id: String,
    pub symbol: Symbol,
    pub side: Side,
    pub position_side: PositionSide,
    pub status: OrderStatus,
    /// The limit price, or the trigger of a conditional order.
    pub price: Option<Price>,
    pub qty: Qty,
    pub filled_qty: Qty,
    /// Sum of price x quantity of its fills, in quote currency.
    pub filled_notional: Quote,
    pub reduce_only: bool,
    /// Why it ended unfilled, if it did and the exchange says so.
    pub end_reason: Option<String>,
}

/// A position as the exchange sees it; only open ones are reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionReport {
    pub symbol: Symbol,
    pub side: PositionSide,
    pub qty: Qty,
    pub entry_price_avg: Option<Price>,
    pub leverage: Leverage,
}

/// The account's money, in quote currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    pub wallet: Quote,
    /// Profit or loss of the open positions.
    pub unrealized: Quote,
    /// What is left for new orders.
    pub available: Quote,
}

/// Something that happened at the exchange, not in answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangeEvent {
    Fill(Fill),
    /// An order ended with a part of it unfilled. A filled order is told by its fills alone.
    OrderEnded {
        client_order_id: ClientOrderId,
        status: OrderStatus,
        reason: String,
    },
    /// The wallet after something changed it.
    Wallet(Quote),
    /// A position was closed by force.
    Liquidated(Liquidation),
}
