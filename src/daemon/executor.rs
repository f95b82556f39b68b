//! One account's executor: the only owner of its machine and its exchange handle.
//!
//! It drains its mailbox, lets the machine decide, makes the decision durable, and only then speaks to the exchange;
//! answers go back into the machine as events. It knows nothing of other accounts, and what goes wrong here ends
//! here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::answers;
use super::counters::Counters;
use super::pace::{AccountClock, Configuration, Mail, Seat};
use crate::domain::ids::AccountId;
use crate::domain::instrument::Symbol;
use crate::domain::money::Leverage;
use crate::domain::order::Order;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::breaker::{Breaker, BreakerState, Urgency};
use crate::engine::cycle::Cycle;
use crate::engine::event::{CancelAnswer, Event, PlaceAnswer, QueryAnswer, Snapshot};
use crate::engine::machine::AccountMachine;
use crate::engine::turn::{Record, Request, Turn};
use crate::exchange::error::ExchangeError;
use crate::exchange::faults::PaperAccount;
use crate::exchange::report::{ReportedFill, Scope, SymbolTerms};
use crate::exchange::{Answer, Exchange, Sleep, place_one};
use crate::store::journal::{self, StateRow, TurnRows};
use crate::store::{StoreError, Writer};

/// A call that takes longer has no answer.
const CALL_TIMEOUT: DurationMs = DurationMs::from_secs(10);
/// Wall time between two tries to write what the database did not take.
const WRITE_RETRY: std::time::Duration = std::time::Duration::from_millis(500);

/// Why an executor ended in order. (A panic is the other way.)
#[derive(Debug)]
pub enum Ended {
    /// It was asked to, and everything it did is durable.
    Stopped,
    /// It cannot go on: what it must write is refused.
    Broken(StoreError),
}

pub struct Executor {
    account: AccountId,
    /// For log lines.
    name: String,
    machine: AccountMachine,
    exchange: PaperAccount,
    writer: Writer,
    counters: Arc<Counters>,
    seat: Seat,
    clock: AccountClock,
    breaker: Breaker,
    /// The last cycle the machine has handled.
    last_cycle: Option<Timestamp>,
    leverage_set: BTreeMap<Symbol, Leverage>,
    /// Records of turns that are not committed yet, and what is still to be asked.
    records: Vec<Record>,
    requests: VecDeque<Request>,
    /// The last failure to reach the exchange, until it is written.
    last_error: Option<(String, Timestamp)>,
    /// The exchange state's revision that was committed last.
    committed_revision: Option<u64>,
}

/// What an executor is made of.
pub struct Parts {
    pub account: AccountId,
    pub name: String,
    pub machine: AccountMachine,
    pub exchange: PaperAccount,
    pub last_cycle: Option<Timestamp>,
}

impl Executor {
    pub fn new(parts: Parts, writer: Writer, counters: Arc<Counters>, seat: Seat) -> Self {
        let clock = seat.clock();
        Self {
            account: parts.account,
            name: parts.name,
            machine: parts.machine,
            exchange: parts.exchange,
            writer,
            counters,
            seat,
            clock,
            breaker: Breaker::new(parts.account),
            last_cycle: parts.last_cycle,
            leverage_set: BTreeMap::new(),
            records: Vec::new(),
            requests: VecDeque::new(),
            last_error: None,
            committed_revision: None,
        }
    }

    /// Works until it is asked to stop.
    pub async fn run(mut self) -> Ended {
        let outcome = self.work().await;
        match outcome {
            Ok(()) => Ended::Stopped,
            Err(error) => Ended::Broken(error),
        }
    }

    async fn work(&mut self) -> Result<(), StoreError> {
        self.recover().await?;
        loop {
            let Mail { cycles, config, stop } = self.seat.mail().await;
            if let Some(configuration) = config {
                self.configure(*configuration).await?;
            }
            let newest = cycles.len().saturating_sub(1);
            for (index, cycle) in cycles.iter().enumerate() {
                self.step(cycle, index == newest).await?;
            }
            if stop {
                return self.checkpoint().await;
            }
        }
    }

    /// Asks what became of everything in flight, then compares. Tried again with each cycle until it succeeds.
    async fn recover(&mut self) -> Result<(), StoreError> {
        if !self.breaker.allows(Urgency::Protect, self.clock.now()) {
            return Ok(());
        }
        self.handle(Event::Recover).await?;
        match self.snapshot().await {
            Ok(snapshot) => self.handle(Event::Snapshot(snapshot)).await,
            // The breaker has noted it; so that people see it, the account's row does too.
            Err(_) => self.checkpoint().await,
        }
    }

    async fn snapshot(&mut self) -> Result<Snapshot, ExchangeError> {
        let taken_at = self.now();
        let answer = timed(&self.clock, self.exchange.open_orders(&Scope::All)).await;
        let open_orders = self.heard(answer)?;
        let answer = timed(&self.clock, self.exchange.positions()).await;
        let positions = self.heard(answer)?;
        let (fills, external_fills) = answers::split_fills(self.sweep().await?);
        let answer = timed(&self.clock, self.exchange.balance()).await;
        let balance = self.heard(answer)?;
        Ok(Snapshot {
            taken_at,
            covers: Scope::All,
            external_orders: answers::external_orders(&open_orders.external),
            open_orders: open_orders.ours.into_iter().map(answers::order_report).collect(),
            positions: positions.into_iter().map(answers::net_position).collect(),
            fills,
            external_fills,
            wallet: balance.wallet,
        })
    }

    async fn sweep(&mut self) -> Result<Vec<ReportedFill>, ExchangeError> {
        let sweep = answers::fill_sweep(self.machine.fill_sweep());
        let answer = timed(&self.clock, self.exchange.fills_since(&sweep)).await;
        self.heard(answer)
    }

    async fn configure(&mut self, mut configuration: Configuration) -> Result<(), StoreError> {
        // An open book keeps the position mode it was opened with, whatever the settings say by now.
        let venue = &mut configuration.account.venue;
        *venue = super::roster::venue(venue.spot, self.exchange.capabilities());
        self.exchange.set_faults(super::roster::faults(&configuration.paper));
        self.exchange.inner_mut().set_terms(&super::roster::book_config(&configuration.paper));
        self.exchange.inner_mut().set_instruments(Arc::clone(&configuration.account.instruments));
        self.handle(Event::Configure(configuration.account)).await
    }

    /// One cycle: first what happened at the exchange up to it, then, for the newest, what to do about it.
    async fn step(&mut self, cycle: &Cycle, is_newest: bool) -> Result<(), StoreError> {
        if self.last_cycle.is_some_and(|last| cycle.at <= last) {
            return Ok(());
        }
        while let Some(event) = self.exchange.next_event(&cycle.step) {
            if let Some(event) = answers::event(event) {
                self.handle_at(cycle.at, event).await?;
            }
        }
        if !is_newest {
            return Ok(());
        }
        if !self.machine.is_ready() {
            self.recover().await?;
        }
        self.last_cycle = Some(cycle.at);
        self.handle_at(cycle.at, Event::Cycle(cycle)).await
    }

    async fn handle(&mut self, event: Event<'_>) -> Result<(), StoreError> {
        self.handle_at(self.now(), event).await
    }

    /// Decide, commit, ask, and so on with the answers until nothing is left to ask.
    async fn handle_at(&mut self, now: Timestamp, event: Event<'_>) -> Result<(), StoreError> {
        let turn = self.machine.handle(now, event);
        self.counters.turn();
        if turn.is_empty() {
            return Ok(());
        }
        if !turn.must_commit() {
            return self.write_behind(now, turn).await;
        }
        self.absorb(turn);
        loop {
            // Nothing leaves before its intent is durable.
            let has_intent = self.records.iter().any(|record| matches!(record, Record::OrderIntended(_)));
            if has_intent || self.requests.is_empty() {
                self.commit(now).await?;
            }
            let Some(request) = self.requests.pop_front() else { return Ok(()) };
            for answer in self.perform(request).await {
                let turn = self.machine.handle(self.clock.now().max(now), answer);
                self.absorb(turn);
            }
        }
    }

    fn absorb(&mut self, turn: Turn) {
        self.records.extend(turn.records);
        self.requests.extend(turn.requests);
    }

    async fn perform(&mut self, request: Request) -> Vec<Event<'static>> {
        match request {
            Request::Place(id) => {
                let Some(order) = self.machine.order(&id).cloned() else { return Vec::new() };
                let sent_at = self.clock.now();
                let answer = self.place(&order).await;
                vec![Event::PlaceAnswered { id, sent_at, answer }]
            }
            Request::Cancel { symbol, id } => {
                let answer = if self.may_call(Urgency::Protect) {
                    let answer = timed(&self.clock, self.exchange.cancel(&symbol, &id)).await;
                    answers::cancel(self.heard(answer))
                } else {
                    CancelAnswer::Failed { reason: "the circuit breaker is open".to_owned() }
                };
                vec![Event::CancelAnswered { id, answer }]
            }
            Request::Query { symbol, id } => {
                let answer = if self.may_call(Urgency::Protect) {
                    let answer = timed(&self.clock, self.exchange.order_by_client_id(&symbol, &id)).await;
                    answers::query(self.heard(answer))
                } else {
                    QueryAnswer::Failed { reason: "the circuit breaker is open".to_owned() }
                };
                vec![Event::QueryAnswered { id, answer }]
            }
            Request::SweepFills => {
                let at = self.now();
                match self.sweep().await {
                    Ok(fills) => {
                        let (ours, external) = answers::split_fills(fills);
                        let external = external.into_iter().map(Event::ExternalFill);
                        ours.into_iter()
                            .map(Event::Fill)
                            .chain(external)
                            .chain([Event::Swept { at }])
                            .collect()
                    }
                    // Asked again with the next recovery; the breaker has noted the failure.
                    Err(_) => Vec::new(),
                }
            }
        }
    }

    async fn place(&mut self, order: &Order) -> PlaceAnswer {
        let urgency = if order.purpose.increases() { Urgency::Normal } else { Urgency::Protect };
        if !self.may_call(urgency) {
            return PlaceAnswer::NotSent { reason: "the circuit breaker is open".to_owned() };
        }
        if order.purpose.increases() && self.leverage_set.get(&order.symbol) != Some(&order.leverage) {
            let terms = SymbolTerms { leverage: order.leverage, margin_mode: self.machine.margin_mode() };
            let answer = timed(&self.clock, self.exchange.prepare_symbol(&order.symbol, terms)).await;
            match self.heard(answer) {
                Ok(()) => self.leverage_set.insert(order.symbol.clone(), order.leverage),
                Err(error) => return PlaceAnswer::NotSent { reason: format!("leverage not set: {error}") },
            };
        }
        let answer = timed(&self.clock, Box::pin(place_one(&mut self.exchange, order))).await;
        answers::place(self.heard(answer))
    }

    fn may_call(&self, urgency: Urgency) -> bool {
        self.breaker.allows(urgency, self.clock.now())
    }

    /// Passes an answer on; the breaker learns from it.
    fn heard<T>(&mut self, answer: Result<T, ExchangeError>) -> Result<T, ExchangeError> {
        let failure = match &answer {
            Ok(_) | Err(ExchangeError::Refused { .. }) => None,
            Err(error) => Some(error.to_string()),
        };
        self.learn(failure);
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

    /// Writes what was decided and waits until it is durable. What the database does not take is kept and tried
    /// again: a fill is never dropped.
    async fn commit(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.records.is_empty() {
            return Ok(());
        }
        let records = std::mem::take(&mut self.records);
        let revision = self.exchange.revision();
        let intends = records.iter().any(|record| matches!(record, Record::OrderIntended(_)));
        let book_changed = intends || self.committed_revision != Some(revision);
        let rows = Arc::new(TurnRows {
            account: self.account,
            at: now,
            records,
            state: Some(self.state_row()?),
            paper_book: if book_changed { self.exchange.snapshot() } else { None },
        });
        loop {
            let job = Arc::clone(&rows);
            match self.writer.run(move |conn| journal::record_turn(conn, &job)).await {
                Ok(()) => break,
                Err(error) if error.is_passing() => {
                    self.counters.store_failed(&error);
                    tracing::error!(account = self.name, %error, "the database does not take the account's turn");
                    tokio::time::sleep(WRITE_RETRY).await;
                }
                Err(error) => return Err(error),
            }
        }
        self.counters.committed(&rows);
        self.committed_revision = Some(revision);
        Ok(())
    }

    /// Writes with the next group what nothing waits for. A crash may lose it; the replay brings it back.
    async fn write_behind(&mut self, now: Timestamp, turn: Turn) -> Result<(), StoreError> {
        let explains_only = turn.records.iter().all(|record| matches!(record, Record::Decision(_)));
        let rows = TurnRows {
            account: self.account,
            at: now,
            records: turn.records,
            state: if explains_only { None } else { Some(self.state_row()?) },
            paper_book: None,
        };
        self.writer.post(move |conn| journal::record_turn(conn, &rows)).await;
        Ok(())
    }

    fn state_row(&mut self) -> Result<StateRow, StoreError> {
        let state = serde_json::to_string(&self.machine.durable_state())
            .map_err(|error| StoreError::Other { detail: format!("account state: {error}") })?;
        Ok(StateRow {
            state,
            last_cycle_at: self.last_cycle,
            wallet: self.machine.wallet(),
            equity: self.machine.equity(),
            breaker: self.breaker.state(self.clock.now()).as_str(),
            last_error: self.last_error.take(),
        })
    }

    /// The last word before a stop: where the account stands.
    async fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.records.push(Record::StateChanged);
        let now = self.now();
        self.commit(now).await
    }

    /// The account's time. While a restarted fleet replays what others have missed, its clock is behind it.
    fn now(&self) -> Timestamp {
        self.clock.now().max(self.machine.now())
    }
}

/// Waits for an answer of the exchange, but not for ever: no answer in time is an unknown outcome.
async fn timed<T>(clock: &AccountClock, answer: Answer<'_, T>) -> Result<T, ExchangeError> {
    tokio::select! {
        biased;
        answer = answer => answer,
        () = clock.sleep(CALL_TIMEOUT) => {
            Err(ExchangeError::Unknown { reason: format!("no answer within {} s", CALL_TIMEOUT.ms() / 1000) })
        }
    }
}
