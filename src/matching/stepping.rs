//! From one step of the market to events, one at a time.
//!
//! A step is matched in two phases, at the open and inside the range. After each event the search for the next one
//! starts over, so that what the caller did about the event (a cancel, a protective stop, a market order to the other
//! side) is respected in the same bar.

use super::book::Book;
use super::cursor::Phase;
use super::event::{BookEvent, EndReason};
use super::execution::Execution;
use super::order::{BookOrder, Reach};
use crate::domain::candle::Candle;
use crate::domain::market::MarketStep;
use crate::domain::money::{Price, Qty};
use crate::domain::order::{OrderKind, OrderStatus};

/// What the search found at an index of the working orders.
enum Found {
    Execution {
        index: usize,
        execution: Execution,
    },
    /// An order that may not rest and cannot fill.
    Unfillable {
        index: usize,
        reason: EndReason,
    },
}

impl Book {
    /// The next thing that happens in `step`; `None` when there is no more. Ask until then, before the next step. A
    /// step at or before one that is finished yields nothing new; a later step ends an unfinished one.
    pub fn next_event(&mut self, step: &MarketStep) -> Option<BookEvent> {
        if let Some(event) = self.untold.pop_front() {
            self.changed();
            return Some(event);
        }
        if let Some(event) = self.end_spent_reduction() {
            return Some(event);
        }
        if self.cursor.has_passed(step.at) {
            return None;
        }
        if self.cursor.step_at < step.at && !self.begin(step) {
            return self.finish(step);
        }
        if self.cursor.phase == Phase::Open {
            if let Some(event) = self.search(step, Phase::Open) {
                return Some(event);
            }
            self.cursor.phase = Phase::Range;
        }
        match self.search(step, Phase::Range) {
            Some(event) => Some(event),
            None => self.finish(step),
        }
    }

    /// Whether no order of the account can match in the step.
    pub fn untouched_by(&self, step: &MarketStep) -> bool {
        let touches = |order: &BookOrder| {
            step.price_bar(&order.symbol).is_some_and(|bar| order.is_touched_by(&bar.candle))
        };
        !self.working.iter().any(touches)
    }

    /// Whether anything of the account can match in the step.
    fn begin(&mut self, step: &MarketStep) -> bool {
        self.cursor.begin(step.at);
        let touched = !self.untouched_by(step);
        if touched {
            self.prices.mark(step, |candle| candle.open);
        }
        touched
    }

    fn finish(&mut self, step: &MarketStep) -> Option<BookEvent> {
        self.prices.mark(step, |candle| candle.close);
        self.cursor.phase = Phase::Done;
        if !self.positions.is_empty() {
            self.liquidate_if_due(step.at);
        }
        self.untold.pop_front()
    }

    fn search(&mut self, step: &MarketStep, phase: Phase) -> Option<BookEvent> {
        match self.find(step, phase)? {
            Found::Execution { index, execution } => self.execute(index, execution),
            Found::Unfillable { index, reason } => self.expire(index, reason),
        }
    }

    /// The first order that something happens to: those that come first inside a bar before the others, then by
    /// age.
    fn find(&self, step: &MarketStep, phase: Phase) -> Option<Found> {
        [true, false].into_iter().find_map(|first| {
            let orders = self.working.iter().enumerate();
            orders.filter(|(_, order)| comes_first(order, phase) == first).find_map(|(index, order)| {
                let candle = step.price_bar(&order.symbol)?.candle;
                match phase {
                    Phase::Open => self.at_open(index, order, &candle, step),
                    Phase::Range => self.in_range(index, order, &candle, step),
                    Phase::Done => None,
                }
            })
        })
    }

    fn at_open(&self, index: usize, order: &BookOrder, candle: &Candle, step: &MarketStep) -> Option<Found> {
        let answers = self.answers_the_open(order, step);
        if order.born_at == step.at && !answers {
            return None;
        }
        let reached = match order.reach() {
            Reach::NextOpen => !order.is_immediate() || order.crosses(candle.open),
            Reach::AtOrBelow(level) => candle.open <= level,
            Reach::AtOrAbove(level) => candle.open >= level,
        };
        let qty = if reached { self.fillable(order, candle) } else { Qty::ZERO };
        if let Some(reason) = order.immediacy() {
            let short = match reason {
                EndReason::FillOrKill => qty < order.remaining_qty(),
                EndReason::ImmediateOrCancel
                | EndReason::ReduceOnly
                | EndReason::Liquidation
                | EndReason::Cancelled => qty.is_zero(),
            };
            if short {
                return Some(Found::Unfillable { index, reason });
            }
        }
        // The bar opened before some of the orders that it fills were placed: nothing fills before it is placed, or
        // before what it answers.
        let placed_at = if answers { self.last_fill_at(&order.symbol) } else { Some(order.placed_at) };
        let at = placed_at.map_or(candle.open_time, |at| at.max(candle.open_time)).min(step.at);
        let execution = Execution { market: candle.open, qty, at };
        (!qty.is_zero()).then_some(Found::Execution { index, execution })
    }

    /// Whether it was sent as an answer to what happened at the step's open, opens, and takes whatever the market gives: it
    /// is filled at that open too, so that what closes one side and what opens the other are at the same price.
    fn answers_the_open(&self, order: &BookOrder, step: &MarketStep) -> bool {
        order.born_at == step.at
            && order.born_in == Phase::Open
            && matches!(order.kind, OrderKind::Market)
            && !self.only_reduces(order)
    }

    fn in_range(&self, index: usize, order: &BookOrder, candle: &Candle, step: &MarketStep) -> Option<Found> {
        let born_inside = order.born_at == step.at && order.born_in == Phase::Range;
        // Which of the bar's prices came after such an order is unknown. The worse is assumed: it may lose, not
        // win.
        if born_inside && !order.is_stop() {
            return None;
        }
        let start = if born_inside { self.price(&order.symbol)? } else { candle.open };
        let market = met_inside(order, candle, start)?;
        let qty = self.fillable(order, candle);
        let execution = Execution { market, qty, at: step.at };
        (!qty.is_zero()).then_some(Found::Execution { index, execution })
    }

    fn expire(&mut self, index: usize, reason: EndReason) -> Option<BookEvent> {
        let order = self.end(index, OrderStatus::Expired, reason)?;
        let client_order_id = order.client_order_id.clone();
        Some(BookEvent::OrderEnded { client_order_id, status: OrderStatus::Expired, reason })
    }

    /// After a position was closed, ends one order that has nothing left to reduce.
    fn end_spent_reduction(&mut self) -> Option<BookEvent> {
        if !self.reductions_to_check {
            return None;
        }
        let spent =
            self.working.iter().position(|order| self.only_reduces(order) && self.reducible(order).is_zero());
        if let Some(index) = spent {
            return self.expire(index, EndReason::ReduceOnly);
        }
        self.reductions_to_check = false;
        None
    }
}

/// Inside a bar the worst is assumed to happen first: stops before take-profits and limits. At the open, what
/// trades at any price comes before what names one.
fn comes_first(order: &BookOrder, phase: Phase) -> bool {
    match phase {
        Phase::Open => order.is_stop() || matches!(order.reach(), Reach::NextOpen),
        Phase::Range | Phase::Done => order.is_stop(),
    }
}

/// The price at which the bar, coming from `start`, meets the order: its level, or `start` when that is beyond it
/// already.
fn met_inside(order: &BookOrder, candle: &Candle, start: Price) -> Option<Price> {
    match order.reach() {
        Reach::NextOpen => None,
        Reach::AtOrBelow(level) => (candle.low <= level).then(|| level.min(start)),
        Reach::AtOrAbove(level) => (candle.high >= level).then(|| level.max(start)),
    }
}
