//! The trades that were booked, so that a repeated fill is recognised. The store refuses older repeats.

use std::collections::{BTreeSet, VecDeque};

use rust_decimal::Decimal;

use crate::domain::fill::Fill;
use crate::domain::ids::{BotId, ClientOrderId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::money::Qty;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::{DurationMs, Timestamp};

use super::machine::HeldKey;

/// So many are kept in memory whatever their age.
pub const BOOKED_MIN: usize = 128;

/// Where an exchange tells times now exactly and now in whole seconds, a trade may be told again as one of so much earlier.
const TOLD_EARLIER_MAX: DurationMs = DurationMs::from_secs(2);

/// Marks the trade id of a bot's part of a liquidation: ours, made from the exchange's (`P9/2`).
const LIQUIDATION_PART: char = '/';

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedTrade {
    pub symbol: Symbol,
    pub trade_id: TradeId,
    /// Whose fill it was; `None` for somebody else's. Two orders of one account that trade with each other both have one
    /// of this trade.
    pub order: Option<ClientOrderId>,
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
            order: Some(fill.client_order_id.clone()),
            at: fill.at,
            moved: Moved::by_fill(&fill.client_order_id, fill.side, fill.position_side, fill.qty),
        }
    }

    fn key(&self) -> BookedKey {
        (self.symbol.clone(), self.trade_id.clone(), self.order.clone())
    }
}

/// From when on trades are kept, where those since `retold_since` may be told again.
pub fn kept_since(retold_since: Option<Timestamp>) -> Option<Timestamp> {
    retold_since.map(|since| since.minus(TOLD_EARLIER_MAX))
}

/// The trade id of a bot's part of a liquidation.
pub(super) fn liquidation_part(trade: &TradeId, bot: BotId) -> TradeId {
    TradeId(format!("{trade}{LIQUIDATION_PART}{bot}"))
}

/// What a trade of an order is recognised by.
type BookedKey = (Symbol, TradeId, Option<ClientOrderId>);

/// In the order they were booked.
#[derive(Debug, Default)]
pub struct Booked {
    trades: VecDeque<BookedTrade>,
    known: BTreeSet<BookedKey>,
}

impl Booked {
    pub fn restore(trades: Vec<BookedTrade>) -> Self {
        let known = trades.iter().map(BookedTrade::key).collect();
        Self { trades: trades.into(), known }
    }

    /// True the first time a trade of an order is seen. Those that may be told again are kept.
    pub fn note(&mut self, trade: BookedTrade, retold_since: Option<Timestamp>) -> bool {
        if !self.known.insert(trade.key()) {
            return false;
        }
        self.trades.push_back(trade);
        let since = kept_since(retold_since);
        let is_needed = |trade: &BookedTrade| since.is_some_and(|since| trade.at >= since);
        while self.trades.len() > BOOKED_MIN && !self.trades.front().is_some_and(is_needed) {
            if let Some(old) = self.trades.pop_front() {
                self.known.remove(&old.key());
            }
        }
        true
    }

    /// `order`: `None` for somebody else's.
    pub fn has(&self, symbol: &Symbol, trade: &TradeId, order: Option<&ClientOrderId>) -> bool {
        self.known.contains(&(symbol.clone(), trade.clone(), order.cloned()))
    }

    /// Whether a part of this liquidation was booked.
    pub fn has_part_of(&self, symbol: &Symbol, trade: &TradeId) -> bool {
        let first = (symbol.clone(), TradeId(format!("{trade}{LIQUIDATION_PART}")), None);
        self.known
            .range(&first..)
            .next()
            .is_some_and(|(of, part, _)| *of == first.0 && part.0.starts_with(&first.1.0))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::fixtures;

    fn trade(id: &str, order: Option<u16>, at: i64) -> BookedTrade {
        BookedTrade {
            symbol: fixtures::symbol("BTCUSDT"),
            trade_id: TradeId(id.to_owned()),
            order: order.map(fixtures::id),
            at: Timestamp::from_ms(at),
            moved: None,
        }
    }

    #[test]
    fn a_trade_of_two_orders_is_two_fills_and_a_repeat_of_either_is_none() {
        let mut booked = Booked::default();
        for (order, is_new) in
            [(Some(0), true), (Some(1), true), (None, true), (Some(0), false), (Some(1), false)]
        {
            assert_eq!(booked.note(trade("T", order, 0), None), is_new, "{order:?}");
        }
        assert!(!booked.has_part_of(&fixtures::symbol("BTCUSDT"), &TradeId("T".to_owned())));
        booked.note(trade("T/2", Some(2), 0), None);
        assert!(booked.has_part_of(&fixtures::symbol("BTCUSDT"), &TradeId("T".to_owned())));
    }

    #[test]
    fn a_trade_that_is_told_again_in_whole_seconds_is_still_known() {
        let mut booked = Booked::default();
        let retold_since = Some(Timestamp::from_ms(10_800));
        booked.note(trade("T", Some(0), 10_700), retold_since);
        for other in 0..BOOKED_MIN {
            booked.note(trade(&format!("later{other}"), Some(0), 11_000), retold_since);
        }
        // Fills from 10 s on are told, this one as of 10.000.
        assert!(!booked.note(trade("T", Some(0), 10_000), retold_since));
    }
}
