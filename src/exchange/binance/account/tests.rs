use super::super::testing::{NOW, id, order};
use super::*;
use crate::domain::kind::{ExchangeKind, MarginMode};
use crate::domain::money::{Leverage, Qty};
use crate::domain::order::{OrderKind, OrderStatus, Purpose};
use crate::domain::secret::Secret;
use crate::exchange::egress::Egress;
use crate::exchange::governor::Governor;
use crate::exchange::server_clock::ServerClock;
use crate::exchange::testing::{LoopbackServer, ManualClock, Reply, patiently};

struct Rig {
    exchange: BinanceExchange,
    server: LoopbackServer,
    clock: Arc<ManualClock>,
}

/// An account without a stream, at a server that gives these answers.
async fn rig(replies: &[(u16, &str)]) -> Rig {
    let replies = replies.iter().map(|(status, body)| Reply::text(*status, "", body)).collect();
    let server = LoopbackServer::start(replies).await;
    let clock = ManualClock::at(NOW);
    let http = HttpClient::new(&Egress::Direct, &server.url(), DurationMs::from_secs(5)).unwrap();
    let governor = Governor::new(ExchangeKind::Binance, "direct", calls::LIMITS, clock.clone());
    let server_clock = Arc::new(ServerClock::new(clock.clone()));
    let account = Some(crate::domain::ids::AccountId::new(7));
    let secret = |text: &str| Secret::new(text.to_owned());
    let exchange = BinanceExchange::connect(BinanceParts {
        line: Line::new(http, governor, server_clock, account),
        spot: None,
        credentials: Credentials { api_key: secret("key"), api_secret: secret("secret") },
        socket_url: "ws://127.0.0.1:9".to_owned(),
        position_mode: PositionMode::OneWay,
        connects: Some(ConnectGate::new(0, 1, DurationMs::from_secs(1))),
    });
    Rig { exchange: exchange.unwrap(), server, clock }
}

fn btc() -> Symbol {
    "BTCUSDT".parse().unwrap()
}

fn stop() -> OrderKind {
    OrderKind::StopMarket { trigger: "45000".parse().unwrap() }
}

#[tokio::test]
async fn an_order_refused_for_its_clock_goes_out_once_more_by_the_right_one() {
    let time = format!("{{\"serverTime\":{}}}", NOW + 60_000);
    let skewed = "{\"code\":-1021,\"msg\":\"Timestamp for this request is outside of the recvWindow.\"}";
    let mut rig = rig(&[(400, skewed), (200, &time), (200, "{\"orderId\":12}")]).await;
    let placed = patiently(rig.exchange.place(&[order(Purpose::Entry, OrderKind::Market, 0)])).await;
    assert_eq!(placed, [Ok(Accepted { exchange_order_id: "12".to_owned() })]);
    let requests = rig.server.requests();
    assert!(requests[0].contains(&format!("&timestamp={NOW}&")), "{}", requests[0]);
    assert!(requests[2].contains(&format!("&timestamp={}&", NOW + 60_000)), "{}", requests[2]);
}

#[tokio::test]
async fn an_order_from_before_the_machine_was_paused_does_not_go_out_by_the_right_clock() {
    let time = format!("{{\"serverTime\":{}}}", NOW + 60_000);
    let skewed = "{\"code\":-1021,\"msg\":\"Timestamp for this request is outside of the recvWindow.\"}";
    let mut rig = rig(&[(400, skewed), (200, &time)]).await;
    let now = Timestamp::from_ms(NOW);
    rig.exchange.rest.line().clock().learn(now, now, now);
    let placed = patiently(rig.exchange.place(&[order(Purpose::Entry, OrderKind::Market, 0)])).await;
    assert!(matches!(&placed[..], [Err(ExchangeError::Unavailable { .. })]), "{placed:?}");
    assert_eq!(rig.server.requests().len(), 2, "a minute has passed, whatever our clock says");
}

#[tokio::test]
async fn the_time_is_asked_for_again_when_an_answer_is_lost() {
    let time = format!("{{\"serverTime\":{}}}", NOW + 700);
    let rig = rig(&[(503, ""), (200, &time)]).await;
    let rest = rig.exchange.rest.clone();
    assert_eq!(rig.clock.run_until(rest.sync_clock()).await.unwrap(), Timestamp::from_ms(NOW + 700));
    assert_eq!(rig.server.requests().len(), 2);
}

const BALANCES: &str = r#"[{"accountAlias":"SgsR","asset":"USDT","balance":"100"}]"#;
const MONEY: &str =
    r#"{"assets":[{"asset":"USDT","walletBalance":"100","unrealizedProfit":"0","availableBalance":"90"}]}"#;

#[tokio::test]
async fn an_account_tells_its_modes_by_the_cheap_question() {
    let time = format!(r#"{{"serverTime":{NOW}}}"#);
    let config = r#"{"canTrade":false,"dualSidePosition":true,"multiAssetsMargin":true}"#;
    let mut rig = rig(&[(200, &time), (200, BALANCES), (200, config), (200, MONEY)]).await;
    let profile = rig.exchange.inspect().await.unwrap();
    assert_eq!(profile.position_mode, Some(PositionMode::Hedge));
    assert_eq!(profile.can_trade, Some(false), "the account may not, whatever its key may");
    assert!(profile.remarks.iter().any(|remark| remark.contains("multi-assets")), "{:?}", profile.remarks);
}

#[tokio::test]
async fn a_host_without_the_cheap_question_is_asked_the_older_ones() {
    let time = format!(r#"{{"serverTime":{NOW}}}"#);
    let (mode, multi) = (r#"{"dualSidePosition":true}"#, r#"{"multiAssetsMargin":false}"#);
    let told =
        [(200, time.as_str()), (200, BALANCES), (404, "not here"), (200, mode), (200, multi), (200, MONEY)];
    let mut rig = rig(&told).await;
    let profile = rig.exchange.inspect().await.unwrap();
    assert_eq!((profile.position_mode, profile.can_trade), (Some(PositionMode::Hedge), None));
    assert_eq!(rig.server.requests().len(), told.len());
}

#[tokio::test]
async fn what_was_decided_too_long_ago_or_cannot_be_found_again_is_not_sent() {
    let mut rig = rig(&[]).await;
    let wrong = order(Purpose::Entry, stop(), 0);
    assert!(matches!(rig.exchange.place(&[wrong]).await[..], [Err(ExchangeError::Refused { .. })]));
    rig.clock.advance(SEND_DEADLINE.ms() + 1);
    let late = order(Purpose::Entry, OrderKind::Market, 0);
    assert!(matches!(rig.exchange.place(&[late]).await[..], [Err(ExchangeError::Unavailable { .. })]));
    assert!(rig.server.requests().is_empty());
}

#[tokio::test]
async fn each_order_of_a_batch_has_its_own_answer_and_conditions_travel_alone() {
    let batch = "[{\"orderId\":1},{\"code\":-2019,\"msg\":\"Margin is insufficient.\"}]";
    let lost = "{\"msg\":\"Unknown error, please check your request or try again later.\"}";
    let mut rig = rig(&[(200, batch), (200, "{\"algoId\":9}"), (503, lost)]).await;
    let orders = [
        order(Purpose::Entry, OrderKind::Market, 0),
        order(Purpose::Entry, OrderKind::Market, 1),
        order(Purpose::StopLoss, stop(), 2),
        order(Purpose::Exit, OrderKind::Market, 3),
    ];
    let placed = patiently(rig.exchange.place(&orders)).await;
    assert!(matches!(&placed[0], Ok(accepted) if accepted.exchange_order_id == "1"));
    assert!(matches!(&placed[1], Err(ExchangeError::Refused { code, .. }) if code == "-2019"));
    assert!(matches!(&placed[2], Ok(accepted) if accepted.exchange_order_id == "9"));
    assert!(matches!(&placed[3], Err(ExchangeError::Unknown { .. })));
    let requests = rig.server.requests();
    let starts = ["POST /fapi/v1/batchOrders ", "POST /fapi/v1/algoOrder ", "POST /fapi/v1/order "];
    for (request, start) in requests.iter().zip(starts) {
        assert!(request.starts_with(start), "{request}");
    }
}

const FINISHED: &str = "{\"algoId\":9,\"clientAlgoId\":\"x\",\"symbol\":\"BTCUSDT\",\"side\":\"SELL\",\
    \"algoStatus\":\"FINISHED\",\"quantity\":\"0.01\",\"triggerPrice\":\"45000\",\"actualOrderId\":\"77\"}";
const FILLED: &str = "{\"orderId\":77,\"symbol\":\"BTCUSDT\",\"status\":\"FILLED\",\"clientOrderId\":\"y\",\
    \"side\":\"SELL\",\"origQty\":\"0.01\",\"executedQty\":\"0.01\",\"cumQuote\":\"449.9\"}";

#[tokio::test]
async fn a_triggered_condition_is_what_the_order_it_became_is() {
    let mut rig = rig(&[(200, FINISHED), (200, FILLED)]).await;
    let stop_loss = id(Purpose::StopLoss, 0);
    let report = patiently(rig.exchange.order_by_client_id(&btc(), &stop_loss)).await.unwrap().unwrap();
    assert_eq!(report.status, OrderStatus::Filled);
    assert_eq!(report.exchange_order_id, "9");
    assert_eq!(report.filled_notional.to_string(), "449.9");
}

#[tokio::test]
async fn an_order_that_does_not_exist_is_none_and_not_an_error() {
    let mut rig = rig(&[(400, "{\"code\":-2013,\"msg\":\"Order does not exist.\"}")]).await;
    let found = patiently(rig.exchange.order_by_client_id(&btc(), &id(Purpose::Entry, 0))).await;
    assert_eq!(found, Ok(None));
}

#[tokio::test]
async fn a_condition_of_a_stranger_needs_neither_quantity_nor_trigger() {
    let trailing = "{\"algoId\":1,\"clientAlgoId\":\"web_1\",\"symbol\":\"BTCUSDT\",\"side\":\"SELL\",\
        \"algoStatus\":\"NEW\",\"closePosition\":true,\"triggerPrice\":\"None\"}";
    let mut rig = rig(&[(200, "[]"), (200, &format!("[{trailing}]"))]).await;
    let open = patiently(rig.exchange.open_orders(&Scope::All)).await.unwrap();
    let [order] = &open.external[..] else { panic!("{open:?}") };
    assert_eq!((order.qty, order.price), (Qty::ZERO, None));
    let ours = trailing.replace("web_1", id(Purpose::StopLoss, 0).as_str());
    let mut rig = self::rig(&[(200, "[]"), (200, &format!("[{ours}]"))]).await;
    assert!(patiently(rig.exchange.open_orders(&Scope::All)).await.is_err(), "ours has both");
}

#[tokio::test]
async fn fills_of_a_triggered_condition_are_attributed_to_it() {
    let trade = "[{\"id\":5,\"orderId\":77,\"symbol\":\"BTCUSDT\",\"side\":\"SELL\",\"price\":\"44990\",\
        \"qty\":\"0.01\",\"commission\":\"0.2\",\"commissionAsset\":\"USDT\",\"maker\":false,\"time\":1699999999000}]";
    let mut rig = rig(&[(200, trade), (200, FILLED), (200, FINISHED)]).await;
    let stop_loss = id(Purpose::StopLoss, 0);
    let sweep = FillSweep {
        since: Timestamp::from_ms(NOW - 60_000),
        after: None,
        symbols: [btc()].into(),
        // Its number in the space of conditions is another one.
        orders: [((btc(), stop_loss.clone()), "9".to_owned())].into(),
    };
    let fills = patiently(rig.exchange.fills_since(&sweep)).await.unwrap();
    assert!(matches!(&fills[..], [ReportedFill::Ours(fill)] if fill.client_order_id == stop_loss));
    let requests = rig.server.requests();
    assert!(requests[1].contains("orderId=77"), "{}", requests[1]);
    assert!(requests[2].contains("clientAlgoId="), "{}", requests[2]);
}

#[tokio::test]
async fn the_order_of_a_stranger_is_asked_for_once_when_it_is_certainly_one() {
    let trade = |ago: i64| {
        let at = NOW - ago;
        format!(
            "[{{\"id\":5,\"orderId\":77,\"symbol\":\"BTCUSDT\",\"side\":\"SELL\",\"price\":\"44990\",\"qty\":\"0.01\",\
             \"commission\":\"0.2\",\"commissionAsset\":\"USDT\",\"maker\":false,\"time\":{at}}}]"
        )
    };
    // A fresh one may be what a condition of ours has become, and is not told yet.
    for (ago, requests) in [(59_000, 4), (60_000, 3)] {
        let (trade, order) = (trade(ago), (200, FILLED));
        let trades = (200, trade.as_str());
        let replies =
            if requests == 4 { vec![trades, order, trades, order] } else { vec![trades, order, trades] };
        let mut rig = rig(&replies).await;
        let since = Timestamp::from_ms(NOW - 120_000);
        let sweep = FillSweep { since, symbols: [btc()].into(), ..FillSweep::default() };
        for _ in 0..2 {
            let fills = patiently(rig.exchange.fills_since(&sweep)).await.unwrap();
            assert!(matches!(&fills[..], [ReportedFill::External(_)]), "{fills:?}");
        }
        assert_eq!(rig.server.requests().len(), requests);
    }
}

#[tokio::test]
async fn fills_are_asked_for_by_the_exchanges_clock() {
    let mut rig = rig(&[(200, "[]")]).await;
    // Ours is five minutes ahead.
    let now = Timestamp::from_ms(NOW);
    rig.exchange.rest.line().clock().learn(now, now, Timestamp::from_ms(NOW - 300_000));
    let since = Timestamp::from_ms(NOW - 120_000);
    let sweep = FillSweep { since, symbols: [btc()].into(), ..FillSweep::default() };
    assert_eq!(patiently(rig.exchange.fills_since(&sweep)).await, Ok(Vec::new()));
    let requests = rig.server.requests();
    assert!(requests[0].contains(&format!("startTime={}&", NOW - 420_000)), "{}", requests[0]);
}

#[tokio::test]
async fn an_order_of_another_symbol_or_a_condition_of_the_same_number_takes_no_fill() {
    let trade = "[{\"id\":5,\"orderId\":77,\"symbol\":\"BTCUSDT\",\"side\":\"BUY\",\"price\":\"44990\",\
        \"qty\":\"0.01\",\"commission\":\"0.2\",\"commissionAsset\":\"USDT\",\"maker\":false,\"time\":1699999999000}]";
    let mut rig = rig(&[(200, trade)]).await;
    let (ours, other, stop_loss) = (id(Purpose::Entry, 0), id(Purpose::Entry, 1), id(Purpose::StopLoss, 2));
    let eth = Symbol::try_new("ETHUSDT").unwrap();
    let sweep = FillSweep {
        since: Timestamp::from_ms(NOW - 60_000),
        after: None,
        symbols: [btc()].into(),
        orders: [(btc(), ours.clone()), (eth, other), (btc(), stop_loss)]
            .map(|key| (key, "77".to_owned()))
            .into(),
    };
    let fills = patiently(rig.exchange.fills_since(&sweep)).await.unwrap();
    assert!(matches!(&fills[..], [ReportedFill::Ours(fill)] if fill.client_order_id == ours));
}

#[tokio::test]
async fn terms_that_are_so_already_are_set_and_not_asked_for_again() {
    let same = "{\"code\":-4046,\"msg\":\"No need to change margin type.\"}";
    let set = "{\"leverage\":5,\"maxNotionalValue\":\"1\",\"symbol\":\"BTCUSDT\"}";
    let mut rig = rig(&[(400, same), (200, set)]).await;
    let terms = SymbolTerms { leverage: Leverage::try_new(5).unwrap(), margin_mode: MarginMode::Isolated };
    for _ in 0..2 {
        patiently(rig.exchange.prepare_symbol(&btc(), terms, Lane::Entry)).await.unwrap();
    }
    assert_eq!(rig.server.requests().len(), 2);
}
