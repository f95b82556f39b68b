//! The way out works when nothing else does: without a daemon, and on an exchange that fails.

use std::collections::BTreeSet;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::fleet::Daemon;
use crate::harness::Home;
use crate::run_live::{BINANCE, Rehearsal};

/// Ids of what was sent to open or add, whatever became of it.
fn entries(home: &Home) -> BTreeSet<String> {
    let orders = home.json("orders");
    let opening = |order: &&Value| {
        let purpose = order["purpose"].as_str().unwrap();
        purpose == "entry" || purpose.starts_with("dca")
    };
    let found = orders["orders"].as_array().unwrap().iter().filter(opening);
    found.map(|order| order["id"].as_str().unwrap().to_owned()).collect()
}

fn open_quantity(ledger: &Value) -> Decimal {
    let held = ledger["positions"].as_array().unwrap().iter();
    held.map(|position| position["qty"].as_str().unwrap().parse::<Decimal>().unwrap().abs()).sum()
}

fn count(ledger: &Value, what: &str) -> usize {
    ledger[what].as_array().unwrap().len()
}

#[tokio::test]
async fn a_halt_that_was_written_while_the_daemon_was_down_holds_on_a_failing_exchange() {
    let rehearsal = Rehearsal::start(&BINANCE).await;
    let (home, exchange) = (&rehearsal.home, &rehearsal.simulator);
    home.run("account set a dry_run=off --yes").ok();
    let mut rounds = 0;
    let before = loop {
        home.run("run --cycles 60").ok();
        let ledger = rehearsal.ledger().await;
        if !open_quantity(&ledger).is_zero() && count(&ledger, "open_conditionals") > 0 {
            break ledger;
        }
        rounds += 1;
        assert!(rounds < 12, "nothing is held with its stop: {ledger}");
    };
    let entered = entries(home);

    exchange.control("faults", &json!({ "maintenance": true })).await;
    let halted = home.run("halt --all --flatten --reason flood").ok();
    assert!(halted.stderr.contains("no daemon is running"), "{halted:?}");
    let mut daemon = Daemon::start(home, "--json run");
    daemon.wait_until(|| home.json("status")["daemon"]["live"] == true);
    // Two minutes of the exchange's time.
    for _ in 0..60 {
        assert!(!daemon.has_ended());
        let now = rehearsal.ledger().await;
        assert_eq!(
            (count(&now, "orders"), count(&now, "fills")),
            (count(&before, "orders"), count(&before, "fills"))
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    exchange.control("faults", &json!({ "maintenance": false })).await;
    let mut looks = 0;
    loop {
        let now = rehearsal.ledger().await;
        if open_quantity(&now).is_zero() && count(&now, "open_conditionals") == 0 {
            break;
        }
        assert!(!daemon.has_ended());
        looks += 1;
        assert!(looks < 1_200, "it is not flat: {now}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    daemon.terminate().ok();
    // Started again it still opens nothing.
    home.run("run --cycles 60").ok();
    assert_eq!(entries(home), entered, "an entry was sent");
    assert!(open_quantity(&rehearsal.ledger().await).is_zero());
    let account = home.json("account show a");
    assert_eq!((&account["state"], &account["halt_reason"]), (&json!("halted"), &json!("flood")));
    assert_eq!(exchange.get("/_sim/health").await["oracle_agrees"], true);
    home.run("db check").ok();
}
