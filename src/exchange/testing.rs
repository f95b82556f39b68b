//! What tests of the wire need: a clock that is moved by hand, and servers on the loopback.

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{BoxFuture, Sleep};
use crate::domain::time::{DurationMs, Timestamp};

/// A test that hangs fails after so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Time stands still until it is moved.
pub(crate) struct ManualClock(Mutex<Moment>);

struct Moment {
    now: Timestamp,
    sleepers: Vec<(Timestamp, oneshot::Sender<()>)>,
}

impl ManualClock {
    pub(crate) fn at(ms: i64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Moment { now: Timestamp::from_ms(ms), sleepers: Vec::new() })))
    }

    pub(crate) fn advance(&self, ms: i64) {
        let mut moment = self.0.lock().unwrap();
        moment.now = moment.now.plus(DurationMs::from_ms(ms));
        let now = moment.now;
        let (due, later): (Vec<_>, Vec<_>) = moment.sleepers.drain(..).partition(|(at, _)| *at <= now);
        moment.sleepers = later;
        for (_, wake) in due {
            // A sleeper that is gone needs no waking.
            let _gone = wake.send(());
        }
    }

    /// Lets time pass until the future is done.
    pub(crate) async fn run_until<T>(&self, future: impl Future<Output = T>) -> T {
        let passing = async {
            loop {
                tokio::task::yield_now().await;
                self.advance(10);
            }
        };
        tokio::select! {
            biased;
            done = patiently(future) => done,
            () = passing => unreachable!("time does not end"),
        }
    }
}

impl Sleep for ManualClock {
    fn sleep(&self, duration: DurationMs) -> BoxFuture<'static, ()> {
        let (wake, slept) = oneshot::channel();
        if duration > DurationMs::ZERO {
            let mut moment = self.0.lock().unwrap();
            let at = moment.now.plus(duration);
            moment.sleepers.push((at, wake));
        }
        Box::pin(async move {
            let _woken_or_at_once = slept.await;
        })
    }

    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().now
    }
}

/// Each look at it is a second later than the one before.
pub(crate) struct PassingTime(AtomicI64);

impl PassingTime {
    /// The first look is at this time.
    pub(crate) fn from(ms: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(ms)))
    }
}

impl Sleep for PassingTime {
    fn sleep(&self, _duration: DurationMs) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.fetch_add(1_000, Ordering::Relaxed))
    }
}

/// Waits, but not for ever.
pub(crate) async fn patiently<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("the test hangs")
}

/// What a loopback server does with a request.
pub(crate) enum Reply {
    Bytes(Vec<u8>),
    /// Sends these and cuts the connection.
    HangUp(Vec<u8>),
    /// Keeps the connection and says nothing.
    Silence,
}

impl Reply {
    pub(crate) fn text(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes(),
        )
    }
}

/// An HTTP server that answers from a list, one entry a request, and remembers what it was sent.
pub(crate) struct LoopbackServer {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    peers: Arc<Mutex<Vec<SocketAddr>>>,
    _tasks: JoinSet<()>,
}

impl LoopbackServer {
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let replies = Arc::new(Mutex::new(VecDeque::from(replies)));
        let peers = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let (seen, from) = (Arc::clone(&requests), Arc::clone(&peers));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, peer)) = listener.accept().await {
                from.lock().unwrap().push(peer);
                connections.spawn(answer_requests(stream, Arc::clone(&seen), Arc::clone(&replies)));
            }
        });
        Self { address, requests, peers, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Who has connected.
    pub(crate) fn peers(&self) -> Vec<SocketAddr> {
        self.peers.lock().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answer_requests(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<String>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
) {
    while let Some(request) = read_request(&mut stream).await {
        seen.lock().unwrap().push(request);
        let reply = replies.lock().unwrap().pop_front();
        match reply {
            Some(Reply::Bytes(bytes)) => {
                // A client that has hung up wants no more.
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Some(Reply::HangUp(bytes)) => {
                let _hung_up = stream.write_all(&bytes).await;
                return;
            }
            Some(Reply::Silence) | None => std::future::pending().await,
        }
    }
}

/// Head and body of one request.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    let mut buffer = [0_u8; 4_096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase().lines().find_map(|line| {
                line.strip_prefix("content-length:").map(|length| length.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap_or("?"));
    }
}
