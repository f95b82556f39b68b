//! WebSocket connections: `/websocket/v1` for the market, `/websocket/v1/private` for one account
//! (docs.upbit.com, "WebSocket"). A request replaces all that the connection had subscribed to.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::error::Error;
use super::frames::{MyAsset, MyOrder};
use super::market_data::{candle_row, orderbook_of, ticker_of};
use super::number::Number;
use super::{State, order_rows};
use crate::domain::instrument::Symbol;
use crate::domain::time::{DurationMs, Timestamp};
use crate::simulator::account::Account;
use crate::simulator::dialect::{Request, Session};
use crate::simulator::event::{AccountEvent, AccountIndex, Happening, OrderChange};
use crate::simulator::hub::Link;
use crate::simulator::limits::{Limit, Payer};
use crate::simulator::market::{MarketUpdate, SymbolUpdate};

const CONNECT: Limit = Limit { bucket: "websocket-connect", window: DurationMs::from_secs(1), max: 5 };
const MESSAGES: [Limit; 2] = [
    Limit { bucket: "websocket-message", window: DurationMs::from_secs(1), max: 5 },
    Limit { bucket: "websocket-message-minute", window: DurationMs::from_secs(60), max: 100 },
];

/// Lengths of candles that are streamed, in minutes.
const MINUTES: [i64; 8] = [1, 3, 5, 10, 15, 30, 60, 240];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ticker,
    Trade,
    Orderbook,
    /// Of so many minutes. The market's data has no seconds: those are taken and never told.
    Candle(i64),
    Seconds,
    MyOrder,
    MyAsset,
}

impl Kind {
    fn read(word: &str, is_private: bool) -> Option<Self> {
        let kind = match word {
            "ticker" => Self::Ticker,
            "trade" => Self::Trade,
            "orderbook" => Self::Orderbook,
            "candle.1s" => Self::Seconds,
            "myOrder" => Self::MyOrder,
            "myAsset" => Self::MyAsset,
            _ => {
                let minutes = word.strip_prefix("candle.")?.strip_suffix('m')?.parse().ok()?;
                MINUTES.contains(&minutes).then_some(Self::Candle(minutes))?
            }
        };
        (is_private == matches!(kind, Self::MyOrder | Self::MyAsset)).then_some(kind)
    }
}

struct Subscription {
    kind: Kind,
    word: String,
    /// Empty: all markets.
    codes: BTreeSet<String>,
}

impl Subscription {
    fn covers(&self, symbol: &Symbol) -> bool {
        self.codes.is_empty() || self.codes.contains(symbol.as_str())
    }
}

struct Connection {
    state: Arc<State>,
    /// Its end would be the connection's.
    _link: Link,
    peer: IpAddr,
    account: Option<AccountIndex>,
    subscriptions: Vec<Subscription>,
    /// Frames are lists of one.
    in_lists: bool,
}

/// Takes a connection in by its path, a private one by its token.
pub(super) fn open(state: &Arc<State>, request: &Request, link: Link) -> Result<Box<dyn Session>, Error> {
    let account = match request.path.trim_end_matches('/') {
        "/websocket/v1" => None,
        "/websocket/v1/private" => Some(state.verify(request, "")?),
        path => return Err(Error::new(404, "not_found", path)),
    };
    state.charge(request.peer, Payer::Address(request.peer), CONNECT)?;
    if let Some(account) = account {
        state.venue.join(account, &link);
    }
    let (state, peer) = (Arc::clone(state), request.peer);
    Ok(Box::new(Connection { state, _link: link, peer, account, subscriptions: Vec::new(), in_lists: false }))
}

/// A row of the REST interface as a frame.
#[derive(Serialize)]
struct Frame<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    code: &'a str,
    #[serde(flatten)]
    row: T,
    stream_type: &'static str,
}

#[derive(Serialize)]
struct PublicTrade {
    timestamp: i64,
    trade_timestamp: i64,
    trade_price: Number,
    trade_volume: Number,
    ask_bid: &'static str,
    prev_closing_price: Number,
    change: &'static str,
    change_price: Number,
    sequential_id: i64,
}

impl Connection {
    fn message(&self, frame: &impl Serialize) -> Message {
        let text = serde_json::to_string(frame).unwrap_or_default();
        Message::binary(if self.in_lists { format!("[{text}]") } else { text })
    }

    fn error(&self, name: &str, message: &str) -> Vec<Message> {
        vec![self.message(&json!({"error": {"name": name, "message": message}}))]
    }

    /// Takes a request in place of all that were made before.
    fn subscribe(&mut self, parts: &[Value]) -> Result<(), (&'static str, String)> {
        let text = |part: &Value, name: &str| part.get(name).and_then(Value::as_str).map(str::to_owned);
        if !parts.iter().any(|part| part.get("ticket").is_some()) {
            return Err(("NO_TICKET", "티켓이 존재하지 않습니다.".to_owned()));
        }
        let format = parts.iter().find_map(|part| text(part, "format"));
        let in_lists = match format.as_deref() {
            None | Some("DEFAULT") => false,
            Some("JSON_LIST") => true,
            Some(format) => return Err(("WRONG_FORMAT", format!("{format} is not spoken here"))),
        };
        let mut subscriptions = Vec::new();
        for part in parts.iter().filter(|part| part.get("ticket").is_none() && part.get("format").is_none()) {
            let word = text(part, "type").ok_or(("NO_TYPE", "타입이 존재하지 않습니다.".to_owned()))?;
            let kind = Kind::read(&word, self.account.is_some());
            let kind = kind.ok_or_else(|| ("INVALID_PARAM", format!("type {word}")))?;
            let codes = part.get("codes").and_then(Value::as_array).cloned().unwrap_or_default();
            let codes: BTreeSet<String> = codes.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            if codes.is_empty() && self.account.is_none() {
                return Err(("NO_CODES", "코드가 존재하지 않습니다.".to_owned()));
            }
            if let Some(code) = codes.iter().find(|code| self.state.venue.rules(code).is_none()) {
                return Err(("INVALID_PARAM", format!("code {code}")));
            }
            subscriptions.push(Subscription { kind, word, codes });
        }
        if subscriptions.is_empty() {
            return Err(("NO_TYPE", "타입이 존재하지 않습니다.".to_owned()));
        }
        (self.subscriptions, self.in_lists) = (subscriptions, in_lists);
        Ok(())
    }

    /// What a market subscription says of a symbol now; a trade needs the move that it was.
    fn frame(
        &self,
        subscription: &Subscription,
        symbol: &Symbol,
        moved: Option<(&SymbolUpdate, Timestamp)>,
    ) -> Option<Message> {
        let venue = &self.state.venue;
        let (kind, code) = (subscription.word.as_str(), symbol.as_str());
        let stream_type = if moved.is_some() { "REALTIME" } else { "SNAPSHOT" };
        match subscription.kind {
            Kind::Ticker => {
                let row = ticker_of(venue, symbol)?;
                Some(self.message(&Frame { kind, code, row, stream_type }))
            }
            Kind::Orderbook => {
                let row = orderbook_of(venue, symbol)?;
                Some(self.message(&Frame { kind, code, row, stream_type }))
            }
            Kind::Trade => {
                let (moved, at) = moved.filter(|(moved, _)| !moved.part.volume.is_zero())?;
                Some(self.message(&Frame { kind, code, row: trade(moved, at), stream_type }))
            }
            Kind::Candle(minutes) => {
                let length = DurationMs::from_secs(minutes.saturating_mul(60));
                // The moment before its end is in the window that the move belongs to.
                let inside = moved.map(|(_, at)| Timestamp::from_ms(at.ms() - 1));
                let views = venue.market(|market| market.candles(symbol, length, (None, inside), 1))?;
                let view = views.last().filter(|view| !view.candle.volume.is_zero())?;
                let row = candle_row(view, None, venue.now());
                Some(self.message(&Frame { kind, code, row, stream_type }))
            }
            Kind::Seconds | Kind::MyOrder | Kind::MyAsset => None,
        }
    }

    fn snapshots(&self) -> Vec<Message> {
        let rules = self.state.venue.all_rules();
        let symbols: Vec<Symbol> = rules.into_iter().map(|rules| rules.instrument.symbol).collect();
        let of = |subscription: &Subscription| -> Vec<Message> {
            let covered = symbols.iter().filter(|symbol| subscription.covers(symbol));
            covered.filter_map(|symbol| self.frame(subscription, symbol, None)).collect()
        };
        self.subscriptions.iter().flat_map(of).collect()
    }

    fn hears(&self, kind: Kind, symbol: &Symbol) -> bool {
        self.subscriptions.iter().any(|subscription| subscription.kind == kind && subscription.covers(symbol))
    }

    fn told(&self, event: &AccountEvent, account: &Account) -> Vec<Message> {
        match &event.happening {
            Happening::Order { order, change } => {
                let mut frames = Vec::new();
                if self.hears(Kind::MyOrder, &order.symbol) {
                    let states: &[&'static str] = match change {
                        OrderChange::Accepted | OrderChange::Amended => &["wait"],
                        OrderChange::Filled(fill) => {
                            frames.push(self.message(&MyOrder::of_trade(account, order, fill)));
                            let ended = !order.is_open();
                            if ended { &[order_rows::state(order)] } else { &[] }
                        }
                        OrderChange::Cancelled | OrderChange::Expired => &["cancel"],
                    };
                    let state = |state: &&'static str| MyOrder::of(account, order, state, event.at);
                    frames.extend(states.iter().map(|word| self.message(&state(word))));
                }
                let moves_assets = !matches!(change, OrderChange::Filled(_));
                if moves_assets && self.hears(Kind::MyAsset, &order.symbol) {
                    frames.push(self.message(&MyAsset::of(account, &order.symbol, event.at)));
                }
                frames
            }
            Happening::Holdings(holdings) if self.hears(Kind::MyAsset, &holdings.symbol) => {
                vec![self.message(&MyAsset::of(account, &holdings.symbol, event.at))]
            }
            Happening::Holdings(_)
            | Happening::Conditional(_)
            | Happening::Funding { .. }
            | Happening::Leverage { .. } => Vec::new(),
        }
    }
}

fn trade(moved: &SymbolUpdate, at: Timestamp) -> PublicTrade {
    let change = moved.part.close.decimal() - moved.part.open.decimal();
    PublicTrade {
        timestamp: at.ms(),
        trade_timestamp: at.ms(),
        trade_price: Number(moved.part.close.decimal()),
        trade_volume: Number(moved.part.volume),
        ask_bid: if change.is_sign_negative() { "ASK" } else { "BID" },
        prev_closing_price: Number(moved.part.open.decimal()),
        change: if change.is_sign_negative() { "FALL" } else { "RISE" },
        change_price: Number(change.abs()),
        sequential_id: at.ms().saturating_mul(1_000),
    }
}

impl Session for Connection {
    fn account(&self) -> Option<AccountIndex> {
        self.account
    }

    fn opened(&mut self) -> Vec<Message> {
        Vec::new()
    }

    fn received(&mut self, text: &str) -> Vec<Message> {
        if text == "PING" {
            return vec![self.message(&json!({"status": "UP"}))];
        }
        let payer = self.account.map_or(Payer::Address(self.peer), Payer::Account);
        if MESSAGES.iter().any(|limit| self.state.venue.charge(payer, *limit, 1).is_err()) {
            return vec![Message::Close(None)];
        }
        let Ok(parts) = serde_json::from_str::<Vec<Value>>(text) else {
            return self.error("WRONG_FORMAT", "Format이 맞지 않습니다.");
        };
        match self.subscribe(&parts) {
            Ok(()) => self.snapshots(),
            Err((name, message)) => self.error(name, &message),
        }
    }

    fn market(&mut self, update: &MarketUpdate) -> Vec<Message> {
        let of = |subscription: &Subscription| -> Vec<Message> {
            let covered = update.symbols.iter().filter(|moved| subscription.covers(&moved.symbol));
            covered
                .filter_map(|moved| self.frame(subscription, &moved.symbol, Some((moved, update.at))))
                .collect()
        };
        self.subscriptions.iter().flat_map(of).collect()
    }

    fn event(&mut self, event: &AccountEvent) -> Vec<Message> {
        self.state.venue.with(event.account, |account| self.told(event, account)).unwrap_or_default()
    }

    fn second(&mut self) -> Vec<Message> {
        Vec::new()
    }
}
