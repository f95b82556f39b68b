//! Protection on a real exchange: stops that are refused, that do not fill, that move; exits that are refused.

use super::exits::auto_exit;
use super::fixtures::*;
use super::live::live;
use super::rig::{Fate, Queries, Rig};
use crate::domain::order::{OrderStatus, Purpose};
use crate::domain::side::PositionSide::Long;
use crate::engine::config::AccountConfig;
use crate::engine::decision::{Action, Code};
use crate::engine::event::{Event, Snapshot};
use crate::engine::turn::{NoticeKind, Request};

pub(super) fn live_exits() -> AccountConfig {
    AccountConfig { venue: live().venue, ..auto_exit() }
}

/// Bot 1 holds 1 BTC behind a stop at 97 and a take profit at 103.
fn protected() -> Rig {
    let mut rig = Rig::new(live_exits());
    rig.open_long();
    assert!(rig.row(ONE, BTC).unwrap().is_protected);
    rig
}

#[test]
fn a_position_without_a_stop_is_closed_after_a_minute() {
    // auto_exit, close_if_unprotected, conditional orders -> closed
    for (auto_exit, closes, conditional, closed) in [
        (true, true, true, true),
        (true, false, true, false),
        (false, true, true, false),
        (true, true, false, false),
    ] {
        let mut config = live_exits();
        set(&mut config, &[("auto_exit", if auto_exit { "on" } else { "off" })]);
        config.close_if_unprotected = closes;
        config.venue.conditional_orders = conditional;
        let mut rig = Rig::new(config);
        rig.fates.extend([(Purpose::StopLoss, Fate::Refused); 20]);
        rig.enter(1, Long);
        rig.price("100");
        let case = format!("auto_exit {auto_exit}, closes {closes}, conditional {conditional}");
        assert_eq!(rig.noticed(NoticeKind::Unprotected) > 0, auto_exit && conditional, "{case}: at once");
        for secs in [20, 39] {
            rig.wait(secs);
            rig.look_again(&[]);
            assert!(rig.intended(Purpose::Exit).is_empty(), "{case}");
        }
        rig.crash();
        rig.recover();
        rig.wait(1);
        rig.quote_price("100");
        let codes = if closed { vec![Code::Unprotected] } else { vec![] };
        assert_eq!(rig.codes(Action::Exited), codes, "{case}");
        assert_eq!(rig.intended(Purpose::Exit).len(), usize::from(closed), "{case}");
    }
}

#[test]
fn a_stop_that_can_be_placed_again_in_time_keeps_the_position() {
    let mut rig = Rig::new(live_exits());
    rig.fates.extend([(Purpose::StopLoss, Fate::Refused); 3]);
    rig.enter(1, Long);
    rig.price("100");
    for _ in 0..4 {
        rig.wait(20);
        rig.look_again(&[]);
    }
    rig.wait(600);
    rig.look_again(&[]);
    assert!(rig.row(ONE, BTC).unwrap().is_protected);
    assert!(rig.codes(Action::Exited).is_empty());
}

#[test]
fn a_stop_that_would_trigger_at_once_is_a_market_exit() {
    for (purpose, code) in [(Purpose::StopLoss, Code::StopLoss), (Purpose::TakeProfit, Code::TakeProfit)] {
        let mut rig = Rig::new(live_exits());
        rig.fates.push_back((purpose, Fate::WouldTrigger));
        rig.enter(1, Long);
        rig.match_step(&[(BTC, ["100"; 4])]);
        assert_eq!(rig.codes(Action::Exited), [code]);
        assert_eq!(rig.intended(Purpose::Exit), ["1"]);
        assert_eq!(rig.intended(purpose).len(), 1, "not tried over and over");
        assert_eq!(rig.noticed(NoticeKind::Unprotected), 0);
        rig.price("100");
        assert!(rig.held().is_zero());
        assert!(rig.resting().is_empty());
    }
}

#[test]
fn a_stop_that_does_not_fill_is_chased_after_five_seconds() {
    let mut rig = protected();
    for (secs, exits) in [(0, 0), (4, 0), (1, 1)] {
        rig.wait(secs);
        rig.quote_price("96");
        assert_eq!(rig.intended(Purpose::Exit).len(), exits, "after {secs} s more");
    }
    assert_eq!(rig.codes(Action::Exited), [Code::StopLoss]);
    assert_eq!(rig.resting(), ["exit 1 @ market"], "no stop beside it");
    rig.quote_price("96");
    assert_eq!(rig.intended(Purpose::StopLoss).len(), 1, "and no new one: it would trigger at once");
    rig.price("96");
    assert!(rig.held().is_zero());
    assert_eq!(rig.machine.wallet(), Some(quote("996")));
}

#[test]
fn a_price_that_comes_back_in_time_is_no_reason_to_chase() {
    let mut rig = protected();
    for (price, secs) in [("96", 4), ("98", 1), ("96", 4), ("98", 60)] {
        rig.quote_price(price);
        rig.wait(secs);
    }
    rig.quote_price("98");
    assert!(rig.intended(Purpose::Exit).is_empty());
}

#[test]
fn where_others_hold_too_the_stop_is_gone_before_the_chase() {
    let mut config = live_exits();
    set(&mut config, &[("exit_cooldown_h", "0")]);
    add_bot(&mut config, bot(2));
    let mut rig = Rig::new(config);
    rig.open_long();
    rig.enter(2, Long);
    rig.price("100");
    rig.cancels_fail = true;
    for _ in 0..2 {
        rig.quote_price("96");
        rig.wait(5);
    }
    assert!(rig.intended(Purpose::Exit).is_empty(), "both might fill and close what the other bot holds");
    rig.cancels_fail = false;
    rig.quote_price("96");
    assert_eq!(rig.intended(Purpose::Exit).len(), 2, "at once, when the stop is gone");
    assert!(rig.resting().iter().all(|order| order.starts_with("exit")), "{:?}", rig.resting());
}

#[test]
fn a_stop_moves_without_a_gap() {
    // shared with another bot or not; what is asked of the exchange, in order
    for (shared, refused, asked) in
        [(false, false, "place cancel"), (false, true, "place"), (true, false, "cancel place")]
    {
        let mut config = live_exits();
        add_bot(&mut config, bot(2));
        let mut rig = Rig::new(config);
        rig.open_long();
        if shared {
            rig.enter(2, Long);
            rig.price("100");
        }
        rig.requests.clear();
        if refused {
            rig.fates.push_back((Purpose::StopLoss, Fate::Refused));
        }
        rig.configure(|config| set_bot(config, ONE, &[("stop_loss_percent", "2")]));
        let words = rig.requests.iter().filter_map(|request| match request {
            Request::Place(_) => Some("place"),
            Request::Cancel { .. } => Some("cancel"),
            Request::Query { .. } | Request::SweepFills => None,
        });
        assert_eq!(words.collect::<Vec<_>>().join(" "), asked, "shared {shared}, refused {refused}");
        assert!(rig.row(ONE, BTC).unwrap().is_protected);
        rig.look_again(&[]);
        let stops = |rig: &Rig| rig.resting().into_iter().filter(|it| it == "stop_loss 1 @ 98").count();
        assert_eq!(stops(&rig), 1, "{:?}", rig.resting());
        assert!(shared || !rig.resting().contains(&"stop_loss 1 @ 97".to_owned()), "the old one is gone");
    }
}

#[test]
fn an_exit_that_is_refused_backs_off_and_has_the_position_looked_at() {
    let mut rig = protected();
    rig.fates.extend([(Purpose::Exit, Fate::Refused); 50]);
    let at = minute(rig.at + 1);
    rig.bar(["100"; 4], &[exit_signal(1, BTC, at, Long)]);
    assert!(rig.machine.wants_snapshot().is_some());
    for (secs, exits) in [(0, 1), (1, 2), (1, 2), (1, 3), (3, 3), (1, 4), (8, 5), (15, 5), (1, 6)] {
        rig.wait(secs);
        rig.look_again(&[]);
        assert_eq!(rig.intended(Purpose::Exit).len(), exits, "after {secs} s more");
    }
    // Somebody has closed it by hand.
    rig.book.cancel(&rig.last_order(Purpose::StopLoss).client_order_id.clone()).unwrap();
    for _ in 0..2 {
        rig.wait(5);
        let snapshot = Snapshot { positions: Vec::new(), ..rig.snapshot() };
        rig.handle(Event::Snapshot(snapshot));
    }
    assert!(rig.machine.durable_state().blocked.contains_key(&symbol(BTC)));
    let advice = rig.notices.iter().rfind(|notice| notice.kind == NoticeKind::OutOfSync).unwrap();
    assert!(advice.fields["advice"].contains("--positions release"));
    let before = rig.intents.len();
    for _ in 0..600 {
        rig.wait(1);
        rig.look_again(&[]);
    }
    assert!(rig.intents.len() - before < 20, "{} orders in 10 minutes", rig.intents.len() - before);
}

#[test]
fn an_order_is_never_sent_again_over_a_wire() {
    let mut rig = Rig::new(live_exits());
    rig.open_long();
    rig.queries = Queries::NotFound;
    rig.fates.push_back((Purpose::Exit, Fate::LostOrder));
    let at = minute(rig.at + 1);
    rig.bar(["100"; 4], &[exit_signal(1, BTC, at, Long)]);
    for (secs, statuses) in [
        (60, vec![OrderStatus::Unknown]),
        (31, vec![OrderStatus::Expired]),
        (1, vec![OrderStatus::Expired, OrderStatus::Open]),
    ] {
        rig.wait(secs);
        rig.look_again(&[]);
        assert_eq!(rig.statuses(Purpose::Exit), statuses, "after {secs} s more");
    }
    let attempt = |index: usize| rig.intents.iter().filter(|it| it.purpose == Purpose::Exit).nth(index);
    assert_eq!(attempt(1).unwrap().client_order_id.key().unwrap().attempt, 2, "a new attempt under a new id");
}

#[test]
fn beyond_a_stop_that_rests_nothing_is_added() {
    let mut config = live_exits();
    set(&mut config, &[("dca_enabled", "on"), ("dca_pct", "2")]);
    let mut rig = Rig::new(config);
    rig.open_long();
    // The stop at 97 may have filled, unheard.
    rig.quote_price("96");
    rig.wait(2);
    rig.quote_price("96");
    assert!(rig.intended(Purpose::Dca1).is_empty());
    rig.quote_price("98");
    rig.quote_price("97.9");
    assert_eq!(rig.intended(Purpose::Dca1).len(), 1);
}

#[test]
fn what_rests_stays_when_the_exchange_tells_no_rules_of_its_symbol_any_more() {
    let mut rig = protected();
    let resting = rig.resting();
    rig.configure(|config| {
        std::sync::Arc::make_mut(&mut config.instruments).remove(&symbol(BTC));
    });
    rig.quote_price("100");
    assert_eq!(rig.resting(), resting);
}
