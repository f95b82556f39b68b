//! The daemon dies, is stopped and meets a second one, over a network on which connections fare badly: the examples'
//! torture in small.

#[path = "../../examples/torture/dice.rs"]
mod dice;
#[path = "../../examples/torture/proxy.rs"]
mod proxy;

use std::sync::atomic::Ordering;
use std::time::Duration;

use dice::Dice;
use proxy::{Moment, Proxy};
use rustix::process::Pid;
use serde_json::{Value, json};

use crate::fleet::Daemon;
use crate::run_live::{BINANCE, BITGET, Rehearsal, Stage};

/// Bounded by what happens, not by this.
const PATIENCE: Duration = Duration::from_mins(2);

async fn deaths_of_every_kind_lose_and_double_nothing(stage: &Stage) {
    let rehearsal = Rehearsal::start(stage).await;
    let proxy = Proxy::open(&rehearsal.simulator.base, 7).await.unwrap();
    rehearsal.go_over(&proxy.base);
    let home = &rehearsal.home;
    home.run("account set a dry_run=off --yes").ok();
    let faults = json!({ "lost_answer_pct": 10.0, "duplicate_event_pct": 20.0, "reorder_event_pct": 20.0 });
    rehearsal.simulator.control("faults", &faults).await;
    proxy.set_storm(true);
    let mut dice = Dice(7);
    for moment in [Moment::BeforeRequest, Moment::BeforeAnswer, Moment::WithAnswer, Moment::BeforeAnswer] {
        let mut daemon = Daemon::start(home, "run");
        let prey = Pid::from_raw(daemon.pid().try_into().unwrap()).unwrap();
        assert!(proxy.lie_in_wait(prey, moment, PATIENCE).await, "nothing was sent");
        daemon.wait_until_dead();
        // One that dies while it starts.
        let early = Daemon::start(home, "run");
        tokio::time::sleep(Duration::from_millis(dice.between(5, 100))).await;
        early.kill();
    }
    let daemon = Daemon::at_work(home, "run");
    home.run("run").fails(7, &[]);
    daemon.signal("STOP");
    tokio::time::sleep(Duration::from_millis(dice.between(100, 500))).await;
    daemon.signal("CONT");
    daemon.terminate().ok();

    proxy.set_storm(false);
    assert!(proxy.tally().connections.load(Ordering::Relaxed) > 0, "nobody came this way");
    rehearsal.come_to_rest().await;
    rehearsal.assert_equal_books().await;
    let stats = rehearsal.simulator.get("/_sim/stats").await;
    assert_eq!(stats["accounts"][0]["duplicate_client_ids"], Value::from(0), "{stats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_binance_deaths_of_every_kind_lose_and_double_nothing() {
    deaths_of_every_kind_lose_and_double_nothing(&BINANCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_bitget_deaths_of_every_kind_lose_and_double_nothing() {
    deaths_of_every_kind_lose_and_double_nothing(&BITGET).await;
}
