//! Checks on the text of the code itself: which room may use which, what the pure ones may not touch, file shapes.

#![expect(clippy::unwrap_used, reason = "a failed read should fail the test")]

use std::fs;
use std::path::{Path, PathBuf};

/// What each room may import of this crate. The first five are pure.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &["domain"]),
    ("matching", &["domain", "matching"]),
    ("signal", &["domain", "signal"]),
    ("strategy", &["domain", "signal", "strategy"]),
    ("engine", &["domain", "signal", "strategy", "engine"]),
    ("clock", &["domain"]),
    ("config", &["domain", "engine", "signal", "config"]),
    ("market", &["domain", "market"]),
    ("exchange", &["domain", "matching", "exchange"]),
    ("simulator", &["domain", "matching", "clock", "market", "simulator"]),
    ("store", &["domain", "engine", "matching", "signal", "strategy", "store"]),
    ("vault", &["domain", "store", "vault"]),
    ("backup", &["domain", "store", "backup"]),
    ("control", &["domain", "engine", "strategy", "config", "store", "vault", "control"]),
    (
        "notify",
        &["domain", "engine", "signal", "strategy", "clock", "config", "store", "vault", "control", "notify"],
    ),
    (
        "daemon",
        &[
            "domain", "matching", "signal", "strategy", "engine", "clock", "config", "market", "exchange",
            "notify", "store", "vault", "backup", "daemon",
        ],
    ),
    (
        "backtest",
        &[
            "domain", "matching", "signal", "strategy", "engine", "config", "market", "exchange", "daemon",
            "backtest",
        ],
    ),
    ("optimize", &["domain", "engine", "strategy", "market", "store", "backtest", "optimize"]),
    (
        "cli",
        &[
            "backtest",
            "optimize",
            "domain",
            "engine",
            "signal",
            "strategy",
            "clock",
            "config",
            "market",
            "exchange",
            "simulator",
            "store",
            "vault",
            "backup",
            "control",
            "notify",
            "daemon",
            "cli",
        ],
    ),
];

const PURE: &[&str] = &["domain", "matching", "signal", "strategy", "engine"];

/// What a pure room may not name.
const IMPURE: &[&str] = &[
    "tokio",
    "rusqlite",
    "async ",
    ".await",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "::now(",
    "getrandom",
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "manager"];

const LINES_MAX: usize = 450;

#[test]
fn rooms_only_use_the_rooms_below_them() {
    let mut errors = Vec::new();
    for file in production_files() {
        let room = room_of(&file.path);
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == room) else { continue };
        for (number, line) in code_lines(&file.text) {
            for used in rooms_named_in(line) {
                if !allowed.contains(&used.as_str()) {
                    errors.push(format!("{}:{number}: `{room}` may not use `{used}`", file.path.display()));
                }
            }
        }
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn every_room_has_its_place() {
    let rooms: Vec<String> = MAY_USE
        .iter()
        .map(|(room, _)| (*room).to_owned())
        .chain(["lib".to_owned(), "main".to_owned()])
        .collect();
    for file in production_files() {
        let room = room_of(&file.path);
        assert!(rooms.contains(&room), "{}: room `{room}` is not in MAY_USE", file.path.display());
    }
}

#[test]
fn pure_rooms_touch_nothing_outside() {
    let mut errors = Vec::new();
    for file in production_files().into_iter().filter(|file| PURE.contains(&room_of(&file.path).as_str())) {
        for (number, line) in code_lines(&file.text) {
            for token in IMPURE.iter().filter(|token| line.contains(**token)) {
                errors.push(format!("{}:{number}: `{token}` in a pure room", file.path.display()));
            }
        }
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn files_say_what_they_are_and_stay_small() {
    let mut errors = Vec::new();
    for file in production_files() {
        let shown = file.path.display();
        if !file.text.starts_with("//!") {
            errors.push(format!("{shown}: no `//!` header"));
        }
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            errors.push(format!("{shown}: {lines} lines before its tests, at most {LINES_MAX}"));
        }
        let stem = file.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if EMPTY_NAMES.contains(&stem) {
            errors.push(format!("{shown}: `{stem}` names no idea; name what is inside"));
        }
        for marker in ["TODO", "FIXME", "XXX"].iter().filter(|marker| file.text.contains(**marker)) {
            errors.push(format!("{shown}: leftover marker {marker}"));
        }
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

struct SourceFile {
    path: PathBuf,
    /// Without the tests at its end.
    text: String,
}

/// All of `src` but the tests.
fn production_files() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join("src"), &mut paths);
    paths.sort();
    assert!(!paths.is_empty());
    paths
        .into_iter()
        .filter(|path| !is_test_file(path))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
            SourceFile { path: path.strip_prefix(root).unwrap().to_owned(), text }
        })
        .collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn is_test_file(path: &Path) -> bool {
    const TEST_STEMS: &[&str] = &["tests", "proptests", "fixtures", "scratch", "testing"];
    path.components().any(|part| {
        let name = part.as_os_str().to_string_lossy();
        TEST_STEMS.contains(&name.trim_end_matches(".rs"))
    })
}

/// `src/engine/machine.rs` is in `engine`, `src/clock.rs` in `clock`.
fn room_of(path: &Path) -> String {
    let name = path.components().nth(1).map(|part| part.as_os_str().to_string_lossy().into_owned());
    name.unwrap_or_default().trim_end_matches(".rs").to_owned()
}

/// Numbered lines without their comments.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().zip(1..).map(|(line, number)| (number, line.split("//").next().unwrap_or_default()))
}

fn rooms_named_in(line: &str) -> Vec<String> {
    line.split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}
