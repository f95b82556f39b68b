//! What an exchange's own protocol must know: the seam between the [`super::server`] and the dialects.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method};
use tokio_tungstenite::tungstenite::Message;

use super::event::{AccountEvent, AccountIndex};
use super::hub::Link;
use super::market::MarketUpdate;
use super::stats::RequestKind;
use crate::domain::time::Timestamp;

/// A request as it came over the wire, read to its end.
#[derive(Debug)]
pub struct Request {
    pub method: Method,
    pub path: String,
    /// As it was sent, without the `?`: signatures are made of it.
    pub query: String,
    pub headers: HeaderMap,
    pub body: String,
    pub peer: IpAddr,
}

impl Request {
    /// A header's text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    pub fn json(status: u16, body: &impl serde::Serialize) -> Self {
        let body = serde_json::to_string(body).unwrap_or_default();
        Self { status, headers: vec![("content-type", "application/json".to_owned())], body }
    }
}

/// What the server itself refuses, for a dialect to put in its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerRefusal {
    Maintenance,
    Banned {
        until: Timestamp,
    },
    RateLimited,
    /// A server error that does not tell whether the request was executed.
    Failed {
        executed: bool,
    },
}

/// One exchange's protocol. Its methods do not wait: what they need is in memory.
pub trait Dialect: Send + Sync + 'static {
    /// Whose key the request bears, whether or not the signature is right.
    fn account(&self, request: &Request) -> Option<AccountIndex>;

    /// What the request is about.
    fn kind(&self, request: &Request) -> RequestKind;

    fn answer(&self, request: &Request) -> Answer;

    fn refuse(&self, refusal: ServerRefusal) -> Answer;

    /// Called about once a second of the wall clock, for what expires.
    fn second(&self);

    /// Takes a WebSocket in, or answers the request instead. `link` joins it to accounts, now or once it signs in.
    fn socket(&self, request: &Request, link: Link) -> Result<Box<dyn Session>, Answer>;
}

/// One WebSocket connection. What the methods return is sent; a [`Message::Close`] ends the connection.
pub trait Session: Send {
    /// The account it is signed in to, for its faults.
    fn account(&self) -> Option<AccountIndex>;

    fn opened(&mut self) -> Vec<Message>;

    /// A text or binary message of the client, as text.
    fn received(&mut self, text: &str) -> Vec<Message>;

    fn market(&mut self, update: &MarketUpdate) -> Vec<Message>;

    fn event(&mut self, event: &AccountEvent) -> Vec<Message>;

    /// Called about once a second of the wall clock.
    fn second(&mut self) -> Vec<Message>;
}
