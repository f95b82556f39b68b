//! The daemon's main task: opens the database, takes the lease, starts an executor an account, and drives one cycle
//! after another until the market ends or somebody asks it to stop.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::analyst::Analyst;
use super::control::Control;
use super::counters::{Counters, Progress};
use super::pace::Pace;
use super::recorder::Recorder;
use super::roster::{Roster, RosterTerms};
use super::shutdown::Shutdown;
use super::supervisor::Supervisor;
use super::timer::WallTimer;
use crate::clock::wall_now;
use crate::config::Config;
use crate::domain::ids::AccountId;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::time::Timestamp;
use crate::market::feed::Feed;
use crate::store::lease::{Lease, LeaseClaim};
use crate::store::{OpenMode, Store, StoreError, Writer, market_log};

/// How fast virtual time runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// As fast as the fleet keeps up.
    Max,
    /// So many times as fast as the market was.
    Times(u32),
}

/// What a run is made of.
pub struct RunOptions {
    pub database: PathBuf,
    pub config: Config,
    pub feed: Feed,
    /// Trading rules of symbols the database does not know yet.
    pub instruments: BTreeMap<Symbol, Instrument>,
    /// Where the market comes from, for people.
    pub source: String,
    pub speed: Speed,
    pub host: String,
    /// Stop after this many cycles.
    pub cycles_max: Option<u64>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The market has no more steps.
    MarketEnded,
    /// The fleet had been through this market before.
    NothingLeft,
    Stopped,
    CyclesDone,
}

impl EndReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MarketEnded => "market ended",
            Self::NothingLeft => "nothing left",
            Self::Stopped => "stopped",
            Self::CyclesDone => "cycles done",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunReport {
    pub end: EndReason,
    pub progress: Progress,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
}

/// How long executors may hold a cycle up before it goes on without them.
const CYCLE_PATIENCE: Duration = Duration::from_secs(30);
/// How long the database may take nothing before a run in virtual time gives up. What was confirmed is there; the rest
/// is done again after a restart.
const STORE_PATIENCE: Duration = Duration::from_secs(10);

/// A running fleet.
pub struct Fleet {
    feed: Feed,
    speed: Speed,
    cycles_max: Option<u64>,
    pace: Arc<Pace>,
    analyst: Analyst,
    supervisor: Supervisor,
    control: Control,
    recorder: Recorder,
    counters: Arc<Counters>,
    writer: Writer,
    lease: Lease,
    roster: Roster,
    terms: RosterTerms,
    /// The fleet's clock: everything up to here was handled before this run.
    resume_at: Timestamp,
    /// The last cycle that was handed out.
    last_cycle_at: Timestamp,
    started_at: Timestamp,
}

impl Fleet {
    /// Opens the database, takes the lease and starts the executors. Nothing trades yet.
    pub async fn start(options: RunOptions, shutdown: Shutdown) -> Result<Self, StoreError> {
        let store = Store::open(&options.database, OpenMode::ReadWrite)?;
        store.quick_check()?;
        let started_at = wall_now();
        let claim = LeaseClaim {
            pid: std::process::id(),
            host: options.host,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            source: options.source.clone(),
        };
        let lease = Lease::acquire(store.conn(), &claim, started_at)?;
        let terms = RosterTerms {
            limits: options.config.limits,
            equity_interval: options.config.engine.equity_interval,
            instruments: Arc::new(settle_instruments(
                &store,
                &options.instruments,
                &options.config,
                started_at,
            )?),
        };
        let roster = Roster::read(store.conn(), &terms)?;
        let control = Control::open(&options.database, shutdown)?;
        let writer = Writer::start(store)?;
        let counters = Arc::new(Counters::default());
        let resume_at = resume_point(&roster, &options.feed);
        let pace = Pace::new(resume_at);
        let recorder = Recorder::new(&lease, writer.clone(), options.source, started_at, &options.config);
        let mut fleet = Self {
            analyst: Analyst::new(&options.config),
            feed: options.feed,
            speed: options.speed,
            cycles_max: options.cycles_max,
            supervisor: Supervisor::new(Arc::clone(&pace), writer.clone(), Arc::clone(&counters)),
            pace,
            control,
            recorder,
            counters,
            writer,
            lease,
            roster,
            terms,
            resume_at,
            last_cycle_at: resume_at,
            started_at,
        };
        if fleet.roster.running_bots() == 0 {
            let accounts = fleet.roster.entrants.len();
            tracing::warn!(accounts, "no bot is running: nothing will be opened");
        }
        fleet.plan();
        fleet.admit_newcomers(fleet_clock(&fleet.roster).unwrap_or(resume_at)).await?;
        Ok(fleet)
    }

    /// Drives the fleet to the end of the market, or until it is asked to stop. `report` is called now and then.
    pub async fn run(mut self, mut report: impl FnMut(&Progress)) -> Result<RunReport, StoreError> {
        let driven = self.drive(&mut report).await;
        let end = match driven {
            Ok(end) => end,
            Err(error) => {
                self.supervisor.abort();
                return Err(error);
            }
        };
        self.supervisor.drain().await?;
        let progress = self.progress();
        report(&progress);
        self.recorder.finish(&mut self.analyst, progress, end.as_str()).await?;
        let epoch = self.lease.epoch();
        self.writer.run(move |conn| Lease::release(conn, epoch, wall_now())).await?;
        self.writer.stop().await;
        Ok(RunReport { end, progress, started_at: self.started_at, ended_at: wall_now() })
    }

    async fn drive(&mut self, report: &mut impl FnMut(&Progress)) -> Result<EndReason, StoreError> {
        self.settle(report).await?;
        let mut driven: u64 = 0;
        let mut pulse = WallTimer::new(Duration::from_millis(50));
        while let Some(step) = self.feed.next_step() {
            let cycle = self.analyst.observe(step);
            if cycle.at <= self.resume_at {
                continue;
            }
            self.wait_for(cycle.at, driven > 0, report).await?;
            self.pace.advance(cycle.at).await;
            self.pace.publish(None, &cycle);
            self.last_cycle_at = cycle.at;
            self.counters.cycle(self.analyst.computed());
            self.settle(report).await?;
            if pulse.is_due() {
                self.attend(report).await?;
            }
            driven += 1;
            if self.control.is_stopping() {
                return Ok(EndReason::Stopped);
            }
            if self.cycles_max.is_some_and(|most| driven >= most) {
                return Ok(EndReason::CyclesDone);
            }
        }
        Ok(if driven == 0 { EndReason::NothingLeft } else { EndReason::MarketEnded })
    }

    /// Waits as long as the market took between two steps, at the speed asked for.
    async fn wait_for(
        &mut self,
        to: Timestamp,
        is_waiting: bool,
        report: &mut impl FnMut(&Progress),
    ) -> Result<(), StoreError> {
        let (Speed::Times(times), true) = (self.speed, is_waiting) else { return Ok(()) };
        let wait = u64::try_from(to.since(self.last_cycle_at).ms()).unwrap_or(0) / u64::from(times.max(1));
        let timer = WallTimer::new(Duration::from_millis(wait));
        while let Some(left) = timer.left().filter(|_| !self.control.is_stopping()) {
            tokio::time::sleep(left.min(Duration::from_millis(50))).await;
            self.attend(report).await?;
        }
        Ok(())
    }

    /// Waits until every executor is quiet; one that is stuck for long is left behind and takes up the newest cycle
    /// when it is back.
    async fn settle(&mut self, report: &mut impl FnMut(&Progress)) -> Result<(), StoreError> {
        let patience = WallTimer::new(CYCLE_PATIENCE);
        let mut store_patience: Option<WallTimer> = None;
        loop {
            let quiet = tokio::time::timeout(Duration::from_millis(100), self.pace.wait_quiet()).await;
            if quiet.is_ok() {
                return Ok(());
            }
            self.attend(report).await?;
            if self.counters.store_failures() == 0 {
                store_patience = None;
            } else if store_patience.get_or_insert_with(|| WallTimer::new(STORE_PATIENCE)).left().is_none() {
                return Err(self.counters.store_error());
            }
            if patience.left().is_none() {
                tracing::warn!(accounts = ?self.pace.busy(), "accounts do not finish the cycle; it goes on without them");
                return Ok(());
            }
        }
    }

    /// Everything that is not the market: commands, executors that ended, the run's row, the heartbeat.
    async fn attend(&mut self, report: &mut impl FnMut(&Progress)) -> Result<(), StoreError> {
        self.supervisor.reap().await?;
        let commands = self.control.pending()?;
        if !commands.is_empty() {
            self.reload().await?;
            self.control.acknowledge(&self.writer, commands).await?;
        }
        let progress = self.progress();
        report(&progress);
        self.recorder.keep(&mut self.analyst, progress).await;
        Ok(())
    }

    /// Takes over what people changed: settings at once, newcomers from here on, leavers no more.
    async fn reload(&mut self) -> Result<(), StoreError> {
        let roster = self.control.read_roster(&self.terms)?;
        for account in self.supervisor.running().collect::<Vec<AccountId>>() {
            match roster.entrants.get(&account) {
                None => self.pace.stop(account),
                Some(entrant) => {
                    let before = self.roster.entrants.get(&account).map(|known| &known.configuration);
                    if before != Some(&entrant.configuration) {
                        self.pace.configure(account, entrant.configuration.clone());
                    }
                }
            }
        }
        self.roster = roster;
        self.plan();
        self.admit_newcomers(self.pace.now()).await
    }

    async fn admit_newcomers(&mut self, from: Timestamp) -> Result<(), StoreError> {
        let newcomers: Vec<_> = self
            .roster
            .entrants
            .values()
            .filter(|entrant| !self.supervisor.is_running(entrant.id))
            .cloned()
            .collect();
        self.supervisor.admit(&newcomers, from).await
    }

    fn plan(&mut self) {
        for missing in self.analyst.plan(&self.roster, &mut self.feed) {
            tracing::warn!("{missing}");
        }
    }

    fn progress(&self) -> Progress {
        Progress {
            counts: self.counters.read(),
            cycles_total: self.feed.steps_hint(),
            at: self.last_cycle_at,
            accounts: self.roster.entrants.len(),
            bots: self.roster.running_bots(),
        }
    }
}

/// The latest moment any account has handled; `None` for a fleet that never ran.
fn fleet_clock(roster: &Roster) -> Option<Timestamp> {
    roster.entrants.values().filter_map(|entrant| entrant.last_cycle_at).max()
}

/// From where the market must be played again: the account that is furthest behind. Accounts that are ahead ignore
/// what they have handled.
fn resume_point(roster: &Roster, feed: &Feed) -> Timestamp {
    let furthest_behind = roster.entrants.values().filter_map(|entrant| entrant.last_cycle_at).min();
    let before_the_market = Timestamp::from_ms(feed.span().0.ms().saturating_sub(1));
    furthest_behind.unwrap_or(before_the_market)
}

/// Trading rules stay what they were when a symbol was first traded, unless the configuration says otherwise.
fn settle_instruments(
    store: &Store,
    offered: &BTreeMap<Symbol, Instrument>,
    config: &Config,
    now: Timestamp,
) -> Result<BTreeMap<Symbol, Instrument>, StoreError> {
    let known = market_log::instruments(store.conn())?;
    let mut settled = known.clone();
    for (symbol, rules) in offered {
        settled.entry(symbol.clone()).or_insert_with(|| rules.clone());
    }
    for (symbol, over) in &config.instruments {
        if let Some(rules) = settled.get_mut(symbol) {
            rules.tick = over.tick.unwrap_or(rules.tick);
            rules.step = over.step.unwrap_or(rules.step);
            rules.min_qty = over.min_qty.unwrap_or(rules.min_qty);
            rules.min_notional = over.min_notional.unwrap_or(rules.min_notional);
        }
    }
    for rules in settled.values().filter(|rules| known.get(&rules.symbol) != Some(rules)) {
        market_log::write_instrument(store.conn(), rules, now)?;
    }
    Ok(settled)
}
