//! Places and cancels orders.
//!
//! Several orders of a symbol go in one request, where that is quicker; each has its own answer in it. An order of whose
//! id the exchange says that it was used exists: it is looked up.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::account::{BitgetExchange, SEND_DEADLINE};
use super::errors;
use super::orders::{self, Modes, is_plan};
use super::rest::{Moment, Rest};
use super::wire::{BatchAnswer, PlacedRow};
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::exchange::error::ExchangeError;
use crate::exchange::report::Accepted;
use crate::exchange::wire::Lane;

/// Single orders may go ten times as often as batches, so that a batch of fewer gains nothing and makes others wait.
const BATCH_WORTHWHILE: usize = 5;

/// What became of orders, by their ids.
type Outcomes = BTreeMap<ClientOrderId, Result<Accepted, ExchangeError>>;

/// What leaves as one request.
struct Shipment<'a> {
    symbol: &'a Symbol,
    orders: Vec<&'a Order>,
    modes: Modes,
}

impl BitgetExchange {
    pub(super) async fn place_all(&mut self, orders: &[Order]) -> Vec<Result<Accepted, ExchangeError>> {
        let (shipments, mut outcomes) = self.shipments(orders).await;
        let rest = &self.rest;
        for sent in join_all(shipments.iter().map(|shipment| shipment.send(rest))).await {
            outcomes.extend(sent);
        }
        let mut answers = Vec::with_capacity(orders.len());
        for order in orders {
            let outcome = outcomes.remove(&order.client_order_id).unwrap_or_else(|| Err(unlisted()));
            let outcome = self.settled(order, outcome).await;
            if let Ok(accepted) = &outcome {
                self.note_accepted(order, accepted);
            }
            answers.push(outcome);
        }
        answers
    }

    /// Groups the orders, and tells at once what cannot be sent.
    async fn shipments<'a>(&mut self, orders: &'a [Order]) -> (Vec<Shipment<'a>>, Outcomes) {
        let mut by_symbol: BTreeMap<&Symbol, Vec<&Order>> = BTreeMap::new();
        for order in orders {
            by_symbol.entry(&order.symbol).or_default().push(order);
        }
        let (mut shipments, mut failed) = (Vec::new(), Outcomes::new());
        for (symbol, orders) in by_symbol {
            let modes = match self.modes_of(symbol, Lane::Protect).await {
                Ok(modes) => modes,
                Err(error) => {
                    let each = |order: &&Order| (order.client_order_id.clone(), Err(error.clone()));
                    failed.extend(orders.iter().map(each));
                    continue;
                }
            };
            let (plans, plain): (Vec<_>, Vec<_>) =
                orders.into_iter().partition(|order| is_plan(&order.client_order_id));
            let size = if plain.len() < BATCH_WORTHWHILE { 1 } else { plain.len() };
            let groups = plain.chunks(size).chain(plans.chunks(1));
            shipments.extend(groups.map(|orders| Shipment { symbol, orders: orders.to_vec(), modes }));
        }
        (shipments, failed)
    }

    /// Finds out what an answer leaves open that can be found out at once.
    async fn settled(
        &mut self,
        order: &Order,
        outcome: Result<Accepted, ExchangeError>,
    ) -> Result<Accepted, ExchangeError> {
        let is_nameless = matches!(&outcome, Ok(accepted) if accepted.exchange_order_id.is_empty());
        if !is_nameless && !matches!(&outcome, Err(error) if errors::is_duplicate(error)) {
            return outcome;
        }
        let (symbol, id) = (&order.symbol, &order.client_order_id);
        let found =
            if is_plan(id) { self.find_plan(symbol, id).await } else { self.find_order(symbol, id).await };
        match found {
            Ok(Some(report)) => Ok(Accepted { exchange_order_id: report.exchange_order_id }),
            Ok(None) => {
                Err(ExchangeError::Unknown { reason: "accepted, but not to be found yet".to_owned() })
            }
            Err(error) => Err(ExchangeError::Unknown { reason: format!("accepted, but not found: {error}") }),
        }
    }

    fn note_accepted(&mut self, order: &Order, accepted: &Accepted) {
        if is_plan(&order.client_order_id) {
            self.links.note_waiting(&order.client_order_id);
        } else {
            self.links.note_ours(&accepted.exchange_order_id, &order.client_order_id);
        }
        let now = self.now();
        self.stream.expect_echo(&order.client_order_id, now);
    }

    pub(super) async fn cancel_one(
        &mut self,
        symbol: &Symbol,
        id: &ClientOrderId,
    ) -> Result<(), ExchangeError> {
        let call = orders::cancel(symbol, id);
        if !is_plan(id) {
            return self.rest.ask::<PlacedRow>(&call).await.map(drop);
        }
        let both: BatchAnswer = self.rest.ask(&call).await?;
        let now = self.now();
        match both.failure_list.iter().flatten().next() {
            Some(failure) => Err(errors::failed(failure, now)),
            None => Ok(()),
        }
    }
}

impl Shipment<'_> {
    async fn send(&self, rest: &Rest) -> Outcomes {
        match self.orders.as_slice() {
            [order] => {
                let call = orders::place(order, self.modes);
                let answer: Result<PlacedRow, _> =
                    rest.ask_in_time(&call, moment(order.times.decided_at)).await;
                let accepted = answer.map(|row| Accepted { exchange_order_id: row.order_id.to_string() });
                Outcomes::from([(order.client_order_id.clone(), accepted)])
            }
            orders => self.send_batch(rest, orders).await,
        }
    }

    /// Stamped with the time of the oldest of them.
    async fn send_batch(&self, rest: &Rest, orders: &[&Order]) -> Outcomes {
        let decided_at = orders.iter().map(|order| order.times.decided_at).min().unwrap_or_default();
        let call = orders::place_batch(self.symbol, orders, self.modes);
        let answer: Result<BatchAnswer, _> = rest.ask_in_time(&call, moment(decided_at)).await;
        let both = match answer {
            Ok(both) => both,
            Err(error) => {
                return orders
                    .iter()
                    .map(|order| (order.client_order_id.clone(), Err(error.clone())))
                    .collect();
            }
        };
        let now = rest.line().clock().local_now();
        let ids: BTreeSet<&str> = orders.iter().map(|order| order.client_order_id.as_str()).collect();
        let accepted = both.success_list.iter().flatten().map(|row| {
            (row.client_oid.as_str(), Ok(Accepted { exchange_order_id: row.order_id.to_string() }))
        });
        let failed = both
            .failure_list
            .iter()
            .flatten()
            .map(|row| (row.client_oid.as_str(), Err(errors::failed(row, now))));
        accepted
            .chain(failed)
            .filter(|(id, _)| ids.contains(id))
            .filter_map(|(id, outcome)| Some((id.parse().ok()?, outcome)))
            .collect()
    }
}

/// An answer that does not mention an order of its request.
fn unlisted() -> ExchangeError {
    ExchangeError::Unknown { reason: "the answer does not list the order".to_owned() }
}

fn moment(decided_at: Timestamp) -> Moment {
    Moment { decided_at, deadline: decided_at.plus(SEND_DEADLINE) }
}

#[cfg(test)]
mod tests;
