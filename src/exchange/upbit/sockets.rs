//! The sockets: which connection carries what.
//!
//! Both are public facts of docs.upbit.com, "WebSocket" (v1.6.4): `/websocket/v1` tells the market and takes no key,
//! `/websocket/v1/private` tells one account and takes its token in the handshake. Neither confirms a subscription, and
//! both are cut after 120 s without a frame in either direction.

use std::collections::BTreeSet;
use std::future::ready;

use uuid::Uuid;

use super::calls::minutes;
use super::convert::Unreadable;
use super::frames::{self, MarketFrame, PrivateFrame};
use super::params::Params;
use super::sign::{self, Keys};
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::Answer;
use crate::exchange::market_data::{MarketEvent, Series};
use crate::exchange::report::ExchangeEvent;
use crate::exchange::socket::{BadFrame, Heard, Keepalive, Ping, SocketProtocol, SocketTarget};

/// Series a connection carries.
const SERIES_MAX: usize = 200;

const KEEPALIVE: Keepalive = Keepalive {
    every: DurationMs::from_secs(30),
    ping: Ping::Frame,
    silence_max: DurationMs::from_secs(75),
    lifetime_max: DurationMs::from_secs(23 * 3_600),
};

/// Candles of some series.
pub struct MarketSocket {
    url: String,
    series: BTreeSet<Series>,
}

impl MarketSocket {
    /// One socket for each `SERIES_MAX` of the series that are streamed at all.
    pub fn over(url: &str, series: &BTreeSet<Series>) -> Vec<Self> {
        let streamed: Vec<&Series> =
            series.iter().filter(|(_, timeframe)| minutes(*timeframe).is_some()).collect();
        streamed
            .chunks(SERIES_MAX)
            .map(|chunk| Self { url: url.to_owned(), series: chunk.iter().copied().cloned().collect() })
            .collect()
    }
}

impl SocketProtocol for MarketSocket {
    type Event = MarketEvent;

    fn target(&mut self) -> Answer<'_, SocketTarget> {
        let url = format!("{}/websocket/v1", self.url);
        Box::pin(ready(Ok(SocketTarget { url, headers: Vec::new() })))
    }

    fn greeting(&mut self, _now: Timestamp) -> Vec<String> {
        vec![frames::candle_request(&Uuid::new_v4().to_string(), &self.series)]
    }

    fn is_ready_at_once(&self) -> bool {
        true
    }

    fn hear(&mut self, text: &str, heard: &mut Vec<Heard<MarketEvent>>) -> Result<(), BadFrame> {
        match frames::market_frame(text)? {
            MarketFrame::Candle(event) => heard.push(Heard::Event(event)),
            MarketFrame::Error(error) => heard.push(Heard::Reconnect { reason: error.text() }),
            MarketFrame::Other => {}
        }
        Ok(())
    }

    fn tells_all(&self) -> bool {
        false
    }

    fn tend(&mut self) -> Answer<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    fn keepalive(&self) -> Keepalive {
        KEEPALIVE
    }
}

/// One account's orders.
pub struct PrivateSocket {
    url: String,
    keys: Keys,
}

impl PrivateSocket {
    pub fn new(url: &str, keys: Keys) -> Self {
        Self { url: url.to_owned(), keys }
    }
}

impl SocketProtocol for PrivateSocket {
    type Event = ExchangeEvent;

    fn target(&mut self) -> Answer<'_, SocketTarget> {
        let token = sign::authorization(&self.keys, &Uuid::new_v4().to_string(), &Params::default());
        let url = format!("{}/websocket/v1/private", self.url);
        Box::pin(ready(Ok(SocketTarget { url, headers: vec![("authorization", token)] })))
    }

    fn greeting(&mut self, _now: Timestamp) -> Vec<String> {
        vec![frames::private_request(&Uuid::new_v4().to_string())]
    }

    fn is_ready_at_once(&self) -> bool {
        true
    }

    fn hear(&mut self, text: &str, heard: &mut Vec<Heard<ExchangeEvent>>) -> Result<(), BadFrame> {
        match frames::private_frame(text)? {
            PrivateFrame::Event(event) => heard.push(Heard::Event(*event)),
            PrivateFrame::Error(error) => heard.push(Heard::Reconnect { reason: error.text() }),
            PrivateFrame::Other => {}
        }
        Ok(())
    }

    fn tells_all(&self) -> bool {
        true
    }

    fn tend(&mut self) -> Answer<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    fn keepalive(&self) -> Keepalive {
        KEEPALIVE
    }
}

impl From<Unreadable> for BadFrame {
    fn from(error: Unreadable) -> Self {
        Self { reason: error.0 }
    }
}
