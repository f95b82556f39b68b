//! The way out: bound addresses and proxies.

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::*;

fn client_by(egress: &str, url: &str) -> HttpClient {
    HttpClient::new(&egress.parse().unwrap(), url, DurationMs::from_secs(10)).unwrap()
}

#[tokio::test]
async fn requests_leave_from_the_address_they_are_bound_to() {
    let server = LoopbackServer::start(vec![Reply::text(200, "", "")]).await;
    let client = client_by("127.0.0.9", &server.url());
    patiently(client.send(&get("/time"), Access::Read)).await.unwrap();
    assert_eq!(server.peers()[0].ip().to_string(), "127.0.0.9");
    // Not an address of this machine.
    assert_never_left(patiently(both(&client_by("192.0.2.1", &server.url()))).await);
}

#[tokio::test]
async fn requests_go_through_an_http_proxy_with_its_credentials() {
    let proxy = LoopbackServer::start(vec![Reply::text(200, "", "by proxy")]).await;
    let egress = format!("http://fred:hunter2@{}", proxy.address);
    let client = client_by(&egress, "http://exchange.test");
    let answer = patiently(client.send(&get("/time"), Access::Read)).await.unwrap();
    assert_eq!(answer.body, "by proxy");
    let request = proxy.requests().remove(0);
    assert!(request.starts_with("GET http://exchange.test/time HTTP/1.1\r\n"), "{request}");
    assert!(request.to_lowercase().contains("proxy-authorization: basic"), "{request}");
}

#[tokio::test]
async fn what_a_proxy_lets_not_through_was_not_executed() {
    let refusal = || Reply::text(403, "", "no");
    let proxy = LoopbackServer::start(vec![refusal(), refusal()]).await;
    let client = client_by(&format!("http://fred:hunter2@{}", proxy.address), "https://exchange.test");
    let results = patiently(both(&client)).await;
    for result in &results {
        assert!(!format!("{result:?}").contains("hunter2"));
    }
    assert_never_left(results);
    assert!(proxy.requests()[0].starts_with("CONNECT exchange.test:443"));
}

/// A SOCKS5 proxy without authentication (RFC 1928) that takes everything to one address, or refuses.
async fn socks5(listener: TcpListener, to: Option<std::net::SocketAddr>) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        connections.spawn(async move {
            let mut greeting = [0_u8; 2];
            client.read_exact(&mut greeting).await.unwrap();
            let mut methods = vec![0_u8; greeting[1].into()];
            client.read_exact(&mut methods).await.unwrap();
            client.write_all(&[5, 0]).await.unwrap();
            // Version, CONNECT, reserved, IPv4, address, port.
            let mut request = [0_u8; 10];
            client.read_exact(&mut request).await.unwrap();
            assert_eq!(request[..4], [5, 1, 0, 1]);
            let status = if to.is_some() { 0 } else { 2 };
            client.write_all(&[5, status, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            if let Some(to) = to {
                let mut server = TcpStream::connect(to).await.unwrap();
                let _ended = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

#[tokio::test]
async fn requests_go_through_a_socks_proxy() {
    let server = LoopbackServer::start(vec![Reply::text(200, "", "by socks")]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client_by(&format!("socks5://{}", listener.local_addr().unwrap()), &server.url());
    let mut tasks = JoinSet::new();
    tasks.spawn(socks5(listener, Some(server.address)));
    let answer = patiently(client.send(&get("/time"), Access::Read)).await.unwrap();
    assert_eq!(answer.body, "by socks");
}

#[tokio::test]
async fn what_a_socks_proxy_refuses_was_not_executed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client_by(&format!("socks5://{}", listener.local_addr().unwrap()), "http://127.0.0.1:1");
    let mut tasks = JoinSet::new();
    tasks.spawn(socks5(listener, None));
    assert_never_left(patiently(both(&client)).await);
}
