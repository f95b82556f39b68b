//! `account import` and `export`: all or nothing, and back again.

use crate::harness::Home;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/accounts.example.toml");

#[test]
fn the_example_shows_a_whole_fleet_and_imports() {
    let home = Home::new();
    home.run(&format!("account import {EXAMPLE}")).fails(2, &["BINANCE_MAIN_API_KEY", "line "]);
    assert!(home.json("account list")["accounts"].as_array().unwrap().is_empty());
    home.run(&format!("account import {EXAMPLE} --placeholder-secrets")).ok();
    let accounts = home.json("account list");
    let accounts = accounts["accounts"].as_array().unwrap();
    let exchanges: Vec<_> = accounts.iter().filter_map(|account| account["exchange"].as_str()).collect();
    for exchange in ["binance", "bitget", "upbit", "paper"] {
        assert!(exchanges.contains(&exchange), "{exchange}");
    }
    let bots = home.json("bot list");
    let running = bots["bots"].as_array().unwrap().iter().filter(|bot| bot["running"] == true).count();
    assert!(accounts.len() >= 3 && running >= 6);
    assert_eq!(home.json("account show faulty")["paper"]["fault_failure_pct"], "100");
    assert_eq!(home.json("account show binance-main")["telegram_chat_id"], 123_456_789);
    home.run("doctor").ok();
}

#[test]
fn a_mistake_anywhere_imports_nothing_and_all_are_listed() {
    let home = Home::new();
    let before = home.fingerprint();
    let good = "[[accounts]]\nname = 'good'\nexchange = 'paper'\n";
    for (rest, words) in [
        (
            "[accounts.settings]\nlevrage = 5\nentry_pct = -1\n",
            vec!["line 5", "`leverage`?", "line 6", "entry_pct = `-1`"],
        ),
        ("[[accounts.bots]]\nname = 'b'\nstrateegy = 'macd'\n", vec!["line 6", "did you mean `strategy`?"]),
        (
            "[[accounts]]\nname = 'good'\nexchange = 'paper'\n",
            vec!["line 4", "account `good` exists already"],
        ),
        ("[[accounts.bots]]\nname = 'b'\nstrategy = 'nope'\n", vec!["line 4", "there is no strategy `nope`"]),
        (
            "[[accounts]]\nname = 'x'\nexchange = 'bitget'\napi_key = 'plain-canary'\n",
            vec!["line 7", "never itself"],
        ),
        ("[[accounts]]\nname = 'x'\nexchange = 'binance'\n", vec!["line 4", "API secret"]),
        ("[[accounts]]\nexchange = 'paper'\n", vec!["line 4", "`name` is missing"]),
        ("[accounts.paper\n", vec!["line 4"]),
        (
            "[[accounts.bots]]\nname='b'\nallocation_percent=60\n[[accounts.bots]]\nname='c'\nallocation_percent=60\n",
            vec!["line 7", "60 % is allocated, 40 % is free"],
        ),
    ] {
        let file = home.write("fleet.toml", &format!("{good}{rest}"));
        let answer = home.run(&format!("account import {file}")).fails(2, &words);
        assert!(!answer.stderr.contains("plain-canary"), "{answer:?}");
        assert_eq!(home.fingerprint(), before, "{rest}");
    }
}

#[test]
fn an_export_imports_to_the_same_fleet() {
    let home = Home::new();
    home.run(&format!("account import {EXAMPLE} --placeholder-secrets")).ok();
    let exported = home.run("account export").ok().stdout;
    assert!(!exported.contains("placeholder-for"));
    let other = Home::new();
    let file = other.write("fleet.toml", &exported);
    other.run(&format!("account import {file} --placeholder-secrets")).ok();
    assert_eq!(other.run("account export").ok().stdout, exported);
}

#[test]
fn two_accounts_are_never_given_one_key() {
    let account = |name: &str, exchange: &str| {
        format!(
            "[[accounts]]\nname = '{name}'\nexchange = '{exchange}'\napi_key = 'env:K'\napi_secret = 'env:S'\n"
        )
    };
    let keys = [("K", "canary-key"), ("S", "secret")];
    let home = Home::new();
    let file =
        home.write("twice.toml", &format!("{}{}", account("fam-1", "binance"), account("fam_1", "binance")));
    let words = ["line 6", "accounts `fam-1` and `fam_1` have the same API key of binance"];
    let answer = home.run_with(&format!("account import {file}"), &keys).fails(2, &words);
    assert!(!answer.stderr.contains("canary-key"), "{answer:?}");
    // Of two exchanges they are two; and what stands in for keys that are missing differs.
    let other = home.write("two.toml", &format!("{}{}", account("a", "binance"), account("b", "upbit")));
    home.run_with(&format!("account import {other}"), &keys).ok();
    home.run(&format!("account import {file} --placeholder-secrets")).ok();
    let exported = home.run("account export fam-1 fam_1").ok().stdout;
    let again = Home::new();
    let file = again.write("again.toml", &exported);
    again
        .run(&format!("account import {file}"))
        .fails(2, &["`TRADEFLEET_FAM_1_API_KEY` is not set", "`TRADEFLEET_FAM_1_x"]);
}
