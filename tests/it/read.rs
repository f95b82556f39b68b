//! The reading commands over a ledger written by hand: every figure is known.

use serde_json::{Value, json};

use crate::harness::Home;

const LEDGER: &str = include_str!("../fixtures/ledger.sql");
const TREND_ENTRY: &str = "tfaaaaaacaaaaaarqfsu3m4aaaab";

fn ledger() -> Home {
    let home = Home::new();
    home.sql(LEDGER);
    home
}

/// Sums an exact figure over rows in units of 10^-16, as a person would with pen and paper.
fn sum(rows: &Value, field: &str) -> i128 {
    rows.as_array().unwrap().iter().map(|row| units(row[field].as_str().unwrap())).sum()
}

fn units(text: &str) -> i128 {
    let digits = text.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let size: i128 = format!("{whole}{fraction:0<16}").parse().unwrap();
    if text.starts_with('-') { -size } else { size }
}

#[test]
fn an_empty_fleet_is_said_plainly() {
    let home = Home::new();
    for (line, words) in [
        ("positions", "no open positions"),
        ("orders", "no orders"),
        ("trades", "no closed trades"),
        ("trades --open", "no trades"),
        ("pnl", "no results"),
        ("pnl --daily", "no fills yet"),
        ("signal list", "no signals yet"),
        ("status", "none has ever run"),
    ] {
        let answer = home.run(line).ok();
        assert!(answer.stdout.contains(words), "{line}: {answer:?}");
    }
    assert_eq!(home.json("trades"), json!({ "matching": 0, "trades": [] }));
    assert_eq!(home.json("positions"), json!({ "positions": [], "external": [] }));
    assert_eq!(home.json("status")["daemon"], Value::Null);
}

#[test]
fn trades_can_be_recomputed_from_their_json() {
    let home = ledger();
    let trades = home.json("trades --open")["trades"].clone();
    for trade in trades.as_array().unwrap() {
        let fills = &trade["fills"];
        assert_eq!(sum(fills, "realized_pnl"), units(trade["gross_pnl"].as_str().unwrap()), "{trade}");
        assert_eq!(sum(fills, "fee"), units(trade["fees"].as_str().unwrap()), "{trade}");
        let net = units(trade["net_pnl"].as_str().unwrap());
        assert_eq!(net, sum(fills, "realized_pnl") - sum(fills, "fee"), "{trade}");
    }
    let pnl = home.json("pnl");
    assert_eq!(sum(&trades, "net_pnl"), sum(&pnl["accounts"], "net_pnl"));
    let alpha = &pnl["accounts"][0];
    let parts = ["initial_balance", "net_pnl", "funding", "unrealized_pnl"];
    let equity: i128 = parts.iter().map(|part| units(alpha[part].as_str().unwrap())).sum();
    assert_eq!(equity, units(alpha["equity"].as_str().unwrap()));
    assert_eq!(sum(&home.json("pnl --daily")["days"], "net_pnl"), sum(&pnl["accounts"], "net_pnl"));
}

#[test]
fn all_commands_tell_one_story() {
    let home = ledger();
    let status = home.json("status alpha")["accounts"][0].clone();
    let pnl = home.json("pnl --account alpha")["accounts"][0].clone();
    for field in ["equity", "net_pnl", "unrealized_pnl", "closed_trades", "wins", "open_positions"] {
        assert_eq!(status[field], pnl[field], "{field}");
    }
    assert_eq!(status["equity"], "10123.7735");
    assert_eq!(status["unknown_orders"], 1);
    assert_eq!(home.json("positions")["positions"][0]["unrealized_pnl"], "50");
    let text = home.run("status").ok().stdout;
    for word in
        ["10123.77", "[#######...] 70 %", "quarantined", "+73.7735", "protected 1/1", "1 unknown order"]
    {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}

#[test]
fn an_order_is_traced_from_its_signal_to_its_end() {
    let home = ledger();
    let text = home.run("order trace tfaaaaaacaaaaaarqfsu").ok().stdout;
    let steps = ["signal", "decided", "sent", "acknowledged", "open", "fill", "end: filled"];
    let mut rest = text.split_once("STEP").unwrap().1;
    for step in steps {
        rest = rest.split_once(step).unwrap_or_else(|| panic!("no {step:?} in order in {text}")).1;
    }
    assert!(text.contains("2022-06-15 03:00:00.450"), "{text}");
    assert!(text.contains("+250ms"), "{text}");
    let life = home.json(&format!("order show {TREND_ENTRY}"));
    assert_eq!(life["order"]["average_price"], "20000");
    assert_eq!(life["signal"]["conditions"][0]["passed"], true);
    assert_eq!(life["decision"]["code"], "signal");
    assert_eq!(home.json("orders --status open")["orders"][0]["purpose"], "stop_loss");
}

#[test]
fn a_signal_is_explained_with_its_numbers() {
    let home = ledger();
    let text = home.run("signal explain btcusdt --account alpha").ok().stdout;
    for word in ["ema_12 101.52 > ema_26 100.97", "entered", "long 0.1 at 20000", "not_explained"] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    let verdicts =
        home.json("signal explain BTCUSDT --strategy ema_cross")["explanations"][0]["verdicts"].clone();
    assert_eq!(verdicts.as_array().unwrap().len(), 2);
    assert_eq!(home.json("signal list")["actionable"].as_array().unwrap().len(), 2);
}

#[test]
fn lists_are_filtered_and_say_when_they_are_cut() {
    let home = ledger();
    let answer = home.run("orders --limit 2").ok();
    assert!(answer.stderr.contains("the latest 2 of 8 orders"), "{answer:?}");
    for (line, count) in [
        ("orders --account beta", 2),
        ("orders --bot swing", 2),
        ("orders --symbol ethusdt", 4),
        ("orders --since 2022-06-16", 1),
        ("orders --limit 3", 3),
        ("orders --limit 0", 8),
    ] {
        assert_eq!(home.json(line)["orders"].as_array().unwrap().len(), count, "{line}");
    }
}

#[test]
fn names_that_do_not_exist_are_answered_with_the_nearest() {
    let home = ledger();
    for (line, near) in [
        ("trades --account alfa", "`alpha`"),
        ("positions --bot trnd", "`trend`"),
        ("status alpa", "`alpha`"),
        ("order show tfaaaaaacaaaaaarqfsu3m4aaaxx", TREND_ENTRY),
        ("signal explain BTCUSD", "`BTCUSDT`"),
        ("signal list --strategy ema", "`ema_cross`"),
    ] {
        home.run(line).fails(3, &["there is no", "did you mean", near]);
    }
    home.run("order trace tfaaaaaa").fails(3, &["more than one id"]);
    home.run("order trace nothing").fails(3, &["tradefleet orders"]);
    home.run("orders --status fild").fails(2, &["`filled`"]);
    home.run("trades --since yesterday").fails(2, &["2022-06-15"]);
    home.run("trades --symbol B!").fails(2, &["B!"]);
}
