//! One account's executor: the only owner of its machine and its exchange handle.
//!
//! It drains its mailbox, lets the machine decide, makes the decision durable, and only then speaks to the exchange;
//! answers go back into the machine as events. It knows nothing of other accounts, and what goes wrong here ends
//! here.
//!
//! `calls` speaks to the exchange, `preparing` tells it leverages, `sync` keeps what we believe in step with what it holds
//! (`schedule` says when, `funding` when payments are asked for), `writing` makes things durable.

mod calls;
mod funding;
mod preparing;
mod schedule;
mod sync;
mod writing;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::answers;
use super::counters::Counters;
use super::handle::Handle;
use super::pace::{AccountClock, Configuration, Mail, Seat};
use crate::domain::ids::AccountId;
use crate::domain::instrument::Symbol;
use crate::domain::market::MarketStep;
use crate::domain::time::Timestamp;
use crate::engine::breaker::Breaker;
use crate::engine::cycle::Cycle;
use crate::engine::event::Event;
use crate::engine::machine::AccountMachine;
use crate::engine::turn::{Record, Request, Turn};
use crate::exchange::Sleep;
use crate::exchange::report::{ExchangeEvent, SymbolTerms};
use crate::store::{StoreError, Writer};
use funding::FundingSchedule;
use preparing::InVain;
use schedule::Schedule;

/// Why an executor ended in order. (A panic is the other way.)
#[derive(Debug)]
pub enum Ended {
    /// It was asked to, and everything it did is durable.
    Stopped,
    /// It cannot go on: what it must write is refused.
    Broken(StoreError),
    /// Its keys must not be used: they belong to another account, or may do what they should not.
    Refused(String),
}

/// Why the work cannot go on.
#[derive(Debug, thiserror::Error)]
enum Halted {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Identity(String),
}

pub struct Executor {
    account: AccountId,
    /// For log lines.
    name: String,
    machine: AccountMachine,
    handle: Handle,
    writer: Writer,
    counters: Arc<Counters>,
    seat: Seat,
    clock: AccountClock,
    breaker: Breaker,
    schedule: Schedule,
    funding: FundingSchedule,
    /// The last cycle the machine has handled.
    last_cycle: Option<Timestamp>,
    /// What the exchange was told of each symbol.
    prepared: BTreeMap<Symbol, SymbolTerms>,
    in_vain: InVain,
    /// Records of turns that are not committed yet, and what is still to be asked.
    records: Vec<Record>,
    requests: VecDeque<Request>,
    /// The last failure to reach the exchange, until it is written.
    last_error: Option<(String, Timestamp)>,
    /// The exchange state's revision that was committed last.
    committed_revision: Option<u64>,
    /// What the monitor was told of it last.
    is_told_ready: bool,
    /// What the exchange's handle was told last.
    is_told_engaged: bool,
}

/// What an executor is made of.
pub struct Parts {
    pub account: AccountId,
    pub name: String,
    pub machine: AccountMachine,
    pub handle: Handle,
    pub last_cycle: Option<Timestamp>,
}

impl Executor {
    pub fn new(parts: Parts, writer: Writer, counters: Arc<Counters>, seat: Seat) -> Self {
        let clock = seat.clock();
        let mut executor = Self {
            account: parts.account,
            name: parts.name,
            machine: parts.machine,
            handle: parts.handle,
            writer,
            counters,
            seat,
            clock,
            breaker: Breaker::new(parts.account),
            schedule: Schedule::new(parts.account),
            funding: FundingSchedule::new(parts.account),
            last_cycle: parts.last_cycle,
            prepared: BTreeMap::new(),
            in_vain: InVain::default(),
            records: Vec::new(),
            requests: VecDeque::new(),
            last_error: None,
            committed_revision: None,
            is_told_ready: false,
            is_told_engaged: false,
        };
        executor.tell_engaged();
        executor
    }

    /// Works until it is asked to stop.
    pub async fn run(mut self) -> Ended {
        match self.work().await {
            Ok(()) => Ended::Stopped,
            Err(Halted::Store(error)) => Ended::Broken(error),
            Err(Halted::Identity(reason)) => Ended::Refused(reason),
        }
    }

    async fn work(&mut self) -> Result<(), Halted> {
        self.recover().await?;
        self.tell_ready();
        loop {
            // What an exchange reports goes before what the market says: a fill is never decided upon too late.
            tokio::select! {
                biased;
                () = self.handle.exchange_mut().changed() => self.listen().await?,
                mail = self.seat.mail() => {
                    if self.attend(mail).await? {
                        return Ok(self.checkpoint().await?);
                    }
                }
            }
        }
    }

    /// Works through the mailbox; true when it was asked to stop.
    async fn attend(&mut self, mail: Mail) -> Result<bool, Halted> {
        let Mail { cycles, published, config, woken, stop } = mail;
        if let Some(published) = published {
            self.counters.vitals.fan_out.observe(published.elapsed().as_secs_f64());
        }
        if let Some(configuration) = config {
            self.configure(*configuration).await?;
        }
        if woken && self.handle.is_live() {
            self.machine.lose_touch();
            self.recover().await?;
        }
        let newest = cycles.len().saturating_sub(1);
        for (index, cycle) in cycles.iter().enumerate() {
            self.step(cycle, index == newest).await?;
        }
        self.tell_ready();
        Ok(stop)
    }

    /// Says when the account begins to act, and when it does not any more.
    fn tell_ready(&mut self) {
        let is_ready = self.machine.is_ready();
        if is_ready != self.is_told_ready {
            self.is_told_ready = is_ready;
            self.counters.vitals.set_ready(self.account, is_ready);
        }
    }

    /// Says when something begins to be at stake, and when nothing is any more.
    fn tell_engaged(&mut self) {
        let is_engaged = self.machine.is_engaged();
        if is_engaged != self.is_told_engaged {
            self.is_told_engaged = is_engaged;
            self.handle.exchange_mut().set_engaged(is_engaged);
        }
    }

    async fn configure(&mut self, mut configuration: Configuration) -> Result<(), StoreError> {
        self.handle.configure(&mut configuration);
        self.in_vain.forget();
        self.handle(Event::Configure(configuration.account)).await
    }

    /// One cycle: first what happened at the exchange up to it, then, for the newest, what to do about it.
    async fn step(&mut self, cycle: &Cycle, is_newest: bool) -> Result<(), Halted> {
        if self.last_cycle.is_some_and(|last| cycle.at <= last) {
            return Ok(());
        }
        let at = if self.handle.is_live() { self.now() } else { cycle.at };
        self.hear(at, &cycle.step).await?;
        if !is_newest {
            return Ok(());
        }
        if self.is_due_to_compare() {
            self.recover().await?;
        }
        if self.funding.is_due(self.clock.now()) && self.handle.is_live() {
            self.book_funding().await?;
        }
        self.last_cycle = Some(cycle.at);
        let at = if self.handle.is_live() { self.now() } else { cycle.at };
        self.handle_at(at, Event::Cycle(cycle)).await?;
        self.prepare_ahead().await;
        Ok(())
    }

    /// Takes in what a stream has told between two cycles.
    async fn listen(&mut self) -> Result<(), Halted> {
        let now = self.now();
        let between = MarketStep { at: now, price_bars: Vec::new(), closed_bars: Vec::new() };
        self.hear(now, &between).await?;
        if self.schedule.is_resync_due() {
            self.recover().await?;
        }
        Ok(())
    }

    async fn hear(&mut self, at: Timestamp, step: &MarketStep) -> Result<(), StoreError> {
        while let Some(event) = self.handle.exchange_mut().next_event(step) {
            match event {
                ExchangeEvent::Resync { reason } => {
                    tracing::debug!(
                        account = self.name,
                        reason,
                        "the stream was interrupted; asking for everything"
                    );
                    self.schedule.want_resync();
                    // Terms that somebody else changed meanwhile were not told either.
                    self.prepared.clear();
                }
                ExchangeEvent::CashMoved => self.funding.cash_moved(self.clock.now()),
                ExchangeEvent::TermsChanged { symbol } => drop(self.prepared.remove(&symbol)),
                event @ (ExchangeEvent::Fill(_)
                | ExchangeEvent::ExternalFill(_)
                | ExchangeEvent::OrderSeen(_)
                | ExchangeEvent::OrderEnded { .. }
                | ExchangeEvent::Wallet(_)
                | ExchangeEvent::Liquidated(_)) => {
                    if let Some(event) = answers::event(event) {
                        self.handle_at(at, event).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn handle(&mut self, event: Event<'_>) -> Result<(), StoreError> {
        self.handle_at(self.now(), event).await
    }

    /// Decide, commit, ask, and so on with the answers until nothing is left to ask.
    async fn handle_at(&mut self, now: Timestamp, event: Event<'_>) -> Result<(), StoreError> {
        let turn = self.machine.handle(now, event);
        self.tell_engaged();
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
                self.tell_engaged();
                self.absorb(turn);
            }
        }
    }

    fn absorb(&mut self, turn: Turn) {
        self.records.extend(turn.records);
        self.requests.extend(turn.requests);
    }

    /// The account's time. While a restarted fleet replays what others have missed, its clock is behind it.
    fn now(&self) -> Timestamp {
        self.clock.now().max(self.machine.now())
    }
}
