//! HTTP and WebSocket on one port: reads requests, applies the faults, hands the rest to the dialect.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::control;
use super::dialect::{Answer, Dialect, Request, ServerRefusal};
use super::faults::Fate;
use super::lock::lock;
use super::socket;
use super::tasks::Tasks;
use super::venue::Venue;

const BODY_MAX: usize = 1 << 20;
/// How often a market that stands still is looked at.
const IDLE: Duration = Duration::from_millis(100);

/// The connection closes without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the answer was lost on purpose")]
struct Unanswered;

/// One exchange on one port, until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    pub venue: Arc<Venue>,
    tasks: Tasks,
    connections: Arc<Tasks>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.abort();
        self.connections.abort();
    }
}

struct Shared {
    venue: Arc<Venue>,
    dialect: Arc<dyn Dialect>,
    connections: Arc<Tasks>,
}

impl Server {
    /// Binds `address` (port 0 = any) and starts the market.
    pub async fn start(
        address: SocketAddr,
        venue: Arc<Venue>,
        dialect: Arc<dyn Dialect>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let tasks = Tasks::default();
        tasks.spawn(play(Arc::clone(&venue)));
        tasks.spawn(every_second(Arc::clone(&dialect)));
        let connections = Arc::new(Tasks::default());
        let shared =
            Arc::new(Shared { venue: Arc::clone(&venue), dialect, connections: Arc::clone(&connections) });
        tasks.spawn(accept(listener, shared));
        Ok(Self { address, venue, tasks, connections })
    }
}

/// Plays the market for ever.
async fn play(venue: Arc<Venue>) {
    loop {
        match venue.next_step() {
            Some(at) if !venue.is_paused() => {
                tokio::time::sleep(venue.clock.until(at)).await;
                if !venue.is_paused() && venue.now() >= at {
                    venue.step();
                }
            }
            _ => tokio::time::sleep(IDLE).await,
        }
    }
}

async fn every_second(dialect: Arc<dyn Dialect>) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        dialect.second();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                shared.connections.spawn(serve(stream, peer.ip(), Arc::clone(&shared)));
            }
            // Out of file handles, or the peer is gone: the next one may fare better.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, peer: IpAddr, shared: Arc<Shared>) {
    // Small answers are to leave at once.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let service = service_fn(move |request| handle(request, peer, Arc::clone(&shared)));
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.with_upgrades().await {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn handle(
    request: hyper::Request<Incoming>,
    peer: IpAddr,
    shared: Arc<Shared>,
) -> Result<Response<Body>, Unanswered> {
    let is_upgrade = request
        .headers()
        .get(header::UPGRADE)
        .is_some_and(|value| value.to_str().is_ok_and(|value| value.eq_ignore_ascii_case("websocket")));
    let (mut parts, body) = request.into_parts();
    let upgrade = parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
    let body = to_bytes(Body::new(body), BODY_MAX).await.map_err(|_| Unanswered)?;
    let request = Request {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        peer,
    };
    if request.path.starts_with(control::PREFIX) {
        return Ok(response(control::answer(&shared.venue, &request)));
    }
    if let Some(refusal) = standing_refusal(&shared.venue, peer) {
        lock(&shared.venue.stats).limited(shared.dialect.account(&request));
        return Ok(response(shared.dialect.refuse(refusal)));
    }
    match upgrade.filter(|_| is_upgrade) {
        Some(upgrade) => Ok(open_socket(&request, upgrade, &shared)),
        None => answer(&request, &shared).await.map(response),
    }
}

fn standing_refusal(venue: &Venue, peer: IpAddr) -> Option<ServerRefusal> {
    if lock(&venue.faults).settings(None).maintenance {
        return Some(ServerRefusal::Maintenance);
    }
    let until = lock(&venue.limits).banned_until(peer, venue.now())?;
    Some(ServerRefusal::Banned { until })
}

async fn answer(request: &Request, shared: &Shared) -> Result<Answer, Unanswered> {
    let Shared { venue, dialect, .. } = shared;
    let account = dialect.account(request);
    lock(&venue.stats).count(account, dialect.kind(request));
    let name = account.and_then(|account| venue.with(account, |account| account.spec.name.clone()));
    let (latency, fate) = lock(&venue.faults).draw(name.as_deref(), &request.path);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match fate {
        Fate::Answered => {
            let answer = dialect.answer(request);
            if matches!(answer.status, 418 | 429) {
                lock(&venue.stats).limited(account);
            }
            Ok(answer)
        }
        Fate::Refused => Err(Unanswered),
        Fate::RateLimited => {
            lock(&venue.stats).limited(account);
            Ok(dialect.refuse(ServerRefusal::RateLimited))
        }
        Fate::ServerError { executed } => {
            if executed {
                let _unseen = dialect.answer(request);
            }
            Ok(dialect.refuse(ServerRefusal::Failed { executed }))
        }
        Fate::Lost { after } => {
            let _lost = dialect.answer(request);
            tokio::time::sleep(after).await;
            Err(Unanswered)
        }
    }
}

fn open_socket(request: &Request, upgrade: hyper::upgrade::OnUpgrade, shared: &Shared) -> Response<Body> {
    let (link, events, updates) = shared.venue.open_socket();
    let socket = link.socket;
    let session = match shared.dialect.socket(request, link) {
        Ok(session) => session,
        Err(answer) => return response(answer),
    };
    let venue = Arc::clone(&shared.venue);
    let ears = socket::Ears { events, updates };
    shared.connections.spawn(async move {
        match upgrade.await {
            Ok(stream) => socket::run(TokioIo::new(stream), session, ears, &venue).await,
            Err(error) => tracing::debug!(%error, "a socket did not open"),
        }
        lock(&venue.hub).leave(socket);
    });
    let key = derive_accept_key(request.header("sec-websocket-key").as_bytes());
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(key) = HeaderValue::from_str(&key) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
    }
    answer
}

fn response(answer: Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
