//! What an account did, in memory: orders, fills, positions, decisions. The same records that the daemon writes.

use std::collections::BTreeMap;

use crate::domain::funding::FundingPayment;
use crate::domain::ids::BotId;
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::engine::decision::Decision;
use crate::engine::grid::rows::{GridFill, GridLineRow};
use crate::engine::turn::{BookedFill, PositionRow, Record};

/// A fill and the bar it happened in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerFill {
    pub booked: BookedFill,
    /// When the bar it happened in closed.
    pub step_at: Timestamp,
}

/// What a fill did on a grid's line, and the bar it happened in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerGridFill {
    pub fill: GridFill,
    /// When the bar it happened in closed.
    pub step_at: Timestamp,
}

/// A bot that was stopped by what happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerStop {
    pub bot: BotId,
    pub reason: String,
    /// When the bar it happened in closed.
    pub step_at: Timestamp,
}

/// Everything in the order it happened. An order, a position and a grid's line stand as they were left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    pub orders: Vec<Order>,
    pub fills: Vec<LedgerFill>,
    pub positions: Vec<PositionRow>,
    pub decisions: Vec<Decision>,
    pub funding: Vec<FundingPayment>,
    pub stops: Vec<LedgerStop>,
    pub grid_fills: Vec<LedgerGridFill>,
    pub grid_lines: BTreeMap<BotId, BTreeMap<u16, GridLineRow>>,
    /// Places of the orders and positions that are not over: only these change.
    working: Vec<usize>,
    open: Vec<usize>,
}

impl Ledger {
    /// Keeps what a turn made durable during the step that closed at `step_at`.
    pub fn keep(&mut self, records: Vec<Record>, step_at: Timestamp) {
        for record in records {
            match record {
                Record::OrderIntended(order) => {
                    self.working.push(self.orders.len());
                    self.orders.push(order);
                }
                Record::OrderChanged { order, .. } => self.keep_order(order),
                Record::Fill(booked) => self.fills.push(LedgerFill { booked, step_at }),
                Record::Funding(payment) => self.funding.push(payment),
                Record::Position(row) => self.keep_position(row),
                Record::Decision(decision) => self.decisions.push(decision),
                Record::BotStopped { bot, reason } => self.stops.push(LedgerStop { bot, reason, step_at }),
                Record::GridFill(fill) => self.grid_fills.push(LedgerGridFill { fill, step_at }),
                Record::GridLines(lines) => {
                    let known = self.grid_lines.entry(lines.bot).or_default();
                    known.extend(lines.changed.into_iter().map(|row| (row.line, row)));
                }
                // What follows from these, or is for people and daemons only.
                Record::CashAdjustment(_)
                | Record::BotStats(_)
                | Record::BotError { .. }
                | Record::BotClosed { .. }
                | Record::SymbolClosed { .. }
                | Record::Equity { .. }
                | Record::Notice(_)
                | Record::StateChanged => {}
            }
        }
    }

    fn keep_order(&mut self, order: Order) {
        let Self { orders, working, .. } = self;
        let known = |place: &usize| {
            orders.get(*place).is_some_and(|known| known.client_order_id == order.client_order_id)
        };
        let Some(slot) = working.iter().position(known) else { return };
        let is_over = order.status.is_final();
        if let Some(known) = working.get(slot).and_then(|place| orders.get_mut(*place)) {
            *known = order;
        }
        if is_over {
            working.swap_remove(slot);
        }
    }

    fn keep_position(&mut self, row: PositionRow) {
        let Self { positions, open, .. } = self;
        let known =
            |place: &usize| positions.get(*place).is_some_and(|known| known.position.id == row.position.id);
        let Some(slot) = open.iter().position(known) else {
            open.push(positions.len());
            positions.push(row);
            return;
        };
        let is_over = !row.position.is_open();
        if let Some(known) = open.get(slot).and_then(|place| positions.get_mut(*place)) {
            *known = row;
        }
        if is_over {
            open.swap_remove(slot);
        }
    }
}
