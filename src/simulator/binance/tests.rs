//! Requests as real clients send them, and what Binance answers.

use std::sync::Arc;

use axum::http::HeaderMap;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::Binance;
use crate::domain::kind::ExchangeKind;
use crate::simulator::dialect::{Answer, Dialect, Request, Session};
use crate::simulator::fixtures::{play_out, venue};
use crate::simulator::hub::Events;
use crate::simulator::venue::Venue;
use tokio_tungstenite::tungstenite::Message;

/// Where a client puts its parameters.
#[derive(Clone, Copy)]
enum Place {
    Query,
    Body,
}

struct Client {
    binance: Binance,
    venue: Arc<Venue>,
}

impl Client {
    fn new(closes: &[&str]) -> Self {
        let venue = venue(ExchangeKind::Binance, "BTCUSDT", "50000", closes);
        Self { binance: Binance::new(Arc::clone(&venue)), venue }
    }

    fn send(&self, method: &str, path: &str, (query, body): (String, String)) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("x-mbx-apikey", "testkey".parse().unwrap());
        let (method, path, peer) = (method.parse().unwrap(), path.to_owned(), [127, 0, 0, 1].into());
        self.binance.answer(&Request { method, path, query, headers, body, peer })
    }

    fn signed(&self, method: &str, path: &str, params: &str, place: Place) -> (u16, Value) {
        let separator = if params.is_empty() { "" } else { "&" };
        let text = format!("{params}{separator}timestamp={}", self.venue.now().ms());
        let mut mac = Hmac::<Sha256>::new_from_slice(b"testsecret").unwrap();
        mac.update(text.as_bytes());
        let text = format!("{text}&signature={}", HEXLOWER.encode(&mac.finalize().into_bytes()));
        let parts = match place {
            Place::Query => (text, String::new()),
            Place::Body => (String::new(), text),
        };
        let answer = self.send(method, path, parts);
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }

    #[track_caller]
    fn ok(&self, method: &str, path: &str, params: &str) -> Value {
        let (status, body) = self.signed(method, path, params, Place::Query);
        assert_eq!(status, 200, "{body}");
        body
    }

    /// The error code.
    #[track_caller]
    fn refused(&self, method: &str, path: &str, params: &str) -> i64 {
        let (status, body) = self.signed(method, path, params, Place::Query);
        assert_eq!(status, 400, "{body}");
        body["code"].as_i64().unwrap()
    }
}

const ORDER: &str = "/fapi/v1/order";
const ALGO: &str = "/fapi/v1/algoOrder";
const LIMIT: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=40000";
const STOP: &str =
    "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.01&reduceOnly=true";

#[test]
fn parameters_may_be_in_the_query_or_the_body() {
    let client = Client::new(&[]);
    for (place, id) in [(Place::Query, "q"), (Place::Body, "b")] {
        let (status, placed) = client.signed("POST", ORDER, &format!("{LIMIT}&newClientOrderId={id}"), place);
        assert_eq!((status, &placed["status"], &placed["clientOrderId"]), (200, &"NEW".into(), &id.into()));
        assert!(placed.get("avgPrice").is_none() && placed.get("cumQuote").is_none());
        let params = format!("symbol=BTCUSDT&origClientOrderId={id}");
        let (status, cancelled) = client.signed("DELETE", ORDER, &params, place);
        assert_eq!((status, &cancelled["status"]), (200, &"CANCELED".into()));
    }
}

#[test]
fn signatures_keys_and_times_are_checked() {
    let client = Client::new(&[]);
    let code = |query: &str, status| {
        let answer = client.send("GET", "/fapi/v3/account", (query.to_owned(), String::new()));
        assert_eq!(answer.status, status, "{}", answer.body);
        serde_json::from_str::<Value>(&answer.body).unwrap()["code"].as_i64().unwrap()
    };
    let now = client.venue.now().ms();
    assert_eq!(code("", 400), -1102);
    assert_eq!(code(&format!("timestamp={now}&signature=00"), 400), -1022);
    let old = "recvWindow=1000&timestamp=1000";
    let mut mac = Hmac::<Sha256>::new_from_slice(b"testsecret").unwrap();
    mac.update(old.as_bytes());
    let signature = HEXLOWER.encode(&mac.finalize().into_bytes());
    assert_eq!(code(&format!("{old}&signature={signature}"), 400), -1021);
    let path = "/fapi/v3/account".to_owned();
    let stranger = Request {
        method: axum::http::Method::GET,
        path,
        query: String::new(),
        headers: HeaderMap::from_iter([("x-mbx-apikey".parse().unwrap(), "nobody".parse().unwrap())]),
        body: String::new(),
        peer: [127, 0, 0, 1].into(),
    };
    let answer = client.binance.answer(&stranger);
    assert!(answer.status == 401 && answer.body.contains("-2015"), "{}", answer.body);
}

#[test]
fn orders_that_do_not_fit_get_the_codes_of_the_documentation() {
    let client = Client::new(&[]);
    let order = "symbol=BTCUSDT&side=BUY";
    for (params, code) in [
        (format!("{order}&type=MARKET&quantity=0.001"), -4164),
        (format!("{order}&type=MARKET&quantity=0.0015"), -1111),
        (format!("{order}&type=MARKET&quantity=0"), -4003),
        (format!("{order}&type=MARKET&quantity=1000"), -2019),
        (format!("{order}&type=MARKET"), -1102),
        (format!("{order}&type=STOP_MARKET&quantity=0.01&stopPrice=1"), -4120),
        (format!("{order}&type=LIMIT&timeInForce=GTX&quantity=0.01&price=50000"), -5022),
        (format!("{order}&type=LIMIT&timeInForce=FOK&quantity=0.01&price=49000"), -5021),
        (format!("{order}&type=LIMIT&timeInForce=GTC&quantity=0.01&price=49000.05"), -1111),
        (format!("{order}&type=LIMIT&timeInForce=GTC&quantity=0.01&price=53000"), -4016),
        (format!("{order}&type=MARKET&quantity=0.01&positionSide=LONG"), -4061),
        (format!("{order}&type=MARKET&quantity=0.01&newClientOrderId={}", "x".repeat(37)), -4015),
        ("symbol=NOPEUSDT&side=BUY&type=MARKET&quantity=1".to_owned(), -1121),
        ("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.01&reduceOnly=true".to_owned(), -2022),
    ] {
        assert_eq!(client.refused("POST", ORDER, &params), code, "{params}");
    }
    assert_eq!(client.refused("GET", ORDER, "symbol=BTCUSDT&orderId=1"), -2013);
    assert_eq!(client.refused("DELETE", ORDER, "symbol=BTCUSDT&orderId=1"), -2011);
    assert_eq!(client.refused("POST", "/fapi/v1/positionSide/dual", "dualSidePosition=false"), -4059);
    assert_eq!(client.refused("POST", "/fapi/v1/marginType", "symbol=BTCUSDT&marginType=CROSSED"), -4046);
}

#[test]
fn a_client_id_is_refused_while_it_is_open_only() {
    let client = Client::new(&[]);
    let params = format!("{LIMIT}&newClientOrderId=one");
    let first = client.ok("POST", ORDER, &params);
    assert_eq!(client.refused("POST", ORDER, &params), -4116);
    client.ok("DELETE", ORDER, "symbol=BTCUSDT&origClientOrderId=one");
    let second = client.ok("POST", ORDER, &params);
    assert!(second["orderId"].as_u64() > first["orderId"].as_u64());
}

#[test]
fn a_batch_holds_errors_beside_orders() {
    let client = Client::new(&[]);
    let batch = r#"[{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"0.01"},{"symbol":"BTCUSDT","side":"SELL","type":"MARKET","quantity":"0.0001"}]"#;
    let answers = client.ok("POST", "/fapi/v1/batchOrders", &format!("batchOrders={batch}"));
    assert!(answers[0]["orderId"].is_u64() && answers[1]["code"] == -1111, "{answers}");
}

#[test]
fn a_conditional_order_lives_in_its_own_space_and_names_the_order_it_became() {
    let client = Client::new(&["48000"]);
    let bought = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01&newOrderRespType=RESULT";
    let bought = client.ok("POST", ORDER, bought);
    assert_eq!((&bought["status"], &bought["avgPrice"]), (&"FILLED".into(), &"50000".into()));
    assert_eq!(client.refused("POST", ALGO, &format!("{STOP}&triggerPrice=50001")), -2021);
    let placed = client.ok("POST", ALGO, &format!("{STOP}&triggerPrice=49000&clientAlgoId=stop"));
    assert_eq!(placed["algoStatus"], "NEW");
    assert_eq!(client.refused("GET", ORDER, "symbol=BTCUSDT&origClientOrderId=stop"), -2013);
    play_out(&client.venue);
    let finished = client.ok("GET", ALGO, "clientAlgoId=stop");
    assert_eq!((&finished["algoStatus"], &finished["actualPrice"]), (&"FINISHED".into(), &"49000".into()));
    let id = finished["actualOrderId"].as_str().unwrap();
    let order = client.ok("GET", ORDER, &format!("symbol=BTCUSDT&orderId={id}"));
    assert_eq!((&order["status"], &order["origType"]), (&"FILLED".into(), &"STOP_MARKET".into()));
    let trades = client.ok("GET", "/fapi/v1/userTrades", "symbol=BTCUSDT&fromId=1");
    assert_eq!(trades[1]["realizedPnl"], "-10");
    assert_eq!(client.ok("GET", "/fapi/v3/positionRisk", "").as_array().map(Vec::len), Some(0));
}

#[test]
fn ignoring_429_ends_in_a_ban() {
    let client = Client::new(&[]);
    let weigh = || client.send("GET", "/fapi/v1/ticker/24hr", (String::new(), String::new()));
    let statuses: Vec<u16> = (0..100).map(|_| weigh().status).collect();
    assert_eq!(statuses.iter().position(|status| *status == 429), Some(60));
    let banned = statuses.iter().position(|status| *status == 418).unwrap();
    assert_eq!(banned, 80);
    let answer = weigh();
    assert!(answer.headers.iter().any(|(name, _)| *name == "retry-after"), "{answer:?}");
    assert!(answer.body.contains("banned until"), "{}", answer.body);
}

#[test]
fn klines_end_with_the_running_one() {
    let client = Client::new(&[]);
    let query = "symbol=BTCUSDT&interval=5m&limit=3".to_owned();
    let answer = client.send("GET", "/fapi/v1/klines", (query, String::new()));
    let klines: Vec<Vec<Value>> = serde_json::from_str(&answer.body).unwrap();
    let opens: Vec<i64> = klines.iter().map(|kline| kline[0].as_i64().unwrap()).collect();
    assert!(opens.windows(2).all(|pair| pair[1] - pair[0] == 300_000), "{opens:?}");
    assert!(klines.last().unwrap()[6].as_i64().unwrap() >= client.venue.now().ms() - 60_000);
}

/// A connection to `path`, and what it hears of its accounts.
fn connect(client: &Client, path: &str) -> Result<(Box<dyn Session>, Events), Answer> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let request = Request {
        method: axum::http::Method::GET,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: HeaderMap::new(),
        body: String::new(),
        peer: [127, 0, 0, 1].into(),
    };
    let (link, events, _updates) = client.venue.open_socket();
    Ok((client.binance.socket(&request, link)?, events))
}

fn frames(messages: &[Message]) -> Vec<Value> {
    messages.iter().map(|message| serde_json::from_str(message.to_text().unwrap()).unwrap()).collect()
}

#[test]
fn klines_are_pushed_until_they_close() {
    let client = Client::new(&["50600"]);
    let open = |path| connect(&client, path).map_err(|answer| answer.body).unwrap().0;
    let mut combined = open("/market/stream?streams=btcusdt@kline_1m");
    let mut plain = open("/market/ws/0");
    let answer = plain.received(r#"{"method":"SUBSCRIBE","params":["btcusdt@kline_1m"],"id":7}"#);
    assert_eq!(frames(&answer)[0], serde_json::json!({ "result": null, "id": 7 }));
    let mut updates = client.venue.open_socket().2;
    play_out(&client.venue);
    let mut closed = Vec::new();
    while let Ok(update) = updates.try_recv() {
        let framed = frames(&combined.market(&update));
        assert_eq!(framed[0]["stream"], "btcusdt@kline_1m");
        let bare = frames(&plain.market(&update));
        assert_eq!(framed[0]["data"], bare[0]);
        closed.extend((bare[0]["k"]["x"] == true).then(|| bare[0]["k"]["c"].clone()));
    }
    assert_eq!(closed.last().unwrap(), "50600");
    assert!(connect(&client, "/ws/btcusdt@kline_1m").is_err(), "the unrouted roots are gone");
}

#[test]
fn a_user_stream_tells_what_happens_and_when_its_key_is_gone() {
    let client = Client::new(&[]);
    assert!(connect(&client, "/private/ws?listenKey=nonsense").is_err());
    let key = client.send("POST", "/fapi/v1/listenKey", <(String, String)>::default());
    let key: Value = serde_json::from_str(&key.body).unwrap();
    let path = format!("/private/ws?listenKey={}", key["listenKey"].as_str().unwrap());
    let (mut session, mut events) = connect(&client, &path).map_err(|answer| answer.body).unwrap();
    client.ok("POST", ORDER, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01&newClientOrderId=mine");
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.extend(frames(&session.event(&event)));
    }
    let order = &told[1]["o"];
    assert_eq!((&order["x"], &order["X"], &order["c"]), (&"TRADE".into(), &"FILLED".into(), &"mine".into()));
    assert_eq!((&order["L"], &order["n"], &order["t"]), (&"50000".into(), &"0.25".into(), &1.into()));
    assert_eq!(told[2]["a"]["P"][0]["pa"], "0.01");
    assert!(session.second().is_empty());
    client.send("DELETE", "/fapi/v1/listenKey", <(String, String)>::default());
    assert_eq!(frames(&session.second())[0]["e"], "listenKeyExpired");
}
