//! What an exchange remembers of an account: orders, conditional orders and fills, with their ids on the wire.

use std::collections::BTreeMap;

use crate::domain::fee::{Fee, FeeSums};
use crate::domain::fill::Liquidity;
use crate::domain::instrument::Symbol;
use crate::domain::money::{Pct, Price, Qty, Quote};
use crate::domain::order::{OrderKind, OrderStatus};
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;

/// What a dialect wants to say again about an order and the core has no word for (`type`, `timeInForce` ...).
pub type Tags = BTreeMap<&'static str, String>;

/// Who made an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A request with the account's key.
    Client,
    /// A person at the exchange's own website, see `/_sim/human`.
    Human,
    /// The conditional order of this id, once triggered.
    Conditional(u64),
    Liquidation,
}

/// An order as a dialect asks for it; checked against the instrument and the account by the core.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// Empty lets the exchange make one up.
    pub client_id: String,
    pub symbol: Symbol,
    pub side: Side,
    /// In one-way mode ignored, except that an opening order leans this way.
    pub position_side: PositionSide,
    pub kind: OrderKind,
    pub qty: Qty,
    pub reduce_only: bool,
    pub origin: Origin,
    pub tags: Tags,
}

/// An order, from its acceptance on.
#[derive(Debug, Clone)]
pub struct OrderRecord {
    /// Counted per account.
    pub id: u64,
    pub client_id: String,
    pub symbol: Symbol,
    pub side: Side,
    pub position_side: PositionSide,
    /// Market or limit.
    pub kind: OrderKind,
    pub qty: Qty,
    pub reduce_only: bool,
    /// Open, partially filled, filled, cancelled or expired.
    pub status: OrderStatus,
    pub filled_qty: Qty,
    pub filled_notional: Quote,
    pub fees: FeeSums,
    pub origin: Origin,
    pub tags: Tags,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl OrderRecord {
    pub const fn is_open(&self) -> bool {
        !self.status.is_final()
    }

    pub fn average_price(&self) -> Option<Price> {
        self.filled_notional.average_price(self.filled_qty)
    }

    pub fn remaining_qty(&self) -> Qty {
        self.qty.minus(self.filled_qty)
    }

    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.get(name).map(String::as_str)
    }
}

/// One execution.
#[derive(Debug, Clone)]
pub struct FillRecord {
    /// Counted per account.
    pub trade_id: u64,
    pub order_id: u64,
    pub client_id: String,
    pub symbol: Symbol,
    pub side: Side,
    pub position_side: PositionSide,
    pub price: Price,
    pub qty: Qty,
    pub fee: Fee,
    /// Profit or loss of what it closed, before fees.
    pub realized: Quote,
    pub liquidity: Liquidity,
    pub at: Timestamp,
}

/// What sets a conditional order off. Compared with the last price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    AtOrBelow(Price),
    AtOrAbove(Price),
    /// From `activation` on (at once when absent), the best price since is followed at a distance of `callback`.
    Trailing {
        callback: Pct,
        activation: Option<Price>,
        best: Option<Price>,
    },
}

/// How far a conditional order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionalStatus {
    Waiting,
    /// Its order was placed: see [`Conditional::order_id`].
    Triggered,
    Cancelled,
    /// It had nothing left to close.
    Expired,
    /// Its order was refused: see [`Conditional::reason`].
    Rejected,
}

/// A conditional order as a dialect asks for it.
#[derive(Debug, Clone)]
pub struct NewConditional {
    pub client_id: String,
    pub symbol: Symbol,
    pub side: Side,
    pub position_side: PositionSide,
    pub trigger: Trigger,
    /// What is placed when it is set off: market or limit.
    pub kind: OrderKind,
    /// Absent: all of the position.
    pub qty: Option<Qty>,
    pub reduce_only: bool,
    pub tags: Tags,
}

/// A conditional order; its ids are a space of their own.
#[derive(Debug, Clone)]
pub struct Conditional {
    pub id: u64,
    pub client_id: String,
    pub symbol: Symbol,
    pub side: Side,
    pub position_side: PositionSide,
    pub trigger: Trigger,
    pub kind: OrderKind,
    pub qty: Option<Qty>,
    pub reduce_only: bool,
    pub status: ConditionalStatus,
    /// The order that it became.
    pub order_id: Option<u64>,
    pub reason: Option<String>,
    pub tags: Tags,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub triggered_at: Option<Timestamp>,
}

impl Conditional {
    pub fn is_open(&self) -> bool {
        self.status == ConditionalStatus::Waiting
    }

    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.get(name).map(String::as_str)
    }
}
