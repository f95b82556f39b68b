//! `init`, `config`, usage errors and exit codes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::Home;

#[test]
fn init_makes_a_private_home_once() {
    let home = Home::empty();
    home.run("init").ok();
    let mode = |name: &str| fs::metadata(home.file(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(fs::metadata(home.path()).unwrap().permissions().mode() & 0o777, 0o700);
    for name in ["config.toml", "master.key", "tradefleet.db"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    let key = fs::read(home.file("master.key")).unwrap();
    home.run("init").fails(4, &["exists already", "hint: "]);
    assert_eq!(fs::read(home.file("master.key")).unwrap(), key);
    home.run("config check").ok();
    home.run("doctor").ok();
}

#[test]
fn an_unknown_key_stops_every_write_and_is_explained() {
    let home = Home::with_account();
    let before = home.fingerprint();
    fs::write(home.file("config.toml"), "[limits]\nmax_levrage = 5\n[log]\nlevel = \"loud\"\n").unwrap();
    let words = ["line 2", "did you mean `max_leverage`?", "line 4", "log.level = `loud`"];
    home.run("config check").fails(2, &words);
    home.run("account set a leverage=3").fails(2, &words);
    home.run("doctor").fails(1, &["checks failed"]);
    home.run("resume a").fails(2, &words);
    // What only takes risk away is done all the same.
    for line in ["halt a --flatten --dry-run", "account deactivate a --dry-run"] {
        assert!(home.run(line).ok().stderr.contains("log.level = `loud`"));
    }
    home.run(&format!("db backup --out {}", home.file("copy.db").display())).ok();
    fs::remove_file(home.file("copy.db")).unwrap();
    fs::remove_file(home.file("config.toml")).unwrap();
    assert_eq!(home.fingerprint(), before);
}

#[test]
fn config_show_names_the_source_of_each_value() {
    let home = Home::new();
    fs::write(home.file("config.toml"), "[limits]\nmax_leverage = 50\n").unwrap();
    let shown = home.json("config show");
    let row = |key: &str| {
        let keys = shown["keys"].as_array().unwrap();
        keys.iter().find(|row| row["key"] == key).unwrap().clone()
    };
    assert_eq!(
        (row("limits.max_leverage")["value"].as_str(), row("limits.max_leverage")["source"].as_str()),
        (Some("50"), Some("file"))
    );
    assert_eq!(row("log.level")["source"], "default");
    home.run("account add a --exchange paper --set leverage=50").ok();
    home.run("account set a leverage=51").fails(2, &["1 to 50"]);
}

#[test]
fn errors_are_json_when_json_was_asked_for() {
    let home = Home::new();
    let answer = home.run("--json account show nobody");
    assert_eq!((answer.code, answer.stdout.as_str()), (3, ""));
    let error: serde_json::Value = serde_json::from_str(&answer.stderr).unwrap();
    assert_eq!(
        (error["error"]["code"].as_str(), error["error"]["exit_code"].as_i64()),
        (Some("not_found"), Some(3))
    );
    assert_eq!(error["error"]["message"], "there is no account `nobody`");
    let usage = home.run("--json acount list");
    let error: serde_json::Value = serde_json::from_str(&usage.stderr).unwrap();
    assert_eq!((usage.code, error["error"]["exit_code"].as_i64()), (2, Some(2)));
    home.run("--help").ok();
    home.run("--version").ok();
}

#[test]
fn without_a_home_the_way_in_is_shown() {
    let home = Home::empty();
    home.run("account list").fails(5, &["there is no database", "tradefleet init"]);
    home.run("doctor").fails(1, &[]);
}

#[test]
fn completions_and_manual_pages_are_written() {
    let home = Home::empty();
    assert!(home.run("completions bash").ok().stdout.contains("tradefleet"));
    let pages = home.write("unused", "").replace("unused", "man");
    home.run(&format!("man {pages}")).ok();
    assert!(std::path::Path::new(&pages).join("tradefleet-account-add.1").exists());
}

#[test]
fn the_configuration_reference_is_what_the_program_says() {
    let home = Home::empty();
    let said = home.run("config reference").ok().stdout;
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/config.md");
    let written = fs::read_to_string(page).unwrap();
    assert!(said == written, "docs/config.md is stale: cargo run -- config reference > docs/config.md");
    let keys = home.json("config reference")["keys"].as_array().unwrap().clone();
    for key in &keys {
        let name = key["key"].as_str().unwrap();
        let (section, name) = name.split_once('.').unwrap();
        assert!(
            said.contains(&format!("## [{section}]")) && said.contains(&format!("| `{name}` |")),
            "{key}"
        );
        assert!(
            !key["description"].as_str().unwrap().is_empty() && !key["type"].as_str().unwrap().is_empty()
        );
    }
}
