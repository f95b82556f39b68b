//! How a position leaves: protection at the exchange, the strategy's word, the trailing stop, and what is only
//! reported while auto_exit is off.

use super::fixtures::*;
use super::rig::Rig;
use crate::domain::side::PositionSide::{self, Long, Short};
use crate::engine::config::AccountConfig;
use crate::engine::decision::{Action, Code};
use crate::engine::turn::NoticeKind;
use crate::strategy::ExitPlan;

pub(super) fn auto_exit() -> AccountConfig {
    let mut config = account();
    set(&mut config, &[("auto_exit", "on"), ("exit_cooldown_h", "1")]);
    config
}

/// The exits of the macd strategy, with a hold of 3 bars: take profit 5 %, stop loss 1.5 %, from +8 % on a stop 5 %
/// behind the peak.
fn macd_plan() -> ExitPlan {
    ExitPlan {
        take_profit_pct: Some(pct("5")),
        stop_loss_pct: Some(pct("1.5")),
        min_hold_bars: 3,
        trail_activation_pct: Some(pct("8")),
        trail_pct: Some(pct("5")),
    }
}

fn with_plan(plan: ExitPlan) -> AccountConfig {
    let mut config = auto_exit();
    edit_bot(&mut config, ONE, |bot| bot.exit_plan = plan);
    config
}

#[test]
fn protection_rests_at_the_exchange_once_the_entry_is_filled() {
    // side, price, account keys, bot keys -> stop loss, take profit
    type Keys = &'static [(&'static str, &'static str)];
    let cases: [(PositionSide, &str, Keys, Keys, &str, &str); 5] = [
        (Long, "100", &[], &[], "97", "103"),
        (Short, "100", &[], &[], "103", "97"),
        // 33.3 x 0.97 = 32.301 and x 1.03 = 34.299: both rounded towards the profit.
        (Long, "33.3", &[], &[], "32.4", "34.3"),
        (Short, "33.3", &[], &[], "34.2", "32.3"),
        (Long, "100", &[("long_tp_pct", "9")], &[("stop_loss_percent", "1")], "99", "109"),
    ];
    for (side, price, keys, bot_keys, stop, profit) in cases {
        let mut config = auto_exit();
        set(&mut config, keys);
        set_bot(&mut config, ONE, bot_keys);
        let mut rig = Rig::new(config);
        rig.price(price);
        rig.enter(1, side);
        assert!(rig.resting().iter().all(|order| order.starts_with("entry")), "nothing before the fill");
        rig.price(price);
        let qty = rig.held();
        let wanted = [format!("stop_loss {qty} @ {stop}"), format!("take_profit {qty} @ {profit}")];
        assert_eq!(rig.resting(), wanted);
        let row = rig.row(ONE, BTC).unwrap();
        assert!(row.is_protected);
        assert_eq!(row.stop_loss.map(|level| level.to_string()).as_deref(), Some(stop));
        rig.price(price);
        assert_eq!(rig.intents.len(), 3, "and nothing more while nothing changes");
    }
}

#[test]
fn resting_orders_close_the_position_and_cancel_each_other() {
    for (bar, code, pnl) in [
        (["100", "100", "96", "99"], Code::StopLoss, "-3"),
        (["100", "104", "99", "103.5"], Code::TakeProfit, "3"),
        (["100", "104", "96", "100"], Code::StopLoss, "-3"),
    ] {
        let mut rig = Rig::new(auto_exit());
        rig.open_long();
        rig.bar(bar, &[]);
        assert_eq!(rig.held().to_string(), "0");
        assert_eq!(rig.codes(Action::Exited), [code]);
        assert!(rig.resting().is_empty(), "{:?}", rig.resting());
        assert_eq!(rig.machine.wallet(), Some(quote("1000") + quote(pnl)));
        let row = rig.rows.values().next().unwrap();
        assert_eq!(row.exit_reason.as_deref(), Some(code.as_str()));
        assert!(!row.is_protected);
        assert_eq!(rig.noticed(NoticeKind::Exit), 1);
    }
}

#[test]
fn the_watch_closes_where_nothing_rests() {
    for (price, code) in [("97", Code::StopLoss), ("97.1", Code::Signal), ("103", Code::TakeProfit)] {
        let mut config = auto_exit();
        config.venue.conditional_orders = false;
        let mut rig = Rig::new(config);
        rig.open_long();
        rig.price(price);
        rig.price(price);
        let left = if code == Code::Signal { vec![] } else { vec![code] };
        assert_eq!(rig.codes(Action::Exited), left, "at {price}");
        assert_eq!(rig.held().is_zero(), code != Code::Signal);
        assert!(!rig.row(ONE, BTC).is_some_and(|row| row.is_protected), "said honestly");
    }
}

#[test]
fn the_strategy_closes_its_own_side_with_a_newer_signal() {
    for (strategy, side, age, closes) in
        [(1, Long, 0, true), (1, Short, 0, false), (2, Long, 0, false), (1, Long, 1, false)]
    {
        let mut rig = Rig::new(auto_exit());
        rig.open_long();
        let at = minute(rig.at + 1 - age);
        rig.bar(["100"; 4], &[exit_signal(strategy, BTC, at, side)]);
        rig.price("100");
        assert_eq!(rig.held().is_zero(), closes, "strategy {strategy}, {side}, {age} bars old");
        assert_eq!(rig.codes(Action::Exited), vec![Code::StrategyExit; usize::from(closes)]);
        assert_eq!(rig.resting().is_empty(), closes);
    }
}

#[test]
fn only_the_stop_loss_exits_during_the_holding_time() {
    let mut rig = Rig::new(with_plan(macd_plan()));
    rig.open_long();
    assert_eq!(rig.resting(), ["stop_loss 1 @ 98.5"], "no take profit yet");
    let at = minute(rig.at + 1);
    rig.bar(["100", "106", "100", "106"], &[exit_signal(1, BTC, at, Long)]);
    assert_eq!(rig.held().to_string(), "1", "neither take profit nor strategy");
    rig.price("104");
    assert_eq!(rig.resting(), ["stop_loss 1 @ 98.5", "take_profit 1 @ 105"], "after 3 bars");

    let mut rig = Rig::new(with_plan(macd_plan()));
    rig.open_long();
    rig.bar(["100", "100", "98", "98"], &[]);
    assert_eq!(rig.codes(Action::Exited), [Code::StopLoss]);
}

#[test]
fn the_trailing_stop_arms_follows_the_peak_and_never_moves_back() {
    let mut rig = Rig::new(with_plan(macd_plan()));
    rig.open_long();
    rig.bar(["100", "107.9", "100", "107"], &[]);
    rig.bar(["107", "108", "107", "108"], &[]);
    assert_eq!(rig.resting(), ["stop_loss 1 @ 102.6"], "armed at +8 %; no take profit");
    // bar -> stop after it
    for (bar, stop) in [
        (["108", "110", "108", "109"], "104.5"),
        (["109", "109", "105", "106"], "104.5"),
        (["106", "112.3", "106", "111"], "106.7"),
        (["111", "111", "107", "107"], "106.7"),
    ] {
        rig.bar(bar, &[]);
        assert_eq!(rig.resting(), [format!("stop_loss 1 @ {stop}")], "after {bar:?}");
        rig.crash();
        rig.recover();
    }
    rig.bar(["107", "107", "106", "106"], &[]);
    assert_eq!(rig.codes(Action::Exited), [Code::Trailing]);
    assert_eq!(rig.machine.wallet(), Some(quote("1006.7")));
}

#[test]
fn a_short_trails_downwards() {
    let mut rig = Rig::new(with_plan(ExitPlan { min_hold_bars: 0, take_profit_pct: None, ..macd_plan() }));
    rig.configure(|config| set(config, &[("short_tp_pct", "50")]));
    rig.enter(1, Short);
    rig.price("100");
    for (bar, stop) in [
        (["100", "100", "92", "92"], "96.6"),
        (["92", "95", "90", "95"], "94.5"),
        (["94", "94", "91", "93"], "94.5"),
    ] {
        rig.bar(bar, &[]);
        // The stop placed at the close of the second bar is met by the open of the third.
        if !rig.held().is_zero() {
            assert_eq!(rig.resting(), [format!("stop_loss 1 @ {stop}")], "after {bar:?}");
        }
    }
    rig.price("94.5");
    assert_eq!(rig.codes(Action::Exited), [Code::Trailing]);
}

#[test]
fn without_auto_exit_each_due_exit_is_reported_once() {
    let mut config = account();
    edit_bot(&mut config, ONE, |bot| bot.exit_plan = ExitPlan { min_hold_bars: 0, ..macd_plan() });
    let mut rig = Rig::new(config);
    rig.open_long();
    for price in ["98", "97", "105", "106", "98", "108", "102", "101"] {
        rig.price(price);
        rig.crash();
        rig.recover();
    }
    let at = minute(rig.at + 1);
    rig.bar(["105"; 4], &[exit_signal(1, BTC, at, Long)]);
    rig.look_again(&[exit_signal(1, BTC, at, Long)]);
    let due = [Code::StopLoss, Code::TakeProfit, Code::Trailing, Code::StrategyExit];
    assert_eq!(rig.codes(Action::Reported), due);
    assert_eq!(rig.noticed(NoticeKind::ExitReported), 4);
    assert_eq!(rig.intents.len(), 1, "nothing but the entry");
    assert_eq!(rig.held().to_string(), "1");
}
