//! One account without a daemon: its machine, its paper exchange, and what the daemon's executor does between them.
//!
//! The machine, the exchange and the words they speak are the daemon's own. What is left out is what a backtest has no
//! use for: a database, a circuit breaker, time that passes by itself.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::FutureExt;

use super::funding::{FundingRates, payment};
use super::ledger::Ledger;
use super::setup::{ACCOUNT, Setup};
use crate::daemon::pace::Configuration;
use crate::daemon::{answers, roster};
use crate::domain::funding::FundingPayment;
use crate::domain::ids::AccountId;
use crate::domain::instrument::Symbol;
use crate::domain::market::MarketStep;
use crate::domain::money::Quote;
use crate::domain::order::Order;
use crate::domain::scope::Scope;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::cycle::Cycle;
use crate::engine::event::{Event, Snapshot};
use crate::engine::machine::AccountMachine;
use crate::engine::state::{DurableState, SavedAccount};
use crate::engine::turn::{Request, Turn};
use crate::exchange::error::ExchangeError;
use crate::exchange::paper::PaperExchange;
use crate::exchange::report::{Accepted, SymbolTerms};
use crate::exchange::wire::Lane;
use crate::exchange::{Answer, BoxFuture, Exchange, Sleep};
use crate::matching::book::Book;

/// Time as the driver sets it.
#[derive(Debug, Default)]
struct SetClock(AtomicI64);

impl Sleep for SetClock {
    fn sleep(&self, _duration: DurationMs) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::Relaxed))
    }
}

/// The account; see the module.
pub struct Account {
    machine: AccountMachine,
    exchange: PaperExchange,
    clock: Arc<SetClock>,
    prepared: BTreeMap<Symbol, SymbolTerms>,
    funding: FundingRates,
    funded_until: Timestamp,
    pub ledger: Ledger,
}

impl Account {
    /// The account of `setup`, which begins at `now` with its capital and nothing else. Nobody reads its words.
    pub fn open(setup: &Setup, now: Timestamp) -> Self {
        let mut account = Self::begin(ACCOUNT, setup.configuration(), setup.funding.clone(), now);
        account.machine.hush();
        account
    }

    /// An account that begins at `now` with nothing but the balance of its paper book.
    pub fn begin(id: AccountId, configuration: Configuration, funding: FundingRates, now: Timestamp) -> Self {
        let clock = Arc::new(SetClock(AtomicI64::new(now.ms())));
        let sleep: Arc<dyn Sleep> = Arc::<SetClock>::clone(&clock);
        let instruments = Arc::clone(&configuration.account.instruments);
        let book = roster::book_config(&configuration.paper);
        let mut durable = DurableState::default();
        durable.funding.from = Some(now);
        let saved = SavedAccount { durable, ..SavedAccount::default() };
        let mut account = Self {
            machine: AccountMachine::restore(id, configuration.account, saved),
            exchange: PaperExchange::new(book, instruments, sleep),
            clock,
            prepared: BTreeMap::new(),
            funding,
            funded_until: now,
            ledger: Ledger::default(),
        };
        account.recover(now);
        account
    }

    pub const fn machine(&self) -> &AccountMachine {
        &self.machine
    }

    pub const fn book(&self) -> &Book {
        self.exchange.book()
    }

    /// When the account has something to pay or to receive next; `None` while it holds nothing that is funded.
    pub fn next_funding(&self) -> Option<Timestamp> {
        let symbols = self.book().positions().iter().map(|position| &position.symbol);
        symbols.filter_map(|symbol| self.funding.next_after(symbol, self.funded_until)).min()
    }

    /// One step of the market: first what was matched in it, then what to do about it.
    pub fn step(&mut self, cycle: &Cycle) {
        self.clock.0.store(cycle.at.ms(), Ordering::Relaxed);
        while let Some(event) = self.exchange.next_event(&cycle.step) {
            if let Some(event) = answers::event(event) {
                self.handle(cycle.at, event);
            }
        }
        self.pay_funding(cycle.at);
        self.handle(cycle.at, Event::Cycle(cycle));
    }

    /// Prices of a step in which nothing of the account's can have happened.
    pub fn mark(&mut self, step: &MarketStep) {
        debug_assert!(self.exchange.book().untouched_by(step), "a step that was passed over matters");
        let _nothing = self.exchange.next_event(step);
    }

    fn recover(&mut self, now: Timestamp) {
        self.handle(now, Event::Recover);
        let snapshot = Snapshot {
            taken_at: now,
            covers: Scope::All,
            open_orders: Vec::new(),
            external_orders: BTreeMap::new(),
            positions: Vec::new(),
            fills: Vec::new(),
            external_fills: Vec::new(),
        };
        self.handle(now, Event::Snapshot(snapshot));
        let wallet = self.book().wallet();
        self.handle(now, Event::Wallet { at: now, wallet });
    }

    /// What fell due by `at` on what is held now, at the last prices.
    fn pay_funding(&mut self, at: Timestamp) {
        if self.funding.is_empty() {
            return;
        }
        let mut due = Vec::new();
        for position in self.book().positions() {
            let Some(price) = self.book().price(&position.symbol) else { continue };
            for (paid_at, rate) in self.funding.between(&position.symbol, self.funded_until, at) {
                let amount = payment(position.side, price.notional(position.qty), rate);
                due.push((position.symbol.clone(), position.side, amount, paid_at));
            }
        }
        self.funded_until = at;
        for (symbol, side, amount, paid_at) in due.into_iter().filter(|due| due.2 != Quote::ZERO) {
            self.exchange.settle_funding(amount);
            let id = format!("F{}{side}", paid_at.ms());
            let payment = FundingPayment { id, symbol, amount, at: paid_at };
            self.handle(at, Event::Funding(payment));
        }
    }

    /// Decide, keep, ask, and so on with the answers until nothing is left to ask.
    fn handle(&mut self, now: Timestamp, event: Event<'_>) {
        let turn = self.machine.handle(now, event);
        let mut requests = VecDeque::new();
        self.absorb(turn, now, &mut requests);
        while let Some(request) = requests.pop_front() {
            for answer in self.perform(request) {
                let turn = self.machine.handle(now, answer);
                self.absorb(turn, now, &mut requests);
            }
        }
    }

    fn absorb(&mut self, turn: Turn, now: Timestamp, requests: &mut VecDeque<Request>) {
        self.ledger.keep(turn.records, now);
        requests.extend(turn.requests);
    }

    fn perform(&mut self, request: Request) -> Vec<Event<'static>> {
        match request {
            Request::Place(id) => {
                let Some(order) = self.machine.order(&id).cloned() else { return Vec::new() };
                let sent_at = self.clock.now();
                let answer = answers::place(self.place(&order));
                vec![Event::PlaceAnswered { id, sent_at, answer }]
            }
            Request::Cancel { symbol, id } => {
                let answer = answers::cancel(at_once(self.exchange.cancel(&symbol, &id)));
                vec![Event::CancelAnswered { id, answer }]
            }
            Request::Query { symbol, id } => {
                let asked_at = self.clock.now();
                let answer = answers::query(at_once(self.exchange.order_by_client_id(&symbol, &id)));
                vec![Event::QueryAnswered { id, asked_at, answer }]
            }
            Request::SweepFills => {
                let sweep = answers::fill_sweep(self.machine.fill_sweep());
                let reported = at_once(self.exchange.fills_since(&sweep)).unwrap_or_default();
                let (fills, _) = answers::split_fills(reported);
                let at = self.clock.now();
                fills.into_iter().map(Event::Fill).chain([Event::Swept { at }]).collect()
            }
        }
    }

    fn place(&mut self, order: &Order) -> Result<Accepted, ExchangeError> {
        if order.purpose.increases() {
            let terms = SymbolTerms { leverage: order.leverage, margin_mode: self.machine.margin_mode() };
            if self.prepared.get(&order.symbol) != Some(&terms) {
                at_once(self.exchange.prepare_symbol(&order.symbol, terms, Lane::Entry))?;
                self.prepared.insert(order.symbol.clone(), terms);
            }
        }
        let answers = self.exchange.place(std::slice::from_ref(order)).now_or_never().unwrap_or_default();
        answers.into_iter().next().unwrap_or_else(|| Err(no_answer()))
    }
}

/// The paper exchange answers at once.
fn at_once<T>(answer: Answer<'_, T>) -> Result<T, ExchangeError> {
    answer.now_or_never().unwrap_or_else(|| Err(no_answer()))
}

fn no_answer() -> ExchangeError {
    ExchangeError::Unknown { reason: "no answer".to_owned() }
}
