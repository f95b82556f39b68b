//! `run` against `simulate`, over the wire of each exchange: what the exchange's oracle holds is what we hold.

use std::collections::BTreeSet;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::books::{self, Comparison};
use crate::fleet::Daemon;
use crate::harness::Home;
use crate::simulator::Simulator;

/// What differs between the exchanges for an operator.
pub(crate) struct Stage {
    exchange: &'static str,
    symbols: [&'static str; 2],
    /// Of the account, beside what all have.
    settings: &'static str,
    passphrase: &'static str,
    balance: &'static str,
    /// Of the account at the exchange, beside what all have.
    terms: &'static str,
    /// Of the exchange, beside what all have.
    flags: &'static [&'static str],
    /// How many times as fast as real time it runs.
    speed: u32,
}

pub(crate) const BINANCE: Stage = Stage {
    exchange: "binance",
    symbols: ["BTCUSDT", "ETHUSDT"],
    settings: " leverage=5 short_tp_pct=0.3 short_sl_pct=0.3",
    passphrase: "",
    balance: "10000",
    terms: "",
    flags: &[],
    speed: 40,
};
pub(crate) const BITGET: Stage = Stage { exchange: "bitget", passphrase: " --passphrase-env P", ..BINANCE };
const UPBIT: Stage = Stage {
    exchange: "upbit",
    symbols: ["KRW-BTC", "KRW-ETH"],
    settings: "",
    passphrase: "",
    balance: "50000000",
    terms: "",
    flags: &[],
    speed: 40,
};

/// An exchange and a home with one account there, `a`, whose bots trade often.
pub(crate) struct Rehearsal {
    pub(crate) simulator: Simulator,
    pub(crate) home: Home,
}

impl Rehearsal {
    pub(crate) async fn start(stage: &Stage) -> Self {
        let Stage { exchange, symbols, settings, passphrase, balance, terms, flags, speed } = stage;
        let home = Home::new();
        let accounts = home.write(
            "exchange.toml",
            &format!(
                "[[account]]\nexchange = \"{exchange}\"\nname = \"a\"\napi_key = \"ak\"\n\
                 api_secret = \"as\"\npassphrase = \"ap\"\nbalance = \"{balance}\"\n{terms}"
            ),
        );
        let speed = speed.to_string();
        let flags = [&["--speed", &speed, "--accounts", &accounts], *flags].concat();
        let simulator = Simulator::start(exchange, &flags).await;
        std::fs::write(home.file("config.toml"), config(exchange, &simulator.base, &speed)).unwrap();
        let keys = [("K", "ak"), ("S", "as"), ("P", "ap")];
        let add =
            format!("account add a --exchange {exchange} --api-key-env K --api-secret-env S{passphrase}");
        home.run_with(&add, &keys).ok();
        let set = "auto_exit=on exit_cooldown_h=0 entry_pct=20 long_tp_pct=0.3 long_sl_pct=0.3 dca_pct=0.1";
        home.run(&format!("account set a {set}{settings}")).ok();
        let params = "--set period=3 --set threshold_pct=0.05 --set min_confidence=0";
        home.run(&format!("strategy add lively --kind momentum {params}")).ok();
        for (index, symbol) in symbols.iter().enumerate() {
            let flags = "--strategy lively --allocation 40 --start";
            home.run(&format!("bot add bot{index} --account a --symbol {symbol} {flags}")).ok();
        }
        Self { simulator, home }
    }

    /// Lets the daemon reach the exchange by another address.
    pub(crate) fn go_over(&self, base: &str) {
        let config = std::fs::read_to_string(self.home.file("config.toml")).unwrap();
        let host = |base: &str| base.replace("http://", "");
        let config = config.replace(&host(&self.simulator.base), &host(base));
        std::fs::write(self.home.file("config.toml"), config).unwrap();
    }

    pub(crate) async fn ledger(&self) -> Value {
        self.simulator.get("/_sim/ledger?account=a").await
    }

    /// Trades until the oracle has seen this many fills.
    pub(crate) async fn trade_until(&self, fills: usize) {
        for _ in 0..12 {
            self.home.run("run --cycles 60").ok();
            if self.ledger().await["fills"].as_array().unwrap().len() >= fills {
                return;
            }
        }
        panic!("hardly anything was traded: {}", self.ledger().await);
    }

    /// Trades until a position is left open when the daemon ends.
    pub(crate) async fn hold_something(&self) {
        for _ in 0..40 {
            self.home.run("run --cycles 20").ok();
            if !self.ledger().await["positions"].as_array().unwrap().is_empty() {
                return;
            }
        }
        panic!("nothing was held: {}", self.ledger().await);
    }

    /// Whether the exchange holds nothing for the account, and nothing of it waits there.
    pub(crate) async fn is_clear(&self) -> bool {
        let ledger = self.ledger().await;
        let is_empty = |list: &str| ledger[list].as_array().unwrap().is_empty();
        is_empty("positions") && is_empty("open_conditionals") && self.resting().await == 0
    }

    /// How many orders wait at the exchange, without those that wait for a trigger.
    pub(crate) async fn resting(&self) -> usize {
        let rests =
            |order: &&Value| ["open", "partially_filled"].contains(&order["status"].as_str().unwrap());
        self.ledger().await["orders"].as_array().unwrap().iter().filter(rests).count()
    }

    /// How many orders were decided that open something or add to it.
    pub(crate) fn entries(&self) -> usize {
        let orders = self.home.json("orders --limit 100000");
        let adds = |order: &&Value| {
            ["entry", "dca1", "dca2", "dca3"].contains(&order["purpose"].as_str().unwrap_or_default())
        };
        orders["orders"].as_array().unwrap().iter().filter(adds).count()
    }

    /// Opens nothing more, holds the market still, and lets the daemon learn what is left to learn.
    pub(crate) async fn come_to_rest(&self) {
        self.home.run("bot stop --all").ok();
        self.simulator.control("calm", &json!({})).await;
        self.simulator.control("pause", &json!({})).await;
        self.home.run("run --cycles 30").ok();
    }

    /// Every fill with its fee, the open quantity of each symbol, and what was realized: equal to the last digit.
    pub(crate) async fn assert_equal_books(&self) {
        let oracle = self.ledger().await;
        let ours = self.home.json("trades --limit 100000");
        let open = self.home.json("positions");
        let fills = |owners: &Value| -> Vec<Value> {
            let owners = owners.as_array().unwrap().iter();
            owners.flat_map(|owner| owner["fills"].as_array().unwrap().clone()).collect()
        };
        let mut booked = fills(&ours["trades"]);
        booked.extend(fills(&open["positions"]));
        assert_eq!(sorted(&booked), sorted(oracle["fills"].as_array().unwrap()));
        let unknown = self.home.json("orders --status unknown");
        assert_eq!(unknown["orders"].as_array().unwrap().len(), 0, "{unknown}");
        assert_eq!(self.simulator.get("/_sim/health").await["oracle_agrees"], true);
        self.home.run("db check").ok();
    }

    /// Cash, fees by asset and funding: equal to the last digit, and nothing of it taken for a transfer.
    async fn assert_equal_cash(&self, stage: &Stage) {
        let oracle = self.ledger().await;
        let pnl = self.home.json("pnl --account a");
        let accounts = pnl["accounts"].as_array().unwrap();
        let ours = accounts.iter().find(|account| account["book"] == "real").unwrap();
        let figures = ["wallet", "funding", "adjustments"].map(|name| number(&ours[name]));
        let expected = [number(&oracle["wallet"]), number(&oracle["funding"]), number(&json!(stage.balance))];
        assert_eq!(figures, expected, "{ours}");
        let shown = self.home.json("account show a");
        let mut fees: Vec<_> = shown["fees"].as_array().unwrap().iter().map(fee).collect();
        fees.sort_unstable();
        assert_eq!(fees, fees_of(&oracle, quote_asset(stage)));
    }

    /// What `examples/rehearsal` compares: it finds nothing, and finds each figure about a fee in `asset` that is off.
    async fn assert_example_compares(&self, asset: &str) {
        let oracle = self.ledger().await;
        let until = self.simulator.get("/_sim/health").await["time"].as_i64().unwrap();
        let compare =
            |oracle: &Value| books::compare(&self.home.file("tradefleet.db"), "a", oracle, until).unwrap();
        let Comparison { orders, fills, positions, unprotected_ms, long_gaps, violations } = compare(&oracle);
        assert!(
            violations.is_empty() && orders.min(fills).min(positions) > 0,
            "{orders} {fills} {positions} {unprotected_ms} {long_gaps:?} {violations:?}"
        );
        let in_kind = |fill: &Value| fill["fee_asset"] == asset;
        let index = oracle["fills"].as_array().unwrap().iter().position(in_kind).unwrap();
        for (pointer, value) in [
            (format!("/fees_in_kind/{asset}"), "1"),
            (format!("/fills/{index}/fee_asset"), "USDT"),
            ("/fees".to_owned(), "1"),
        ] {
            let mut wrong = oracle.clone();
            *wrong.pointer_mut(&pointer).unwrap() = json!(value);
            assert_eq!(compare(&wrong).violations.len(), 1, "{pointer}");
        }
    }
}

fn number(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse::<Decimal>().unwrap().normalize()
}

fn quote_asset(stage: &Stage) -> &'static str {
    if stage.exchange == "upbit" { "KRW" } else { "USDT" }
}

/// An asset and what was paid in it.
fn fee(sum: &Value) -> (String, Decimal) {
    (sum["asset"].as_str().unwrap().to_owned(), number(&sum["amount"]))
}

fn fees_of(oracle: &Value, quote_asset: &str) -> Vec<(String, Decimal)> {
    let in_kind = oracle["fees_in_kind"].as_object().unwrap().iter();
    let mut fees: Vec<_> = in_kind.map(|(asset, paid)| (asset.clone(), number(paid))).collect();
    fees.push((quote_asset.to_owned(), number(&oracle["fees"])));
    fees.retain(|(_, paid)| !paid.is_zero());
    fees.sort_unstable();
    fees
}

fn config(exchange: &str, base: &str, speed: &str) -> String {
    let socket = base.replace("http://", "ws://");
    let account = if exchange == "binance" { format!("account_url = \"{base}\"\n") } else { String::new() };
    format!(
        "[{exchange}]\nrest_url = \"{base}\"\nstream_url = \"{socket}\"\n{account}\
         [live]\nspeed = {speed}\npaper_market = \"{exchange}\"\n[gates]\nenabled = false\n"
    )
}

/// Price, quantity and fee of each fill, as numbers.
fn sorted(fills: &[Value]) -> Vec<[Decimal; 3]> {
    let mut found: Vec<_> =
        fills.iter().map(|fill| ["price", "qty", "fee"].map(|name| number(&fill[name]))).collect();
    found.sort_unstable();
    found
}

async fn books_agree(stage: &Stage) {
    let rehearsal = Rehearsal::start(stage).await;
    rehearsal.home.run("account set a dry_run=off --yes").ok();
    rehearsal.trade_until(3).await;
    rehearsal.come_to_rest().await;
    rehearsal.assert_equal_books().await;
    rehearsal.assert_equal_cash(stage).await;
    // The exchange's rules are known to the command line from here on.
    let grid = "bot add ladder --account a --type grid --lower 100 --upper 100.0001 --grids 3 --investment 1";
    rehearsal.home.run(&format!("{grid} --symbol {}", stage.symbols[0])).fails(2, &["the tick is"]);
}

#[tokio::test]
async fn on_binance_the_books_agree_to_the_last_digit() {
    books_agree(&BINANCE).await;
}

#[tokio::test]
async fn on_bitget_the_books_agree_to_the_last_digit() {
    books_agree(&BITGET).await;
}

#[tokio::test]
async fn on_upbit_the_books_agree_to_the_last_digit() {
    books_agree(&UPBIT).await;
}

/// No stream tells of days there: each is asked for once it is over.
#[tokio::test]
async fn on_upbit_each_day_is_computed_as_it_ends() {
    // A day in ten seconds, after a week of history.
    let rehearsal = Rehearsal::start(&Stage { speed: 8_640, flags: &["--warmup", "10080"], ..UPBIT }).await;
    rehearsal.home.run("strategy set lively timeframe=1d period=2").ok();
    let latest_day = || {
        let signals = rehearsal.home.json("signal list");
        let days = signals["latest"].as_array().unwrap().iter().filter(|signal| signal["timeframe"] == "1d");
        days.map(|signal| signal["bar_close_at"].as_i64().unwrap()).max()
    };
    let mut daemon = Daemon::at_work(&rehearsal.home, "run");
    let mut ends = BTreeSet::new();
    daemon.wait_until(|| {
        ends.extend(latest_day());
        ends.len() >= 3
    });
    assert!(ends.iter().all(|end| end % 86_400_000 == 0), "{ends:?}");
    daemon.terminate().ok();
}

#[tokio::test]
async fn lost_answers_and_torn_sockets_lose_and_double_nothing() {
    let rehearsal = Rehearsal::start(&BINANCE).await;
    rehearsal.home.run("account set a dry_run=off --yes").ok();
    let faults = json!({
        "account": "a", "lost_answer_pct": 20.0, "error_5xx_pct": 10.0, "duplicate_event_pct": 20.0,
        "reorder_event_pct": 20.0, "disconnect_every_s": 2.0, "stale_query_ms": 1000,
    });
    rehearsal.simulator.control("faults", &faults).await;
    rehearsal.trade_until(3).await;
    rehearsal.come_to_rest().await;
    rehearsal.assert_equal_books().await;
    let stats = rehearsal.simulator.get("/_sim/stats").await;
    assert_eq!(stats["accounts"][0]["duplicate_client_ids"], 0, "{stats}");
}

#[tokio::test]
async fn an_account_in_dry_run_sends_nothing_private() {
    let rehearsal = Rehearsal::start(&BINANCE).await;
    rehearsal.home.run("run --cycles 120").ok();
    rehearsal.home.run("halt a --flatten").ok();
    rehearsal.home.run("run --cycles 10").ok();
    assert!(
        rehearsal.home.json("orders --limit 10")["orders"]
            .as_array()
            .is_some_and(|orders| !orders.is_empty())
    );
    let stats = rehearsal.simulator.get("/_sim/stats").await;
    let counts = &stats["accounts"][0]["counts"];
    assert_eq!((&counts["private_reads"], &counts["private_writes"]), (&json!(0), &json!(0)), "{stats}");
}

/// Fees in an asset of the exchange's own, until there is too little of it.
async fn fees_agree(stage: &Stage, asset: &str) {
    let rehearsal = Rehearsal::start(stage).await;
    rehearsal.home.run("account set a dry_run=off --yes").ok();
    rehearsal.trade_until(4).await;
    rehearsal.come_to_rest().await;
    rehearsal.assert_equal_books().await;
    rehearsal.assert_equal_cash(stage).await;
    rehearsal.assert_example_compares(asset).await;
    let oracle = rehearsal.ledger().await;
    assert!(!number(&oracle["fees_in_kind"][asset]).is_zero(), "{oracle}");
    assert!(!number(&oracle["fees"]).is_zero(), "{oracle}");
    let mut told = assets(&oracle["fills"]);
    let ours = rehearsal.home.json("trades --open --limit 100000");
    let mut booked: Vec<String> = Vec::new();
    for trade in ours["trades"].as_array().unwrap() {
        booked.extend(assets(&trade["fills"]));
        for fill in trade["fills"].as_array().unwrap() {
            assert!(fill["fee_value"].is_string(), "its worth was known: {fill}");
            assert_eq!(fill["fee_price"].is_string(), fill["fee_asset"] == asset, "{fill}");
        }
    }
    told.sort();
    booked.sort();
    assert_eq!(booked, told);
}

/// Asset and amount of each fill's fee.
fn assets(fills: &Value) -> Vec<String> {
    let text = |fill: &Value| format!("{} {}", fill["fee_asset"].as_str().unwrap(), number(&fill["fee"]));
    fills.as_array().unwrap().iter().map(text).collect()
}

#[tokio::test]
async fn fees_in_bnb_are_booked_in_bnb() {
    let terms = "fee_asset = \"BNB\"\nfee_asset_balance = \"0.005\"\nfee_asset_price = \"600\"\n";
    fees_agree(&Stage { terms, ..BINANCE }, "BNB").await;
}

#[tokio::test]
async fn fees_in_bgb_are_booked_in_bgb() {
    let terms = "fee_asset = \"BGB\"\nfee_asset_balance = \"0.6\"\nfee_asset_price = \"4\"\n";
    fees_agree(&Stage { terms, ..BITGET }, "BGB").await;
}

/// Funding comes by the clock and by hand, while the daemon runs and while it does not, and answers are lost.
async fn funding_agrees(stage: &Stage) {
    let rehearsal = Rehearsal::start(stage).await;
    rehearsal.home.run("account set a dry_run=off --yes").ok();
    let faults =
        json!({ "account": "a", "lost_answer_pct": 15.0, "error_5xx_pct": 10.0, "disconnect_every_s": 5.0 });
    rehearsal.simulator.control("faults", &faults).await;
    let mut payments = 0;
    for _ in 0..15 {
        rehearsal.home.run("run --cycles 60").ok();
        rehearsal.simulator.control("funding", &json!({ "rate_pct": "0.0375" })).await;
        payments = rehearsal.ledger().await["funding_payments"].as_array().unwrap().len();
        if payments >= 4 {
            break;
        }
    }
    assert!(payments >= 4, "hardly any funding: {}", rehearsal.ledger().await);
    rehearsal.come_to_rest().await;
    rehearsal.assert_equal_books().await;
    rehearsal.assert_equal_cash(stage).await;
}

const BY_THE_CLOCK: &[&str] = &["--funding-rate", "0.01", "--funding-every", "5"];

#[tokio::test]
async fn on_binance_funding_is_booked_once_each() {
    funding_agrees(&Stage { flags: BY_THE_CLOCK, ..BINANCE }).await;
}

#[tokio::test]
async fn on_bitget_funding_is_booked_once_each() {
    funding_agrees(&Stage { flags: BY_THE_CLOCK, ..BITGET }).await;
}

#[tokio::test]
async fn the_market_of_an_account_that_comes_later_is_opened() {
    let Rehearsal { simulator, home } = Rehearsal::start(&Stage { speed: 1, ..BINANCE }).await;
    home.run("account deactivate a").ok();
    let mut daemon = Daemon::at_work(&home, "run");
    home.run("account activate a").ok();
    daemon.wait_until(|| home.json("status")["daemon"]["signal_keys"] == 2);
    let prices = "SELECT count(*) FROM prices WHERE market = 'binance' AND symbol IN ('BTCUSDT', 'ETHUSDT')";
    daemon.wait_until(|| home.count(prices) == 2);
    drop(daemon);
    drop(simulator);
}

#[tokio::test]
async fn a_halt_written_while_nothing_runs_holds_on_an_exchange_that_fails() {
    let rehearsal = Rehearsal::start(&BINANCE).await;
    rehearsal.home.run("account set a dry_run=off --yes").ok();
    rehearsal.hold_something().await;
    rehearsal.home.run("halt --all --flatten").ok();
    let entries = rehearsal.entries();
    rehearsal.simulator.control("faults", &json!({ "maintenance": true })).await;
    let turned_away =
        || async { rehearsal.simulator.get("/_sim/stats").await["rate_limited"].as_u64().unwrap() };
    let before = turned_away().await;
    let daemon = Daemon::start(&rehearsal.home, "--json run");
    while turned_away().await < before + 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    rehearsal.simulator.control("calm", &json!({})).await;
    // As soon as it answers, what is held is closed and what rests is cancelled.
    while !rehearsal.is_clear().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    daemon.terminate().ok();
    assert_eq!(rehearsal.entries(), entries);
    rehearsal.assert_equal_books().await;
    // It holds until a person says otherwise.
    rehearsal.home.run("run --cycles 30").ok();
    assert_eq!(rehearsal.entries(), entries);
}
