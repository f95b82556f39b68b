//! One account against a server that answers by script.

use std::future::pending;

use super::*;
use crate::domain::ids::AccountId;
use crate::domain::kind::{ExchangeKind, MarginMode};
use crate::domain::money::Leverage;
use crate::domain::order::{OrderKind, OrderStatus, OrderTimes};
use crate::domain::secret::Secret;
use crate::domain::side::Side;
use crate::exchange::Sleep;
use crate::exchange::egress::Egress;
use crate::exchange::governor::Governor;
use crate::exchange::http::HttpClient;
use crate::exchange::place_one;
use crate::exchange::server_clock::ServerClock;
use crate::exchange::testing::{LoopbackServer, Reply};
use crate::exchange::upbit::rest::limits;
use crate::exchange::upbit::sign::Algorithm;
use crate::matching::fixtures::{exit, id, order, symbol};

const NOW: i64 = 1_700_000_000_000;

/// Time stands still. Short pauses are over at once, long ones, such as those between two tries to connect, never.
struct StandingTime;

impl Sleep for StandingTime {
    fn sleep(&self, duration: DurationMs) -> BoxFuture<'static, ()> {
        if duration < DurationMs::from_ms(500) { Box::pin(ready(())) } else { Box::pin(pending()) }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_ms(NOW)
    }
}

/// The requests that must come, in their order, by how they begin.
struct Script {
    expected: Vec<&'static str>,
    server: LoopbackServer,
}

impl Script {
    /// The bodies of what came.
    fn done(&self) -> Vec<String> {
        let requests = self.server.requests();
        let as_expected = |(request, expected): (&String, &&str)| request.starts_with(*expected);
        assert_eq!(requests.len(), self.expected.len(), "{requests:?}");
        assert!(requests.iter().zip(&self.expected).all(as_expected), "{requests:?}");
        requests.iter().map(|request| request.split_once("\r\n\r\n").unwrap().1.to_owned()).collect()
    }
}

/// An account whose server expects these requests, each with the status and body of its answer.
async fn account(script: Vec<(&'static str, u16, String)>) -> (UpbitExchange, Script) {
    let replies = script.iter().map(|(_, status, body)| Reply::text(*status, "", body)).collect();
    let server = LoopbackServer::start(replies).await;
    let sleep: Arc<dyn Sleep> = Arc::new(StandingTime);
    let http = HttpClient::new(&Egress::Direct, &server.url(), HTTP_TIMEOUT).unwrap();
    let governor = Governor::new(ExchangeKind::Upbit, "direct", limits(), Arc::clone(&sleep));
    let line = Line::new(http, governor, Arc::new(ServerClock::new(sleep)), Some(AccountId::new(1)));
    let secret = |text: &str| Secret::new(text.to_owned());
    let keys = Keys { access_key: secret("key"), secret_key: secret("secret"), algorithm: Algorithm::Hs512 };
    // No socket is to be had here.
    let connects = Some(ConnectGate::new(0, 0, DurationMs::from_secs(1)));
    let parts = UpbitParts { line, keys, socket_url: "ws://127.0.0.1".to_owned(), connects };
    let expected = script.into_iter().map(|(expected, ..)| expected).collect();
    (UpbitExchange::new(parts), Script { expected, server })
}

fn row(state: &str, executed: &str, trades: &str) -> String {
    format!(
        r#"{{"uuid":"u1","side":"bid","ord_type":"limit","price":"50500000","state":"{state}","market":"KRW-BTC",
            "created_at":"2023-11-15T07:13:20+09:00","volume":"0.02","paid_fee":"500","executed_volume":"{executed}",
            "executed_funds":"1000000","time_in_force":"ioc","identifier":"{}","trades":[{trades}]}}"#,
        id(0)
    )
}

fn refusal(name: &str) -> String {
    format!(r#"{{"error":{{"name":"{name}","message":""}}}}"#)
}

fn spot(order: Order) -> Order {
    let times = OrderTimes { decided_at: Timestamp::from_ms(NOW), ..OrderTimes::default() };
    Order { leverage: Leverage::ONE, symbol: symbol("KRW-BTC"), times, ..order }
}

fn sell() -> Order {
    spot(exit(0, Side::Sell, "0.02", OrderKind::Market))
}

const TICKER: &str =
    r#"[{"market":"KRW-BTC","trade_price":50000000.0,"acc_trade_price_24h":1.5e9,"timestamp":1}]"#;
const TICKS: &str =
    r#"[{"market":"KRW-BTC","quote_currency":"KRW","tick_size":1000,"supported_levels":["0"]}]"#;

#[tokio::test]
async fn a_market_buy_asks_for_the_price_once_and_bids_a_bound_above_it() {
    let (mut account, script) = account(vec![
        ("GET /v1/ticker?markets=KRW-BTC", 200, TICKER.to_owned()),
        ("GET /v1/orderbook/instruments?markets=KRW-BTC", 200, TICKS.to_owned()),
        ("POST /v1/orders", 201, row("wait", "0", "")),
        ("POST /v1/orders", 201, row("wait", "0", "")),
    ])
    .await;
    let buy = spot(order(0, Side::Buy, "0.02", OrderKind::Market));
    for _ in 0..2 {
        assert_eq!(place_one(&mut account, &buy).await.unwrap().exchange_order_id, "u1");
    }
    let sent = format!(
        r#"{{"market":"KRW-BTC","side":"bid","ord_type":"limit","price":"50500000","volume":"0.02","identifier":"{}","time_in_force":"ioc"}}"#,
        id(0)
    );
    assert_eq!(script.done()[2..], [sent.clone(), sent]);
}

#[tokio::test]
async fn a_used_identifier_is_an_order_that_may_exist() {
    let used = || ("POST /v1/orders", 400, refusal("duplicated_identifier"));
    let failing = || ("GET /v1/order?identifier=", 500, String::new());
    let (mut account, script) = account(vec![
        used(),
        ("GET /v1/order?identifier=", 200, row("wait", "0", "")),
        used(),
        ("GET /v1/order?identifier=", 404, refusal("order_not_found")),
        used(),
        failing(),
        failing(),
        failing(),
        failing(),
    ])
    .await;
    assert_eq!(place_one(&mut account, &sell()).await.unwrap().exchange_order_id, "u1");
    let unknown = place_one(&mut account, &sell()).await.unwrap_err();
    assert!(matches!(unknown, ExchangeError::Refused { .. }), "{unknown}");
    let unanswered = place_one(&mut account, &sell()).await.unwrap_err();
    assert!(matches!(unanswered, ExchangeError::Unknown { .. }), "{unanswered}");
    script.done();
}

#[tokio::test]
async fn an_old_order_is_not_sent_and_a_failed_one_is_unknown() {
    let (mut account, script) = account(vec![("POST /v1/orders", 502, "<html>".to_owned())]).await;
    let mut old = sell();
    old.times.decided_at = Timestamp::from_ms(NOW - 5_001);
    let unsent = place_one(&mut account, &old).await.unwrap_err();
    assert!(unsent.is_definitive(), "{unsent}");
    let failed = place_one(&mut account, &sell()).await.unwrap_err();
    assert!(matches!(failed, ExchangeError::Unknown { .. }), "{failed}");
    script.done();
}

#[tokio::test]
async fn a_ban_stops_the_line_without_asking_again() {
    let ban = r#"{"error":{"name":"banned","message":"try again in 30 seconds"}}"#.to_owned();
    let (mut account, script) = account(vec![("POST /v1/orders", 418, ban)]).await;
    for _ in 0..2 {
        let error = place_one(&mut account, &sell()).await.unwrap_err();
        assert_eq!(error, ExchangeError::Throttled { until: Timestamp::from_ms(NOW + 30_000) });
    }
    assert_eq!(script.done().len(), 1);
}

#[tokio::test]
async fn a_cancel_is_done_when_the_order_says_so() {
    let delete = || ("DELETE /v1/order?identifier=", 200, row("wait", "0", ""));
    let told = |state| ("GET /v1/order?identifier=", 200, row(state, "0", ""));
    let (mut account, script) = account(vec![
        delete(),
        told("wait"),
        told("cancel"),
        delete(),
        told("done"),
        delete(),
        told("wait"),
        told("wait"),
        told("wait"),
        told("wait"),
        ("DELETE /v1/order?identifier=", 404, refusal("order_not_found")),
        ("DELETE /v1/order?identifier=", 502, String::new()),
        told("cancel"),
    ])
    .await;
    let btc = symbol("KRW-BTC");
    account.cancel(&btc, &id(0)).await.unwrap();
    let ended = account.cancel(&btc, &id(0)).await.unwrap_err();
    assert_eq!(ended.to_string(), format!("refused (not_open): order {} has been filled", id(0)));
    let unclear = account.cancel(&btc, &id(0)).await.unwrap_err();
    assert!(matches!(unclear, ExchangeError::Unknown { .. }), "{unclear}");
    assert!(matches!(account.cancel(&btc, &id(0)).await, Err(ExchangeError::Refused { .. })));
    account.cancel(&btc, &id(0)).await.unwrap();
    script.done();
}

#[tokio::test]
async fn an_order_is_found_by_our_id_or_not_at_all() {
    let (mut account, script) = account(vec![
        ("GET /v1/order?identifier=", 200, row("cancel", "0.019", "")),
        ("GET /v1/order?identifier=", 404, refusal("order_not_found")),
    ])
    .await;
    let btc = symbol("KRW-BTC");
    let report = account.order_by_client_id(&btc, &id(0)).await.unwrap().unwrap();
    assert_eq!((report.status, report.filled_qty.to_string().as_str()), (OrderStatus::Expired, "0.019"));
    assert_eq!(account.order_by_client_id(&btc, &id(0)).await, Ok(None));
    script.done();
}

#[tokio::test]
async fn fills_are_asked_for_order_by_order() {
    let trades = r#"{"uuid":"t2","price":"50000000","volume":"0.01","funds":"500000",
            "created_at":"2023-11-15T07:13:21+09:00"},
        {"uuid":"t1","price":"50000000","volume":"0.01","funds":"500000","created_at":"2023-11-15T07:13:18+09:00"}"#;
    let by_hand = row("done", "0.02", trades)
        .replace(id(0).as_str(), "by-hand")
        .replace("u1", "u2")
        .replace("\"t1", "\"x1")
        .replace("\"t2", "\"x2");
    let unfilled = row("cancel", "0", "").replace("u1", "u3");
    let (mut account, script) = account(vec![
        ("GET /v1/orders/open?market=KRW-BTC&", 200, "[]".to_owned()),
        ("GET /v1/orders/closed?market=KRW-BTC&", 200, format!("[{by_hand},{unfilled}]")),
        ("GET /v1/order?uuid=gone", 404, refusal("order_not_found")),
        ("GET /v1/order?uuid=u1", 200, row("done", "0.02", trades)),
        ("GET /v1/order?uuid=u2", 200, by_hand),
    ])
    .await;
    let sweep = FillSweep {
        since: Timestamp::from_ms(NOW - 500),
        symbols: [symbol("KRW-BTC")].into(),
        orders: [(0, "u1"), (1, "gone")]
            .map(|(leg, uuid)| ((symbol("KRW-BTC"), id(leg)), uuid.to_owned()))
            .into(),
        ..FillSweep::default()
    };
    let fills = account.fills_since(&sweep).await.unwrap();
    let told: Vec<String> = fills
        .iter()
        .map(|fill| match fill {
            ReportedFill::Ours(fill) => format!("ours {} {}", fill.trade_id, fill.fee.cash()),
            ReportedFill::External(fill) => format!("external {} {}", fill.trade_id, fill.fee.cash()),
        })
        .collect();
    // Earlier ones were not asked for.
    assert_eq!(told, ["ours t2 250", "external x2 250"]);
    script.done();
}

#[tokio::test]
async fn two_orders_of_the_account_that_trade_with_each_other_both_have_their_fill() {
    let trade = r#"{"uuid":"t1","price":"50000000","volume":"0.02","funds":"1000000",
        "created_at":"2023-11-15T07:13:20+09:00"}"#;
    let other = row("done", "0.02", trade)
        .replace(id(0).as_str(), id(1).as_str())
        .replace("\"u1\"", "\"u2\"")
        .replace("bid", "ask");
    let (mut account, script) = account(vec![
        ("GET /v1/orders/open?market=KRW-BTC&", 200, "[]".to_owned()),
        ("GET /v1/orders/closed?market=KRW-BTC&", 200, format!("[{},{other}]", row("done", "0.02", ""))),
        ("GET /v1/order?uuid=u1", 200, row("done", "0.02", trade)),
        ("GET /v1/order?uuid=u2", 200, other.clone()),
    ])
    .await;
    let since = Timestamp::from_ms(NOW - 500);
    let sweep = FillSweep { since, symbols: [symbol("KRW-BTC")].into(), ..FillSweep::default() };
    let fills = account.fills_since(&sweep).await.unwrap();
    let of = |fill: &ReportedFill, leg| matches!(fill, ReportedFill::Ours(fill) if fill.client_order_id == id(leg));
    assert!(matches!(&fills[..], [one, two] if of(one, 0) && of(two, 1)), "{fills:?}");
    script.done();
}

#[tokio::test]
async fn fills_are_asked_for_by_the_exchanges_clock() {
    let trade = r#"{"uuid":"t1","price":"50000000","volume":"0.02","funds":"1000000",
        "created_at":"2023-11-15T07:13:20+09:00"}"#;
    let done = row("done", "0.02", trade);
    let (mut account, script) = account(vec![
        ("GET /v1/orders/open?", 200, "[]".to_owned()),
        ("GET /v1/orders/closed?", 200, format!("[{done}]")),
        ("GET /v1/order?uuid=u1", 200, done.clone()),
    ])
    .await;
    // Ours is five minutes ahead, and says so much more.
    let now = Timestamp::from_ms(NOW);
    account.rest.line().clock().learn(now, now, Timestamp::from_ms(NOW - 300_000));
    let since = Timestamp::from_ms(NOW + 240_000);
    let sweep = FillSweep { since, symbols: [symbol("KRW-BTC")].into(), ..FillSweep::default() };
    assert_eq!(account.fills_since(&sweep).await.unwrap().len(), 1);
    script.done();
}

#[tokio::test]
async fn the_owner_hears_in_time_that_a_key_ends() {
    let keys =
        |until: &str| ("GET /v1/api_keys", 200, format!(r#"[{{"access_key":"key","expire_at":"{until}"}}]"#));
    let accounts = || ("GET /v1/accounts", 200, "[]".to_owned());
    let (mut account, script) = account(vec![
        accounts(),
        keys("2023-12-31T00:00:00+09:00"),
        accounts(),
        keys("2023-12-14T07:00:00+09:00"),
    ])
    .await;
    let warnings = |profile: &AccountProfile| {
        profile.remarks.iter().filter(|remark| remark.contains("cannot be extended")).count()
    };
    assert_eq!(warnings(&account.inspect().await.unwrap()), 0);
    let profile = account.inspect().await.unwrap();
    assert_eq!(warnings(&profile), 1);
    assert_eq!((profile.uid, profile.can_withdraw, profile.position_mode), (None, None, None));
    script.done();
}

#[tokio::test]
async fn only_leverage_1_can_be_prepared() {
    let (mut account, _script) = account(Vec::new()).await;
    let terms = |leverage| SymbolTerms {
        leverage: Leverage::try_new(leverage).unwrap(),
        margin_mode: MarginMode::Isolated,
    };
    let btc = symbol("KRW-BTC");
    assert_eq!(account.prepare_symbol(&btc, terms(1), Lane::Entry).await, Ok(()));
    assert!(matches!(
        account.prepare_symbol(&btc, terms(2), Lane::Entry).await,
        Err(ExchangeError::Refused { .. })
    ));
}
