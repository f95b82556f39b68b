//! What each way of failing leaves open, and what is never sent or shown.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::net::TcpListener;

use super::*;
use crate::exchange::testing::{LoopbackServer, Reply, patiently};
use crate::exchange::wire::Body;

mod proxies;
mod sockets;

const SECRET: &str = "s3cret";

fn client_to(url: &str) -> HttpClient {
    HttpClient::new(&Egress::Direct, url, DurationMs::from_secs(10)).unwrap()
}

fn get(target: &str) -> HttpRequest {
    HttpRequest { method: Method::Get, target: target.to_owned(), headers: Vec::new(), body: None }
}

/// A request that must never be seen again.
fn order() -> HttpRequest {
    HttpRequest {
        method: Method::Post,
        target: format!("/order?signature={SECRET}"),
        headers: vec![("X-KEY", SECRET.to_owned())],
        body: Some(Body { content_type: "application/json", text: format!("{{\"pass\":\"{SECRET}\"}}") }),
    }
}

/// Sends the same as a read and as a write.
async fn both(client: &HttpClient) -> [Result<HttpAnswer, ExchangeError>; 2] {
    [client.send(&order(), Access::Read).await, client.send(&order(), Access::Write).await]
}

/// It was surely not executed, whatever it was.
fn assert_never_left(results: [Result<HttpAnswer, ExchangeError>; 2]) {
    for result in results {
        let error = result.unwrap_err();
        assert!(matches!(error, ExchangeError::Unavailable { .. }), "{error}");
        assert!(!error.to_string().contains(SECRET), "{error}");
    }
}

/// A read may be made again; what became of the write is open.
fn assert_unknown([read, write]: [Result<HttpAnswer, ExchangeError>; 2]) {
    let (read, write) = (read.unwrap_err(), write.unwrap_err());
    assert!(matches!(read, ExchangeError::Unavailable { .. }), "{read}");
    assert!(matches!(write, ExchangeError::Unknown { .. }), "{write}");
    assert!(!read.to_string().contains(SECRET) && !write.to_string().contains(SECRET), "{read} {write}");
}

#[tokio::test]
async fn a_request_arrives_as_it_was_signed_and_its_answer_whole() {
    let server =
        LoopbackServer::start(vec![Reply::text(418, "X-Used: 7\r\nX-Twice: a\r\nx-twice: b\r\n", "é")]).await;
    let client = client_to(&format!("{}/base/", server.url()));
    let answer = patiently(client.send(&order(), Access::Write)).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (418, "é"));
    assert_eq!((answer.header("x-used"), answer.header("x-twice")), (Some("7"), Some("a, b")));

    let request = server.requests().remove(0);
    assert!(request.starts_with(&format!("POST /base/order?signature={SECRET} HTTP/1.1\r\n")), "{request}");
    let head = request.to_lowercase();
    assert!(head.contains("x-key: s3cret") && head.contains("content-type: application/json"), "{head}");
    assert!(!head.contains("origin:") && !head.contains("referer:"), "{head}");
    assert!(request.ends_with(&format!("{{\"pass\":\"{SECRET}\"}}")), "{request}");
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let server = LoopbackServer::start((0..3).map(|_| Reply::text(200, "", "{}")).collect()).await;
    let client = client_to(&server.url());
    for _ in 0..3 {
        assert!(patiently(client.clone().send(&get("/time"), Access::Read)).await.unwrap().is_success());
    }
    assert_eq!(server.peers().len(), 1);
}

#[tokio::test]
async fn what_cannot_connect_was_not_executed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_never_left(patiently(both(&client_to(&format!("http://{address}")))).await);
    assert_never_left(patiently(both(&client_to("http://no-such-host.invalid"))).await);
}

#[tokio::test]
async fn a_failed_tls_handshake_was_not_executed() {
    let server = LoopbackServer::start(vec![]).await;
    let client =
        HttpClient::new(&Egress::Direct, &format!("https://{}", server.address), DurationMs::from_ms(400));
    assert_never_left(patiently(both(&client.unwrap())).await);
}

#[tokio::test]
async fn a_lost_answer_leaves_a_write_unknown() {
    let server = LoopbackServer::start(vec![Reply::HangUp(vec![]), Reply::HangUp(vec![])]).await;
    assert_unknown(patiently(both(&client_to(&server.url()))).await);
    assert_eq!(server.requests().len(), 2, "nothing was sent twice");
}

#[tokio::test]
async fn half_an_answer_is_none() {
    let half = || Reply::HangUp(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"orderId\":".to_vec());
    let server = LoopbackServer::start(vec![half(), half()]).await;
    assert_unknown(patiently(both(&client_to(&server.url()))).await);
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_none() {
    let slow_body = Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec());
    let server = LoopbackServer::start(vec![Reply::Silence, slow_body]).await;
    let client = HttpClient::new(&Egress::Direct, &server.url(), DurationMs::from_ms(100)).unwrap();
    assert_unknown(patiently(both(&client)).await);
}

#[tokio::test]
async fn what_is_not_http_is_no_answer() {
    let garbage = || Reply::Bytes(b"\x16\x03garbage\r\n\r\n".to_vec());
    let server = LoopbackServer::start(vec![garbage(), garbage()]).await;
    assert_unknown(patiently(both(&client_to(&server.url()))).await);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let server = LoopbackServer::start(vec![Reply::text(302, "location: http://127.0.0.1:1/\r\n", "")]).await;
    let answer = patiently(client_to(&server.url()).send(&order(), Access::Write)).await.unwrap();
    assert_eq!((answer.status, server.requests().len()), (302, 1));
}

/// An answer of so many bytes, packed.
fn packed(length: usize) -> Reply {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b'7'; length]).unwrap();
    let body = encoder.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
    Reply::Bytes([head.into_bytes(), body].concat())
}

#[tokio::test]
async fn bodies_are_unpacked_up_to_a_bound() {
    let server =
        LoopbackServer::start(vec![packed(BODY_MAX), packed(BODY_MAX + 1), packed(BODY_MAX + 1)]).await;
    let client = client_to(&server.url());
    let whole = patiently(client.send(&order(), Access::Read)).await.unwrap();
    assert_eq!(whole.body.len(), BODY_MAX);
    let [read, write] = patiently(both(&client)).await;
    assert!(matches!(read, Err(ExchangeError::Malformed { .. })), "{read:?}");
    assert!(matches!(write, Err(ExchangeError::Unknown { .. })), "{write:?}");
}

#[tokio::test]
async fn what_would_leave_changed_does_not_leave() {
    let server = LoopbackServer::start(vec![]).await;
    let client = client_to(&server.url());
    for target in ["/a b", "/a/../b", "/é", "/a?x=\"1\"", "/a#b", "/a\n", "", "@evil.test/"] {
        let error = patiently(client.send(&get(target), Access::Write)).await.unwrap_err();
        assert!(
            matches!(&error, ExchangeError::Refused { code, .. } if code == "unsendable"),
            "{target}: {error}"
        );
    }
    let broken = HttpRequest { headers: vec![("X-KEY", format!("{SECRET}\r\nx: y"))], ..get("/a") };
    let error = patiently(client.send(&broken, Access::Read)).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Refused { .. }) && !error.to_string().contains(SECRET), "{error}");
    assert!(server.requests().is_empty());
}

#[test]
fn an_address_that_is_none_is_told() {
    for url in ["", "exchange.test", "ws://exchange.test", "https://", "https://exchange.test?x=1"] {
        let Err(error) = HttpClient::new(&Egress::Direct, url, DurationMs::from_secs(1)) else {
            panic!("{url}")
        };
        assert!(error.to_string().starts_with("base URL `"), "{error}");
    }
}
