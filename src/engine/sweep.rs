//! Which fills an account asks for, so that none is lost and none must be kept in mind for ever.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::{ClientOrderId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::time::Timestamp;

use super::machine::AccountMachine;
use super::turn::Record;

/// A question for fills.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FillSweepPlan {
    /// All before is booked; by our clock, with an overlap that exceeds what clocks differ by.
    pub since: Timestamp,
    /// The fill that was booked last, for an exchange that tells fills in one order and forgets none.
    pub after: Option<TradeId>,
    /// Where fills of ours may have happened.
    pub symbols: BTreeSet<Symbol>,
    /// What the exchange calls the orders that may have them, where it is known.
    pub orders: BTreeMap<(Symbol, ClientOrderId), String>,
}

impl AccountMachine {
    /// Before the first sweep of an account that has no exact cursor: nothing of ours is older than its oldest order.
    pub(super) fn begin_sweeps(&mut self) {
        if self.config.venue.consistent_snapshots || self.durable.swept_until.is_some() {
            return;
        }
        let oldest = self.orders.working().map(|order| order.times.decided_at).min();
        self.durable.swept_until = Some(oldest.map_or(self.now, |oldest| oldest.min(self.now)));
        self.turn.records.push(Record::StateChanged);
    }

    /// Everything that was filled before `asked_at` and told by then is booked. Fills of an order that has no name there
    /// yet may have been told and not recognised: what happened since it was decided is asked for again.
    pub(super) fn note_swept(&mut self, asked_at: Timestamp) {
        let nameless = self.orders.working().filter(|order| order.exchange_order_id.is_none());
        let at = nameless.map(|order| order.times.decided_at).fold(asked_at, Timestamp::min);
        // What waits to be booked is told again after a restart.
        let waiting = self
            .early
            .values()
            .map(|early| early.fill.at)
            .chain(self.put_off.values().map(|put_off| put_off.fill.at));
        let at = waiting.fold(at, Timestamp::min);
        if self.durable.swept_until.is_some_and(|until| until < at) {
            self.durable.swept_until = Some(at);
            self.turn.records.push(Record::StateChanged);
        }
        self.note_early_swept(asked_at);
        self.book_forced_closes(asked_at);
    }

    /// Which fills to ask for.
    pub fn fill_sweep(&self) -> FillSweepPlan {
        let since = self.durable.retold_since().unwrap_or_default();
        let mut plan =
            FillSweepPlan { since, after: self.booked.last().cloned(), ..FillSweepPlan::default() };
        for order in self.orders.working().chain(self.orders.ended_since(since)) {
            plan.symbols.insert(order.symbol.clone());
            if let Some(id) = &order.exchange_order_id {
                plan.orders.insert((order.symbol.clone(), order.client_order_id.clone()), id.clone());
            }
        }
        plan.symbols.extend(self.held.keys().map(|held| held.symbol.clone()));
        plan
    }
}
