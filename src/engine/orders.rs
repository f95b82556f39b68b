//! Orders by their ids: those that may still do something, and the last of those that have ended.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::domain::ids::{BotId, ClientOrderId};
use crate::domain::instrument::Symbol;
use crate::domain::money::Qty;
use crate::domain::order::{Order, OrderStatus, Purpose};
use crate::domain::time::Timestamp;

use super::machine::HeldKey;

/// So many ended orders are kept in memory whatever their age, so that a late fill finds its order.
pub const ENDED_MIN: usize = 32;
/// Never more than so many, however much may still be told of them.
pub const ENDED_MAX: usize = 4_096;

/// How an order ended, by what we have heard; its fills are still asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    pub status: OrderStatus,
    pub reason: Option<String>,
    /// What the exchange says was filled in the end, once it has said so.
    pub filled_qty: Option<Qty>,
}

#[derive(Debug, Default)]
pub struct OrderBook {
    working: BTreeMap<ClientOrderId, Order>,
    ended: VecDeque<Order>,
    /// Cancels asked for and not yet answered.
    pub cancelling: BTreeSet<ClientOrderId>,
    /// Placed more than once under their id: a refusal may be due to the first time.
    pub resent: BTreeSet<ClientOrderId>,
    /// Working orders that are over at the exchange and whose fills are not all here. After a restart they are asked
    /// about again.
    pub ending: BTreeMap<ClientOrderId, Ending>,
    /// Refused to be cancelled since they do not work any more. Until the next cycle they are only asked for: what they
    /// were filled by may come late, and would be waited for by cancelling them over and over.
    pub not_working: BTreeSet<ClientOrderId>,
    /// Working orders that may be over: a cancel or a question was not answered.
    pub in_question: BTreeSet<ClientOrderId>,
}

impl OrderBook {
    pub fn restore(working: Vec<Order>, ended: Vec<Order>) -> Self {
        Self {
            working: working.into_iter().map(|order| (order.client_order_id.clone(), order)).collect(),
            ended: ended.into(),
            cancelling: BTreeSet::new(),
            resent: BTreeSet::new(),
            ending: BTreeMap::new(),
            not_working: BTreeSet::new(),
            in_question: BTreeSet::new(),
        }
    }

    pub fn insert(&mut self, order: Order) {
        self.working.insert(order.client_order_id.clone(), order);
    }

    pub fn working(&self) -> impl Iterator<Item = &Order> {
        self.working.values()
    }

    pub fn get_working(&self, id: &ClientOrderId) -> Option<&Order> {
        self.working.get(id)
    }

    /// A working order, or one of the last that ended.
    pub fn get(&self, id: &ClientOrderId) -> Option<&Order> {
        self.working.get(id).or_else(|| self.ended.iter().rev().find(|order| order.client_order_id == *id))
    }

    pub fn get_mut(&mut self, id: &ClientOrderId) -> Option<&mut Order> {
        match self.working.get_mut(id) {
            Some(order) => Some(order),
            None => self.ended.iter_mut().rev().find(|order| order.client_order_id == *id),
        }
    }

    /// Working orders of one bot on one symbol.
    pub fn of<'a>(&'a self, bot: BotId, symbol: &'a Symbol) -> impl Iterator<Item = &'a Order> {
        self.working.values().filter(move |order| order.bot == Some(bot) && order.symbol == *symbol)
    }

    /// Working orders for one position.
    pub(super) fn on<'a>(&'a self, key: &'a HeldKey) -> impl Iterator<Item = &'a Order> {
        self.of(key.bot, &key.symbol).filter(|order| order.position_side == key.side)
    }

    /// Whether an order of this purpose was decided since `since` and ended without a fill.
    pub fn failed_since(&self, key: (BotId, &Symbol), purpose: Purpose, since: Timestamp) -> bool {
        self.ended.iter().any(|order| {
            order.purpose == purpose
                && order.bot == Some(key.0)
                && order.symbol == *key.1
                && order.filled_qty.is_zero()
                && order.times.decided_at >= since
        })
    }

    /// Whether an order does its work at the exchange, or may: not one that is being taken back or is over there.
    pub fn is_in_force(&self, id: &ClientOrderId) -> bool {
        !self.cancelling.contains(id) && !self.ending.contains_key(id)
    }

    /// Orders that have ended since then.
    pub fn ended_since(&self, since: Timestamp) -> impl Iterator<Item = &Order> {
        self.ended.iter().filter(move |order| order.times.finished_at.is_some_and(|at| at >= since))
    }

    /// Moves an order that has ended out of the working ones. Those that ended since `retold_since` are kept.
    pub fn settle(&mut self, id: &ClientOrderId, retold_since: Option<Timestamp>) {
        if !self.working.get(id).is_some_and(|order| order.status.is_final()) {
            return;
        }
        if let Some(order) = self.working.remove(id) {
            self.cancelling.remove(id);
            self.resent.remove(id);
            self.ending.remove(id);
            self.not_working.remove(id);
            self.in_question.remove(id);
            self.ended.push_back(order);
            self.forget_ended(retold_since);
        }
    }

    fn forget_ended(&mut self, retold_since: Option<Timestamp>) {
        let is_needed = |order: &Order| {
            retold_since.is_some_and(|since| order.times.finished_at.is_some_and(|at| at >= since))
        };
        while self.ended.len() > ENDED_MAX
            || (self.ended.len() > ENDED_MIN && !self.ended.front().is_some_and(is_needed))
        {
            self.ended.pop_front();
        }
    }

    /// Orders whose fate is not known, in the order they were decided.
    pub fn in_flight(&self) -> Vec<Order> {
        let mut orders: Vec<Order> = self
            .working
            .values()
            .filter(|order| {
                matches!(order.status, OrderStatus::Intended | OrderStatus::Sent | OrderStatus::Unknown)
            })
            .cloned()
            .collect();
        orders.sort_by_key(|order| {
            (order.times.decided_at, order.client_order_id.key().map(|key| (key.cycle, key.sequence())))
        });
        orders
    }
}
