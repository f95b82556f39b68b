//! `top` as text, and bundles for whoever helps.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::fleet::{Tape, list, three_bots};
use crate::harness::Home;

#[test]
fn top_is_a_picture_of_what_status_says() {
    let home = three_bots();
    let tape = Tape::write(&home, 600, 300);
    home.run(&format!("run {}", tape.whole)).ok();
    let picture = home.run("top --once --size 80x24").ok().stdout;
    let lines: Vec<&str> = picture.lines().collect();
    assert_eq!(lines.len(), 24);
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{picture}");
    for account in list(&home.json("status"), "accounts") {
        let name = account["account"].as_str().unwrap();
        let bots = format!("{}/{}", account["bots_running"], account["bots_active"]);
        assert!(lines.iter().any(|line| line.starts_with(name) && line.contains(&bots)), "{name}: {picture}");
    }
    assert!(picture.contains("daemon not running") && picture.contains("order "), "{picture}");
    assert!(!picture.contains('\u{1b}'), "text has no colours");
    home.run("top").fails(2, &["needs a terminal", "top --once"]);
    home.run("--json top --once").fails(2, &["no JSON", "status"]);
    home.run("top --once --size 5x5").fails(2, &["80x24"]);
    Home::empty().run("top --once").fails(5, &["tradefleet init"]);
}

/// The files of an archive by name.
fn unpacked(path: &Path) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let count = archive.len();
    let read = |index| {
        let mut file = archive.by_index(index).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        (file.name().unwrap().to_string(), text)
    };
    (0..count).map(read).collect()
}

fn document(files: &[(String, String)], name: &str) -> Value {
    let (_, text) = files.iter().find(|(file, _)| file == name).unwrap();
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_bundle_says_what_is_in_it_and_names_nobody_when_asked_to() {
    let home = three_bots();
    let tape = Tape::write(&home, 600, 300);
    home.run(&format!("run {}", tape.whole)).ok();
    home.run("halt a --reason a-strange-fill-at-alpha-centauri").ok();
    let path = home.path().join("case.zip");
    let line = format!("incident bundle --since 30d --out {}", path.display());
    let told = home.json(&line);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let files = unpacked(&path);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let said: Vec<&str> = list(&told, "files").iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names, said);
    // On a recorded market the window is counted in its time.
    assert!(!document(&files, "orders.json").as_array().unwrap().is_empty());
    assert!(!document(&files, "order_events.json").as_array().unwrap().is_empty());
    assert!(document(&files, "audit.json").to_string().contains("strange-fill"));
    assert!(document(&files, "check.json").as_array().unwrap().iter().all(|check| check["ok"] == true));
    let manifest = document(&files, "manifest.json");
    assert!(list(&manifest, "problems").iter().any(|problem| problem.as_str().unwrap().contains("log.dir")));
    home.run(&line).fails(4, &["exists already"]);
    home.run("incident bundle --since tomorrow").fails(2, &["--since"]);

    home.run("account add secret-desk --exchange paper").ok();
    let path = home.path().join("strangers.zip");
    home.run(&format!("incident bundle --since 30d --anonymous --out {}", path.display())).ok();
    let files = unpacked(&path);
    for (name, text) in &files {
        assert!(!text.contains("secret-desk") && !text.contains("tester"), "{name}: {text}");
    }
    let accounts = document(&files, "status.json")["accounts"].clone();
    let accounts: Vec<&str> =
        accounts.as_array().unwrap().iter().map(|account| account["account"].as_str().unwrap()).collect();
    assert!(accounts.iter().all(|name| name.starts_with("account-")), "{accounts:?}");
}

#[test]
fn a_bundle_is_packed_of_what_is_left() {
    let home = Home::with_account();
    std::fs::write(home.file("tradefleet.db"), "no database").unwrap();
    std::fs::write(home.file("config.toml"), "[alerts]\nslack_webhook = \"https://hooks/a-canary\"\n")
        .unwrap();
    let path = home.path().join("case.zip");
    home.run(&format!("incident bundle --out {}", path.display())).ok();
    let files = unpacked(&path);
    let problems = document(&files, "manifest.json")["problems"].to_string();
    assert!(problems.contains("database"), "{problems}");
    assert!(document(&files, "platform.json")["home"].to_string().contains("tradefleet.db"));
    assert!(files.iter().all(|(_, text)| !text.contains("canary")), "{files:?}");
}
