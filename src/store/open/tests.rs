//! What is refused, what is left alone, and what survives a killed migration.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::domain::time::Timestamp;
use crate::store::lease::{Lease, LeaseClaim};
use crate::store::scratch::Scratch;

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// A database whose schema stands at an earlier version, with an account in it.
fn old_database(scratch: &Scratch, version: i32) -> PathBuf {
    let path = scratch.database();
    files::create(&path).unwrap();
    let mut conn = connect(&path, OpenMode::ReadWrite).unwrap();
    schema::runner().set_target(refinery::Target::Version(version)).set_grouped(true).run(&mut conn).unwrap();
    conn.execute_batch(
        "INSERT INTO accounts (name, exchange, created_at, updated_at) VALUES ('kept', 'paper', 1, 1)",
    )
    .unwrap();
    path
}

fn accounts(path: &Path) -> i64 {
    let conn = connect(path, OpenMode::ReadOnly).unwrap();
    conn.query_row("SELECT count(*) FROM accounts WHERE name = 'kept'", [], |row| row.get(0)).unwrap()
}

#[test]
fn what_it_creates_is_private() {
    let scratch = Scratch::empty();
    let path = scratch.dir().join("state/fleet.db");
    let mut store = Store::create(&path).unwrap();
    store
        .transaction(|conn| {
            Ok(conn.execute_batch("INSERT INTO prices (symbol, price, at) VALUES ('A', '1', 1)")?)
        })
        .unwrap();
    assert_eq!(mode_of(&scratch.dir().join("state")), 0o700);
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode_of(&files::sibling(&path, suffix)), 0o600, "{suffix}");
    }
    store.quick_check().unwrap();
}

#[test]
fn a_database_others_can_access_is_refused_and_not_mended() {
    let scratch = Scratch::new();
    for mode in [0o640, 0o604, 0o660, 0o666] {
        fs::set_permissions(scratch.database(), fs::Permissions::from_mode(mode)).unwrap();
        for open_mode in [OpenMode::ReadWrite, OpenMode::ReadOnly] {
            let refused = Store::open(&scratch.database(), open_mode).unwrap_err();
            assert_eq!(refused, StoreError::Permissions { path: scratch.database(), mode });
            assert_eq!(refused.hint(), Some(format!("run `chmod 600 {}`", scratch.database().display())));
        }
        assert_eq!(mode_of(&scratch.database()), mode);
    }
}

#[test]
fn a_missing_database_is_not_made_by_opening_it() {
    let scratch = Scratch::empty();
    let refused = Store::open(&scratch.database(), OpenMode::ReadWrite).unwrap_err();
    assert_eq!(refused.hint().as_deref(), Some("run `tradefleet init`"));
    assert!(!scratch.database().exists());
}

#[test]
fn files_that_are_something_else_stay_as_they_are() {
    let scratch = Scratch::empty();
    let text = "this is not a database, however long it is. ".repeat(100);
    fs::write(scratch.database(), &text).unwrap();
    fs::set_permissions(scratch.database(), fs::Permissions::from_mode(0o600)).unwrap();
    let not_ours = StoreError::NotADatabase { path: scratch.database() };
    assert_eq!(Store::open(&scratch.database(), OpenMode::ReadWrite).unwrap_err(), not_ours);
    assert_eq!(Store::create(&scratch.database()).unwrap_err(), not_ours);
    assert_eq!(Store::migrate(&scratch.database()).unwrap_err(), not_ours);
    assert_eq!(fs::read_to_string(scratch.database()).unwrap(), text);

    let foreign = scratch.dir().join("foreign.db");
    files::create(&foreign).unwrap();
    connect(&foreign, OpenMode::ReadWrite).unwrap().execute_batch("CREATE TABLE theirs (id)").unwrap();
    let before = fs::read(&foreign).unwrap();
    assert_eq!(Store::create(&foreign).unwrap_err(), StoreError::NotADatabase { path: foreign.clone() });
    assert_eq!(fs::read(&foreign).unwrap(), before);
}

#[test]
fn an_existing_database_is_not_created_again() {
    let scratch = Scratch::new();
    assert!(matches!(Store::create(&scratch.database()), Err(StoreError::Exists { .. })));
}

#[test]
fn a_newer_schema_is_refused() {
    let scratch = Scratch::new();
    let known = schema::known_version();
    scratch
        .open()
        .conn()
        .execute_batch(&format!(
            "INSERT INTO refinery_schema_history VALUES ({}, 'future', '2030-01-01T00:00:00Z', '1')",
            known + 1
        ))
        .unwrap();
    let newer = StoreError::NewerSchema { found: known + 1, known };
    assert_eq!(Store::open(&scratch.database(), OpenMode::ReadOnly).unwrap_err(), newer);
    assert_eq!(Store::open(&scratch.database(), OpenMode::ReadWrite).unwrap_err(), newer);
    assert_eq!(Store::migrate(&scratch.database()).unwrap_err(), newer);
}

#[test]
fn an_older_schema_is_migrated_after_a_copy() {
    let scratch = Scratch::empty();
    let path = old_database(&scratch, 2);
    let known = schema::known_version();
    assert_eq!(
        Store::open(&path, OpenMode::ReadWrite).unwrap_err(),
        StoreError::NotMigrated { found: 2, known }
    );
    let copy = files::sibling(&path, ".bak-v2");
    let migrated = Store::migrate(&path).unwrap();
    assert_eq!(migrated, Migrated { from: 2, to: known, copy: Some(copy.clone()) });
    assert_eq!(mode_of(&copy), 0o600);
    assert_eq!(schema::version(&connect(&copy, OpenMode::ReadOnly).unwrap()).unwrap(), 2);
    assert_eq!((accounts(&path), accounts(&copy)), (1, 1));
    assert_eq!(Store::migrate(&path).unwrap(), Migrated { from: known, to: known, copy: None });
    Store::open(&path, OpenMode::ReadWrite).unwrap();
}

#[test]
fn orders_keep_their_steps_and_accounts_their_state_when_orders_get_numbers() {
    let scratch = Scratch::empty();
    let path = old_database(&scratch, 15);
    let order = |id: &str| {
        format!(
            "INSERT INTO orders (client_order_id, account_id, symbol, side, position_side, purpose, order_type, qty,
                 reduce_only, leverage, reserved_margin, cycle_id, status, dry_run, decided_at)
             VALUES ('{id}', 1, 'BTCUSDT', 'buy', 'long', 'entry', 'market', '1', 0, 1, '0', 0, 'sent', 0, 7);"
        )
    };
    let step = |id: &str, detail: &str| {
        format!(
            "INSERT INTO order_events (client_order_id, at, status, detail) VALUES ('{id}', 7, 'sent', '{detail}');"
        )
    };
    connect(&path, OpenMode::ReadWrite)
        .unwrap()
        .execute_batch(&format!(
            "{}{}{}{}{}{}
             INSERT INTO account_state (account_id, breaker, halt_reason, updated_at) VALUES (1, 'half_open', 'h', 9)",
            order("tfz"),
            order("tfa"),
            order("tfm"),
            step("tfm", "1"),
            step("tfz", "2"),
            step("tfm", "3"),
        ))
        .unwrap();
    Store::migrate(&path).unwrap();
    let store = Store::open(&path, OpenMode::ReadWrite).unwrap();
    let text = |sql: &str| -> String { store.conn().query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(
        text("SELECT group_concat(client_order_id) FROM (SELECT * FROM orders ORDER BY number)"),
        "tfz,tfa,tfm"
    );
    let steps = "SELECT group_concat(client_order_id || detail) FROM
                 (SELECT * FROM order_events JOIN orders ON number = order_number ORDER BY id)";
    assert_eq!(text(steps), "tfm1,tfz2,tfm3");
    assert_eq!(text("SELECT breaker || halt_reason || updated_at FROM account_state"), "half_openh9");
    store.conn().execute_batch("DELETE FROM orders WHERE client_order_id = 'tfm'").unwrap();
    assert_eq!(text(steps), "tfz2");
    assert_eq!(text("SELECT group_concat(integrity_check) FROM pragma_integrity_check"), "ok");
}

#[test]
fn fills_keep_all_they_say_when_both_sides_of_a_trade_may_be_ours() {
    let scratch = Scratch::empty();
    let path = old_database(&scratch, 16);
    let conn = connect(&path, OpenMode::ReadWrite).unwrap();
    let insert = |trade: &str, order: &str| {
        format!(
            "INSERT INTO fills VALUES (1, 'BTCUSDT', '{trade}', '{order}', NULL, 'p', 'buy', 'long', '100', '1', '0.1',
                 'BNB', 'maker', '2', 0, 7, 3, 1, '600')"
        )
    };
    conn.execute_batch(&format!("{}; {}", insert("T1", "tfa"), insert("P9/2", "tfb"))).unwrap();
    let bot = crate::store::bots::NewBot {
        account_id: crate::domain::ids::AccountId::new(1),
        strategy_id: None,
        name: "ladder".to_owned(),
        bot_type: crate::domain::kind::BotType::Grid,
        settings: crate::engine::settings::BotSettings::default(),
    };
    let bot = crate::store::bots::insert(&conn, &bot, Timestamp::from_ms(1)).unwrap();
    let grid = crate::engine::grid::fixtures::plain(("90", "110"), 5, "200");
    crate::store::grid_configs::put(&conn, bot, &grid, "50".parse().unwrap()).unwrap();
    let insert_line = |order: &str| {
        format!(
            "INSERT INTO grid_fills (grid_config_id, grid_index, client_order_id, trade_id, side, price, qty, fee, profit,
                 dry_run, at) VALUES ({bot}, 1, '{order}', 'T1', 'buy', '95', '1', '0.1', '4', 0, 7)"
        )
    };
    conn.execute_batch(&insert_line("tfa")).unwrap();
    let text =
        |conn: &Connection, sql: &str| -> String { conn.query_row(sql, [], |row| row.get(0)).unwrap() };
    let rows = "SELECT (SELECT json_group_array(concat_ws(',', account_id, symbol, trade_id, client_order_id, bot_id,
            position_id, side, position_side, price, qty, fee, fee_asset, liquidity, realized_pnl, dry_run, at, number,
            fee_in_kind, fee_price)) FROM fills)
        || (SELECT json_group_array(concat_ws(',', id, grid_config_id, grid_index, client_order_id, trade_id, side, price,
            qty, fee, profit, dry_run, at)) FROM grid_fills)";
    let indexes = "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema
        WHERE (tbl_name = 'fills' OR tbl_name = 'grid_fills') AND sql IS NOT NULL AND name <> 'fills_forced' ORDER BY name)";
    let before = (text(&conn, rows), text(&conn, indexes));
    drop(conn);

    Store::migrate(&path).unwrap();
    let store = Store::open(&path, OpenMode::ReadWrite).unwrap();
    let conn = store.conn();
    assert_eq!((text(conn, rows), text(conn, indexes)), before);
    let is_taken = |sql: &str| conn.execute_batch(sql).is_ok();
    assert!(is_taken(&insert("T1", "tfb")) && is_taken(&insert_line("tfb")), "the other side of the trade");
    assert!(!is_taken(&insert("T1", "tfa")) && !is_taken(&insert_line("tfa")), "a repeat");
    assert!(!is_taken(&insert("P9/2", "tfc")), "a forced close has another order each time");
    assert!(!is_taken("UPDATE grid_fills SET profit = '9'"), "append-only");
    assert_eq!(text(conn, "SELECT group_concat(integrity_check) FROM pragma_integrity_check"), "ok");
    conn.execute_batch("DELETE FROM accounts").unwrap();
    assert_eq!(text(conn, "SELECT CAST(count(*) AS TEXT) FROM fills"), "0", "fills go with their account");
}

#[test]
fn a_killed_migration_can_be_run_again() {
    let scratch = Scratch::empty();
    let path = old_database(&scratch, 2);
    // What a kill leaves at each point: a torn copy; a finished copy; an unfinished transaction, rolled back.
    fs::write(files::sibling(&path, ".bak-v2.partial"), "torn").unwrap();
    fs::write(files::sibling(&path, ".bak-v2"), "from the run before").unwrap();
    let conn = connect(&path, OpenMode::ReadWrite).unwrap();
    conn.execute_batch("BEGIN; CREATE TABLE orders (id)").unwrap();
    drop(conn);
    assert_eq!(Store::migrate(&path).unwrap().from, 2);
    assert_eq!((accounts(&path), accounts(&files::sibling(&path, ".bak-v2"))), (1, 1));

    let created = scratch.dir().join("created.db");
    files::create(&created).unwrap();
    Store::create(&created).unwrap();
}

#[test]
fn a_failing_migration_leaves_the_old_schema_whole() {
    let scratch = Scratch::empty();
    let path = old_database(&scratch, 2);
    connect(&path, OpenMode::ReadWrite).unwrap().execute_batch("CREATE TABLE commands (id)").unwrap();
    let refused = Store::migrate(&path).unwrap_err();
    assert!(
        matches!(&refused, StoreError::MigrationFailed { detail } if detail.contains("commands")),
        "{refused}"
    );
    let conn = connect(&path, OpenMode::ReadWrite).unwrap();
    assert_eq!(schema::version(&conn).unwrap(), 2);
    conn.execute_batch("DROP TABLE commands").unwrap();
    drop(conn);
    assert_eq!(Store::migrate(&path).unwrap().from, 2);
}

#[test]
fn a_live_daemon_keeps_migrations_out() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let claim = LeaseClaim {
        pid: 7,
        host: "alpha".to_owned(),
        version: "0.1.0".to_owned(),
        source: "tape".to_owned(),
    };
    let _lease = Lease::acquire(store.conn(), &claim, Timestamp::from_ms(1)).unwrap();
    store.conn().execute_batch("DELETE FROM refinery_schema_history WHERE version > 4").unwrap();
    assert!(matches!(Store::migrate(&scratch.database()), Err(StoreError::DaemonRunning { pid: 7, .. })));
}

#[test]
fn a_transaction_that_fails_leaves_nothing() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    let failed = store.transaction(|conn| {
        conn.execute_batch("INSERT INTO prices (symbol, price, at) VALUES ('A', '1', 1)")?;
        Err::<(), _>(StoreError::DiskFull)
    });
    assert_eq!(failed, Err(StoreError::DiskFull));
    let rows: i64 = store.conn().query_row("SELECT count(*) FROM prices", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
}

#[test]
fn readers_cannot_write_and_see_foreign_changes() {
    let scratch = Scratch::new();
    let mut writer = scratch.open();
    let reader = Store::open(&scratch.database(), OpenMode::ReadOnly).unwrap();
    let insert = "INSERT INTO prices (symbol, price, at) VALUES ('A', '1', 1)";
    let refused = StoreError::from(reader.conn().execute_batch(insert).unwrap_err());
    assert!(matches!(refused, StoreError::ReadOnly { .. }), "{refused:?}");
    let before = reader.data_version().unwrap();
    writer.transaction(|conn| Ok(conn.execute_batch(insert)?)).unwrap();
    assert_ne!(reader.data_version().unwrap(), before);
}

#[test]
fn signals_survive_the_move_to_several_markets() {
    let scratch = Scratch::empty();
    let path = old_database(&scratch, 6);
    connect(&path, OpenMode::ReadWrite)
        .unwrap()
        .execute_batch(
            "INSERT INTO signals VALUES (1, 'BTCUSDT', '1m', 60000, '100', 'long', 0, 0, 0.5, 'up', '[]', 90000)",
        )
        .unwrap();
    Store::migrate(&path).unwrap();
    let store = Store::open(&path, OpenMode::ReadOnly).unwrap();
    let kept: (String, String, i64) = store
        .conn()
        .query_row("SELECT market, symbol, expires_at FROM signals", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(kept, (String::new(), "BTCUSDT".to_owned(), 90_000));
}
