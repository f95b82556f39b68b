//! Bots and strategies: limits, selection, cloning, effective values, removal.

use crate::harness::Home;

#[test]
fn the_eleventh_bot_is_refused() {
    let home = Home::with_account();
    for number in 1..=10 {
        home.run(&format!("bot add bot{number} --account a --allocation 5")).ok();
    }
    let before = home.fingerprint();
    home.run("bot add bot11 --account a --allocation 5").fails(4, &["10 active bots", "remove a bot first"]);
    assert_eq!(home.fingerprint(), before);
    home.run("bot remove bot1").ok();
    home.run("bot add bot11 --account a --allocation 5").ok();
}

#[test]
fn allocations_stop_at_100_percent_and_say_what_is_free() {
    let home = Home::with_account();
    home.run("bot add one --account a --allocation 70").ok();
    let free = "70 % is allocated, 30 % is free";
    home.run("bot add two --account a --allocation 30.01").fails(4, &[free]);
    home.run("bot add two --account a --allocation 100.01").fails(2, &["100.01", "above 0 to 100"]);
    home.run("bot add two --account a --allocation -1").fails(2, &["allocation_percent = `-1`"]);
    home.run("bot add two --account a --allocation 30").ok();
    home.run("bot set two allocation_percent=30.0001").fails(4, &[free]);
    home.run("bot set one allocation_percent=10").ok();
    home.run("bot set two allocation_percent=90").ok();
    assert!(home.run("account list").ok().stdout.contains("[##########] 100 %"));
}

#[test]
fn effective_values_name_their_source() {
    let home = Home::with_account();
    home.run("account set a leverage=5").ok();
    home.run("bot add plain --account a --allocation 10").ok();
    home.run("bot add macd --account a --strategy macd --allocation 10").ok();
    home.run("bot add own --account a --strategy macd --allocation 10 --set take_profit_percent=7 --set max_leverage=2").ok();
    let value = |bot: &str, key: &str| {
        let shown = home.json(&format!("bot show a/{bot}"));
        format!("{} {}", shown[key]["value"].as_str().unwrap(), shown[key]["source"].as_str().unwrap())
    };
    assert_eq!(value("plain", "leverage"), "5 account");
    assert_eq!(value("own", "leverage"), "2 bot");
    assert_eq!(value("plain", "long_take_profit_pct"), "3 account");
    assert_eq!(value("macd", "long_take_profit_pct"), "5 strategy");
    assert_eq!(value("macd", "long_stop_loss_pct"), "1.5 strategy");
    assert_eq!(value("own", "long_take_profit_pct"), "7 bot");
    home.run("bot set own take_profit_percent=inherit").ok();
    assert_eq!(value("own", "long_take_profit_pct"), "5 strategy");
}

#[test]
fn a_bot_is_found_by_name_account_or_tag() {
    let home = Home::with_account();
    home.run("account add b --exchange paper --tag family").ok();
    home.run("bot add one --account a").ok();
    home.run("bot clone one --account a --to b").ok();
    home.run("bot start one").fails(2, &["several accounts have a bot `one`: a, b", "`a/one`"]);
    home.run("bot start a/one").ok();
    home.run("bot start one --tag family").ok();
    let running = || {
        let bots = home.json("bot list");
        bots["bots"].as_array().unwrap().iter().filter(|bot| bot["running"] == true).count()
    };
    assert_eq!(running(), 2);
    home.run("bot stop").fails(2, &["--all"]);
    home.run("bot stop --all").ok();
    assert_eq!(running(), 0);
    home.run("bot start two").fails(3, &["there is no bot `two`"]);
    home.run("bot clone one --account a --to b").fails(4, &["bot `one` exists already"]);
    assert_eq!(home.json("bot stats --account b")["bots"][0]["total_trades"], 0);
}

#[test]
fn a_bot_with_open_positions_is_removed_only_with_a_choice() {
    let home = Home::with_account();
    for (id, name) in [(1, "one"), (2, "two")] {
        home.run(&format!("bot add {name} --account a --start")).ok();
        home.open_position(1, id);
    }
    home.run("bot remove one").fails(4, &["1 open positions", "--positions close", "--positions release"]);
    home.run("bot remove one --positions release").ok();
    home.run("bot remove two --positions close").ok();
    assert_eq!(home.json("bot list")["bots"].as_array().unwrap().len(), 0);
    let audit = home.json("audit show");
    let removed: Vec<_> =
        audit["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "remove_bot").collect();
    assert_eq!(removed[0]["after"]["released_positions"], "p1");
    assert_eq!(removed[1]["after"]["close_requested"], "on");
    assert_eq!(home.json("account show a")["open_positions"], 1, "what was released is the person's");
}

#[test]
fn stopping_with_close_asks_the_daemon_to_close() {
    let home = Home::with_account();
    home.run("bot add one --account a --start").ok();
    home.open_position(1, 1);
    home.run("bot stop one --close").ok();
    let shown = home.json("bot show one");
    assert_eq!((shown["running"].as_bool(), shown["close_requested"].as_bool()), (Some(false), Some(true)));
    home.run("bot start one").ok();
    assert_eq!(home.json("bot show one")["close_requested"], false);
}

#[test]
fn strategies_are_checked_kept_while_used_and_built_in_ones_for_ever() {
    let home = Home::with_account();
    home.run("strategy add quick --kind ema_cross --timeframe 5m --set fast=5 --set slow=15").ok();
    home.run("strategy set quick fast=20").fails(2, &["fast"]);
    home.run("strategy set quick fsat=6").fails(2, &["did you mean `fast`?"]);
    home.run("strategy add other --kind emacross").fails(2, &["emacross"]);
    home.run("strategy set quick timeframe=7m").fails(2, &["timeframe = `7m`"]);
    home.run("strategy set quick fast=6 timeframe=feed").ok();
    let shown = home.json("strategy show quick");
    assert_eq!((shown["params"]["fast"].as_i64(), shown["params"]["trend"].as_i64()), (Some(6), Some(200)));
    assert!(shown["timeframe"].is_null() && shown["params_set"].get("trend").is_none());
    home.run("bot add one --account a --strategy quick").ok();
    home.run("strategy remove quick").fails(4, &["used by a/one"]);
    home.run("bot set one strategy=macd").ok();
    home.run("strategy remove quick").ok();
    home.run("strategy remove macd").fails(4, &["built in"]);
    home.run("bot set one strategy=quick").fails(3, &["there is no strategy `quick`"]);
}

#[test]
fn a_hint_names_the_command_that_it_is_about() {
    let home = Home::with_account();
    for verb in ["start", "stop", "remove", "show", "set", "grid"] {
        let command = format!("tradefleet bot {verb} NAME --account ACCOUNT");
        home.run(&format!("bot {verb}")).fails(2, &["name a bot", &command]);
    }
    home.run("account tag a").fails(2, &["--add TAG", "--remove TAG"]);
}
