//! WebSocket connections: `/v2/ws/public` and `/v2/ws/private`
//! (<https://www.bitget.com/api-doc/common/websocket-intro>).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::SKEW_MAX;
use super::events::{money, positions, pushes};
use super::market_data::{candle_row, granularity, ticker_row};
use super::signature::is_login;
use crate::domain::instrument::Symbol;
use crate::domain::time::{DurationMs, Timestamp};
use crate::simulator::dialect::{Request, Session};
use crate::simulator::event::{AccountEvent, AccountIndex};
use crate::simulator::hub::Link;
use crate::simulator::market::MarketUpdate;
use crate::simulator::venue::Venue;

/// How long a connection lives, in exchange time.
const LIFE: DurationMs = DurationMs::from_secs(24 * 3_600);
/// Seconds of the wall clock without a ping after which it is dropped.
const PING_WITHIN: u64 = 120;
/// Candles of the first push.
const SNAPSHOT: usize = 100;
const PRIVATE_CHANNELS: [&str; 5] = ["orders", "orders-algo", "positions", "account", "fill"];

struct Connection {
    venue: Arc<Venue>,
    link: Link,
    is_private: bool,
    account: Option<AccountIndex>,
    /// The channels that were asked for, as they were asked for, by their text.
    channels: BTreeMap<String, Value>,
    opened_at: Timestamp,
    seconds_since_ping: u64,
}

/// Takes a connection in by its path.
pub(super) fn open(venue: &Arc<Venue>, request: &Request, link: Link) -> Option<Box<dyn Session>> {
    let is_private = match request.path.as_str() {
        "/v2/ws/public" => false,
        "/v2/ws/private" => true,
        _ => return None,
    };
    Some(Box::new(Connection {
        venue: Arc::clone(venue),
        link,
        is_private,
        account: None,
        channels: BTreeMap::new(),
        opened_at: venue.now(),
        seconds_since_ping: 0,
    }))
}

fn text(value: &Value) -> Message {
    Message::text(value.to_string())
}

fn field<'a>(arg: &'a Value, name: &str) -> &'a str {
    arg.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn refused(code: u32, message: &str, arg: &Value) -> Value {
    json!({ "event": "error", "arg": arg, "code": code, "msg": message })
}

impl Connection {
    fn frame(&self, action: &str, arg: &Value, data: &Value) -> Message {
        text(&json!({ "action": action, "arg": arg, "data": data, "ts": self.venue.now().ms() }))
    }

    fn login(&mut self, arg: &Value) -> Value {
        let account = self.venue.account_of_key(field(arg, "apiKey"));
        // ccxt writes seconds as a text, other clients as a number.
        let stamp =
            arg.get("timestamp").map(|stamp| stamp.as_str().map_or_else(|| stamp.to_string(), str::to_owned));
        let stamp = stamp.unwrap_or_default();
        let at = stamp.parse::<i64>().map(|seconds| Timestamp::from_ms(seconds.saturating_mul(1_000)));
        let is_timely = at.is_ok_and(|at| self.venue.is_timely(at, SKEW_MAX, SKEW_MAX));
        let spec = account.and_then(|account| self.venue.with(account, |account| account.spec.clone()));
        let is_right = spec.is_some_and(|spec| {
            spec.passphrase == field(arg, "passphrase")
                && is_login(&stamp, field(arg, "sign"), &spec.api_secret)
        });
        let Some(account) = account.filter(|_| is_right && is_timely && self.is_private) else {
            return json!({ "event": "error", "code": 30005, "msg": "login fail" });
        };
        self.account = Some(account);
        self.venue.join(account, &self.link);
        json!({ "event": "login", "code": 0, "msg": "" })
    }

    fn subscribe(&mut self, arg: &Value) -> Vec<Message> {
        let channel = field(arg, "channel");
        let is_private = PRIVATE_CHANNELS.contains(&channel);
        if is_private && self.account.is_none() {
            return vec![text(&refused(30004, "User needs to log in", arg))];
        }
        let is_known = is_private || self.symbol_of(arg).is_some_and(|_| is_market_channel(channel));
        if is_private != self.is_private || !is_known {
            let message = format!(
                "instType:{},channel:{channel},instId:{} doesn't exist",
                field(arg, "instType"),
                field(arg, "instId")
            );
            return vec![text(&refused(30001, &message, arg))];
        }
        self.channels.insert(arg.to_string(), arg.clone());
        let mut messages = vec![text(&json!({ "event": "subscribe", "arg": arg }))];
        messages.extend(self.first_push(arg));
        messages
    }

    fn symbol_of(&self, arg: &Value) -> Option<Symbol> {
        Some(self.venue.rules(field(arg, "instId"))?.instrument.symbol)
    }

    fn first_push(&self, arg: &Value) -> Option<Message> {
        let rows = match (field(arg, "channel"), self.account) {
            ("positions", Some(account)) => Value::Array(positions(account, &self.venue)),
            ("account", Some(account)) => Value::Array(money(account, &self.venue)),
            ("ticker", _) => self.ticker(arg)?,
            (channel, _) => {
                let length = granularity(channel.strip_prefix("candle")?)?;
                let symbol = self.symbol_of(arg)?;
                let views =
                    self.venue.market(|market| market.candles(&symbol, length, (None, None), SNAPSHOT))?;
                views.iter().map(candle).collect()
            }
        };
        Some(self.frame("snapshot", arg, &rows))
    }

    fn ticker(&self, arg: &Value) -> Option<Value> {
        let symbol = self.symbol_of(arg)?;
        let mut row = ticker_row(&self.venue, &symbol)?;
        row.as_object_mut()?.insert("instId".to_owned(), json!(symbol.as_str()));
        Some(json!([row]))
    }

    fn on_market(&self, arg: &Value, update: &MarketUpdate) -> Option<Message> {
        let symbol = self.symbol_of(arg)?;
        update.symbol(&symbol)?;
        let channel = field(arg, "channel");
        if channel == "ticker" {
            return Some(self.frame("snapshot", arg, &self.ticker(arg)?));
        }
        let length = granularity(channel.strip_prefix("candle")?)?;
        // The moment before its end is in the window that the part belongs to.
        let inside = Timestamp::from_ms(update.at.ms() - 1);
        let views = self.venue.market(|market| market.candles(&symbol, length, (None, Some(inside)), 1))?;
        Some(self.frame("update", arg, &views.iter().map(candle).collect()))
    }

    fn command(&mut self, command: &Value) -> Vec<Message> {
        let args = command.get("args").and_then(Value::as_array).cloned().unwrap_or_default();
        match field(command, "op") {
            "login" => args.iter().map(|arg| text(&self.login(arg))).collect(),
            "subscribe" => args.iter().flat_map(|arg| self.subscribe(arg)).collect(),
            "unsubscribe" => {
                let forget = |arg: &Value| {
                    self.channels.remove(&arg.to_string());
                    text(&json!({ "event": "unsubscribe", "arg": arg }))
                };
                args.iter().map(forget).collect()
            }
            _ => vec![text(&refused(30003, "Invalid op", &Value::Null))],
        }
    }
}

/// Candles of the stream have the turnover twice, in quote currency and in USDT.
fn candle(view: &crate::simulator::market::CandleView) -> Value {
    let mut row = candle_row(view);
    if let Some(cells) = row.as_array_mut() {
        cells.extend(cells.last().cloned());
    }
    row
}

fn is_market_channel(channel: &str) -> bool {
    matches!(channel, "ticker" | "trade" | "books" | "books1" | "books5" | "books15")
        || channel.strip_prefix("candle").and_then(granularity).is_some()
}

impl Session for Connection {
    fn account(&self) -> Option<AccountIndex> {
        self.account
    }

    fn opened(&mut self) -> Vec<Message> {
        Vec::new()
    }

    fn received(&mut self, message: &str) -> Vec<Message> {
        if message == "ping" {
            self.seconds_since_ping = 0;
            return vec![Message::text("pong")];
        }
        match serde_json::from_str(message) {
            Ok(command) => self.command(&command),
            Err(_) => vec![text(&refused(30002, "Illegal request", &Value::Null))],
        }
    }

    fn market(&mut self, update: &MarketUpdate) -> Vec<Message> {
        self.channels.values().filter_map(|arg| self.on_market(arg, update)).collect()
    }

    fn event(&mut self, event: &AccountEvent) -> Vec<Message> {
        if self.account != Some(event.account) {
            return Vec::new();
        }
        let mut messages = Vec::new();
        for (channel, rows) in pushes(event, &self.venue) {
            let arg = self.channels.values().find(|arg| field(arg, "channel") == channel);
            messages.extend(arg.map(|arg| self.frame("snapshot", arg, &Value::Array(rows))));
        }
        messages
    }

    fn second(&mut self) -> Vec<Message> {
        self.seconds_since_ping += 1;
        let is_old = self.venue.now().since(self.opened_at) >= LIFE;
        if is_old || self.seconds_since_ping > PING_WITHIN { vec![Message::Close(None)] } else { Vec::new() }
    }
}
