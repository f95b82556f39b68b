//! What the sockets say and when they are ready.

use std::sync::Arc;

use super::*;
use crate::domain::ids::AccountId;
use crate::domain::instrument::Symbol;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::Timeframe;
use crate::exchange::bitget::rest::limits;
use crate::exchange::bitget::testing::credentials;
use crate::exchange::egress::Egress;
use crate::exchange::governor::Governor;
use crate::exchange::http::HttpClient;
use crate::exchange::server_clock::ServerClock;
use crate::exchange::tests::PausedTime;

fn line() -> Line {
    let sleep: Arc<dyn crate::exchange::Sleep> = PausedTime::at(1_700_000_000_000);
    let http = HttpClient::new(&Egress::Direct, "http://127.0.0.1:9", DurationMs::from_secs(1)).unwrap();
    let governor = Governor::new(ExchangeKind::Bitget, "direct", limits(), Arc::clone(&sleep));
    Line::new(http, governor, Arc::new(ServerClock::new(sleep)), Some(AccountId::new(1)))
}

fn heard<P: SocketProtocol>(socket: &mut P, text: &str) -> Vec<Heard<P::Event>> {
    let mut heard = Vec::new();
    socket.hear(text, &mut heard).unwrap();
    heard
}

#[test]
fn an_account_logs_in_subscribes_and_is_ready_after_its_last_channel() {
    let mut socket = PrivateSocket::new("ws://localhost", Signer::new(credentials()), line());
    let greeting = socket.greeting(Timestamp::from_ms(1_700_000_000_000));
    assert!(greeting[0].contains("\"login\""));
    let said = heard(&mut socket, r#"{"event":"login","code":"0"}"#);
    assert!(
        matches!(said.as_slice(), [Heard::Say(text)] if text.matches("channel").count() == PRIVATE_CHANNELS)
    );
    let acknowledged = r#"{"event":"subscribe","arg":{"channel":"orders"}}"#;
    for _ in 1..PRIVATE_CHANNELS {
        assert_eq!(heard(&mut socket, acknowledged), []);
    }
    assert_eq!(heard(&mut socket, acknowledged), [Heard::Ready]);
    assert_eq!(heard(&mut socket, "pong"), []);
    let refused = heard(&mut socket, r#"{"event":"error","code":"30005","msg":"no"}"#);
    assert!(matches!(refused.as_slice(), [Heard::Reconnect { .. }]));
}

#[test]
fn series_are_spread_over_sockets_and_one_that_is_refused_holds_back_none() {
    let series: BTreeSet<Series> =
        (0..60).map(|n| (Symbol::try_new(&format!("C{n}USDT")).unwrap(), Timeframe::M1)).collect();
    let mut sockets = MarketSocket::over("ws://localhost", &series);
    assert_eq!(sockets.len(), 2);
    let socket = &mut sockets[1];
    socket.greeting(Timestamp::from_ms(0));
    for _ in 1..12 {
        assert_eq!(heard(socket, r#"{"event":"subscribe","arg":{"channel":"candle1m"}}"#), []);
    }
    let mut last = Vec::new();
    let refused = socket.hear(r#"{"event":"error","code":"30001","msg":"no such channel"}"#, &mut last);
    assert!(refused.is_err());
    assert_eq!(last, [Heard::Ready]);
}
