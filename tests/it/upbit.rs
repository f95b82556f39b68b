//! Our Upbit dialect against the simulated Upbit, over loopback. The two are written apart from each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tradefleet::clock::wall_now;
use tradefleet::domain::ids::{AccountId, BotId, ClientOrderId, CycleId, OrderKey};
use tradefleet::domain::instrument::{Instrument, Symbol};
use tradefleet::domain::kind::ExchangeKind;
use tradefleet::domain::market::MarketStep;
use tradefleet::domain::money::{Leverage, Pct, Qty, Quote};
use tradefleet::domain::order::{Order, OrderKind, OrderStatus, OrderTimes, Purpose, TimeInForce};
use tradefleet::domain::secret::Secret;
use tradefleet::domain::side::{PositionSide, Side};
use tradefleet::domain::time::{DurationMs, Timeframe, Timestamp};
use tradefleet::exchange::egress::Egress;
use tradefleet::exchange::error::ExchangeError;
use tradefleet::exchange::governor::Governor;
use tradefleet::exchange::http::HttpClient;
use tradefleet::exchange::line::Line;
use tradefleet::exchange::market_data::{CandleQuery, MarketData, MarketEvent};
use tradefleet::exchange::report::{ExchangeEvent, FillSweep, ReportedFill, Scope};
use tradefleet::exchange::server_clock::ServerClock;
use tradefleet::exchange::socket_runner::{SocketNews, SocketRunner};
use tradefleet::exchange::upbit::rest::limits;
use tradefleet::exchange::upbit::sign::{Algorithm, Keys};
use tradefleet::exchange::upbit::{HTTP_TIMEOUT, UpbitExchange, UpbitMarket, UpbitParts};
use tradefleet::exchange::wire::{Access, Body, HttpRequest, Method};
use tradefleet::exchange::{BoxFuture, Exchange, Sleep, place_one};
use tradefleet::market::feed::Feed;
use tradefleet::market::synthetic::{SyntheticConfig, SyntheticMarket, SyntheticSymbol};
use tradefleet::simulator::accounts_file::AccountSpec;
use tradefleet::simulator::clock::SimClock;
use tradefleet::simulator::faults::FaultSettings;
use tradefleet::simulator::limits::LimitSpec;
use tradefleet::simulator::market::MarketData as SimulatedData;
use tradefleet::simulator::opening::Opening;
use tradefleet::simulator::server::Server;

struct RealTime;

impl Sleep for RealTime {
    fn sleep(&self, duration: DurationMs) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(duration.ms().unsigned_abs())))
    }

    fn now(&self) -> Timestamp {
        wall_now()
    }
}

fn btc() -> Symbol {
    Symbol::try_new("KRW-BTC").unwrap()
}

async fn simulated() -> Server {
    simulated_for(AccountSpec::demo(ExchangeKind::Upbit)).await
}

async fn simulated_for(account: AccountSpec) -> Server {
    let listed = SyntheticSymbol { symbol: btc(), price: "77000000".parse().unwrap(), decimals: 0 };
    let config = SyntheticConfig::with_default_symbols(1, Timestamp::default());
    let market = SyntheticMarket::new(SyntheticConfig { symbols: vec![listed], ..config }).unwrap();
    let instrument = Instrument {
        symbol: btc(),
        tick: "1".parse().unwrap(),
        step: "0.001".parse().unwrap(),
        min_qty: "0.001".parse().unwrap(),
        min_notional: "1".parse().unwrap(),
    };
    let data = SimulatedData {
        feed: Feed::from_synthetic(market),
        instruments: BTreeMap::from([(btc(), instrument)]),
        warmup: 300,
    };
    let opening = Opening {
        exchange: ExchangeKind::Upbit,
        address: "127.0.0.1:0".parse().unwrap(),
        clock: SimClock::start(1),
        market: data,
        accounts: vec![account],
        faults: FaultSettings::default(),
        limits: LimitSpec::default(),
        funding: None,
        seed: 1,
    };
    opening.open().await.unwrap()
}

fn line(server: &Server, account: Option<AccountId>) -> Line {
    let sleep: Arc<dyn Sleep> = Arc::new(RealTime);
    let http = HttpClient::new(&Egress::Direct, &format!("http://{}", server.address), HTTP_TIMEOUT).unwrap();
    let governor = Governor::new(ExchangeKind::Upbit, "direct", limits(), Arc::clone(&sleep));
    Line::new(http, governor, Arc::new(ServerClock::new(sleep)), account)
}

fn account(server: &Server) -> UpbitExchange {
    let secret = |text: &str| Secret::new(text.to_owned());
    let keys =
        Keys { access_key: secret("testkey"), secret_key: secret("testsecret"), algorithm: Algorithm::Hs512 };
    let line = line(server, Some(AccountId::new(1)));
    UpbitExchange::new(UpbitParts {
        line,
        keys,
        socket_url: format!("ws://{}", server.address),
        connects: None,
    })
}

fn order(leg: u16, side: Side, qty: &str, kind: OrderKind) -> Order {
    let (account, bot) = (AccountId::new(1), Some(BotId::new(1)));
    let (cycle, purpose) = (CycleId::at(wall_now()), Purpose::Entry);
    Order {
        client_order_id: ClientOrderId::new(&OrderKey { account, bot, cycle, purpose, leg, attempt: 1 }),
        bot,
        symbol: btc(),
        side,
        position_side: PositionSide::Long,
        purpose,
        kind,
        qty: qty.parse().unwrap(),
        reduce_only: side == Side::Sell,
        leverage: Leverage::ONE,
        reserved_margin: Quote::ZERO,
        cycle,
        status: OrderStatus::Intended,
        filled_qty: "0".parse().unwrap(),
        filled_notional: Quote::ZERO,
        exchange_order_id: None,
        end_reason: None,
        dry_run: false,
        times: OrderTimes { decided_at: wall_now(), ..OrderTimes::default() },
    }
}

async fn next(account: &mut UpbitExchange) -> ExchangeEvent {
    let step = MarketStep { at: wall_now(), price_bars: Vec::new(), closed_bars: Vec::new() };
    loop {
        if let Some(event) = account.next_event(&step) {
            return event;
        }
        account.changed().await;
    }
}

#[tokio::test]
async fn an_account_trades_and_both_ways_of_hearing_of_a_fill_agree() {
    let server = simulated().await;
    let mut account = account(&server);
    assert!(matches!(next(&mut account).await, ExchangeEvent::Resync { .. }));
    let before = account.balance().await.unwrap();
    let coins = account.positions().await.unwrap().remove(0).qty;

    let buy = order(0, Side::Buy, "0.01234567", OrderKind::Market);
    let bought = place_one(&mut account, &buy).await.unwrap();
    assert_eq!(place_one(&mut account, &buy).await.unwrap(), bought, "sent again it is the same order");
    let ExchangeEvent::OrderSeen(seen) = next(&mut account).await else { panic!("not seen") };
    assert_eq!(
        (seen.client_order_id, seen.exchange_order_id),
        (buy.client_order_id.clone(), bought.exchange_order_id)
    );
    let ExchangeEvent::Fill(fill) = next(&mut account).await else { panic!("not filled") };
    assert_eq!(fill.qty, buy.qty);

    let report = account.order_by_client_id(&btc(), &buy.client_order_id).await.unwrap().unwrap();
    assert_eq!((report.status, report.filled_notional), (OrderStatus::Filled, fill.price.notional(fill.qty)));
    let sweep =
        FillSweep { since: buy.times.decided_at.minus(DurationMs::from_secs(60)), ..FillSweep::default() };
    let swept = account.fills_since(&sweep).await.unwrap();
    assert!(swept.contains(&ReportedFill::Ours(fill.clone())), "{swept:?}");
    // Those that the account was opened with.
    assert_eq!(swept.iter().filter(|fill| matches!(fill, ReportedFill::External(_))).count(), 1);

    let held = account.positions().await.unwrap().remove(0);
    assert_eq!(held.qty, coins.plus(buy.qty));
    let after = account.balance().await.unwrap();
    let spent = fill.price.notional(fill.qty) + fill.fee.cash();
    assert_eq!(before.available - after.available, spent);

    let sell = order(1, Side::Sell, "0.01234567", OrderKind::Market);
    place_one(&mut account, &sell).await.unwrap();
    while !matches!(next(&mut account).await, ExchangeEvent::Fill(fill) if fill.client_order_id == sell.client_order_id)
    {
    }
    assert_eq!(account.positions().await.unwrap().remove(0).qty, coins);
}

#[tokio::test]
async fn a_resting_order_is_listed_cancelled_and_told_to_have_ended() {
    let server = simulated().await;
    let mut account = account(&server);
    assert!(matches!(next(&mut account).await, ExchangeEvent::Resync { .. }));
    let kind = OrderKind::Limit { price: "50000000".parse().unwrap(), time_in_force: TimeInForce::PostOnly };
    let resting = order(0, Side::Buy, "0.01", kind);
    place_one(&mut account, &resting).await.unwrap();
    let open = account.open_orders(&Scope::Symbols(BTreeSet::from([btc()]))).await.unwrap();
    assert_eq!(
        (open.ours[0].client_order_id.clone(), open.external.len()),
        (resting.client_order_id.clone(), 0)
    );
    account.cancel(&btc(), &resting.client_order_id).await.unwrap();
    let ended = loop {
        if let ExchangeEvent::OrderEnded { client_order_id, status, .. } = next(&mut account).await {
            break (client_order_id, status);
        }
    };
    assert_eq!(ended, (resting.client_order_id.clone(), OrderStatus::Cancelled));
    let again = account.cancel(&btc(), &resting.client_order_id).await;
    assert!(matches!(again, Err(ExchangeError::Refused { .. })), "{again:?}");

    let poor = order(1, Side::Buy, "10", kind);
    let error = place_one(&mut account, &poor).await.unwrap_err();
    assert!(error.to_string().starts_with("refused (insufficient_funds_bid)"), "{error}");
    assert_eq!(account.order_by_client_id(&btc(), &poor.client_order_id).await, Ok(None));
    let profile = account.inspect().await.unwrap();
    assert!(profile.key_expires_at.is_some_and(|at| at > wall_now()), "{profile:?}");
}

#[tokio::test]
async fn an_order_whose_answer_is_lost_is_found_and_sent_again_does_no_harm() {
    let server = simulated().await;
    let mut account = account(&server);
    let buy = order(
        0,
        Side::Buy,
        "0.001",
        OrderKind::Limit {
            price: "80000000".parse().unwrap(),
            time_in_force: TimeInForce::ImmediateOrCancel,
        },
    );
    control(&server, "faults", r#"{"lost_answer_pct": 100.0, "lost_answer_hold_ms": 1}"#).await;
    let lost = place_one(&mut account, &buy).await;
    assert!(matches!(lost, Err(ExchangeError::Unknown { .. })), "{lost:?}");
    control(&server, "calm", "{}").await;
    let found = account.order_by_client_id(&btc(), &buy.client_order_id).await.unwrap().unwrap();
    assert_eq!(found.status, OrderStatus::Filled);
    assert_eq!(place_one(&mut account, &buy).await.unwrap().exchange_order_id, found.exchange_order_id);
    let swept = account.fills_since(&FillSweep::default()).await.unwrap();
    assert_eq!(swept.iter().filter(|fill| matches!(fill, ReportedFill::Ours(_))).count(), 1);
}

#[tokio::test]
async fn what_the_book_cannot_give_at_once_expires() {
    let demo = AccountSpec::demo(ExchangeKind::Upbit);
    let participation_pct = Some(Pct::HUNDRED);
    let server = simulated_for(AccountSpec { name: "small".to_owned(), participation_pct, ..demo }).await;
    let mut account = account(&server);
    let buy = order(0, Side::Buy, "0.5", OrderKind::Market);
    place_one(&mut account, &buy).await.unwrap();
    let mut filled = Vec::new();
    let status = loop {
        let event = next(&mut account).await;
        if let ExchangeEvent::OrderEnded { status, .. } = event {
            break status;
        }
        if let ExchangeEvent::Fill(fill) = event {
            filled.push(fill);
        }
    };
    assert_eq!(status, OrderStatus::Expired);
    let report = account.order_by_client_id(&btc(), &buy.client_order_id).await.unwrap().unwrap();
    assert_eq!(report.status, OrderStatus::Expired);
    // How much was traded in the moment before is the market's affair.
    let sum = filled.iter().fold(Qty::ZERO, |sum, fill| sum.plus(fill.qty));
    assert!(sum == report.filled_qty && sum < buy.qty, "{filled:?} {report:?}");
    let swept = account.fills_since(&FillSweep::default()).await.unwrap();
    assert_eq!(swept, filled.into_iter().map(ReportedFill::Ours).collect::<Vec<_>>());
}

async fn control(server: &Server, path: &str, json: &str) {
    let body = Some(Body { content_type: "application/json", text: json.to_owned() });
    let (method, target) = (Method::Post, format!("/_sim/{path}"));
    let request = HttpRequest { method, target, headers: Vec::new(), body };
    let answer = line(server, None).http().send(&request, Access::Write).await.unwrap();
    assert!(answer.is_success(), "{}", answer.body);
}

#[tokio::test]
async fn the_market_is_told_by_asking_and_by_a_socket() {
    let server = simulated().await;
    let market = UpbitMarket::new(line(&server, None), &format!("ws://{}", server.address));
    let instruments = market.instruments().await.unwrap();
    assert_eq!((instruments.len(), instruments[0].tick.to_string()), (1, "1000".to_owned()));
    assert_eq!(
        (instruments[0].step.to_string(), instruments[0].min_notional.to_string()),
        ("0.00000001".to_owned(), "5000".to_owned())
    );
    assert_eq!(market.tickers().await.unwrap()[0].symbol, btc());
    let apart = market.server_time().await.unwrap().since(wall_now()).ms();
    assert!(apart.abs() < 60_000, "{apart} ms apart");

    let until = Timeframe::M1.bar_start(wall_now());
    let minutes = |minutes| Timeframe::M1.duration().times(minutes);
    let query =
        CandleQuery { symbol: btc(), timeframe: Timeframe::M1, from: until.minus(minutes(250)), until };
    let page = market.candles(&query).await.unwrap();
    let opens: Vec<i64> =
        page.iter().map(|candle| candle.open_time.since(query.from).ms() / 60_000).collect();
    assert_eq!(opens, (0..200).collect::<Vec<i64>>());

    let series = BTreeSet::from([(btc(), Timeframe::M1), (btc(), Timeframe::D1)]);
    let socket = market.sockets(&series).remove(0);
    let http = line(&server, None).http().clone();
    let mut socket = SocketRunner::spawn(http, socket, Arc::new(RealTime), None);
    let candle = loop {
        socket.changed().await;
        if let Some(SocketNews::Event(MarketEvent::Candle { candle, .. })) = socket.pop() {
            break candle;
        }
    };
    assert_eq!(Timeframe::M1.bar_start(candle.open_time), candle.open_time);
}
