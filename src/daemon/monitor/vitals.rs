//! What the fleet's thread and the journal's writer tell of their progress: written in passing, read by the monitor.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;

use super::pulse::Pulse;
use crate::clock::{Stopwatch, since_boot};
use crate::config::WatchConfig;
use crate::domain::ids::AccountId;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::DurationMs;
use crate::store::StoreError;
use crate::store::writer::CommitObserver;

/// Bounds of what is measured, s: a cycle reaches everybody within milliseconds, a commit takes one disk flush.
const BUCKETS: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Starting,
    Running,
    Stopping,
}

impl Phase {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
        }
    }
}

/// One exchange's market, as its sockets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketVitals {
    pub exchange: ExchangeKind,
    pub sockets: u64,
    pub sockets_up: u64,
    /// Since the last candle was heard.
    pub silent: Duration,
}

/// A part of the rate limits, as it is used now.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitVitals {
    pub exchange: ExchangeKind,
    pub egress: String,
    pub limit: String,
    /// What is left, as a share of 1; of limits of accounts the least of all.
    pub left: f64,
}

impl From<(ExchangeKind, &str, &str, f64)> for LimitVitals {
    fn from((exchange, egress, limit, left): (ExchangeKind, &str, &str, f64)) -> Self {
        Self { exchange, egress: egress.to_owned(), limit: limit.to_owned(), left }
    }
}

/// Moments are microseconds since the start; 0 stands for none.
#[derive(Debug)]
pub struct Vitals {
    born: Stopwatch,
    phase: AtomicU8,
    turns: AtomicU64,
    turned_at: AtomicU64,
    cycle_at: AtomicU64,
    cycle_every: AtomicU64,
    cycle_lag: AtomicU64,
    writes: AtomicU64,
    writing_since: AtomicU64,
    failing_since: AtomicU64,
    database_error: Mutex<Option<StoreError>>,
    free_bytes: AtomicU64,
    reserve_spent: AtomicBool,
    wants_clocks: AtomicBool,
    pulse: Mutex<Pulse>,
    pub commits: Histogram,
    pub fan_out: Histogram,
    watch: Mutex<WatchConfig>,
    ready: Mutex<BTreeSet<AccountId>>,
    markets: Mutex<Vec<MarketVitals>>,
    limits: Mutex<Vec<LimitVitals>>,
    offsets: Mutex<BTreeMap<ExchangeKind, DurationMs>>,
    troubles: Mutex<BTreeMap<String, String>>,
}

impl Default for Vitals {
    fn default() -> Self {
        Self {
            born: Stopwatch::start(),
            phase: AtomicU8::new(0),
            turns: AtomicU64::new(0),
            turned_at: AtomicU64::new(0),
            cycle_at: AtomicU64::new(0),
            cycle_every: AtomicU64::new(0),
            cycle_lag: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            writing_since: AtomicU64::new(0),
            failing_since: AtomicU64::new(0),
            database_error: Mutex::default(),
            free_bytes: AtomicU64::new(u64::MAX),
            reserve_spent: AtomicBool::new(false),
            wants_clocks: AtomicBool::new(false),
            pulse: Mutex::default(),
            commits: Histogram::new(BUCKETS),
            fan_out: Histogram::new(BUCKETS),
            watch: Mutex::default(),
            ready: Mutex::default(),
            markets: Mutex::default(),
            limits: Mutex::default(),
            offsets: Mutex::default(),
            troubles: Mutex::default(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What the fleet tells.
impl Vitals {
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
        self.turned();
    }

    /// The main loop has come round.
    pub fn turned(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
        self.turned_at.store(self.now(), Ordering::Relaxed);
    }

    /// A cycle was handed out, so much after its time; the next is due within `every` (zero: nobody knows when).
    pub fn cycled(&self, lag: Duration, every: Duration) {
        self.cycle_at.store(self.now(), Ordering::Relaxed);
        self.cycle_lag.store(micros(lag), Ordering::Relaxed);
        self.cycle_every.store(micros(every), Ordering::Relaxed);
    }

    pub fn set_ready(&self, account: AccountId, is_ready: bool) {
        let mut ready = lock(&self.ready);
        if is_ready {
            ready.insert(account);
        } else {
            ready.remove(&account);
        }
    }

    pub fn set_watch(&self, watch: &WatchConfig) {
        lock(&self.watch).clone_from(watch);
    }

    pub fn set_markets(&self, markets: Vec<MarketVitals>) {
        *lock(&self.markets) = markets;
    }

    pub fn set_limits(&self, limits: Vec<LimitVitals>) {
        *lock(&self.limits) = limits;
    }

    pub fn set_offset(&self, exchange: ExchangeKind, offset: DurationMs) {
        lock(&self.offsets).insert(exchange, offset);
    }

    /// What is wrong now: a word for each, and the text.
    pub fn set_troubles(&self, troubles: BTreeMap<String, String>) {
        *lock(&self.troubles) = troubles;
    }

    /// For how long the process stood still since this was asked last.
    pub fn take_gap(&self) -> Option<Duration> {
        lock(&self.pulse).take_gap(since_boot())
    }

    /// Whether the exchanges' clocks are to be asked anew; true once.
    pub fn take_wants_clocks(&self) -> bool {
        self.wants_clocks.swap(false, Ordering::Relaxed)
    }
}

/// What the monitor reads and tells.
impl Vitals {
    fn now(&self) -> u64 {
        micros(self.born.elapsed()).max(1)
    }

    fn since(&self, moment: &AtomicU64) -> Option<Duration> {
        let at = moment.load(Ordering::Relaxed);
        (at > 0).then(|| Duration::from_micros(self.now().saturating_sub(at)))
    }

    pub fn uptime(&self) -> Duration {
        self.born.elapsed()
    }

    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Starting,
            1 => Phase::Running,
            _ => Phase::Stopping,
        }
    }

    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Since the main loop came round last.
    pub fn turn_age(&self) -> Duration {
        self.since(&self.turned_at).unwrap_or_default()
    }

    /// Since the last cycle; `None` before the first.
    pub fn cycle_age(&self) -> Option<Duration> {
        self.since(&self.cycle_at)
    }

    /// How late the last cycle was.
    pub fn cycle_lag(&self) -> Duration {
        Duration::from_micros(self.cycle_lag.load(Ordering::Relaxed))
    }

    /// Within which time the next cycle is due; `None`: nobody knows.
    pub fn cycle_every(&self) -> Option<Duration> {
        let every = self.cycle_every.load(Ordering::Relaxed);
        (every > 0).then(|| Duration::from_micros(every))
    }

    /// Commits that have ended, well or not.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// How long the writer has been at its present commit; `None`: it is idle.
    pub fn writing(&self) -> Option<Duration> {
        self.since(&self.writing_since)
    }

    /// Since when commits fail, and why.
    pub fn failing(&self) -> Option<(Duration, StoreError)> {
        let since = self.since(&self.failing_since)?;
        Some((since, lock(&self.database_error).clone()?))
    }

    pub fn watch(&self) -> WatchConfig {
        lock(&self.watch).clone()
    }

    /// Accounts that have been compared with their exchange and act.
    pub fn ready(&self) -> u64 {
        u64::try_from(lock(&self.ready).len()).unwrap_or(u64::MAX)
    }

    pub fn markets(&self) -> Vec<MarketVitals> {
        lock(&self.markets).clone()
    }

    pub fn limits(&self) -> Vec<LimitVitals> {
        lock(&self.limits).clone()
    }

    /// The exchanges' clocks minus ours.
    pub fn offsets(&self) -> BTreeMap<ExchangeKind, DurationMs> {
        lock(&self.offsets).clone()
    }

    pub fn troubles(&self) -> BTreeMap<String, String> {
        lock(&self.troubles).clone()
    }

    /// `None` before the first look.
    pub fn free_bytes(&self) -> Option<u64> {
        Some(self.free_bytes.load(Ordering::Relaxed)).filter(|free| *free < u64::MAX)
    }

    pub fn set_free_bytes(&self, free: u64) {
        self.free_bytes.store(free, Ordering::Relaxed);
    }

    /// Whether the disk that was kept back had to be given up.
    pub fn is_reserve_spent(&self) -> bool {
        self.reserve_spent.load(Ordering::Relaxed)
    }

    pub fn set_reserve_spent(&self, is_spent: bool) {
        self.reserve_spent.store(is_spent, Ordering::Relaxed);
    }

    /// The process is alive at this moment.
    pub fn beat(&self) {
        lock(&self.pulse).beat(since_boot());
    }

    pub fn want_clocks(&self) {
        self.wants_clocks.store(true, Ordering::Relaxed);
    }
}

impl CommitObserver for Vitals {
    fn begun(&self) {
        self.writing_since.store(self.now(), Ordering::Relaxed);
    }

    fn ended(&self, outcome: Result<(), &StoreError>) {
        if let Some(took) = self.writing() {
            self.commits.observe(took.as_secs_f64());
        }
        self.writing_since.store(0, Ordering::Relaxed);
        self.writes.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Ok(()) => self.failing_since.store(0, Ordering::Relaxed),
            Err(error) => {
                *lock(&self.database_error) = Some(error.clone());
                let since = self.failing_since.load(Ordering::Relaxed);
                self.failing_since.store(if since > 0 { since } else { self.now() }, Ordering::Relaxed);
            }
        }
    }
}
