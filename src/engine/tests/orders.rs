//! The life of an order: lost answers, crashes, late and repeated fills, and events out of order.

use super::fixtures::*;
use super::rig::{Fate, Queries, Rig};
use crate::domain::fee::Fee;
use crate::domain::fill::{Fill, Liquidity};
use crate::domain::ids::{ClientOrderId, TradeId};
use crate::domain::order::{OrderStatus, Purpose};
use crate::domain::side::PositionSide::Long;
use crate::domain::time::DurationMs;
use crate::engine::event::{Event, OrderReport, PlaceAnswer, QueryAnswer};
use crate::engine::turn::{NoticeKind, Record, Request};

fn margin_left(rig: &Rig) -> String {
    (quote("100") - rig.machine.margin_used(ONE)).to_string()
}

fn places(rig: &Rig) -> usize {
    rig.requests.iter().filter(|request| matches!(request, Request::Place(_))).count()
}

#[test]
fn a_lost_answer_is_resolved_by_asking_and_not_doubled() {
    let mut rig = Rig::new(account());
    rig.fates.push_back((Purpose::Entry, Fate::LostAnswer));
    rig.enter(1, Long);
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Open]);
    assert_eq!(rig.resting(), ["entry 1 @ market"]);
    rig.price("100");
    rig.price("100");
    assert_eq!((rig.held().to_string().as_str(), places(&rig)), ("1", 1));
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Filled]);
}

#[test]
fn an_unknown_order_is_asked_for_each_cycle_and_keeps_its_margin() {
    let mut rig = Rig::new(account());
    rig.queries = Queries::Failing;
    rig.fates.push_back((Purpose::Entry, Fate::LostAnswer));
    rig.enter(1, Long);
    for _ in 0..3 {
        rig.look_again(&[]);
        assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Unknown]);
        assert_eq!(margin_left(&rig), "90");
    }
    let asked = rig.requests.iter().filter(|request| matches!(request, Request::Query { .. })).count();
    assert_eq!(asked, 4);
    rig.queries = Queries::Truthful;
    rig.look_again(&[]);
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Open]);
    assert_eq!(places(&rig), 1);
}

#[test]
fn not_found_is_final_only_after_the_horizon() {
    let mut rig = Rig::new(account());
    rig.fates.push_back((Purpose::Entry, Fate::LostOrder));
    rig.enter(1, Long);
    let decided_at = rig.now;
    for (age_secs, status, margin) in
        [(0, OrderStatus::Unknown, "90"), (90, OrderStatus::Unknown, "90"), (91, OrderStatus::Expired, "100")]
    {
        rig.now = decided_at.plus(DurationMs::from_secs(age_secs));
        rig.look_again(&[]);
        assert_eq!(rig.statuses(Purpose::Entry), [status], "after {age_secs} s");
        assert_eq!(margin_left(&rig), margin);
    }
    assert_eq!(rig.noticed(NoticeKind::Error), 1);
    assert_eq!(places(&rig), 1, "never sent again under this venue's rules");
}

#[test]
fn not_found_is_final_only_to_who_asked_after_the_horizon() {
    let mut rig = Rig::new(account());
    rig.queries = Queries::Failing;
    rig.fates.push_back((Purpose::Entry, Fate::LostOrder));
    rig.enter(1, Long);
    let (id, decided_at) = (rig.intents[0].client_order_id.clone(), rig.now);
    rig.now = decided_at.plus(DurationMs::from_secs(120));
    for (asked_secs, status) in [(90, OrderStatus::Unknown), (91, OrderStatus::Expired)] {
        let (asked_at, answer) = (decided_at.plus(DurationMs::from_secs(asked_secs)), QueryAnswer::NotFound);
        rig.handle(Event::QueryAnswered { id: id.clone(), asked_at, answer });
        assert_eq!(rig.statuses(Purpose::Entry), [status], "asked after {asked_secs} s");
    }
}

#[test]
fn an_order_that_shows_up_late_is_taken_over() {
    let mut rig = Rig::new(account());
    rig.queries = Queries::NotFound;
    rig.fates.push_back((Purpose::Entry, Fate::LostAnswer));
    rig.enter(1, Long);
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Unknown]);
    rig.price("100");
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Filled], "its fill is proof enough");
    assert_eq!(rig.held().to_string(), "1");
}

#[test]
fn a_crash_between_intent_and_answer_ends_in_one_order() {
    // venue resends, fate before the crash, seconds until the restart -> resting entries, status
    for (resends, fate, age_secs, resting, status) in [
        (true, Fate::LostOrder, 5, 1, OrderStatus::Open),
        (true, Fate::LostAnswer, 5, 1, OrderStatus::Open),
        (true, Fate::LostOrder, 11, 0, OrderStatus::Unknown),
        (true, Fate::LostOrder, 91, 0, OrderStatus::Expired),
        (false, Fate::LostOrder, 5, 0, OrderStatus::Unknown),
        (false, Fate::LostAnswer, 5, 1, OrderStatus::Open),
        (false, Fate::LostOrder, 91, 0, OrderStatus::Expired),
    ] {
        let mut config = account();
        config.venue.resend_is_safe = resends;
        let mut rig = Rig::new(config);
        rig.queries = Queries::Failing;
        rig.fates.push_back((Purpose::Entry, fate));
        rig.enter(1, Long);
        let id = rig.intents[0].client_order_id.clone();
        rig.crash();
        rig.queries = Queries::Truthful;
        rig.now = rig.now.plus(DurationMs::from_secs(age_secs));
        rig.recover();
        let case = format!("resends {resends}, {fate:?}, {age_secs} s");
        assert_eq!(rig.resting().len(), resting, "{case}");
        assert_eq!(rig.statuses(Purpose::Entry), [status], "{case}");
        assert!(rig.book.open_orders().iter().all(|order| order.client_order_id == id), "{case}");
        assert_eq!(rig.intents.len(), 1, "{case}: the same id");
    }
}

#[test]
fn a_late_fill_of_an_ended_order_is_booked() {
    let mut rig = Rig::new(account());
    rig.fates.push_back((Purpose::Entry, Fate::LostOrder));
    rig.enter(1, Long);
    let id = rig.intents[0].client_order_id.clone();
    rig.now = rig.now.plus(DurationMs::from_secs(100));
    rig.look_again(&[]);
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Expired]);
    for crashed in [false, true] {
        if crashed {
            rig.crash();
        }
        let fill = fill(&id, "P77", "1", "100", 0);
        rig.handle(Event::Fill(fill));
        assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Filled]);
        let position = rig.position(ONE, BTC).unwrap();
        assert_eq!((position.qty.to_string().as_str(), position.leverage.get()), ("1", 10));
        assert_eq!(rig.fills.len(), 1, "booked once, crashed {crashed}");
    }
}

#[test]
fn a_repeated_fill_is_booked_once() {
    let mut rig = Rig::new(account());
    rig.open_long();
    let fill = rig.fills[0].fill.clone();
    let wallet = rig.machine.wallet();
    for crashed in [false, true] {
        if crashed {
            rig.crash();
        }
        let turn = rig.machine.handle(rig.now, Event::Fill(fill.clone()));
        assert!(turn.is_empty(), "crashed {crashed}: {turn:?}");
    }
    assert_eq!((rig.machine.wallet(), rig.held().to_string().as_str()), (wallet, "1"));
}

#[test]
fn events_out_of_order_end_in_the_same_state() {
    let mut ends = Vec::new();
    for order in permutations(4) {
        let mut rig = Rig::new(account());
        rig.fates.push_back((Purpose::Entry, Fate::LostOrder));
        rig.queries = Queries::Failing;
        rig.enter(1, Long);
        rig.requests.clear();
        let id = rig.intents[0].client_order_id.clone();
        for index in &order {
            let turn = rig.machine.handle(rig.now, event(&id, *index, rig.now));
            assert!(!turn.requests.iter().any(|request| matches!(request, Request::Place(_))));
            rig.apply(turn);
        }
        let position = rig.position(ONE, BTC).unwrap().clone();
        let state = (position, rig.machine.wallet(), margin_left(&rig), rig.statuses(Purpose::Entry));
        ends.push((order, state, rig.fills.len()));
    }
    for (order, state, fills) in &ends {
        assert_eq!((state, fills), (&ends[0].1, &ends[0].2), "{order:?} against {:?}", ends[0].0);
    }
    assert_eq!(ends[0].1.3, [OrderStatus::Filled]);
}

/// The parts of an entry of 1: acceptance, two fills, one of them twice.
fn event(id: &ClientOrderId, index: usize, now: crate::domain::time::Timestamp) -> Event<'static> {
    match index {
        0 => Event::PlaceAnswered {
            id: id.clone(),
            sent_at: now,
            answer: PlaceAnswer::Accepted { exchange_order_id: "X1".to_owned() },
        },
        2 => Event::Fill(fill(id, "P2", "0.6", "100", 1)),
        _ => Event::Fill(fill(id, "P1", "0.4", "100", 1)),
    }
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(n - 1);
    let with = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, n - 1);
        order
    };
    shorter.iter().flat_map(|order| (0..n).map(move |at| with(order, at))).collect()
}

fn fill(id: &ClientOrderId, trade: &str, qty: &str, price: &str, fee: i64) -> Fill {
    Fill {
        trade_id: TradeId(trade.to_owned()),
        client_order_id: id.clone(),
        symbol: symbol(BTC),
        side: Long.entry_side(),
        position_side: Long,
        price: price.parse().unwrap(),
        qty: qty.parse().unwrap(),
        fee: Fee::from_cash(quote(&fee.to_string()), "USDT"),
        liquidity: Liquidity::Taker,
        at: minute(2),
    }
}

#[test]
fn a_filled_order_is_filled_by_its_fills_not_by_hearsay() {
    let mut rig = Rig::new(account());
    rig.enter(1, Long);
    let id = rig.intents[0].client_order_id.clone();
    let told = OrderReport {
        client_order_id: id.clone(),
        exchange_order_id: "B1".to_owned(),
        symbol: symbol(BTC),
        status: OrderStatus::Filled,
        filled_qty: "1".parse().unwrap(),
    };
    let found = QueryAnswer::Found(told);
    let turn = rig.machine.handle(rig.now, Event::QueryAnswered { id, asked_at: rig.now, answer: found });
    assert_eq!(turn.requests, [Request::SweepFills]);
    assert_eq!(margin_left(&rig), "90", "its margin stays reserved until the fills are here");
}

#[test]
fn a_resting_order_the_exchange_forgot_is_not_placed_again() {
    let mut config = account();
    set(&mut config, &[("auto_exit", "on")]);
    config.venue.resend_is_safe = true;
    let mut rig = Rig::new(config);
    rig.open_long();
    let id = rig.last_order(Purpose::StopLoss).client_order_id.clone();
    let places_before = places(&rig);
    for (age_secs, status) in [(0, OrderStatus::Open), (91, OrderStatus::Expired)] {
        rig.now = rig.now.plus(DurationMs::from_secs(age_secs));
        let (asked_at, answer) = (rig.now, QueryAnswer::NotFound);
        rig.handle(Event::QueryAnswered { id: id.clone(), asked_at, answer });
        assert_eq!(rig.orders[&id].status, status, "after {age_secs} s");
    }
    assert_eq!(places(&rig), places_before);
    assert!(!rig.row(ONE, BTC).unwrap().is_protected);
    rig.look_again(&[]);
    assert_ne!(rig.last_order(Purpose::StopLoss).client_order_id, id);
    assert!(rig.row(ONE, BTC).unwrap().is_protected, "by another order");
}

#[test]
fn a_refusal_of_what_was_sent_twice_does_not_end_the_first() {
    // The first one arrived and is not visible yet; the second is refused as a repeated id, or does not leave.
    for second in [None, Some(Fate::NotSent)] {
        let mut config = account();
        config.venue.resend_is_safe = true;
        set(&mut config, &[("auto_exit", "on")]);
        let mut rig = Rig::new(config);
        rig.queries = Queries::NotFound;
        rig.fates.push_back((Purpose::StopLoss, Fate::LostAnswer));
        rig.fates.extend(second.map(|fate| (Purpose::StopLoss, fate)));
        rig.open_long();
        assert_eq!(rig.statuses(Purpose::StopLoss), [OrderStatus::Unknown]);
        rig.queries = Queries::Truthful;
        rig.look_again(&[]);
        assert_eq!(rig.statuses(Purpose::StopLoss), [OrderStatus::Open]);
        assert_eq!(rig.resting(), ["stop_loss 1 @ 97", "take_profit 1 @ 103"], "one stop, not two");
        assert!(rig.row(ONE, BTC).unwrap().is_protected);
    }
}

#[test]
fn an_order_whose_answers_keep_getting_lost_is_sent_once_a_cycle() {
    let mut config = account();
    config.venue.resend_is_safe = true;
    let mut rig = Rig::new(config);
    rig.fates.extend([(Purpose::Entry, Fate::LostOrder); 50]);
    rig.enter(1, Long);
    assert_eq!(places(&rig), 2, "asked for once, sent again once");
    for more in 1..3 {
        rig.look_again(&[]);
        assert_eq!(places(&rig), 2 + more);
    }
    assert_eq!(rig.intents.len(), 1);
}

#[test]
fn ids_differ_even_when_time_steps_back() {
    let mut config = account();
    set(&mut config, &[("auto_exit", "on")]);
    let mut rig = Rig::new(config);
    let at = minute(rig.at + 1);
    let both = [BTC, ETH].map(|name| signal(1, name, at, Some(Long)));
    rig.step(&[(BTC, ["100"; 4]), (ETH, ["100"; 4])], &both);
    // A fill of the step, an answer by the clock, another fill of the step; the harness refuses a repeated id.
    let ids: Vec<_> = rig.intents.iter().map(|order| order.client_order_id.clone()).collect();
    let step_at = minute(rig.at + 1);
    rig.now = step_at;
    rig.handle(Event::Fill(fill(&ids[0], "P1", "1", "100", 0)));
    rig.now = step_at.plus(DurationMs::from_ms(7));
    rig.configure(|config| set(config, &[("long_sl_pct", "2")]));
    rig.now = step_at;
    rig.handle(Event::Fill(Fill { symbol: symbol(ETH), ..fill(&ids[1], "P2", "1", "100", 0) }));
    assert_eq!(rig.intended(Purpose::StopLoss).len(), 3);
}

#[test]
fn what_follows_the_sending_of_an_order_is_not_before_it() {
    let mut rig = Rig::new(account());
    rig.enter(1, Long);
    let mut order = rig.last_order(Purpose::Entry).clone();
    let after = |secs| order.times.decided_at.plus(DurationMs::from_secs(secs));
    let (decided_at, sent_at, answered_at) = (after(0), after(2), after(5));
    order.times.sent_at = Some(sent_at);
    let mut step = |status, now| {
        order.status = status;
        let record = Record::step(&order, now, String::new());
        let Record::OrderChanged { at, .. } = record else { panic!("{record:?}") };
        at
    };
    assert_eq!(step(OrderStatus::Sent, answered_at), sent_at);
    assert_eq!(step(OrderStatus::Unknown, answered_at), answered_at);
    assert_eq!(step(OrderStatus::Unknown, decided_at), sent_at);
}
