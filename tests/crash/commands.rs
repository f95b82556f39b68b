//! Command lines that change the database or the files beside it.

use std::fs::{File, OpenOptions};

use faulty_disk::Image;
use rusqlite::{Connection, OpenFlags};

use tradefleet::store::{OpenMode, Store, vault_meta};

use crate::home::{Home, rows_of};
use crate::points::Scenario;
use crate::soundness::{is_sound, is_whole};

const KEYS: &str = "--api-key-file @/key --api-secret-file @/secret --passphrase-file @/phrase";
const GRID: &str = "--type grid --lower 10000 --upper 20000 --grids 100 --investment 900";

/// An account with secrets, one on paper, a bot.
pub(crate) fn fleet(home: &Home) {
    home.must("init");
    home.must(&format!("account add main --exchange bitget {KEYS}"));
    home.must("account add a --exchange paper");
    home.must("bot add trend --account a --allocation 40");
}

fn has_vault(home: &Home) -> bool {
    let store = Store::open(&home.database(), OpenMode::ReadOnly);
    store.is_ok_and(|store| vault_meta::read(store.conn()).is_ok_and(|meta| meta.is_some()))
}

#[test]
fn a_home_is_made() {
    Scenario {
        name: "init",
        prepare: |_| {},
        act: |home| home.run("init").is_ok,
        state: |home| if has_vault(home) { "made" } else { "not made" }.to_owned(),
        sound: |home| if has_vault(home) { is_sound(home) } else { Ok(()) },
        steps: &[
            "make folder home",
            "link config.toml",
            "link master.key",
            "create tradefleet.db",
            "write tradefleet.db-wal",
            "sync tradefleet.db-wal",
        ],
    }
    .exhaust();
}

#[test]
fn an_account_is_added_with_its_keys() {
    Scenario {
        name: "account",
        prepare: fleet,
        act: |home| home.run(&format!("account add new --exchange bitget {KEYS}")).is_ok,
        state: |home| home.rows("SELECT name FROM accounts ORDER BY name"),
        sound: is_sound,
        steps: &["write tradefleet.db-wal", "sync tradefleet.db-wal", "read master.key"],
    }
    .exhaust();
}

#[test]
fn an_account_is_halted_to_be_flattened() {
    Scenario {
        name: "halt",
        prepare: fleet,
        act: |home| home.run("halt a --flatten --reason flood").is_ok,
        state: |home| {
            home.rows(
                "SELECT halted_at IS NULL, halt_flatten, halt_reason, (SELECT count(*) FROM commands),
                     (SELECT count(*) FROM audit_log) FROM account_state",
            )
        },
        sound: is_sound,
        steps: &["sync tradefleet.db-wal"],
    }
    .exhaust();
}

#[test]
fn a_grid_of_a_hundred_lines_is_added() {
    Scenario {
        name: "grid bot",
        prepare: fleet,
        act: |home| home.run(&format!("bot add ladder --account a {GRID}")).is_ok,
        state: |home| home.rows("SELECT name FROM bot_instances ORDER BY name"),
        sound: is_sound,
        steps: &["sync tradefleet.db-wal"],
    }
    .exhaust();
}

fn rotates(name: &'static str, act: fn(&Home) -> bool) -> Scenario {
    Scenario {
        name,
        prepare: fleet,
        act,
        state: |home| home.rows("SELECT key_version FROM vault"),
        sound: is_sound,
        steps: &[
            "link master.key.new",
            "write tradefleet.db-wal",
            "sync tradefleet.db-wal",
            "link master.key.old",
            "rename master.key.new",
            "remove master.key.old",
        ],
    }
}

#[test]
fn the_master_key_is_rotated() {
    rotates("rotation", |home| home.run("keys rotate").is_ok).exhaust();
}

/// With somebody else at the database its log is there already, and not made anew together with its name.
#[test]
fn the_master_key_is_rotated_while_somebody_looks() {
    let act = |home: &Home| {
        let reader = Connection::open_with_flags(home.database(), OpenFlags::SQLITE_OPEN_READ_WRITE);
        let Ok(reader) = reader else { return false };
        let seen = reader.query_row("SELECT count(*) FROM accounts", [], |row| row.get::<_, i64>(0));
        seen.is_ok() && home.run("keys rotate").is_ok
    };
    rotates("rotation, watched", act).exhaust();
}

#[test]
fn an_older_schema_is_brought_up() {
    mod embedded {
        refinery::embed_migrations!("migrations");
    }
    Scenario {
        name: "migration",
        prepare: |home| {
            std::fs::create_dir_all(home.path()).unwrap();
            drop(OpenOptions::new().write(true).create_new(true).open(home.database()).unwrap());
            let mut conn = Connection::open_with_flags(home.database(), OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
            let target = refinery::Target::Version(9);
            embedded::migrations::runner().set_target(target).set_grouped(true).run(&mut conn).unwrap();
            conn.execute_batch(
                "INSERT INTO accounts (name, exchange, created_at, updated_at) VALUES ('kept', 'paper', 1, 1)",
            )
            .unwrap();
        },
        act: |home| home.run("db migrate").is_ok,
        state: |home| {
            home.rows(
                "SELECT max(version), (SELECT group_concat(name) FROM accounts),
                     (SELECT group_concat(name) FROM sqlite_schema ORDER BY name) FROM refinery_schema_history",
            )
        },
        sound: is_whole,
        steps: &["create tradefleet.db.bak-v#.partial", "rename tradefleet.db.bak-v#.partial", "sync tradefleet.db-wal"],
    }
    .exhaust();
}

/// What the finished copies in the folder hold.
fn copies(home: &Home) -> String {
    let Ok(image) = Image::of(&home.disk()) else { return "not readable".to_owned() };
    let names = image.files.into_keys();
    let is_copy = |name: &std::path::PathBuf| name.extension().is_some_and(|end| end == "db");
    let copies = names.filter(|name| name.starts_with("home/backups") && is_copy(name));
    copies.map(|name| rows_of(&home.disk().join(name), "SELECT count(*) FROM accounts")).collect()
}

#[test]
fn a_copy_is_made() {
    Scenario {
        name: "backup",
        prepare: fleet,
        act: |home| home.run("db backup ~/backups/copy.db").is_ok,
        state: copies,
        sound: is_sound,
        steps: &["create copy.db.partial", "sync copy.db.partial", "rename copy.db.partial", "sync backups"],
    }
    .exhaust();
}

#[test]
fn an_encrypted_copy_is_made() {
    const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    Scenario {
        name: "encrypted backup",
        prepare: fleet,
        act: |home| home.run(&format!("db backup ~/backups/copy.age --recipient {RECIPIENT}")).is_ok,
        state: |home| home.path().join("backups/copy.age").exists().to_string(),
        sound: |home| {
            let copy = home.path().join("backups/copy.age");
            // The last bytes of an age file seal it.
            let is_short = File::open(&copy).is_ok_and(|file| file.metadata().unwrap().len() < 100_000);
            if is_short { Err("half a copy".to_owned()) } else { is_sound(home) }
        },
        steps: &["create copy.age.plain.partial", "sync copy.age.partial", "rename copy.age.partial"],
    }
    .exhaust();
}

#[test]
fn a_copy_takes_the_place_of_the_database() {
    Scenario {
        name: "restore",
        prepare: |home| {
            fleet(home);
            home.must("db backup ~/backups/copy.db");
            home.must("account set a leverage=9");
            home.must("halt a --reason flood");
        },
        act: |home| home.run("db restore ~/backups/copy.db --yes").is_ok,
        // Who was halted stays so, whichever of the two it is.
        state: |home| {
            home.rows(
                "SELECT leverage, (SELECT halt_reason FROM account_state s WHERE s.account_id = a.id)
                 FROM account_settings s JOIN accounts a ON a.id = s.account_id WHERE name = 'a'",
            )
        },
        sound: is_sound,
        steps: &[
            "create tradefleet.db.partial",
            "link tradefleet.db.before-restore-#T#Z",
            "rename tradefleet.db.partial",
            "sync home",
        ],
    }
    .exhaust();
}
