//! The database's file: its mode, its schema, backups, the audit chain.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::Home;

#[test]
fn a_database_that_others_can_read_is_refused() {
    let home = Home::with_account();
    fs::set_permissions(home.file("tradefleet.db"), fs::Permissions::from_mode(0o644)).unwrap();
    for line in ["account list", "account set a leverage=5"] {
        home.run(line).fails(5, &["0644", "chmod 600"]);
    }
    fs::set_permissions(home.file("tradefleet.db"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(home.json("account show a")["settings"]["leverage"], "10");
}

#[test]
fn a_newer_schema_and_a_strange_file_are_refused() {
    let home = Home::with_account();
    home.sql(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES (99, 'x', '', '0')",
    );
    for line in ["account list", "account set a leverage=5", "db migrate"] {
        home.run(line).fails(5, &["schema version 99", "update tradefleet"]);
    }
    fs::write(home.file("tradefleet.db"), "this is no database, and has never been one").unwrap();
    home.run("account list").fails(5, &["is not a tradefleet database"]);
}

#[test]
fn a_backup_brings_back_what_was() {
    let home = Home::with_account();
    home.run("account set a leverage=7").ok();
    let file = home.write("x", "").replace("/x", "/copy.db");
    home.run(&format!("db backup {file}")).ok();
    home.run(&format!("db backup {file}")).fails(4, &["exists already"]);
    home.run("account set a leverage=9").ok();
    home.run(&format!("db restore {file} --yes")).ok();
    assert_eq!(home.json("account show a")["settings"]["leverage"], "7");
    let kept = |name: &str| name.starts_with("tradefleet.db.before-restore-");
    let names = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| kept(name.to_str().unwrap())).count(), 1);
    home.run("db check").ok();
    home.run("db migrate").ok();
}

#[test]
fn the_audit_log_says_who_did_what_and_shows_tampering() {
    let home = Home::with_account();
    home.run("account set a leverage=7").ok();
    let entries = home.json("audit show --account a");
    let last = entries["entries"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((last["actor"].as_str(), last["action"].as_str()), (Some("cli:tester"), Some("set_account")));
    assert_eq!(
        (last["before"]["leverage"].as_str(), last["after"]["leverage"].as_str()),
        (Some("10"), Some("7"))
    );
    home.run("audit verify").ok();
    home.sql("DROP TRIGGER audit_log_no_update; UPDATE audit_log SET actor = 'nobody' WHERE id = 2");
    home.run("audit verify").fails(5, &["2"]);
    assert_eq!(home.run("--json audit verify").json()["ok"], false);
    home.run("db check").fails(5, &["1 check failed"]);
}
