//! Requests as real clients send them, and what Upbit answers.

use axum::http::HeaderMap;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};
use uuid::Uuid;

use super::*;
use crate::domain::kind::ExchangeKind;
use crate::simulator::fixtures::{play_out, venue};

const DEMO: AccountIndex = AccountIndex(0);

struct Client {
    upbit: Upbit,
    venue: Arc<Venue>,
}

fn token(key: &str, secret: &str, nonce: &str, plain: &str) -> String {
    let hash = HEXLOWER.encode(&Sha512::digest(plain));
    let claims = if plain.is_empty() {
        json!({"access_key": key, "nonce": nonce})
    } else {
        json!({"access_key": key, "nonce": nonce, "query_hash": hash, "query_hash_alg": "SHA512"})
    };
    let part = |part: &Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
    let signed = format!("{}.{}", part(&json!({"typ": "JWT", "alg": "HS256"})), part(&claims));
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&signed);
    format!("Bearer {signed}.{}", BASE64URL_NOPAD.encode(&mac.finalize().into_bytes()))
}

fn request(method: &str, target: &str, authorization: &str, body: &str) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = HeaderMap::new();
    headers.insert("authorization", authorization.parse().unwrap());
    Request {
        method: method.parse().unwrap(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: body.to_owned(),
        peer: [127, 0, 0, 1].into(),
    }
}

impl Client {
    fn new(closes: &[&str]) -> Self {
        let venue = venue(ExchangeKind::Upbit, "KRW-BTC", "50000000", closes);
        Self { upbit: Upbit::new(Arc::clone(&venue)), venue }
    }

    fn send(&self, method: &str, target: &str, authorization: &str, body: &str) -> (u16, Value) {
        let answer = self.upbit.answer(&request(method, target, authorization, body));
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }

    fn signed(&self, method: &str, target: &str) -> (u16, Value) {
        let plain = target.split_once('?').map_or("", |(_, query)| query);
        self.send(method, target, &token("testkey", "testsecret", &Uuid::new_v4().to_string(), plain), "")
    }

    /// Fields must be in alphabetical order: that is how they are written.
    fn order(&self, fields: &Value) -> (u16, Value) {
        let pairs: Vec<String> = fields
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| format!("{name}={}", value.as_str().unwrap()))
            .collect();
        let token = token("testkey", "testsecret", &Uuid::new_v4().to_string(), &pairs.join("&"));
        self.send("POST", "/v1/orders", &token, &fields.to_string())
    }

    /// The name of the error.
    #[track_caller]
    fn refused(&self, fields: &Value) -> String {
        let (status, body) = self.order(fields);
        assert!((400..500).contains(&status), "{body}");
        body["error"]["name"].as_str().unwrap().to_owned()
    }

    fn told(&self, uuid: &Value) -> Value {
        self.signed("GET", &format!("/v1/order?uuid={}", uuid.as_str().unwrap())).1
    }
}

fn limit(price: &str, volume: &str) -> Value {
    json!({"market": "KRW-BTC", "ord_type": "limit", "price": price, "side": "bid", "volume": volume})
}

#[test]
fn tokens_are_checked_to_the_last_claim() {
    let client = Client::new(&[]);
    let open = "/v1/orders/open?market=KRW-BTC&states%5B%5D=wait";
    let plain = "market=KRW-BTC&states[]=wait";
    let name = |authorization: &str| {
        let (status, body) = client.send("GET", open, authorization, "");
        assert_eq!(status, 401, "{body}");
        body["error"]["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(name(""), "no_authorization_token");
    assert_eq!(name("Bearer nonsense"), "jwt_verification");
    assert_eq!(name(&token("testkey", "guessed", "n1", plain)), "jwt_verification");
    assert_eq!(name(&token("nobody", "testsecret", "n1", plain)), "invalid_access_key");
    assert_eq!(name(&token("testkey", "testsecret", "n1", "")), "invalid_query_payload");
    assert_eq!(name(&token("testkey", "testsecret", "n1", "market=KRW-ETH")), "invalid_query_payload");
    let good = token("testkey", "testsecret", "n1", plain);
    assert_eq!(client.send("GET", open, &good, "").0, 200);
    assert_eq!(name(&good), "nonce_used");
}

#[test]
fn an_order_is_answered_as_waiting_and_is_done_when_asked_for() {
    let client = Client::new(&[]);
    let (status, placed) = client.order(&limit("50000000", "0.01"));
    assert_eq!((status, &placed["state"], &placed["executed_volume"]), (201, &json!("wait"), &json!("0")));
    let told = client.told(&placed["uuid"]);
    assert_eq!(
        (&told["state"], &told["executed_funds"], &told["paid_fee"]),
        (&json!("done"), &json!("500000"), &json!("250"))
    );
    assert_eq!(
        (&told["trades"][0]["price"], &told["trades"][0]["trend"]),
        (&json!("50000000"), &json!("up"))
    );
    assert!(told["created_at"].as_str().unwrap().ends_with("+09:00"));
}

#[test]
fn market_orders_leave_out_what_they_have_not_and_one_for_a_total_ends_as_cancelled() {
    let client = Client::new(&[]);
    let (_, bought) =
        client.order(&json!({"market": "KRW-BTC", "ord_type": "price", "price": "10001", "side": "bid"}));
    assert_eq!((&bought["volume"], &bought["price"]), (&Value::Null, &json!("10001")));
    let told = client.told(&bought["uuid"]);
    assert_eq!(
        (&told["state"], &told["executed_volume"], &told["executed_funds"]),
        (&json!("cancel"), &json!("0.00020002"), &json!("10001"))
    );
    let (_, sold) =
        client.order(&json!({"market": "KRW-BTC", "ord_type": "market", "side": "ask", "volume": "0.02"}));
    assert_eq!((&sold["price"], &client.told(&sold["uuid"])["state"]), (&Value::Null, &json!("done")));
}

#[test]
fn a_cancel_is_answered_with_the_order_as_it_was() {
    let client = Client::new(&[]);
    let (_, placed) = client.order(&limit("40000000", "0.01"));
    let accounts = |client: &Client| client.signed("GET", "/v1/accounts").1;
    assert_eq!(accounts(&client)[0]["locked"], "400200");
    let target = format!("/v1/order?uuid={}", placed["uuid"].as_str().unwrap());
    let (status, answered) = client.signed("DELETE", &target);
    assert_eq!((status, &answered["state"]), (200, &json!("wait")));
    assert_eq!(client.told(&placed["uuid"])["state"], "cancel");
    assert_eq!(accounts(&client)[0]["locked"], "0");
    assert_eq!(client.signed("DELETE", &target).0, 404);
}

#[test]
fn what_is_refused_has_its_name_and_uses_its_identifier_up() {
    let client = Client::new(&[]);
    let with = |base: Value, name: &str, value: &str| {
        let mut fields = base;
        fields[name] = json!(value);
        fields
    };
    for (fields, name) in [
        (limit("40000000", "0.0001"), "under_min_total_bid"),
        (limit("40000000", "10"), "insufficient_funds_bid"),
        (with(limit("60000000", "0.03"), "side", "ask"), "insufficient_funds_ask"),
        (with(limit("60000000", "0.00001"), "side", "ask"), "under_min_total_ask"),
        (limit("40000001", "0.01"), "invalid_price_bid"),
        (limit("40000000", "0.010000001"), "validation_error"),
        (with(limit("40000000", "0.01"), "market", "KRW-XYZ"), "market_does_not_exist"),
        (with(limit("51000000", "0.01"), "time_in_force", "post_only"), "create_bid_error"),
        (with(limit("40000000", "0.01"), "ord_type", "market"), "validation_error"),
    ] {
        assert_eq!(client.refused(&fields), name, "{fields}");
    }
    let named = |volume| with(limit("40000000", volume), "identifier", "once");
    assert_eq!(client.refused(&named("0.0001")), "under_min_total_bid");
    assert_eq!(client.refused(&named("0.01")), "duplicated_identifier");
    assert_eq!(client.signed("GET", "/v1/order?identifier=once").0, 404);
}

#[test]
fn candles_come_newest_first_up_to_a_time() {
    let client = Client::new(&["51000000", "52000000"]);
    play_out(&client.venue);
    let rows = |more: &str| {
        let target = format!("/v1/candles/minutes/1?market=KRW-BTC{more}");
        client.send("GET", &target, "", "").1
    };
    let newest = rows("&count=3");
    assert_eq!(
        (&newest[0]["trade_price"], &newest[1]["trade_price"]),
        (&json!(52_000_000), &json!(51_000_000))
    );
    let to = newest[0]["candle_date_time_utc"].as_str().unwrap();
    let before = &rows(&format!("&count=2&to={to}"))[0];
    assert_eq!(before["candle_date_time_utc"], newest[1]["candle_date_time_utc"]);
    assert_eq!(client.send("GET", "/v1/candles/minutes/7?market=KRW-BTC", "", "").0, 400);
}

#[test]
fn too_many_requests_are_refused_and_then_banned() {
    let client = Client::new(&[]);
    let mut statuses = Vec::new();
    // A second may end in between.
    while statuses.last() != Some(&418) && statuses.len() < 80 {
        statuses.push(client.send("GET", "/v1/market/all", "", "").0);
    }
    assert_eq!(statuses[..10], [200; 10]);
    assert!(statuses.contains(&429) && statuses.last() == Some(&418), "{statuses:?}");
    let refused = client.upbit.refuse(ServerRefusal::Banned { until: client.venue.now() });
    assert!(refused.status == 418 && refused.body.contains("seconds"), "{}", refused.body);
    let told = client.upbit.answer(&request("GET", "/v1/ticker?markets=KRW-BTC", "", ""));
    assert!(told.headers.contains(&("remaining-req", "group=ticker; min=1800; sec=9".to_owned())));
}

/// The kinds and states of frames, all of which are binary.
fn frames(messages: &[tokio_tungstenite::tungstenite::Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| {
            assert!(message.is_binary());
            let frame: Value = serde_json::from_slice(&message.clone().into_data()).unwrap();
            let named =
                frame["type"].as_str().or(frame["error"]["name"].as_str()).or(frame["status"].as_str());
            format!("{} {}", named.unwrap(), frame["state"].as_str().unwrap_or_default()).trim().to_owned()
        })
        .collect()
}

#[test]
fn a_request_on_a_socket_replaces_the_one_before() {
    let client = Client::new(&["51000000"]);
    let (link, _events, mut updates) = client.venue.open_socket();
    let opened = client.upbit.socket(&request("GET", "/websocket/v1", "", ""), link);
    let Ok(mut session) = opened else { panic!("the socket was refused") };
    let ask = |word: &str| format!(r#"[{{"ticket":"t"}},{{"type":"{word}","codes":["KRW-BTC"]}}]"#);
    assert_eq!(frames(&session.received(&ask("ticker"))), ["ticker"]);
    assert_eq!(frames(&session.received(&ask("candle.1m"))), ["candle.1m"]);
    assert_eq!(frames(&session.received("PING")), ["UP"]);
    assert_eq!(frames(&session.received(&ask("myOrder"))), ["INVALID_PARAM"]);
    assert_eq!(frames(&session.received(r#"[{"type":"ticker","codes":["KRW-BTC"]}]"#)), ["NO_TICKET"]);
    play_out(&client.venue);
    assert_eq!(frames(&session.market(&updates.try_recv().unwrap())), ["candle.1m"]);
}

#[test]
fn an_accounts_socket_tells_each_step_of_an_order() {
    let client = Client::new(&[]);
    let (link, mut events, _updates) = client.venue.open_socket();
    let unsigned = client.upbit.socket(&request("GET", "/websocket/v1/private", "", ""), link.clone());
    assert_eq!(unsigned.err().map(|answer| answer.status), Some(401));
    let token = token("testkey", "testsecret", "n1", "");
    let opened = client.upbit.socket(&request("GET", "/websocket/v1/private", &token, ""), link);
    let Ok(mut session) = opened else { panic!("the socket was refused") };
    assert_eq!(session.account(), Some(DEMO));
    assert!(session.received(r#"[{"ticket":"t"},{"type":"myOrder"},{"type":"myAsset"}]"#).is_empty());
    client.order(&limit("50000000", "0.01"));
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.extend(frames(&session.event(&event)));
    }
    assert_eq!(told, ["myOrder wait", "myAsset", "myOrder trade", "myOrder done", "myAsset"]);
}
