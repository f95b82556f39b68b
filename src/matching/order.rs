//! An order inside a book: what was asked, how much of it is filled, and which prices reach it.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use super::cursor::Phase;
use super::event::EndReason;
use crate::domain::candle::Candle;
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::{Leverage, Price, Qty, Quote};
use crate::domain::order::{Order, OrderKind, OrderStatus, TimeInForce};
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;

/// One order of the book. Field names are short in its JSON: a book is written after each change and remembers
/// many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookOrder {
    #[serde(rename = "id")]
    pub client_order_id: ClientOrderId,
    /// Counted per book, from 1.
    #[serde(rename = "no")]
    pub number: u64,
    #[serde(rename = "sym")]
    pub symbol: Symbol,
    pub side: Side,
    #[serde(rename = "ps")]
    pub position_side: PositionSide,
    #[serde(rename = "k")]
    pub kind: OrderKind,
    #[serde(rename = "q")]
    pub qty: Qty,
    #[serde(rename = "ro")]
    pub reduce_only: bool,
    #[serde(rename = "lev")]
    pub leverage: Leverage,
    #[serde(rename = "st")]
    pub status: OrderStatus,
    #[serde(rename = "fq")]
    pub filled_qty: Qty,
    /// Sum of price x quantity of its fills, in quote currency.
    #[serde(rename = "fn")]
    pub filled_notional: Quote,
    /// Why it ended unfilled, once it has.
    #[serde(rename = "end", default, skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<EndReason>,
    #[serde(rename = "at")]
    pub placed_at: Timestamp,
    #[serde(rename = "tk")]
    tick: Price,
    #[serde(rename = "sp")]
    pub(super) step: Qty,
    /// The step of the market that was being matched, or had been matched last, when it was placed, and its phase
    /// then.
    #[serde(rename = "bs")]
    pub(super) born_at: Timestamp,
    #[serde(rename = "bp")]
    pub(super) born_in: Phase,
    /// A limit order that met the market when it was placed: it takes liquidity.
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) crossed: bool,
    /// A conditional order whose trigger was met: what remains of it is a market order.
    #[serde(rename = "tr", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) triggered: bool,
}

/// Which prices let an order fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Whatever the next bar opens at.
    NextOpen,
    AtOrBelow(Price),
    AtOrAbove(Price),
}

/// Where and when an order enters a book.
#[derive(Debug, Clone, Copy)]
pub(super) struct Birth {
    pub(super) number: u64,
    pub(super) placed_at: Timestamp,
    pub(super) step_at: Timestamp,
    pub(super) phase: Phase,
}

impl BookOrder {
    pub(super) fn new(order: &Order, instrument: &Instrument, birth: Birth) -> Self {
        Self {
            client_order_id: order.client_order_id.clone(),
            number: birth.number,
            symbol: order.symbol.clone(),
            side: order.side,
            position_side: order.position_side,
            kind: order.kind,
            qty: order.qty,
            reduce_only: order.reduce_only,
            leverage: order.leverage,
            status: OrderStatus::Open,
            filled_qty: Qty::ZERO,
            filled_notional: Quote::ZERO,
            end_reason: None,
            placed_at: birth.placed_at,
            tick: instrument.tick,
            step: instrument.step,
            born_at: birth.step_at,
            born_in: birth.phase,
            crossed: false,
            triggered: false,
        }
    }

    pub fn remaining_qty(&self) -> Qty {
        self.qty.minus(self.filled_qty)
    }

    /// The id a real exchange would have given it.
    pub fn exchange_order_id(&self) -> String {
        exchange_order_id(self.number)
    }

    /// Which prices let it fill from now on.
    pub fn reach(&self) -> Reach {
        match (self.kind, self.side) {
            _ if self.triggered || self.is_immediate() => Reach::NextOpen,
            (OrderKind::Market, _) => Reach::NextOpen,
            (OrderKind::Limit { price, .. }, Side::Buy) => Reach::AtOrBelow(price),
            (OrderKind::Limit { price, .. }, Side::Sell) => Reach::AtOrAbove(price),
            (OrderKind::StopMarket { trigger }, Side::Sell)
            | (OrderKind::TakeProfitMarket { trigger }, Side::Buy) => Reach::AtOrBelow(trigger),
            (OrderKind::StopMarket { trigger }, Side::Buy)
            | (OrderKind::TakeProfitMarket { trigger }, Side::Sell) => Reach::AtOrAbove(trigger),
        }
    }

    /// A limit order that does not rest: it fills at the next open or ends there.
    pub(super) const fn is_immediate(&self) -> bool {
        self.immediacy().is_some()
    }

    pub(super) const fn immediacy(&self) -> Option<EndReason> {
        match self.kind {
            OrderKind::Limit { time_in_force: TimeInForce::ImmediateOrCancel, .. } => {
                Some(EndReason::ImmediateOrCancel)
            }
            OrderKind::Limit { time_in_force: TimeInForce::FillOrKill, .. } => Some(EndReason::FillOrKill),
            OrderKind::Limit { .. }
            | OrderKind::Market
            | OrderKind::StopMarket { .. }
            | OrderKind::TakeProfitMarket { .. } => None,
        }
    }

    pub(super) const fn is_stop(&self) -> bool {
        matches!(self.kind, OrderKind::StopMarket { .. })
    }

    pub(super) const fn is_limit(&self) -> bool {
        matches!(self.kind, OrderKind::Limit { .. })
    }

    /// Whether a limit order at its price would trade at once with the market at `price`.
    pub(super) fn crosses(&self, price: Price) -> bool {
        match (self.kind, self.side) {
            (OrderKind::Limit { price: limit, .. }, Side::Buy) => limit >= price,
            (OrderKind::Limit { price: limit, .. }, Side::Sell) => limit <= price,
            (OrderKind::Market | OrderKind::StopMarket { .. } | OrderKind::TakeProfitMarket { .. }, _) => {
                true
            }
        }
    }

    /// Whether anything in the bar can concern it.
    pub(super) fn is_touched_by(&self, candle: &Candle) -> bool {
        match self.reach() {
            Reach::NextOpen => true,
            Reach::AtOrBelow(level) => candle.low <= level,
            Reach::AtOrAbove(level) => candle.high >= level,
        }
    }

    /// `price` rounded to the tick that is worse for the trader.
    pub(super) fn round_against(&self, price: Price) -> Price {
        let strategy = match self.side {
            Side::Buy => RoundingStrategy::ToPositiveInfinity,
            Side::Sell => RoundingStrategy::ToNegativeInfinity,
        };
        let tick = self.symbol.tick_at(price, self.tick).decimal();
        let ticks = (price.decimal() / tick).round_dp_with_strategy(0, strategy).max(Decimal::ONE);
        Price::try_new(ticks * tick).unwrap_or(price)
    }
}

pub(super) fn exchange_order_id(number: u64) -> String {
    format!("B{number}")
}
