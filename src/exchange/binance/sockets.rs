//! The two sorts of sockets: candles for everybody, and an account's own events.
//!
//! Source: developers.binance.com, USDⓈ-M futures, "Websocket Market Streams", "User Data Streams" and the notice on
//! routed stream addresses of 2026-04.

use super::answers::ListenKeyAnswer;
use super::calls;
use super::frames::{AccountFrame, MarketFrame, account_frame, market_frame};
use super::rest::{Done, Rest};
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::Answer;
use crate::exchange::error::ExchangeError;
use crate::exchange::market_data::{MarketEvent, Series};
use crate::exchange::socket::{BadFrame, Heard, Keepalive, Ping, SocketProtocol, SocketTarget};

/// Streams of one connection. More are allowed, but then much is lost with one.
pub const STREAMS_MAX: usize = 200;

/// The exchange pings every 3 minutes, too seldom to notice a dead connection; it ends each after 24 hours.
const KEEPALIVE: Keepalive = Keepalive {
    every: DurationMs::from_secs(20),
    ping: Ping::Frame,
    silence_max: DurationMs::from_secs(60),
    lifetime_max: DurationMs::from_secs(23 * 3_600),
};

/// A listen key is valid for an hour and prolonged at half of it. While it is valid, that the exchange does not answer is
/// no reason to give the connection up.
const PROLONG_AFTER: DurationMs = DurationMs::from_secs(30 * 60);
const VALID_FOR: DurationMs = DurationMs::from_secs(55 * 60);

/// Candles of up to [`STREAMS_MAX`] series.
pub struct CandleSocket {
    url: String,
    streams: Vec<String>,
}

impl CandleSocket {
    pub fn new(socket_url: &str, series: &[Series]) -> Self {
        let stream = |(symbol, timeframe): &Series| {
            format!("{}@kline_{timeframe}", symbol.as_str().to_ascii_lowercase())
        };
        Self { url: format!("{socket_url}/market/stream"), streams: series.iter().map(stream).collect() }
    }
}

impl SocketProtocol for CandleSocket {
    type Event = MarketEvent;

    fn target(&mut self) -> Answer<'_, SocketTarget> {
        Box::pin(async move { Ok(SocketTarget { url: self.url.clone(), headers: Vec::new() }) })
    }

    fn greeting(&mut self, _now: Timestamp) -> Vec<String> {
        let subscribe = serde_json::json!({ "method": "SUBSCRIBE", "params": self.streams, "id": 1 });
        vec![subscribe.to_string()]
    }

    fn is_ready_at_once(&self) -> bool {
        false
    }

    fn hear(&mut self, text: &str, heard: &mut Vec<Heard<MarketEvent>>) -> Result<(), BadFrame> {
        match market_frame(text)? {
            MarketFrame::Event(event) => heard.push(Heard::Event(event)),
            MarketFrame::Subscribed => heard.push(Heard::Ready),
            MarketFrame::Refused(reason) => heard.push(Heard::Reconnect { reason }),
            MarketFrame::Other => {}
        }
        Ok(())
    }

    fn tells_all(&self) -> bool {
        false
    }

    fn tend(&mut self) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn keepalive(&self) -> Keepalive {
        KEEPALIVE
    }
}

/// An account's events. The listen key in its address is what it is known by: nothing is said on it.
pub struct AccountSocket {
    rest: Rest,
    socket_url: String,
    prolonged_at: Timestamp,
}

impl AccountSocket {
    pub const fn new(rest: Rest, socket_url: String) -> Self {
        Self { rest, socket_url, prolonged_at: Timestamp::from_ms(0) }
    }
}

impl SocketProtocol for AccountSocket {
    type Event = AccountFrame;

    fn target(&mut self) -> Answer<'_, SocketTarget> {
        Box::pin(async move {
            let ListenKeyAnswer { listen_key } = self.rest.ask(calls::open_listen_key()).await?;
            self.prolonged_at = self.rest.now();
            let url = format!("{}/private/ws?listenKey={listen_key}", self.socket_url);
            Ok(SocketTarget { url, headers: Vec::new() })
        })
    }

    fn greeting(&mut self, _now: Timestamp) -> Vec<String> {
        Vec::new()
    }

    fn is_ready_at_once(&self) -> bool {
        true
    }

    fn hear(&mut self, text: &str, heard: &mut Vec<Heard<AccountFrame>>) -> Result<(), BadFrame> {
        match account_frame(text)? {
            None => {}
            Some(AccountFrame::KeyExpired) => {
                heard.push(Heard::Reconnect { reason: "the listen key has expired".to_owned() });
            }
            Some(frame) => heard.push(Heard::Event(frame)),
        }
        Ok(())
    }

    fn tells_all(&self) -> bool {
        true
    }

    fn tend(&mut self) -> Answer<'_, ()> {
        Box::pin(async move {
            let age = self.rest.now().since(self.prolonged_at);
            if age < PROLONG_AFTER {
                return Ok(());
            }
            match self.rest.ask::<Done>(calls::prolong_listen_key()).await {
                Ok(Done {}) => self.prolonged_at = self.rest.now(),
                // It is of no more use, however long it should be: the connection tells nothing from here on.
                Err(failure) if matches!(failure.error, ExchangeError::Refused { .. }) => {
                    return Err(failure.error);
                }
                Err(failure) if age >= VALID_FOR => return Err(failure.error),
                // Tried again the next time.
                Err(_) => {}
            }
            Ok(())
        })
    }

    fn keepalive(&self) -> Keepalive {
        KEEPALIVE
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::ids::AccountId;
    use crate::domain::kind::ExchangeKind;
    use crate::domain::secret::Secret;
    use crate::exchange::binance::sign::{Credentials, Signer};
    use crate::exchange::egress::Egress;
    use crate::exchange::governor::Governor;
    use crate::exchange::http::HttpClient;
    use crate::exchange::line::Line;
    use crate::exchange::server_clock::ServerClock;
    use crate::exchange::testing::{LoopbackServer, ManualClock, Reply, patiently};

    #[tokio::test]
    async fn a_listen_key_that_is_not_prolonged_is_given_up_only_when_it_is_refused() {
        let gone = r#"{"code":-1125,"msg":"This listenKey does not exist."}"#;
        let answers = [(200, r#"{"listenKey":"k"}"#), (502, "<html>"), (400, gone)];
        let replies = answers.iter().map(|(status, body)| Reply::text(*status, "", body)).collect();
        let server = LoopbackServer::start(replies).await;
        let clock = ManualClock::at(0);
        let http = HttpClient::new(&Egress::Direct, &server.url(), DurationMs::from_secs(5)).unwrap();
        let governor = Governor::new(ExchangeKind::Binance, "direct", calls::LIMITS, clock.clone());
        let server_clock = Arc::new(ServerClock::new(clock.clone()));
        let secret = |text: &str| Secret::new(text.to_owned());
        let credentials = Credentials { api_key: secret("key"), api_secret: secret("secret") };
        let signer = Signer::try_new(&credentials).unwrap();
        let rest = Rest::new(Line::new(http, governor, server_clock, Some(AccountId::new(7))), Some(signer));
        let mut socket = AccountSocket::new(rest, "ws://127.0.0.1:9".to_owned());
        assert!(patiently(socket.target()).await.unwrap().url.ends_with("listenKey=k"));
        clock.advance(PROLONG_AFTER.ms());
        assert_eq!(patiently(socket.tend()).await, Ok(()), "it is still valid");
        assert!(matches!(patiently(socket.tend()).await, Err(ExchangeError::Refused { .. })));
        assert_eq!(server.requests().len(), 3);
    }
}
