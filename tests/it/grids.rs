//! Grid bots in the real binary: on a tape, killed and restarted, and over the wire of an exchange that fails.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tradefleet::domain::ids::ClientOrderId;

use crate::fleet::{Daemon, Dice, Tape, figure, ledger, list};
use crate::harness::Home;
use crate::simulator::Simulator;

/// Makes a stopped bot a running grid.
fn make_grid(home: &Home, bot: &str, bounds: (&str, &str), lines: u32, investment: &str, leverage: u8) {
    let (lower, upper) = bounds;
    home.sql(&format!(
        "UPDATE bot_instances SET bot_type = 'grid', strategy_id = NULL, is_running = 1 WHERE name = '{bot}';
         INSERT INTO grid_bot_configs (bot_id, lower_price, upper_price, grid_count, grid_mode, total_investment,
             per_grid_amount, leverage, buy_in)
         SELECT id, '{lower}', '{upper}', {lines}, 'arithmetic', '{investment}', '0', {leverage}, 1
         FROM bot_instances WHERE name = '{bot}';"
    ));
}

/// A paper account whose bot works 21 lines around the tape's level.
fn paper_grid() -> Home {
    let home = Home::with_account();
    home.run("bot add ladder --account a --strategy momentum --symbol BTCUSDT --allocation 80").ok();
    make_grid(&home, "ladder", ("28500", "31500"), 21, "6000", 3);
    home
}

fn text(home: &Home, sql: &str) -> String {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let conn = Connection::open_with_flags(home.file("tradefleet.db"), flags).unwrap();
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// What each line has earned in its finished rounds, by `trades --json` alone.
pub(crate) fn recomputed(home: &Home) -> BTreeMap<u16, Decimal> {
    let trades = home.json("trades --open --limit 100000");
    let mut fills: Vec<_> = list(&trades, "trades").iter().flat_map(|trade| list(trade, "fills")).collect();
    fills.sort_by_key(|fill| fill["at"].as_i64());
    let mut rounds: BTreeMap<u16, (Decimal, Decimal)> = BTreeMap::new();
    let mut earned: BTreeMap<u16, Decimal> = BTreeMap::new();
    for fill in fills {
        let id: ClientOrderId = fill["order"].as_str().unwrap().parse().unwrap();
        let line = id.key().unwrap().line().unwrap();
        let (qty, price) = (figure(fill, "qty"), figure(fill, "price"));
        let sign = if fill["side"] == "buy" { Decimal::ONE } else { -Decimal::ONE };
        let round = rounds.entry(line).or_default();
        round.0 += sign * qty;
        round.1 -= sign * qty * price + figure(fill, "fee");
        if round.0.is_zero() {
            *earned.entry(line).or_default() += round.1;
            round.1 = Decimal::ZERO;
        }
    }
    earned
}

fn booked(home: &Home, line: u16) -> Decimal {
    text(home, &format!("SELECT profit FROM grid_orders WHERE grid_index = {line}")).parse().unwrap()
}

#[test]
fn booked_profit_is_what_the_fills_say_to_the_last_digit() {
    let home = paper_grid();
    home.sql("UPDATE grid_bot_configs SET buy_in = 0");
    let tape = Tape::write(&home, 1_500, 700);
    home.run(&format!("run {}", tape.whole)).ok();
    let earned = recomputed(&home);
    assert!(earned.len() > 5, "{earned:?}");
    for (line, earned) in &earned {
        assert_eq!(booked(&home, *line), earned.normalize(), "line {line}");
    }
    let total: Decimal = text(&home, "SELECT realized_profit FROM grid_bot_configs").parse().unwrap();
    assert_eq!(total, earned.values().sum::<Decimal>().normalize());
    assert!(home.count("SELECT count(*) FROM grid_fills WHERE profit IS NOT NULL") > 20);
    assert_eq!(home.json("db check")["ok"], true);
}

#[test]
fn killed_at_any_moment_a_grid_ends_as_if_it_had_not_been() {
    let calm = paper_grid();
    let tape = Tape::write(&calm, 900, 400);
    calm.run(&format!("run {}", tape.whole)).ok();
    let total = calm.count("SELECT count(*) FROM orders");
    assert!(total > 50, "{total}");
    let home = paper_grid();
    let tape = Tape::write(&home, 900, 400);
    let mut dice = Dice(77);
    let mut moments: Vec<i64> = (0..6).map(|_| dice.roll().cast_signed() % total).collect();
    moments.sort_unstable();
    for moment in moments {
        let mut daemon = Daemon::start(&home, &format!("--json run {}", tape.whole));
        daemon.wait_until(|| home.count("SELECT count(*) FROM orders") >= moment);
        daemon.kill();
    }
    Daemon::start(&home, &format!("--json run {}", tape.whole)).finish().ok();
    for (calm, killed) in ledger(&calm).iter().zip(ledger(&home)) {
        for (number, (left, right)) in calm.lines().zip(killed.lines()).enumerate() {
            assert_eq!(left, right, "line {number}");
        }
    }
    let ladder = "SELECT group_concat(grid_index || status || profit) FROM grid_orders ORDER BY grid_index";
    assert_eq!(text(&calm, ladder), text(&home, ladder));
    assert_eq!(home.json("db check")["ok"], true);
}

/// How many times as fast as real time the exchange runs.
const SPEED: &str = "20";

/// An exchange and a home with one account there whose bot works 100 lines around the market.
async fn hundred_lines() -> (Simulator, Home) {
    let home = Home::new();
    let accounts = home.write(
        "exchange.toml",
        "[[account]]\nexchange = \"binance\"\nname = \"a\"\napi_key = \"ak\"\napi_secret = \"as\"\n\
         balance = \"100000\"\n",
    );
    let simulator = Simulator::start("binance", &["--speed", SPEED, "--accounts", &accounts]).await;
    let (base, socket) = (&simulator.base, simulator.base.replace("http://", "ws://"));
    let config = format!(
        "[binance]\nrest_url = \"{base}\"\nstream_url = \"{socket}\"\naccount_url = \"{base}\"\n\
         [live]\nspeed = {SPEED}\npaper_market = \"binance\"\n[gates]\nenabled = false\n"
    );
    std::fs::write(home.file("config.toml"), config).unwrap();
    let keys = [("K", "ak"), ("S", "as")];
    home.run_with("account add a --exchange binance --api-key-env K --api-secret-env S", &keys).ok();
    home.run("account set a dry_run=off leverage=5 --yes").ok();
    home.run("bot add ladder --account a --strategy momentum --symbol BTCUSDT --allocation 90").ok();
    let price = market(&simulator).await;
    let bound = |pct: i64| (price * Decimal::new(pct, 3)).round_dp(0).to_string();
    make_grid(&home, "ladder", (&bound(960), &bound(1_040)), 100, "50000", 5);
    (simulator, home)
}

/// What rests at the exchange on each line, by its side: client order ids and what is left of them.
async fn resting(simulator: &Simulator) -> BTreeMap<(u16, String), Vec<Decimal>> {
    let ledger = simulator.get("/_sim/ledger?account=a").await;
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for order in list(&ledger, "orders") {
        let id = order["client_id"].as_str().unwrap_or_default().parse::<ClientOrderId>();
        let line = id.ok().and_then(|id| id.key()?.line());
        let rests = ["open", "partially_filled"].contains(&order["status"].as_str().unwrap());
        if let Some(line) = line.filter(|_| rests) {
            let left = figure(order, "qty") - figure(order, "filled_qty");
            found.entry((line, order["side"].as_str().unwrap().to_owned())).or_default().push(left);
        }
    }
    found
}

async fn market(simulator: &Simulator) -> Decimal {
    let ticker = simulator.get("/fapi/v1/ticker/price?symbol=BTCUSDT").await;
    ticker["price"].as_str().unwrap().parse().unwrap()
}

/// What each line holds by the history of its fills, and its price.
fn held(home: &Home) -> BTreeMap<u16, (Decimal, Decimal)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let conn = Connection::open_with_flags(home.file("tradefleet.db"), flags).unwrap();
    let mut lines: BTreeMap<u16, (Decimal, Decimal)> = BTreeMap::new();
    let decimal = |text: String| text.parse::<Decimal>().unwrap();
    let mut prices = conn.prepare("SELECT grid_index, grid_price FROM grid_orders").unwrap();
    let rows = prices.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    lines.extend(rows.map(|row| row.map(|(line, price)| (line, (Decimal::ZERO, decimal(price)))).unwrap()));
    let mut fills = conn.prepare("SELECT grid_index, side, qty FROM grid_fills").unwrap();
    let rows = fills.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    for (line, side, qty) in rows.map(|row| row.unwrap()) {
        let (line, side, qty): (u16, String, String) = (line, side, qty);
        let qty = decimal(qty);
        lines.get_mut(&line).unwrap().0 += if side == "buy" { qty } else { -qty };
    }
    lines
}

/// What is not as it should be: every line has exactly what it lacks, what it holds is for sale, or it buys below the
/// market.
async fn discrepancy(simulator: &Simulator, home: &Home, price: Decimal, count: u16) -> Option<String> {
    let in_doubt = "SELECT count(*) FROM orders WHERE status IN ('unknown', 'sent', 'intended')";
    if home.count(in_doubt) > 0 {
        return Some("orders are in doubt".to_owned());
    }
    let rests = resting(simulator).await;
    if let Some(doubled) = rests.iter().find(|(_, orders)| orders.len() > 1) {
        return Some(format!("two orders rest: {doubled:?}"));
    }
    let lines = held(home);
    assert_eq!(lines.len(), usize::from(count));
    let on = |line: u16, side: &str| rests.get(&(line, side.to_owned())).map(|orders| orders[0]);
    // The highest line opens nothing.
    lines.into_iter().filter(|(line, _)| *line + 1 < count).find_map(|(line, (lot, at))| {
        let is_partial = on(line, "buy").is_some() && !lot.is_zero();
        let is_near = (at - price).abs() < price / Decimal::from(10_000);
        let is_right = if lot.is_zero() {
            is_near || on(line, "buy").is_some() == (at < price)
        } else {
            is_partial || on(line, "sell") == Some(lot)
        };
        (!is_right).then(|| format!("line {line} at {at} holds {lot}, the market is at {price}"))
    })
}

/// Runs until the ladder is exact: refused orders are tried again after a pause that grows to five minutes.
async fn assert_exact(simulator: &Simulator, home: &Home, price: Decimal, count: u16) {
    let mut found = None;
    for _ in 0..15 {
        home.run("run --cycles 40").ok();
        found = discrepancy(simulator, home, price, count).await;
        if found.is_none() {
            return;
        }
    }
    panic!("{found:?}");
}

#[tokio::test]
async fn a_hundred_lines_survive_kills_lost_answers_and_torn_sockets() {
    let (simulator, home) = hundred_lines().await;
    // On a busy machine some are too late at first and are placed again.
    for _ in 0..5 {
        home.run("run --cycles 30").ok();
        if resting(&simulator).await.len() >= 90 {
            break;
        }
    }
    assert!(resting(&simulator).await.len() >= 90, "{:?}", resting(&simulator).await);
    assert_eq!(simulator.get("/_sim/stats").await["rate_limited"], 0);
    let faults =
        json!({ "account": "a", "lost_answer_pct": 20.0, "error_5xx_pct": 5.0, "disconnect_every_s": 3.0 });
    simulator.control("faults", &faults).await;
    for stop in ["bot stop ladder --account a", "bot start ladder --account a", "", ""] {
        let mut daemon = Daemon::start(&home, "--json run");
        let before = home.count("SELECT count(*) FROM order_events");
        if !stop.is_empty() {
            home.run(stop);
        }
        // Killed while it cancels all lines, places them anew, or trades.
        for _ in 0..150 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(!daemon.has_ended());
            if home.count("SELECT count(*) FROM order_events") > before + 60 {
                break;
            }
        }
        daemon.kill();
    }
    simulator.control("calm", &json!({})).await;
    simulator.control("pause", &json!({})).await;
    assert_exact(&simulator, &home, market(&simulator).await, 100).await;
    assert_equal_books(&simulator, &home).await;
}

async fn assert_equal_books(simulator: &Simulator, home: &Home) {
    let oracle = simulator.get("/_sim/ledger?account=a").await;
    assert_eq!(
        home.count("SELECT count(*) FROM fills"),
        i64::try_from(list(&oracle, "fills").len()).unwrap()
    );
    let stats = simulator.get("/_sim/stats").await;
    assert_eq!(stats["accounts"][0]["duplicate_client_ids"], 0, "{stats}");
    assert_eq!(simulator.get("/_sim/health").await["oracle_agrees"], true);
    home.run("db check").ok();
}

/// Lines of the grids that are made by the command line.
const FEW: u16 = 20;

/// An exchange that a grid is tried on, beside Binance.
struct Place {
    exchange: &'static str,
    symbol: &'static str,
    passphrase: &'static str,
    balance: &'static str,
    investment: &'static str,
    /// Whole units that both bounds are rounded to.
    unit: i64,
    ticker: &'static str,
    price: fn(&Value) -> &Value,
}

/// A grid by the words of an operator: made, traded while answers are lost, and exact when it is quiet again.
async fn a_grid_is_exact_after_lost_answers(place: Place) {
    let Place { exchange, symbol, passphrase, balance, investment, unit, ticker, price } = place;
    let home = Home::new();
    let accounts = home.write(
        "exchange.toml",
        &format!(
            "[[account]]\nexchange = \"{exchange}\"\nname = \"a\"\napi_key = \"ak\"\napi_secret = \"as\"\n\
             passphrase = \"ap\"\nbalance = \"{balance}\"\n"
        ),
    );
    let simulator = Simulator::start(exchange, &["--speed", SPEED, "--accounts", &accounts]).await;
    let (base, socket) = (&simulator.base, simulator.base.replace("http://", "ws://"));
    let config = format!(
        "[{exchange}]\nrest_url = \"{base}\"\nstream_url = \"{socket}\"\n\
         [live]\nspeed = {SPEED}\npaper_market = \"{exchange}\"\n[gates]\nenabled = false\n"
    );
    std::fs::write(home.file("config.toml"), config).unwrap();
    let keys = [("K", "ak"), ("S", "as"), ("P", "ap")];
    let add = format!("account add a --exchange {exchange} --api-key-env K --api-secret-env S{passphrase}");
    home.run_with(&add, &keys).ok();
    home.run("account set a dry_run=off --yes").ok();
    // The exchange's rules and what the account has are known from here on.
    home.run("run --cycles 3").ok();
    let now = || async {
        let shown = simulator.get(ticker).await;
        let found = price(&shown);
        found.as_str().map_or_else(|| found.to_string(), str::to_owned).parse::<Decimal>().unwrap()
    };
    let (unit, middle) = (Decimal::from(unit), now().await);
    let bound = |per_mille: i64| ((middle * Decimal::new(per_mille, 3) / unit).round() * unit).to_string();
    home.run(&format!(
        "bot add ladder --account a --type grid --symbol {symbol} --lower {} --upper {} --grids {FEW} --allocation 90 \
         --investment {investment} --leverage 1 --buy-in --start",
        bound(980),
        bound(1_020)
    ))
    .ok();
    simulator
        .control("faults", &json!({ "account": "a", "lost_answer_pct": 20.0, "error_5xx_pct": 5.0 }))
        .await;
    home.run("run --cycles 60").ok();
    simulator.control("calm", &json!({})).await;
    simulator.control("pause", &json!({})).await;
    assert_exact(&simulator, &home, now().await, FEW).await;
    assert!(home.count("SELECT count(*) FROM grid_fills") > 0);
    assert_equal_books(&simulator, &home).await;
}

#[tokio::test]
async fn on_bitget_a_grid_is_exact_after_lost_answers() {
    a_grid_is_exact_after_lost_answers(Place {
        exchange: "bitget",
        symbol: "BTCUSDT",
        passphrase: " --passphrase-env P",
        balance: "100000",
        investment: "20000",
        unit: 1,
        ticker: "/api/v2/mix/market/ticker?productType=USDT-FUTURES&symbol=BTCUSDT",
        price: |shown| &shown["data"][0]["lastPr"],
    })
    .await;
}

#[tokio::test]
async fn on_upbit_a_grid_is_exact_after_lost_answers() {
    a_grid_is_exact_after_lost_answers(Place {
        exchange: "upbit",
        symbol: "KRW-BTC",
        passphrase: "",
        balance: "100000000",
        investment: "20000000",
        unit: 1_000,
        ticker: "/v1/ticker?markets=KRW-BTC",
        price: |shown| &shown[0]["trade_price"],
    })
    .await;
}
