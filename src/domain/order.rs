//! Orders: what is asked of an exchange, why, and how far it has come.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{BotId, ClientOrderId, CycleId};
use super::instrument::Symbol;
use super::money::{Leverage, Price, Qty, Quote};
use super::side::{PositionSide, Side};
use super::time::Timestamp;
use super::words::words;

/// Why an order exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Opens a position.
    Entry,
    /// The n-th dollar-cost-averaging order of a position.
    Dca1,
    Dca2,
    Dca3,
    /// The conditional order at the exchange that limits a loss.
    StopLoss,
    /// The conditional order at the exchange that takes a profit.
    TakeProfit,
    /// Closes a position because the strategy, or the in-process watch, says so.
    Exit,
    /// Closes a position because a person said so.
    Flatten,
    /// Rests on a grid's line and opens what that line trades: a buy of a long grid, a sale of a short one.
    GridEntry,
    /// Rests one line further on and closes what the line holds.
    GridExit,
    /// Opens at the market, when a grid starts, what the lines beyond the price would have opened before.
    GridBuyIn,
}

words!(Purpose {
    Entry => "entry",
    Dca1 => "dca1",
    Dca2 => "dca2",
    Dca3 => "dca3",
    StopLoss => "stop_loss",
    TakeProfit => "take_profit",
    Exit => "exit",
    Flatten => "flatten",
    GridEntry => "grid_entry",
    GridExit => "grid_exit",
    GridBuyIn => "grid_buy_in",
});

impl Purpose {
    /// Opens or adds to a position (the rest only reduce).
    pub const fn increases(self) -> bool {
        matches!(self, Self::Entry | Self::Dca1 | Self::Dca2 | Self::Dca3 | Self::GridEntry | Self::GridBuyIn)
    }

    /// Rests on a line of a grid.
    pub const fn is_on_line(self) -> bool {
        matches!(self, Self::GridEntry | Self::GridExit)
    }

    /// Its client order id says for which line of a grid it is; a buy-in's, for which line first.
    pub const fn has_line(self) -> bool {
        matches!(self, Self::GridEntry | Self::GridExit | Self::GridBuyIn)
    }

    /// Rests at the exchange to protect a position.
    pub const fn protects(self) -> bool {
        matches!(self, Self::StopLoss | Self::TakeProfit)
    }

    /// The 4-bit code in a client order id.
    pub(super) fn code(self) -> u8 {
        Self::ALL.iter().zip(0_u8..).find(|(purpose, _)| **purpose == self).map_or(0, |(_, code)| code)
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// How an order is to be filled. `trigger` prices are compared with the market's last price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OrderKind {
    Market,
    Limit {
        price: Price,
        time_in_force: TimeInForce,
    },
    /// A market order once the price has moved against the position as far as `trigger`.
    StopMarket {
        trigger: Price,
    },
    /// A market order once the price has moved in the position's favour as far as `trigger`.
    TakeProfitMarket {
        trigger: Price,
    },
}

impl OrderKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Limit { .. } => "limit",
            Self::StopMarket { .. } => "stop_market",
            Self::TakeProfitMarket { .. } => "take_profit_market",
        }
    }

    /// The limit price, or the trigger of a conditional order.
    pub const fn price(self) -> Option<Price> {
        match self {
            Self::Market => None,
            Self::Limit { price, .. } => Some(price),
            Self::StopMarket { trigger } | Self::TakeProfitMarket { trigger } => Some(trigger),
        }
    }
}

/// How long a limit order rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForce {
    GoodTillCancel,
    ImmediateOrCancel,
    FillOrKill,
    /// Refused rather than filled at once.
    PostOnly,
}

words!(TimeInForce {
    GoodTillCancel => "good_till_cancel",
    ImmediateOrCancel => "immediate_or_cancel",
    FillOrKill => "fill_or_kill",
    PostOnly => "post_only",
});

/// How far an order has come. It only moves forward: see [`OrderStatus::may_become`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Durable here, not sent.
    Intended,
    /// Handed to the exchange, no answer yet.
    Sent,
    /// Handed to the exchange, and the answer does not say what became of it. Resolved by asking.
    Unknown,
    Open,
    PartiallyFilled,
    Filled,
    Cancelled,
    Rejected,
    Expired,
}

words!(OrderStatus {
    Intended => "intended",
    Sent => "sent",
    Unknown => "unknown",
    Open => "open",
    PartiallyFilled => "partially_filled",
    Filled => "filled",
    Cancelled => "cancelled",
    Rejected => "rejected",
    Expired => "expired",
});

impl OrderStatus {
    /// Nothing but a late fill can follow.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Rejected | Self::Expired)
    }

    /// Whether the exchange has it is not known yet.
    pub const fn is_in_flight(self) -> bool {
        matches!(self, Self::Intended | Self::Sent | Self::Unknown)
    }

    /// Whether it rests at the exchange.
    pub const fn is_resting(self) -> bool {
        matches!(self, Self::Open | Self::PartiallyFilled)
    }

    /// The transition table. Staying the same is allowed, so that a repeated event is harmless.
    ///
    /// A late fill may turn an order that was believed dead into a filled one: the exchange's fills are the truth.
    pub const fn may_become(self, next: Self) -> bool {
        use OrderStatus::{
            Cancelled, Expired, Filled, Intended, Open, PartiallyFilled, Rejected, Sent, Unknown,
        };
        match self {
            Intended => true,
            Sent => !matches!(next, Intended),
            Unknown => !matches!(next, Intended | Sent),
            Open => !matches!(next, Intended | Sent | Unknown | Rejected),
            PartiallyFilled => matches!(next, PartiallyFilled | Filled | Cancelled | Expired),
            Filled => matches!(next, Filled),
            Cancelled => matches!(next, Cancelled | Filled),
            Rejected => matches!(next, Rejected | Filled),
            Expired => matches!(next, Expired | Filled),
        }
    }
}

/// An order of ours, from intent to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub client_order_id: ClientOrderId,
    pub bot: Option<BotId>,
    pub symbol: Symbol,
    pub side: Side,
    /// The position it opens, adds to or reduces.
    pub position_side: PositionSide,
    pub purpose: Purpose,
    pub kind: OrderKind,
    pub qty: Qty,
    pub reduce_only: bool,
    pub leverage: Leverage,
    /// Margin kept aside for it until it has ended, in quote currency; zero for orders that reduce.
    pub reserved_margin: Quote,
    pub cycle: CycleId,
    pub status: OrderStatus,
    pub filled_qty: Qty,
    /// Sum of price x quantity over its fills.
    pub filled_notional: Quote,
    pub exchange_order_id: Option<String>,
    /// Why it ended as it did, when it was refused, cancelled or expired.
    pub end_reason: Option<String>,
    pub dry_run: bool,
    pub times: OrderTimes,
}

/// When each step of an order's life happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OrderTimes {
    /// Close of the bar whose signal caused it.
    pub signal_at: Option<Timestamp>,
    /// When it was decided; also the timestamp it is signed with.
    pub decided_at: Timestamp,
    pub sent_at: Option<Timestamp>,
    pub acknowledged_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

impl Order {
    pub fn remaining_qty(&self) -> Qty {
        self.qty.minus(self.filled_qty)
    }

    /// Its average fill price, once it has fills.
    pub fn average_price(&self) -> Option<Price> {
        self.filled_notional.average_price(self.filled_qty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_only_moves_forward() {
        for &status in OrderStatus::ALL {
            assert!(status.may_become(status), "{status} repeats");
            for &next in OrderStatus::ALL {
                let back_and_forth = status != next && status.may_become(next) && next.may_become(status);
                assert!(!back_and_forth, "{status} <-> {next}");
                if status.is_final() && status != next && status.may_become(next) {
                    assert_eq!(next, OrderStatus::Filled, "only a late fill follows {status}");
                }
            }
        }
    }

    #[test]
    fn words_read_back() {
        for &purpose in Purpose::ALL {
            assert_eq!(Purpose::from_word(purpose.as_str()), Some(purpose));
            assert_eq!(Purpose::from_code(purpose.code()), Some(purpose));
        }
        for &status in OrderStatus::ALL {
            assert_eq!(OrderStatus::from_word(status.as_str()), Some(status));
        }
    }
}
