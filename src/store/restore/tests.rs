//! Restoring never costs the database it replaces, and forgets neither halts nor the audit log.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::domain::kind::ExchangeKind;
use crate::store::backup::backup;
use crate::store::backup::tests::{add_price, rows};
use crate::store::lease::{Lease, LeaseClaim};
use crate::store::scratch::Scratch;

const BY: Restorer<'static> =
    Restorer { actor: "cli:ana", now: Timestamp::from_ms(9_000), origin: "copy.db", stamp: "then" };

fn claim() -> LeaseClaim {
    LeaseClaim { pid: 7, host: "alpha".to_owned(), version: "0.1.0".to_owned(), source: "tape".to_owned() }
}

#[test]
fn a_log_left_by_a_deleted_database_does_not_meet_the_copy() {
    let scratch = Scratch::new();
    let copy = scratch.dir().join("copy.db");
    backup(&scratch.database(), &copy).unwrap();
    let mut store = scratch.open();
    add_price(&mut store, 1);
    // A database that dies with its log full, and whose file is then deleted without it.
    let log = scratch.dir().join("fleet.db-wal");
    let content = fs::read(&log).unwrap();
    drop(store);
    fs::remove_file(scratch.database()).unwrap();
    fs::write(&log, content).unwrap();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(restore(&copy, &scratch.database(), BY).unwrap().replaced, None);
    assert!(!log.exists() && scratch.dir().join("fleet.db.before-restore-then-wal").exists());
    assert_eq!(rows(&scratch.database()), 0);
    scratch.open().quick_check().unwrap();
}

#[test]
fn restore_brings_the_copy_back_and_keeps_what_it_replaced() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    add_price(&mut store, 1);
    let copy = scratch.dir().join("copy.db");
    backup(&scratch.database(), &copy).unwrap();
    add_price(&mut store, 2);
    drop(store);
    let kept = scratch.dir().join("fleet.db.before-restore-then");
    let report = restore(&copy, &scratch.database(), BY).unwrap();
    assert_eq!(report.replaced, Some(kept.clone()));
    assert_eq!((rows(&scratch.database()), rows(&kept)), (2, 4));
    scratch.open().quick_check().unwrap();
    assert_eq!(fs::metadata(scratch.database()).unwrap().permissions().mode() & 0o7777, 0o600);

    let report = restore(&kept, &scratch.database(), BY).unwrap();
    assert_eq!(report.replaced, Some(scratch.dir().join("fleet.db.before-restore-then-2")));
    assert_eq!(rows(&scratch.database()), 4);
}

#[test]
fn restore_works_where_no_database_is_or_a_damaged_one() {
    let scratch = Scratch::new();
    add_price(&mut scratch.open(), 1);
    let copy = scratch.dir().join("copy.db");
    backup(&scratch.database(), &copy).unwrap();
    let elsewhere = scratch.dir().join("new/fleet.db");
    assert_eq!(restore(&copy, &elsewhere, BY).unwrap().replaced, None);
    assert_eq!(rows(&elsewhere), 2);

    fs::write(&elsewhere, "damaged").unwrap();
    let kept = restore(&copy, &elsewhere, BY).unwrap().replaced.unwrap();
    assert_eq!(fs::read_to_string(kept).unwrap(), "damaged");
    assert_eq!(rows(&elsewhere), 2);
}

#[test]
fn restore_is_refused_beside_a_live_daemon() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let copy = scratch.dir().join("copy.db");
    backup(&scratch.database(), &copy).unwrap();
    let lease = Lease::acquire(store.conn(), &claim(), Timestamp::from_ms(5)).unwrap();
    let refused = restore(&copy, &scratch.database(), BY).unwrap_err();
    assert!(matches!(refused, StoreError::DaemonRunning { pid: 7, .. }), "{refused}");
    assert!(!scratch.dir().join("fleet.db.before-restore-then").exists());
    drop((lease, store));
    restore(&copy, &scratch.database(), BY).unwrap();
}

#[test]
fn a_copy_that_is_damaged_newer_or_something_else_is_refused() {
    let scratch = Scratch::new();
    add_price(&mut scratch.open(), 1);
    let copy = scratch.dir().join("copy.db");
    backup(&scratch.database(), &copy).unwrap();
    let mut bytes = fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5a);
    fs::write(&copy, bytes).unwrap();
    let refused = restore(&copy, &scratch.database(), BY).unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused:?}");

    let newer = scratch.dir().join("newer.db");
    backup(&scratch.database(), &newer).unwrap();
    connect(&newer, OpenMode::ReadWrite)
        .unwrap()
        .execute_batch(
            "INSERT INTO refinery_schema_history VALUES (999, 'future', '2030-01-01T00:00:00Z', '1')",
        )
        .unwrap();
    assert!(matches!(
        restore(&newer, &scratch.database(), BY),
        Err(StoreError::NewerSchema { found: 999, .. })
    ));
    assert_eq!(rows(&scratch.database()), 2);
}

#[test]
fn what_happened_since_the_copy_is_remembered() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let (conn, at) = (store.conn(), Timestamp::from_ms);
    let id = accounts::insert(conn, "ana", ExchangeKind::Paper, at(1)).unwrap();
    let entry = |n: i64| AuditEntry {
        at: at(n),
        actor: "cli:ana".to_owned(),
        action: "halt".to_owned(),
        account: None,
        subject: "account ana".to_owned(),
        before: None,
        after: Some(json!({ "n": n })),
    };
    audit::append(conn, &entry(1)).unwrap();
    drop(Lease::acquire(conn, &claim(), at(5)).unwrap());
    let copy = scratch.dir().join("copy.db");
    backup(&scratch.database(), &copy).unwrap();
    drop(Lease::acquire(conn, &claim(), at(6)).unwrap());
    let replaced = audit::append(conn, &entry(2)).unwrap();
    latches::halt(conn, id, "storm", true, at(7)).unwrap();
    conn.execute("UPDATE account_state SET last_cycle_at = 8", []).unwrap();
    drop(store);

    let report = restore(&copy, &scratch.database(), BY).unwrap();
    assert_eq!((report.contents.accounts, report.halts_kept), (1, vec!["ana".to_owned()]));
    let store = scratch.open();
    let health = latches::health(store.conn(), id).unwrap();
    assert_eq!((health.halt_reason.as_deref(), health.halt_flatten), (Some("storm"), true));
    assert_eq!(lease::current(store.conn()).unwrap().unwrap().epoch, 2);
    let log = audit::list(store.conn(), &audit::AuditFilter { limit: 9, ..Default::default() }).unwrap();
    assert_eq!(log.len(), 2);
    assert_eq!((log[1].action.as_str(), log[1].actor.as_str()), ("restore_database", "cli:ana"));
    let before: serde_json::Value = serde_json::from_str(log[1].before.as_deref().unwrap()).unwrap();
    assert_eq!(before, json!({ "entries": 2, "head": replaced.hash }));
    let after: serde_json::Value = serde_json::from_str(log[1].after.as_deref().unwrap()).unwrap();
    assert_eq!(after["replaced_last_cycle_at"], json!(8), "up to there orders may be unknown to the copy");
    assert_eq!(audit::verify(store.conn()).unwrap().fault, None);
}

#[test]
fn an_older_copy_is_brought_to_this_schema() {
    let scratch = Scratch::empty();
    let copy = scratch.dir().join("old.db");
    files::create(&copy).unwrap();
    let mut conn = connect(&copy, OpenMode::ReadWrite).unwrap();
    schema::runner().set_target(refinery::Target::Version(8)).run(&mut conn).unwrap();
    drop(conn);
    let report = restore(&copy, &scratch.database(), BY).unwrap();
    assert_eq!(report.contents.schema_version, 8);
    scratch.open().quick_check().unwrap();
}

#[test]
fn a_copy_that_lost_its_end_is_refused() {
    let scratch = Scratch::new();
    add_price(&mut scratch.open(), 1);
    let copy = scratch.dir().join("copy.db");
    backup(&scratch.database(), &copy).unwrap();
    let bytes = fs::read(&copy).unwrap();
    for part in [0, 1, 100, 4_096, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&copy, &bytes[..part]).unwrap();
        assert!(restore(&copy, &scratch.database(), BY).is_err(), "{part} bytes");
        assert_eq!(rows(&scratch.database()), 2);
    }
}
