//! What keeps a signal from becoming an entry, and that each is said once a bar.

use super::fixtures::*;
use super::rig::Rig;
use crate::domain::order::Purpose;
use crate::domain::side::PositionSide::{Long, Short};
use crate::domain::time::DurationMs;
use crate::engine::config::Halt;
use crate::engine::decision::{Action, Code};
use crate::engine::event::{Event, NetPosition, Snapshot};
use crate::signal::{Gate, Signal};

/// Makes a rig refuse entries of bot 1 in BTC.
type Hinder = fn(&mut Rig);

#[test]
fn each_hindrance_has_its_code_and_is_said_once_a_bar() {
    let cases: [(Code, Hinder); 7] = [
        (Code::Halted, |rig| {
            rig.configure(|config| config.halt = Some(Halt { reason: "test".to_owned(), flatten: false }));
        }),
        (Code::EngineOff, |rig| rig.entries_enabled = false),
        (Code::GateClosed, |rig| rig.gates.longs = Gate::Closed { reason: "falling".to_owned() }),
        (Code::SymbolBlocked, |rig| {
            let stranger = NetPosition { symbol: symbol(BTC), side: Long, qty: "3".parse().unwrap() };
            let snapshot = Snapshot { positions: vec![stranger], ..rig.snapshot() };
            rig.handle(Event::Snapshot(snapshot));
        }),
        (Code::BelowMinimum, |rig| rig.configure(|config| set(config, &[("entry_pct", "0.01")]))),
        (Code::CapitalExhausted, |rig| {
            // Two bots cannot be given more than there is; a bot whose capital shrank can hold more than it.
            rig.enter_eth();
            rig.configure(|config| set_bot(config, ONE, &[("allocation_percent", "1.5")]));
            rig.configure(|config| set(config, &[("entry_pct", "100")]));
        }),
        (Code::MaxPositionsBot, |rig| {
            rig.enter_eth();
            rig.configure(|config| set_bot(config, ONE, &[("max_positions", "1")]));
        }),
    ];
    for (code, hinder) in cases {
        let mut rig = Rig::new(account());
        hinder(&mut rig);
        let entries = rig.intents.len();
        for _bar in 0..2 {
            let at = minute(rig.at + 1);
            let wish = [signal(1, BTC, at, Some(Long))];
            rig.bar(["100"; 4], &wish);
            rig.look_again(&wish);
            rig.look_again(&wish);
        }
        assert_eq!(rig.skips(), [code, code], "once for each of two bars");
        assert_eq!(rig.intents.len(), entries, "{code}: nothing is sent");
        let bars: Vec<_> = rig.decisions.iter().filter(|made| made.action == Action::Skipped).collect();
        assert_ne!(bars[0].bar_close_at, bars[1].bar_close_at);
        assert!(bars.iter().all(|made| !made.detail.is_empty()));
    }
}

#[test]
fn a_gate_closes_one_side_only() {
    let mut rig = Rig::new(account());
    rig.gates.longs = Gate::Closed { reason: "falling".to_owned() };
    rig.enter(1, Short);
    assert_eq!(rig.intended(Purpose::Entry), ["1"]);
    assert!(rig.skips().is_empty());
}

#[test]
fn a_signal_is_acted_on_at_most_once() {
    let mut rig = Rig::new(account());
    let wish = [Signal { expires_at: minute(60), ..signal(1, BTC, minute(2), Some(Long)) }];
    rig.bar(["100"; 4], &wish);
    rig.look_again(&wish);
    rig.crash();
    rig.recover();
    rig.look_again(&wish);
    assert_eq!(rig.intended(Purpose::Entry), ["1"], "not while it works, nor after a restart");

    // The position comes and goes while the signal is still fresh.
    rig.bar(["100"; 4], &wish);
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.close_requested = true));
    rig.bar(["100"; 4], &wish);
    assert_eq!(rig.held().to_string(), "0");
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.close_requested = false));
    rig.bar(["100"; 4], &wish);
    rig.crash();
    rig.recover();
    rig.bar(["100"; 4], &wish);
    assert_eq!(rig.intended(Purpose::Entry), ["1"]);

    rig.enter(1, Long);
    assert_eq!(rig.intended(Purpose::Entry), ["1", "1"], "the next bar's signal is another one");
}

#[test]
fn a_stale_signal_opens_nothing() {
    let mut rig = Rig::new(account());
    let wish = signal(1, BTC, minute(1), Some(Long));
    for (age_secs, codes) in [(29, 0), (30, 1)] {
        let mut rig = Rig::new(account());
        rig.now = minute(1).plus(DurationMs::from_secs(age_secs));
        rig.look_again(std::slice::from_ref(&wish));
        assert_eq!(rig.skips(), vec![Code::Stale; codes], "{age_secs} s old");
        assert_eq!(rig.intents.len(), 1 - codes);
    }
    rig.bar(["100"; 4], &[wish]);
    assert_eq!(rig.skips(), [Code::Stale]);
}

/// Bot 1 has just left BTC.
fn left(cooldown_h: &str) -> Rig {
    let mut config = account();
    set(&mut config, &[("exit_cooldown_h", cooldown_h)]);
    let mut rig = Rig::new(config);
    rig.open_long();
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.close_requested = true));
    rig.price("100");
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.close_requested = false));
    rig
}

#[test]
fn the_cooldown_holds_for_its_symbol_and_ends() {
    // 3 minutes.
    let mut rig = left("0.05");
    let closed_at = rig.at;
    rig.crash();
    rig.recover();
    let mut entered_at = None;
    while rig.at < closed_at + 5 {
        rig.enter(1, Long);
        if rig.intents.last().is_some_and(|order| order.purpose == Purpose::Entry) {
            entered_at.get_or_insert(rig.at);
        }
    }
    assert_eq!(entered_at, Some(closed_at + 3), "at the end of the cooldown, not before");
    assert_eq!(rig.skips(), [Code::Cooldown, Code::Cooldown]);
}

#[test]
fn a_cooldown_lasts_as_long_as_the_settings_say_now() {
    for (cooldown, may_enter) in [("0", true), ("1", false)] {
        let mut rig = left("2");
        rig.configure(|config| set(config, &[("exit_cooldown_h", cooldown)]));
        rig.enter(1, Long);
        rig.price("100");
        assert_eq!(rig.position(ONE, BTC).is_some(), may_enter, "{cooldown} h");
    }
}

#[test]
fn a_cooldown_of_one_symbol_leaves_the_others_alone() {
    let mut rig = left("2");
    rig.enter_eth();
    assert!(rig.position(ONE, ETH).is_some());
}

#[test]
fn position_limits_count_working_entries() {
    for (keys, bot_keys, code) in [
        (("max_positions", "1"), ("max_positions", "3"), Code::MaxPositionsAccount),
        (("max_positions", "7"), ("max_positions", "1"), Code::MaxPositionsBot),
    ] {
        let mut config = account();
        set(&mut config, &[keys]);
        set_bot(&mut config, ONE, &[bot_keys]);
        let mut rig = Rig::new(config);
        let at = minute(rig.at + 1);
        let both = [BTC, ETH].map(|name| signal(1, name, at, Some(Long)));
        rig.step(&[(BTC, ["100"; 4]), (ETH, ["100"; 4])], &both);
        assert_eq!(rig.intents.len(), 1, "{code}: both in one cycle");
        assert_eq!(rig.skips(), [code]);
        rig.enter_eth();
        assert_eq!(rig.skips(), [code, code], "and once the first is held");
    }
}

#[test]
fn the_accounts_limit_counts_all_bots() {
    let mut config = account();
    set(&mut config, &[("max_positions", "1")]);
    add_bot(&mut config, bot(2));
    let mut rig = Rig::new(config);
    rig.open_long();
    rig.enter(2, Long);
    assert_eq!(rig.skips(), [Code::MaxPositionsAccount]);
    assert!(rig.decisions.iter().any(|made| made.bot == TWO));
}

#[test]
fn one_way_accounts_refuse_what_would_net() {
    for (hedge, refused) in [(false, true), (true, false)] {
        for is_working in [false, true] {
            let mut config = account();
            config.venue.hedge = hedge;
            add_bot(&mut config, bot(2));
            let mut rig = Rig::new(config);
            rig.enter(1, Long);
            if is_working {
                rig.look_again(&[signal(2, BTC, rig.now, Some(Short))]);
            } else {
                rig.price("100");
                rig.enter(2, Short);
            }
            assert_eq!(rig.skips() == [Code::WouldNet], refused, "hedge {hedge}, working {is_working}");
            assert_eq!(rig.intents.len(), if refused { 1 } else { 2 });
            let at = minute(rig.at + 1);
            rig.bar(["100"; 4], &[signal(2, BTC, at, Some(Long))]);
            assert!(!rig.skips().iter().skip(1).any(|code| *code == Code::WouldNet), "the same side is fine");
        }
    }
}

#[test]
fn an_opposite_signal_does_not_turn_a_position() {
    let mut rig = Rig::new(account());
    rig.open_long();
    rig.enter(1, Long);
    assert!(rig.skips().is_empty(), "more of the same says nothing");
    rig.enter(1, Short);
    assert_eq!(rig.skips(), [Code::PositionOpen]);
    assert_eq!(rig.intents.len(), 1);
}

#[test]
fn signals_of_other_symbols_and_strategies_are_not_the_bots_own() {
    let mut config = account();
    set_bot(&mut config, ONE, &[("symbol", ETH)]);
    let mut rig = Rig::new(config);
    rig.enter(1, Long);
    rig.enter(3, Long);
    assert!(rig.intents.is_empty() && rig.decisions.is_empty());
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.strategy = None));
    rig.enter_eth();
    assert!(rig.intents.is_empty(), "a bot whose strategy is gone opens nothing");
}

#[test]
fn nothing_is_decided_before_the_exchange_was_seen() {
    let mut rig = Rig::new(account());
    rig.crash();
    rig.enter(1, Long);
    assert!(rig.intents.is_empty() && rig.decisions.is_empty());
    assert!(!rig.machine.is_ready());
    rig.recover();
    rig.enter(1, Long);
    assert_eq!(rig.intents.len(), 1);
}

impl Rig {
    /// Bot 1 wants to be long in ETH; the position is there two minutes later, if nothing hinders it.
    fn enter_eth(&mut self) {
        let at = minute(self.at + 1);
        let bars = [(BTC, ["100"; 4]), (ETH, ["100"; 4])];
        self.step(&bars, &[signal(1, ETH, at, Some(Long))]);
        self.step(&bars, &[]);
    }
}
