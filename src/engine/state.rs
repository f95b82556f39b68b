//! What an account machine remembers: its positions, its working orders, and the small things that must survive a
//! restart beside them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::domain::fill::Fill;
use crate::domain::ids::{BotId, ClientOrderId, TradeId};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Price, Quote};
use crate::domain::order::{Order, OrderStatus, Purpose};
use crate::domain::position::Position;
use crate::domain::time::{Timeframe, Timestamp};

use super::decision::Code;
use super::turn::PositionRow;

/// Ended orders kept in memory, so that a late fill finds its order.
pub const ENDED_MAX: usize = 32;
/// Booked trade ids kept in memory, so that a repeated fill is recognised. The store refuses older repeats.
pub const BOOKED_MAX: usize = 128;

/// Marks the trade id of a bot's part of a liquidation: ours, made from the exchange's (`P9/2`).
pub const LIQUIDATION_PART: char = '/';

/// Durable with every commit, as JSON in `account_state.state`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DurableState {
    /// Cash by our own ledger, in quote currency.
    pub wallet: Option<Quote>,
    /// No entry on the symbol before this.
    pub cooldowns: BTreeMap<Symbol, Timestamp>,
    /// Close of the last bar whose signal was acted on, by bot and symbol.
    pub entry_guards: BTreeMap<BotId, BTreeMap<Symbol, Timestamp>>,
    /// Timeframe of the signal behind each working entry; goes over to the position it opens.
    pub entering: BTreeMap<ClientOrderId, Timeframe>,
    /// By position id.
    pub holdings: BTreeMap<ClientOrderId, Holding>,
    /// Symbols on which we and the exchange disagree, and how: no new entries there.
    pub blocked: BTreeMap<Symbol, String>,
    pub legs: Legs,
    pub last_equity_at: Option<Timestamp>,
    /// The account's clock: when it last did anything. After a crash the fleet's clock may be behind it.
    pub acted_at: Timestamp,
}

/// Numbers the orders of one cycle, so that their ids differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Legs {
    pub cycle: i64,
    pub next: u16,
}

/// What belongs to an open position beside its arithmetic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Of the signal that opened it; bars held are counted in it.
    pub timeframe: Timeframe,
    /// Best price since the trailing stop was armed.
    pub peak: Option<Price>,
    /// Being closed.
    pub exit: Option<Leaving>,
    /// Exits already reported while auto_exit is off.
    pub reported: BTreeSet<Code>,
    /// The DCA level whose refusal was already explained.
    pub dca_explained: Option<u8>,
}

impl Holding {
    pub const fn new(timeframe: Timeframe) -> Self {
        Self { timeframe, peak: None, exit: None, reported: BTreeSet::new(), dca_explained: None }
    }
}

/// A position on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    pub code: Code,
    pub purpose: Purpose,
    pub attempt: u8,
}

/// An open position with everything that is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub row: PositionRow,
    pub holding: Holding,
}

impl Held {
    pub const fn position(&self) -> &Position {
        &self.row.position
    }
}

/// What the store kept of an account.
#[derive(Debug, Clone, Default)]
pub struct SavedAccount {
    pub durable: DurableState,
    pub positions: Vec<PositionRow>,
    pub working: Vec<Order>,
    /// Oldest first, at most [`ENDED_MAX`].
    pub ended: Vec<Order>,
    /// Oldest first, at most [`BOOKED_MAX`].
    pub booked: Vec<(Symbol, TradeId)>,
}

/// Orders by their ids: those that may still do something, and the last of those that have ended.
#[derive(Debug, Default)]
pub struct OrderBook {
    working: BTreeMap<ClientOrderId, Order>,
    ended: VecDeque<Order>,
    /// Cancels asked for and not yet answered.
    pub cancelling: BTreeSet<ClientOrderId>,
    /// Placed more than once under their id: a refusal may be due to the first time.
    pub resent: BTreeSet<ClientOrderId>,
}

impl OrderBook {
    pub fn restore(working: Vec<Order>, ended: Vec<Order>) -> Self {
        Self {
            working: working.into_iter().map(|order| (order.client_order_id.clone(), order)).collect(),
            ended: ended.into(),
            cancelling: BTreeSet::new(),
            resent: BTreeSet::new(),
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

    pub fn get_mut(&mut self, id: &ClientOrderId) -> Option<&mut Order> {
        match self.working.get_mut(id) {
            Some(order) => Some(order),
            None => self.ended.iter_mut().find(|order| order.client_order_id == *id),
        }
    }

    /// Working orders of one bot on one symbol.
    pub fn of<'a>(&'a self, bot: BotId, symbol: &'a Symbol) -> impl Iterator<Item = &'a Order> {
        self.working.values().filter(move |order| order.bot == Some(bot) && order.symbol == *symbol)
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

    /// Moves an order that has ended out of the working ones.
    pub fn settle(&mut self, id: &ClientOrderId) {
        if !self.working.get(id).is_some_and(|order| order.status.is_final()) {
            return;
        }
        if let Some(order) = self.working.remove(id) {
            self.cancelling.remove(id);
            self.resent.remove(id);
            if self.ended.len() >= ENDED_MAX {
                self.ended.pop_front();
            }
            self.ended.push_back(order);
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
            (order.times.decided_at, order.client_order_id.key().map(|key| (key.cycle, key.leg)))
        });
        orders
    }
}

/// The last trade ids that were booked.
#[derive(Debug, Default)]
pub struct Booked(VecDeque<(Symbol, TradeId)>);

impl Booked {
    pub fn restore(booked: Vec<(Symbol, TradeId)>) -> Self {
        Self(booked.into())
    }

    /// True the first time a fill is seen.
    pub fn note(&mut self, fill: &Fill) -> bool {
        if self.0.iter().any(|(symbol, id)| *id == fill.trade_id && *symbol == fill.symbol) {
            return false;
        }
        if self.0.len() >= BOOKED_MAX {
            self.0.pop_front();
        }
        self.0.push_back((fill.symbol.clone(), fill.trade_id.clone()));
        true
    }

    /// The last one that the exchange knows by this id, from which a sweep continues.
    pub fn last(&self) -> Option<&TradeId> {
        self.0.iter().rev().map(|(_, id)| id).find(|id| !id.0.contains(LIQUIDATION_PART))
    }
}
