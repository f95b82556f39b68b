//! Opening sockets over HTTP.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::{Error, Message, error::CapacityError};

use super::*;

fn target(url: &str) -> SocketTarget {
    SocketTarget { url: url.replacen("http", "ws", 1), headers: vec![("authorization", SECRET.to_owned())] }
}

async fn refused(reply: Reply) -> ExchangeError {
    let server = LoopbackServer::start(vec![reply]).await;
    let opened = patiently(client_to("http://unused.test").open_socket(&target(&server.url()))).await;
    let Err(error) = opened else { panic!("it was opened") };
    assert!(server.requests()[0].contains("authorization: s3cret"));
    error
}

#[tokio::test]
async fn a_socket_carries_frames_both_ways_up_to_a_bound() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = client_to("http://unused.test");
    let (target, accepting) = (target(&url), async {
        let (stream, _) = listener.accept().await.unwrap();
        accept_async(stream).await.unwrap()
    });
    let (opened, mut served) =
        patiently(async { tokio::join!(client.open_socket(&target), accepting) }).await;
    let mut socket = opened.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(patiently(served.next()).await.unwrap().unwrap(), Message::text("hello"));
    served.send(Message::binary(b"back".to_vec())).await.unwrap();
    assert_eq!(patiently(socket.next()).await.unwrap().unwrap(), Message::binary(b"back".to_vec()));
    let too_long = served.send(Message::text("7".repeat(MESSAGE_MAX + 1)));
    let receiving = async move { socket.next().await };
    let (_sent, received) = patiently(async { tokio::join!(too_long, receiving) }).await;
    assert!(matches!(received, Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. })))));
}

#[tokio::test]
async fn what_is_not_upgraded_is_unavailable() {
    let error = refused(Reply::text(401, "", SECRET)).await;
    assert_eq!(error.to_string(), "unavailable: the socket was refused with status 401");
    let wrong =
        b"HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: AAAA\r\n\r\n";
    for reply in [Reply::Bytes(wrong.to_vec()), Reply::HangUp(vec![])] {
        let error = refused(reply).await;
        assert!(matches!(error, ExchangeError::Unavailable { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_socket_has_a_socket_url() {
    for url in ["http://exchange.test", "wsx://exchange.test", "ftp://exchange.test", ""] {
        let target = SocketTarget { url: url.to_owned(), headers: Vec::new() };
        let opened = patiently(client_to("http://unused.test").open_socket(&target)).await;
        assert!(matches!(opened, Err(ExchangeError::Refused { .. })), "{url}");
    }
}
