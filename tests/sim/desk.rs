//! One account: its process as the daemon's executor runs it, its journal, its exchange and its people, in a time of
//! its own. The executor's loop is written down here once more (`daemon::executor`), without tasks and threads, so that
//! it can be crashed between any two of its steps.
//!
//! `executor` decides and commits, `calls` performs requests, `travel` is the network, `comparing` keeps in step with
//! the exchange, `people` meddle, `checks`, `settled` and `ladders` watch. `mirror` writes the same turns to the store.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use tradefleet::domain::ids::{AccountId, ClientOrderId};
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::money::Price;
use tradefleet::domain::time::Timestamp;
use tradefleet::engine::breaker::Breaker;
use tradefleet::engine::config::AccountConfig;
use tradefleet::engine::grid::lots::Lots;
use tradefleet::engine::machine::AccountMachine;
use tradefleet::engine::state::{DurableState, SavedAccount};
use tradefleet::engine::turn::{Record, Request};
use tradefleet::exchange::capabilities::Capabilities;
use tradefleet::exchange::report::SymbolTerms;
use tradefleet::signal::Signal;

use crate::counters::Counters;
use crate::faults::{Dice, Fault, scaled};
use crate::journal::Journal;
use crate::market::{EPOCH, Market};
use crate::mirror::Mirror;
use crate::mutants::Mutant;
use crate::pcg::Pcg;
use crate::plan::{PERIOD, Plan, Wish};
use crate::venue::{StakeKey, Venue};

/// Why the process does not go on.
pub(crate) enum Stop {
    Crash,
    /// Something happened that must never happen.
    Wrong(String),
}

pub(crate) type Done<T = ()> = Result<T, Stop>;

/// What is lost with the process.
pub(crate) struct Process {
    pub machine: AccountMachine,
    pub breaker: Breaker,
    pub resync: bool,
    pub narrow_at: Option<i64>,
    pub wide_at: Option<i64>,
    pub last_cycle: Option<Timestamp>,
    pub prepared: BTreeMap<Symbol, SymbolTerms>,
    pub records: Vec<Record>,
    pub requests: VecDeque<Request>,
    /// The exchange's clock minus ours, as far as it is known.
    pub offset: i64,
}

/// What the checks remember.
#[derive(Default)]
pub(crate) struct Watchman {
    pub cooldowns: BTreeMap<Symbol, i64>,
    pub peaks: BTreeMap<ClientOrderId, Price>,
    /// Somebody else traded or holds something: some faults of theirs cannot be told from ours.
    pub has_external: bool,
    /// Where a bot has closed what others held.
    pub overdrawn: BTreeSet<StakeKey>,
}

pub(crate) struct Desk<'w> {
    pub id: AccountId,
    pub plan: Plan,
    pub mutant: Option<Mutant>,
    pub market: &'w Market,
    pub capabilities: Capabilities,
    pub venue: Venue,
    pub dice: Dice,
    pub pcg: Pcg,
    pub journal: Journal,
    pub mirror: Option<Mirror>,
    /// Turns that nobody waits for, not durable yet.
    pub posted: Vec<(Vec<Record>, DurableState)>,
    /// What the database says.
    pub db: AccountConfig,
    pub db_changed: bool,
    /// What the process was told of it.
    pub told: AccountConfig,
    pub entries_enabled: bool,
    pub now: i64,
    /// Until when the address may not send: shared by all accounts.
    pub blocked_until: Rc<Cell<i64>>,
    pub process: Option<Process>,
    pub down_until: i64,
    pub recovering: bool,
    pub signals: Vec<Arc<Signal>>,
    pub are_signals_on: bool,
    pub counters: Counters,
    /// Of everything that was decided and answered.
    pub trace: u64,
    pub watchman: Watchman,
    /// Fills of this account, for an account whose executor mixes them up.
    pub overheard: Vec<tradefleet::domain::fill::Fill>,
}

impl<'w> Desk<'w> {
    pub(crate) fn new(wish: &Wish, number: u32, market: &'w Market, blocked_until: &Rc<Cell<i64>>) -> Self {
        let plan = Plan::of(wish);
        let db = plan.config(wish.seed, number);
        let venue = Venue::new(plan.dialect, plan.hedge, EPOCH, plan.offset);
        let mut dice = Dice::new(wish.seed, u64::from(number), &wish.without);
        if plan.offset != 0 {
            *dice.hits.entry(Fault::ClockOffset.as_str()).or_default() += 1;
        }
        Self {
            id: AccountId::new(number),
            mutant: wish.mutant,
            capabilities: plan.dialect.capabilities(plan.hedge),
            market,
            venue,
            dice,
            pcg: Pcg::new(wish.seed, 30 + u64::from(number)),
            journal: Journal::default(),
            mirror: wish.is_mirrored.then(|| Mirror::new(plan.dialect.kind(), AccountId::new(number), &db)),
            posted: Vec::new(),
            told: db.clone(),
            db,
            db_changed: false,
            entries_enabled: true,
            now: EPOCH,
            blocked_until: Rc::clone(blocked_until),
            process: None,
            down_until: EPOCH,
            recovering: false,
            signals: Vec::new(),
            are_signals_on: true,
            counters: Counters::default(),
            trace: 0xcbf2_9ce4_8422_2325,
            watchman: Watchman::default(),
            overheard: Vec::new(),
            plan,
        }
    }

    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    pub(crate) fn p(&mut self) -> &mut Process {
        self.process.as_mut().unwrap()
    }

    pub(crate) fn machine(&self) -> &AccountMachine {
        &self.process.as_ref().unwrap().machine
    }

    /// Lives through the second that ends at `at`.
    pub(crate) fn second(&mut self, at: i64) -> Result<(), String> {
        if self.now < at {
            self.pass(at - self.now).map_err(text)?;
        }
        self.meddle();
        let outcome = if self.process.is_some() {
            self.live(at)
        } else if self.now >= self.down_until {
            self.boot()
        } else {
            Ok(())
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(Stop::Wrong(why)) => Err(why),
            Err(Stop::Crash) => {
                self.crash();
                Ok(())
            }
        }
    }

    fn live(&mut self, at: i64) -> Done {
        if let Some(how) = self.dice.hits(Fault::Suspended) {
            self.pass(scaled(how, 3_000, 60_000))?;
        }
        if std::mem::take(&mut self.db_changed) {
            self.told = self.db.clone();
            self.told.venue = self.machine_venue();
            if !self.is(Mutant::StopIgnored) {
                self.handle(tradefleet::engine::event::Event::Configure(self.told.clone()))?;
            }
        }
        self.listen()?;
        let is_missed = self.now >= at + PERIOD || self.dice.hits(Fault::MissedCycle).is_some();
        if at % PERIOD == 0 && !is_missed { self.step(at) } else { Ok(()) }
    }

    pub(crate) fn machine_venue(&self) -> tradefleet::engine::config::Venue {
        let mut venue = self.db.venue;
        let slack = self.capabilities.visibility_slack;
        match self.mutant {
            Some(Mutant::NoSlack) => venue.horizon = self.capabilities.receive_window,
            Some(Mutant::NoWindow) => venue.horizon = slack,
            Some(Mutant::NotFoundIsFinal) => {
                venue.horizon = tradefleet::domain::time::DurationMs::from_ms(-1);
            }
            Some(Mutant::ResendAnywhere) => venue.resend_is_safe = true,
            Some(Mutant::TrustsSnapshots) => venue.consistent_snapshots = true,
            _ => {}
        }
        venue
    }

    /// Starts the process from what is durable.
    fn boot(&mut self) -> Done {
        let mut saved = self.journal.load();
        if let Some(mirror) = &self.mirror {
            mirror.recovers(&saved, self.journal.last_cycle).map_err(Stop::Wrong)?;
        }
        self.forget(&mut saved);
        self.db_changed = false;
        self.told = self.db.clone();
        self.told.venue = self.machine_venue();
        let mut config = self.told.clone();
        if self.is(Mutant::HaltForgotten) && self.journal.last_cycle.is_some() {
            config.halt = None;
        }
        self.process = Some(Process {
            machine: AccountMachine::restore(self.id, config, saved),
            breaker: Breaker::new(self.id),
            resync: false,
            narrow_at: None,
            wide_at: None,
            last_cycle: self.journal.last_cycle,
            prepared: BTreeMap::new(),
            records: Vec::new(),
            requests: VecDeque::new(),
            offset: 0,
        });
        self.venue.disconnect(400);
        self.counters.work("starts", 1);
        self.recovering = true;
        self.recover()
    }

    fn forget(&self, saved: &mut SavedAccount) {
        match self.mutant {
            Some(Mutant::WorkingForgotten) => saved.working.clear(),
            Some(Mutant::BookedForgotten) => saved.booked.clear(),
            Some(Mutant::CooldownForgotten) => saved.durable.left_at.clear(),
            Some(Mutant::GuardForgotten) => saved.durable.entry_guards.clear(),
            Some(Mutant::GridForgotten) => {
                for grid in saved.durable.grids.values_mut() {
                    grid.lots = Lots::default();
                }
            }
            Some(Mutant::PeakForgotten) => {
                for holding in saved.durable.holdings.values_mut() {
                    holding.peak = None;
                }
            }
            _ => {}
        }
    }

    fn crash(&mut self) {
        self.process = None;
        // What was only handed over may have become durable, or not.
        if self.pcg.flips() && !self.is(Mutant::IntentWrittenBehind) {
            drop(self.flush_posted());
        }
        self.posted.clear();
        self.down_until = self.now + self.pcg.within(200, 20_000);
        self.recovering = false;
    }

    /// A place at which the process may die.
    pub(crate) fn crash_point(&mut self, label: &str) -> Done {
        // The first minutes of a recovery are as likely a time to crash as all the rest together.
        let times = if self.recovering { 5 } else { 1 };
        if self.dice.hits_times(Fault::Crash, times).is_none() {
            return Ok(());
        }
        let label = if self.recovering { format!("recovering: {label}") } else { label.to_owned() };
        *self.counters.crashes.entry(label).or_default() += 1;
        Err(Stop::Crash)
    }

    /// Time goes by.
    pub(crate) fn pass(&mut self, ms: i64) -> Done {
        self.now += ms;
        self.venue.advance(self.now, self.market, &mut self.dice);
        self.check_venue()
    }

    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_ms(self.now)
    }

    /// FNV-1a over what happens, so that two runs can be compared.
    pub(crate) fn note(&mut self, what: &str) {
        for byte in what.bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

pub(crate) fn text(stop: Stop) -> String {
    match stop {
        Stop::Crash => "crash".to_owned(),
        Stop::Wrong(why) => why,
    }
}
