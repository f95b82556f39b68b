//! A copy taken while others write is whole, and restoring never costs the database it replaces.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::lease::{Lease, LeaseClaim};
use crate::store::scratch::Scratch;

fn add_price(store: &mut Store, n: u32) {
    store
        .transaction(|conn| {
            // Two rows a transaction: a torn copy would hold one of them.
            for half in ["a", "b"] {
                conn.execute(
                    "INSERT INTO prices (symbol, price, at) VALUES (?1, '1', ?2)",
                    rusqlite::params![format!("{n}{half}"), n],
                )?;
            }
            Ok(())
        })
        .unwrap();
}

fn rows(path: &Path) -> i64 {
    let conn = connect(path, OpenMode::ReadOnly).unwrap();
    conn.query_row("SELECT count(*) FROM prices", [], |row| row.get(0)).unwrap()
}

fn claim() -> LeaseClaim {
    LeaseClaim { pid: 7, host: "alpha".to_owned(), version: "0.1.0".to_owned(), source: "tape".to_owned() }
}

#[test]
fn a_backup_beside_a_busy_writer_is_consistent() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    for n in 0..50 {
        add_price(&mut store, n);
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 50.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                add_price(&mut store, n);
            }
        });
        for n in 0..5 {
            let to = scratch.dir().join(format!("copies/{n}.db"));
            let report = backup(&scratch.database(), &to).unwrap();
            assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o7777, 0o600);
            assert!(report.bytes > 0 && report.schema_version == schema::known_version());
            assert!(rows(&to) >= 100 && rows(&to) % 2 == 0);
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_backup_is_one_file() {
    let scratch = Scratch::new();
    backup(&scratch.database(), &scratch.dir().join("copies/a.db")).unwrap();
    let names: Vec<_> = fs::read_dir(scratch.dir().join("copies"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, ["a.db"]);
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
    assert_eq!(restore(&copy, &scratch.database()).unwrap().replaced, None);
    assert!(!log.exists() && scratch.dir().join("fleet.db.before-restore-wal").exists());
    assert_eq!(rows(&scratch.database()), 0);
    scratch.open().quick_check().unwrap();
}

#[test]
fn a_backup_overwrites_nothing() {
    let scratch = Scratch::new();
    let to = scratch.dir().join("copy.db");
    backup(&scratch.database(), &to).unwrap();
    assert!(matches!(backup(&scratch.database(), &to), Err(StoreError::Exists { .. })));
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
    let kept = scratch.dir().join("fleet.db.before-restore");
    let report = restore(&copy, &scratch.database()).unwrap();
    assert_eq!(report.replaced, Some(kept.clone()));
    assert_eq!((rows(&scratch.database()), rows(&kept)), (2, 4));
    scratch.open().quick_check().unwrap();
    assert_eq!(fs::metadata(scratch.database()).unwrap().permissions().mode() & 0o7777, 0o600);

    let report = restore(&kept, &scratch.database()).unwrap();
    assert_eq!(report.replaced, Some(scratch.dir().join("fleet.db.before-restore-2")));
    assert_eq!(rows(&scratch.database()), 4);
}

#[test]
fn restore_works_where_no_database_is_or_a_damaged_one() {
    let scratch = Scratch::new();
    add_price(&mut scratch.open(), 1);
    let copy = scratch.dir().join("copy.db");
    backup(&scratch.database(), &copy).unwrap();
    let elsewhere = scratch.dir().join("new/fleet.db");
    assert_eq!(restore(&copy, &elsewhere).unwrap().replaced, None);
    assert_eq!(rows(&elsewhere), 2);

    fs::write(&elsewhere, "damaged").unwrap();
    let kept = restore(&copy, &elsewhere).unwrap().replaced.unwrap();
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
    let refused = restore(&copy, &scratch.database()).unwrap_err();
    assert!(matches!(refused, StoreError::DaemonRunning { pid: 7, .. }), "{refused}");
    assert!(!scratch.dir().join("fleet.db.before-restore").exists());
    drop((lease, store));
    restore(&copy, &scratch.database()).unwrap();
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
    let refused = restore(&copy, &scratch.database()).unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused:?}");

    let newer = scratch.dir().join("newer.db");
    backup(&scratch.database(), &newer).unwrap();
    connect(&newer, OpenMode::ReadWrite)
        .unwrap()
        .execute_batch(
            "INSERT INTO refinery_schema_history VALUES (999, 'future', '2030-01-01T00:00:00Z', '1')",
        )
        .unwrap();
    assert!(matches!(restore(&newer, &scratch.database()), Err(StoreError::NewerSchema { found: 999, .. })));
    assert_eq!(rows(&scratch.database()), 2);
}
