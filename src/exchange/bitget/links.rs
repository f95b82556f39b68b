//! Whose the exchange's orders are, as far as it is known.
//!
//! Fills name an order by the exchange's id alone, and a plan order that was triggered executes as an order with an id
//! of its own: `executeOrderId` in the plan's history links the two. The id of the plan order itself is never noted: it is
//! of another space, where an equal id is another order.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::ClientOrderId;

/// Orders that are remembered. Ids grow, so that the oldest are forgotten first.
const REMEMBERED_MAX: usize = 4_096;

/// Plan orders that are remembered: more than an account can have.
const WAITING_MAX: usize = 1_024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    Ours(ClientOrderId),
    External,
}

#[derive(Debug, Default)]
pub(super) struct Links {
    orders: BTreeMap<String, Whose>,
    /// Plan orders of ours that may be triggered.
    waiting: BTreeSet<ClientOrderId>,
    round: Round,
}

/// What was asked already, to find out whose some executions are: asking may be broken off and goes on there.
#[derive(Debug, Default)]
struct Round {
    /// The newest plan orders that have ended.
    has_searched: bool,
    asked: BTreeSet<ClientOrderId>,
}

impl Links {
    /// The order of this id of the exchange is ours, or executes a plan order of ours.
    pub(super) fn note_ours(&mut self, exchange_order_id: &str, id: &ClientOrderId) {
        self.note(exchange_order_id, Whose::Ours(id.clone()));
    }

    pub(super) fn note_external(&mut self, exchange_order_id: &str) {
        self.note(exchange_order_id, Whose::External);
    }

    fn note(&mut self, exchange_order_id: &str, whose: Whose) {
        if exchange_order_id.is_empty() {
            return;
        }
        self.orders.insert(exchange_order_id.to_owned(), whose);
        if self.orders.len() > REMEMBERED_MAX {
            self.orders.pop_first();
        }
    }

    pub(super) fn whose(&self, exchange_order_id: &str) -> Option<&Whose> {
        self.orders.get(exchange_order_id)
    }

    pub(super) fn note_waiting(&mut self, plan: &ClientOrderId) {
        self.waiting.insert(plan.clone());
        if self.waiting.len() > WAITING_MAX {
            self.waiting.pop_first();
        }
    }

    /// The plan order has ended, or the order that executes it is known.
    pub(super) fn note_settled(&mut self, plan: &ClientOrderId) {
        self.waiting.remove(plan);
    }

    /// Executions are looked at that what was asked before does not tell of.
    pub(super) fn begin_round(&mut self) {
        self.round = Round::default();
    }

    pub(super) const fn has_searched(&self) -> bool {
        self.round.has_searched
    }

    pub(super) const fn note_searched(&mut self) {
        self.round.has_searched = true;
    }

    pub(super) fn note_asked(&mut self, plan: ClientOrderId) {
        self.round.asked.insert(plan);
    }

    /// Those of `plans`, and of the waiting ones, that were not asked about yet.
    pub(super) fn unasked(&self, plans: &BTreeSet<ClientOrderId>) -> Vec<ClientOrderId> {
        plans.union(&self.waiting).filter(|plan| !self.round.asked.contains(plan)).cloned().collect()
    }

    /// Plan orders that an unknown order may execute.
    pub(super) fn waiting(&self) -> &BTreeSet<ClientOrderId> {
        &self.waiting
    }
}
