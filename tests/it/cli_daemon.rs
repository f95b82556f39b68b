//! The command line beside a running daemon, and beside a reader that goes away.

use std::process::{Command, Stdio};
use std::thread;

use tradefleet::domain::time::Timestamp;
use tradefleet::store::commands::{self, CommandStatus};
use tradefleet::store::lease::{Lease, LeaseClaim};
use tradefleet::store::{OpenMode, Store};

use crate::harness::{Answer, Home};

const NOW: Timestamp = Timestamp::from_ms(1_000);

/// Holds the lease as a daemon does.
fn pose_as_daemon(home: &Home) -> (Store, Lease) {
    let store = Store::open(&home.file("tradefleet.db"), OpenMode::ReadWrite).unwrap();
    let claim = LeaseClaim {
        pid: 4_711,
        host: "alpha".to_owned(),
        version: "0".to_owned(),
        source: "tape".to_owned(),
    };
    let lease = Lease::acquire(store.conn(), &claim, NOW).unwrap();
    (store, lease)
}

/// Runs a command line and answers its command as a daemon does.
fn answered(home: &Home, store: &Store, line: &str, status: CommandStatus) -> Answer {
    thread::scope(|scope| {
        let cli = scope.spawn(|| home.run(line));
        while !cli.is_finished() {
            for row in commands::pending(store.conn(), 0).unwrap() {
                commands::acknowledge(store.conn(), row.id, status, "because", NOW).unwrap();
            }
            thread::yield_now();
        }
        cli.join().unwrap()
    })
}

#[test]
fn a_running_daemon_takes_a_change_over_or_refuses_it() {
    let home = Home::with_account();
    let (store, _lease) = pose_as_daemon(&home);
    // What was written while no daemon ran is not what is asked for here.
    for row in commands::pending(store.conn(), 0).unwrap() {
        commands::acknowledge(store.conn(), row.id, CommandStatus::Acknowledged, "", NOW).unwrap();
    }
    let answer = answered(&home, &store, "--json account set a leverage=5", CommandStatus::Acknowledged).ok();
    assert_eq!(answer.json()["daemon"], "acknowledged");
    assert!(answer.stderr.contains("has taken it over"), "{answer:?}");
    answered(&home, &store, "account set a leverage=6", CommandStatus::Refused)
        .fails(4, &["the daemon refused: because"]);
}

#[test]
fn what_needs_the_database_alone_names_the_daemon() {
    let home = Home::with_account();
    let file = home.write("x", "").replace("/x", "/copy.db");
    home.run(&format!("db backup {file}")).ok();
    let (_store, _lease) = pose_as_daemon(&home);
    for line in ["keys rotate".to_owned(), format!("db restore {file} --yes")] {
        home.run(&line).fails(7, &["pid 4711 on alpha"]);
    }
    assert!(home.run("doctor").ok().stdout.contains("pid 4711 on alpha"));
}

#[test]
fn a_closed_pipe_is_not_a_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tradefleet"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
