//! The daemon's main task: opens the database, takes the lease, starts an executor an account, and drives one cycle
//! after another until the market ends or somebody asks it to stop. [`super::replay`] drives a tape, [`super::live`]
//! the exchanges.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::backups::Backups;
use super::connections::Connections;
use super::control::Control;
use super::counters::{Counters, Progress};
use super::desk::Desks;
use super::limits_log::{self, LimitsLog};
use super::live::{KeptRules, Live};
use super::monitor::Monitor;
use super::monitor::vitals::Phase;
use super::pace::Pace;
use super::recorder::Recorder;
use super::reload::Reload;
use super::replay::Replay;
use super::roster::{Roster, RosterTerms, Stage};
use super::shutdown::Shutdown;
use super::supervisor::Supervisor;
use super::tellers;
use super::watch::Watch;
use crate::clock::wall_now;
use crate::config::Config;
use crate::domain::ids::AccountId;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::time::Timestamp;
use crate::market::candle_store::CandleStore;
use crate::market::feed::Feed;
use crate::store::lease::{Lease, LeaseClaim};
use crate::store::writer::CommitObserver;
use crate::store::{OpenMode, Store, StoreError, Writer, market_log};
use crate::vault::Vault;

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
    pub market: MarketPlan,
    /// Opens the tokens of the accounts' chats and seals the audit log; `None`: nobody is listened to, and the log stays
    /// as it is.
    pub vault: Option<Arc<Vault>>,
    /// Where the market comes from, for people.
    pub source: String,
    pub host: String,
    /// Stop after this many cycles.
    pub cycles_max: Option<u64>,
    /// How the configuration is read again; `None`: it is not.
    pub reload: Option<Reload>,
}

impl RunOptions {
    /// The candle store beside the database.
    fn candles(&self) -> CandleStore {
        CandleStore::in_home(self.database.parent().unwrap_or(Path::new(".")))
    }
}

/// The market of a run.
pub enum MarketPlan {
    Replay {
        feed: Box<Feed>,
        /// Trading rules of symbols the database does not know yet.
        instruments: BTreeMap<Symbol, Instrument>,
        speed: Speed,
    },
    Live {
        /// Opens the keys of the accounts.
        vault: Arc<Vault>,
    },
}

impl MarketPlan {
    const fn stage(&self, config: &Config) -> Stage {
        match self {
            Self::Replay { .. } => Stage::Replay,
            Self::Live { .. } => Stage::Live { paper_market: config.live.paper_market },
        }
    }
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

/// A running fleet.
pub struct Fleet {
    pub(super) desks: Desks,
    pub(super) cycles_max: Option<u64>,
    pub(super) pace: Arc<Pace>,
    pub(super) supervisor: Supervisor,
    pub(super) control: Control,
    pub(super) counters: Arc<Counters>,
    pub(super) writer: Writer,
    pub(super) roster: Roster,
    pub(super) terms: RosterTerms,
    /// The last cycle that was handed out.
    pub(super) last_cycle_at: Timestamp,
    pub(super) config: Config,
    pub(super) watch: Watch,
    pub(super) recorder: Recorder,
    pub(super) limits: LimitsLog,
    driver: Option<Driver>,
    backups: Backups,
    lease: Lease,
    started_at: Timestamp,
    /// Accounts of commands that were not taken over yet; `None`: of several.
    pub(super) told: BTreeSet<Option<AccountId>>,
    /// Chats: they listen as long as the fleet runs.
    chats: JoinSet<()>,
}

/// Who moves the fleet from cycle to cycle.
pub(super) enum Driver {
    Replay(Replay),
    Live(Live),
}

/// What a run begins with, besides the store.
pub(super) struct Opening {
    pub desks: Desks,
    pub pace: Arc<Pace>,
    pub driver: Driver,
    /// The ways to the exchanges; none in a replay.
    pub connections: Option<Connections>,
    /// The fleet's clock at the start.
    pub from: Timestamp,
    /// Where accounts begin that never ran.
    pub admit_from: Timestamp,
}

/// Told now and then how far a run has come.
pub(super) type Report<'a> = &'a mut (dyn FnMut(&Progress) + Send);

impl Fleet {
    /// Opens the database, takes the lease and starts the executors. Nothing trades yet.
    pub async fn start(options: RunOptions, shutdown: Shutdown) -> Result<Self, StoreError> {
        let store = Store::open(&options.database, OpenMode::ReadWrite)?;
        store.quick_check()?;
        let started_at = wall_now();
        let claim = LeaseClaim {
            pid: std::process::id(),
            host: options.host.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            source: options.source.clone(),
        };
        let lease = Lease::acquire(store.conn(), &claim, started_at)?;
        let config = &options.config;
        let counters = Arc::new(Counters::default());
        let monitor = watched(&options, &counters, &store, &lease)?;
        let mut terms = RosterTerms::new(config, options.market.stage(config));
        let candles = options.candles();
        let opening = match options.market {
            MarketPlan::Replay { feed, instruments, speed } => {
                let settled = settle_instruments(&store, &instruments, config, started_at)?;
                terms.instruments.insert(None, Arc::new(settled));
                Opening::replay(*feed, speed, &Roster::read(store.conn(), &terms)?, config)
            }
            MarketPlan::Live { vault } => {
                let roster = Roster::read(store.conn(), &terms)?;
                let bans = limits_log::remembered(store.conn())?;
                let connections = Connections::new(&config.live, vault).remembering(bans).warmed_by(candles);
                let kept = kept_rules(&store, &roster)?;
                Opening::live(connections, &roster, kept, config).await
            }
        };
        terms.instruments.extend(opening.desks.instruments(config));
        let roster = Roster::read(store.conn(), &terms)?;
        let backups = Backups::new(&options.database, config, store.conn())?;
        let control = Control::open(&options.database, shutdown)?;
        let writer = Writer::observed(store, Some(Arc::clone(&counters.vitals) as Arc<dyn CommitObserver>))?;
        let chats = tellers::start(config, &options.database, options.vault.clone(), &writer, &counters)?;
        let connections = opening.connections;
        let mut fleet = Self {
            desks: opening.desks,
            cycles_max: options.cycles_max,
            supervisor: Supervisor::new(
                Arc::clone(&opening.pace),
                writer.clone(),
                Arc::clone(&counters),
                connections,
            ),
            pace: opening.pace,
            recorder: Recorder::new(&lease, writer.clone(), options.source, started_at, &options.config)
                .sealing(options.vault),
            backups,
            limits: LimitsLog::default(),
            watch: Watch::new(monitor, options.reload),
            config: options.config,
            control,
            counters,
            writer,
            lease,
            roster,
            terms,
            last_cycle_at: opening.from,
            driver: Some(opening.driver),
            started_at,
            told: BTreeSet::new(),
            chats,
        };
        fleet.tell_what_is_odd();
        fleet.plan();
        fleet.admit_newcomers(opening.admit_from).await?;
        Ok(fleet)
    }

    fn tell_what_is_odd(&self) {
        if self.roster.running_bots() == 0 {
            let accounts = self.roster.entrants.len();
            tracing::warn!(accounts, "no bot is running: nothing will be opened");
        }
        for name in &self.roster.left_out {
            tracing::warn!(account = name, "trades with money (dry_run off): it takes no part in a replay");
        }
    }

    /// Drives the fleet to the end of the market, or until it is asked to stop. `report` is called now and then.
    pub async fn run(mut self, mut report: impl FnMut(&Progress) + Send) -> Result<RunReport, StoreError> {
        self.enter(Phase::Running);
        let driven = match self.driver.take() {
            Some(Driver::Replay(replay)) => self.replay(replay, &mut report).await,
            Some(Driver::Live(live)) => self.live(live, &mut report).await,
            None => Ok(EndReason::NothingLeft),
        };
        let end = match driven {
            Ok(end) => end,
            Err(error) => {
                self.supervisor.abort();
                return Err(error);
            }
        };
        self.enter(Phase::Stopping);
        self.supervisor.drain().await;
        tellers::last_words(&self.control).await?;
        self.chats.shutdown().await;
        let progress = self.progress();
        report(&progress);
        self.recorder.finish(self.desks.analysts(), progress, end.as_str()).await?;
        let epoch = self.lease.epoch();
        self.writer.run(move |conn| Lease::release(conn, epoch, wall_now())).await?;
        self.writer.stop().await;
        Ok(RunReport { end, progress, started_at: self.started_at, ended_at: wall_now() })
    }

    /// Everything that is not the market: commands, executors that ended, the run's row, the heartbeat.
    pub(super) async fn attend(&mut self, report: Report<'_>) -> Result<(), StoreError> {
        self.counters.vitals.turned();
        let served = match self.look_around().await {
            Ok(()) => self.serve_people().await,
            failed @ Err(_) => failed,
        };
        match served {
            // A live fleet outlasts a database that takes nothing for a while: what is open is protected all the same.
            Err(error) if error.is_passing() && matches!(self.desks, Desks::Live(_)) => {
                tracing::debug!(%error, "what people want is looked at again");
            }
            served => served?,
        }
        let progress = self.progress();
        report(&progress);
        self.recorder.keep(self.desks.analysts(), progress).await;
        Ok(())
    }

    /// Commands, executors that ended, what is used of the limits.
    async fn serve_people(&mut self) -> Result<(), StoreError> {
        if self.supervisor.reap().await {
            self.reload().await?;
        }
        let commands = self.control.pending()?;
        self.told.extend(commands.iter().map(|command| command.command.account_id));
        if !commands.is_empty() || self.has_left()? {
            self.reload().await?;
        }
        if !commands.is_empty() {
            self.control.acknowledge(&self.writer, commands).await?;
        }
        if let Some(connections) = self.supervisor.connections() {
            self.limits.keep(connections, &self.writer, self.pace.now()).await?;
        }
        self.backups.attend(&self.writer).await;
        Ok(())
    }

    pub(super) fn plan(&mut self) {
        self.follow();
        self.desks.plan(&self.roster);
    }

    fn progress(&self) -> Progress {
        Progress {
            counts: self.counters.read(),
            cycles_total: self.desks.steps_hint(),
            at: self.last_cycle_at,
            accounts: self.roster.entrants.len(),
            bots: self.roster.running_bots(),
        }
    }
}

/// Starts the monitor, and says where it answers.
fn watched(
    options: &RunOptions,
    counters: &Arc<Counters>,
    store: &Store,
    lease: &Lease,
) -> Result<Monitor, StoreError> {
    counters.vitals.set_watch(&options.config.watch);
    let is_live = matches!(options.market, MarketPlan::Live { .. });
    let monitor = Monitor::start(Arc::clone(counters), options.database.clone(), &options.config, is_live);
    if let Some(address) = &monitor.address {
        Lease::answers_at(store.conn(), lease.epoch(), address)?;
    }
    Ok(monitor)
}

fn kept_rules(store: &Store, roster: &Roster) -> Result<KeptRules, StoreError> {
    let markets = roster.markets().into_iter().flatten();
    markets.map(|kind| Ok((kind, market_log::instruments(store.conn(), Some(kind))?))).collect()
}

/// Trading rules stay what they were when a symbol was first traded, unless the configuration says otherwise.
fn settle_instruments(
    store: &Store,
    offered: &BTreeMap<Symbol, Instrument>,
    config: &Config,
    now: Timestamp,
) -> Result<BTreeMap<Symbol, Instrument>, StoreError> {
    let known = market_log::instruments(store.conn(), None)?;
    let mut settled = known.clone();
    for (symbol, rules) in offered {
        settled.entry(symbol.clone()).or_insert_with(|| rules.clone());
    }
    override_rules(&mut settled, config);
    for rules in settled.values().filter(|rules| known.get(&rules.symbol) != Some(rules)) {
        market_log::write_instrument(store.conn(), None, rules, now)?;
    }
    Ok(settled)
}

/// What the configuration says of a symbol counts more than what the market says.
pub fn override_rules(instruments: &mut BTreeMap<Symbol, Instrument>, config: &Config) {
    for (symbol, over) in &config.instruments {
        if let Some(rules) = instruments.get_mut(symbol) {
            rules.tick = over.tick.unwrap_or(rules.tick);
            rules.step = over.step.unwrap_or(rules.step);
            rules.min_qty = over.min_qty.unwrap_or(rules.min_qty);
            rules.min_notional = over.min_notional.unwrap_or(rules.min_notional);
        }
    }
}
