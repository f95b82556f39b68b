//! Our Bitget dialect against the simulated Bitget, over loopback. The two are written apart from each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;
use tradefleet::clock::wall_now;
use tradefleet::domain::candle::Candle;
use tradefleet::domain::fill::Fill;
use tradefleet::domain::ids::{AccountId, BotId, ClientOrderId, CycleId, OrderKey};
use tradefleet::domain::instrument::{Instrument, Symbol};
use tradefleet::domain::kind::{ExchangeKind, MarginMode};
use tradefleet::domain::market::MarketStep;
use tradefleet::domain::money::{Leverage, Price, Quote};
use tradefleet::domain::order::{Order, OrderKind, OrderStatus, OrderTimes, Purpose, TimeInForce};
use tradefleet::domain::secret::Secret;
use tradefleet::domain::side::{PositionMode, PositionSide};
use tradefleet::domain::time::{DurationMs, Timeframe, Timestamp};
use tradefleet::exchange::bitget::rest::limits;
use tradefleet::exchange::bitget::sign::Credentials;
use tradefleet::exchange::bitget::{BitgetExchange, BitgetMarket, BitgetParts, HTTP_TIMEOUT, connect_gate};
use tradefleet::exchange::egress::Egress;
use tradefleet::exchange::error::ExchangeError;
use tradefleet::exchange::governor::Governor;
use tradefleet::exchange::http::HttpClient;
use tradefleet::exchange::line::Line;
use tradefleet::exchange::market_data::{CandleQuery, MarketData, MarketEvent};
use tradefleet::exchange::report::{
    ExchangeEvent, ExternalCause, FillSweep, ReportedFill, Scope, SymbolTerms,
};
use tradefleet::exchange::server_clock::ServerClock;
use tradefleet::exchange::socket_runner::{SocketNews, SocketRunner};
use tradefleet::exchange::wire::{Access, Body, HttpRequest, Lane, Method};
use tradefleet::exchange::{BoxFuture, Exchange, Sleep, place_one};
use tradefleet::market::feed::Feed;
use tradefleet::market::tape::Tape;
use tradefleet::simulator::accounts_file::AccountSpec;
use tradefleet::simulator::clock::SimClock;
use tradefleet::simulator::faults::FaultSettings;
use tradefleet::simulator::limits::LimitSpec;
use tradefleet::simulator::market::MarketData as SimulatedData;
use tradefleet::simulator::opening::Opening;
use tradefleet::simulator::server::Server;

/// Bars of history, all at 28,000.
const WARMUP: usize = 30;

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
    Symbol::try_new("BTCUSDT").unwrap()
}

fn demo(position_mode: PositionMode) -> AccountSpec {
    AccountSpec { position_mode, ..AccountSpec::demo(ExchangeKind::Bitget) }
}

/// A market at 28,000 that closes at these prices later on, `speed` times as fast.
async fn simulated(account: AccountSpec, closes: &[&str], speed: u32) -> Server {
    let mut last: Price = "28000".parse().unwrap();
    let flat = vec!["28000"; WARMUP + 4];
    let mut candles = Vec::new();
    for (index, close) in (0..).zip(flat.into_iter().chain(closes.iter().copied())) {
        let close: Price = close.parse().unwrap();
        let open_time = Timestamp::from_ms(index * Timeframe::M1.duration().ms());
        let prices = [last, close.max(last), close.min(last), close];
        candles.push(Candle::try_new(open_time, prices, Decimal::from(60)).unwrap());
        last = close;
    }
    let tape = Tape::from_candles(BTreeMap::from([((btc(), Timeframe::M1), candles)])).unwrap();
    let instrument = Instrument {
        symbol: btc(),
        tick: "0.5".parse().unwrap(),
        step: "0.001".parse().unwrap(),
        min_qty: "0.001".parse().unwrap(),
        min_notional: "5".parse().unwrap(),
    };
    let data = SimulatedData {
        feed: Feed::from_tape(&tape),
        instruments: BTreeMap::from([(btc(), instrument)]),
        warmup: WARMUP,
    };
    let opening = Opening {
        exchange: ExchangeKind::Bitget,
        address: "127.0.0.1:0".parse().unwrap(),
        clock: SimClock::start(speed),
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
    let governor = Governor::new(ExchangeKind::Bitget, "direct", limits(), Arc::clone(&sleep));
    Line::new(http, governor, Arc::new(ServerClock::new(sleep)), account)
}

fn account(server: &Server, position_mode: PositionMode) -> BitgetExchange {
    let secret = |text: &str| Secret::new(text.to_owned());
    BitgetExchange::new(BitgetParts {
        line: line(server, Some(AccountId::new(1))),
        credentials: Credentials {
            api_key: secret("testkey"),
            secret: secret("testsecret"),
            passphrase: secret("testpass"),
        },
        socket_url: format!("ws://{}", server.address),
        position_mode,
        connects: Some(connect_gate()),
    })
}

fn order(leg: u16, purpose: Purpose, position_side: PositionSide, qty: &str, kind: OrderKind) -> Order {
    let (account, bot, cycle) = (AccountId::new(1), Some(BotId::new(1)), CycleId::at(wall_now()));
    let reduces = !purpose.increases();
    Order {
        client_order_id: ClientOrderId::new(&OrderKey { account, bot, cycle, purpose, leg, attempt: 1 }),
        bot,
        symbol: btc(),
        side: if reduces { position_side.exit_side() } else { position_side.entry_side() },
        position_side,
        purpose,
        kind,
        qty: qty.parse().unwrap(),
        reduce_only: reduces,
        leverage: Leverage::try_new(10).unwrap(),
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

async fn next(account: &mut BitgetExchange) -> ExchangeEvent {
    let step = MarketStep { at: wall_now(), price_bars: Vec::new(), closed_bars: Vec::new() };
    loop {
        if let Some(event) = account.next_event(&step) {
            return event;
        }
        account.changed().await;
    }
}

/// The next fill of ours.
async fn next_fill(account: &mut BitgetExchange) -> Fill {
    loop {
        if let ExchangeEvent::Fill(fill) = next(account).await {
            return fill;
        }
    }
}

fn sweep_of(placed: &[(&Order, &str)]) -> FillSweep {
    let since = wall_now().minus(DurationMs::from_secs(600));
    let orders = placed
        .iter()
        .map(|(order, id)| ((order.symbol.clone(), order.client_order_id.clone()), (*id).to_owned()))
        .collect();
    FillSweep { since, orders, ..FillSweep::default() }
}

async fn both_ways_of_hearing_of_a_fill_agree(mode: PositionMode, side: PositionSide) {
    let server = simulated(demo(mode), &[], 1).await;
    let mut account = account(&server, mode);
    assert!(matches!(next(&mut account).await, ExchangeEvent::Resync { .. }));
    let terms = SymbolTerms { leverage: Leverage::try_new(10).unwrap(), margin_mode: MarginMode::Isolated };
    account.prepare_symbol(&btc(), terms, Lane::Entry).await.unwrap();

    let entry = order(0, Purpose::Entry, side, "0.02", OrderKind::Market);
    let accepted = place_one(&mut account, &entry).await.unwrap();
    let again = place_one(&mut account, &entry).await.unwrap();
    assert_eq!(again, accepted, "an id that was used is looked up");
    let opened = next_fill(&mut account).await;
    assert_eq!((opened.side, opened.position_side, opened.qty), (entry.side, side, entry.qty));
    let held = account.positions().await.unwrap().remove(0);
    assert_eq!((held.side, held.qty, held.leverage), (side, entry.qty, Some(terms.leverage)));

    let exit = order(1, Purpose::Exit, side, "0.02", OrderKind::Market);
    let exited = place_one(&mut account, &exit).await.unwrap();
    let closed = next_fill(&mut account).await;
    assert_eq!((closed.side, closed.position_side), (exit.side, side));
    assert!(account.positions().await.unwrap().is_empty());

    let sweep = sweep_of(&[(&entry, &accepted.exchange_order_id), (&exit, &exited.exchange_order_id)]);
    let swept = account.fills_since(&sweep).await.unwrap();
    assert_eq!(swept, [ReportedFill::Ours(opened.clone()), ReportedFill::Ours(closed.clone())]);
    let report = account.order_by_client_id(&btc(), &exit.client_order_id).await.unwrap().unwrap();
    assert_eq!(
        (report.status, report.filled_notional),
        (OrderStatus::Filled, closed.price.notional(closed.qty))
    );
    let balance = account.balance().await.unwrap();
    assert_eq!(balance.wallet, "100000".parse::<Quote>().unwrap() - opened.fee.cash() - closed.fee.cash());
}

#[tokio::test]
async fn in_one_way_mode_longs_and_shorts_are_opened_and_closed() {
    both_ways_of_hearing_of_a_fill_agree(PositionMode::OneWay, PositionSide::Long).await;
    both_ways_of_hearing_of_a_fill_agree(PositionMode::OneWay, PositionSide::Short).await;
}

#[tokio::test]
async fn in_hedge_mode_longs_and_shorts_are_opened_and_closed() {
    both_ways_of_hearing_of_a_fill_agree(PositionMode::Hedge, PositionSide::Long).await;
    both_ways_of_hearing_of_a_fill_agree(PositionMode::Hedge, PositionSide::Short).await;
}

async fn a_stop_is_placed_listed_and_its_execution_is_ours(mode: PositionMode) {
    let server = simulated(demo(mode), &["27000"; 30], 240).await;
    let mut account = account(&server, mode);
    assert!(matches!(next(&mut account).await, ExchangeEvent::Resync { .. }));
    let long = PositionSide::Long;
    let entry = order(0, Purpose::Entry, long, "0.02", OrderKind::Market);
    let stop = OrderKind::StopMarket { trigger: "27500".parse().unwrap() };
    let stop = order(1, Purpose::StopLoss, long, "0.02", stop);
    let take = OrderKind::TakeProfitMarket { trigger: "30000".parse().unwrap() };
    let take = order(2, Purpose::TakeProfit, long, "0.02", take);
    for outcome in account.place(&[entry.clone(), stop.clone(), take.clone()]).await {
        outcome.unwrap();
    }
    let opened = next_fill(&mut account).await;
    assert_eq!(opened.client_order_id, entry.client_order_id);
    account.cancel(&btc(), &take.client_order_id).await.unwrap();
    let closed = next_fill(&mut account).await;
    assert_eq!((&closed.client_order_id, closed.position_side), (&stop.client_order_id, long));
    assert!(closed.price <= "27500".parse().unwrap());
    let report = account.order_by_client_id(&btc(), &stop.client_order_id).await.unwrap().unwrap();
    assert_eq!((report.status, report.filled_qty), (OrderStatus::Filled, stop.qty));
    let taken = account.order_by_client_id(&btc(), &take.client_order_id).await.unwrap().unwrap();
    assert_eq!(taken.status, OrderStatus::Cancelled);
    assert!(account.open_orders(&Scope::All).await.unwrap().ours.is_empty());
    // The exchange's time is far ahead of ours by now.
    let swept = account.fills_since(&sweep_of(&[])).await.unwrap();
    assert_eq!(swept, [ReportedFill::Ours(opened), ReportedFill::Ours(closed)]);
}

#[tokio::test]
async fn a_triggered_stop_is_ours_in_both_modes() {
    a_stop_is_placed_listed_and_its_execution_is_ours(PositionMode::OneWay).await;
    a_stop_is_placed_listed_and_its_execution_is_ours(PositionMode::Hedge).await;
}

#[tokio::test]
async fn a_batch_is_answered_order_by_order_and_what_rests_is_listed_and_cancelled() {
    let server = simulated(demo(PositionMode::Hedge), &[], 1).await;
    let mut account = account(&server, PositionMode::Hedge);
    assert!(matches!(next(&mut account).await, ExchangeEvent::Resync { .. }));
    let resting = |leg: u16, price: &str| {
        let kind = OrderKind::Limit { price: price.parse().unwrap(), time_in_force: TimeInForce::PostOnly };
        order(leg, Purpose::Entry, PositionSide::Long, "0.01", kind)
    };
    let mut orders: Vec<Order> = (0..5).map(|leg| resting(leg, "27000")).collect();
    orders.push(resting(5, "27000.3"));
    let outcomes = account.place(&orders).await;
    assert!(outcomes[..5].iter().all(Result::is_ok), "{outcomes:?}");
    assert!(
        matches!(&outcomes[5], Err(ExchangeError::Refused { code, .. }) if code == "45115"),
        "{outcomes:?}"
    );
    let open = account.open_orders(&Scope::Symbols(BTreeSet::from([btc()]))).await.unwrap();
    assert_eq!((open.ours.len(), open.external.len()), (5, 0));
    account.cancel(&btc(), &orders[0].client_order_id).await.unwrap();
    let ended = loop {
        if let ExchangeEvent::OrderEnded { client_order_id, status, .. } = next(&mut account).await {
            break (client_order_id, status);
        }
    };
    assert_eq!(ended, (orders[0].client_order_id.clone(), OrderStatus::Cancelled));
    let again = account.cancel(&btc(), &orders[0].client_order_id).await;
    assert!(matches!(again, Err(ExchangeError::Refused { .. })), "{again:?}");
    let never = order(9, Purpose::Entry, PositionSide::Long, "0.01", OrderKind::Market);
    assert_eq!(account.order_by_client_id(&btc(), &never.client_order_id).await, Ok(None));
}

async fn control(server: &Server, path: &str, body: &str) {
    let request = HttpRequest {
        method: Method::Post,
        target: format!("/_sim/{path}"),
        headers: Vec::new(),
        body: Some(Body { content_type: "application/json", text: body.to_owned() }),
    };
    let answer = line(server, None).send(&request, Access::Write).await.unwrap();
    assert!(answer.is_success(), "{answer:?}");
}

#[tokio::test]
async fn what_people_and_the_exchange_do_is_told_as_theirs() {
    let server = simulated(demo(PositionMode::OneWay), &[], 1).await;
    let mut account = account(&server, PositionMode::OneWay);
    assert!(matches!(next(&mut account).await, ExchangeEvent::Resync { .. }));
    let told = async |account: &mut BitgetExchange| loop {
        if let ExchangeEvent::ExternalFill(fill) = next(account).await {
            return fill;
        }
    };
    control(&server, "human", r#"{"account":"demo","symbol":"BTCUSDT","side":"buy","qty":"0.1"}"#).await;
    let manual = told(&mut account).await;
    assert_eq!((manual.cause, manual.position_side), (ExternalCause::Manual, None));
    control(&server, "liquidate", r#"{"account":"demo"}"#).await;
    let forced = told(&mut account).await;
    assert_eq!(forced.cause, ExternalCause::Liquidation);
    let swept = account.fills_since(&sweep_of(&[])).await.unwrap();
    assert_eq!(swept, [ReportedFill::External(manual), ReportedFill::External(forced)]);
}

#[tokio::test]
async fn the_profile_of_an_account_is_read_and_a_unified_one_is_refused() {
    let server = simulated(demo(PositionMode::Hedge), &[], 1).await;
    let profile = account(&server, PositionMode::Hedge).inspect().await.unwrap();
    assert_eq!((profile.can_trade, profile.can_withdraw), (Some(true), Some(false)));
    assert_eq!((profile.position_mode, profile.ip_restricted), (Some(PositionMode::Hedge), Some(true)));
    assert!(profile.uid.is_some() && profile.clock_offset.ms().abs() < 5_000, "{profile:?}");

    let wrong_mode = order(0, Purpose::Entry, PositionSide::Long, "0.01", OrderKind::Market);
    let refused = place_one(&mut account(&server, PositionMode::OneWay), &wrong_mode).await;
    assert!(
        matches!(&refused, Err(ExchangeError::Refused { code, .. }) if code == "position_mode"),
        "{refused:?}"
    );

    let server = simulated(AccountSpec { unified: true, ..demo(PositionMode::OneWay) }, &[], 1).await;
    let error = account(&server, PositionMode::OneWay).balance().await.unwrap_err();
    assert!(error.to_string().contains("unified trading account"), "{error}");
}

#[tokio::test]
async fn the_market_tells_its_rules_and_its_candles_both_ways() {
    let server = simulated(demo(PositionMode::OneWay), &["28100"; 30], 240).await;
    let market = BitgetMarket::new(line(&server, None), &format!("ws://{}", server.address));
    let instruments = market.instruments().await.unwrap();
    assert_eq!(
        (instruments[0].tick, instruments[0].step),
        ("0.5".parse().unwrap(), "0.001".parse().unwrap())
    );
    assert_eq!(market.tickers().await.unwrap()[0].symbol, btc());
    assert!(
        market.server_time().await.unwrap() >= server.venue.clock.now().minus(DurationMs::from_secs(3_600))
    );

    let series = BTreeSet::from([(btc(), Timeframe::M1)]);
    let socket = market.sockets(&series).remove(0);
    let mut socket =
        SocketRunner::spawn(line(&server, None).http().clone(), socket, Arc::new(RealTime), None);
    let mut streamed = Vec::new();
    while streamed.len() < WARMUP {
        socket.changed().await;
        while let Some(news) = socket.pop() {
            if let SocketNews::Event(MarketEvent::Candle { candle, is_closed: true, .. }) = news {
                streamed.push(candle);
            }
        }
    }
    let query = CandleQuery {
        symbol: btc(),
        timeframe: Timeframe::M1,
        from: streamed[0].open_time,
        until: streamed[9].close_time(Timeframe::M1),
    };
    assert_eq!(market.candles(&query).await.unwrap(), streamed[..10]);
}

/// Finds out what became of an order whose outcome is not known.
async fn resolved(account: &mut BitgetExchange, order: &Order) -> bool {
    loop {
        if let Ok(found) = account.order_by_client_id(&btc(), &order.client_order_id).await {
            return found.is_some();
        }
    }
}

#[tokio::test]
async fn with_faults_nothing_is_lost_and_nothing_comes_twice() {
    let server = simulated(demo(PositionMode::Hedge), &[], 1).await;
    let mut account = account(&server, PositionMode::Hedge);
    assert!(matches!(next(&mut account).await, ExchangeEvent::Resync { .. }));
    let terms = SymbolTerms { leverage: Leverage::try_new(5).unwrap(), margin_mode: MarginMode::Cross };
    account.prepare_symbol(&btc(), terms, Lane::Entry).await.unwrap();
    let faults = r#"{"error_5xx_pct":40,"duplicate_event_pct":30,"reorder_event_pct":30}"#;
    control(&server, "faults", faults).await;

    let mut placed = Vec::new();
    for leg in 0..12 {
        let purpose = if leg % 2 == 0 { Purpose::Entry } else { Purpose::Exit };
        let order = order(leg, purpose, PositionSide::Long, "0.01", OrderKind::Market);
        let exists = match place_one(&mut account, &order).await {
            Ok(_) => true,
            Err(ExchangeError::Unknown { .. }) => resolved(&mut account, &order).await,
            // An exit whose entry did not come into being.
            Err(ExchangeError::Refused { code, .. }) => {
                assert_eq!(code, "22002");
                false
            }
            Err(other) => panic!("{other}"),
        };
        placed.extend(exists.then(|| order.client_order_id.clone()));
    }
    control(&server, "calm", "{}").await;
    let swept = account.fills_since(&sweep_of(&[])).await.unwrap();
    let filled: Vec<_> = swept
        .iter()
        .map(|fill| match fill {
            ReportedFill::Ours(fill) => fill.client_order_id.clone(),
            ReportedFill::External(fill) => panic!("{fill:?} is ours"),
        })
        .collect();
    assert_eq!(filled, placed, "each order that exists was filled once, and no other");
    let mut streamed = BTreeSet::new();
    while streamed.len() < placed.len() {
        streamed.insert(next_fill(&mut account).await.trade_id);
    }
}
