//! Stop and reverse: one signal closes one side and opens the other at the same open.

use super::fixtures::*;
use super::live::live;
use super::rig::Rig;
use crate::domain::side::PositionSide::{self, Long, Short};
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::config::{AccountConfig, Halt};
use crate::engine::decision::Code;
use crate::signal::{Gate, Gates, Signal};

/// Exits are executed, and nothing keeps a bot from the next entry; sent again as on paper.
fn reversing() -> AccountConfig {
    let mut config = account();
    set(&mut config, &[("auto_exit", "on")]);
    config.venue.resend_is_safe = true;
    config
}

/// What a strategy says that wants to be on `side` and off the other.
fn turn(at: Timestamp, side: PositionSide) -> Signal {
    Signal { entry: Some(side), ..exit_signal(1, BTC, at, side.opposite()) }
}

const OPEN_101: [&str; 4] = ["101", "101.5", "100.5", "101"];

impl Rig {
    /// A minute at 100 that ends with a signal to turn around.
    fn turn(&mut self, side: PositionSide) {
        let at = minute(self.at + 1);
        self.bar(["100"; 4], &[turn(at, side)]);
    }

    fn told_fills(&self) -> Vec<String> {
        let fills = self.fills.iter().map(|booked| &booked.fill);
        fills
            .map(|fill| format!("{} {} {} @ {}", fill.position_side, fill.side, fill.qty, fill.price))
            .collect()
    }
}

#[test]
fn exit_and_reversal_fill_at_the_same_open_and_again_on_the_next_bar() {
    let mut rig = Rig::new(reversing());
    rig.open_long();
    rig.turn(Short);
    assert_eq!(rig.skips(), [Code::PositionOpen], "it is said that the other side has to wait");
    let back = turn(minute(rig.at + 1), Long);
    rig.bar(OPEN_101, &[back]);
    // 1,001 USDT x 10 % x 10 % x 10 / 101 = 0.991...
    let both = ["long buy 1 @ 100", "long sell 1 @ 101", "short sell 0.99 @ 101"];
    assert_eq!(rig.told_fills(), both);
    let short = rig.position(ONE, BTC).unwrap();
    assert_eq!((short.side, short.opened_at), (Short, minute(rig.at - 1)));
    assert!(rig.row(ONE, BTC).unwrap().is_protected, "from the bar of its fill on");
    // The signal of the very bar it was opened in counts.
    rig.bar(["101"; 4], &[]);
    assert_eq!(rig.position(ONE, BTC).unwrap().side, Long);
    assert_eq!(rig.told_fills()[3..], ["short buy 0.99 @ 101", "long buy 0.99 @ 101"]);
    assert!(rig.machine.durable_state().reversals.is_empty());
}

#[test]
fn what_forbids_an_entry_forbids_a_reversal() {
    type Edit = fn(&mut Rig);
    // before the signal, between it and the fill of the exit -> why not
    let nothing: Edit = |_| {};
    let cases: [(&str, Edit, Edit, Option<Code>); 7] = [
        (
            "cooldown",
            |rig| rig.configure(|config| set(config, &[("exit_cooldown_h", "0.5")])),
            nothing,
            Some(Code::Cooldown),
        ),
        (
            "gate",
            |rig| {
                let shorts = Gate::Closed { reason: "a bull market".to_owned() };
                rig.gates = Gates { shorts, ..Gates::OPEN };
            },
            nothing,
            Some(Code::GateClosed),
        ),
        ("engine", |rig| rig.entries_enabled = false, nothing, Some(Code::EngineOff)),
        (
            "halt",
            nothing,
            |rig| {
                let halt = Halt { reason: "test".to_owned(), flatten: false };
                rig.configure(|config| config.halt = Some(halt));
            },
            Some(Code::Halted),
        ),
        (
            "capital",
            nothing,
            |rig| rig.configure(|config| set(config, &[("entry_pct", "100"), ("leverage", "1")])),
            None,
        ),
        (
            "too small",
            nothing,
            |rig| rig.configure(|config| set(config, &[("entry_pct", "0.01")])),
            Some(Code::BelowMinimum),
        ),
        (
            "stopped",
            nothing,
            |rig| rig.configure(|config| edit_bot(config, ONE, |bot| bot.is_running = false)),
            Some(Code::PositionOpen),
        ),
    ];
    for (what, before, between, code) in cases {
        let mut rig = Rig::new(reversing());
        rig.open_long();
        before(&mut rig);
        rig.turn(Short);
        between(&mut rig);
        rig.bar(OPEN_101, &[]);
        match code {
            Some(_) => assert!(rig.held().is_zero(), "{what}: {:?}", rig.decisions),
            // All of the bot's capital is free again once the exit has filled.
            None => assert_eq!(rig.position(ONE, BTC).unwrap().side, Short, "{what}: {:?}", rig.decisions),
        }
        assert_eq!(rig.skips().last().copied(), code.or(Some(Code::PositionOpen)), "{what}");
        assert!(rig.machine.durable_state().reversals.is_empty(), "{what}: nothing is left waiting");
    }
}

#[test]
fn without_auto_exit_nothing_turns() {
    let mut rig = Rig::new(account());
    rig.open_long();
    rig.turn(Short);
    rig.bar(OPEN_101, &[]);
    assert_eq!(rig.position(ONE, BTC).unwrap().side, Long);
    assert_eq!(rig.skips(), [Code::PositionOpen]);
}

#[test]
fn a_position_closed_by_a_persons_word_is_not_turned() {
    let mut rig = Rig::new(reversing());
    rig.open_long();
    rig.turn(Short);
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.close_requested = true));
    rig.bar(OPEN_101, &[]);
    assert!(rig.held().is_zero());
}

#[test]
fn a_restart_at_any_moment_neither_loses_nor_doubles_a_reversal() {
    let play = |crash_in: Option<u8>, crash_before: bool| {
        let mut rig = Rig::new(reversing());
        rig.open_long();
        rig.turn(Short);
        if crash_before {
            rig.crash();
            rig.recover();
        }
        rig.crash_in = crash_in;
        rig.bar(OPEN_101, &[]);
        rig.bar(["101"; 4], &[]);
        (rig.told_fills(), rig.position(ONE, BTC).map(|position| position.side))
    };
    let undisturbed = play(None, false);
    assert_eq!((undisturbed.0.len(), undisturbed.1), (3, Some(Short)));
    assert_eq!(play(None, true), undisturbed, "between exit and reversal");
    for requests in 0..8 {
        assert_eq!(play(Some(requests), false), undisturbed, "before request {requests}");
        assert_eq!(play(Some(requests), true), undisturbed, "twice, before request {requests}");
    }
}

#[test]
fn on_an_exchange_the_reversal_follows_the_news_of_the_fill_while_its_signal_lives() {
    for (lives_secs, turned) in [(30, false), (120, true)] {
        let mut config = live();
        set(&mut config, &[("auto_exit", "on")]);
        let mut rig = Rig::new(config);
        rig.open_long();
        let at = minute(rig.at + 1);
        let signal = Signal { expires_at: at.plus(DurationMs::from_secs(lives_secs)), ..turn(at, Short) };
        rig.bar(["100"; 4], &[signal]);
        // The news come a minute after the signal.
        rig.bar(OPEN_101, &[]);
        let side = rig.position(ONE, BTC).map(|position| position.side);
        assert_eq!(side, turned.then_some(Short), "{:?}", rig.decisions);
        assert_eq!(rig.skips().contains(&Code::Stale), !turned);
    }
}
