//! Protection at the exchange while settings, refusals and failed cancels come between.

use super::chasing::live_exits;
use super::exits::auto_exit;
use super::fixtures::*;
use super::live::live;
use super::rig::{Fate, Queries, Rig};
use crate::domain::fill::Fill;
use crate::domain::ids::TradeId;
use crate::domain::order::{OrderStatus, Purpose};
use crate::domain::side::PositionMode;
use crate::domain::side::PositionSide::Long;
use crate::engine::config::Halt;
use crate::engine::event::Event;
use crate::engine::turn::NoticeKind;
use crate::matching::config::BookConfig;
use crate::matching::fixtures as paper;

#[test]
fn what_was_bought_in_finer_steps_is_closed_in_todays() {
    let mut config = account();
    set(&mut config, &[("auto_exit", "on")]);
    let mut rig = Rig::new(config);
    rig.open_long();
    let held = rig.held();
    rig.configure(|config| {
        let instruments = std::sync::Arc::make_mut(&mut config.instruments);
        instruments.get_mut(&symbol(BTC)).unwrap().step = "0.7".parse().unwrap();
    });
    let closable = rig.config.instruments[&symbol(BTC)].floor_qty(held);
    assert!(!closable.is_zero() && closable < held);
    rig.configure(|config| config.halt = Some(Halt { reason: "enough".to_owned(), flatten: true }));
    rig.price("100");
    rig.price("100");
    let closed: Vec<_> =
        rig.intents.iter().filter(|order| order.purpose == Purpose::Flatten).map(|order| order.qty).collect();
    // What is less than a step is tried, ever more rarely; no stop is placed for it.
    assert_eq!(closed, [closable, held.minus(closable), held.minus(closable)]);
    assert_eq!((rig.held(), rig.noticed(NoticeKind::Unprotected)), (held.minus(closable), 0));
}

#[test]
fn switching_auto_exit_places_and_withdraws_protection() {
    let mut rig = Rig::new(account());
    rig.open_long();
    assert!(rig.resting().is_empty());
    rig.configure(|config| set(config, &[("auto_exit", "on")]));
    assert_eq!(rig.resting(), ["stop_loss 1 @ 97", "take_profit 1 @ 103"]);
    rig.configure(|config| set(config, &[("auto_exit", "off")]));
    assert!(rig.resting().is_empty());
    assert!(!rig.row(ONE, BTC).unwrap().is_protected);
}

/// Nobody wants it gone any more when it is heard of next, so that no second cancel would find out.
#[test]
fn after_a_cancel_without_an_answer_the_order_is_asked_for_with_the_next_cycle() {
    for config in [auto_exit(), live_exits()] {
        let mut rig = Rig::new(config);
        rig.open_long();
        rig.cancels_unanswered = true;
        rig.configure(|config| set(config, &[("auto_exit", "off")]));
        rig.cancels_unanswered = false;
        rig.configure(|config| set(config, &[("auto_exit", "on")]));
        assert!(rig.resting().is_empty());
        rig.queries = Queries::Failing;
        rig.look_again(&[]);
        rig.queries = Queries::Truthful;
        rig.look_again(&[]);
        rig.look_again(&[]);
        assert_eq!(rig.resting(), ["stop_loss 1 @ 97", "take_profit 1 @ 103"]);
    }
}

#[test]
fn stops_that_cannot_be_taken_back_do_not_pile_up() {
    let mut rig = Rig::new(live_exits());
    rig.open_long();
    let stops = |rig: &Rig| rig.resting().iter().filter(|order| order.contains("stop_loss")).count();
    rig.cancels_fail = true;
    for pct in ["4", "5", "6", "7", "8", "9"] {
        rig.configure(|config| set(config, &[("long_sl_pct", pct)]));
        rig.look_again(&[]);
    }
    assert_eq!(stops(&rig), 4);
    rig.cancels_fail = false;
    rig.look_again(&[]);
    rig.look_again(&[]);
    assert_eq!(rig.resting(), ["stop_loss 1 @ 91", "take_profit 1 @ 103"]);
}

#[test]
fn an_exit_that_was_not_placed_is_tried_again_while_auto_exit_is_on() {
    for switched_off in [false, true] {
        let mut rig = Rig::new(auto_exit());
        rig.open_long();
        rig.fates.push_back((Purpose::Exit, Fate::NotSent));
        let at = minute(rig.at + 1);
        rig.bar(["100"; 4], &[exit_signal(1, BTC, at, Long)]);
        assert_eq!(rig.statuses(Purpose::Exit), [OrderStatus::Expired]);
        if switched_off {
            rig.configure(|config| set(config, &[("auto_exit", "off")]));
        }
        rig.price("100");
        rig.price("100");
        assert_eq!(rig.held().is_zero(), !switched_off, "switched off: {switched_off}");
        assert_eq!(rig.intended(Purpose::Exit).len(), if switched_off { 1 } else { 2 });
        if !switched_off {
            assert_eq!(rig.last_order(Purpose::Exit).client_order_id.key().unwrap().attempt, 2);
        }
    }
}

#[test]
fn a_refused_stop_is_noticed_and_tried_again_at_the_next_cycle() {
    let mut rig = Rig::new(auto_exit());
    rig.fates.extend([(Purpose::StopLoss, Fate::Refused); 3]);
    rig.enter(1, Long);
    rig.match_step(&[(BTC, ["100"; 4])]);
    assert!(!rig.row(ONE, BTC).unwrap().is_protected);
    let refused = rig.statuses(Purpose::StopLoss).len();
    assert!((1..3).contains(&refused), "not over and over");
    assert_eq!(rig.noticed(NoticeKind::Unprotected), refused, "each is noticed");
    for _ in refused..3 {
        assert!(!rig.row(ONE, BTC).unwrap().is_protected);
        rig.look_again(&[]);
    }
    assert_eq!(rig.noticed(NoticeKind::Unprotected), 3);
    rig.look_again(&[]);
    assert!(rig.row(ONE, BTC).unwrap().is_protected);
    assert_eq!(rig.resting(), ["stop_loss 1 @ 97", "take_profit 1 @ 103"]);
}

#[test]
fn protection_that_could_not_be_cancelled_is_cancelled_later() {
    let mut config = auto_exit();
    set(&mut config, &[("exit_cooldown_h", "0")]);
    add_bot(&mut config, bot(2));
    let mut rig = Rig::new(config);
    rig.open_long();
    rig.enter(2, Long);
    rig.price("100");
    rig.cancels_fail = true;
    let at = minute(rig.at + 1);
    rig.bar(["100"; 4], &[exit_signal(1, BTC, at, Long)]);
    rig.price("100");
    assert!(rig.held().is_zero());
    assert_eq!(rig.resting().len(), 4, "what bot 1 left behind would now close what bot 2 holds");
    rig.cancels_fail = false;
    rig.look_again(&[]);
    assert_eq!(rig.resting(), ["stop_loss 1 @ 97", "take_profit 1 @ 103"]);
    assert!(rig.book.open_orders().iter().all(|order| order.client_order_id.key().unwrap().bot == Some(TWO)));
}

#[test]
fn what_was_still_to_be_added_goes_with_the_position() {
    // The rest of an entry, and a DCA order, when the stop takes what is held.
    for averages in [false, true] {
        let mut config = auto_exit();
        set(&mut config, &[("dca_enabled", if averages { "on" } else { "off" }), ("dca_pct", "1")]);
        let half = BookConfig { participation_pct: Some(pct("0.5")), ..paper::config(PositionMode::OneWay) };
        let mut rig = Rig::on(config, half);
        rig.enter(1, Long);
        rig.price("100");
        if averages {
            rig.price("100");
            rig.price("98");
            assert_eq!(rig.intended(Purpose::Dca1), ["0.3"]);
        }
        let held = rig.held();
        let stop = rig.last_order(Purpose::StopLoss).client_order_id.clone();
        let opened = rig.fills[0].fill.clone();
        rig.cancels_fail = true;
        rig.handle(Event::Fill(Fill {
            trade_id: TradeId("P90".to_owned()),
            client_order_id: stop,
            side: Long.exit_side(),
            qty: held,
            ..opened
        }));
        assert!(rig.held().is_zero());
        rig.cancels_fail = false;
        rig.look_again(&[]);
        let purpose = if averages { Purpose::Dca1 } else { Purpose::Entry };
        assert_eq!(rig.statuses(purpose), [OrderStatus::Cancelled]);
    }
}

#[test]
fn a_stop_for_more_than_is_held_goes_even_while_its_successor_is_in_doubt() {
    let mut config = auto_exit();
    add_bot(&mut config, bot(2));
    let thin = BookConfig { participation_pct: Some(pct("0.4")), ..paper::config(PositionMode::OneWay) };
    let mut rig = Rig::on(config, thin);
    rig.enter(1, Long);
    (0..3).for_each(|_| rig.price("100"));
    assert_eq!(rig.held().to_string(), "1");
    // The take profit is filled in parts. The first time the old stop stays, and its successor is lost on the way.
    rig.cancels_fail = true;
    rig.fates.push_back((Purpose::StopLoss, Fate::LostOrder));
    rig.bar(["100", "104", "100", "100"], &[]);
    let held = rig.held();
    assert!(rig.resting().contains(&"stop_loss 1 @ 97".to_owned()), "{held} {:?}", rig.resting());
    assert!(rig.statuses(Purpose::StopLoss).contains(&OrderStatus::Unknown));
    rig.cancels_fail = false;
    rig.bar(["100", "104", "100", "100"], &[]);
    assert!(!rig.held().is_zero() && rig.held() < held);
    assert!(!rig.resting().contains(&"stop_loss 1 @ 97".to_owned()), "it would close what bot 2 may hold");
}

/// A long position on a real exchange whose stop got no answer, at the end of the cycle that asked for it in vain.
fn with_a_stop_in_doubt(fate: Fate, other_bot: bool) -> Rig {
    let mut config = live();
    set(&mut config, &[("auto_exit", "on")]);
    add_bot(&mut config, bot(2));
    let mut rig = Rig::new(config);
    if other_bot {
        rig.enter(2, Long);
        rig.price("100");
    }
    rig.queries = Queries::NotFound;
    rig.fates.push_back((Purpose::StopLoss, fate));
    rig.enter(1, Long);
    rig.match_step(&[(BTC, ["100"; 4])]);
    rig.look_again(&[]);
    rig
}

fn stops_of_one(rig: &Rig) -> usize {
    let of_one =
        |order: &&crate::domain::order::Order| order.bot == Some(ONE) && order.purpose == Purpose::StopLoss;
    rig.intents.iter().filter(of_one).count()
}

#[test]
fn a_stop_whose_fate_is_unknown_does_not_keep_another_one_waiting() {
    for fate in [Fate::LostOrder, Fate::LostAnswer] {
        let mut rig = with_a_stop_in_doubt(fate, false);
        assert_eq!(stops_of_one(&rig), 1, "it is asked for first");
        rig.wait(2);
        rig.look_again(&[]);
        assert_eq!(stops_of_one(&rig), 2);
        assert!(rig.row(ONE, BTC).unwrap().is_protected);
        rig.queries = Queries::Truthful;
        rig.wait(10);
        rig.look_again(&[]);
        rig.look_again(&[]);
        assert_eq!(
            rig.resting(),
            ["stop_loss 1 @ 97", "take_profit 1 @ 103"],
            "what was one too many is gone"
        );
        rig.wait(90);
        rig.look_again(&[]);
        assert!(!rig.statuses(Purpose::StopLoss).contains(&OrderStatus::Unknown), "{fate:?}");
        assert!(rig.row(ONE, BTC).unwrap().is_protected);
    }
}

#[test]
fn where_others_hold_the_same_side_not_found_must_be_final_first() {
    let mut rig = with_a_stop_in_doubt(Fate::LostOrder, true);
    rig.wait(60);
    rig.look_again(&[]);
    assert_eq!(stops_of_one(&rig), 1, "two might close what bot 2 holds");
}

#[test]
fn beside_four_stops_in_doubt_no_further_one_is_placed() {
    let mut rig = with_a_stop_in_doubt(Fate::LostOrder, false);
    rig.fates.extend([(Purpose::StopLoss, Fate::LostOrder); 10]);
    for _ in 0..10 {
        rig.wait(3);
        rig.look_again(&[]);
    }
    assert_eq!(stops_of_one(&rig), 4);
}

#[test]
fn what_no_bot_answers_for_keeps_its_stop_and_is_closed_on_request() {
    let mut config = live();
    set(&mut config, &[("auto_exit", "on")]);
    let mut rig = Rig::new(config);
    rig.open_long();
    let resting = rig.resting();
    assert!(!resting.is_empty());
    rig.configure(|config| config.bots.clear());
    rig.price("100");
    assert_eq!(rig.resting(), resting);
    rig.configure(|config| config.halt = Some(Halt { reason: "enough".to_owned(), flatten: true }));
    rig.price("100");
    assert!(rig.held().is_zero() && rig.resting().is_empty());
}
