//! The task of a socket: connections one after another, and what happens on one.

use std::convert::Infallible;
use std::str::Utf8Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::{self, Bytes, Message};

use super::Shared;
use super::backoff::Backoff;
use super::schedule::{Duty, Schedule};
use crate::domain::time::DurationMs;
use crate::exchange::Sleep;
use crate::exchange::http::{HttpClient, Socket};
use crate::exchange::socket::{BadFrame, Heard, Ping, SocketProtocol};
use crate::exchange::socket_runner::SocketNews;

/// A connection that held so long was good: the next failure is the first again.
const GOOD_AFTER: DurationMs = DurationMs::from_secs(60);
const SEND_TIMEOUT: DurationMs = DurationMs::from_secs(10);
/// Of the reason the other side gives for closing.
const REASON_CHARS_MAX: usize = 120;

/// Sockets started so far: the seed of each is another one, and the same in each run.
static STARTED: AtomicU64 = AtomicU64::new(0);

pub(super) struct Runner<E> {
    http: HttpClient,
    protocol: Box<dyn SocketProtocol<Event = E>>,
    sleep: Arc<dyn Sleep>,
    shared: Arc<Shared<E>>,
    heard: Vec<Heard<E>>,
    seed: u64,
}

/// Why a connection ended.
struct End {
    reason: String,
    /// It was in order: the next one need not wait.
    is_renewal: bool,
}

impl End {
    fn failed(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_renewal: false }
    }
}

impl From<tungstenite::Error> for End {
    fn from(error: tungstenite::Error) -> Self {
        Self::failed(format!("the connection failed: {error}"))
    }
}

/// Tells the owner when the task ends, which it does only by a panic of the dialect.
struct LastWord<E>(Arc<Shared<E>>);

impl<E> Drop for LastWord<E> {
    fn drop(&mut self) {
        self.0.down("the socket's task has ended".to_owned());
    }
}

impl<E: Send + 'static> Runner<E> {
    pub(super) fn new(
        http: HttpClient,
        protocol: Box<dyn SocketProtocol<Event = E>>,
        sleep: Arc<dyn Sleep>,
        shared: Arc<Shared<E>>,
    ) -> Self {
        let seed = STARTED.fetch_add(1, Ordering::Relaxed);
        Self { http, protocol, sleep, shared, heard: Vec::new(), seed }
    }

    pub(super) async fn run(mut self) {
        let _last_word = LastWord(Arc::clone(&self.shared));
        let shared = Arc::clone(&self.shared);
        let mut backoff = Backoff::new(self.seed);
        let Some(claim) = &shared.claim else {
            let Err(never) = self.stay_connected(&mut backoff).await;
            match never {}
        };
        loop {
            if !claim.has_socket() {
                self.shared.down("all sockets of this address are taken".to_owned());
                claim.granted().await;
            }
            tokio::select! {
                biased;
                () = claim.wanted_back() => {}
                Err(never) = self.stay_connected(&mut backoff) => match never {},
            }
            self.shared.down("another account needs the socket more".to_owned());
            claim.give_back();
        }
    }

    /// Connections one after another.
    async fn stay_connected(&mut self, backoff: &mut Backoff) -> Result<Infallible, Infallible> {
        loop {
            self.wait_for_attempt().await;
            let began_at = self.sleep.now();
            let Err(end) = self.connection().await;
            tracing::info!(reason = %end.reason, "a socket is down");
            self.shared.down(end.reason);
            if self.sleep.now().since(began_at) >= GOOD_AFTER {
                backoff.reset();
            }
            if !end.is_renewal {
                self.sleep.sleep(backoff.next()).await;
            }
        }
    }

    async fn wait_for_attempt(&mut self) {
        let shared = Arc::clone(&self.shared);
        let Some(claim) = &shared.claim else { return };
        loop {
            let now = self.sleep.now();
            let Err(again_at) = claim.attempt(now) else { return };
            tokio::select! {
                () = self.sleep.sleep(again_at.since(now)) => {}
                () = claim.engaged(), if !claim.is_engaged() => {}
            }
        }
    }

    /// One connection from its beginning to its end.
    async fn connection(&mut self) -> Result<Infallible, End> {
        let target = self.protocol.target().await.map_err(|error| End::failed(error.to_string()))?;
        let opened = self.http.open_socket(&target).await;
        let mut socket = opened.map_err(|error| End::failed(error.to_string()))?;
        // Wishes from before are fulfilled by a fresh connection.
        self.shared.take_wishes();
        let mut schedule = Schedule::new(self.protocol.keepalive(), self.seed, self.sleep.now());
        self.greet(&mut socket).await?;
        if self.protocol.is_ready_at_once() {
            schedule.ready();
            self.shared.up();
        }
        let shared = Arc::clone(&self.shared);
        let mut alarm = self.sleep.sleep(schedule.next().since(self.sleep.now()));
        loop {
            let mut rang = false;
            // What has come is heard before silence is judged.
            tokio::select! {
                biased;
                () = shared.wished.notified() => self.fulfil(&mut socket).await?,
                frame = socket.next() => {
                    schedule.heard(self.sleep.now());
                    shared.heard_at.store(self.sleep.now().ms(), Ordering::Relaxed);
                    self.take_in(frame, &mut socket, &mut schedule).await?;
                }
                () = &mut alarm => rang = true,
            }
            let now = self.sleep.now();
            while let Some(duty) = schedule.due(now) {
                self.perform(duty, &mut socket).await?;
            }
            if rang {
                alarm = self.sleep.sleep(schedule.next().since(self.sleep.now()));
            }
        }
    }

    async fn greet(&mut self, socket: &mut Socket) -> Result<(), End> {
        for text in self.protocol.greeting(self.sleep.now()) {
            say(&*self.sleep, socket, Message::text(text)).await?;
        }
        Ok(())
    }

    async fn fulfil(&mut self, socket: &mut Socket) -> Result<(), End> {
        let wishes = self.shared.take_wishes();
        if let Some(reason) = wishes.reconnect {
            return Err(End::failed(reason));
        }
        if wishes.regreet {
            self.greet(socket).await?;
        }
        Ok(())
    }

    async fn perform(&mut self, duty: Duty, socket: &mut Socket) -> Result<(), End> {
        match duty {
            Duty::Ping => {
                let ping = match self.protocol.keepalive().ping {
                    Ping::Frame => Message::Ping(Bytes::new()),
                    Ping::Text(text) => Message::text(text),
                };
                say(&*self.sleep, socket, ping).await
            }
            Duty::Tend => self.protocol.tend().await.map_err(|error| End::failed(error.to_string())),
            Duty::TellLoss => {
                self.shared.lost("a frame could not be read");
                Ok(())
            }
            Duty::GiveUp { reason } => Err(End::failed(reason)),
            Duty::Renew => {
                Err(End { reason: "renewed before the exchange ends it".to_owned(), is_renewal: true })
            }
        }
    }

    async fn take_in(
        &mut self,
        frame: Option<Result<Message, tungstenite::Error>>,
        socket: &mut Socket,
        schedule: &mut Schedule,
    ) -> Result<(), End> {
        match frame.ok_or_else(|| End::failed("the connection was closed"))?? {
            Message::Text(text) => self.hear(&text, schedule),
            Message::Binary(bytes) => match std::str::from_utf8(&bytes).map_err(not_text) {
                Ok(text) => self.hear(text, schedule),
                Err(bad) => self.note_bad_frame(&bad, schedule),
            },
            Message::Close(frame) => {
                let told =
                    frame.map(|frame| format!(" ({} {})", u16::from(frame.code), frame.reason.as_str()));
                let told: String = told.unwrap_or_default().chars().take(REASON_CHARS_MAX).collect();
                return Err(End::failed(format!("closed by the exchange{told}")));
            }
            // Pings are answered below us; a frame is never handed out bare.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        for heard in std::mem::take(&mut self.heard) {
            match heard {
                Heard::Event(event) => self.shared.inbox.push(SocketNews::Event(event)),
                Heard::Ready => {
                    schedule.ready();
                    self.shared.up();
                }
                Heard::Say(text) => say(&*self.sleep, socket, Message::text(text)).await?,
                Heard::Reconnect { reason } => return Err(End::failed(reason)),
            }
        }
        Ok(())
    }

    fn hear(&mut self, text: &str, schedule: &mut Schedule) {
        if let Err(bad) = self.protocol.hear(text, &mut self.heard) {
            self.note_bad_frame(&bad, schedule);
        }
    }

    /// Told in the log, ever more rarely: a changed format makes every frame a bad one.
    fn note_bad_frame(&self, bad: &BadFrame, schedule: &mut Schedule) {
        if self.protocol.tells_all() {
            schedule.lost(self.sleep.now());
        }
        let count = self.shared.bad_frames.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if count.is_power_of_two() {
            tracing::warn!(count, "{bad}");
        }
    }
}

fn not_text(_: Utf8Error) -> BadFrame {
    BadFrame { reason: "a binary frame is not UTF-8".to_owned() }
}

/// Says something; a connection that takes nothing any more is dead.
async fn say(sleep: &dyn Sleep, socket: &mut Socket, message: Message) -> Result<(), End> {
    tokio::select! {
        biased;
        sent = socket.send(message) => Ok(sent?),
        () = sleep.sleep(SEND_TIMEOUT) => Err(End::failed("the connection takes nothing any more")),
    }
}
