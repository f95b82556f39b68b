//! `run` against `simulate` when something is wrong: answers are lost, an address is banned, the process is stopped.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use tradefleet::domain::ids::ClientOrderId;
use tradefleet::domain::order::Purpose;

use crate::fleet::Daemon;
use crate::harness::Home;
use crate::run_live::{BINANCE, BITGET, Rehearsal, Stage};
use crate::simulator::Simulator;

/// Stops that rest at the exchange, by symbol and side, each with its quantity.
fn resting_stops(oracle: &Value) -> BTreeMap<(String, String), Vec<Decimal>> {
    let mut stops = BTreeMap::<_, Vec<Decimal>>::new();
    for order in oracle["conditionals"].as_array().unwrap() {
        let key = order["client_id"].as_str().and_then(|id| id.parse::<ClientOrderId>().ok()?.key());
        if order["is_open"] == true && key.is_some_and(|key| key.purpose == Purpose::StopLoss) {
            let text = |name: &str| order[name].as_str().unwrap().to_owned();
            stops.entry((text("symbol"), text("side"))).or_default().push(text("qty").parse().unwrap());
        }
    }
    stops
}

/// What is held there, by symbol and the side that closes it.
fn held(oracle: &Value) -> BTreeMap<(String, String), Vec<Decimal>> {
    let positions = oracle["positions"].as_array().unwrap().iter();
    positions
        .map(|position| {
            let qty: Decimal = position["qty"].as_str().unwrap().parse().unwrap();
            let side = if qty.is_sign_positive() { "sell" } else { "buy" };
            ((position["symbol"].as_str().unwrap().to_owned(), side.to_owned()), vec![qty.abs()])
        })
        .filter(|(_, qty)| !qty[0].is_zero())
        .collect()
}

/// Several stops may be sent for a position while answers are lost; one is left of them.
async fn one_stop_is_left_of_many(stage: &Stage) {
    let rehearsal = Rehearsal::start(stage).await;
    rehearsal.home.run("account set a dry_run=off long_tp_pct=5 long_sl_pct=5 --yes").ok();
    rehearsal.home.run("account set a short_tp_pct=5 short_sl_pct=5").ok();
    rehearsal.simulator.control("faults", &json!({ "account": "a", "lost_answer_pct": 50.0 })).await;
    rehearsal.hold_something().await;
    rehearsal.come_to_rest().await;
    rehearsal.assert_equal_books().await;
    let oracle = rehearsal.ledger().await;
    assert_eq!(resting_stops(&oracle), held(&oracle), "{oracle}");
}

#[tokio::test]
async fn on_binance_one_stop_is_left_of_those_whose_answers_were_lost() {
    one_stop_is_left_of_many(&BINANCE).await;
}

#[tokio::test]
async fn on_bitget_one_stop_is_left_of_those_whose_answers_were_lost() {
    one_stop_is_left_of_many(&BITGET).await;
}

/// The rules that were kept are enough to move a stop by: no account waits for what the exchange tells of all symbols.
#[tokio::test]
async fn a_restarted_daemon_protects_while_no_rules_are_told() {
    let rehearsal = Rehearsal::start(&BINANCE).await;
    rehearsal.home.run("account set a dry_run=off long_tp_pct=5 long_sl_pct=5 --yes").ok();
    rehearsal.home.run("account set a short_tp_pct=5 short_sl_pct=5").ok();
    rehearsal.hold_something().await;
    rehearsal.come_to_rest().await;
    let before = rehearsal.ledger().await;
    assert_eq!(resting_stops(&before), held(&before), "{before}");
    let down = json!({ "unavailable_paths": ["/fapi/v1/exchangeInfo", "/fapi/v1/ticker/24hr"] });
    rehearsal.simulator.control("faults", &down).await;
    rehearsal.home.run("account set a long_sl_pct=4 short_sl_pct=4").ok();
    rehearsal.home.run("run --cycles 30").ok();
    let after = rehearsal.ledger().await;
    assert_eq!(resting_stops(&after), held(&before), "{after}");
    let latest = |oracle: &Value| oracle["open_conditionals"].as_array().unwrap().clone();
    assert_ne!(latest(&after), latest(&before), "the stop was not moved: {after}");
}

/// What was asked for an account so far.
async fn private_reads(simulator: &Simulator, account: &str) -> u64 {
    let stats = simulator.get("/_sim/stats").await;
    let accounts = stats["accounts"].as_array().unwrap();
    let of = accounts.iter().find(|row| row["account"] == account).unwrap();
    of["counts"]["private_reads"].as_u64().unwrap()
}

#[tokio::test]
async fn a_ban_of_one_address_leaves_the_accounts_of_another_at_work() {
    let home = Home::new();
    let account = |name: &str| {
        format!(
            "[[account]]\nexchange = \"binance\"\nname = \"{name}\"\napi_key = \"k{name}\"\napi_secret = \"s\"\nbalance = \"1000\"\n"
        )
    };
    let accounts = home.write("exchange.toml", &(account("a") + &account("b")));
    let simulator = Simulator::start("binance", &["--accounts", &accounts]).await;
    let (rest, stream) = (&simulator.base, simulator.base.replace("http", "ws"));
    std::fs::write(
        home.file("config.toml"),
        format!(
            "[binance]\nrest_url = \"{rest}\"\naccount_url = \"{rest}\"\nstream_url = \"{stream}\"\n\
             [http]\nlisten = \"\"\n"
        ),
    )
    .unwrap();
    for (name, key, address) in [("a", "ka", "127.0.0.2"), ("b", "kb", "127.0.0.3")] {
        let add = format!("account add {name} --exchange binance --api-key-env K --api-secret-env S");
        home.run_with(&add, &[("K", key), ("S", "s")]).ok();
        home.run(&format!("account set {name} bind_address={address} dry_run=off --yes")).ok();
    }
    simulator.control("ban", &json!({ "ip": "127.0.0.2", "seconds": 3600 })).await;
    home.run("run --cycles 4").ok();
    assert_eq!(private_reads(&simulator, "a").await, 0, "its address is banned");
    assert!(private_reads(&simulator, "b").await > 0, "its address is not");
    let bans = home.json("status")["bans"].clone();
    assert!(bans.to_string().contains("127.0.0.2") && !bans.to_string().contains("127.0.0.3"), "{bans}");
    let limited = simulator.get("/_sim/stats").await["rate_limited"].clone();
    home.run("run --cycles 2").ok();
    let later = simulator.get("/_sim/stats").await["rate_limited"].clone();
    assert_eq!(limited, later, "the ban is remembered over a restart: nobody knocks again");
}

#[tokio::test]
async fn a_process_that_was_stopped_compares_before_it_acts() {
    let rehearsal = Rehearsal::start(&BINANCE).await;
    rehearsal.home.run("account set a dry_run=off --yes").ok();
    rehearsal.home.run("bot stop --all").ok();
    let mut daemon = Daemon::at_work(&rehearsal.home, "run");
    let before = loop {
        let reads = private_reads(&rehearsal.simulator, "a").await;
        if reads > 0 {
            break reads;
        }
        assert!(!daemon.has_ended());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    daemon.signal("STOP");
    // The time that passes for the process is what is tried: nothing virtual can stand for it.
    tokio::time::sleep(std::time::Duration::from_millis(5_500)).await;
    daemon.signal("CONT");
    while private_reads(&rehearsal.simulator, "a").await <= before {
        assert!(!daemon.has_ended());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let said = daemon.terminate().ok().stderr;
    assert!(said.contains("every account is compared before it acts"), "{said}");
}

#[tokio::test]
async fn a_clock_that_was_set_back_between_two_runs_holds_no_account_up() {
    let home = Home::new();
    let account = "[[account]]\nexchange = \"binance\"\nname = \"a\"\napi_key = \"k\"\napi_secret = \"s\"\nbalance = \"1000\"\n";
    let accounts = home.write("exchange.toml", account);
    let simulator = Simulator::start("binance", &["--accounts", &accounts]).await;
    let (rest, stream) = (&simulator.base, simulator.base.replace("http", "ws"));
    std::fs::write(
        home.file("config.toml"),
        format!(
            "[binance]\nrest_url = \"{rest}\"\naccount_url = \"{rest}\"\nstream_url = \"{stream}\"\n\
             [http]\nlisten = \"\"\n[engine]\nprice_cycle_ms = 250\n"
        ),
    )
    .unwrap();
    home.run_with(
        "account add a --exchange binance --api-key-env K --api-secret-env S",
        &[("K", "k"), ("S", "s")],
    )
    .ok();
    home.run("account set a dry_run=off --yes").ok();
    home.run("run --cycles 8").ok();
    let last = "SELECT max(last_cycle_at, json_extract(state, '$.acted_at')) FROM account_state";
    let acted = home.count(last);
    // The clock was an hour ahead, and is not any more.
    home.sql(
        "UPDATE account_state SET last_cycle_at = last_cycle_at + 3600000, state = json_set(state,
             '$.acted_at', json_extract(state, '$.acted_at') + 3600000,
             '$.swept_until', json_extract(state, '$.swept_until') + 3600000)",
    );
    home.run("run --cycles 8").ok();
    let next = home.count(last);
    assert!((acted + 1..acted + 600_000).contains(&next), "{} s later", (next - acted) / 1_000);
}
