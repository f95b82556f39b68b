//! The wire of the simulated Bitget.

use axum::http::{HeaderMap, HeaderValue};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::domain::kind::ExchangeKind;
use crate::domain::side::PositionMode;
use crate::simulator::fixtures::{play_out, venue};

struct Client {
    dialect: Bitget,
}

impl Client {
    fn new() -> Self {
        Self { dialect: Bitget::new(venue(ExchangeKind::Bitget, "BTCUSDT", "28000", &["27000", "27000"])) }
    }

    fn hedged() -> Self {
        let client = Self::new();
        client.venue().set_position_mode(AccountIndex(0), PositionMode::Hedge).unwrap();
        client
    }

    fn venue(&self) -> &Arc<Venue> {
        &self.dialect.0
    }

    fn request(&self, method: Method, target: &str, body: &str) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let stamp = self.venue().now().ms().to_string();
        let sign = sign(&format!("{stamp}{method}{target}{body}"));
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("access-key", "testkey"),
            ("access-sign", &sign),
            ("access-timestamp", &stamp),
            ("access-passphrase", "testpass"),
        ] {
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let peer = [127, 0, 0, 1].into();
        Request {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: body.to_owned(),
            peer,
        }
    }

    /// The answer's code and data.
    fn send(&self, request: &Request) -> (String, Value) {
        let answer: Value = serde_json::from_str(&self.dialect.answer(request).body).unwrap();
        (answer["code"].as_str().unwrap().to_owned(), answer["data"].clone())
    }

    fn get(&self, target: &str) -> (String, Value) {
        self.send(&self.request(Method::GET, target, ""))
    }

    fn post(&self, path: &str, body: &Value) -> (String, Value) {
        self.send(&self.request(Method::POST, path, &body.to_string()))
    }

    fn place(&self, fields: &Value) -> (String, Value) {
        self.post("/api/v2/mix/order/place-order", &order(fields))
    }
}

fn sign(text: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(b"testsecret").unwrap().chain_update(text);
    BASE64.encode(&mac.finalize().into_bytes())
}

/// A market order of 0.01 to buy, changed by `fields`.
fn order(fields: &Value) -> Value {
    let mut order = json!({
        "symbol": "BTCUSDT", "productType": "USDT-FUTURES", "marginMode": "crossed", "marginCoin": "USDT",
        "size": "0.01", "side": "buy", "orderType": "market",
    });
    order.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    order
}

const POSITIONS: &str = "/api/v2/mix/position/all-position?productType=USDT-FUTURES&marginCoin=USDT";
const PENDING: &str = "/api/v2/mix/order/orders-pending?productType=USDT-FUTURES";
const PLANS: &str = "/api/v2/mix/order/orders-plan-pending?productType=USDT-FUTURES&planType=profit_loss";

#[test]
fn who_asks_is_checked_in_every_way() {
    let client = Client::new();
    let with = |name: &'static str, value: &str| {
        let mut request = client.request(Method::GET, POSITIONS, "");
        request.headers.insert(name, HeaderValue::from_str(value).unwrap());
        client.send(&request).0
    };
    assert_eq!(client.get(POSITIONS), ("00000".to_owned(), json!([])));
    assert_eq!(with("access-key", ""), "40001");
    assert_eq!(with("access-key", "nobody"), "40037");
    assert_eq!(with("access-passphrase", "wrong"), "40012");
    assert_eq!(with("access-sign", &sign("something else")), "40009");
    assert_eq!(with("access-timestamp", "soon"), "40005");
    let late = client.venue().now().minus(DurationMs::from_secs(31)).ms().to_string();
    assert_eq!(with("access-timestamp", &late), "40008");
    assert_eq!(client.get("/api/v3/account/assets").0, "40084");
    assert_eq!(client.get("/api/v2/mix/nothing").0, "40404");
}

#[test]
fn in_hedge_mode_the_side_names_the_position_that_is_closed() {
    let client = Client::hedged();
    assert_eq!(client.place(&json!({})).0, "40774");
    assert_eq!(client.place(&json!({"side": "sell", "tradeSide": "open"})).0, "00000");
    assert_eq!(client.get(POSITIONS).1[0]["holdSide"], "short");
    assert_eq!(client.place(&json!({"side": "sell", "tradeSide": "Close"})).0, "00000");
    assert_eq!(client.get(POSITIONS).1, json!([]));
    let fills = client.get("/api/v2/mix/order/fills?productType=USDT-FUTURES").1;
    let sides: Vec<_> = fills["fillList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fill| (&fill["side"], &fill["tradeSide"]))
        .collect();
    assert_eq!(sides, [(&json!("sell"), &json!("close")), (&json!("sell"), &json!("open"))]);
    assert_eq!(client.place(&json!({"side": "buy", "tradeSide": "close"})).0, "22002");
}

#[test]
fn a_reduce_only_order_pushes_older_ones_out_and_its_answer_names_none() {
    let client = Client::new();
    client.place(&json!({}));
    let exit = |id: &str| json!({"side": "sell", "orderType": "limit", "price": "29000", "reduceOnly": "YES", "clientOid": id});
    let first = client.place(&exit("first")).1;
    assert!(first["orderId"].is_string());
    let second = client.place(&exit("second")).1;
    assert_eq!(second, json!({"orderId": null, "clientOid": "second"}));
    let open = client.get(PENDING).1;
    assert_eq!(open["entrustedList"].as_array().unwrap().len(), 1);
    let detail = "/api/v2/mix/order/detail?symbol=BTCUSDT&productType=USDT-FUTURES&clientOid=first";
    assert_eq!(client.get(detail).1["state"], "canceled");
}

#[test]
fn a_batch_has_a_fate_for_each_and_ids_are_used_up() {
    let client = Client::new();
    let body = json!({
        "symbol": "BTCUSDT", "productType": "USDT-FUTURES", "marginMode": "crossed", "marginCoin": "USDT",
        "orderList": [
            {"size": "0.01", "side": "buy", "orderType": "limit", "price": "27000", "clientOid": "a"},
            {"size": "0.001", "side": "buy", "orderType": "limit", "price": "27000", "clientOid": "b"},
            {"size": "0.0015", "side": "buy", "orderType": "market", "clientOid": "c"},
            {"size": "0.01", "side": "buy", "orderType": "limit", "price": "27000.05", "clientOid": "d"},
            {"size": "0.01", "side": "buy", "orderType": "market", "clientOid": "a"},
        ],
    });
    let (code, lists) = client.post("/api/v2/mix/order/batch-place-order", &body);
    assert_eq!((code.as_str(), lists["successList"].as_array().unwrap().len()), ("00000", 1));
    let failures = lists["failureList"].as_array().unwrap();
    let codes: Vec<_> = failures.iter().map(|failure| failure["errorCode"].as_str().unwrap()).collect();
    assert_eq!(codes, ["45110", "40808", "45115", "40786"]);
}

#[test]
fn lists_are_null_when_empty_and_go_on_below_an_id() {
    let client = Client::new();
    assert_eq!(client.get(PENDING).1, json!({"entrustedList": null, "endId": null}));
    for n in 0..3 {
        client.place(&json!({"orderType": "limit", "price": "27000", "clientOid": format!("o{n}")}));
    }
    let first = client.get(&format!("{PENDING}&limit=2")).1;
    let next = client.get(&format!("{PENDING}&idLessThan={}", first["endId"].as_str().unwrap())).1;
    let ids = |page: &Value| -> Vec<String> {
        let rows = page["entrustedList"].as_array().unwrap();
        rows.iter().map(|row| row["clientOid"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((ids(&first), ids(&next)), (vec!["o2".to_owned(), "o1".to_owned()], vec!["o0".to_owned()]));
}

#[test]
fn plan_orders_are_a_space_of_their_own_and_name_the_order_that_executed_them() {
    let client = Client::new();
    client.place(&json!({"clientOid": "entry"}));
    let stop = json!({
        "symbol": "BTCUSDT", "productType": "USDT-FUTURES", "marginCoin": "USDT", "planType": "loss_plan",
        "triggerPrice": "27500", "triggerType": "fill_price", "executePrice": "0", "holdSide": "buy",
        "size": "0.01", "clientOid": "entry",
    });
    let path = "/api/v2/mix/order/place-tpsl-order";
    assert_eq!(client.post(path, &stop).0, "00000", "ids of both spaces are apart");
    assert_eq!(client.post(path, &stop).0, "40786");
    let mut wrong = stop.clone();
    wrong["triggerPrice"] = json!("28500");
    wrong["clientOid"] = json!("wrong");
    assert_eq!(client.post(path, &wrong).0, "45122");
    assert_eq!(client.get(PLANS).1["entrustedList"][0]["planStatus"], "live");
    play_out(client.venue());
    let ended = client.get(&PLANS.replace("pending", "history")).1["entrustedList"][0].clone();
    assert_eq!(ended["planStatus"], "executed");
    let executed = ended["executeOrderId"].as_str().unwrap();
    let detail =
        format!("/api/v2/mix/order/detail?symbol=BTCUSDT&productType=USDT-FUTURES&orderId={executed}");
    let order = client.get(&detail).1;
    assert_eq!((&order["state"], &order["orderSource"]), (&json!("filled"), &json!("loss_market")));
    assert_ne!(order["clientOid"], "entry");
}

#[test]
fn an_account_may_place_ten_orders_a_second() {
    let client = Client::new();
    let codes: Vec<String> = (0..25).map(|_| client.place(&json!({"size": "0.004"})).0).collect();
    // The second may turn once between them.
    assert!(codes.iter().filter(|code| *code == "00000").count() <= 20, "{codes:?}");
    assert!(codes.iter().any(|code| code == "429"), "{codes:?}");
}

fn texts(messages: Vec<Message>) -> Vec<String> {
    messages.into_iter().map(|message| message.into_text().unwrap().to_string()).collect()
}

#[test]
fn a_private_socket_logs_in_with_seconds_and_answers_pings_in_text() {
    let client = Client::new();
    let (link, mut events, _updates) = client.venue().open_socket();
    let request = client.request(Method::GET, "/v2/ws/private", "");
    let Ok(mut session) = client.dialect.socket(&request, link) else { panic!("not taken in") };
    assert_eq!(texts(session.received("ping")), ["pong"]);
    let orders =
        r#"{"op":"subscribe","args":[{"instType":"USDT-FUTURES","channel":"orders","instId":"default"}]}"#;
    assert!(texts(session.received(orders))[0].contains("30004"));
    let login = |stamp: i64| {
        let sign = sign(&format!("{stamp}GET/user/verify"));
        let arg = json!({"apiKey": "testkey", "passphrase": "testpass", "timestamp": stamp.to_string(), "sign": sign});
        json!({"op": "login", "args": [arg]}).to_string()
    };
    let now = client.venue().now().ms();
    assert!(texts(session.received(&login(now)))[0].contains("30005"), "milliseconds are no seconds");
    assert!(texts(session.received(&login(now / 1_000)))[0].contains(r#""event":"login""#));
    assert!(texts(session.received(orders))[0].contains(r#""event":"subscribe""#));
    client.place(&json!({"clientOid": "mine"}));
    let mut pushed = Vec::new();
    while let Ok(event) = events.try_recv() {
        pushed.extend(texts(session.event(&event)));
    }
    let rows: Vec<Value> =
        pushed.iter().map(|text| serde_json::from_str::<Value>(text).unwrap()["data"][0].clone()).collect();
    assert_eq!((&rows[0]["status"], &rows[0]["baseVolume"]), (&json!("live"), &json!("0")));
    assert_eq!((&rows[1]["status"], &rows[1]["baseVolume"]), (&json!("filled"), &json!("0.01")));
    assert_eq!((&rows[1]["accBaseVolume"], &rows[1]["tradeScope"]), (&json!("0.01"), &json!("T")));
}

#[test]
fn a_public_socket_begins_with_many_candles() {
    let client = Client::new();
    let (link, _events, _updates) = client.venue().open_socket();
    let request = client.request(Method::GET, "/v2/ws/public", "");
    let Ok(mut session) = client.dialect.socket(&request, link) else { panic!("not taken in") };
    let subscribe = |channel: &str| {
        let arg = json!({"instType": "USDT-FUTURES", "channel": channel, "instId": "BTCUSDT"});
        json!({"op": "subscribe", "args": [arg]}).to_string()
    };
    let messages = texts(session.received(&subscribe("candle1m")));
    let push: Value = serde_json::from_str(&messages[1]).unwrap();
    assert_eq!(push["action"], "snapshot");
    assert!(push["data"].as_array().unwrap().len() > 10);
    assert_eq!(push["data"][0].as_array().unwrap().len(), 8);
    assert!(texts(session.received(&subscribe("candle7m")))[0].contains("30001"));
}
