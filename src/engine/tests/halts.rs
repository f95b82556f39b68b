//! Halt, resume, requests to close, stopped bots, and when changed settings begin to count.

use std::collections::BTreeMap;

use super::fixtures::*;
use super::rig::{Fate, Rig};
use crate::domain::order::{OrderStatus, Purpose};
use crate::domain::side::PositionMode;
use crate::domain::side::PositionSide::Long;
use crate::engine::config::{AccountConfig, Halt};
use crate::engine::decision::{Action, Code};
use crate::matching::config::BookConfig;
use crate::matching::fixtures as paper;

fn halt(rig: &mut Rig, flatten: bool) {
    rig.configure(|config| config.halt = Some(Halt { reason: "test".to_owned(), flatten }));
}

/// A book whose bars of volume 100 give at most half a coin of the entry of 1.
fn slow_book() -> BookConfig {
    BookConfig { participation_pct: Some(pct("0.5")), ..paper::config(PositionMode::OneWay) }
}

#[test]
fn a_halt_keeps_positions_and_their_protection() {
    let mut config = account();
    set(&mut config, &[("auto_exit", "on"), ("dca_enabled", "on")]);
    let mut rig = Rig::new(config);
    rig.open_long();
    halt(&mut rig, false);
    rig.price("98");
    assert_eq!(rig.resting(), ["stop_loss 1 @ 97", "take_profit 1 @ 103"]);
    assert_eq!(rig.held().to_string(), "1", "no exit, no DCA");
    rig.crash();
    rig.recover();
    rig.bar(["98", "98", "96", "96"], &[]);
    assert_eq!(rig.codes(Action::Exited), [Code::StopLoss], "exits go on");
    rig.enter(1, Long);
    assert_eq!(rig.skips(), [Code::Halted]);
    rig.configure(|config| config.halt = None);
    rig.configure(|config| set(config, &[("exit_cooldown_h", "0")]));
    rig.enter(1, Long);
    assert_eq!(rig.intended(Purpose::Entry).len(), 2, "resumed");
}

#[test]
fn a_halt_with_flatten_closes_without_auto_exit_and_keeps_trying() {
    let mut rig = Rig::new(account());
    rig.open_long();
    rig.fates.extend([(Purpose::Flatten, Fate::NotSent); 2]);
    halt(&mut rig, true);
    assert_eq!(rig.statuses(Purpose::Flatten), [OrderStatus::Expired], "asked for at once");
    rig.look_again(&[]);
    rig.crash();
    rig.recover();
    rig.look_again(&[]);
    let statuses = rig.statuses(Purpose::Flatten);
    assert_eq!(statuses, [OrderStatus::Expired, OrderStatus::Expired, OrderStatus::Open]);
    rig.price("100");
    assert_eq!(rig.held().to_string(), "0");
    assert!(
        rig.intents.iter().filter(|order| order.purpose == Purpose::Flatten).all(|order| order.reduce_only)
    );
    assert_eq!(rig.codes(Action::Exited), [Code::Requested]);
    rig.price("100");
    assert_eq!(rig.statuses(Purpose::Flatten).len(), 3, "flat is flat");
}

#[test]
fn a_halt_withdraws_working_entries_until_they_are_gone() {
    let mut rig = Rig::on(account(), slow_book());
    rig.enter(1, Long);
    rig.price("100");
    assert_eq!(rig.held().to_string(), "0.5", "the rest of the entry works on");
    rig.cancels_fail = true;
    halt(&mut rig, false);
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::PartiallyFilled]);
    rig.cancels_fail = false;
    rig.look_again(&[]);
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Cancelled], "asked again at the next cycle");
    rig.price("100");
    assert_eq!(rig.held().to_string(), "0.5");
}

#[test]
fn an_entry_that_rests_only_now_is_withdrawn_too() {
    let mut rig = Rig::new(account());
    rig.queries = super::rig::Queries::Failing;
    rig.fates.push_back((Purpose::Entry, Fate::LostAnswer));
    rig.enter(1, Long);
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Unknown]);
    halt(&mut rig, false);
    rig.queries = super::rig::Queries::Truthful;
    rig.look_again(&[]);
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Cancelled]);
    assert!(rig.resting().is_empty());
}

#[test]
fn a_halt_wins_against_sending_again_after_a_crash() {
    for halted in [false, true] {
        let mut config = account();
        config.venue.resend_is_safe = true;
        let mut rig = Rig::new(config);
        rig.queries = super::rig::Queries::Failing;
        rig.fates.push_back((Purpose::Entry, Fate::LostOrder));
        rig.enter(1, Long);
        if halted {
            rig.config.halt = Some(Halt { reason: "test".to_owned(), flatten: false });
        }
        rig.queries = super::rig::Queries::Truthful;
        rig.crash();
        rig.recover();
        assert_eq!(rig.resting().len(), usize::from(!halted), "halted {halted}: {:?}", rig.orders);
        let status = if halted { OrderStatus::Unknown } else { OrderStatus::Open };
        assert_eq!(rig.statuses(Purpose::Entry), [status]);
        rig.price("100");
        rig.price("100");
        let status = if halted { OrderStatus::Expired } else { OrderStatus::Filled };
        assert_eq!(rig.statuses(Purpose::Entry), [status], "after the horizon");
    }
}

#[test]
fn a_request_to_close_is_reported_done_once_flat() {
    let mut rig = Rig::new(account());
    rig.open_long();
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.close_requested = true));
    rig.look_again(&[]);
    let done = |rig: &Rig| rig.others.iter().filter(|other| other.starts_with("BotClosed")).count();
    assert_eq!(done(&rig), 0, "not before the fill");
    rig.price("101");
    assert_eq!(done(&rig), 1);
    rig.price("101");
    assert_eq!(done(&rig), 1);
    assert_eq!(rig.machine.wallet(), Some(quote("1001")));
}

#[test]
fn a_request_to_close_what_is_not_held_is_done_at_once() {
    let mut rig = Rig::new(account());
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.close_requested = true));
    rig.price("100");
    assert!(rig.others.iter().any(|other| other.starts_with("BotClosed")));
    assert!(rig.intents.is_empty());
}

#[test]
fn a_symbol_that_a_person_wants_closed_is_left_without_auto_exit_and_nothing_opens_there_until_it_is() {
    let mut config = account();
    add_bot(&mut config, bot(2));
    let mut rig = Rig::on(config, slow_book());
    let bars = [(BTC, ["100"; 4]), (ETH, ["100"; 4])];
    let at = minute(rig.at + 1);
    rig.step(&bars, &[signal(1, BTC, at, Some(Long)), signal(2, ETH, at, Some(Long))]);
    rig.step(&bars, &[]);
    rig.step(&bars, &[]);
    let asked_at = minute(rig.at);
    rig.configure(|config| config.close_symbols = BTreeMap::from([(symbol(BTC), asked_at)]));
    let at = minute(rig.at + 1);
    // The book gives half of it a bar: it is not flat yet.
    rig.step(&bars, &[signal(2, BTC, at, Some(Long))]);
    assert_eq!(rig.codes(Action::Exited), [Code::Requested]);
    assert_eq!(rig.codes(Action::Skipped), [Code::Requested]);
    let done = |rig: &Rig| rig.others.iter().filter(|other| other.starts_with("SymbolClosed")).count();
    assert_eq!(done(&rig), 0);
    rig.step(&bars, &[]);
    rig.step(&bars, &[]);
    assert_eq!(done(&rig), 1, "{:?}", rig.others);
    let open: Vec<_> = rig.rows.values().filter(|row| row.position.closed_at.is_none()).collect();
    assert_eq!(open.len(), 1, "the other symbol stays: {open:?}");
    assert_eq!(open[0].position.symbol, symbol(ETH));
    let at = minute(rig.at + 1);
    rig.step(&bars, &[signal(2, BTC, at, Some(Long))]);
    assert_eq!(rig.intended(Purpose::Entry).len(), 3, "afterwards it may be opened again");
}

#[test]
fn a_stopped_bot_opens_and_adds_nothing_but_its_exits_go_on() {
    let mut config = account();
    set(&mut config, &[("auto_exit", "on"), ("dca_enabled", "on"), ("long_sl_pct", "10")]);
    let mut rig = Rig::new(config);
    rig.open_long();
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.is_running = false));
    rig.price("97");
    let at = minute(rig.at + 1);
    let bars = [(BTC, ["97"; 4]), (ETH, ["100"; 4])];
    rig.step(&bars, &[signal(1, ETH, at, Some(Long))]);
    assert_eq!(rig.intended(Purpose::Dca1).len() + rig.intended(Purpose::Entry).len(), 1);
    let at = minute(rig.at + 1);
    rig.bar(["97"; 4], &[exit_signal(1, BTC, at, Long)]);
    rig.price("97");
    assert_eq!(rig.codes(Action::Exited), [Code::StrategyExit]);
    assert!(rig.held().is_zero());
}

#[test]
fn a_bot_that_is_stopped_while_entering_takes_its_entry_back() {
    let mut rig = Rig::on(account(), slow_book());
    rig.enter(1, Long);
    rig.price("100");
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.is_running = false));
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Cancelled]);
    assert_eq!(rig.held().to_string(), "0.5");
}

#[test]
fn a_cancel_that_a_crash_has_swallowed_is_asked_for_again() {
    let mut config = account();
    set(&mut config, &[("auto_exit", "on")]);
    let mut rig = Rig::on(config, BookConfig { participation_pct: Some(pct("0.25")), ..slow_book() });
    rig.enter(1, Long);
    rig.price("100");
    rig.cancels_fail = true;
    let at = minute(rig.at + 1);
    rig.bar(["100"; 4], &[exit_signal(1, BTC, at, Long)]);
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::PartiallyFilled], "its rest still works");
    rig.crash();
    rig.cancels_fail = false;
    rig.recover();
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Cancelled]);
}

#[test]
fn changed_settings_count_from_the_next_cycle() {
    type Change = fn(&mut AccountConfig);
    let change: [(Change, &str); 2] = [
        (|config| set(config, &[("entry_pct", "5")]), "0.5"),
        (|config| set_bot(config, ONE, &[("allocation_percent", "20")]), "2"),
    ];
    for (change, qty) in change {
        let mut rig = Rig::new(account());
        rig.configure(change);
        assert!(rig.requests.iter().all(|request| *request == crate::engine::turn::Request::SweepFills));
        rig.enter(1, Long);
        assert_eq!(rig.intended(Purpose::Entry), [qty]);
    }
}

#[test]
fn a_persons_word_does_not_wait_behind_an_exit_that_was_refused() {
    let mut config = account();
    set(&mut config, &[("auto_exit", "on")]);
    let mut rig = Rig::new(config);
    rig.open_long();
    rig.fates.extend([(Purpose::Exit, Fate::Refused); 20]);
    let at = minute(rig.at + 1);
    rig.bar(["100"; 4], &[exit_signal(1, BTC, at, Long)]);
    for _ in 0..3 {
        rig.wait(60);
        rig.look_again(&[]);
    }
    let refused = rig.intended(Purpose::Exit).len();
    rig.look_again(&[]);
    assert_eq!(rig.intended(Purpose::Exit).len(), refused, "it waits");
    halt(&mut rig, true);
    rig.look_again(&[]);
    assert_eq!(rig.intended(Purpose::Flatten).len(), 1);
}
