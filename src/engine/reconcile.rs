//! Comparing what we believe with what the exchange holds. What can be explained is adopted; what cannot blocks new
//! entries on its symbol. Nothing is guessed.

use std::collections::BTreeSet;

use crate::domain::order::{Order, OrderStatus};
use crate::domain::scope::Scope;

use super::event::{OrderReport, Snapshot};
use super::machine::AccountMachine;
use super::turn::{Record, Request};

impl AccountMachine {
    /// Fills first, then orders, then positions, then protection; then what is still not known of orders.
    pub(super) fn reconcile(&mut self, snapshot: &Snapshot) {
        for fill in &snapshot.fills {
            self.book_fill(fill);
        }
        for fill in &snapshot.external_fills {
            self.hear_external_fill(fill);
        }
        self.note_swept(snapshot.taken_at);
        for report in &snapshot.open_orders {
            self.adopt(report);
        }
        self.withdraw_strays(snapshot);
        self.withdraw_forgotten(snapshot);
        self.ask_about_missing(snapshot);
        self.compare_positions(snapshot);
        self.match_lots();
        self.obey_halt();
        self.sync_all_protection();
        if !self.config.venue.consistent_snapshots {
            self.ask_about_unknown_orders();
        }
    }

    /// A database that was brought back from a copy does not know what was ordered since, and would order it once more:
    /// those orders are taken back. What they were filled by is booked by their ids.
    fn withdraw_forgotten(&mut self, snapshot: &Snapshot) {
        if !self.durable.is_restored || self.config.venue.consistent_snapshots {
            return;
        }
        let is_forgotten = |report: &&OrderReport| {
            let id = &report.client_order_id;
            id.key().is_some_and(|key| key.account == self.account) && self.orders.get(id).is_none()
        };
        let forgotten = snapshot.open_orders.iter().filter(is_forgotten);
        let requests: Vec<Request> = forgotten
            .map(|report| Request::Cancel {
                symbol: report.symbol.clone(),
                id: report.client_order_id.clone(),
            })
            .collect();
        if requests.is_empty() && snapshot.covers == Scope::All {
            self.durable.is_restored = false;
            self.turn.records.push(Record::StateChanged);
        }
        self.turn.requests.extend(requests);
    }

    /// Orders that we believe to rest and the exchange does not list: ask what became of them, behind what protects. Those
    /// that it acknowledged while the snapshot was under way may be missing from it rightly.
    fn ask_about_missing(&mut self, snapshot: &Snapshot) {
        let listed: BTreeSet<_> = snapshot.open_orders.iter().map(|report| &report.client_order_id).collect();
        let is_missing = |order: &&Order| {
            matches!(order.status, OrderStatus::Open | OrderStatus::PartiallyFilled)
                && snapshot.covers.contains(&order.symbol)
                && order.times.acknowledged_at.is_none_or(|at| at <= snapshot.taken_at)
                && !listed.contains(&order.client_order_id)
        };
        let missing: Vec<Order> = self.orders.working().filter(is_missing).cloned().collect();
        for order in missing {
            let (symbol, id) = (order.symbol, order.client_order_id);
            if self.config.venue.consistent_snapshots {
                self.turn.requests.push(Request::Query { symbol, id });
            } else {
                self.orders.in_question.insert(id);
            }
        }
    }
}
