//! A way to the exchange on which connections fare badly: what passes is delayed, cut off in the middle, or stops for
//! ever while both ends believe that they are connected. It also lies in wait: a process can be killed at the very
//! moment at which a request of its passes that changes something.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::dice::Dice;

/// Within so many bytes a connection meets its fate: some in the first answer, some many answers later.
const SPAN: u64 = 12_000;
const DELAY_MS_MAX: u64 = 150;
const BUFFER: usize = 16 * 1024;

/// What becomes of a connection. Places are counted in bytes of its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Clean,
    Refused,
    Delayed,
    AnswerCut(u64),
    RequestCut(u64),
    HalfOpen(u64),
}

/// When the process is killed: before the exchange has the request, before the process has the answer, or with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    BeforeRequest,
    BeforeAnswer,
    WithAnswer,
}

#[derive(Debug)]
struct Trap {
    moment: Moment,
    prey: Pid,
    sprung: oneshot::Sender<()>,
}

/// How often what happened.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) connections: AtomicU32,
    pub(crate) refused: AtomicU32,
    pub(crate) delayed: AtomicU32,
    pub(crate) answers_cut: AtomicU32,
    pub(crate) requests_cut: AtomicU32,
    pub(crate) half_open: AtomicU32,
}

struct Shared {
    target: SocketAddr,
    is_stormy: AtomicBool,
    dice: Mutex<Dice>,
    trap: Mutex<Option<Trap>>,
    tally: Tally,
}

/// Ends with its handle.
pub(crate) struct Proxy {
    pub(crate) base: String,
    shared: Arc<Shared>,
    _listening: JoinSet<()>,
}

impl Proxy {
    /// Before the exchange at `base`, in a calm.
    pub(crate) async fn open(base: &str, seed: u64) -> anyhow::Result<Self> {
        let target = base.strip_prefix("http://").context("not an address")?.parse()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let own = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            target,
            is_stormy: AtomicBool::new(false),
            dice: Mutex::new(Dice(seed)),
            trap: Mutex::new(None),
            tally: Tally::default(),
        });
        let mut listening = JoinSet::new();
        listening.spawn(listen(listener, Arc::clone(&shared)));
        Ok(Self { base: own, shared, _listening: listening })
    }

    pub(crate) fn set_storm(&self, is_stormy: bool) {
        self.shared.is_stormy.store(is_stormy, Ordering::Relaxed);
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.shared.tally
    }

    /// Kills `prey` when a request that changes something passes. True when one did within `patience`; the prey is dead
    /// then.
    pub(crate) async fn lie_in_wait(&self, prey: Pid, moment: Moment, patience: Duration) -> bool {
        let (sprung, springs) = oneshot::channel();
        *lock(&self.shared.trap) = Some(Trap { moment, prey, sprung });
        drop(tokio::time::timeout(patience, springs).await);
        lock(&self.shared.trap).take().is_none()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn count(counter: &AtomicU32) {
    counter.fetch_add(1, Ordering::Relaxed);
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(serve(client, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(client: TcpStream, shared: Arc<Shared>) {
    count(&shared.tally.connections);
    let fate = shared.draw();
    if fate == Fate::Refused {
        return count(&shared.tally.refused);
    }
    let Ok(server) = TcpStream::connect(shared.target).await else { return };
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let expects_answer = AtomicBool::new(false);
    let up = Pump { shared: &shared, fate, is_up: true, expects_answer: &expects_answer };
    let down = Pump { is_up: false, ..up };
    // Whichever ends first takes the other with it: both sockets close.
    tokio::select! {
        () = up.run(from_client, to_server) => {}
        () = down.run(from_server, to_client) => {}
    }
}

impl Shared {
    fn draw(&self) -> Fate {
        if !self.is_stormy.load(Ordering::Relaxed) {
            return Fate::Clean;
        }
        let mut dice = lock(&self.dice);
        let place = dice.roll(SPAN);
        let fates = [
            (Fate::Clean, 60),
            (Fate::Delayed, 12),
            (Fate::AnswerCut(place), 9),
            (Fate::RequestCut(place / 4), 7),
            (Fate::HalfOpen(place), 7),
            (Fate::Refused, 5),
        ];
        dice.weighted(&fates).unwrap_or(Fate::Clean)
    }

    /// True when the trap was set for this moment; the process is dead then.
    fn springs(&self, moment: Moment) -> bool {
        let mut trap = lock(&self.trap);
        let Some(Trap { prey, sprung, .. }) = trap.take_if(|trap| trap.moment == moment) else {
            return false;
        };
        kill_process(prey, Signal::KILL).is_ok() && sprung.send(()).is_ok()
    }

    fn awaits(&self, moment: Moment) -> bool {
        lock(&self.trap).as_ref().is_some_and(|trap| trap.moment == moment)
    }
}

/// One direction of a connection.
#[derive(Clone, Copy)]
struct Pump<'a> {
    shared: &'a Shared,
    fate: Fate,
    is_up: bool,
    /// A request passed after which the process is to die with the answer.
    expects_answer: &'a AtomicBool,
}

impl Pump<'_> {
    async fn run(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let tally = &self.shared.tally;
        let mut buffer = vec![0; BUFFER];
        let mut passed = 0;
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let Some(chunk) = buffer.get(..read) else { return };
            let left = self.end().map_or(u64::MAX, |end| end.saturating_sub(passed));
            passed += u64::try_from(read).unwrap_or(u64::MAX);
            let kept = usize::try_from(left).unwrap_or(usize::MAX).min(read);
            let is_change = self.is_up && changes_something(chunk);
            if is_change && self.shared.springs(Moment::BeforeRequest) {
                return;
            }
            self.delay().await;
            if to.write_all(chunk.get(..kept).unwrap_or_default()).await.is_err() {
                return;
            }
            if is_change && self.shared.springs(Moment::BeforeAnswer) {
                // What was sent is to arrive.
                drop(to.shutdown().await);
                return;
            }
            self.mark(is_change);
            if kept < read {
                match self.fate {
                    Fate::HalfOpen(_) => {
                        count(&tally.half_open);
                        return std::future::pending().await;
                    }
                    Fate::AnswerCut(_) => count(&tally.answers_cut),
                    Fate::RequestCut(_) => count(&tally.requests_cut),
                    Fate::Clean | Fate::Refused | Fate::Delayed => {}
                }
                return;
            }
        }
    }

    /// After how many bytes nothing passes any more.
    fn end(self) -> Option<u64> {
        match self.fate {
            Fate::AnswerCut(end) if !self.is_up => Some(end),
            Fate::RequestCut(end) if self.is_up => Some(end),
            Fate::HalfOpen(end) if !self.is_up => Some(end),
            Fate::Clean
            | Fate::Refused
            | Fate::Delayed
            | Fate::AnswerCut(_)
            | Fate::RequestCut(_)
            | Fate::HalfOpen(_) => None,
        }
    }

    async fn delay(self) {
        if self.fate == Fate::Delayed {
            count(&self.shared.tally.delayed);
            let ms = lock(&self.shared.dice).roll(DELAY_MS_MAX);
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }

    /// A request that has passed is remembered until its answer has.
    fn mark(self, is_change: bool) {
        if is_change && self.shared.awaits(Moment::WithAnswer) {
            self.expects_answer.store(true, Ordering::Relaxed);
        } else if !self.is_up && self.expects_answer.swap(false, Ordering::Relaxed) {
            self.shared.springs(Moment::WithAnswer);
        }
    }
}

/// Whether a request begins here that places, changes or ends an order or a setting.
fn changes_something(chunk: &[u8]) -> bool {
    let is_write = [&b"POST /"[..], b"DELETE /", b"PUT /"].iter().any(|method| chunk.starts_with(method));
    let line = chunk.split(|byte| *byte == b'\r').next().unwrap_or_default();
    is_write && !String::from_utf8_lossy(line).contains("listenKey")
}
