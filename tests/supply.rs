//! What comes from outside, by the lists of `deny.toml`: where it is from, that nothing banned is among it, and under
//! which licences it is. The lists are those of `cargo deny`; this needs no further tool and no network.

#![expect(clippy::unwrap_used, reason = "what cannot be read should fail the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    toml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn everything_is_from_a_known_registry_and_nothing_is_banned() {
    let rules = read("deny.toml");
    let known = texts(&rules["sources"]["allow-registry"]);
    let banned: BTreeSet<&str> =
        rules["bans"]["deny"].as_array().unwrap().iter().map(|ban| ban["crate"].as_str().unwrap()).collect();
    let lock = read("Cargo.lock");
    let mut count = 0;
    for package in lock["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        assert!(!banned.contains(name), "{name} is banned");
        let Some(source) = package.get("source").and_then(Value::as_str) else {
            // The disk that tests run on is a package of its own beside them: it needs `unsafe`.
            assert!([env!("CARGO_PKG_NAME"), "faulty-disk"].contains(&name), "{name} has no source");
            continue;
        };
        assert!(known.iter().any(|url| source == format!("registry+{url}")), "{name} is from {source}");
        assert!(package.get("checksum").is_some(), "{name} has no checksum");
        count += 1;
    }
    assert!(count > 100);
}

#[test]
fn every_dependency_says_which_versions_it_may_have() {
    let manifest = read("Cargo.toml");
    let mut count = 0;
    for table in ["dependencies", "dev-dependencies"] {
        for (name, dependency) in manifest[table].as_object().unwrap() {
            let version = dependency.as_str().or_else(|| dependency.get("version").and_then(Value::as_str));
            assert!(
                version.is_some_and(|version| version != "*"),
                "{name} may have any version: deny.toml forbids it"
            );
            count += 1;
        }
    }
    assert!(count > 30);
}

/// The platform that packages are at hand for.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// Whether one of the alternatives of a licence expression consists of allowed licences.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let mut alternatives = plain.split(" OR ");
    alternatives.any(|all| all.split(" AND ").all(|licence| allowed.contains(licence.trim())))
}

#[test]
fn every_licence_is_allowed() {
    let allowed = texts(&read("deny.toml")["licenses"]["allow"]);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", &host()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let refused: Vec<String> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|package| {
            let licence = package["license"].as_str().unwrap_or("none");
            let name = package["name"].as_str().unwrap();
            (!is_allowed(licence, &allowed)).then(|| format!("{name}: {licence}"))
        })
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn licence_expressions_are_read() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "ISC".to_owned()]);
    for (expression, is) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("MIT/Apache-2.0", true),
        ("MIT AND ISC", true),
        ("MIT AND GPL-3.0", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), is, "{expression}");
    }
}
