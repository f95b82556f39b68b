//! A running daemon and the people who use it: changes, halts, a second daemon, stops and kills.

use serde_json::Value;

use crate::fleet::{Daemon, Tape, list, three_bots};
use crate::harness::Home;

const BARS: u32 = 1_500;
/// Bars the fleet has been through before the daemon of the test starts: it has traded, and holds positions.
const BEFORE: u32 = 400;

/// A fleet in the middle of a tape, and the words that make a daemon go on with it, 50 ms a bar.
fn halfway() -> (Home, String) {
    let home = three_bots();
    let tape = Tape::write(&home, BARS, 700);
    home.run(&format!("run --cycles {BEFORE} {}", tape.whole)).ok();
    (home, format!("--json run --speed 1200 {}", tape.whole))
}

fn positions(home: &Home) -> usize {
    list(&home.json("positions"), "positions").len()
}

fn entries(home: &Home) -> Vec<Value> {
    let orders = home.json("orders");
    let entries = list(&orders, "orders").iter().filter(|order| order["purpose"] == "entry");
    entries.map(|order| order["id"].clone()).collect()
}

fn entries_of(home: &Home, bot: &str) -> usize {
    let orders = home.json(&format!("orders --bot {bot}"));
    list(&orders, "orders").iter().filter(|order| order["purpose"] == "entry").count()
}

fn cycles(home: &Home) -> u64 {
    home.json("status")["daemon"]["cycles"].as_u64().unwrap_or_default()
}

#[track_caller]
fn taken_over(home: &Home, line: &str) {
    let answer = home.run(&format!("--json {line}")).ok();
    assert_eq!(answer.json()["daemon"], "acknowledged", "{line}: {answer:?}");
    assert!(answer.stderr.contains("the running daemon has taken it over"), "{line}: {answer:?}");
}

/// Lets the daemon live through `bars` more bars.
fn live_through(home: &Home, daemon: &mut Daemon, bars: u64) {
    let until = cycles(home) + bars;
    daemon.wait_until(|| cycles(home) >= until);
}

#[test]
fn changes_and_halts_reach_it_and_take_effect() {
    let (home, run) = halfway();
    let mut daemon = Daemon::at_work(&home, &run);
    taken_over(&home, "account set b leverage=3");
    let before = entries_of(&home, "wide");
    daemon.wait_until(|| entries_of(&home, "wide") > before);
    let newest = home.json("orders --bot wide --limit 20");
    let newest = list(&newest, "orders").iter().rev().find(|order| order["purpose"] == "entry").unwrap();
    assert_eq!(newest["leverage"], 3, "{newest}");

    daemon.wait_until(|| positions(&home) > 0);
    taken_over(&home, "halt --all --flatten --reason rehearsal");
    daemon.wait_until(|| positions(&home) == 0);
    let before = entries(&home);
    live_through(&home, &mut daemon, 40);
    assert_eq!(entries(&home), before, "something was opened after the halt");
    let status = home.json("status");
    assert_eq!(status["totals"]["halted"], 2);
    for account in list(&status, "accounts") {
        assert_eq!(account["halt_reason"], "rehearsal");
    }

    taken_over(&home, "resume --all");
    daemon.wait_until(|| entries(&home).len() > before.len());
    assert_eq!(daemon.terminate().ok().json()["end"], "stopped");
    let checked = home.json("db check");
    assert_eq!(checked["ok"], true, "{checked}");
}

#[test]
fn a_second_one_is_refused_and_sigterm_drains() {
    let (home, run) = halfway();
    let daemon = Daemon::at_work(&home, &run);
    home.run(&run).fails(7, &[&format!("pid {}", daemon.pid())]);
    let answer = daemon.terminate().ok();
    assert_eq!(answer.json()["end"], "stopped", "{answer:?}");
    let status = home.json("status");
    assert_eq!(status["daemon"]["live"], false);
    assert!(status["daemon"]["released_at"].is_i64(), "{}", status["daemon"]);
    assert_eq!(status["daemon"]["end_reason"], "stopped");
    // Whoever comes next may go on at once.
    let next = home.json(&run.replace("--json ", "").replace("--speed 1200", "--cycles 5"));
    assert_eq!((next["end"].as_str(), next["cycles"].as_u64()), (Some("cycles done"), Some(5)));
}

#[test]
fn after_a_kill_running_bots_go_on_and_stopped_ones_stay_stopped() {
    let (home, run) = halfway();
    let daemon = Daemon::at_work(&home, &run);
    taken_over(&home, "bot stop rush --account a");
    let before = (entries_of(&home, "rush"), entries_of(&home, "wide"));
    daemon.kill();
    let report = home.json(&run.replace("--json ", "").replace("--speed 1200", "--speed max"));
    assert_eq!(report["running_bots"], 2);
    assert_eq!(entries_of(&home, "rush"), before.0);
    assert!(entries_of(&home, "wide") > before.1);
    let bots = home.json("bot list");
    let running = |name: &str| {
        let bot = list(&bots, "bots").iter().find(|bot| bot["name"] == name).unwrap();
        bot["running"].as_bool().unwrap()
    };
    assert_eq!((running("cross"), running("rush"), running("wide")), (true, false, true));
}

#[test]
fn a_halt_before_it_starts_holds_from_the_first_bar() {
    let home = three_bots();
    let tape = Tape::write(&home, 300, 100);
    let answer = home.run("halt --all").ok();
    assert!(answer.stderr.contains("no daemon is running"), "{answer:?}");
    let report = home.json(&format!("run {}", tape.first));
    assert_eq!((report["orders"].as_u64(), report["cycles"].as_u64()), (Some(0), Some(100)));
    assert!(entries(&home).is_empty());
    home.run("resume b").ok();
    home.run(&format!("run {}", tape.whole)).ok();
    assert_eq!((entries_of(&home, "cross"), entries_of(&home, "rush")), (0, 0));
    assert!(entries_of(&home, "wide") > 0);
}
