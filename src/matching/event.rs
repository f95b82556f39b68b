//! What happens in a book, one thing at a time.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::fill::Fill;
use crate::domain::ids::{ClientOrderId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::order::OrderStatus;
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
use crate::domain::words::words;

/// One thing that happened while a bar was matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum BookEvent {
    /// An order's last fill is also its end: no [`BookEvent::OrderEnded`] follows it.
    Fill(Fill),
    /// An order ended with a part of it unfilled, and nobody asked for that.
    OrderEnded {
        client_order_id: ClientOrderId,
        status: OrderStatus,
        reason: EndReason,
    },
    /// The wallet after a fill or a liquidation that changed it, in quote currency.
    Balance {
        wallet: Quote,
    },
    Liquidated(Liquidation),
}

/// A position that was closed by force, without an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Liquidation {
    pub trade_id: TradeId,
    pub symbol: Symbol,
    /// The side of the position that was closed.
    pub position_side: PositionSide,
    pub qty: Qty,
    pub price: Price,
    /// In quote currency.
    pub fee: Quote,
    pub at: Timestamp,
}

/// Why an order ended before it was filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The position that it was to reduce is gone.
    ReduceOnly,
    ImmediateOrCancel,
    FillOrKill,
    /// Its account was liquidated.
    Liquidation,
    /// The account asked for it.
    Cancelled,
}

words!(EndReason {
    ReduceOnly => "reduce_only",
    ImmediateOrCancel => "immediate_or_cancel",
    FillOrKill => "fill_or_kill",
    Liquidation => "liquidation",
    Cancelled => "cancelled",
});
