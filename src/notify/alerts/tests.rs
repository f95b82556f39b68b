use std::fs;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::store::scratch::Scratch;

/// Answers each request with too many, until `seconds` are over.
async fn throttling(listener: TcpListener, seconds: u32) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4_096];
        let _ = stream.read(&mut request).await.unwrap();
        let answer = format!(
            "HTTP/1.1 429 Too Many Requests\r\nretry-after: {seconds}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn a_channel_that_wants_nothing_for_a_while_is_left_alone_as_a_whole() {
    let scratch = Scratch::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = scratch.dir().join("hook");
    fs::write(&hook, format!("http://{}/hook", listener.local_addr().unwrap())).unwrap();
    let config =
        AlertsConfig { slack_webhook: format!("file:{}", hook.display()), ..AlertsConfig::default() };
    let channels = Channels::open(&config, scratch.dir()).unwrap();
    let (reader, writer) = (Reader::new(scratch.open()), Writer::start(scratch.open()).unwrap());
    let troubles: Troubles =
        Arc::new(|| ["disk", "clock"].map(|word| (word.to_owned(), String::new())).into());
    let desk = AlertDesk::new(channels, reader, writer, troubles);
    desk.look().await.unwrap();
    tokio::select! {
        () = throttling(listener, 7) => {}
        pause = desk.deliver(Channel::Slack) => assert_eq!(pause, Ok(Duration::from_secs(7))),
    }
    let tried = scratch.open();
    let tried = alerts::waiting(tried.conn(), Channel::Slack, 10).unwrap();
    assert_eq!(tried.iter().map(|message| message.attempts).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn a_channel_is_held_neither_for_ever_nor_for_what_one_message_met() {
    let throttled = |secs| held(&ChannelError::Throttled { after: DurationMs::from_secs(secs) });
    assert_eq!(
        [throttled(0), throttled(30), throttled(90_000)],
        [LOOK_EVERY, Duration::from_secs(30), HELD_MAX]
    );
    assert_eq!(held(&ChannelError::Refused { reason: String::new() }), LOOK_EVERY);
}
