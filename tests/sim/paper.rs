//! Accounts in dry run: the same machine over the book of the paper exchange, which is written with the turns that
//! change it. It lives a minute a cycle, between crashes, lost answers, failing disks and people; what it holds and what
//! it earned is reckoned anew from its fills (`resting`).

mod executing;
mod resting;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rust_decimal::Decimal;
use tradefleet::daemon::{answers, roster};
use tradefleet::domain::candle::Candle;
use tradefleet::domain::fill::Fill;
use tradefleet::domain::ids::AccountId;
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::market::{Bar, MarketStep};
use tradefleet::domain::money::{Pct, Quote};
use tradefleet::domain::scope::Scope;
use tradefleet::domain::side::PositionMode;
use tradefleet::domain::time::{Timeframe, Timestamp};
use tradefleet::engine::config::{AccountConfig, Halt};
use tradefleet::engine::cycle::Cycle;
use tradefleet::engine::event::{Event, NetPosition, OrderReport, Snapshot};
use tradefleet::engine::grid::plan::Terms;
use tradefleet::engine::grid::state::GridSetup;
use tradefleet::engine::machine::AccountMachine;
use tradefleet::engine::state::DurableState;
use tradefleet::engine::turn::{Record, Request};
use tradefleet::exchange::capabilities::Capabilities;
use tradefleet::exchange::paper;
use tradefleet::exchange::report::ExchangeEvent;
use tradefleet::matching::book::{Book, trade_number};
use tradefleet::matching::config::BookConfig;
use tradefleet::matching::event::BookEvent;
use tradefleet::matching::order::BookOrder;

use crate::counters::Counters;
use crate::desk::{Done, Stop};
use crate::faults::{Dice, Fault};
use crate::journal::Journal;
use crate::market::{EPOCH, Market};
use crate::pcg::Pcg;
use crate::people;
use crate::plan::{PERIOD, Plan, Wish};
use crate::settled::Verdict;
use crate::signals;
use crate::units::price_of;

/// The account's number; real ones have 1 and 2.
const NUMBER: u32 = 3;
const MINUTE: i64 = 60_000;
/// Cycles until a refused order is certainly tried again, and one more.
const QUIET_CYCLES: i64 = 14;

/// What is lost with the process.
struct Process {
    machine: AccountMachine,
    book: Book,
    committed_revision: Option<u64>,
    last_cycle: Option<Timestamp>,
    records: Vec<Record>,
    requests: VecDeque<Request>,
}

/// A turn that nobody waits for, with what goes with it.
type Posted = (Vec<Record>, DurableState, Option<Timestamp>);

struct PaperDesk<'w> {
    market: &'w Market,
    plan: Plan,
    dice: Dice,
    pcg: Pcg,
    terms: BookConfig,
    capabilities: Capabilities,
    db: AccountConfig,
    db_changed: bool,
    entries_enabled: bool,
    journal: Journal,
    /// The book as it was last written.
    stored: Option<String>,
    posted: Vec<Posted>,
    cycles: Vec<Cycle>,
    process: Option<Process>,
    counters: Counters,
    trace: u64,
}

/// Plays the seed's account in dry run; the hash of what it did.
pub(crate) fn live(wish: &Wish, market: &Market, counters: &mut Counters) -> Result<u64, String> {
    let mut desk = PaperDesk::new(wish, market);
    let outcome = desk.live();
    desk.count(counters);
    outcome.map(|()| desk.trace).map_err(|why| format!("in dry run: {why}"))
}

impl<'w> PaperDesk<'w> {
    fn new(wish: &Wish, market: &'w Market) -> Self {
        let plan = Plan::of(wish);
        let mut pcg = Pcg::new(wish.seed, 40);
        let terms = terms(&plan, &mut pcg);
        let capabilities = paper::capabilities(&terms);
        let mut db = plan.config(wish.seed, NUMBER);
        db.settings.set("dry_run", "on", db.limits).unwrap();
        db.venue = roster::venue(plan.dialect.is_spot(), &capabilities);
        for bot in db.bots.values_mut() {
            let Some(setup) = bot.grid.as_deref() else { continue };
            let Terms { spot, .. } = setup.terms;
            let on_paper =
                Terms { maker_fee_pct: terms.maker_fee_pct, taker_fee_pct: terms.taker_fee_pct, spot };
            let setup = GridSetup { terms: on_paper, ..setup.clone() };
            Arc::make_mut(bot).grid = Some(Arc::new(setup));
        }
        Self {
            market,
            dice: Dice::new(wish.seed, u64::from(NUMBER), &wish.without),
            pcg,
            terms,
            capabilities,
            db,
            db_changed: false,
            entries_enabled: true,
            journal: Journal::default(),
            stored: None,
            posted: Vec::new(),
            cycles: Vec::new(),
            process: None,
            counters: Counters::default(),
            trace: 0xcbf2_9ce4_8422_2325,
            plan,
        }
    }

    fn live(&mut self) -> Verdict {
        for _ in 0..self.plan.cycles {
            self.meddle();
            self.minute(true)?;
        }
        self.dice.are_on = false;
        self.entries_enabled = true;
        self.terms.participation_pct = None;
        self.db.halt = None;
        self.db_changed = true;
        for _ in 0..QUIET_CYCLES {
            self.minute(false)?;
        }
        self.is_at_rest()?;
        self.db.halt = Some(Halt { reason: "the end".to_owned(), flatten: true });
        self.db_changed = true;
        for _ in 0..QUIET_CYCLES {
            self.minute(false)?;
        }
        self.is_at_rest()?;
        self.money_agrees()
    }

    fn meddle(&mut self) {
        let now = Self::at(self.cycles.len());
        self.db_changed |= people::change_settings(&mut self.db, &mut self.dice);
        self.db_changed |= people::edit_grids(&mut self.db, &mut self.dice, now);
        self.db_changed |= people::press_buttons(&mut self.db, &mut self.dice, now);
        if self.dice.hits(Fault::EntriesOff).is_some() {
            self.entries_enabled = !self.entries_enabled;
        }
    }

    /// The moment of a cycle, by its number.
    fn at(number: usize) -> Timestamp {
        Timestamp::from_ms(EPOCH + i64::try_from(number).unwrap() * MINUTE)
    }

    /// Lives through the next cycle, however often it crashes in it.
    fn minute(&mut self, has_signals: bool) -> Verdict {
        let cycle = self.next_cycle(has_signals);
        self.cycles.push(cycle);
        loop {
            match self.catch_up() {
                Ok(()) => return Ok(()),
                Err(Stop::Wrong(why)) => return Err(why),
                Err(Stop::Crash) => self.crash(),
            }
        }
    }

    fn next_cycle(&mut self, has_signals: bool) -> Cycle {
        let number = self.cycles.len() + 1;
        let at = Self::at(number);
        let symbols = self.plan.dialect.symbols();
        // A minute of it is a period of the market.
        let moment = EPOCH + i64::try_from(number).unwrap() * PERIOD;
        let price = |symbol: usize, at: i64| price_of(self.market.price(symbol, at));
        let bar = |(index, symbol): (usize, &Symbol)| {
            let walk = [0, 1_000, 2_000].map(|ms| price(index, moment - PERIOD + ms));
            let [open, middle, close] = walk;
            let (high, low) = (open.max(middle).max(close), open.min(middle).min(close));
            let opened = Timestamp::from_ms(at.ms() - MINUTE);
            let candle = Candle::try_new(opened, [open, high, low, close], Decimal::ONE_HUNDRED).unwrap();
            Bar { symbol: symbol.clone(), timeframe: Timeframe::M1, candle, complete: true }
        };
        let step = MarketStep {
            at,
            price_bars: symbols.iter().enumerate().map(bar).collect(),
            closed_bars: Vec::new(),
        };
        let prices: BTreeMap<_, _> =
            symbols.iter().cloned().zip([0, 1].map(|of| price(of, moment))).collect();
        let chance = if has_signals { self.plan.signals } else { 0 };
        let drawn = signals::draw(&self.db, &mut self.pcg, chance, at, &prices);
        signals::cycle(at, step, prices, drawn, self.entries_enabled)
    }

    /// Does what was not done of the cycles so far.
    fn catch_up(&mut self) -> Done {
        if self.process.is_none() {
            self.boot()?;
        }
        if std::mem::take(&mut self.db_changed) {
            let now = self.own_now();
            let terms = self.terms.clone();
            self.p().book.set_terms(&terms);
            self.handle(now, Event::Configure(self.db.clone()))?;
        }
        let done = self.p().last_cycle;
        let from = self.cycles.partition_point(|cycle| done.is_some_and(|last| cycle.at <= last));
        for index in from..self.cycles.len() {
            let cycle = self.cycles[index].clone();
            self.step(&cycle)?;
        }
        if self.pcg.below(3) == 0 { self.flush() } else { Ok(()) }
    }

    fn step(&mut self, cycle: &Cycle) -> Done {
        while let Some(event) = self.p().book.next_event(&cycle.step) {
            let told = match event {
                BookEvent::Fill(fill) => ExchangeEvent::Fill(fill),
                BookEvent::OrderEnded { client_order_id, status, reason } => {
                    ExchangeEvent::OrderEnded { client_order_id, status, reason: reason.to_string() }
                }
                BookEvent::Balance { wallet } => ExchangeEvent::Wallet(wallet),
                BookEvent::Liquidated(liquidation) => ExchangeEvent::Liquidated(liquidation),
            };
            self.crash_point("between two events")?;
            if let Some(event) = answers::event(told) {
                self.handle(cycle.at, event)?;
            }
        }
        if !self.p().machine.is_ready() {
            self.recover()?;
        }
        self.p().last_cycle = Some(cycle.at);
        self.handle(cycle.at, Event::Cycle(cycle))
    }

    fn boot(&mut self) -> Done {
        let saved = self.journal.load();
        let book = match &self.stored {
            Some(json) => serde_json::from_str(json).unwrap(),
            None => Book::new(self.terms.clone()),
        };
        self.process = Some(Process {
            machine: AccountMachine::restore(AccountId::new(NUMBER), self.db.clone(), saved),
            book,
            committed_revision: None,
            last_cycle: self.journal.last_cycle,
            records: Vec::new(),
            requests: VecDeque::new(),
        });
        self.counters.work("starts in dry run", 1);
        self.recover()
    }

    fn crash(&mut self) {
        self.process = None;
        if self.pcg.flips() {
            drop(self.flush());
        }
        self.posted.clear();
    }

    fn recover(&mut self) -> Done {
        let now = self.own_now();
        self.handle(now, Event::Recover)?;
        let book = &self.p().book;
        let snapshot = Snapshot {
            taken_at: now,
            covers: Scope::All,
            open_orders: book.open_orders().iter().map(report).collect(),
            external_orders: BTreeMap::new(),
            positions: book
                .positions()
                .iter()
                .map(|held| NetPosition { symbol: held.symbol.clone(), side: held.side, qty: held.qty })
                .collect(),
            fills: self.missed_fills(),
            external_fills: Vec::new(),
        };
        self.handle(now, Event::Snapshot(snapshot))?;
        let wallet = self.p().book.balance().wallet;
        self.handle(now, Event::Wallet { at: now, wallet })
    }

    fn missed_fills(&mut self) -> Vec<Fill> {
        let process = self.p();
        let after = process.machine.fill_sweep().after;
        let after = after.and_then(|id| trade_number(&id)).unwrap_or_default();
        process.book.fills_since(after).cloned().collect()
    }

    fn crash_point(&mut self, label: &str) -> Done {
        if self.dice.hits(Fault::Crash).is_none() {
            return Ok(());
        }
        *self.counters.crashes.entry(format!("in dry run: {label}")).or_default() += 1;
        Err(Stop::Crash)
    }

    fn p(&mut self) -> &mut Process {
        self.process.as_mut().unwrap()
    }

    fn own_now(&mut self) -> Timestamp {
        let now = Self::at(self.cycles.len());
        now.max(self.p().machine.now())
    }

    fn count(&mut self, counters: &mut Counters) {
        for (fault, count) in &self.dice.hits {
            *self.counters.faults.entry((*fault).to_owned()).or_default() += count;
        }
        self.counters.work("accounts in dry run", 1);
        self.counters.work("fills in dry run", u64::try_from(self.journal.fills.len()).unwrap());
        counters.add(&self.counters);
    }
}

fn terms(plan: &Plan, pcg: &mut Pcg) -> BookConfig {
    let hundredths = |value: i64| Pct::try_new(Decimal::new(value, 2)).unwrap();
    let quote_asset = plan.dialect.symbols()[0].quote_asset().to_owned();
    BookConfig {
        quote_asset,
        initial_balance: Quote::new(1_000.into()),
        maker_fee_pct: hundredths(2),
        taker_fee_pct: hundredths(5),
        slippage_pct: hundredths(pcg.within(0, 5)),
        // Of a hundred units: now and then less than an order wants.
        participation_pct: pcg.flips().then(|| hundredths(pcg.within(20, 400))),
        position_mode: if plan.hedge { PositionMode::Hedge } else { PositionMode::OneWay },
    }
}

fn report(order: &BookOrder) -> OrderReport {
    OrderReport {
        client_order_id: order.client_order_id.clone(),
        exchange_order_id: order.exchange_order_id(),
        symbol: order.symbol.clone(),
        status: order.status,
        filled_qty: order.filled_qty,
    }
}
