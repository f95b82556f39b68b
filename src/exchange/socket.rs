//! Sockets: what a dialect says and hears on one, apart from keeping it alive.

use super::Answer;
use crate::domain::time::{DurationMs, Timestamp};

/// Where to connect, and with which headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketTarget {
    /// `ws://` or `wss://`.
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
}

/// How a connection is kept alive and when it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// A ping goes out so often.
    pub every: DurationMs,
    pub ping: Ping,
    /// Nothing heard for so long, pongs included: the connection is dead.
    pub silence_max: DurationMs,
    /// It is renewed by ourselves before the exchange cuts it.
    pub lifetime_max: DurationMs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ping {
    /// A ping frame of the WebSocket protocol.
    Frame,
    /// A text frame.
    Text(&'static str),
}

/// What one frame meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard<E> {
    Event(E),
    /// Logged in and subscribed: from here on nothing is missed.
    Ready,
    /// Say this.
    Say(String),
    /// This connection is of no more use (an expired key, a refused login).
    Reconnect {
        reason: String,
    },
}

/// One connection's side of a dialect. It makes no I/O but to find out where to connect.
pub trait SocketProtocol: Send {
    type Event: Send + 'static;

    /// Where to connect; asked anew for each connection.
    fn target(&mut self) -> Answer<'_, SocketTarget>;

    /// What to say at once after connecting; a connection without anything to wait for is ready then
    /// ([`SocketProtocol::is_ready_at_once`]).
    fn greeting(&mut self, now: Timestamp) -> Vec<String>;

    /// Whether a connection is ready as soon as its greeting is sent, without a [`Heard::Ready`].
    fn is_ready_at_once(&self) -> bool;

    /// Takes in one text frame (or a binary one that holds text). Frames that mean nothing to us are `Ok` and add
    /// nothing; one that cannot be read is an error: it is counted and logged, and the connection goes on.
    fn hear(&mut self, text: &str, heard: &mut Vec<Heard<Self::Event>>) -> Result<(), BadFrame>;

    /// Whether each frame counts: one that cannot be read is then told to the owner as something lost.
    fn tells_all(&self) -> bool;

    /// What must be done besides from time to time (renewing a listen key); called about every minute. An error makes
    /// the connection be renewed.
    fn tend(&mut self) -> Answer<'_, ()>;

    fn keepalive(&self) -> Keepalive;
}

/// A frame that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unreadable frame: {reason}")]
pub struct BadFrame {
    pub reason: String,
}
