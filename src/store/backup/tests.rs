//! A copy taken while others write is whole.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::store::Store;
use crate::store::scratch::Scratch;

pub(in crate::store) fn add_price(store: &mut Store, n: u32) {
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

pub(in crate::store) fn rows(path: &Path) -> i64 {
    let conn = connect(path, OpenMode::ReadOnly).unwrap();
    conn.query_row("SELECT count(*) FROM prices", [], |row| row.get(0)).unwrap()
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
            assert_eq!(report.rows["prices"], u64::try_from(rows(&to)).unwrap());
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
fn a_backup_overwrites_nothing() {
    let scratch = Scratch::new();
    let to = scratch.dir().join("copy.db");
    backup(&scratch.database(), &to).unwrap();
    assert!(matches!(backup(&scratch.database(), &to), Err(StoreError::Exists { .. })));
}
