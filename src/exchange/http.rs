//! The HTTP client of one exchange and egress: what went wrong is told by whether the request can have arrived.
//!
//! All accounts that share an egress share the client and so its connections. Nothing that could carry a key gets
//! into an error: neither query nor headers nor body.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue, UPGRADE};
use reqwest::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Proxy, Request, Response, StatusCode, Upgraded, Url, retry};
use rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::egress::{BadEgress, Egress};
use super::error::ExchangeError;
use super::socket::SocketTarget;
use super::wire::{Access, HttpAnswer, HttpRequest, Method};
use crate::domain::time::DurationMs;

/// The longest body that is read, unpacked.
const BODY_MAX: usize = 8 * 1024 * 1024;
/// The longest message that is read from a socket.
const MESSAGE_MAX: usize = 4 * 1024 * 1024;
/// Of each socket, and taken at once: there may be a thousand sockets.
const SOCKET_BUFFER: usize = 4 * 1024;
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(5);
/// Shorter than exchanges keep idle connections: a request on one that is just being closed has an unknown outcome.
const IDLE_MAX: Duration = Duration::from_secs(20);
const USER_AGENT: &str = concat!("tradefleet/", env!("CARGO_PKG_VERSION"));

/// A connected socket, before any greeting.
pub type Socket = WebSocketStream<Upgraded>;

/// Requests of one exchange by one egress. Clones share the connections.
#[derive(Clone)]
pub struct HttpClient {
    client: Client,
    /// Without a slash at its end.
    base_url: Arc<str>,
    /// Of a question: it is asked again, so that waiting long for an answer that is lost only costs time.
    read_timeout: Duration,
}

impl HttpClient {
    /// `base_url` is `https://` (or `http://`, for a local exchange) and may have a path. `timeout` is for the whole
    /// of a request; connecting, and all of a question, may take half of it.
    pub fn new(egress: &Egress, base_url: &str, timeout: DurationMs) -> Result<Self, BadEgress> {
        let bad_url = |reason: &str| BadEgress::new("base URL", base_url, reason);
        let url: Url = base_url.parse().map_err(|_| bad_url("is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.query().is_some() {
            return Err(bad_url("allowed is http:// or https:// with a host, without a query"));
        }
        let timeout = Duration::from_millis(u64::try_from(timeout.ms()).unwrap_or(0).max(1));
        let builder = Client::builder()
            .use_preconfigured_tls(tls(egress)?)
            .http1_only()
            .gzip(true)
            .redirect(Policy::none())
            .referer(false)
            .retry(retry::never())
            .user_agent(USER_AGENT)
            .connect_timeout((timeout / 2).min(CONNECT_TIMEOUT_MAX))
            .timeout(timeout)
            .pool_idle_timeout(IDLE_MAX)
            .no_proxy();
        let client = leaving_by(egress, builder)?
            .build()
            .map_err(|error| BadEgress::new("egress", egress, root_cause(&error)))?;
        Ok(Self { client, base_url: url.as_str().trim_end_matches('/').into(), read_timeout: timeout / 2 })
    }

    /// Sends a request and reads its answer, whatever the status.
    ///
    /// What surely did not leave is [`ExchangeError::Unavailable`]: no address, no connection, no TLS, no way through
    /// the proxy. Beyond that a read is unavailable and a write is [`ExchangeError::Unknown`].
    pub async fn send(&self, request: &HttpRequest, access: Access) -> Result<HttpAnswer, ExchangeError> {
        let mut request = self.request(request)?;
        if access == Access::Read {
            *request.timeout_mut() = Some(self.read_timeout);
        }
        let response = self.client.execute(request).await.map_err(|error| failure(access, &error))?;
        read(response, access).await
    }

    /// Opens a WebSocket as an upgrade of an HTTP request, so that it takes the same way as everything else.
    pub async fn open_socket(&self, target: &SocketTarget) -> Result<Socket, ExchangeError> {
        let unavailable = |reason: String| ExchangeError::Unavailable { reason };
        let url = upgrade_url(&target.url).ok_or_else(|| unsendable("not a ws:// or wss:// URL"))?;
        let key = generate_key();
        let mut request = self
            .client
            .get(url)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key);
        for (name, value) in &target.headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.map_err(|error| failure(Access::Read, &error))?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(unavailable(format!(
                "the socket was refused with status {}",
                response.status().as_u16()
            )));
        }
        let accept = response.headers().get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
        if accept != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
            return Err(unavailable("the socket's handshake was not answered correctly".to_owned()));
        }
        let upgraded = response.upgrade().await.map_err(|error| failure(Access::Read, &error))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(SOCKET_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(MESSAGE_MAX)
            .max_message_size(Some(MESSAGE_MAX))
            .max_frame_size(Some(MESSAGE_MAX));
        Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await)
    }

    fn request(&self, request: &HttpRequest) -> Result<Request, ExchangeError> {
        let text = format!("{}{}", self.base_url, request.target);
        let url: Url = text.parse().map_err(|_| unsendable("the target makes no URL"))?;
        // What is rewritten on the way out is not what was signed, and without the slash it would name another host.
        if !request.target.starts_with('/') || url.as_str() != text || url.fragment().is_some() {
            return Err(unsendable("the target is not a percent-encoded path and query"));
        }
        let mut builder = self.client.request(method(request.method), url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, body.content_type).body(body.text.clone());
        }
        builder.build().map_err(|_| unsendable("a header cannot be written"))
    }
}

/// A request that no exchange can be sent: a refusal of our own, since sending it again would be no better.
fn unsendable(reason: &str) -> ExchangeError {
    ExchangeError::Refused { code: "unsendable".to_owned(), reason: reason.to_owned() }
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Delete => reqwest::Method::DELETE,
    }
}

fn tls(egress: &Egress) -> Result<ClientConfig, BadEgress> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| BadEgress::new("egress", egress, error))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn leaving_by(egress: &Egress, builder: ClientBuilder) -> Result<ClientBuilder, BadEgress> {
    Ok(match egress {
        Egress::Direct => builder,
        Egress::Bind(address) => builder.local_address(*address),
        Egress::Proxy(url) => {
            let proxy = Proxy::all(url.reveal());
            builder.proxy(proxy.map_err(|error| BadEgress::new("egress", url, root_cause(&error)))?)
        }
    })
}

/// Reads the body up to its bound. Error pages may be in any encoding; what an exchange means is ASCII.
async fn read(mut response: Response, access: Access) -> Result<HttpAnswer, ExchangeError> {
    let status = response.status().as_u16();
    let headers = lower_case(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(access, &error))? {
        if body.len().saturating_add(chunk.len()) > BODY_MAX {
            return Err(unreadable(
                access,
                format!("an answer of more than {BODY_MAX} bytes, status {status}"),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    let body = String::from_utf8(body).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
    Ok(HttpAnswer { status, headers, body })
}

fn lower_case(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        let text = texts.entry(name.as_str().to_owned()).or_default();
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(value);
    }
    texts
}

fn failure(access: Access, error: &reqwest::Error) -> ExchangeError {
    let left = !error.is_connect();
    let what = match (left, error.is_timeout()) {
        (false, _) => "cannot connect",
        (true, true) => "no answer in time",
        (true, false) => "the connection failed",
    };
    let reason = format!("{what}: {}", root_cause(error));
    match access {
        Access::Write if left => ExchangeError::Unknown { reason },
        Access::Read | Access::Write => ExchangeError::Unavailable { reason },
    }
}

fn unreadable(access: Access, reason: String) -> ExchangeError {
    match access {
        Access::Read => ExchangeError::Malformed { reason },
        Access::Write => ExchangeError::Unknown { reason },
    }
}

/// The innermost error: those around it repeat each other, and one of them names the URL.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn upgrade_url(url: &str) -> Option<Url> {
    let rest = url.strip_prefix("ws")?;
    if !rest.starts_with("://") && !rest.starts_with("s://") {
        return None;
    }
    format!("http{rest}").parse().ok()
}

#[cfg(test)]
mod tests;
