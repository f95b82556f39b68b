//! Everything that is read from outside, cut and changed at random: never a panic, and never a number that was not
//! written there. `TRADEFLEET_MANGLED` says how many tries (`docs/proof.md`); a failure names its text.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not hold must fail"
)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use mangle::{Random, mangled};
use targets::found::FOUND;
use targets::{Cost, TARGETS, Target};

mod mangle;
mod targets;

/// Tries of a target in a run without wishes.
const TRIES: usize = 8_000;
/// Of one whose readings take longer.
const SLOW_TRIES: usize = 800;

fn tries(cost: Cost) -> usize {
    let most = match cost {
        Cost::Microseconds => TRIES,
        Cost::Milliseconds => SLOW_TRIES,
    };
    std::env::var("TRADEFLEET_MANGLED").map_or(most, |text| text.parse().unwrap())
}

/// Reads bytes, and names them where that panics.
fn read(target: &Target, bytes: &[u8]) -> bool {
    let shown = String::from_utf8_lossy(bytes);
    catch_unwind(|| (target.read)(bytes)).unwrap_or_else(|_| panic!("{} fails on {shown:?}", target.name))
}

/// Every target whose name begins so.
fn try_all(prefix: &str) {
    let chosen: Vec<&Target> = TARGETS.iter().filter(|target| target.name.starts_with(prefix)).collect();
    assert!(!chosen.is_empty(), "no target is called {prefix}…");
    for target in chosen {
        let mut seeds = (target.seeds)();
        seeds.extend(recorded(target.name));
        let mut random =
            Random(target.name.bytes().fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte)));
        let tries = tries(target.cost);
        let readable = (0..tries).filter(|_| {
            let seed = &seeds[random.below(seeds.len())];
            read(target, &mangled(seed, &mut random))
        });
        let readable = readable.count();
        assert!(readable * 100 > tries, "{}: only {readable} of {tries} are readable", target.name);
    }
}

#[test]
fn every_seed_is_readable() {
    let mut unreadable = Vec::new();
    for target in TARGETS {
        let seeds = (target.seeds)().into_iter().filter(|seed| !read(target, seed));
        unreadable.extend(seeds.map(|seed| (target.name, String::from_utf8_lossy(&seed).into_owned())));
    }
    assert!(unreadable.is_empty(), "{unreadable:#?}");
}

/// `fuzz/run` asks for them in a folder: the seeds of each target, with what was found once, and the words in them, which
/// libFuzzer puts together anew.
#[test]
fn seeds_are_written_where_they_are_asked_for() {
    let Ok(folder) = std::env::var("TRADEFLEET_CORPUS") else { return };
    for target in TARGETS {
        let corpus = Path::new(&folder).join(target.name);
        fs::create_dir_all(&corpus).unwrap();
        let found =
            FOUND.iter().filter(|(name, _)| *name == target.name).map(|(_, text)| text.as_bytes().to_vec());
        let seeds: Vec<Vec<u8>> = (target.seeds)().into_iter().chain(found).collect();
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(corpus.join(format!("seed-{number:03}")), seed).unwrap();
        }
        fs::write(corpus.with_extension("dict"), dictionary(&seeds)).unwrap();
    }
}

fn dictionary(seeds: &[Vec<u8>]) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let texts = seeds.iter().filter_map(|seed| std::str::from_utf8(seed).ok());
    let words = texts.flat_map(|text| text.split(|c: char| !is_part(c)));
    let words: BTreeSet<&str> = words.filter(|word| (2..=40).contains(&word.len())).collect();
    words.into_iter().fold(String::new(), |lines, word| lines + "\"" + word + "\"\n")
}

#[test]
fn messages_of_exchanges_never_panic_and_numbers_are_exact() {
    for exchange in ["binance", "bitget", "upbit"] {
        try_all(exchange);
    }
}

#[test]
fn an_unreadable_refusal_of_a_write_stays_unknown() {
    try_all("refusals");
}

#[test]
fn telegram_updates_and_lines_are_read_or_refused() {
    try_all("telegram");
}

#[test]
fn configurations_are_read_or_refused() {
    try_all("configuration");
    try_all("accounts_file");
}

#[test]
fn numbers_settings_and_ids_are_exact_or_refused() {
    for name in ["decimals", "settings", "client_order_ids"] {
        try_all(name);
    }
}

#[test]
fn grids_keep_their_promises_or_are_refused() {
    try_all("grids");
}

#[test]
fn candle_files_are_read_or_refused() {
    try_all("candle");
    try_all("stored_candles");
}

#[test]
fn arguments_are_read_or_refused() {
    try_all("arguments");
}

/// What is nested without end, or longer than anything real.
#[test]
fn depth_and_length_are_errors_and_no_more() {
    const DEPTH: usize = 5_000;
    let shapes = [
        ("[", "]"),
        ("{\"data\":", "}"),
        ("{\"a\":[", "]}"),
        ("a=[", "]"),
        ("a.", ""),
        ("(", ")"),
        ("9", ""),
        ("-", ""),
        ("\"", "\""),
    ];
    for target in TARGETS.iter().filter(|target| target.cost == Cost::Microseconds) {
        for (open, close) in shapes {
            read(target, format!("{}1{}", open.repeat(DEPTH), close.repeat(DEPTH)).as_bytes());
        }
    }
}

/// Each was read wrongly once.
#[test]
fn what_was_found_stays_mended() {
    for (name, text) in FOUND {
        let target = TARGETS.iter().find(|target| target.name == *name).unwrap();
        read(target, text.as_bytes());
    }
}

/// `fuzz/` has a target of each name.
#[test]
fn every_target_is_fuzzed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest: toml::Table = fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().unwrap();
    let bins = manifest["bin"].as_array().unwrap().iter();
    let fuzzed: BTreeSet<&str> = bins.map(|bin| bin["name"].as_str().unwrap()).collect();
    let missing: Vec<_> =
        TARGETS.iter().filter(|target| !fuzzed.contains(target.name)).map(|t| t.name).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Bodies that real exchanges have sent, where the folder of recorded vectors is there.
fn recorded(target: &str) -> Vec<Vec<u8>> {
    let folder = std::env::var("TRADEFLEET_VECTORS").unwrap_or_else(|_| "../shared/vectors".to_owned());
    let exchange = match target {
        "binance_rest" => "binance_usdm",
        "bitget_rest" => "bitget",
        "upbit_rest" => "upbit",
        _ => return Vec::new(),
    };
    let bodies = |file: &str| {
        let text = fs::read_to_string(Path::new(&folder).join(exchange).join(file)).ok()?;
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let vectors = file["vectors"].as_array().unwrap();
        Some(vectors.iter().map(|vector| vector["httpResponse"].to_string().into()).collect::<Vec<_>>())
    };
    ["response.json", "error.json"].into_iter().filter_map(bodies).flatten().collect()
}
