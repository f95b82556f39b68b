//! The sockets: which connection carries what.
//!
//! `/v2/ws/public` tells the market and takes no key; `/v2/ws/private` tells one account once it has logged in. Both
//! drop a connection that has not said `ping` for two minutes, and cut every one after 24 hours.
//! Source: bitget.com/api-doc/common/websocket-intro.

use std::collections::BTreeSet;
use std::future::ready;

use super::calls::granularity;
use super::frames::{self, AccountNews, Frame, PING, PRIVATE_CHANNELS, Reply};
use super::sign::Signer;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::Answer;
use crate::exchange::line::Line;
use crate::exchange::market_data::{MarketEvent, Series};
use crate::exchange::socket::{BadFrame, Heard, Keepalive, Ping, SocketProtocol, SocketTarget};

/// Channels of a connection: the documentation advises fewer than 50.
const CHANNELS_MAX: usize = 48;

const KEEPALIVE: Keepalive = Keepalive {
    every: DurationMs::from_secs(30),
    ping: Ping::Text(PING),
    silence_max: DurationMs::from_secs(75),
    lifetime_max: DurationMs::from_secs(23 * 3_600),
};

/// How many answers to subscriptions are still to come.
#[derive(Debug, Clone, Copy)]
struct Awaited(usize);

impl Awaited {
    /// Notes one answer; the last one makes the connection ready.
    fn answered<E>(&mut self, heard: &mut Vec<Heard<E>>) {
        match self.0 {
            0 => {}
            1 => {
                self.0 = 0;
                heard.push(Heard::Ready);
            }
            more => self.0 = more.saturating_sub(1),
        }
    }
}

/// Candles of some series.
pub struct MarketSocket {
    url: String,
    series: BTreeSet<Series>,
    awaited: Awaited,
}

impl MarketSocket {
    /// One socket for each `CHANNELS_MAX` of the series that are streamed at all. `url` is the root of the sockets.
    pub fn over(url: &str, series: &BTreeSet<Series>) -> Vec<Self> {
        let streamed: Vec<&Series> =
            series.iter().filter(|(_, timeframe)| granularity(*timeframe).is_some()).collect();
        streamed
            .chunks(CHANNELS_MAX)
            .map(|chunk| Self {
                url: url.to_owned(),
                series: chunk.iter().copied().cloned().collect(),
                awaited: Awaited(0),
            })
            .collect()
    }
}

impl SocketProtocol for MarketSocket {
    type Event = MarketEvent;

    fn target(&mut self) -> Answer<'_, SocketTarget> {
        let url = format!("{}/v2/ws/public", self.url);
        Box::pin(ready(Ok(SocketTarget { url, headers: Vec::new() })))
    }

    fn greeting(&mut self, _now: Timestamp) -> Vec<String> {
        self.awaited = Awaited(self.series.len());
        frames::market_subscriptions(&self.series)
    }

    fn is_ready_at_once(&self) -> bool {
        false
    }

    fn hear(&mut self, text: &str, heard: &mut Vec<Heard<MarketEvent>>) -> Result<(), BadFrame> {
        match frames::market_frame(text)? {
            Frame::Reply(Reply::Subscribed) => self.awaited.answered(heard),
            Frame::Reply(Reply::Error { code, reason }) => {
                // One series that is not streamed must not hold the others back.
                self.awaited.answered(heard);
                return Err(BadFrame { reason: format!("refused ({code}): {reason}") });
            }
            Frame::Data(events) => heard.extend(events.into_iter().map(Heard::Event)),
            Frame::Reply(Reply::LoggedIn) | Frame::Pong => {}
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

/// One account: its orders, positions and money.
pub struct PrivateSocket {
    url: String,
    signer: Signer,
    /// For its clock.
    line: Line,
    awaited: Awaited,
}

impl PrivateSocket {
    /// `url` is the root of the sockets.
    pub fn new(url: &str, signer: Signer, line: Line) -> Self {
        Self { url: url.to_owned(), signer, line, awaited: Awaited(0) }
    }
}

impl SocketProtocol for PrivateSocket {
    type Event = AccountNews;

    fn target(&mut self) -> Answer<'_, SocketTarget> {
        let url = format!("{}/v2/ws/private", self.url);
        Box::pin(ready(Ok(SocketTarget { url, headers: Vec::new() })))
    }

    fn greeting(&mut self, now: Timestamp) -> Vec<String> {
        self.awaited = Awaited(PRIVATE_CHANNELS);
        vec![self.signer.login(self.line.clock().to_server(now))]
    }

    fn is_ready_at_once(&self) -> bool {
        false
    }

    fn hear(&mut self, text: &str, heard: &mut Vec<Heard<AccountNews>>) -> Result<(), BadFrame> {
        match frames::private_frame(text)? {
            Frame::Reply(Reply::LoggedIn) => heard.push(Heard::Say(frames::private_subscription())),
            Frame::Reply(Reply::Subscribed) => self.awaited.answered(heard),
            // Without the login, or without one of the channels, this connection misses something.
            Frame::Reply(Reply::Error { code, reason }) => {
                heard.push(Heard::Reconnect { reason: format!("refused ({code}): {reason}") });
            }
            Frame::Data(news) => heard.push(Heard::Event(news)),
            Frame::Pong => {}
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

#[cfg(test)]
mod tests;
