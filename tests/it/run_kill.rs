//! SIGKILL at any moment of a run: restarted until the tape ends, it has done what an uninterrupted run does.

use rusqlite::{Connection, OpenFlags};

use crate::fleet::{Daemon, Dice, Tape, ledger, three_bots};
use crate::harness::Home;

const KILLS: usize = 10;

fn orders(conn: &Connection) -> i64 {
    conn.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).unwrap()
}

/// Moments of a kill, as the number of orders written by then; the first before anything is.
fn moments(seed: u64, total: i64) -> Vec<i64> {
    let mut dice = Dice(seed);
    let mut moments: Vec<i64> = (1..KILLS).map(|_| dice.roll().cast_signed() % total).collect();
    moments.push(0);
    moments.sort_unstable();
    moments
}

fn killed_and_restarted(home: &Home, run: &str, moments: &[i64]) {
    for moment in moments {
        let mut daemon = Daemon::start(home, run);
        let conn = Connection::open_with_flags(home.file("tradefleet.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .unwrap();
        daemon.wait_until(|| orders(&conn) >= *moment);
        daemon.kill();
    }
    Daemon::start(home, run).finish().ok();
}

#[test]
fn nothing_is_lost_or_done_twice() {
    let calm = three_bots();
    let tape = Tape::write(&calm, 1_500, 700);
    let report = calm.json(&format!("run {}", tape.whole));
    let total = report["orders"].as_i64().unwrap();
    assert!(total > 100, "{report}");

    let home = three_bots();
    let tape = Tape::write(&home, 1_500, 700);
    killed_and_restarted(&home, &format!("--json run {}", tape.whole), &moments(2_024, total));
    // What is compared is every field of every row, times and the exchange's ids included.
    for (calm, killed) in ledger(&calm).iter().zip(ledger(&home)) {
        similar(calm, &killed);
    }
    let checked = home.json("db check");
    assert_eq!(checked["ok"], true, "{checked}");
    assert_eq!(home.json("status")["totals"]["unknown_orders"], 0);
}

/// Fails at the first line that differs: the whole text would be unreadable.
#[track_caller]
fn similar(one: &str, other: &str) {
    for (number, (left, right)) in one.lines().zip(other.lines()).enumerate() {
        assert_eq!(left, right, "line {number}");
    }
    assert_eq!(one.lines().count(), other.lines().count());
}
