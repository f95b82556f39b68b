//! A socket against a server on the loopback, in time that passes by hand.

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::*;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::Answer;
use crate::exchange::egress::Egress;
use crate::exchange::error::ExchangeError;
use crate::exchange::socket::{BadFrame, Heard, Keepalive, Ping, SocketTarget};
use crate::exchange::testing::{ManualClock, patiently};

type Served = WebSocketStream<TcpStream>;
type News = SocketNews<String>;

/// A dialect of few words: `ready`, `say <x>`, `leave`, `panic`, `?`; everything else is an event.
struct FewWords {
    url: String,
    keepalive: Keepalive,
    is_ready_at_once: bool,
    tend_fails: bool,
    tells_all: bool,
    connections: u32,
}

impl SocketProtocol for FewWords {
    type Event = String;

    fn target(&mut self) -> Answer<'_, SocketTarget> {
        self.connections += 1;
        let target = SocketTarget { url: self.url.clone(), headers: Vec::new() };
        Box::pin(async { Ok(target) })
    }

    fn greeting(&mut self, _now: Timestamp) -> Vec<String> {
        vec![format!("hello {}", self.connections)]
    }

    fn is_ready_at_once(&self) -> bool {
        self.is_ready_at_once
    }

    fn hear(&mut self, text: &str, heard: &mut Vec<Heard<String>>) -> Result<(), BadFrame> {
        heard.push(match text.split_once(' ').unwrap_or((text, "")) {
            ("ready", _) => Heard::Ready,
            ("say", rest) => Heard::Say(rest.to_owned()),
            ("leave", _) => Heard::Reconnect { reason: "told to leave".to_owned() },
            ("panic", _) => panic!("a dialect with a mistake"),
            ("?", _) => return Err(BadFrame { reason: "what?".to_owned() }),
            _ => Heard::Event(text.to_owned()),
        });
        Ok(())
    }

    fn tells_all(&self) -> bool {
        self.tells_all
    }

    fn tend(&mut self) -> Answer<'_, ()> {
        let fails = self.tend_fails;
        Box::pin(async move {
            if fails { Err(ExchangeError::Unavailable { reason: "not renewed".to_owned() }) } else { Ok(()) }
        })
    }

    fn keepalive(&self) -> Keepalive {
        self.keepalive
    }
}

/// A server, and a socket that connects to it.
struct Rig {
    clock: Arc<ManualClock>,
    listener: TcpListener,
    http: HttpClient,
    gate: Option<Arc<ConnectGate>>,
    protocol: FewWords,
}

impl Rig {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/ws", listener.local_addr().unwrap());
        let day = DurationMs::from_secs(86_400);
        let keepalive =
            Keepalive { every: day, ping: Ping::Text("ping"), silence_max: day, lifetime_max: day };
        let http = HttpClient::new(&Egress::Direct, "http://unused.test", DurationMs::from_secs(10)).unwrap();
        let protocol = FewWords {
            url,
            keepalive,
            is_ready_at_once: true,
            tend_fails: false,
            tells_all: false,
            connections: 0,
        };
        Self { clock: ManualClock::at(0), listener, http, gate: None, protocol }
    }

    fn spawn(&self) -> SocketHandle<String> {
        let FewWords { ref url, keepalive, is_ready_at_once, tend_fails, tells_all, connections } =
            self.protocol;
        let url = url.clone();
        let protocol = FewWords { url, keepalive, is_ready_at_once, tend_fails, tells_all, connections };
        let sleep = Arc::clone(&self.clock) as Arc<dyn Sleep>;
        SocketRunner::spawn(self.http.clone(), Box::new(protocol), sleep, self.gate.as_ref())
    }

    /// The next connection, greeted.
    async fn greeted(&self, greeting: &str) -> Served {
        let mut served = self.clock.run_until(self.accept()).await;
        assert_eq!(text(&mut served).await, greeting);
        served
    }

    async fn accept(&self) -> Served {
        let (stream, _) = self.listener.accept().await.unwrap();
        // Time passes faster than a delayed acknowledgement.
        stream.set_nodelay(true).unwrap();
        accept_async(stream).await.unwrap()
    }

    async fn news(&self, handle: &mut SocketHandle<String>) -> News {
        self.clock.run_until(handle.changed()).await;
        handle.pop().unwrap()
    }

    async fn down(&self, handle: &mut SocketHandle<String>) -> String {
        match self.news(handle).await {
            SocketNews::Down { reason } => reason,
            other @ (SocketNews::Up | SocketNews::Event(_)) => panic!("{other:?}"),
        }
    }
}

/// The next text the server hears.
async fn text(served: &mut Served) -> String {
    patiently(served.next()).await.unwrap().unwrap().into_text().unwrap().to_string()
}

async fn say(served: &mut Served, texts: &[&str]) {
    for text in texts {
        served.send(Message::text(*text)).await.unwrap();
    }
}

fn event(text: &str) -> News {
    SocketNews::Event(text.to_owned())
}

#[tokio::test]
async fn it_is_up_when_the_exchange_has_confirmed_and_carries_events() {
    let mut rig = Rig::new().await;
    rig.protocol.is_ready_at_once = false;
    let mut handle = rig.spawn();
    let mut served = rig.greeted("hello 1").await;
    say(&mut served, &["early", "ready", "ready", "say subscribe", "?"]).await;
    served.send(Message::binary(b"in bytes".to_vec())).await.unwrap();
    served.send(Message::binary(vec![0xFF])).await.unwrap();
    say(&mut served, &["last"]).await;
    for expected in [event("early"), SocketNews::Up, event("in bytes"), event("last")] {
        assert_eq!(rig.news(&mut handle).await, expected);
    }
    assert_eq!(text(&mut served).await, "subscribe");
    assert!(handle.is_up());
    assert_eq!(handle.bad_frames(), 2);
}

#[tokio::test]
async fn what_cannot_be_read_where_each_frame_counts_has_the_owner_ask_anew() {
    let mut rig = Rig::new().await;
    rig.protocol.tells_all = true;
    let mut handle = rig.spawn();
    let mut served = rig.greeted("hello 1").await;
    assert_eq!(rig.news(&mut handle).await, SocketNews::Up);
    say(&mut served, &["?"]).await;
    assert_eq!(rig.down(&mut handle).await, "a frame could not be read");
    assert_eq!(rig.news(&mut handle).await, SocketNews::Up);
    say(&mut served, &["still here"]).await;
    assert_eq!(rig.news(&mut handle).await, event("still here"));
    assert!(handle.is_up());
}

#[tokio::test]
async fn a_closed_connection_is_followed_by_another() {
    let rig = Rig::new().await;
    let mut handle = rig.spawn();
    let mut served = rig.greeted("hello 1").await;
    assert_eq!(rig.news(&mut handle).await, SocketNews::Up);
    served.close(None).await.unwrap();
    assert_eq!(rig.down(&mut handle).await, "closed by the exchange");
    assert!(!handle.is_up());

    let mut served = rig.greeted("hello 2").await;
    assert_eq!(rig.news(&mut handle).await, SocketNews::Up);
    say(&mut served, &["leave"]).await;
    assert_eq!(rig.down(&mut handle).await, "told to leave");

    let served = rig.greeted("hello 3").await;
    assert_eq!(rig.news(&mut handle).await, SocketNews::Up);
    drop(served);
    let reason = rig.down(&mut handle).await;
    assert!(reason.starts_with("the connection"), "{reason}");
}

#[tokio::test]
async fn a_silent_connection_is_given_up() {
    let mut rig = Rig::new().await;
    rig.protocol.keepalive.silence_max = DurationMs::from_secs(30);
    let mut handle = rig.spawn();
    let _half_open = rig.greeted("hello 1").await;
    assert_eq!(rig.news(&mut handle).await, SocketNews::Up);
    assert_eq!(rig.down(&mut handle).await, "nothing was heard for too long");
    assert!(rig.clock.now() >= Timestamp::from_ms(30_000));
    let _next = rig.greeted("hello 2").await;
}

#[tokio::test]
async fn a_connection_that_is_not_confirmed_is_given_up() {
    let mut rig = Rig::new().await;
    rig.protocol.is_ready_at_once = false;
    let mut handle = rig.spawn();
    let mut served = rig.greeted("hello 1").await;
    say(&mut served, &["chatter"]).await;
    assert_eq!(rig.news(&mut handle).await, event("chatter"));
    assert!(rig.down(&mut handle).await.contains("not confirmed in time"));
}

#[tokio::test]
async fn pings_are_said_as_the_exchange_wants_them() {
    let mut rig = Rig::new().await;
    rig.protocol.keepalive.every = DurationMs::from_secs(20);
    let _text = rig.spawn();
    let mut served = rig.greeted("hello 1").await;
    assert_eq!(rig.clock.run_until(text(&mut served)).await, "ping");

    rig.protocol.keepalive.ping = Ping::Frame;
    let _frame = rig.spawn();
    let mut served = rig.greeted("hello 1").await;
    let frame = rig.clock.run_until(served.next()).await.unwrap().unwrap();
    assert!(frame.is_ping(), "{frame:?}");
}

#[tokio::test]
async fn an_old_connection_is_renewed() {
    let mut rig = Rig::new().await;
    rig.protocol.keepalive.lifetime_max = DurationMs::from_secs(25);
    let mut handle = rig.spawn();
    let _first = rig.greeted("hello 1").await;
    assert_eq!(rig.news(&mut handle).await, SocketNews::Up);
    assert!(rig.down(&mut handle).await.starts_with("renewed"));
    let _second = rig.greeted("hello 2").await;
    assert_eq!(rig.news(&mut handle).await, SocketNews::Up);
}

#[tokio::test]
async fn a_key_that_cannot_be_renewed_ends_the_connection() {
    let mut rig = Rig::new().await;
    rig.protocol.tend_fails = true;
    let mut handle = rig.spawn();
    let _first = rig.greeted("hello 1").await;
    assert_eq!(rig.news(&mut handle).await, SocketNews::Up);
    assert_eq!(rig.down(&mut handle).await, "unavailable: not renewed");
    let _second = rig.greeted("hello 2").await;
}

#[tokio::test]
async fn its_owner_has_it_greet_and_connect_again() {
    let rig = Rig::new().await;
    let mut handle = rig.spawn();
    let mut served = rig.greeted("hello 1").await;
    assert_eq!(rig.news(&mut handle).await, SocketNews::Up);
    handle.regreet();
    assert_eq!(text(&mut served).await, "hello 1");
    handle.reconnect("no echo of an order");
    assert_eq!(rig.down(&mut handle).await, "no echo of an order");
    let _next = rig.greeted("hello 2").await;
}

#[tokio::test]
async fn an_exchange_that_is_away_is_tried_again() {
    let Rig { clock, listener, http, gate, protocol } = Rig::new().await;
    let address = listener.local_addr().unwrap();
    drop(listener);
    let away = Rig { listener: TcpListener::bind("127.0.0.1:0").await.unwrap(), clock, http, gate, protocol };
    let mut handle = away.spawn();
    for _ in 0..3 {
        assert!(away.down(&mut handle).await.contains("cannot connect"));
    }
    let back = Rig { listener: TcpListener::bind(address).await.unwrap(), ..away };
    let _served = back.clock.run_until(back.accept()).await;
}

#[tokio::test]
async fn an_owner_that_does_not_keep_up_is_told_to_ask_anew() {
    let rig = Rig::new().await;
    let mut handle = rig.spawn();
    let mut served = rig.greeted("hello 1").await;
    // With the news that it is up, one more than there is room for.
    for n in 0..INBOX_CAPACITY {
        served.feed(Message::text(n.to_string())).await.unwrap();
    }
    say(&mut served, &["say done"]).await;
    assert_eq!(text(&mut served).await, "done");
    assert!(rig.down(&mut handle).await.contains("more events"));
    assert_eq!(rig.news(&mut handle).await, SocketNews::Up);
    say(&mut served, &["fresh"]).await;
    assert_eq!(std::iter::from_fn(|| handle.pop()).count(), 0);
    assert_eq!(rig.news(&mut handle).await, event("fresh"));
}

#[tokio::test]
async fn without_a_permit_it_stays_down_until_there_is_one() {
    let mut rig = Rig::new().await;
    rig.gate = Some(ConnectGate::new(1, 100, DurationMs::from_secs(300)));
    let first = rig.spawn();
    let _served = rig.greeted("hello 1").await;
    let mut second = rig.spawn();
    assert_eq!(rig.down(&mut second).await, "all sockets of this address are taken");
    drop(first);
    let _served = rig.greeted("hello 1").await;
    assert_eq!(rig.news(&mut second).await, SocketNews::Up);
}

#[tokio::test]
async fn an_engaged_account_gets_the_socket_of_an_idle_one() {
    let mut rig = Rig::new().await;
    rig.gate = Some(ConnectGate::new(1, 100, DurationMs::from_secs(300)));
    let mut idle = rig.spawn();
    let _closed = rig.greeted("hello 1").await;
    assert_eq!(rig.news(&mut idle).await, SocketNews::Up);
    let mut engaged = rig.spawn();
    assert_eq!(rig.down(&mut engaged).await, "all sockets of this address are taken");
    engaged.set_engaged(true);
    let _served = rig.greeted("hello 1").await;
    assert_eq!(rig.news(&mut engaged).await, SocketNews::Up);
    assert_eq!(rig.down(&mut idle).await, "another account needs the socket more");
    assert!(engaged.is_up() && !idle.is_up());
    drop(engaged);
    let _served = rig.greeted("hello 2").await;
}

#[tokio::test]
async fn attempts_keep_to_the_gate() {
    let mut rig = Rig::new().await;
    rig.gate = Some(ConnectGate::new(1, 2, DurationMs::from_secs(300)));
    let _handle = rig.spawn();
    drop(rig.greeted("hello 1").await);
    drop(rig.greeted("hello 2").await);
    assert!(rig.clock.now() < Timestamp::from_ms(290_000));
    drop(rig.greeted("hello 3").await);
    assert!(rig.clock.now() >= Timestamp::from_ms(300_000));
}

#[tokio::test]
async fn a_panic_of_the_dialect_is_told() {
    let rig = Rig::new().await;
    let mut handle = rig.spawn();
    let mut served = rig.greeted("hello 1").await;
    assert_eq!(rig.news(&mut handle).await, SocketNews::Up);
    say(&mut served, &["panic"]).await;
    assert_eq!(rig.down(&mut handle).await, "the socket's task has ended");
    assert!(!handle.is_up());
}

#[tokio::test]
async fn dropping_the_handle_ends_the_connection() {
    let rig = Rig::new().await;
    let handle = rig.spawn();
    let mut served = rig.greeted("hello 1").await;
    drop(handle);
    let end = patiently(served.next()).await;
    assert!(matches!(end, None | Some(Err(_))), "{end:?}");
}
