//! A fill: one execution of an order, as the exchange reported it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::fee::Fee;
use super::ids::{ClientOrderId, TradeId};
use super::instrument::Symbol;
use super::money::{Price, Qty};
use super::side::{PositionSide, Side};
use super::time::Timestamp;
use super::words::words;

/// Whether the fill took liquidity or provided it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Liquidity {
    Maker,
    Taker,
}

words!(Liquidity { Maker => "maker", Taker => "taker" });

/// One execution of an order. Booked exactly once: `trade_id` is unique per account, symbol and order; two orders of one
/// account that trade with each other share one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    pub trade_id: TradeId,
    pub client_order_id: ClientOrderId,
    pub symbol: Symbol,
    pub side: Side,
    pub position_side: PositionSide,
    pub price: Price,
    pub qty: Qty,
    #[serde(flatten)]
    pub fee: Fee,
    pub liquidity: Liquidity,
    pub at: Timestamp,
}
