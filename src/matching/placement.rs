//! Taking an order into the book, or refusing it.

use super::book::Book;
use super::order::{Birth, BookOrder, exchange_order_id};
use super::refusal::Refusal;
use crate::domain::instrument::Instrument;
use crate::domain::money::{Price, Quote};
use crate::domain::order::{Order, OrderKind, TimeInForce};
use crate::domain::time::Timestamp;

/// The book's answer to an order that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub exchange_order_id: String,
}

impl Book {
    /// Puts an order to work; it fills in [`Book::next_event`], never here. A refused order leaves no trace: its id
    /// may be used again. An accepted order's id may not, for as long as the book remembers it.
    pub fn place(
        &mut self,
        order: &Order,
        instrument: &Instrument,
        now: Timestamp,
    ) -> Result<Accepted, Refusal> {
        if self.order(&order.client_order_id).is_some() {
            return Err(Refusal::DuplicateId(order.client_order_id.clone()));
        }
        let market = self.price(&order.symbol).ok_or_else(|| Refusal::NoPrice(order.symbol.clone()))?;
        let number = self.orders.saturating_add(1);
        let mut entry = BookOrder::new(order, instrument, self.birth(number, now));
        entry.crossed = entry.is_limit() && entry.crosses(market);
        self.check_rules(&entry, instrument, market)?;
        refuse_crossing(&entry, market)?;
        self.check_margin(&entry)?;
        self.orders = number;
        self.working.push(entry);
        self.changed();
        Ok(Accepted { exchange_order_id: exchange_order_id(number) })
    }

    fn birth(&self, number: u64, now: Timestamp) -> Birth {
        Birth { number, placed_at: now, step_at: self.cursor.step_at, phase: self.cursor.phase }
    }

    fn check_rules(&self, order: &BookOrder, instrument: &Instrument, market: Price) -> Result<(), Refusal> {
        instrument.check_qty(order.qty)?;
        if let Some(price) = order.kind.price() {
            instrument.check_price(price)?;
        }
        if !self.only_reduces(order) {
            instrument.check_notional(order.kind.price().unwrap_or(market), order.qty)?;
        } else if self.reducible(order).is_zero() {
            return Err(Refusal::NothingToReduce { symbol: order.symbol.clone(), side: order.side });
        }
        Ok(())
    }

    fn check_margin(&self, order: &BookOrder) -> Result<(), Refusal> {
        let needed = self.margin_of(order);
        if needed == Quote::ZERO {
            return Ok(());
        }
        let available = self.balance().available;
        if needed > available {
            return Err(Refusal::InsufficientMargin { needed, available });
        }
        Ok(())
    }
}

fn refuse_crossing(order: &BookOrder, market: Price) -> Result<(), Refusal> {
    match order.kind {
        OrderKind::Limit { price, time_in_force: TimeInForce::PostOnly } if order.crossed => {
            Err(Refusal::WouldCross { symbol: order.symbol.clone(), side: order.side, price, market })
        }
        OrderKind::Limit { .. }
        | OrderKind::Market
        | OrderKind::StopMarket { .. }
        | OrderKind::TakeProfitMarket { .. } => Ok(()),
    }
}
