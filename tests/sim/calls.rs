//! Performs what the machine asks of the exchange (`daemon::executor::calls` and `preparing`).

use tradefleet::daemon::answers;
use tradefleet::domain::ids::ClientOrderId;
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::order::{Order, OrderStatus, Purpose};
use tradefleet::engine::breaker::Urgency;
use tradefleet::engine::event::{CancelAnswer, Event, OrderReport, PlaceAnswer, QueryAnswer};
use tradefleet::engine::turn::Request;
use tradefleet::exchange::error::ExchangeError;
use tradefleet::exchange::report::{Accepted, SymbolTerms};

use crate::desk::{Desk, Done};
use crate::mutants::Mutant;
use crate::units::qty_of;
use crate::venue::Due;

impl Desk<'_> {
    pub(crate) fn perform(&mut self, request: Request) -> Done<Vec<Event<'static>>> {
        match request {
            Request::Place(id) => {
                let Some(order) = self.machine().order(&id).cloned() else { return Ok(Vec::new()) };
                let batch = self.batch_from(order);
                self.place(batch)
            }
            Request::Cancel { symbol, id } => self.cancel(symbol, id),
            Request::Query { id, .. } => {
                let asked_at = self.at();
                let answer = if self.may_call(Urgency::Protect) {
                    self.counters.work("queries", 1);
                    let answer = self.ask(|venue, _| venue.order(&id))?;
                    answers::query(answer)
                } else {
                    QueryAnswer::Failed { reason: "the circuit breaker is open".to_owned() }
                };
                let is_failed = matches!(answer, QueryAnswer::Failed { .. });
                let lies = is_failed && self.is(Mutant::FailedQueryIsNotFound);
                let answer = if lies { QueryAnswer::NotFound } else { answer };
                Ok(vec![Event::QueryAnswered { id, asked_at, answer }])
            }
            Request::SweepFills => self.sweep(),
        }
    }

    fn batch_from(&mut self, first: Order) -> Vec<Order> {
        let most = usize::from(self.capabilities.batch_size_max);
        let increases = first.purpose.increases();
        let process = self.process.as_mut().unwrap();
        let mut batch = vec![first];
        while batch.len() < most
            && let Some(Request::Place(id)) = process.requests.front()
            && let Some(next) = process.machine.order(id)
            && next.purpose.increases() == increases
        {
            batch.push(next.clone());
            process.requests.pop_front();
        }
        batch
    }

    fn place(&mut self, orders: Vec<Order>) -> Done<Vec<Event<'static>>> {
        let mut events = Vec::new();
        let mut ready = Vec::new();
        for order in orders {
            match self.make_ready(&order)? {
                Ok(()) => ready.push(order),
                Err(answer) => {
                    events.push(Event::PlaceAnswered {
                        id: order.client_order_id.clone(),
                        sent_at: self.at(),
                        answer,
                    });
                }
            }
        }
        if ready.is_empty() {
            return Ok(events);
        }
        let sent_at = self.at();
        let mut answers = self.send(&ready)?;
        let is_unanswered = |answer: &Result<_, _>| matches!(answer, Err(ExchangeError::Unknown { .. }));
        if self.is(Mutant::RetrySameId) && answers.iter().all(is_unanswered) {
            answers = self.send(&ready)?;
        }
        if self.is(Mutant::RetryNewId) && answers.iter().all(is_unanswered) {
            let renamed: Vec<Order> = ready.iter().map(renamed).collect();
            answers = self.send(&renamed)?;
        }
        if self.is(Mutant::BatchSwapped) {
            answers.reverse();
        }
        self.counters.work("orders sent", u64::try_from(ready.len()).unwrap());
        for (order, answer) in ready.iter().zip(answers) {
            let is_crossing = matches!(&answer, Err(error) if self.plan.dialect.is_crossing(error));
            self.counters.work("lines refused for crossing", u64::from(is_crossing));
            let accepted = answer.map(|exchange_order_id| Accepted { exchange_order_id });
            let heard = answers::place(self.heard(accepted));
            let answer = self.misheard(heard);
            self.note(&format!("{} {answer:?}", order.client_order_id));
            events.push(Event::PlaceAnswered { id: order.client_order_id.clone(), sent_at, answer });
        }
        Ok(events)
    }

    fn misheard(&self, answer: PlaceAnswer) -> PlaceAnswer {
        let reason = || "misheard".to_owned();
        match (self.mutant, &answer) {
            (Some(Mutant::RejectedOnTimeout), PlaceAnswer::Unknown { .. }) => {
                PlaceAnswer::Refused { code: "timeout".to_owned(), reason: reason() }
            }
            (Some(Mutant::NotSentOnTimeout), PlaceAnswer::Unknown { .. }) => {
                PlaceAnswer::NotSent { reason: reason() }
            }
            (Some(Mutant::AcceptedOnThrottle), PlaceAnswer::NotSent { .. })
            | (Some(Mutant::CrossingAccepted), PlaceAnswer::WouldCross { .. }) => {
                PlaceAnswer::Accepted { exchange_order_id: reason() }
            }
            _ => answer,
        }
    }

    /// Orders on the wire. What is refused because of the clock is sent once more by the right one, if it is still time.
    fn send(&mut self, orders: &[Order]) -> Done<Vec<Result<String, ExchangeError>>> {
        let first = orders.iter().map(|order| order.times.decided_at.ms()).min().unwrap();
        let answers = self.send_stamped(orders, first)?;
        let is_clock = |answer: &Result<String, ExchangeError>| matches!(answer, Err(ExchangeError::Unavailable { reason }) if reason == "-1021");
        let deadline = first + self.capabilities.send_deadline.ms();
        if answers.iter().all(is_clock) {
            self.p().offset = self.venue.offset + 150;
            if self.now <= deadline {
                return self.send_stamped(orders, first);
            }
        }
        Ok(answers)
    }

    fn send_stamped(&mut self, orders: &[Order], decided: i64) -> Done<Vec<Result<String, ExchangeError>>> {
        let stamp = decided + self.p().offset;
        let may_flip = self.is(Mutant::NotReduceOnly);
        let held: Vec<_> =
            orders.iter().map(|order| self.whole_position(order).unwrap_or(order.qty)).collect();
        let make = |call, index: usize| {
            let order = &orders[index];
            let order = Order { qty: held[index], ..order.clone() };
            Due::Place { call, stamp, reduce_only: order.reduce_only && !may_flip, order: Box::new(order) }
        };
        self.write(make, orders.len())
    }

    /// All that the exchange holds on an order's side, for the bot that takes it for its own.
    fn whole_position(&self, order: &Order) -> Option<tradefleet::domain::money::Qty> {
        if !self.is(Mutant::WholePositionStop) || !order.purpose.protects() {
            return None;
        }
        let symbol = usize::from(self.venue.dialect.symbols()[1] == order.symbol);
        let lots = self.venue.held(symbol, order.position_side);
        (lots > 0).then(|| qty_of(lots))
    }

    /// Whether the order may be sent now.
    fn make_ready(&mut self, order: &Order) -> Done<Result<(), PlaceAnswer>> {
        let increases = order.purpose.increases();
        let urgency = if increases { Urgency::Normal } else { Urgency::Protect };
        if !self.may_call(urgency) {
            return Ok(Err(PlaceAnswer::NotSent { reason: "the circuit breaker is open".to_owned() }));
        }
        if increases && let Err(error) = self.prepare(order)? {
            return Ok(Err(PlaceAnswer::NotSent { reason: error.to_string() }));
        }
        let deadline = order.times.decided_at.plus(self.capabilities.send_deadline);
        if self.at() > deadline {
            return Ok(Err(PlaceAnswer::TooLate));
        }
        Ok(Ok(()))
    }

    fn prepare(&mut self, order: &Order) -> Done<Result<(), ExchangeError>> {
        let margin_mode = self.machine().margin_mode();
        let terms = SymbolTerms { leverage: order.leverage, margin_mode };
        if self.p().prepared.get(&order.symbol) == Some(&terms) || self.plan.dialect.is_spot() {
            return Ok(Ok(()));
        }
        let answer = self.ask(|_, _| ())?;
        if answer.is_ok() {
            let symbol = usize::from(self.venue.dialect.symbols()[1] == order.symbol);
            self.venue.leverage[symbol] = order.leverage.get();
            self.p().prepared.insert(order.symbol.clone(), terms);
        }
        Ok(answer)
    }

    fn cancel(&mut self, symbol: Symbol, id: ClientOrderId) -> Done<Vec<Event<'static>>> {
        let answer = if self.may_call(Urgency::Protect) {
            let answer = self.write(|call, _| Due::Cancel { call, id: id.clone() }, 1)?.remove(0).map(drop);
            self.counters.work("cancels", 1);
            answers::cancel(self.heard(answer))
        } else {
            CancelAnswer::Failed { reason: "the circuit breaker is open".to_owned() }
        };
        self.note(&format!("{id} {answer:?}"));
        if answer == CancelAnswer::NotWorking && self.is(Mutant::LyingCancel) {
            let filled_qty = self.machine().order(&id).map(|order| order.filled_qty).unwrap_or_default();
            let report = OrderReport {
                client_order_id: id.clone(),
                exchange_order_id: "?".to_owned(),
                symbol,
                status: OrderStatus::Cancelled,
                filled_qty,
            };
            let (asked_at, answer) = (self.at(), QueryAnswer::Found(report));
            return Ok(vec![Event::QueryAnswered { id, asked_at, answer }]);
        }
        if answer == CancelAnswer::Cancelled && self.is(Mutant::EndBeforeFills) {
            let filled_qty = self.machine().order(&id).map(|order| order.filled_qty).unwrap_or_default();
            let report = OrderReport {
                client_order_id: id.clone(),
                exchange_order_id: "?".to_owned(),
                symbol,
                status: OrderStatus::Cancelled,
                filled_qty,
            };
            let (asked_at, answer) = (self.at(), QueryAnswer::Found(report));
            return Ok(vec![Event::QueryAnswered { id, asked_at, answer }]);
        }
        Ok(vec![Event::CancelAnswered { id, answer }])
    }

    pub(crate) fn may_call(&self, urgency: Urgency) -> bool {
        self.process.as_ref().unwrap().breaker.allows(urgency, self.at())
    }

    /// The breaker learns from each answer.
    pub(crate) fn heard<T>(&mut self, answer: Result<T, ExchangeError>) -> Result<T, ExchangeError> {
        let now = self.at();
        match &answer {
            Ok(_) | Err(ExchangeError::Refused { .. }) => self.p().breaker.succeeded(),
            Err(ExchangeError::Throttled { .. }) => {}
            Err(_) => self.p().breaker.failed(now),
        }
        answer
    }
}

/// The same order under another id.
fn renamed(order: &Order) -> Order {
    let mut key = order.client_order_id.key().unwrap();
    key.attempt = (key.attempt + 1).min(63);
    debug_assert!(Purpose::ALL.contains(&key.purpose));
    Order { client_order_id: ClientOrderId::new(&key), ..order.clone() }
}
