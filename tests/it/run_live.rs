//! `run` against `simulate`, over the wire of each exchange: what the exchange's oracle holds is what we hold.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::harness::Home;
use crate::simulator::Simulator;

/// How many times as fast as real time the exchanges run.
const SPEED: &str = "40";

/// What differs between the exchanges for an operator.
pub(crate) struct Stage {
    exchange: &'static str,
    symbols: [&'static str; 2],
    /// Of the account, beside what all have.
    settings: &'static str,
    passphrase: &'static str,
    balance: &'static str,
}

pub(crate) const BINANCE: Stage = Stage {
    exchange: "binance",
    symbols: ["BTCUSDT", "ETHUSDT"],
    settings: " leverage=5 short_tp_pct=0.3 short_sl_pct=0.3",
    passphrase: "",
    balance: "10000",
};
const BITGET: Stage = Stage { exchange: "bitget", passphrase: " --passphrase-env P", ..BINANCE };
const UPBIT: Stage = Stage {
    exchange: "upbit",
    symbols: ["KRW-BTC", "KRW-ETH"],
    settings: "",
    passphrase: "",
    balance: "50000000",
};

/// An exchange and a home with one account there, `a`, whose bots trade often.
pub(crate) struct Rehearsal {
    pub(crate) simulator: Simulator,
    pub(crate) home: Home,
}

impl Rehearsal {
    pub(crate) async fn start(stage: &Stage) -> Self {
        let Stage { exchange, symbols, settings, passphrase, balance } = stage;
        let home = Home::new();
        let accounts = home.write(
            "exchange.toml",
            &format!(
                "[[account]]\nexchange = \"{exchange}\"\nname = \"a\"\napi_key = \"ak\"\n\
                 api_secret = \"as\"\npassphrase = \"ap\"\nbalance = \"{balance}\"\n"
            ),
        );
        let simulator = Simulator::start(exchange, &["--speed", SPEED, "--accounts", &accounts]).await;
        std::fs::write(home.file("config.toml"), config(exchange, &simulator.base)).unwrap();
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

    pub(crate) async fn ledger(&self) -> Value {
        self.simulator.get("/_sim/ledger?account=a").await
    }

    /// Trades until the oracle has seen this many fills.
    async fn trade_until(&self, fills: usize) {
        for _ in 0..12 {
            self.home.run("run --cycles 60").ok();
            if self.ledger().await["fills"].as_array().unwrap().len() >= fills {
                return;
            }
        }
        panic!("hardly anything was traded: {}", self.ledger().await);
    }

    /// Opens nothing more, holds the market still, and lets the daemon learn what is left to learn.
    async fn come_to_rest(&self) {
        self.home.run("bot stop --all").ok();
        self.simulator.control("calm", &json!({})).await;
        self.simulator.control("pause", &json!({})).await;
        self.home.run("run --cycles 30").ok();
    }

    /// Every fill with its fee, the open quantity of each symbol, and what was realized: equal to the last digit.
    async fn assert_equal_books(&self) {
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
}

fn config(exchange: &str, base: &str) -> String {
    let socket = base.replace("http://", "ws://");
    let account = if exchange == "binance" { format!("account_url = \"{base}\"\n") } else { String::new() };
    format!(
        "[{exchange}]\nrest_url = \"{base}\"\nstream_url = \"{socket}\"\n{account}\
         [live]\nspeed = {SPEED}\npaper_market = \"{exchange}\"\n[gates]\nenabled = false\n"
    )
}

/// Price, quantity and fee of each fill, as numbers.
fn sorted(fills: &[Value]) -> Vec<[Decimal; 3]> {
    let number = |value: &Value| value.as_str().unwrap().parse::<Decimal>().unwrap().normalize();
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
