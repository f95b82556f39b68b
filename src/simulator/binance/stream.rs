//! WebSocket connections: `/public`, `/market` and `/private`, each with `/ws` and `/stream`
//! (<https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams>).

use std::collections::BTreeSet;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::State;
use super::error::Error;
use super::events::{listen_key_expired, user_events};
use super::market_data::{best, interval, trade_count};
use super::params::Params;
use crate::domain::instrument::Symbol;
use crate::domain::time::{DurationMs, Timestamp};
use crate::simulator::dialect::{Answer, Request, Session};
use crate::simulator::event::{AccountEvent, AccountIndex};
use crate::simulator::hub::Link;
use crate::simulator::lock::lock;
use crate::simulator::market::{CandleView, MarketUpdate};
use crate::simulator::venue::Venue;

/// Seconds of the wall clock between pings.
const PING_EVERY: u64 = 180;
/// How long a connection lives, in exchange time.
const LIFE: DurationMs = DurationMs::from_secs(24 * 3_600);
const STREAMS_MAX: usize = 1_024;

struct Connection {
    state: Arc<State>,
    link: Link,
    /// Frames name their stream.
    combined: bool,
    streams: BTreeSet<String>,
    /// The user streams, with whose they are.
    listen_keys: Vec<(String, AccountIndex)>,
    private: bool,
    opened_at: Timestamp,
    seconds: u64,
}

/// Takes a connection in by its path and its streams or listen key.
pub(super) fn open(state: &Arc<State>, request: &Request, link: Link) -> Result<Box<dyn Session>, Answer> {
    let refused =
        |status, message: &str| Answer::json(status, &Error { status, ..Error::new(-1, message) }.to_json());
    let mut parts = request.path.trim_matches('/').split('/');
    let (Some(category @ ("public" | "market" | "private")), Some(form @ ("ws" | "stream"))) =
        (parts.next(), parts.next())
    else {
        return Err(refused(404, "connect to /public, /market or /private with /ws or /stream"));
    };
    let params = Params::read(&request.query, "");
    let mut connection = Connection {
        state: Arc::clone(state),
        link,
        combined: form == "stream",
        streams: BTreeSet::new(),
        listen_keys: Vec::new(),
        private: category == "private",
        opened_at: state.venue.now(),
        seconds: 0,
    };
    // ccxt numbers its connections in the path, which is no stream.
    let in_path = parts.filter(|part| !part.chars().all(|c| c.is_ascii_digit()));
    let in_query = params.get("streams").into_iter().flat_map(|streams| streams.split('/'));
    let wanted = in_path.chain(in_query).chain(params.get("listenKey"));
    for stream in wanted {
        if !connection.subscribe(stream) {
            return Err(refused(400, "unknown stream or listenKey"));
        }
    }
    Ok(Box::new(connection))
}

impl Connection {
    fn venue(&self) -> &Venue {
        &self.state.venue
    }

    /// False for a listen key that does not exist.
    fn subscribe(&mut self, stream: &str) -> bool {
        if !self.private {
            self.streams.insert(stream.to_owned());
            return self.streams.len() <= STREAMS_MAX;
        }
        let Some(account) = lock(&self.state.listen_keys).account(stream) else { return false };
        if self.listen_keys.iter().all(|(known, _)| known != stream) {
            self.listen_keys.push((stream.to_owned(), account));
        }
        self.venue().join(account, &self.link);
        true
    }

    fn frame(&self, stream: &str, data: Value) -> Message {
        let frame = if self.combined { json!({ "stream": stream, "data": data }) } else { data };
        Message::text(frame.to_string())
    }

    fn kline(&self, stream: &str, update: &MarketUpdate) -> Option<Message> {
        let (symbol, word) = stream.split_once("@kline_")?;
        let symbol = Symbol::try_new(&symbol.to_uppercase()).ok()?;
        let moved = update.symbol(&symbol)?;
        let length = interval(word)?;
        // The moment before its end is in the window that the part belongs to.
        let inside = Timestamp::from_ms(update.at.ms() - 1);
        let view = self.venue().market(|market| {
            let views = market.candles(&symbol, length, (None, Some(inside)), 1)?;
            views.last().copied()
        })?;
        let is_closed = moved.closed && update.at == view.end;
        Some(self.frame(stream, kline_event(&symbol, word, &view, is_closed, update.at)))
    }

    fn book_ticker(&self, stream: &str, update: &MarketUpdate) -> Option<Message> {
        let symbol = Symbol::try_new(&stream.strip_suffix("@bookTicker")?.to_uppercase()).ok()?;
        update.symbol(&symbol)?;
        let (bid, ask) = best(self.venue(), &symbol)?;
        let at = update.at.ms();
        let event = json!({
            "e": "bookTicker", "u": at, "E": at, "T": at, "s": symbol.as_str(), "ps": symbol.as_str(), "st": 1,
            "b": bid.to_string(), "B": "1", "a": ask.to_string(), "A": "1",
        });
        Some(self.frame(stream, event))
    }

    /// Streams that are pushed once a second.
    fn ticker(&self, stream: &str) -> Option<Message> {
        let (symbol, channel) = stream.split_once('@')?;
        let channel = channel.split('@').next().unwrap_or_default();
        let event: fn(&Venue, &Symbol) -> Option<Value> = match channel {
            "miniTicker" => mini_ticker,
            "ticker" => ticker,
            "markPrice" => mark_price,
            "arr" => {
                let of: fn(&Venue, &Symbol) -> Option<Value> = match symbol {
                    "!miniTicker" => mini_ticker,
                    "!ticker" => ticker,
                    "!markPrice" => mark_price,
                    _ => return None,
                };
                return Some(self.frame(stream, all_symbols(self.venue(), of)));
            }
            _ => return None,
        };
        let symbol = Symbol::try_new(&symbol.to_uppercase()).ok()?;
        Some(self.frame(stream, event(self.venue(), &symbol)?))
    }

    fn command(&mut self, command: &Value) -> Value {
        let id = command.get("id").cloned().unwrap_or(Value::Null);
        let params = command.get("params").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut names = params.iter().filter_map(Value::as_str);
        match command.get("method").and_then(Value::as_str) {
            Some("SUBSCRIBE") => {
                if names.all(|name| self.subscribe(name)) {
                    json!({ "result": null, "id": id })
                } else {
                    json!({ "error": { "code": 2, "msg": "Invalid request: unknown stream" }, "id": id })
                }
            }
            Some("UNSUBSCRIBE") => {
                for name in names {
                    self.streams.remove(name);
                }
                json!({ "result": null, "id": id })
            }
            Some("LIST_SUBSCRIPTIONS") => json!({ "result": self.streams, "id": id }),
            _ => json!({ "error": { "code": 2, "msg": "Invalid request: unknown method" }, "id": id }),
        }
    }

    fn expired_keys(&mut self) -> Vec<Message> {
        let now = self.venue().now().ms();
        let mut messages = Vec::new();
        for (key, account) in std::mem::take(&mut self.listen_keys) {
            if lock(&self.state.listen_keys).account(&key).is_some() {
                self.listen_keys.push((key, account));
            } else {
                messages.push(self.frame(&key, listen_key_expired(&key, now)));
            }
        }
        messages
    }
}

impl Session for Connection {
    fn account(&self) -> Option<AccountIndex> {
        self.listen_keys.first().map(|(_, account)| *account)
    }

    fn opened(&mut self) -> Vec<Message> {
        Vec::new()
    }

    fn received(&mut self, text: &str) -> Vec<Message> {
        let answer = match serde_json::from_str::<Value>(text) {
            Ok(command) => self.command(&command),
            Err(error) => json!({ "error": { "code": 3, "msg": format!("Invalid JSON: {error}") } }),
        };
        vec![Message::text(answer.to_string())]
    }

    fn market(&mut self, update: &MarketUpdate) -> Vec<Message> {
        let streams = self.streams.iter();
        streams
            .filter_map(|stream| self.kline(stream, update).or_else(|| self.book_ticker(stream, update)))
            .collect()
    }

    fn event(&mut self, event: &AccountEvent) -> Vec<Message> {
        let Some((key, _)) = self.listen_keys.iter().find(|(_, account)| *account == event.account) else {
            return Vec::new();
        };
        let events = user_events(event, self.venue());
        events.into_iter().map(|event| self.frame(key, event)).collect()
    }

    fn second(&mut self) -> Vec<Message> {
        self.seconds += 1;
        let mut messages = self.expired_keys();
        messages.extend(self.streams.iter().filter_map(|stream| self.ticker(stream)));
        if self.seconds.is_multiple_of(PING_EVERY) {
            messages.push(Message::Ping(Bytes::new()));
        }
        if self.venue().now().since(self.opened_at) >= LIFE {
            messages.push(Message::Close(None));
        }
        messages
    }
}

fn kline_event(symbol: &Symbol, word: &str, view: &CandleView, is_closed: bool, at: Timestamp) -> Value {
    let CandleView { candle, end, quote_volume } = view;
    let half = |value: Decimal| (value / Decimal::TWO).round_dp(8).normalize().to_string();
    json!({
        "e": "kline", "E": at.ms(), "s": symbol.as_str(), "st": 1, "ps": symbol.as_str(),
        "k": {
            "t": candle.open_time.ms(), "T": end.ms() - 1, "s": symbol.as_str(), "i": word, "f": 1, "L": 1,
            "o": candle.open.to_string(), "c": candle.close.to_string(), "h": candle.high.to_string(),
            "l": candle.low.to_string(), "v": candle.volume.to_string(), "n": trade_count(candle.volume),
            "x": is_closed, "q": quote_volume.to_string(), "V": half(candle.volume), "Q": half(*quote_volume),
            "B": "0",
        },
    })
}

fn mini_ticker(venue: &Venue, symbol: &Symbol) -> Option<Value> {
    let now = venue.now();
    let day = venue.market(|market| market.day(symbol, now))?;
    Some(json!({
        "e": "24hrMiniTicker", "E": now.ms(), "s": symbol.as_str(), "st": 1, "ps": symbol.as_str(),
        "c": day.last.to_string(), "o": day.open.to_string(), "h": day.high.to_string(), "l": day.low.to_string(),
        "v": day.volume.to_string(), "q": day.quote_volume.to_string(),
    }))
}

fn ticker(venue: &Venue, symbol: &Symbol) -> Option<Value> {
    let mut event = mini_ticker(venue, symbol)?;
    let now = venue.now();
    let day = venue.market(|market| market.day(symbol, now))?;
    let change = day.last.decimal() - day.open.decimal();
    let pct = (change * Decimal::ONE_HUNDRED / day.open.decimal()).round_dp(3);
    if let Some(fields) = event.as_object_mut() {
        fields.insert("e".to_owned(), json!("24hrTicker"));
        fields.insert("p".to_owned(), json!(change.to_string()));
        fields.insert("P".to_owned(), json!(pct.to_string()));
        fields.insert("O".to_owned(), json!(day.open_time.ms()));
        fields.insert("C".to_owned(), json!(now.ms()));
    }
    Some(event)
}

fn mark_price(venue: &Venue, symbol: &Symbol) -> Option<Value> {
    let (price, now) = (venue.price(symbol)?.to_string(), venue.now());
    let (rate, next) = venue.next_funding();
    Some(json!({
        "e": "markPriceUpdate", "E": now.ms(), "s": symbol.as_str(), "st": 1, "ps": symbol.as_str(), "p": price,
        "i": price, "P": price, "r": format!("{rate:.8}"), "T": next.ms(),
    }))
}

/// Streams of all symbols carry those of the coin-margined exchange too since 2026-06-30.
fn all_symbols(venue: &Venue, of: fn(&Venue, &Symbol) -> Option<Value>) -> Value {
    let rules = venue.all_rules();
    let mut rows: Vec<Value> = rules.iter().filter_map(|rules| of(venue, &rules.instrument.symbol)).collect();
    if let Some(mut foreign) = rows.first().cloned()
        && let Some(fields) = foreign.as_object_mut()
    {
        fields.insert("s".to_owned(), json!("BTCUSD_PERP"));
        fields.insert("ps".to_owned(), json!("BTCUSD"));
        fields.insert("st".to_owned(), json!(2));
        rows.push(foreign);
    }
    Value::Array(rows)
}
