//! Two bots of one account on one symbol: each keeps its own numbers, whatever the other does.

use rust_decimal::Decimal;
use serde_json::Value;

use crate::fleet::{Tape, add_bot, figure, fleet, list, sum};

fn of<'a>(trades: &'a Value, bot: &str) -> Vec<&'a Value> {
    list(trades, "trades").iter().filter(|trade| trade["bot"] == bot).collect()
}

/// Times one bot closed while the other one held, or opened at the same moment.
fn crossings(closing: &[&Value], other: &[&Value]) -> usize {
    let holds = |trade: &Value, at: i64| {
        trade["opened_at"].as_i64().unwrap() <= at && trade["closed_at"].as_i64().is_none_or(|end| at <= end)
    };
    let ends = closing.iter().filter_map(|trade| trade["closed_at"].as_i64());
    ends.filter(|at| other.iter().any(|trade| holds(trade, *at))).count()
}

fn keep_their_own_numbers(position_mode: &str) {
    let home = fleet(&["a"]);
    home.run(&format!("account set a position_mode={position_mode}")).ok();
    add_bot(&home, "a", "cross", "quick", "BTCUSDT");
    home.run("strategy add slow --kind ema_cross --set fast=8 --set slow=30 --set trend=0").ok();
    add_bot(&home, "a", "calm", "slow", "BTCUSDT");
    let tape = Tape::write(&home, 1_500, 700);
    home.run(&format!("run {}", tape.whole)).ok();
    let trades = home.json("trades --open");
    let (cross, calm) = (of(&trades, "cross"), of(&trades, "calm"));
    let met = (crossings(&cross, &calm), crossings(&calm, &cross));
    assert!(met.0 > 0 && met.1 > 0, "they never met: {met:?} of {} and {}", cross.len(), calm.len());
    let pnl = home.json("pnl");
    let shown = list(&list(&pnl, "accounts")[0], "bots");
    for (name, own) in [("cross", cross), ("calm", calm)] {
        for trade in &own {
            let into = if trade["side"] == "long" { "buy" } else { "sell" };
            let (mut qty, mut cash) = (Decimal::ZERO, Decimal::ZERO);
            for fill in list(trade, "fills") {
                let sign = if fill["side"] == into { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
                qty += sign * figure(fill, "qty");
                cash -= sign * figure(fill, "qty") * figure(fill, "price");
                assert!(qty >= Decimal::ZERO, "more was closed than the bot had: {trade}");
            }
            if trade["closed_at"].is_i64() {
                let gross = if trade["side"] == "long" { cash } else { -cash };
                assert_eq!((qty, gross), (Decimal::ZERO, figure(trade, "gross_pnl")), "{trade}");
            }
            assert_eq!(sum(list(trade, "fills"), "fee"), figure(trade, "fees"), "{trade}");
        }
        let own: Vec<Value> = own.into_iter().cloned().collect();
        let bot = shown.iter().find(|bot| bot["bot"] == name).unwrap();
        for field in ["gross_pnl", "fees", "net_pnl"] {
            assert_eq!(figure(bot, field), sum(&own, field), "{field} of {name}");
        }
    }
    let checked = home.json("db check");
    assert_eq!(checked["ok"], true, "{checked}");
}

#[test]
fn in_hedge_mode() {
    keep_their_own_numbers("hedge");
}

#[test]
fn in_one_way_mode() {
    keep_their_own_numbers("one_way");
}
