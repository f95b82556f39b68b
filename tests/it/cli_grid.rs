//! Grids before they trade: the arithmetic that is shown, the mistakes that are refused, edits, copies, the ladder.

use serde_json::{Value, json};

use tradefleet::domain::ids::{AccountId, BotId, ClientOrderId, CycleId, OrderKey};
use tradefleet::domain::order::Purpose;
use tradefleet::domain::time::Timestamp;

use crate::fleet::{Tape, list};
use crate::harness::Home;

const GOOD: &str = "--lower 90 --upper 110 --grids 11 --investment 1000";

/// The paper account `a` with 10,000 USDT, in a market whose rules are known, at the price 100.
fn home() -> Home {
    let home = Home::with_account();
    home.sql(
        "INSERT INTO instruments (market, symbol, tick, step, min_qty, min_notional, updated_at)
             VALUES ('', 'BTCUSDT', '0.1', '0.001', '0.001', '5', 1);
         INSERT INTO prices (market, symbol, price, at) VALUES ('', 'BTCUSDT', '100', 1);",
    );
    home
}

/// The client order id of a line's order, as the daemon would make it.
fn id(purpose: Purpose, line: u16) -> String {
    let (account, bot, cycle) = (AccountId::new(1), Some(BotId::new(1)), CycleId::at(Timestamp::from_ms(1)));
    ClientOrderId::new(&OrderKey { account, bot, cycle, purpose, leg: line, attempt: 1 }).to_string()
}

/// A ladder as the daemon would have written it: a buy rests on each line below the price, line 4 holds what it bought.
fn lay_ladder(home: &Home) {
    for line in 0..4 {
        let (price, order) = (90 + 2 * line, id(Purpose::Entry, line));
        home.sql(&format!(
            "INSERT INTO orders (client_order_id, account_id, bot_id, symbol, side, position_side, purpose, order_type,
                 price, qty, reduce_only, leverage, reserved_margin, cycle_id, status, dry_run, decided_at)
             VALUES ('{order}', 1, 1, 'BTCUSDT', 'buy', 'long', 'entry', 'limit', '{price}', '1.01', 0, 1, '0', 1,
                 'open', 1, 1);
             INSERT INTO grid_orders (grid_config_id, grid_index, grid_price, buy_order_id, status)
             VALUES (1, {line}, '{price}', '{order}', 'buy_placed');"
        ));
    }
    let (entry, exit) = (id(Purpose::Entry, 4), id(Purpose::Exit, 4));
    home.sql(
        &format!("INSERT INTO orders (client_order_id, account_id, bot_id, symbol, side, position_side, purpose, order_type,
             price, qty, reduce_only, leverage, reserved_margin, cycle_id, status, filled_qty, dry_run, decided_at)
         VALUES ('{exit}', 1, 1, 'BTCUSDT', 'sell', 'long', 'exit', 'limit', '100', '1.01', 1, 1, '0', 1,
             'partially_filled', '0.01', 1, 1);
         INSERT INTO grid_orders (grid_config_id, grid_index, grid_price, sell_order_id, status, profit)
             VALUES (1, 4, '98', '{exit}', 'sell_placed', '0.02');
         INSERT INTO grid_fills (grid_config_id, grid_index, client_order_id, trade_id, side, price, qty, fee, profit, at)
             VALUES (1, 4, '{entry}', 't1', 'buy', '98', '1.01', '0.01', NULL, 0),
                    (1, 4, '{exit}', 't2', 'sell', '100', '0.01', '0.0002', '0.02', 43200000);
         UPDATE grid_bot_configs SET realized_profit = '0.02' WHERE bot_id = 1;"),
    );
    let state = json!({ "grids": { "1": { "is_started": true,
        "lots": { "long": { "4": { "q": "1", "c": "98", "f": "0.0099" } } } } } });
    home.sql(&format!(
        "INSERT INTO account_state (account_id, state, updated_at) VALUES (1, '{state}', 1)
             ON CONFLICT (account_id) DO UPDATE SET state = excluded.state"
    ));
    home.open_position(1, 1);
}

fn texts(values: &Value) -> Vec<&str> {
    values.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect()
}

const RANGE: &str = "--grids 11 --investment 1000";

/// What is typed behind `bot add`, and what the answer says.
type Mistake = (String, &'static [&'static str]);

/// Grids that cannot be or do not pay.
fn impossible_grids() -> Vec<Mistake> {
    vec![
        (format!("--lower 110 --upper 110 {RANGE}"), &["lower = 110 must be below upper = 110"]),
        (format!("--lower 120 --upper 110 {RANGE}"), &["lower = 120 must be below upper = 110"]),
        (format!("--lower 0 --upper 110 {RANGE}"), &["lower = `0` is not allowed: a price above 0"]),
        (format!("--lower -5 --upper 110 {RANGE}"), &["lower = `-5` is not allowed"]),
        (
            "--lower 90 --upper 110 --grids 1 --investment 1000".into(),
            &["grids = 1 is not allowed: 2 to 100"],
        ),
        ("--lower 90 --upper 110 --grids 101 --investment 1000".into(), &["grids = 101 is not allowed"]),
        (
            "--lower 99.9 --upper 100.1 --grids 5 --investment 1000".into(),
            &["the tick is 0.1", "at most 3 lines fit"],
        ),
        (
            "--lower 99 --upper 101 --grids 21 --investment 1000 --set leverage=1".into(),
            &["the spacing does not pay the fees", "earns 0.1 and costs 0.06 %"],
        ),
        (
            "--lower 90 --upper 110 --grids 11 --investment 1000.01".into(),
            &["10 % of the equity 10000 = 1000"],
        ),
        ("--lower 90 --upper 110 --grids 11 --investment 0".into(), &["investment = 0 must be above 0"]),
        (
            "--lower 90 --upper 110 --grids 100 --investment 40".into(),
            &["below the smallest order 5", "is needed for 100 lines"],
        ),
        (format!("{GOOD} --trigger 89.9"), &["trigger = 89.9 must be inside the range, 90 to 110"]),
        (format!("--lower 101 --upper 110 {RANGE}"), &["the price 100 is outside the range, 101 to 110"]),
        (format!("{GOOD} --stop-upper 110"), &["stop_upper = 110 must be above upper = 110"]),
        (format!("{GOOD} --stop-lower 95"), &["stop_lower = 95 must be below lower = 90"]),
        (format!("{GOOD} --close-on-stop"), &["close_on_stop needs a stop"]),
        (format!("{GOOD} --exchange-stop"), &["exchange_stop needs the stop", "stop_lower"]),
        (format!("{GOOD} --direction neutral --buy-in"), &["buy_in makes no sense for a neutral grid"]),
        (format!("{GOOD} --leverage 11"), &["leverage = 11 is above the 10 that this bot may use"]),
        (format!("{GOOD} --leverage 21"), &["limits.max_leverage"]),
        (format!("{GOOD} --mode cubic"), &["mode = `cubic` is not allowed: arithmetic or geometric"]),
        (format!("{GOOD} --strategy macd"), &["`strategy` is a setting of ai_trend bots"]),
        (format!("{GOOD} --set max_positions=3"), &["`max_positions` is a setting of ai_trend bots"]),
        (format!("{GOOD} --symbol *"), &["symbol = `*` is not allowed: one symbol for a grid"]),
        ("--lower 90 --investment 1000".into(), &["a grid needs upper, grids", "--lower 50000"]),
    ]
}

/// What is no number, or none that is kept exactly.
fn bad_values() -> Vec<Mistake> {
    vec![
        (
            format!("--lower NaN --upper 110 {RANGE}"),
            &["lower = `NaN` is not allowed", "not a decimal number"],
        ),
        (
            format!("--lower 9e1 --upper 110 {RANGE}"),
            &["lower = `9e1` is not allowed", "not a decimal number"],
        ),
        (
            format!("--lower 90,5 --upper 110 {RANGE}"),
            &["lower = `90,5` is not allowed", "not a decimal number"],
        ),
        (format!("--lower 90 --upper 1000000000001 {RANGE}"), &["upper = `1000000000001`", "above 10^12"]),
        (
            format!("--lower 90 --upper {} {RANGE}", "9".repeat(40)),
            &["upper = `9999", "more digits than can be kept"],
        ),
        (
            format!("--lower 0.{}1 --upper 110 {RANGE}", "0".repeat(12)),
            &["lower = `0.", "more than 12 decimals"],
        ),
        (
            "--lower 90 --upper 110 --grids 3.5 --investment 1000".into(),
            &["grids = `3.5` is not allowed: a whole number from 2 to 100"],
        ),
        (
            "--lower 90 --upper 110 --grids -3 --investment 1000".into(),
            &["grids = `-3` is not allowed: a whole number"],
        ),
        (
            "--lower 90 --upper 110 --grids 0 --investment 1000".into(),
            &["grids = 0 is not allowed: 2 to 100"],
        ),
        (
            "--lower 90 --upper 110 --grids 99999999 --investment 1000".into(),
            &["grids = `99999999` is not allowed: a whole number from 2 to 100"],
        ),
        (
            "--lower 90 --upper 110 --grids 11 --investment -1000".into(),
            &["investment = -1000 must be above 0"],
        ),
        (
            "--lower 90 --upper 110 --grids 11 --investment inf".into(),
            &["investment = `inf`", "not a decimal number"],
        ),
        (
            format!("{GOOD} --trigger soon"),
            &["trigger = `soon` is not allowed: a price from lower to upper, or none"],
        ),
        (
            format!("{GOOD} --stop-lower -1"),
            &["stop_lower = `-1` is not allowed: a price below lower, or none"],
        ),
        (format!("{GOOD} --leverage 0"), &["leverage = `0` is not allowed: 1 to 20"]),
        (format!("{GOOD} --leverage 2.5"), &["leverage = `2.5` is not allowed: 1 to 20"]),
        (
            format!("{GOOD} --direction sideways"),
            &["direction = `sideways` is not allowed: long, short or neutral"],
        ),
        (format!("{GOOD} --buy-in=maybe"), &["buy_in = `maybe` is not allowed: on or off"]),
        (format!("{GOOD} --symbol btc/usdt"), &["symbol = `btc/usdt` is not allowed: an exchange symbol"]),
        (
            "--lower 110 --upper 90 --grids 1 --investment 0 --direction neutral --buy-in".into(),
            &["lower = 110", "grids = 1", "investment = 0", "buy_in"],
        ),
    ]
}

#[test]
fn the_classic_mistakes_are_refused_with_their_arithmetic_and_change_nothing() {
    let home = home();
    let before = home.fingerprint();
    for (what, words) in impossible_grids().into_iter().chain(bad_values()) {
        // At a maker fee of 0.06 % each way a spacing of 0.1 % does not pay.
        let dear = what.contains("--grids 21");
        if dear {
            home.run("account set a maker_fee_pct=0.06").ok();
        }
        let here = home.fingerprint();
        home.run(&format!("bot add g --account a --type grid {what}")).fails(2, words);
        home.run(&format!("bot add g --account a --type grid --dry-run {what}")).fails(2, words);
        assert_eq!(home.fingerprint(), here, "{what}");
        if dear {
            home.run("account set a maker_fee_pct=0.02").ok();
        }
    }
    home.run("bot add g --account a --lower 90")
        .fails(2, &["`lower` is a setting of grid bots", "--type grid"]);
    let bots = |home: &Home| home.json("bot list");
    assert_eq!(bots(&home), serde_json::from_str::<Value>(&before[1]).unwrap());
}

#[test]
fn a_spot_exchange_takes_long_grids_only() {
    let home = home();
    home.run_with(
        "account add u --exchange upbit --api-key-env K --api-secret-env S",
        &[("K", "k"), ("S", "s")],
    )
    .ok();
    let grid = "--lower 90000 --upper 99000 --grids 4 --investment 900 --symbol KRW-BTC";
    for (more, words) in [
        ("--direction short", &["direction = short is not possible on a spot exchange"][..]),
        ("--direction neutral", &["direction = neutral is not possible on a spot exchange"]),
        ("--leverage 2", &["leverage = 2 is not possible on a spot exchange"]),
        ("--stop-lower 80000 --exchange-stop", &["exchange_stop is not possible on a spot exchange"]),
    ] {
        home.run(&format!("bot add g --account u --type grid {grid} {more}")).fails(2, words);
    }
    let added = home.run(&format!("bot add g --account u --type grid {grid}")).ok();
    // Nobody has asked Upbit yet.
    assert!(
        added.stderr.contains("checked when it starts: tick, step and smallest order of KRW-BTC"),
        "{added:?}"
    );
    assert_eq!(home.json("bot show g")["grid"]["ladder"][1]["price"], "93000");
}

#[test]
fn of_grids_on_both_sides_of_a_netted_symbol_the_second_is_told() {
    let home = home();
    home.run(&format!("bot add g --account a --type grid {GOOD}")).ok();
    let short =
        format!("bot add h --account a --type grid {GOOD} --direction short --allocation 10 --dry-run");
    let waits = || home.json(&short)["grids"][0]["waits_for_start"].clone();
    assert_eq!(waits(), json!([]), "both sides stand side by side in hedge mode");
    home.run("account set a position_mode=one_way").ok();
    assert_eq!(
        waits(),
        json!([
            "that nothing of BTCUSDT is held on the other side by `g` (long): the account is in one-way mode, only one \
             side opens at a time"
        ])
    );
    let long = short.replace("short", "long");
    assert_eq!(home.json(&long)["grids"][0]["waits_for_start"], json!([]), "the same side is shared");
}

#[test]
fn the_arithmetic_is_shown_before_and_kept_after() {
    let home = home();
    let line = format!("bot add g --account a --type grid {GOOD} --stop-lower 80 --close-on-stop");
    let before = home.fingerprint();
    let shown = home.run(&format!("{line} --dry-run")).ok().stdout;
    assert_eq!(home.fingerprint(), before);
    // 1000 / ((90 + 92 + ... + 108) x 1.0002) = 1.0098..., and 1.009 x (2 - 0.0002 x (90 + 92)) net.
    for words in [
        "a/g on BTCUSDT: 11 long lines from 90 to 110, arithmetic",
        "1.009 in base currency, 100.0000 USDT of the investment",
        "needed      999.10",
        "the bot's capital is 1000",
        "1.9740 to 1.9813 USDT net",
        "after 0.02 % maker fee on both sides",
        "stops       below at 80; closes what it holds",
    ] {
        assert!(shown.contains(words), "no {words:?} in {shown}");
    }
    let added = home.json(&line);
    assert_eq!(added["grids"][0]["qty_per_line"], "1.009");
    assert_eq!(added["grids"][0]["waits_for_start"], json!([]));
    let bot = home.json("bot show g");
    assert_eq!((bot["type"].as_str(), bot["strategy"].as_str()), (Some("grid"), None));
    assert_eq!(bot["grid"]["net_per_line"], json!({ "min": "1.9740076", "max": "1.9812724" }));
    assert_eq!(bot["grid"]["stop_lower"], "80");
    home.run("bot set g strategy=macd").fails(2, &["`strategy` is a setting of ai_trend bots"]);
    home.run("bot start g").ok();
    let audit = home.json("audit show");
    let entry = list(&audit, "entries").iter().find(|entry| entry["action"] == "add_bot").unwrap().clone();
    assert_eq!((&entry["after"]["lower"], &entry["after"]["type"]), (&json!("90"), &json!("grid")));
}

#[test]
fn grids_are_cloned_exported_and_imported_with_everything() {
    let home = home();
    let more = "--mode geometric --direction neutral --trigger 95.5 --stop-upper 120 --leverage 3";
    home.run(&format!("bot add g --account a --type grid {GOOD} {more}")).ok();
    home.run("account add b --exchange paper --set leverage=2").ok();
    home.run("bot clone g --account a --to b").fails(2, &["leverage = 3 is above the 2"]);
    home.run("account set b leverage=5").ok();
    home.run("bot clone g --account a --to b").ok();
    let grid = |account: &str| {
        let mut grid = home.json(&format!("bot show {account}/g"))["grid"].clone();
        grid.as_object_mut().unwrap().remove("bot");
        grid
    };
    assert_eq!(grid("a"), grid("b"));
    let exported = home.run("account export").ok().stdout;
    assert!(exported.contains("[accounts.bots.grid]\nlower = 90\n"), "{exported}");
    let other = Home::new();
    let file = other.write("fleet.toml", &exported);
    other.run(&format!("account import {file}")).ok();
    assert_eq!(other.run("account export").ok().stdout, exported);
    let wrong = other.write(
        "wrong.toml",
        &exported.replace("grids = 11", "grids = 101").replace("name = \"a\"", "name = \"c\""),
    );
    other.run(&format!("account import {wrong}")).fails(2, &["grids = 101 is not allowed"]);
    let unknown = other.write("unknown.toml", &exported.replace("upper = 110", "uper = 110"));
    other.run(&format!("account import {unknown}")).fails(2, &["did you mean `upper`?"]);
}

#[test]
fn an_edit_shows_its_difference_before_it_acts() {
    let home = home();
    home.run("account set a paper.initial_balance=10110").ok();
    home.run("bot add g --account a --type grid --lower 90 --upper 110 --grids 11 --investment 1001 --start")
        .ok();
    assert_eq!(home.json("bot show g")["grid"]["qty_per_line"], "1.01");
    lay_ladder(&home);
    let before = home.fingerprint();
    let edit =
        home.json("bot set g --upper 112 --grids 12 --investment 1011 --dry-run")["grids"][0]["edit"].clone();
    assert_eq!(home.fingerprint(), before);
    assert_eq!((texts(&edit["kept"]).len(), texts(&edit["added"])), (11, vec!["112"]));
    assert_eq!((edit["moved"].clone(), edit["removed"].clone()), (json!([]), json!([])));
    // Another quantity for each line: entries are replaced, the exit stays.
    let cancelled: Vec<_> =
        list(&edit, "cancelled").iter().map(|order| order["id"].as_str().unwrap()).collect();
    assert_eq!(cancelled, [0, 1, 2, 3].map(|line| id(Purpose::Entry, line)));
    let placed: Vec<_> = list(&edit, "placed").iter().map(|order| order["line"].as_u64().unwrap()).collect();
    assert_eq!(placed, [0, 1, 2, 3]);
    let shown = home.run("bot set g --lower 91 --upper 111 --dry-run").ok().stdout;
    for words in ["0 kept, 11 moved (90 -> 91", "cancels     5 orders", "line 4 closes 1 at 101, not at 100"]
    {
        assert!(shown.contains(words), "no {words:?} in {shown}");
    }
    for (what, words) in [
        ("--grids 3", "line 4 holds 1 long, and the new ladder has no such line"),
        ("--direction neutral", "it holds a position as a long grid"),
        ("symbol=ETHUSDT", "it holds a position in BTCUSDT"),
        ("--leverage 2", "opened with leverage 1"),
    ] {
        home.run(&format!("bot set g {what}")).fails(4, &[words, "bot stop NAME --close"]);
    }
    home.run("bot set g --lower 111 --upper 120").fails(2, &["the price 100 is outside the range"]);
    for (what, words) in [
        ("lower=NaN", "lower = `NaN` is not allowed"),
        ("lower=none", "lower = `none` is not allowed"),
        ("upper=", "upper = `` is not allowed"),
        ("grids=101", "grids = 101 is not allowed: 2 to 100"),
        ("investment=-1", "investment = -1 must be above 0"),
        ("trigger=1", "trigger = 1 must be inside the range"),
        ("allocation_percent=9", "9 % of the equity"),
    ] {
        home.run(&format!("bot set g {what}")).fails(2, &[words]);
    }
    home.run("bot set g --stop-lower none").ok();
    assert_eq!(home.fingerprint(), before);
    home.run("bot set g --stop-lower 80 --close-on-stop=on").ok();
    home.run("bot set g --upper 112 --grids 12").ok();
    assert_eq!(home.json("bot show g")["grid"]["ladder"][11]["price"], "112");
    home.run("bot set g --stop-lower none").fails(2, &["close_on_stop needs a stop"]);
    home.run("bot set g --stop-lower none --close-on-stop=off").ok();
}

#[test]
fn the_ladder_shows_what_rests_what_is_held_and_what_was_earned() {
    let home = home();
    home.run("account set a paper.initial_balance=10110").ok();
    home.run("bot add g --account a --type grid --lower 90 --upper 110 --grids 11 --investment 1001").ok();
    home.run("bot add trend --account a").ok();
    let empty = home.json("bot grid g");
    assert_eq!((list(&empty, "lines").len(), empty["active_buys"].as_u64()), (11, Some(0)));
    lay_ladder(&home);
    let grid = home.json("bot grid g");
    let lines = list(&grid, "lines");
    let prices: Vec<_> = lines.iter().map(|line| line["price"].as_str().unwrap()).collect();
    assert_eq!(prices, ["110", "108", "106", "104", "102", "100", "98", "96", "94", "92", "90"]);
    // The exit of line 4 rests one line up.
    assert_eq!(lines[5]["orders"][0]["id"], id(Purpose::Exit, 4));
    assert_eq!(
        (&lines[5]["orders"][0]["filled_qty"], &lines[5]["orders"][0]["line"]),
        (&json!("0.01"), &json!(4))
    );
    assert_eq!((&lines[6]["held_qty"], &lines[6]["profit"]), (&json!("1"), &json!("0.02")));
    assert_eq!(lines[10]["orders"][0]["side"], "buy");
    assert_eq!((grid["active_buys"].as_u64(), grid["active_sells"].as_u64()), (Some(4), Some(1)));
    // 1 x (100 - 98) - 0.0099
    assert_eq!(grid["unrealized_profit"], "1.9901");
    assert_eq!((&grid["fees"], &grid["cycles"]), (&json!("0.0102"), &json!(0)));
    assert_eq!(grid["profit_per_day"], "0.04");
    let drawn = home.run("bot grid g").ok().stdout;
    let row =
        |start: &str| drawn.lines().find(|line| line.trim_start().starts_with(start)).unwrap().to_owned();
    assert!(row("5 ").contains("sell 1.01 (0.01 filled)"), "{drawn}");
    assert!(row("4 ").contains("1 long") && row("4 ").contains("1 / 1"), "{drawn}");
    let order: Vec<_> =
        drawn.lines().map(|line| line.split_whitespace().next().unwrap_or("").to_owned()).collect();
    let place = |word: &str| order.iter().position(|first| first == word).unwrap();
    assert_eq!(place(">") + 1, place("5"), "{drawn}");
    let stats = home.json("bot stats");
    assert_eq!(list(&stats, "bots")[0]["grid"]["realized_profit"], "0.02");
    assert!(list(&stats, "bots")[1]["grid"].is_null());
    assert!(home.run("bot stats").ok().stdout.contains("OF INVESTED"));
    home.run("bot grid trend").fails(2, &["`trend` is no grid"]);
    home.run("bot grid trend --repair").fails(2, &["`trend` of account `a` is no grid"]);
    home.run("bot grid nobody").fails(3, &["there is no bot `nobody`"]);
}

#[test]
fn a_repair_is_kept_for_the_daemon_that_comes() {
    let home = home();
    home.run(&format!("bot add g --account a --type grid {GOOD}")).ok();
    let before = home.fingerprint();
    home.run("bot grid g --repair --dry-run").ok();
    assert_eq!(home.fingerprint(), before);
    let asked = home.run("bot grid g --repair").ok();
    assert!(asked.stderr.contains("takes effect when it starts"), "{asked:?}");
    home.run("bot grid --all --repair").ok();
}

#[test]
fn what_a_run_has_taught_is_checked_at_creation() {
    let home = Home::with_account();
    let grid = "bot add g --account a --type grid --lower 1 --upper 2 --grids 3 --investment 900";
    let unknown = home.run(&format!("{grid} --dry-run")).ok();
    assert!(unknown.stderr.contains("no daemon has traded there yet"), "{unknown:?}");
    assert!(unknown.stderr.contains("outside 1 to 2 the grid waits for it to come in"), "{unknown:?}");
    let tape = Tape::write(&home, 60, 30);
    home.run(&format!("run {}", tape.whole)).ok();
    home.run(grid).fails(2, &["is outside the range, 1 to 2"]);
}

#[test]
fn a_grid_whose_price_was_not_known_waits_for_it_and_says_so() {
    let home = Home::with_account();
    home.run(
        "bot add g --account a --type grid --lower 1 --upper 2 --grids 3 --investment 900 --buy-in --start",
    )
    .ok();
    assert_eq!(home.json("bot grid g")["waiting"], Value::Null, "nothing is known yet");
    let tape = Tape::write(&home, 60, 30);
    home.run(&format!("run {}", tape.whole)).ok();
    let grid = home.json("bot grid g");
    let waiting = grid["waiting"].as_str().unwrap();
    let (start, end) = ("waits for the price, now ", ", to come down into its range, 1 to 2");
    assert!(waiting.starts_with(start) && waiting.ends_with(end), "{waiting}");
    assert_eq!((&grid["running"], &grid["active_buys"]), (&json!(true), &json!(0)));
    assert_eq!(home.json("bot show g")["grid"]["waiting"], waiting);
    for shown in ["bot grid g", "bot show g"] {
        let shown = home.run(shown).ok().stdout;
        assert!(shown.contains(&format!("not begun   {waiting}")), "{shown}");
    }
    assert_eq!(home.count("SELECT count(*) FROM orders"), 0);
    assert_eq!(home.count("SELECT count(*) FROM decisions WHERE code = 'grid_range'"), 1);
    assert_eq!(home.json("db check")["ok"], true);
}
