//! What an account did, in memory: orders, fills, positions, decisions. The same records that the daemon writes.

use crate::domain::funding::FundingPayment;
use crate::domain::ids::ClientOrderId;
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::engine::decision::Decision;
use crate::engine::turn::{BookedFill, PositionRow, Record};

/// A fill and the bar it happened in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerFill {
    pub booked: BookedFill,
    /// When the bar it happened in closed.
    pub step_at: Timestamp,
}

/// Everything in the order it happened. An order and a position stand as they were left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    pub orders: Vec<Order>,
    pub fills: Vec<LedgerFill>,
    pub positions: Vec<PositionRow>,
    pub decisions: Vec<Decision>,
    pub funding: Vec<FundingPayment>,
    /// Bots that were stopped by what happened to them.
    pub stopped_bots: u32,
}

impl Ledger {
    /// Keeps what a turn made durable during the step that closed at `step_at`.
    pub fn keep(&mut self, records: Vec<Record>, step_at: Timestamp) {
        for record in records {
            match record {
                Record::OrderIntended(order) => self.orders.push(order),
                Record::OrderChanged { order, .. } => {
                    if let Some(known) = self.order_mut(&order.client_order_id) {
                        *known = order;
                    }
                }
                Record::Fill(booked) => self.fills.push(LedgerFill { booked, step_at }),
                Record::Funding(payment) => self.funding.push(payment),
                Record::Position(row) => self.keep_position(row),
                Record::Decision(decision) => self.decisions.push(decision),
                Record::BotStopped { .. } => self.stopped_bots += 1,
                // What follows from these, or is for people and daemons only.
                Record::CashAdjustment(_)
                | Record::BotStats(_)
                | Record::BotError { .. }
                | Record::BotClosed { .. }
                | Record::Equity { .. }
                | Record::Notice(_)
                | Record::StateChanged => {}
            }
        }
    }

    pub fn order(&self, id: &ClientOrderId) -> Option<&Order> {
        self.orders.iter().rev().find(|order| order.client_order_id == *id)
    }

    /// Orders that change are among the last.
    fn order_mut(&mut self, id: &ClientOrderId) -> Option<&mut Order> {
        self.orders.iter_mut().rev().find(|order| order.client_order_id == *id)
    }

    fn keep_position(&mut self, row: PositionRow) {
        match self.positions.iter_mut().rev().find(|known| known.position.id == row.position.id) {
            Some(known) => *known = row,
            None => self.positions.push(row),
        }
    }
}
