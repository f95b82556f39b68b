//! `simulate` as a client meets it: a port, signed requests, a socket, the oracle.

use data_encoding::HEXLOWER;
use futures_util::StreamExt;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpStream;

use crate::simulator::Simulator;

/// A request's query with time and signature.
pub(crate) async fn sign(simulator: &Simulator, params: &str) -> String {
    let time = simulator.get("/fapi/v1/time").await;
    let query = format!("{params}&timestamp={}", time["serverTime"]);
    let mut mac = Hmac::<Sha256>::new_from_slice(b"testsecret").unwrap();
    mac.update(query.as_bytes());
    format!("{query}&signature={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
}

const MARKET_BUY: &str =
    "symbol=BTCUSDT&side=BUY&positionSide=LONG&type=MARKET&quantity=0.01&newOrderRespType=RESULT";

#[tokio::test]
async fn an_order_is_filled_pushed_and_in_the_oracles_ledger() {
    let simulator = Simulator::start("binance", &[]).await;
    let key = simulator.send("POST", "/fapi/v1/listenKey", "").await.unwrap();
    let address = simulator.base.strip_prefix("http://").unwrap();
    let url = format!("ws://{address}/private/ws?listenKey={}", key["listenKey"].as_str().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let query = sign(&simulator, MARKET_BUY).await;
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
    let simulator = Simulator::start("binance", &[]).await;
    for (fault, id, is_there) in [("refuse_before_pct", "never", false), ("lost_answer_pct", "lost", true)] {
        let query = sign(&simulator, &format!("{MARKET_BUY}&newClientOrderId={id}")).await;
        simulator.control("faults", &json!({ fault: 100.0, "lost_answer_hold_ms": 1 })).await;
        let sent = simulator.send("POST", "/fapi/v1/order", &query).await;
        assert!(sent.is_err(), "{sent:?}");
        simulator.control("calm", &json!({})).await;
        let query = sign(&simulator, &format!("symbol=BTCUSDT&origClientOrderId={id}")).await;
        let found = simulator.send("GET", "/fapi/v1/order", &query).await.unwrap();
        assert_eq!(found["status"] == "FILLED", is_there, "{found}");
    }
}
