//! What goes wrong in one account stays there: the others trade as if nothing had happened.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::fleet::{Tape, add_bot, fleet, list};
use crate::harness::Home;

const NAMES: [&str; 12] =
    ["w01", "w02", "w03", "w04", "w05", "w06", "w07", "w08", "w09", "w10", "w11", "w12"];
const BARS: u32 = 500;
const CUT: usize = 250;

/// Accounts with the same two bots each.
fn alike(accounts: &[&str]) -> Home {
    let home = fleet(accounts);
    add_bot(&home, "w01", "cross", "quick", "BTCUSDT");
    add_bot(&home, "w01", "wide", "surge", "*");
    let others = accounts[1..].join(",");
    if !others.is_empty() {
        for bot in ["cross", "wide"] {
            home.run(&format!("bot clone {bot} --account w01 --to {others}")).ok();
        }
        home.run("bot start --all").ok();
    }
    home
}

fn trades_of(home: &Home, account: &str) -> String {
    home.run(&format!("--json trades --open --account {account}")).ok().stdout
}

fn account<'a>(status: &'a Value, name: &str) -> &'a Value {
    list(status, "accounts").iter().find(|account| account["account"] == name).unwrap()
}

#[test]
fn signals_cost_the_same_for_one_account_and_for_many() {
    let (one, many) = (alike(&NAMES[..1]), alike(&NAMES));
    let [one, many] = [one, many].map(|home| {
        let tape = Tape::write(&home, BARS, CUT);
        home.json(&format!("run {}", tape.whole))
    });
    assert_eq!((one["accounts"].as_u64(), many["accounts"].as_u64()), (Some(1), Some(12)));
    assert_eq!((one["running_bots"].as_u64(), many["running_bots"].as_u64()), (Some(2), Some(24)));
    assert_eq!(one["signals_computed"], many["signals_computed"]);
    assert_eq!(one["orders"].as_u64().unwrap() * 12, many["orders"].as_u64().unwrap());
}

#[test]
fn one_that_panics_one_that_hangs_and_one_that_fails_disturb_nobody() {
    let calm = alike(&NAMES);
    let tape = Tape::write(&calm, BARS, CUT);
    calm.run(&format!("run {}", tape.first)).ok();
    calm.run(&format!("run {}", tape.whole)).ok();

    let home = alike(&NAMES);
    let tape = Tape::write(&home, BARS, CUT);
    let faults = [("w02", "fault_panic=on"), ("w05", "fault_hang=on"), ("w09", "fault_failure_pct=100")];
    for (name, fault) in faults {
        home.run(&format!("account set {name} {fault}")).ok();
    }
    home.run(&format!("run {}", tape.first)).ok();
    let status = home.json("status");
    assert_eq!(status["totals"]["quarantined"], 1);
    let broken = account(&status, "w02");
    assert_eq!(broken["quarantined"], true);
    assert!(broken["quarantine_reason"].as_str().unwrap().contains("panicked"), "{broken}");
    let audit = home.json("audit show --limit 1000");
    let entry = list(&audit, "entries").iter().find(|entry| entry["action"] == "quarantine").unwrap();
    assert_eq!((&entry["account"], &entry["actor"]), (&Value::from("w02"), &Value::from("daemon")));
    assert!(account(&status, "w09")["last_error"].is_string());
    for (name, _) in faults {
        assert_eq!(account(&status, name)["closed_trades"], 0, "{name}");
    }

    home.run("account set w02 fault_panic=off").ok();
    home.run("resume w02").ok();
    home.run(&format!("run {}", tape.whole)).ok();
    let status = home.json("status");
    assert_eq!(account(&status, "w02")["quarantined"], false);
    assert!(account(&status, "w02")["closed_trades"].as_u64().unwrap() > 0, "it trades again");
    let others = NAMES.iter().filter(|name| faults.iter().all(|(faulty, _)| faulty != *name));
    for name in others {
        assert_eq!(trades_of(&calm, name), trades_of(&home, name), "{name}");
    }
    let checked = home.json("db check");
    assert_eq!(checked["ok"], true, "{checked}");
}

/// An account that broke must not come back because its quarantine could not be written.
#[test]
fn a_quarantine_that_the_database_refuses_holds_all_the_same() {
    let home = alike(&NAMES[..2]);
    home.run("account set w02 fault_panic=on").ok();
    home.sql(
        "CREATE TRIGGER refuses BEFORE UPDATE OF quarantined_at ON account_state
         WHEN NEW.quarantined_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    let tape = Tape::write(&home, BARS, CUT);
    let answer = home.run(&format!("run {}", tape.first)).ok();
    assert_eq!(answer.stderr.matches("account quarantined").count(), 1, "it came back: {answer:?}");
    assert!(answer.stderr.contains("kept in memory"), "{answer:?}");
    let status = home.json("status");
    assert_eq!(account(&status, "w02")["quarantined"], false, "the database does not know");
    assert!(account(&status, "w01")["closed_trades"].as_u64().unwrap() > 0);

    home.sql("DROP TRIGGER refuses");
    home.run(&format!("run {}", tape.whole)).ok();
    assert_eq!(account(&home.json("status"), "w02")["quarantined"], true);
}

#[test]
fn lost_answers_and_latency_double_nothing() {
    let home = alike(&NAMES[..3]);
    home.run("account set w01 fault_lost_answer_pct=30").ok();
    home.run("account set w02 fault_lost_answer_pct=30 fault_latency_ms=700").ok();
    home.run("account set w03 fault_lost_answer_pct=30 fault_failure_pct=20 fault_latency_ms=25000").ok();
    let tape = Tape::write(&home, BARS, CUT);
    home.run(&format!("run {}", tape.whole)).ok();

    let orders = home.json("orders");
    let mut at_exchange = BTreeSet::new();
    let mut entered = BTreeSet::new();
    for order in list(&orders, "orders") {
        let text = |field: &str| order[field].to_string();
        if order["exchange_order_id"].is_string() {
            assert!(at_exchange.insert((text("account"), text("exchange_order_id"))), "doubled: {order}");
        }
        if order["purpose"] == "entry" && order["exchange_order_id"].is_string() {
            let signal = (text("account"), text("bot"), text("symbol"), text("signal_at"));
            assert!(entered.insert(signal), "entered twice on one signal: {order}");
        }
    }
    assert!(list(&orders, "orders").iter().any(|order| order["status"] == "filled"));
    let lost = home.run("--json orders --account w01").ok().json();
    let traced = list(&lost, "orders").iter().take(60).any(|order| {
        let trace = home.json(&format!("order trace {}", order["id"].as_str().unwrap()));
        list(&trace, "events").iter().any(|step| step["status"] == "unknown")
    });
    assert!(traced, "no answer was lost: the fault was not tried: {lost}");
    let checked = home.json("db check");
    assert_eq!(checked["ok"], true, "{checked}");
    let trades = home.json("trades --open");
    for name in &NAMES[..2] {
        assert!(list(&trades, "trades").iter().any(|trade| trade["account"] == *name), "{name} never traded");
    }
}
