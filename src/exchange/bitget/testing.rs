//! What tests of the dialect need: orders with ids for their purpose, and an exchange on the loopback that answers by
//! path.

use std::collections::{BTreeMap, VecDeque};
use std::future::{pending, ready};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::HTTP_TIMEOUT;
use super::account::{BitgetExchange, BitgetParts};
use super::rest::limits;
use super::sign::Credentials;
use crate::domain::ids::{AccountId, ClientOrderId, OrderKey};
use crate::domain::kind::ExchangeKind;
use crate::domain::order::{Order, OrderKind, OrderTimes, Purpose};
use crate::domain::secret::Secret;
use crate::domain::side::{PositionMode, Side};
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::egress::Egress;
use crate::exchange::governor::Governor;
use crate::exchange::http::HttpClient;
use crate::exchange::line::Line;
use crate::exchange::server_clock::ServerClock;
use crate::exchange::{BoxFuture, Sleep};
use crate::matching::fixtures;

pub(super) const NOW: i64 = 1_700_000_000_000;

pub(super) fn credentials() -> Credentials {
    let secret = |text: &str| Secret::new(text.to_owned());
    Credentials { api_key: secret("key"), secret: secret("secret"), passphrase: secret("pass") }
}

pub(super) fn id(leg: u16, purpose: Purpose) -> ClientOrderId {
    ClientOrderId::new(&OrderKey { purpose, ..fixtures::id(leg).key().unwrap() })
}

/// An order that opens or adds.
pub(super) fn entry(leg: u16, side: Side, kind: OrderKind) -> Order {
    decided(fixtures::order(leg, side, "1", kind))
}

/// An order that reduces, for this purpose.
pub(super) fn closing(leg: u16, side: Side, purpose: Purpose, kind: OrderKind) -> Order {
    let order = fixtures::exit(leg, side, "1", kind);
    decided(Order { client_order_id: id(leg, purpose), purpose, ..order })
}

fn decided(order: Order) -> Order {
    Order { times: OrderTimes { decided_at: Timestamp::from_ms(NOW), ..OrderTimes::default() }, ..order }
}

/// Time stands still. Pauses never end, but for the short ones between two times of asking.
struct StandingTime;

impl Sleep for StandingTime {
    fn sleep(&self, duration: DurationMs) -> BoxFuture<'static, ()> {
        if duration < DurationMs::from_ms(500) { Box::pin(ready(())) } else { Box::pin(pending()) }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_ms(NOW)
    }
}

/// `data` of a success.
pub(super) fn success(data: &Value) -> (u16, String) {
    (200, json!({"code": "00000", "msg": "success", "requestTime": NOW, "data": data}).to_string())
}

pub(super) fn refusal(code: &str) -> (u16, String) {
    (400, json!({"code": code, "msg": "no", "requestTime": NOW, "data": null}).to_string())
}

/// Answers to the end of a path, one after another; the last one again and again.
pub(super) type Answers = BTreeMap<&'static str, VecDeque<(u16, String)>>;

pub(super) fn answers<const N: usize>(list: [(&'static str, (u16, String)); N]) -> Answers {
    let mut answers = Answers::new();
    for (path, answer) in list {
        answers.entry(path).or_default().push_back(answer);
    }
    answers
}

/// The exchange's side.
pub(super) struct Counterpart {
    seen: Arc<Mutex<Vec<String>>>,
    _server: JoinSet<()>,
}

impl Counterpart {
    /// What was asked with the end of this path: method, path and query, and body.
    pub(super) fn asked(&self, path: &str) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let is_meant =
            |request: &&String| request.split([' ', '?']).nth(1).is_some_and(|target| target.ends_with(path));
        seen.iter().filter(is_meant).cloned().collect()
    }
}

/// An account in front of these answers. Symbols are traded crossed with leverage 10.
pub(super) async fn account(mode: PositionMode, list: Answers) -> (BitgetExchange, Counterpart) {
    let mut list = list;
    let pos_mode = if mode == PositionMode::Hedge { "hedge_mode" } else { "one_way_mode" };
    let terms = json!({"marginCoin": "USDT", "marginMode": "crossed", "posMode": pos_mode, "crossedMarginLeverage": 10});
    list.entry("/account/account").or_insert_with(|| VecDeque::from([success(&terms)]));
    let (answers, seen) = (Arc::new(Mutex::new(list)), Arc::new(Mutex::new(Vec::new())));
    let log = Arc::clone(&seen);
    let answer = move |request: Request<Body>| {
        let (answers, log) = (Arc::clone(&answers), Arc::clone(&log));
        async move {
            let path = request.uri().path().to_owned();
            let name = format!("{} {}", request.method(), request.uri());
            let body = to_bytes(request.into_body(), 10_000).await.unwrap();
            log.lock().unwrap().push(format!("{name} {}", String::from_utf8_lossy(&body)));
            let mut answers = answers.lock().unwrap();
            let of_path = answers.iter_mut().find(|(end, _)| path.ends_with(**end)).map(|(_, list)| list);
            let (status, text) = match of_path {
                Some(list) if list.len() > 1 => list.pop_front().unwrap(),
                Some(list) => list[0].clone(),
                None => (404, format!("nothing is known about {path}")),
            };
            Response::builder().status(status).body(text).unwrap()
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    let sleep: Arc<dyn Sleep> = Arc::new(StandingTime);
    let http = HttpClient::new(&Egress::Direct, &format!("http://{address}"), HTTP_TIMEOUT).unwrap();
    let governor = Governor::new(ExchangeKind::Bitget, "direct", limits(), Arc::clone(&sleep));
    let clock = Arc::new(ServerClock::new(sleep));
    let exchange = BitgetExchange::new(BitgetParts {
        line: Line::new(http, governor, clock, Some(AccountId::new(1))),
        credentials: credentials(),
        socket_url: format!("ws://{address}"),
        position_mode: mode,
        connects: None,
    });
    (exchange, Counterpart { seen, _server: server })
}
