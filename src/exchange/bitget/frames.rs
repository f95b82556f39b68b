//! Frames of the sockets: subscriptions and what comes back.
//!
//! `{"event":..}` answers what was said, `{"arg":{"channel":..},"data":[..]}` is data, and `pong` is a bare word.
//! Source: bitget.com/api-doc/common/websocket-intro and the pages of the channels.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_json::value::RawValue;

use super::calls::{PRODUCT_TYPE, granularity};
use super::market_rows::candle;
use super::wire::{AccountRow, CandleRow, OrderRow, PlanRow, PositionRow, Text};
use crate::domain::instrument::Symbol;
use crate::domain::time::Timeframe;
use crate::exchange::market_data::{MarketEvent, Series};
use crate::exchange::socket::BadFrame;

pub const PING: &str = "ping";
const PONG: &str = "pong";

/// Channels that one message asks for: a message may have 4,096 bytes.
const CHANNELS_A_MESSAGE: usize = 24;

/// The channels of an account.
pub const PRIVATE_CHANNELS: usize = 4;

/// The answer to what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    LoggedIn,
    Subscribed,
    Error { code: String, reason: String },
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<D> {
    Reply(Reply),
    Data(D),
    Pong,
}

/// Rows of the private stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountNews {
    Orders(Vec<OrderRow>),
    Plans(Vec<PlanRow>),
    Positions(Vec<PositionRow>),
    Accounts(Vec<AccountRow>),
    /// Of a channel that nobody asked for.
    Other,
}

#[derive(Deserialize)]
struct RawFrame {
    #[serde(default)]
    event: Text,
    #[serde(default)]
    code: Text,
    #[serde(default)]
    msg: Text,
    arg: Option<Channel>,
    data: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Channel {
    channel: Text,
    inst_id: Text,
}

fn bad(error: impl std::fmt::Display) -> BadFrame {
    BadFrame { reason: error.to_string() }
}

/// Reads a frame, its data by `data`, which is given the channel, the symbol and the rows.
fn read<D>(
    text: &str,
    data: impl FnOnce(&Channel, &str) -> Result<D, BadFrame>,
) -> Result<Frame<D>, BadFrame> {
    if text == PONG {
        return Ok(Frame::Pong);
    }
    let frame: RawFrame = serde_json::from_str(text).map_err(bad)?;
    if let (Some(arg), Some(rows)) = (&frame.arg, &frame.data) {
        return data(arg, rows.get()).map(Frame::Data);
    }
    match frame.event.as_str() {
        "login" if matches!(frame.code.as_str(), "0" | "") => Ok(Frame::Reply(Reply::LoggedIn)),
        "subscribe" => Ok(Frame::Reply(Reply::Subscribed)),
        "error" | "login" => {
            let (code, reason) = (frame.code.to_string(), frame.msg.to_string());
            Ok(Frame::Reply(Reply::Error { code, reason }))
        }
        _ => Err(bad(format!("neither data nor an answer: {text:.200}"))),
    }
}

fn rows<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, BadFrame> {
    Ok(serde_json::from_str::<Option<Vec<T>>>(text).map_err(bad)?.unwrap_or_default())
}

/// What is asked for on the private socket after the login.
pub fn private_subscription() -> String {
    let channel = |name: &str, key: &str| json!({"instType": PRODUCT_TYPE, "channel": name, key: "default"});
    let args = [
        channel("orders", "instId"),
        channel("orders-algo", "instId"),
        channel("positions", "instId"),
        channel("account", "coin"),
    ];
    json!({"op": "subscribe", "args": args}).to_string()
}

pub fn private_frame(text: &str) -> Result<Frame<AccountNews>, BadFrame> {
    read(text, |arg, data| {
        Ok(match arg.channel.as_str() {
            "orders" => AccountNews::Orders(rows(data)?),
            "orders-algo" => AccountNews::Plans(rows(data)?),
            "positions" => AccountNews::Positions(rows(data)?),
            "account" => AccountNews::Accounts(rows(data)?),
            _ => AccountNews::Other,
        })
    })
}

/// What is asked for on a market socket. Series that are not streamed are left out.
pub fn market_subscriptions(series: &BTreeSet<Series>) -> Vec<String> {
    let args: Vec<_> = series
        .iter()
        .filter_map(|(symbol, timeframe)| {
            let channel = format!("candle{}", granularity(*timeframe)?);
            Some(json!({"instType": PRODUCT_TYPE, "channel": channel, "instId": symbol.as_str()}))
        })
        .collect();
    let subscription = |args: &[serde_json::Value]| json!({"op": "subscribe", "args": args}).to_string();
    args.chunks(CHANNELS_A_MESSAGE).map(subscription).collect()
}

/// The candles of a push: each but the last is closed, since there is a later one.
pub fn market_frame(text: &str) -> Result<Frame<Vec<MarketEvent>>, BadFrame> {
    read(text, |arg, data| {
        let Some(timeframe) = timeframe_of(arg.channel.as_str()) else { return Ok(Vec::new()) };
        let symbol = Symbol::try_new(arg.inst_id.as_str()).map_err(bad)?;
        let candles: Vec<CandleRow> = rows(data)?;
        let last = candles.len().saturating_sub(1);
        let mut events = Vec::with_capacity(candles.len());
        for (index, row) in candles.iter().enumerate() {
            let (symbol, candle) = (symbol.clone(), candle(row)?);
            events.push(MarketEvent::Candle { symbol, timeframe, candle, is_closed: index < last });
        }
        Ok(events)
    })
}

/// The length of the candles of a channel.
fn timeframe_of(channel: &str) -> Option<Timeframe> {
    let name = channel.strip_prefix("candle")?;
    Timeframe::ALL.into_iter().find(|timeframe| granularity(*timeframe) == Some(name))
}

#[cfg(test)]
mod tests;
