//! The trades that were booked, so that a repeated fill is recognised. The store refuses older repeats.

use std::collections::{BTreeSet, VecDeque};

use rust_decimal::Decimal;

use crate::domain::fill::Fill;
use crate::domain::ids::{BotId, ClientOrderId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::money::Qty;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::Timestamp;

use super::machine::HeldKey;

/// So many are kept in memory whatever their age.
pub const BOOKED_MIN: usize = 128;

/// Marks the trade id of a bot's part of a liquidation: ours, made from the exchange's (`P9/2`).
const LIQUIDATION_PART: char = '/';

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedTrade {
    pub symbol: Symbol,
    pub trade_id: TradeId,
    pub at: Timestamp,
    /// `None` where it was for no bot.
    pub moved: Option<Moved>,
}

/// What a trade did to a bot's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    pub bot: BotId,
    pub side: PositionSide,
    /// Below zero for what was closed.
    pub by: Decimal,
}

impl Moved {
    /// By a fill of this order.
    pub fn by_fill(order: &ClientOrderId, side: Side, position_side: PositionSide, qty: Qty) -> Option<Self> {
        let adds = side == position_side.entry_side();
        let by = if adds { qty.decimal() } else { -qty.decimal() };
        Some(Self { bot: order.key()?.bot?, side: position_side, by })
    }
}

impl BookedTrade {
    pub fn of(fill: &Fill) -> Self {
        Self {
            symbol: fill.symbol.clone(),
            trade_id: fill.trade_id.clone(),
            at: fill.at,
            moved: Moved::by_fill(&fill.client_order_id, fill.side, fill.position_side, fill.qty),
        }
    }
}

/// The trade id of a bot's part of a liquidation.
pub(super) fn liquidation_part(trade: &TradeId, bot: BotId) -> TradeId {
    TradeId(format!("{trade}{LIQUIDATION_PART}{bot}"))
}

/// In the order they were booked.
#[derive(Debug, Default)]
pub struct Booked {
    trades: VecDeque<BookedTrade>,
    known: BTreeSet<(Symbol, TradeId)>,
}

impl Booked {
    pub fn restore(trades: Vec<BookedTrade>) -> Self {
        let known = trades.iter().map(|trade| (trade.symbol.clone(), trade.trade_id.clone())).collect();
        Self { trades: trades.into(), known }
    }

    /// True the first time a trade is seen. Those that happened since `retold_since` are kept.
    pub fn note(&mut self, trade: BookedTrade, retold_since: Option<Timestamp>) -> bool {
        if !self.known.insert((trade.symbol.clone(), trade.trade_id.clone())) {
            return false;
        }
        self.trades.push_back(trade);
        let is_needed = |trade: &BookedTrade| retold_since.is_some_and(|since| trade.at >= since);
        while self.trades.len() > BOOKED_MIN && !self.trades.front().is_some_and(is_needed) {
            if let Some(old) = self.trades.pop_front() {
                self.known.remove(&(old.symbol, old.trade_id));
            }
        }
        true
    }

    pub fn has(&self, symbol: &Symbol, trade: &TradeId) -> bool {
        self.known.contains(&(symbol.clone(), trade.clone()))
    }

    /// Whether a part of this liquidation was booked.
    pub fn has_part_of(&self, symbol: &Symbol, trade: &TradeId) -> bool {
        let first = (symbol.clone(), TradeId(format!("{trade}{LIQUIDATION_PART}")));
        self.known
            .range(&first..)
            .next()
            .is_some_and(|(of, part)| *of == first.0 && part.0.starts_with(&first.1.0))
    }

    /// What trades after `at` have added to a position, by what is still kept in mind.
    pub(super) fn moved_after(&self, at: Timestamp, key: &HeldKey) -> Decimal {
        let is_its = |moved: &Moved| (moved.bot, moved.side) == (key.bot, key.side);
        let later = self.trades.iter().filter(|trade| trade.at > at && trade.symbol == key.symbol);
        later.filter_map(|trade| trade.moved.filter(is_its)).map(|moved| moved.by).sum()
    }

    /// The last one that the exchange knows by this id, from which a sweep continues.
    pub fn last(&self) -> Option<&TradeId> {
        self.trades.iter().rev().map(|trade| &trade.trade_id).find(|id| !id.0.contains(LIQUIDATION_PART))
    }
}
