//! A person wants a grid mended: plan, exchange and ledger are compared, and what was found is said.
//!
//! Nothing is mended otherwise than it always is: what waits is tried at once, lots are matched with what is held, the
//! exchange is asked for everything, and each line gets what it then lacks. What a repair adds is that it happens now,
//! that orders which the ledger does not know are taken back too, and that it is counted.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::ids::BotId;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::time::Timestamp;
use crate::engine::event::{OrderReport, Snapshot};
use crate::engine::machine::{AccountMachine, BotSymbol};
use crate::engine::turn::{Record, Request};

use super::state::{Backoff, GridMemory};

/// How an order ended that we took back ourselves.
const OWN_CANCEL: &str = "cancelled by us";

/// A repair, and what happened on the lines while they were compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Repair {
    /// The wish that it follows.
    pub asked_at: Timestamp,
    /// `None` while it is under way.
    pub done_at: Option<Timestamp>,
    /// Orders that were gone at the exchange.
    pub gone: u32,
    /// Orders that rested where none should.
    pub taken_back: u32,
    pub placed: u32,
    pub fills: u32,
}

impl Repair {
    /// What the record counts as, on the lines of `bot`.
    fn counter(&mut self, bot: BotId, record: &Record) -> Option<&mut u32> {
        let is_of_lines = |order: &Order| order.bot == Some(bot) && order.purpose.has_line();
        if let Record::GridFill(fill) = record {
            return (fill.bot == bot).then_some(&mut self.fills);
        }
        if let Record::OrderIntended(order) = record {
            return is_of_lines(order).then_some(&mut self.placed);
        }
        let Record::OrderChanged { order, .. } = record else { return None };
        let is_over = matches!(order.status, OrderStatus::Cancelled | OrderStatus::Expired);
        if !is_of_lines(order) || !is_over {
            None
        } else if is_taken_back(order) {
            Some(&mut self.taken_back)
        } else {
            order.times.acknowledged_at.is_some().then_some(&mut self.gone)
        }
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.gone, "gone at the exchange"),
            (self.taken_back, "taken back"),
            (self.placed, "placed"),
            (self.fills, "fills booked"),
        ];
        let found: Vec<_> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{what} {count}"))
            .collect();
        if found.is_empty() { f.write_str("nothing to mend") } else { f.write_str(&found.join(", ")) }
    }
}

impl AccountMachine {
    /// Follows the wishes that are new; once followed, the same wish does nothing.
    pub(in crate::engine) fn follow_repairs(&mut self) {
        let wished = |bot: &BotId| {
            let asked = self.config.bots.get(bot)?.grid.as_ref()?.repair_asked_at?;
            let followed = self.durable.grids.get(bot).and_then(|state| state.repair.as_ref());
            (followed.map(|repair| repair.asked_at) != Some(asked)).then_some(asked)
        };
        let wishes: Vec<_> =
            self.config.bots.keys().filter_map(|bot| Some((self.grid_key(*bot)?, wished(bot)?))).collect();
        for (key, asked_at) in wishes {
            let state = self.grid_state(key.0);
            state.repair = Some(Repair { asked_at, ..Repair::default() });
            state.entries = Backoff::default();
            state.exits = Backoff::default();
            self.grid_memory.insert(key.0, GridMemory::default());
            self.trim_lots(&key);
            self.doubt(&key.1);
            self.turn.records.push(Record::StateChanged);
        }
    }

    /// Orders of lines that rest at the exchange and that our ledger has ended double what the line has now: they are
    /// taken back. One that the ledger does not know at all, only when somebody wants the grid mended.
    pub(in crate::engine) fn withdraw_strays(&mut self, snapshot: &Snapshot) {
        let strays: Vec<_> =
            snapshot.open_orders.iter().filter_map(|report| self.stray(report, snapshot)).collect();
        for (key, report) in strays {
            self.turn.requests.push(Request::Cancel { symbol: key.1, id: report.client_order_id.clone() });
            if let Some(repair) = self.repair_under_way(key.0) {
                repair.taken_back = repair.taken_back.saturating_add(1);
                self.turn.records.push(Record::StateChanged);
            }
        }
    }

    fn stray<'a>(
        &self,
        report: &'a OrderReport,
        snapshot: &Snapshot,
    ) -> Option<(BotSymbol, &'a OrderReport)> {
        let id = &report.client_order_id;
        let bot = id.key().filter(|key| key.purpose.has_line())?.bot?;
        let key = self.grid_key(bot).filter(|key| snapshot.covers.contains(&key.1))?;
        let is_stray = match self.orders.get(id) {
            Some(order) => order.times.finished_at.is_some_and(|at| at < snapshot.taken_at),
            None => self.durable.grids.get(&bot)?.is_being_repaired(),
        };
        is_stray.then_some((key, report))
    }

    /// What this turn did on the lines of grids that are being repaired.
    pub(in crate::engine) fn count_repairs(&mut self) {
        for (bot, state) in &mut self.durable.grids {
            let Some(repair) = state.repair.as_mut().filter(|repair| repair.done_at.is_none()) else {
                continue;
            };
            for record in &self.turn.records {
                if let Some(counter) = repair.counter(*bot, record) {
                    *counter = counter.saturating_add(1);
                }
            }
        }
    }

    /// A repair is done once the exchange has answered and nothing is on its way to a line any more.
    pub(in crate::engine) fn finish_repair(&mut self, key: &BotSymbol) {
        if !self.durable.grids.get(&key.0).is_some_and(super::state::GridState::is_being_repaired) {
            return;
        }
        let is_on_its_way =
            |order: &Order| order.status.is_in_flight() || !self.orders.is_in_force(&order.client_order_id);
        let waits = self.grid_memory.get(&key.0).is_some_and(|memory| !memory.held_back.is_empty());
        if waits || self.doubted.contains_key(&key.1) || self.orders.of(key.0, &key.1).any(is_on_its_way) {
            return;
        }
        let now = self.now;
        if let Some(repair) = self.repair_under_way(key.0) {
            repair.done_at = Some(now);
            self.turn.records.push(Record::StateChanged);
        }
    }

    fn repair_under_way(&mut self, bot: BotId) -> Option<&mut Repair> {
        let repair = self.durable.grids.get_mut(&bot)?.repair.as_mut()?;
        repair.done_at.is_none().then_some(repair)
    }
}

pub(super) fn is_taken_back(order: &Order) -> bool {
    order.end_reason.as_deref() == Some(OWN_CANCEL)
}
