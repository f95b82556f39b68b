//! Performs what the machine asks of the exchange, and tells it the answers. The circuit breaker learns from each.

use super::{AccountClock, Executor, answers};
use crate::domain::order::Order;
use crate::domain::time::DurationMs;
use crate::engine::breaker::{BreakerState, Urgency};
use crate::engine::event::{CancelAnswer, Event, PlaceAnswer, QueryAnswer};
use crate::engine::turn::Request;
use crate::exchange::error::ExchangeError;
use crate::exchange::{Answer, BoxFuture, Exchange, Sleep};

/// A call that takes longer has no answer.
const CALL_TIMEOUT: DurationMs = DurationMs::from_secs(10);
/// Whoever notices so much later that no answer has come has stood still.
const GIVEN_UP_BY: DurationMs = DurationMs::from_secs(15);
/// A question may be several calls, each of which is made again when no answer comes.
const QUESTION_TIMEOUT: DurationMs = DurationMs::from_secs(30);

impl Executor {
    pub(super) async fn perform(&mut self, request: Request) -> Vec<Event<'static>> {
        match request {
            Request::Place(id) => {
                let Some(order) = self.machine.order(&id).cloned() else { return Vec::new() };
                let batch = self.batch_from(order);
                self.place(batch).await
            }
            Request::Cancel { symbol, id } => {
                let answer = if self.may_call(Urgency::Protect) {
                    let answer = timed(&self.clock, self.handle.exchange_mut().cancel(&symbol, &id)).await;
                    answers::cancel(self.heard(answer))
                } else {
                    CancelAnswer::Failed { reason: "the circuit breaker is open".to_owned() }
                };
                vec![Event::CancelAnswered { id, answer }]
            }
            Request::Query { symbol, id } => {
                let asked_at = self.clock.now();
                let answer = if self.may_call(Urgency::Protect) {
                    let about = (symbol, id.clone());
                    let query =
                        self.ask(&about, |exchange, (symbol, id)| exchange.order_by_client_id(symbol, id));
                    answers::query(query.await)
                } else {
                    QueryAnswer::Failed { reason: "the circuit breaker is open".to_owned() }
                };
                vec![Event::QueryAnswered { id, asked_at, answer }]
            }
            // What fails is asked for again with the next recovery; the breaker has noted it.
            Request::SweepFills => self.sweep().await.unwrap_or_default(),
        }
    }

    /// The order, and those asked for right behind it that can go with it in one request.
    fn batch_from(&mut self, first: Order) -> Vec<Order> {
        let most = usize::from(self.handle.exchange().capabilities().batch_size_max);
        let increases = first.purpose.increases();
        let mut batch = vec![first];
        while batch.len() < most
            && let Some(Request::Place(id)) = self.requests.front()
            && let Some(next) = self.machine.order(id)
            && next.purpose.increases() == increases
        {
            batch.push(next.clone());
            self.requests.pop_front();
        }
        batch
    }

    async fn place(&mut self, mut orders: Vec<Order>) -> Vec<Event<'static>> {
        let mut events = Vec::new();
        let mut ready = Vec::with_capacity(orders.len());
        for order in orders.drain(..) {
            match self.make_ready(&order).await {
                Ok(()) => ready.push(order),
                Err(answer) => events.push(self.answered(&order, answer)),
            }
        }
        if ready.is_empty() {
            return events;
        }
        let sent_at = self.clock.now();
        let count = ready.len();
        let call = self.handle.exchange_mut().place(&ready);
        let answers = match within(&self.clock, CALL_TIMEOUT, call).await {
            Some(answers) => answers,
            None => vec![Err(no_answer(CALL_TIMEOUT)); count],
        };
        if self.clock.now().since(sent_at) > GIVEN_UP_BY {
            // We stood still meanwhile: they may have left only now, and be seen a little later.
            self.clock.sleep(self.handle.exchange().capabilities().visibility_slack).await;
        }
        for (order, answer) in ready.iter().zip(answers) {
            let answer = answers::place(self.heard(answer));
            let id = order.client_order_id.clone();
            events.push(Event::PlaceAnswered { id, sent_at, answer });
        }
        events
    }

    fn answered(&self, order: &Order, answer: PlaceAnswer) -> Event<'static> {
        Event::PlaceAnswered { id: order.client_order_id.clone(), sent_at: self.clock.now(), answer }
    }

    /// Whether the order may be sent now: the breaker lets it through, it is fresh enough, and its symbol is set up.
    async fn make_ready(&mut self, order: &Order) -> Result<(), PlaceAnswer> {
        let increases = order.purpose.increases();
        let urgency = if increases { Urgency::Normal } else { Urgency::Protect };
        if !self.may_call(urgency) {
            return Err(PlaceAnswer::NotSent { reason: "the circuit breaker is open".to_owned() });
        }
        if increases {
            self.prepare(order).await.map_err(|reason| PlaceAnswer::NotSent { reason })?;
        }
        let deadline = order.times.decided_at.plus(self.handle.exchange().capabilities().send_deadline);
        if self.clock.now() > deadline {
            return Err(PlaceAnswer::TooLate);
        }
        Ok(())
    }

    pub(super) fn may_call(&self, urgency: Urgency) -> bool {
        self.breaker.allows(urgency, self.clock.now())
    }

    /// Asks something that changes nothing, about `about`; where no answer comes the exchange's handle asks again, a few
    /// times.
    pub(super) async fn ask<A: Sync, T>(
        &mut self,
        about: &A,
        question: impl for<'a> Fn(&'a mut dyn Exchange, &'a A) -> Answer<'a, T>,
    ) -> Result<T, ExchangeError> {
        let answer = within(&self.clock, QUESTION_TIMEOUT, question(self.handle.exchange_mut(), about)).await;
        let answer = answer.unwrap_or_else(|| Err(no_answer(QUESTION_TIMEOUT)));
        self.heard(answer)
    }

    /// Passes an answer on; the breaker learns from it.
    pub(super) fn heard<T>(&mut self, answer: Result<T, ExchangeError>) -> Result<T, ExchangeError> {
        match &answer {
            Ok(_) | Err(ExchangeError::Refused { .. }) => self.learn(None),
            // The rate ledger knows until when: it fails nobody to wait for it.
            Err(error @ ExchangeError::Throttled { .. }) => {
                self.last_error = Some((error.to_string(), self.clock.now()));
            }
            Err(error) => self.learn(Some(error.to_string())),
        }
        answer
    }

    /// Moves the breaker, and says so when its state changes.
    fn learn(&mut self, failure: Option<String>) {
        let now = self.clock.now();
        let was_trouble = self.breaker.state(now) != BreakerState::Closed;
        let Some(error) = failure else {
            self.breaker.succeeded();
            if was_trouble {
                tracing::info!(account = self.name, "the exchange answers again; circuit breaker closed");
            }
            return;
        };
        self.breaker.failed(now);
        if !was_trouble && self.breaker.state(now) != BreakerState::Closed {
            tracing::warn!(account = self.name, error, "circuit breaker opened; tried again every minute");
        }
        self.last_error = Some((error, now));
    }
}

/// Waits for an answer of the exchange, but not for ever: no answer in time is an unknown outcome.
pub(super) async fn timed<T>(
    clock: &AccountClock,
    answer: BoxFuture<'_, Result<T, ExchangeError>>,
) -> Result<T, ExchangeError> {
    within(clock, CALL_TIMEOUT, answer).await.unwrap_or_else(|| Err(no_answer(CALL_TIMEOUT)))
}

async fn within<T>(clock: &AccountClock, timeout: DurationMs, answer: BoxFuture<'_, T>) -> Option<T> {
    tokio::select! {
        biased;
        answer = answer => Some(answer),
        () = clock.sleep(timeout) => None,
    }
}

fn no_answer(timeout: DurationMs) -> ExchangeError {
    ExchangeError::Unknown { reason: format!("no answer within {} s", timeout.ms() / 1000) }
}
