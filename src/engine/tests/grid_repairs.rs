//! A grid that a person wants mended: plan, exchange and ledger are compared, whatever one of them has lost.

use super::fixtures::*;
use super::grid_setup::*;
use super::rig::{Fate, Queries, Rig};
use crate::domain::ids::{ClientOrderId, CycleId, OrderKey};
use crate::domain::order::{Order, Purpose};
use crate::domain::time::DurationMs;
use crate::engine::event::Event;
use crate::matching::fixtures as paper;

/// The grid on an exchange that answers late: lines 0 and 1 open at 90 and 95.
fn live() -> Rig {
    let mut config = grid_account(grid());
    config.venue.consistent_snapshots = false;
    config.venue.may_hold_external = true;
    rig_of(config)
}

/// Asks for a repair and lets the exchange be asked; answers what came of it.
fn mend(rig: &mut Rig) -> String {
    rig.wait(1);
    let now = rig.now;
    rig.configure(|config| ask_repair(config, now));
    rig.look_again(&[]);
    assert_eq!(rig.grid_state().repair.unwrap().done_at, None, "the exchange has not been asked yet");
    let due = rig.machine.wants_snapshot().expect("the exchange is to be asked");
    rig.now = due.plus(DurationMs::from_secs(1));
    let snapshot = rig.snapshot();
    rig.handle(Event::Snapshot(snapshot));
    for _ in 0..3 {
        rig.look_again(&[]);
    }
    let repair = rig.grid_state().repair.unwrap();
    assert!(repair.done_at.is_some(), "{repair:?}");
    repair.to_string()
}

/// A second repair finds nothing, asks for nothing and says so.
fn mend_again(rig: &mut Rig) {
    let (ladder, intents) = (rig.ladder(), rig.intents.len());
    assert_eq!(mend(rig), "nothing to mend");
    assert_eq!((rig.ladder(), rig.intents.len()), (ladder, intents));
    rig.check_lots();
}

fn order_on(rig: &Rig, line: u16, purpose: Purpose) -> Order {
    let is_it = |id: &ClientOrderId| {
        let key = id.key().unwrap();
        key.purpose == purpose && key.line() == Some(line)
    };
    let resting = rig.book.open_orders().iter().find(|order| is_it(&order.client_order_id));
    rig.orders[&resting.unwrap().client_order_id].clone()
}

#[test]
fn a_line_that_a_person_has_cancelled_is_placed_again() {
    let mut rig = live();
    let id = order_on(&rig, 1, Purpose::GridEntry).client_order_id;
    rig.book.cancel(&id).unwrap();
    rig.look_again(&[]);
    assert_eq!(rig.ladder(), ["0 opens at 90"], "nobody has said so");
    assert_eq!(mend(&mut rig), "gone at the exchange 1, placed 1");
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95"]);
    mend_again(&mut rig);
}

#[test]
fn an_order_that_the_ledger_does_not_know_is_taken_back() {
    let mut rig = live();
    let known = order_on(&rig, 1, Purpose::GridEntry);
    let account = known.client_order_id.key().unwrap().account;
    let lost = OrderKey::of_line((account, ONE), CycleId::at(minute(99)), Purpose::GridEntry, 1, 7);
    let lost = Order { client_order_id: ClientOrderId::new(&lost), ..known.clone() };
    let rules = rig.config.instruments[&symbol(BTC)].clone();
    rig.book.place(&lost, &rules, rig.now).unwrap();
    // Another instance may have placed it: without a word it is left alone.
    rig.wait(20);
    let snapshot = rig.snapshot();
    rig.handle(Event::Snapshot(snapshot));
    assert_eq!(rig.on_line(1, Purpose::GridEntry).len(), 2);
    assert_eq!(mend(&mut rig), "taken back 1");
    assert!(rig.book.open_orders().iter().any(|order| order.client_order_id == known.client_order_id));
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95"]);
    mend_again(&mut rig);
}

#[test]
fn an_order_that_was_given_up_and_rests_after_all_is_taken_back_by_itself() {
    let mut rig = live();
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.is_running = false));
    rig.price("96");
    assert!(rig.ladder().is_empty());
    rig.fates.push_back((Purpose::GridEntry, Fate::LostAnswer));
    rig.queries = Queries::NotFound;
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.is_running = true));
    rig.look_again(&[]);
    rig.wait(100);
    rig.look_again(&[]);
    // What was not placed is tried again after a pause.
    rig.wait(2);
    rig.look_again(&[]);
    assert_eq!(rig.on_line(1, Purpose::GridEntry).len(), 2, "the exchange did not know it for too long");
    rig.queries = Queries::Truthful;
    rig.wait(1);
    let snapshot = rig.snapshot();
    rig.handle(Event::Snapshot(snapshot));
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95"]);
    mend_again(&mut rig);
}

#[test]
fn a_fill_that_was_missed_is_booked_and_answered() {
    let mut rig = live();
    rig.at += 1;
    rig.now = minute(rig.at);
    let bar = paper::bar(BTC, rig.at, ["100", "100", "95", "96"]);
    let step =
        crate::domain::market::MarketStep { at: rig.now, price_bars: vec![bar], closed_bars: Vec::new() };
    while rig.book.next_event(&step).is_some() {}
    rig.quote_price("96");
    assert!(rig.held().is_zero() && rig.ladder().len() == 1, "{:?}", rig.ladder());
    assert_eq!(mend(&mut rig), "placed 1, fills booked 1");
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 closes at 100"]);
    rig.check_lots();
    mend_again(&mut rig);
}

#[test]
fn a_wish_of_before_the_start_counts_what_the_start_mends() {
    let mut rig = live();
    let id = order_on(&rig, 0, Purpose::GridEntry).client_order_id;
    rig.book.cancel(&id).unwrap();
    let asked = rig.now;
    ask_repair(&mut rig.config, asked);
    rig.crash();
    rig.wait(30);
    rig.recover();
    for _ in 0..3 {
        rig.look_again(&[]);
    }
    let repair = rig.grid_state().repair.unwrap();
    assert_eq!((repair.to_string().as_str(), repair.asked_at), ("gone at the exchange 1, placed 1", asked));
    assert!(repair.done_at.is_some());
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95"]);
}

#[test]
fn on_paper_there_is_nothing_to_mend() {
    let mut rig = grid_rig(grid());
    let now = rig.now;
    rig.configure(|config| ask_repair(config, now));
    rig.look_again(&[]);
    let repair = rig.grid_state().repair.unwrap();
    assert_eq!((repair.to_string().as_str(), repair.done_at), ("nothing to mend", Some(rig.now)));
}
