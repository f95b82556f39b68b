//! `db check` proves the ledger, names what differs, and repairs only what follows from the fills.

use crate::harness::Home;

const LEDGER: &str = include_str!("../fixtures/ledger.sql");

fn ledger() -> Home {
    let home = Home::new();
    home.sql(LEDGER);
    home
}

#[test]
fn a_ledger_that_holds_passes() {
    let home = ledger();
    let answer = home.json("db check");
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["checks"].as_array().unwrap().len(), 13);
    let text = home.run("db check").ok().stdout;
    assert!(text.contains("7 fills") && !text.contains("FAILED"), "{text}");
}

#[test]
fn a_difference_is_named_with_both_values() {
    let home = ledger();
    home.sql("UPDATE account_state SET wallet = '10073.7736' WHERE account_id = 1");
    let answer = home.run("db check").fails(5, &["1 check failed", "db restore"]);
    for word in ["FAILED", "alpha", "10073.7736", "10073.7735"] {
        assert!(answer.stdout.contains(word), "no {word:?} in {answer:?}");
    }
    let json = home.run("--json db check").fails(5, &["\"exit_code\":5"]).json();
    let failed = json["checks"].as_array().unwrap().iter().find(|check| check["ok"] == false).unwrap();
    assert_eq!(failed["name"], "wallets equal their fills");
    assert_eq!(failed["differences"][0]["stored"], "10073.7736");
    assert_eq!(failed["differences"][0]["recomputed"], "10073.7735");
}

#[test]
fn statistics_are_repaired_from_the_fills_and_nothing_else_is() {
    let home = ledger();
    home.sql("UPDATE bot_instances SET total_trades = 7, total_pnl = '5' WHERE id = 1");
    home.run("db check").fails(5, &["db check --repair"]);
    let answer = home.json("db check --repair");
    assert_eq!(answer["repaired"][0]["before"]["total_trades"], 7);
    assert_eq!(answer["repaired"][0]["after"]["total_pnl"], "74.3735");
    let audited = home.json("audit show --account alpha")["entries"].clone();
    assert_eq!(audited[0]["action"], "repair_statistics");
    home.run("db check").ok();

    home.sql("UPDATE bot_positions SET realized_pnl = '1' WHERE bot_id = 1");
    home.run("db check --repair").fails(5, &["1 check failed"]);
}
