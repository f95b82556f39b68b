//! Keys: never seen, never lost, and useless without the master key.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Home, bytes_of};

const KEY: &str = "canary-api-key-31337";
const SECRET: &str = "canary-api-secret-31337";
const PHRASE: &str = "canary-passphrase-31337";

const ADD: &str = "account add main --exchange bitget --api-key-env K --api-secret-file ";

fn home_with_secrets() -> Home {
    let home = Home::new();
    let file = home.write("secret.txt", SECRET);
    home.run_with(&format!("{ADD}{file} --passphrase-env P"), &[("K", KEY), ("P", PHRASE)]).ok();
    home
}

#[test]
fn planted_secrets_are_found_nowhere() {
    let home = home_with_secrets();
    let token = [("T", "31337:canary-token-31337"), ("K", KEY), ("S", SECRET)];
    let file = home.write(
        "fleet.toml",
        "[[accounts]]\nname='tele'\nexchange='binance'\napi_key='env:K'\napi_secret='env:S'\n\
         [accounts.telegram]\nbot_token='env:T'\nchat_id=-5\n",
    );
    let mut seen = String::new();
    for answer in [
        home.run_with(&format!("account import {file} --dry-run"), &token),
        home.run_with(&format!("account import {file}"), &token),
    ] {
        let answer = answer.ok();
        seen.push_str(&answer.stdout);
        seen.push_str(&answer.stderr);
    }
    for line in [
        "account list",
        "account show main",
        "--json account show main",
        "account show tele",
        "account export",
        "audit show",
        "--json audit show",
        "--json bot list",
        "doctor",
        "keys rotate",
        "config show",
        "db check",
    ] {
        let answer = home.run(line).ok();
        seen.push_str(&answer.stdout);
        seen.push_str(&answer.stderr);
    }
    for entry in fs::read_dir(home.path()).unwrap() {
        seen.push_str(&bytes_of(&entry.unwrap().path()));
    }
    assert!(!seen.contains("canary"));
    assert!(seen.contains("v1:"), "the sealed values are there");
    assert_eq!(home.json("account show main")["keys"]["passphrase"], true);
}

#[test]
fn keys_that_are_missing_or_unused_are_refused() {
    let home = Home::new();
    home.run("account add b --exchange binance")
        .fails(2, &["binance needs an API key and an API secret", "--api-key-env"]);
    home.run_with(
        "account add b --exchange bitget --api-key-env K --api-secret-env S",
        &[("K", KEY), ("S", SECRET)],
    )
    .fails(2, &["passphrase"]);
    home.run_with("account add b --exchange paper --api-key-env K", &[("K", KEY)])
        .fails(2, &["paper takes no"]);
    home.run("account add b --exchange binance --api-key-env UNSET").fails(2, &["`UNSET` is not set"]);
    home.run_with(
        "account add b --exchange upbit --api-key-env K --api-secret-env S --passphrase-env S",
        &[("K", KEY), ("S", SECRET)],
    )
    .fails(2, &["upbit takes no passphrase"]);
    assert!(home.json("account list")["accounts"].as_array().unwrap().is_empty());
}

#[test]
fn a_wrong_or_absent_master_key_is_told_and_changes_nothing() {
    let home = home_with_secrets();
    let before = home.fingerprint();
    fs::write(home.file("master.key"), "ab".repeat(32)).unwrap();
    let line = "account set main --api-key-env K --api-secret-env K --passphrase-env K";
    home.run_with(line, &[("K", KEY)]).fails(6, &["not the one this database was encrypted with"]);
    home.run("doctor").fails(1, &[]);
    fs::set_permissions(home.file("master.key"), fs::Permissions::from_mode(0o644)).unwrap();
    home.run_with(line, &[("K", KEY)]).fails(6, &["0644", "chmod 600"]);
    fs::remove_file(home.file("master.key")).unwrap();
    home.run_with(line, &[("K", KEY)]).fails(6, &["no master key", "master.key"]);
    // What needs no secret needs no key.
    assert_eq!(home.fingerprint(), before);
}

#[test]
fn a_rotation_moves_all_secrets_and_survives_being_killed() {
    let home = home_with_secrets();
    let old = fs::read(home.file("master.key")).unwrap();
    home.run("keys rotate --keep-old").ok();
    assert_eq!(fs::read(home.file("master.key.old")).unwrap(), old);
    assert_ne!(fs::read(home.file("master.key")).unwrap(), old);
    home.run("keys rotate").fails(4, &["master.key.old is still there"]);
    // Killed after the transaction, before the files were swapped.
    fs::rename(home.file("master.key"), home.file("master.key.new")).unwrap();
    fs::rename(home.file("master.key.old"), home.file("master.key")).unwrap();
    let line = "account set main --api-key-env K --api-secret-env K --passphrase-env K";
    let answer = home.run_with(line, &[("K", KEY)]).ok();
    assert!(answer.stderr.contains("a rotation was interrupted"), "{answer:?}");
    fs::rename(home.file("master.key.new"), home.file("master.key")).unwrap();
    home.run("doctor").ok();
    home.run("keys rotate").ok();
    assert!(!home.file("master.key.old").exists());
    home.run("audit verify").ok();
}

#[test]
fn a_rotation_says_where_the_new_key_is_and_that_a_credential_is_old() {
    let home = home_with_secrets();
    let old = fs::read_to_string(home.file("master.key")).unwrap();
    // As under systemd: the key is a credential, and no file of the home folder.
    fs::remove_file(home.file("master.key")).unwrap();
    let key = home.file("master.key").display().to_string();
    let replace = format!("install -D -m 0400 {key} /etc/tradefleet/master.key");
    let words = [&*replace, "a systemd credential", "before the daemon is started"];
    let answer = home.run_with("keys rotate", &[("TRADEFLEET_MASTER_KEY", old.trim())]).ok();
    assert!(words.iter().all(|word| answer.stderr.contains(word)), "{answer:?}");
    let answer = home.run("--json keys rotate").ok();
    assert!(words.iter().all(|word| answer.stderr.contains(word)), "{answer:?}");
    assert_eq!(answer.json()["key_file"], key.as_str());

    // The old credential opens nothing, whatever lies in the home folder; the new one does.
    let folder = home.path().join("credentials");
    fs::create_dir(&folder).unwrap();
    let credential = folder.join("tradefleet-master-key");
    let set = "account set main --api-key-env K --api-secret-env K --passphrase-env K";
    let variables = [("CREDENTIALS_DIRECTORY", folder.to_str().unwrap()), ("K", KEY)];
    fs::write(&credential, &old).unwrap();
    home.run_with(set, &variables).fails(6, &["the systemd credential"]);
    fs::copy(home.file("master.key"), &credential).unwrap();
    home.run_with(set, &variables).ok();
}

#[test]
fn the_environment_variable_works_but_warns() {
    let home = home_with_secrets();
    let key = fs::read_to_string(home.file("master.key")).unwrap();
    fs::remove_file(home.file("master.key")).unwrap();
    let variables = [("TRADEFLEET_MASTER_KEY", key.trim()), ("K", KEY)];
    let line = "account set main --api-key-env K --api-secret-env K --passphrase-env K";
    let answer = home.run_with(line, &variables).ok();
    assert!(answer.stderr.contains("warning: the master key comes from the environment"), "{answer:?}");
}
