//! What a running daemon tells of itself: to systemd, to whoever asks over HTTP, to its own log.
//!
//! All of it runs on a thread of its own with a runtime of its own: `/health` must answer when the fleet's thread does
//! not, and asking must not slow the fleet. What the fleet does is written into [`vitals`] without locks that anybody
//! would wait for; counts of what the database holds are read on a connection of their own, at most once in a while.

pub mod disk;
pub mod exposition;
pub mod figures;
pub mod health;
pub mod pulse;
pub mod server;
pub mod service;
pub mod troubles;
pub mod vitals;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::counters::Counters;
use crate::clock::{Stopwatch, suspended, wall_now};
use crate::config::Config;
use crate::store::queries::gauges::{self, Gauges};
use crate::store::{OpenMode, Store, StoreError};
use disk::Reserve;
use service::Service;

/// Between two looks at the daemon and its machine.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Counts from the database are told again within this time instead of being counted anew.
const GAUGES_FRESH: Duration = Duration::from_secs(2);
/// A wall clock that moves so much beside the monotonic one was set.
const CLOCK_SET: Duration = Duration::from_millis(500);
/// A sleep of the machine that is worth a word.
const SLEPT: Duration = Duration::from_secs(5);

/// What the monitor's thread knows.
pub struct Subject {
    pub counters: Arc<Counters>,
    pub database: PathBuf,
    store: Mutex<Option<Store>>,
    gauges: Mutex<Option<(Stopwatch, Gauges)>>,
}

impl Subject {
    fn new(counters: Arc<Counters>, database: PathBuf) -> Self {
        Self { counters, database, store: Mutex::default(), gauges: Mutex::default() }
    }

    /// Counts of what the database holds, at most `GAUGES_FRESH` old.
    pub fn gauges(&self) -> Result<Gauges, StoreError> {
        let mut cached = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, gauges)) = cached.as_ref()
            && at.elapsed() < GAUGES_FRESH
        {
            return Ok(gauges.clone());
        }
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let open = match store.take() {
            Some(open) => open,
            None => Store::open(&self.database, OpenMode::ReadOnly)?,
        };
        let gauges = gauges::gauges(open.conn())?;
        *store = Some(open);
        *cached = Some((Stopwatch::start(), gauges.clone()));
        Ok(gauges)
    }
}

/// The monitor's thread. Dropping it ends it.
pub struct Monitor {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Where it answers; `None`: nowhere.
    pub address: Option<String>,
    service: Service,
}

impl Monitor {
    /// Starts to watch. A port that is taken is no reason not to trade: then nobody is answered, and the log says so.
    pub fn start(counters: Arc<Counters>, database: PathBuf, config: &Config, is_live: bool) -> Self {
        let service = Service::of_this_process();
        let subject = Arc::new(Subject::new(counters, database));
        let listener = config.http.listen.and_then(|address| match std::net::TcpListener::bind(address) {
            Ok(listener) => Some(listener),
            Err(error) => {
                tracing::warn!(%address, %error, "nobody is told of health and metrics: the address cannot be had");
                None
            }
        });
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        if let Some(address) = address {
            tracing::info!(%address, "/health, /ready and /metrics are answered");
        }
        let (stop, stopped) = oneshot::channel();
        let reserve = Reserve::beside(&subject.database, is_live);
        reserve.look(&subject.counters.vitals);
        let thread = std::thread::Builder::new()
            .name("monitor".to_owned())
            .spawn(move || work(&subject, &reserve, service, listener, stopped))
            .map_err(|error| tracing::error!(%error, "nothing is watched: no thread for it"))
            .ok();
        Self { stop: Some(stop), thread, address: address.map(|address| address.to_string()), service }
    }

    pub const fn service(&self) -> Service {
        self.service
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the monitor panicked");
        }
    }
}

fn work(
    subject: &Arc<Subject>,
    reserve: &Reserve,
    service: Service,
    listener: Option<std::net::TcpListener>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "nothing is watched: no runtime for it"),
    };
    runtime.block_on(async {
        tokio::select! {
            () = look_around(subject, reserve, service) => {}
            () = answer(subject, listener) => {}
            // The sender is dropped, or has sent: both mean the end.
            _ = stopped => {}
        }
    });
}

async fn answer(subject: &Arc<Subject>, listener: Option<std::net::TcpListener>) {
    let listener = listener.map(|listener| {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    });
    match listener {
        None => std::future::pending().await,
        Some(Ok(listener)) => server::serve(Arc::clone(subject), listener).await,
        Some(Err(error)) => {
            tracing::error!(%error, "nobody is told of health and metrics");
            std::future::pending::<()>().await;
        }
    }
}

/// Looks at the disk, the clocks and the fleet's progress, and keeps systemd's watchdog quiet while there is any.
async fn look_around(subject: &Arc<Subject>, reserve: &Reserve, service: Service) {
    let mut clocks = Clocks::start();
    let mut watchdog = service.watchdog();
    let mut looks = tokio::time::interval(watchdog.period(LOOK_EVERY));
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let vitals = &subject.counters.vitals;
        vitals.beat();
        reserve.look(vitals);
        if clocks.have_jumped() {
            vitals.want_clocks();
        }
        watchdog.look(vitals);
    }
}

/// Finds out when somebody sets the machine's clock, or the machine has slept.
struct Clocks {
    since: Stopwatch,
    /// The wall clock minus the monotonic one, ms.
    wall_ahead: i64,
    slept: Duration,
}

impl Clocks {
    fn start() -> Self {
        let since = Stopwatch::start();
        Self { since, wall_ahead: wall_ahead(since), slept: suspended() }
    }

    fn have_jumped(&mut self) -> bool {
        let slept = suspended().saturating_sub(self.slept);
        let step = wall_ahead(self.since) - self.wall_ahead;
        if step.unsigned_abs() < u64::try_from(CLOCK_SET.as_millis()).unwrap_or(u64::MAX) {
            return false;
        }
        (self.wall_ahead, self.slept) = (wall_ahead(self.since), suspended());
        if slept >= SLEPT {
            tracing::warn!(
                seconds = slept.as_secs(),
                "the machine has slept; the exchanges' clocks are asked anew"
            );
        } else {
            tracing::warn!(by_ms = step, "the machine's clock was set; the exchanges' clocks are asked anew");
        }
        true
    }
}

fn wall_ahead(since: Stopwatch) -> i64 {
    wall_now().ms() - i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX)
}
