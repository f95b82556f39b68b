//! `simulate` as a client meets it: a port, signed requests, a socket, the oracle.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use data_encoding::HEXLOWER;
use futures_util::StreamExt;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpStream;

use crate::harness::Home;

/// A running exchange; killed when dropped.
pub(crate) struct Simulator {
    process: Child,
    pub(crate) base: String,
    client: reqwest::Client,
    _home: Home,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Simulator {
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let home = Home::empty();
        let ready = home.write("ready.json", "");
        let mut process = Command::new(env!("CARGO_BIN_EXE_tradefleet"))
            .args(["simulate", "--synthetic", "--binance", "127.0.0.1:0", "--ready-file", &ready])
            .args(flags)
            .env_clear()
            .env("TRADEFLEET_HOME", home.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let urls = loop {
            let text = std::fs::read_to_string(&ready).unwrap();
            assert!(process.try_wait().unwrap().is_none(), "the exchange ended");
            if let Ok(urls) = serde_json::from_str::<Value>(&text) {
                break urls;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        // The crate has no TLS provider of its own; loopback needs none.
        drop(rustls::crypto::ring::default_provider().install_default());
        let base = urls["binance"].as_str().unwrap().to_owned();
        Self { process, base, client: reqwest::Client::new(), _home: home }
    }

    /// A request's query with time and signature.
    async fn sign(&self, params: &str) -> String {
        let time = self.get("/fapi/v1/time").await;
        let query = format!("{params}&timestamp={}", time["serverTime"]);
        let mut mac = Hmac::<Sha256>::new_from_slice(b"testsecret").unwrap();
        mac.update(query.as_bytes());
        format!("{query}&signature={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
    }

    async fn send(&self, method: &str, path: &str, query: &str) -> Result<Value, reqwest::Error> {
        let url = format!("{}{path}?{query}", self.base);
        let request = self.client.request(method.parse().unwrap(), url).header("X-MBX-APIKEY", "testkey");
        let text = request.send().await?.text().await?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        self.send("GET", path, query).await.unwrap()
    }

    async fn control(&self, path: &str, body: &Value) {
        let request = self.client.post(format!("{}/_sim/{path}", self.base)).body(body.to_string());
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
}

const MARKET_BUY: &str =
    "symbol=BTCUSDT&side=BUY&positionSide=LONG&type=MARKET&quantity=0.01&newOrderRespType=RESULT";

#[tokio::test]
async fn an_order_is_filled_pushed_and_in_the_oracles_ledger() {
    let simulator = Simulator::start(&[]).await;
    let key = simulator.send("POST", "/fapi/v1/listenKey", "").await.unwrap();
    let address = simulator.base.strip_prefix("http://").unwrap();
    let url = format!("ws://{address}/private/ws?listenKey={}", key["listenKey"].as_str().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let query = simulator.sign(MARKET_BUY).await;
    let placed = simulator.send("POST", "/fapi/v1/order", &query).await.unwrap();
    assert_eq!(placed["status"], "FILLED", "{placed}");
    let mut pushed = Vec::new();
    while pushed.last() != Some(&"ACCOUNT_UPDATE".to_owned()) {
        let event: Value =
            serde_json::from_str(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
        pushed.push(event["e"].as_str().unwrap().to_owned());
    }
    assert_eq!(pushed, ["ORDER_TRADE_UPDATE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"]);
    let ledger = simulator.get("/_sim/ledger?account=demo").await;
    assert_eq!(ledger["fills"][0]["price"], placed["avgPrice"]);
    assert_eq!(ledger["positions"][0]["cost"], placed["cumQuote"]);
    assert_eq!(simulator.get("/_sim/health").await["oracle_agrees"], true);
}

#[tokio::test]
async fn an_order_whose_answer_is_lost_is_there_and_one_refused_before_is_not() {
    let simulator = Simulator::start(&[]).await;
    for (fault, id, is_there) in [("refuse_before_pct", "never", false), ("lost_answer_pct", "lost", true)] {
        let query = simulator.sign(&format!("{MARKET_BUY}&newClientOrderId={id}")).await;
        simulator.control("faults", &json!({ fault: 100.0, "lost_answer_hold_ms": 1 })).await;
        let sent = simulator.send("POST", "/fapi/v1/order", &query).await;
        assert!(sent.is_err(), "{sent:?}");
        simulator.control("calm", &json!({})).await;
        let query = simulator.sign(&format!("symbol=BTCUSDT&origClientOrderId={id}")).await;
        let found = simulator.send("GET", "/fapi/v1/order", &query).await.unwrap();
        assert_eq!(found["status"] == "FILLED", is_there, "{found}");
    }
}
