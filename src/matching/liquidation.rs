//! The end of an account whose losses have eaten its margin.

use rust_decimal::{Decimal, dec};

use super::book::Book;
use super::event::{BookEvent, EndReason, Liquidation};
use crate::domain::instrument::Symbol;
use crate::domain::order::OrderStatus;
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;

/// The part of its notional that a position must be backed by. 0.5 % is about the lowest bracket of the large
/// futures exchanges for their main symbols; their higher brackets ask for more, so that a real account of many
/// millions is liquidated earlier than this one.
const MAINTENANCE_MARGIN_FRACTION: Decimal = dec!(0.005);

/// How far a position's price may go without the account being liquidated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafePrice {
    pub symbol: Symbol,
    pub side: PositionSide,
    /// A long is safe above it, a short below it; `None`: at any price.
    pub bound: Option<Decimal>,
}

impl Book {
    /// Closes everything at the last prices once equity is at or below the maintenance margin.
    pub(super) fn liquidate_if_due(&mut self, at: Timestamp) {
        let mut equity = self.wallet.decimal();
        let mut maintenance = Decimal::ZERO;
        for position in &self.positions {
            let Some(price) = self.price(&position.symbol) else {
                continue;
            };
            // On every bar of every position: plain decimals, as only the comparison matters.
            let worth = price.decimal() * position.qty.decimal();
            let profit = worth - position.cost.decimal();
            equity += match position.side {
                PositionSide::Long => profit,
                PositionSide::Short => -profit,
            };
            maintenance += worth * MAINTENANCE_MARGIN_FRACTION;
        }
        if equity <= maintenance {
            self.liquidate(at);
        }
    }

    /// Prices of each position within which the account cannot be liquidated, as long as all stay within theirs: each
    /// position may use up its part of what is left. `None`: no such prices, so every bar must be looked at.
    pub fn safe_prices(&self) -> Option<Vec<SafePrice>> {
        let parts = Decimal::from(self.positions.len());
        if parts.is_zero() {
            return Some(Vec::new());
        }
        let part = self.wallet.decimal() / parts;
        let positions = self.positions.iter().map(|position| {
            let (qty, cost) = (position.qty.decimal(), position.cost.decimal());
            let keeps = match position.side {
                PositionSide::Long => Decimal::ONE - MAINTENANCE_MARGIN_FRACTION,
                PositionSide::Short => Decimal::ONE + MAINTENANCE_MARGIN_FRACTION,
            };
            let worth = match position.side {
                PositionSide::Long => cost - part,
                PositionSide::Short => cost + part,
            };
            // No price is at or below zero: a long that is paid in full cannot be liquidated.
            let is_beyond_reach = position.side == PositionSide::Long && worth <= Decimal::ZERO;
            let bound = (!is_beyond_reach).then(|| (worth / (qty * keeps)).max(Decimal::ZERO));
            SafePrice { symbol: position.symbol.clone(), side: position.side, bound }
        });
        (part > Decimal::ZERO).then(|| positions.collect())
    }

    fn liquidate(&mut self, at: Timestamp) {
        for mut position in std::mem::take(&mut self.positions) {
            let Some(price) = self.price(&position.symbol).or_else(|| position.entry_price_avg()) else {
                continue;
            };
            let qty = position.qty;
            let fee = price.notional(qty).part(self.config.taker_fee_pct);
            let trade_id = self.next_trade_id();
            let realized = position.reduce(price, qty);
            self.untold.push_back(BookEvent::Liquidated(Liquidation {
                trade_id,
                symbol: position.symbol,
                position_side: position.side,
                qty,
                price,
                fee,
                at,
            }));
            self.move_wallet(realized - fee);
        }
        while let Some(order) = self.end(0, OrderStatus::Cancelled, EndReason::Liquidation) {
            let client_order_id = order.client_order_id.clone();
            let (status, reason) = (OrderStatus::Cancelled, EndReason::Liquidation);
            self.untold.push_back(BookEvent::OrderEnded { client_order_id, status, reason });
        }
        self.changed();
    }
}
