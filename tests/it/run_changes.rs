//! What people change while positions are open and orders rest: nothing is left alone, nothing is done behind their back.

use std::time::Duration;

use crate::fleet::Daemon;
use crate::harness::Home;
use crate::run_live::{BINANCE, Rehearsal};

/// A minute in all: a machine may be busy.
const LOOKS_MAX: u32 = 3_000;

async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come to that");
}

async fn trading() -> Rehearsal {
    let rehearsal = Rehearsal::start(&BINANCE).await;
    rehearsal.home.run("account set a dry_run=off --yes").ok();
    rehearsal.hold_something().await;
    rehearsal
}

fn open_positions(home: &Home) -> usize {
    home.json("positions")["positions"].as_array().unwrap().len()
}

#[tokio::test]
async fn bots_that_are_removed_with_what_they_hold_close_it() {
    let rehearsal = trading().await;
    let home = &rehearsal.home;
    let daemon = Daemon::at_work(home, "run");
    home.run("bot remove --all --positions close").ok();
    until(async || rehearsal.is_clear().await && open_positions(home) == 0).await;
    daemon.terminate().ok();
    rehearsal.assert_equal_books().await;
}

#[tokio::test]
async fn a_bot_that_the_exchange_stopped_trades_again_when_it_is_started() {
    let rehearsal = Rehearsal::start(&BINANCE).await;
    let home = &rehearsal.home;
    home.run("bot remove bot1 --account a").ok();
    home.run("account set a dry_run=off --yes").ok();
    let daemon = Daemon::at_work(home, "run");
    let running = || home.count("SELECT count(*) FROM bot_instances WHERE is_running = 1");
    until(async || {
        let account = serde_json::json!({ "account": "a" });
        rehearsal.simulator.control("liquidate", &account).await;
        running() == 0
    })
    .await;
    until(async || rehearsal.is_clear().await).await;
    let entries = rehearsal.entries();
    home.run("bot start bot0 --account a").ok();
    until(async || rehearsal.entries() > entries).await;
    daemon.terminate().ok();
}

/// A grid whose lines wait at the exchange, and the daemon that works it.
async fn working_grid() -> (Rehearsal, Daemon) {
    let rehearsal = Rehearsal::start(&BINANCE).await;
    let home = &rehearsal.home;
    home.run("bot remove --all").ok();
    // Far apart, so that its lines wait.
    let grid = "bot add ladder --account a --type grid --symbol BTCUSDT --lower 10000 --upper 90000";
    home.run(&format!("{grid} --grids 8 --investment 4000 --allocation 80 --start")).ok();
    home.run("account set a dry_run=off --yes").ok();
    let daemon = Daemon::at_work(home, "run");
    until(async || rehearsal.resting().await > 0).await;
    (rehearsal, daemon)
}

/// Its orders are taken back, and it trades on paper from then on.
async fn leaves_the_exchange(rehearsal: &Rehearsal) {
    let on_paper = "SELECT count(*) FROM orders WHERE dry_run = 1 AND status = 'open'";
    until(async || rehearsal.home.count(on_paper) > 0).await;
    assert_eq!(rehearsal.resting().await, 0);
}

#[tokio::test]
async fn dry_run_begins_when_nothing_is_left_that_was_ordered_with_money() {
    let (rehearsal, daemon) = working_grid().await;
    let home = &rehearsal.home;
    let left = home.run("account deactivate a --dry-run").ok().stdout;
    assert!(left.contains("orders_left_to_operator: (none) -> "), "{left}");
    home.run("account set a dry_run=on").ok();
    leaves_the_exchange(&rehearsal).await;
    daemon.terminate().ok();
    home.run("db check").ok();
}

#[tokio::test]
async fn who_went_into_dry_run_while_nothing_ran_leaves_the_exchange_first() {
    let (rehearsal, daemon) = working_grid().await;
    let home = &rehearsal.home;
    daemon.kill();
    home.run("account set a dry_run=on").ok();
    let daemon = Daemon::at_work(home, "run");
    leaves_the_exchange(&rehearsal).await;
    daemon.terminate().ok();
    home.run("db check").ok();
}

#[tokio::test]
async fn what_a_bot_holds_has_a_price_whatever_it_follows_now() {
    let rehearsal = Rehearsal::start(&BINANCE).await;
    let home = &rehearsal.home;
    home.run("bot remove bot1 --account a").ok();
    until(async || {
        home.run("run --cycles 20").ok();
        open_positions(home) > 0
    })
    .await;
    home.run("bot set bot0 --account a symbol=ETHUSDT").ok();
    home.run("bot stop bot0 --account a").ok();
    // It takes its profit, or its loss, as it would have.
    until(async || {
        home.run("run --cycles 60").ok();
        open_positions(home) == 0
    })
    .await;
}
