//! One WebSocket connection: carries a session's messages, with the faults of sockets.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::dialect::Session;
use super::event::AccountEvent;
use super::hub::Events;
use super::lock::lock;
use super::market::MarketUpdate;
use super::venue::Venue;

/// What a socket listens to.
pub(super) struct Ears {
    pub(super) events: Events,
    pub(super) updates: broadcast::Receiver<Arc<MarketUpdate>>,
}

/// What came to a socket's ears.
enum Heard {
    Client(String),
    Market(Arc<MarketUpdate>),
    Account(Arc<AccountEvent>),
    Second,
    Nothing,
    End,
}

/// Serves the connection to its end.
pub(super) async fn run(
    stream: TokioIo<Upgraded>,
    mut session: Box<dyn Session>,
    mut ears: Ears,
    venue: &Venue,
) {
    let mut stream = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut delayed: Option<Arc<AccountEvent>> = None;
    let mut outgoing = session.opened();
    loop {
        let (silent, name) = faults_of(session.as_ref(), venue);
        for message in outgoing.drain(..).filter(|_| !silent) {
            let is_end = matches!(message, Message::Close(_));
            if stream.send(message).await.is_err() || is_end {
                return;
            }
        }
        let heard = tokio::select! {
            // A half-open peer does not even answer pings.
            message = stream.next(), if !silent => client(message),
            update = ears.updates.recv() => market(update),
            event = ears.events.recv() => event.map_or(Heard::End, Heard::Account),
            _ = second.tick() => Heard::Second,
        };
        outgoing = match heard {
            Heard::Client(text) => session.received(&text),
            Heard::Market(update) => session.market(&update),
            Heard::Account(event) => {
                let (twice, later) = lock(&venue.faults).draw_event(name.as_deref());
                tell(session.as_mut(), event, &mut delayed, (twice, later))
            }
            Heard::Second => {
                if lock(&venue.faults).draw_cut(name.as_deref()) {
                    return;
                }
                let late = delayed.take().map(|event| session.event(&event));
                late.into_iter().flatten().chain(session.second()).collect()
            }
            Heard::Nothing => Vec::new(),
            Heard::End => return,
        };
    }
}

fn faults_of(session: &dyn Session, venue: &Venue) -> (bool, Option<String>) {
    let account = session.account();
    let name = account.and_then(|account| venue.with(account, |account| account.spec.name.clone()));
    (lock(&venue.faults).settings(name.as_deref()).half_open, name)
}

/// The event's messages, twice or after the next event's as the faults have it.
fn tell(
    session: &mut dyn Session,
    event: Arc<AccountEvent>,
    delayed: &mut Option<Arc<AccountEvent>>,
    (twice, later): (bool, bool),
) -> Vec<Message> {
    if later && delayed.is_none() {
        *delayed = Some(event);
        return Vec::new();
    }
    let mut messages = session.event(&event);
    if twice {
        messages.extend(session.event(&event));
    }
    messages.extend(delayed.take().map(|event| session.event(&event)).into_iter().flatten());
    messages
}

fn client(message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>) -> Heard {
    match message {
        Some(Ok(Message::Text(text))) => Heard::Client(text.to_string()),
        Some(Ok(Message::Binary(bytes))) => Heard::Client(String::from_utf8_lossy(&bytes).into_owned()),
        // Pings are answered by the protocol's own code.
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Heard::Nothing,
        Some(Ok(Message::Close(_)) | Err(_)) | None => Heard::End,
    }
}

fn market(update: Result<Arc<MarketUpdate>, RecvError>) -> Heard {
    match update {
        Ok(update) => Heard::Market(update),
        Err(RecvError::Lagged(_)) => Heard::Nothing,
        Err(RecvError::Closed) => Heard::End,
    }
}

#[cfg(test)]
mod tests;
