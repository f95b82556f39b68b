//! Comparing what we believe with what the exchange holds. What can be explained is adopted; what cannot blocks new
//! entries on its symbol. Nothing is guessed.

use std::collections::BTreeMap;

use crate::domain::instrument::Symbol;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::side::PositionSide;
use rust_decimal::Decimal;

use super::event::Snapshot;
use super::machine::AccountMachine;
use super::turn::{Record, Request};

/// Net quantity a symbol and side; a one-way account has its net under its own side only.
type Net = BTreeMap<(Symbol, PositionSide), Decimal>;

impl AccountMachine {
    /// Fills first, then orders, then positions, then protection.
    pub(super) fn reconcile(&mut self, snapshot: &Snapshot) {
        for fill in &snapshot.fills {
            self.book_fill(fill);
        }
        for report in &snapshot.open_orders {
            self.adopt(report);
        }
        self.ask_about_missing(snapshot);
        if self.durable.wallet.is_none() {
            self.durable.wallet = Some(snapshot.wallet);
            self.turn.records.push(Record::StateChanged);
        }
        self.compare_positions(snapshot);
        self.obey_halt();
        self.sync_all_protection();
    }

    /// Orders that we believe to rest and the exchange does not list: ask what became of them.
    fn ask_about_missing(&mut self, snapshot: &Snapshot) {
        let listed = |order: &&Order| {
            snapshot.open_orders.iter().any(|report| report.client_order_id == order.client_order_id)
        };
        let missing: Vec<(Symbol, _)> = self
            .orders
            .working()
            .filter(|order| matches!(order.status, OrderStatus::Open | OrderStatus::PartiallyFilled))
            .filter(|order| !listed(order))
            .map(|order| (order.symbol.clone(), order.client_order_id.clone()))
            .collect();
        for (symbol, id) in missing {
            self.turn.requests.push(Request::Query { symbol, id });
        }
    }

    /// Differences block their symbol; symbols that agree again are released.
    fn compare_positions(&mut self, snapshot: &Snapshot) {
        let hedge = self.config.venue.hedge;
        let ours = net(
            self.held.values().map(|held| {
                let position = held.position();
                (&position.symbol, position.side, position.qty.decimal())
            }),
            hedge,
        );
        let theirs =
            net(snapshot.positions.iter().map(|net| (&net.symbol, net.side, net.qty.decimal())), hedge);
        let differing = differences(&ours, &theirs);
        if self.durable.blocked.is_empty() && differing.is_empty() {
            return;
        }
        self.turn.records.push(Record::StateChanged);
        self.durable.blocked.clear();
        for (symbol, why) in differing {
            self.block(&symbol, &why);
        }
    }
}

fn net<'a>(positions: impl Iterator<Item = (&'a Symbol, PositionSide, Decimal)>, hedge: bool) -> Net {
    let mut net = Net::new();
    for (symbol, side, qty) in positions {
        let (side, signed) = match (hedge, side) {
            (true, side) => (side, qty),
            (false, PositionSide::Long) => (PositionSide::Long, qty),
            (false, PositionSide::Short) => (PositionSide::Long, -qty),
        };
        *net.entry((symbol.clone(), side)).or_default() += signed;
    }
    net.retain(|_, qty| !qty.is_zero());
    net
}

fn differences(ours: &Net, theirs: &Net) -> BTreeMap<Symbol, String> {
    let mut differing = BTreeMap::new();
    for key in ours.keys().chain(theirs.keys()) {
        let (own, exchange) =
            (ours.get(key).copied().unwrap_or_default(), theirs.get(key).copied().unwrap_or_default());
        if own != exchange {
            let why = format!("bots hold {own} {}, the exchange {exchange}", key.1);
            differing.insert(key.0.clone(), why);
        }
    }
    differing
}
