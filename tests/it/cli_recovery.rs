//! Going back: backups that are restored and traded on with, encrypted ones, the daemon's own, and the seal of the
//! audit log.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use age::secrecy::ExposeSecret;

use crate::fleet::{Daemon, Tape, ledger, three_bots};
use crate::harness::{Home, bytes_of};

#[test]
fn a_restored_fleet_goes_on_from_its_backup_and_trades_the_same() {
    let home = three_bots();
    let tape = Tape::write(&home, 1_000, 500);
    home.run(&format!("run {}", tape.first)).ok();
    let made = home.json("db backup");
    assert_eq!((made["encrypted"].as_bool(), made["sha256"].as_str().map(str::len)), (Some(false), Some(64)));
    let file = made["path"].as_str().unwrap();
    let then = ledger(&home);
    home.run(&format!("run {}", tape.whole)).ok();
    let afterwards = ledger(&home);
    assert_ne!(afterwards, then);

    let rehearsed = home.json(&format!("db restore {file} --dry-run"));
    assert!(rehearsed["contents"]["fills"].as_u64().unwrap() > 0);
    assert_eq!(ledger(&home), afterwards, "a rehearsal changes nothing");
    home.run(&format!("db restore {file} --yes")).ok();
    assert_eq!(ledger(&home), then);
    home.run("db check").ok();
    home.run("audit verify").ok();
    home.run(&format!("run {}", tape.whole)).ok();
    assert_eq!(ledger(&home), afterwards);
    home.run("db check").ok();
}

#[test]
fn a_restore_wants_a_word_and_a_backup_that_is_refused_is_no_alarm() {
    let home = Home::with_account();
    let file = home.json("db backup")["path"].as_str().unwrap().to_owned();
    home.run("account set a leverage=9").ok();
    home.run(&format!("--json db restore {file}")).fails(4, &["needs_confirmation", "--yes"]);
    assert_eq!(home.json("account show a")["settings"]["leverage"], "9", "nothing was restored");
    home.run(&format!("db backup --out {file}")).fails(4, &["exists already"]);
    assert_eq!(home.count("SELECT count(*) FROM backups"), 1, "no attempt that failed");
}

#[test]
fn who_was_halted_stays_halted_when_time_goes_back() {
    let home = Home::with_account();
    let file = home.json("db backup")["path"].as_str().unwrap().to_owned();
    home.run("halt a --reason flood").ok();
    let restored = home.json(&format!("db restore {file} --yes"));
    assert_eq!(restored["halts_kept"], serde_json::json!(["a"]));
    assert_eq!(home.json("account show a")["halt_reason"], "flood");
}

#[test]
fn what_is_encrypted_opens_only_with_its_key() {
    let home = Home::with_account();
    let file = home.write("x", "").replace("/x", "/copy.age");
    let secret = [("BACKUP_PASSPHRASE", "correct horse battery staple")];
    let line = format!("--json db backup {file} --passphrase-env BACKUP_PASSPHRASE");
    assert_eq!(home.run_with(&line, &secret).ok().json()["encrypted"], true);
    assert!(!bytes_of(file.as_ref()).contains("SQLite format"));
    home.run("account set a leverage=9").ok();
    let restore = format!("db restore {file} --yes");
    home.run(&restore).fails(4, &["encrypted"]);
    let line = format!("{restore} --passphrase-env BACKUP_PASSPHRASE");
    home.run_with(&line, &[("BACKUP_PASSPHRASE", "wrong")]).fails(4, &["copy.age"]);
    assert_eq!(home.json("account show a")["settings"]["leverage"], "9");
    home.run_with(&line, &secret).ok();
    assert_eq!(home.json("account show a")["settings"]["leverage"], "10");
    let left = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_str().unwrap().contains("decrypted")));
}

#[test]
fn a_backup_to_a_public_key_needs_no_secret_here_and_opens_with_the_private_one_elsewhere() {
    let home = Home::with_account();
    let (mine, other) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
    let identity_file = |name: &str, identity: &age::x25519::Identity| {
        let text = format!("# created for a test\n{}\n", identity.to_string().expose_secret());
        let path = home.write(name, &text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    };
    let (opens, does_not) = (identity_file("mine", &mine), identity_file("other", &other));
    let file = home.write("y", "").replace("/y", "/copy.age");
    let made = home.json(&format!("db backup {file} --recipient {}", mine.to_public()));
    assert_eq!(made["encrypted"], true);
    assert!(!bytes_of(file.as_ref()).contains("SQLite format"));
    home.run("account set a leverage=9").ok();
    home.run(&format!("db restore {file} --yes --identity {does_not}")).fails(4, &["copy.age"]);
    assert_eq!(home.json("account show a")["settings"]["leverage"], "9");
    home.run(&format!("db restore {file} --yes --identity {opens}")).ok();
    assert_eq!(home.json("account show a")["settings"]["leverage"], "10");
    home.run(&format!("db backup {file} --recipient age1nonsense")).fails(2, &["age1nonsense"]);
}

/// What the timer's unit runs, with folders of ours.
fn nightly(home: &Home, dir: &Path, more: &str) -> serde_json::Value {
    const UNIT: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/tradefleet-backup.service"));
    let line = UNIT.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let words = line.strip_prefix("/usr/local/bin/tradefleet --home /var/lib/tradefleet ").unwrap();
    let words = words.replace("/var/lib/tradefleet/backups", dir.to_str().unwrap());
    home.json(&format!("{words}{more}"))
}

#[test]
fn the_nightly_backup_is_encrypted_and_kept_as_configured() {
    let home = Home::with_account();
    let mine = age::x25519::Identity::generate();
    let config = format!("[backup]\nkeep = 2\nrecipients = [\"{}\"]\n", mine.to_public());
    fs::write(home.file("config.toml"), config).unwrap();
    let dir = home.path().join("backups");
    for _ in 0..3 {
        assert_eq!(nightly(&home, &dir, "")["encrypted"], true);
    }
    let left: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.iter().all(|path| !bytes_of(path).contains("SQLite format")), "{left:?}");
    assert_eq!(nightly(&home, &dir, " --plain")["encrypted"], false);
    home.run(&format!("db backup --plain --recipient {}", mine.to_public())).fails(2, &["--plain"]);
}

#[test]
fn a_daemon_makes_backups_by_itself_and_status_tells_of_them() {
    let home = three_bots();
    let dir = home.path().join("copies");
    fs::write(home.file("config.toml"), format!("[backup]\ndir = \"{}\"\n", dir.display())).unwrap();
    let tape = Tape::write(&home, 1_500, 700);
    let mut daemon = Daemon::at_work(&home, &format!("--json run --speed 1200 {}", tape.whole));
    daemon.wait_until(|| home.json("status")["backup"]["last_good"].is_object());
    let good = home.json("status")["backup"]["last_good"].clone();
    assert_eq!(good["actor"], "daemon");
    let file = good["path"].as_str().unwrap();
    home.run(&format!("db restore {file} --yes")).fails(7, &["running"]);
    daemon.terminate().ok();
    home.run(&format!("db restore {file} --yes")).ok();
    home.run("db check").ok();
}

#[test]
fn the_seal_shows_what_the_chain_alone_cannot() {
    let home = Home::with_account();
    let noted = home.json("audit anchor")["line"].as_str().unwrap().to_owned();
    home.run("account set a leverage=7").ok();
    let notes = home.write("notes", &format!("{noted}\n"));
    let verified = home.json(&format!("audit verify --anchor-file {notes}"));
    assert_eq!((verified["seal"].as_str(), verified["anchors_checked"].as_u64()), (Some("genuine"), Some(1)));

    // The last entry is cut off and the anchor told so, but the seal cannot be made again.
    let cut =
        "DROP TRIGGER audit_log_no_delete; DELETE FROM audit_log WHERE id = (SELECT max(id) FROM audit_log);
               UPDATE audit_anchor SET entries = (SELECT max(id) FROM audit_log),
                   head = (SELECT hash FROM audit_log ORDER BY id DESC LIMIT 1);";
    home.sql(cut);
    home.run("audit verify").fails(5, &["audit"]);
    home.sql("UPDATE audit_anchor SET sealed_entries = entries, sealed_head = head");
    home.run("audit verify").fails(5, &["not made with this master key"]);
    let checked = home.run("--json db check");
    assert_eq!(checked.code, 5);
    let checks = checked.json()["checks"].clone();
    let seal = checks.as_array().unwrap().iter().find(|check| check["name"] == "audit seal").unwrap().clone();
    assert_eq!(seal["ok"], false, "{seal}");
}

#[test]
fn a_log_that_has_no_seal_is_told_how_to_get_one() {
    let home = Home::with_account();
    home.sql(
        "UPDATE audit_anchor SET sealed_entries = NULL, sealed_head = NULL, sealed_at = NULL, key_version = NULL,
             mac = NULL",
    );
    home.run("audit verify").fails(5, &["has no seal: it was never sealed", "tradefleet audit anchor"]);
    let doctor = home.json("doctor");
    let audit = doctor["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == "audit");
    assert_eq!(audit.unwrap()["verdict"], "warn");
    home.run("audit anchor").ok();
    assert_eq!(home.json("audit verify")["seal"], "genuine");
}

#[test]
fn a_file_that_is_not_there_is_bad_input() {
    let home = Home::with_account();
    for line in [
        "db restore /nope --yes",
        "account import /nope",
        "audit verify --anchor-file /nope",
        "db backup copy.age --recipients-file /nope",
        "account add b --exchange binance --api-key-file /nope --api-secret-file /nope",
        "backtest --kind macd --tape /nope.csv",
        "data import /nope.csv",
        "simulate --synthetic --accounts /nope",
        "simulate --synthetic --faults /nope",
    ] {
        home.run(line).fails(2, &["/nope"]);
    }
}

#[test]
fn a_backup_that_is_damaged_is_named() {
    let home = Home::with_account();
    let file = home.json("db backup")["path"].as_str().unwrap().to_owned();
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 100]).unwrap();
    let refused = home.run(&format!("db restore {file} --yes")).fails(5, &[&file, "give another backup"]);
    assert!(!refused.stderr.contains("db check"), "the database is as it was: {refused:?}");
}
