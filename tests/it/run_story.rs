//! One run on a tape, and everything that is said about it: one consistent story, to the last digit.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::fleet::{Tape, figure, list, sum, three_bots};
use crate::harness::Home;

fn played() -> (Home, Value) {
    let home = three_bots();
    let tape = Tape::write(&home, 1_500, 700);
    let report = home.json(&format!("run {}", tape.whole));
    assert_eq!((report["end"].as_str(), report["cycles"].as_u64()), (Some("market ended"), Some(1_500)));
    (home, report)
}

/// Entries and exits of one trade: (qty, notional) each, from its fills.
fn legs(trade: &Value) -> [(Decimal, Decimal); 2] {
    let into = if trade["side"] == "long" { "buy" } else { "sell" };
    let mut legs = [(Decimal::ZERO, Decimal::ZERO); 2];
    for fill in list(trade, "fills") {
        let leg = &mut legs[usize::from(fill["side"] != into)];
        leg.0 += figure(fill, "qty");
        leg.1 += figure(fill, "qty") * figure(fill, "price");
    }
    legs
}

/// Gross, fees and net of a trade as a person would work them out, checked against what is stored.
fn recomputed(trade: &Value) -> Decimal {
    let [entered, exited] = legs(trade);
    let fills = list(trade, "fills");
    assert_eq!(entered, (figure(trade, "entered_qty"), figure(trade, "entered_notional")), "{trade}");
    assert_eq!(exited, (figure(trade, "exited_qty"), figure(trade, "exited_notional")), "{trade}");
    assert_eq!(sum(fills, "realized_pnl"), figure(trade, "gross_pnl"), "{trade}");
    assert_eq!(sum(fills, "fee"), figure(trade, "fees"), "{trade}");
    assert_eq!(figure(trade, "gross_pnl") - figure(trade, "fees"), figure(trade, "net_pnl"), "{trade}");
    // The default fee of a taker is 0.05 %, of a maker 0.02 %.
    for fill in fills {
        let rate = if fill["liquidity"] == "taker" { Decimal::new(5, 4) } else { Decimal::new(2, 4) };
        let fee = (figure(fill, "price") * figure(fill, "qty") * rate).trunc_with_scale(12);
        assert_eq!(figure(fill, "fee"), fee, "{fill}");
    }
    if trade["closed_at"].is_i64() {
        assert_eq!(entered.0, exited.0, "{trade}");
        let gross = if trade["side"] == "long" { exited.1 - entered.1 } else { entered.1 - exited.1 };
        assert_eq!(gross, figure(trade, "gross_pnl"), "{trade}");
    }
    figure(trade, "net_pnl")
}

#[test]
fn accounts_follow_from_their_fills() {
    let (home, _) = played();
    let trades = home.json("trades --open");
    let positions = home.json("positions");
    let pnl = home.json("pnl");
    let status = home.json("status");
    for (account, shown) in list(&pnl, "accounts").iter().zip(list(&status, "accounts")) {
        let name = &account["account"];
        assert_eq!(name, &shown["account"]);
        let of = |rows: &[Value]| -> Vec<Value> {
            rows.iter().filter(|row| &row["account"] == name).cloned().collect()
        };
        let own = of(list(&trades, "trades"));
        let open = of(list(&positions, "positions"));
        let net: Decimal = own.iter().map(recomputed).sum();
        let mut unrealized = Decimal::ZERO;
        for position in &open {
            let worth = figure(position, "qty") * figure(position, "mark_price");
            let cost = figure(position, "cost");
            let move_ = if position["side"] == "long" { worth - cost } else { cost - worth };
            assert_eq!(move_, figure(position, "unrealized_pnl"), "{position}");
            unrealized += move_;
        }
        let wallet = figure(account, "initial_balance") + net;
        assert_eq!(figure(account, "initial_balance"), Decimal::from(10_000));
        assert_eq!(figure(account, "equity"), wallet + unrealized);
        assert_eq!(figure(account, "unrealized_pnl"), unrealized);
        // `a` has two bots on one symbol: the exchange may have realized another part until both are flat.
        if name == "b" {
            assert_eq!(figure(account, "wallet"), wallet);
        }
        for field in ["wallet", "equity", "net_pnl", "closed_trades", "wins", "open_positions"] {
            assert_eq!(account[field], shown[field], "{field} of {name}");
        }
        let closed: Vec<&Value> = own.iter().filter(|trade| trade["closed_at"].is_i64()).collect();
        let wins = closed.iter().filter(|trade| figure(trade, "net_pnl") > Decimal::ZERO).count();
        assert!(closed.len() > 5 && wins > 0, "too few trades to prove anything: {}", closed.len());
        assert_eq!(account["closed_trades"], closed.len());
        assert_eq!(account["wins"], wins);
        assert_eq!(account["open_positions"], open.len());
        assert_eq!(own.len(), closed.len() + open.len());
    }
    let stored = home.json("db check");
    assert_eq!(stored["ok"], true, "{stored}");
}

#[test]
fn counts_agree_everywhere() {
    let (home, report) = played();
    let trades = home.json("trades");
    let all = home.json("trades --open");
    let orders = home.json("orders");
    let fills: usize = list(&all, "trades").iter().map(|trade| list(trade, "fills").len()).sum();
    assert_eq!(report["trades"], trades["matching"]);
    assert_eq!(report["orders"], orders["matching"]);
    assert_eq!(report["fills"], fills);
    assert_eq!((report["accounts"].as_u64(), report["running_bots"].as_u64()), (Some(2), Some(3)));
    // quick on two symbols, surge on one; 1,500 bars each.
    assert_eq!(report["signals_computed"], 4_500);

    let status = home.json("status");
    let daemon = &status["daemon"];
    for (field, counted) in
        [("cycles", "cycles"), ("signals_computed", "signals_computed"), ("turns", "turns")]
    {
        assert_eq!(daemon[field], report[counted], "{field}");
    }
    assert_eq!((&daemon["live"], &daemon["signal_keys"]), (&Value::Bool(false), &Value::from(3)));
    assert_eq!(daemon["last_cycle_at"], report["clock"]);
    assert_eq!(status["totals"]["closed_trades"], trades["matching"]);
    assert_eq!(status["totals"]["unknown_orders"], 0);

    let mut by_bot: BTreeMap<String, u64> = BTreeMap::new();
    for trade in list(&trades, "trades") {
        *by_bot.entry(trade["bot"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let stats = home.json("bot stats --all");
    for bot in list(&stats, "bots") {
        let name = bot["name"].as_str().unwrap();
        assert_eq!(bot["total_trades"].as_u64(), by_bot.get(name).copied(), "{name}");
        let own: Vec<Value> =
            list(&all, "trades").iter().filter(|trade| trade["bot"] == name).cloned().collect();
        assert_eq!(figure(bot, "total_pnl"), sum(&own, "net_pnl"), "{name}");
    }
    let daily = home.json("pnl --daily");
    let days = list(&daily, "days");
    assert_eq!(sum(days, "net_pnl"), sum(list(&home.json("pnl"), "totals"), "net_pnl"));
    assert_eq!(days.iter().map(|day| day["fills"].as_u64().unwrap()).sum::<u64>(), report["fills"]);
}

#[test]
fn an_order_is_traced_from_its_signal_to_its_fills() {
    let (home, _) = played();
    let explained = home.json("signal explain BTCUSDT");
    let verdicts: Vec<&Value> =
        list(&explained, "explanations").iter().flat_map(|one| list(one, "verdicts")).collect();
    assert_eq!(verdicts.len(), 3, "one for each bot: {explained}");
    let trades = home.json("trades --symbol BTCUSDT");
    for trade in list(&trades, "trades").iter().rev().take(5) {
        let trace = home.json(&format!("order trace {}", trade["id"].as_str().unwrap()));
        let order = &trace["order"];
        for field in ["account", "bot", "symbol", "leverage"] {
            assert_eq!(order[field], trade[field], "{field}");
        }
        assert_eq!((&order["purpose"], &order["status"]), (&Value::from("entry"), &Value::from("filled")));
        assert_eq!(order["filled_qty"], trade["entered_qty"]);
        let steps: Vec<&str> =
            list(&trace, "events").iter().map(|step| step["status"].as_str().unwrap()).collect();
        assert_eq!((steps.first(), steps.last()), (Some(&"intended"), Some(&"filled")), "{trace}");
        assert_eq!(trace["decision"]["order"], order["id"]);
        assert_eq!(trace["signal"]["entry"], trade["side"]);
        assert_eq!(trace["signal"]["bar_close_at"], order["signal_at"]);
        // What happens is in the order of time: bar, decision, fill at the next bar's open. A reversal answers the exit's
        // fill at that open, which a book tells with the bar.
        let is_reversal = list(&trades, "trades").iter().any(|other| {
            (&other["bot"], &other["closed_at"]) == (&trade["bot"], &trade["opened_at"])
                && other["side"] != trade["side"]
        });
        assert!(order["signal_at"].as_i64() <= order["decided_at"].as_i64());
        assert!(order["signal_at"].as_i64() <= trade["opened_at"].as_i64());
        assert!(is_reversal || order["decided_at"].as_i64() <= trade["opened_at"].as_i64());
        let opened = &list(trade, "fills")[0];
        assert_eq!(list(&trace, "fills")[0]["trade_id"], opened["trade_id"]);
    }
}
