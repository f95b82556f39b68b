//! Accounts: settings and their limits, tags, dry run, halt, removal.

use crate::harness::Home;

#[test]
fn settings_of_both_registries_are_set_and_shown() {
    let home = Home::with_account();
    home.run("account set a leverage=5 paper.slippage_pct=0.1 taker_fee_pct=0.06").ok();
    let shown = home.json("account show a");
    assert_eq!(shown["settings"]["leverage"], "5");
    assert_eq!(
        (shown["paper"]["slippage_pct"].as_str(), shown["paper"]["taker_fee_pct"].as_str()),
        (Some("0.1"), Some("0.06"))
    );
    let text = home.run("account show a").ok().stdout;
    assert!(text.contains("[..........] 0 %") && text.contains("paper.slippage_pct"), "{text}");
}

#[test]
fn bad_values_name_field_value_and_range_and_change_nothing() {
    let home = Home::with_account();
    let before = home.fingerprint();
    for (line, words) in [
        ("account set a leverage=21", ["leverage = `21`", "1 to 20"]),
        ("account set a entry_pct=-5", ["entry_pct = `-5`", "above 0 to 100"]),
        (
            "account set a leverage=5 levrage=5",
            ["unknown account setting `levrage`", "did you mean `leverage`?"],
        ),
        ("account set a initial_balanc=5", ["initial_balanc", "did you mean `initial_balance`?"]),
        ("account set a proxy=http://me:secret@host:1", ["proxy = `", "without a password"]),
        ("account add b/c --exchange paper", ["account name `b/c`", "1 to 64"]),
        ("account add b --exchange papr", ["papr", "did you mean `paper`?"]),
        ("account add b --exchange paper --set leverage", ["leverage", "is not key=value"]),
    ] {
        let answer = home.run(line).fails(2, &words);
        assert!(!answer.stderr.contains("me:secret"), "{answer:?}");
    }
    home.run("account add a --exchange paper").fails(4, &["account `a` exists already"]);
    assert_eq!(home.fingerprint(), before);
}

#[test]
fn a_dry_run_shows_the_diff_and_changes_nothing() {
    let home = Home::with_account();
    home.run("bot add one --account a").ok();
    let before = home.fingerprint();
    let answer = home.run("account set a leverage=5 --dry-run").ok();
    assert_eq!(answer.stdout, "account a\n  leverage: 10 -> 5\n");
    for line in [
        "account add b --exchange paper --dry-run",
        "account remove a --dry-run",
        "account tag a --add x --dry-run",
        "account deactivate a --dry-run",
        "bot add two --account a --start --dry-run",
        "bot set one allocation_percent=50 --dry-run",
        "bot start one --dry-run",
        "bot remove one --dry-run",
        "strategy add s --kind macd --dry-run",
        "halt --all --flatten --dry-run",
    ] {
        assert!(!home.run(line).ok().stdout.is_empty(), "{line}");
    }
    assert_eq!(home.fingerprint(), before);
}

#[test]
fn a_tag_selects_accounts() {
    let home = Home::new();
    for name in ["a", "b", "c"] {
        home.run(&format!("account add {name} --exchange paper")).ok();
    }
    home.run("account tag a b --add family").ok();
    home.run("account set --tag family leverage=3").ok();
    let leverage = |name: &str| home.json(&format!("account show {name}"))["settings"]["leverage"].clone();
    assert_eq!([leverage("a"), leverage("b"), leverage("c")], ["3", "3", "10"]);
    home.run("account set --tag nobody leverage=3").fails(3, &["no account carries the tag `nobody`"]);
    assert_eq!(home.json("account list --tag family")["accounts"].as_array().unwrap().len(), 2);
}

#[test]
fn dry_run_is_not_switched_over_open_positions_nor_left_without_a_word() {
    let home = Home::with_account();
    home.run("bot add one --account a").ok();
    home.run("account set a dry_run=off").fails(4, &["about to leave dry run", "--yes"]);
    home.run("account set a dry_run=off --yes").ok();
    home.open_position(1, 1);
    home.run("account set a dry_run=on").fails(4, &["1 open positions", "--flatten", "--positions release"]);
    assert_eq!(home.json("account show a")["mode"], "paper");
    let keys = [("K", "key-canary"), ("S", "secret-canary")];
    home.run_with("account add b --exchange binance --api-key-env K --api-secret-env S", &keys).ok();
    home.run("account set b dry_run=off").fails(4, &["about to leave dry run", "--yes"]);
    home.run("account set b dry_run=off --yes").ok();
    assert_eq!(home.json("account show b")["mode"], "live");
    let add = "account add c --exchange binance --set dry_run=off --api-key-env K --api-secret-env S";
    home.run_with(add, &keys).fails(4, &["about to leave dry run"]);
}

#[test]
fn a_spot_exchange_takes_no_leverage() {
    let home = Home::new();
    let keys = [("K", "key-canary"), ("S", "secret-canary")];
    home.run_with("account add u --exchange upbit --api-key-env K --api-secret-env S", &keys).ok();
    assert_eq!(home.json("account show u")["settings"]["leverage"], "1");
    home.run("account set u leverage=2").fails(4, &["spot exchange", "leverage is 1"]);
    home.run("bot add one --account u --symbol BTCUSDT").fails(2, &["BTCUSDT", "KRW-BTC"]);
    home.run("bot add one --account u").ok();
    home.run("bot set one max_leverage=2").fails(4, &["spot exchange"]);
    let bot = home.json("bot show one");
    assert_eq!(
        (bot["symbol"].as_str(), bot["leverage"]["source"].as_str()),
        (Some("KRW-BTC"), Some("spot exchange"))
    );
}

#[test]
fn an_account_in_use_is_removed_only_by_force() {
    let home = Home::with_account();
    home.run("bot add one --account a --start").ok();
    home.run("account remove a").fails(4, &["1 running bots", "--force"]);
    home.run("bot stop one").ok();
    home.open_position(1, 1);
    home.run("account remove a").fails(4, &["1 open positions"]);
    home.run("account remove a --force").ok();
    home.run("account show a").fails(3, &["there is no account `a`"]);
    // The name is free again, the history is kept.
    home.run("account add a --exchange paper").ok();
    assert!(home.run("audit show").ok().stdout.contains("open_positions_left_to_operator"));
}

#[test]
fn halt_is_a_latch_that_resume_clears() {
    let home = Home::with_account();
    home.run("account add b --exchange paper").ok();
    home.run("halt").fails(2, &[]);
    home.run("halt a --flatten --reason drill").ok();
    let shown = home.json("account show a");
    assert_eq!(
        (shown["state"].as_str(), shown["halt_reason"].as_str(), shown["halt_flatten"].as_bool()),
        (Some("halted"), Some("drill"), Some(true))
    );
    assert_eq!(home.json("account show b")["state"], "active");
    home.run("halt --all").ok();
    home.sql("UPDATE account_state SET quarantined_at = 1, quarantine_reason = 'panic' WHERE account_id = 2");
    assert_eq!(home.json("account show b")["state"], "quarantined");
    let warned = home.run("halt b --flatten").ok().stderr;
    assert!(warned.contains("b is quarantined") && warned.contains("`tradefleet resume b`"), "{warned}");
    home.run("resume --all").ok();
    assert_eq!(home.json("account show a")["state"], "active");
    // A quarantine ends first, and what is held can be closed then.
    let shown = home.json("account show b");
    assert_eq!((shown["state"].as_str(), shown["halt_flatten"].as_bool()), (Some("halted"), Some(true)));
    home.run("resume b").ok();
    for name in ["a", "b"] {
        assert_eq!(home.json(&format!("account show {name}"))["state"], "active");
    }
    assert!(home.run("resume a").ok().stderr.contains("nothing to change"));
}

#[test]
fn an_account_is_added_for_money_only_with_a_word_and_paid_in_its_own_currency() {
    let home = Home::new();
    let keys = [("K", "k"), ("S", "s")];
    let add = |more: &str| {
        let line = format!("account add u --exchange upbit --api-key-env K --api-secret-env S {more}");
        home.run_with(&line, &keys)
    };
    add("--paper quote_asset=USDT").fails(2, &["quote_asset = `USDT` is not allowed", "KRW"]);
    add("--set dry_run=off").fails(4, &["--yes"]);
    add("--set no_such=1").fails(2, &["unknown account setting `no_such`", "allowed: ", "entry_pct"]);
    add("--set dry_run=off --yes").ok();
    assert_eq!(home.json("account show u")["settings"]["dry_run"], "off");
}

#[test]
fn without_a_daemon_the_cli_says_when_a_change_counts() {
    let home = Home::with_account();
    let answer = home.run("--json account set a leverage=4").ok();
    assert!(answer.stderr.contains("takes effect when it starts"));
    let document = answer.json();
    assert_eq!((document["daemon"].as_str(), document["command_id"].as_i64()), (Some("none"), Some(2)));
    assert_eq!(document["changes"][0]["key"], "leverage");
}

#[test]
fn telegram_set_takes_notices_too_and_all_or_nothing() {
    let home = Home::with_account();
    let token = [("T", "701:token-of-a")];
    let set =
        "telegram set a --token-env T --chat 1001 --daily-hour 9 --time-zone Asia/Seoul --notify dca=off";
    home.run_with(set, &token).ok();
    let shown = home.json("notice show a")["notices"].clone();
    assert_eq!(
        (&shown["daily_hour"], &shown["time_zone"], &shown["dca"]),
        (&"9".into(), &"Asia/Seoul".into(), &"off".into())
    );
    let before = (home.fingerprint(), shown);
    let page = home.write("token.txt", "<html>not-a-token</html>\n");
    let refused = home.run(&format!("telegram set a --token-file {page}"));
    assert!(!format!("{refused:?}").contains("not-a-token"), "{refused:?}");
    refused.fails(2, &["bot_token", "digits, a colon"]);
    home.run("telegram set a --chat 1002 --notify dcs=off").fails(2, &["dcs", "dca"]);
    home.run("telegram set a --chat 1002 --notify dca=loud").fails(2, &["on, silent or off"]);
    home.run("telegram set a --chat 1002 --daily-hour 24").fails(2, &["0 to 23, or off"]);
    home.run("telegram set a --chat 1002 --time-zone Mars/Base").fails(2, &["IANA"]);
    assert_eq!((home.fingerprint(), home.json("notice show a")["notices"].clone()), before);
    home.run("telegram set a --daily-hour off --notify dca=on --notify entry=silent").ok();
    let shown = home.json("notice show a")["notices"].clone();
    assert_eq!(
        (&shown["daily_hour"], &shown["dca"], &shown["entry"]),
        (&"off".into(), &"on".into(), &"silent".into())
    );
}
