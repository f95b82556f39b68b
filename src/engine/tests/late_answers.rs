//! One order whose story is told late, twice or out of order; and the sweeps that fill the gaps.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::fixtures::*;
use super::live::live;
use super::rig::{Fate, Queries, Rig};
use crate::domain::fee::Fee;
use crate::domain::fill::{Fill, Liquidity};
use crate::domain::ids::{ClientOrderId, TradeId};
use crate::domain::order::{Order, OrderStatus, Purpose};
use crate::domain::side::PositionSide::Long;
use crate::domain::time::DurationMs;
use crate::engine::config::Halt;
use crate::engine::event::{CancelAnswer, Event, OrderReport, PlaceAnswer, QueryAnswer};
use crate::engine::orders::{ENDED_MAX, ENDED_MIN, OrderBook};
use crate::engine::turn::Request;

/// What became of an order at the exchange.
struct Truth {
    status: OrderStatus,
    fills: Vec<Fill>,
}

fn fill_of(order: &Order, trade: &str, qty: &str, price: &str) -> Fill {
    Fill {
        trade_id: TradeId(trade.to_owned()),
        client_order_id: order.client_order_id.clone(),
        symbol: order.symbol.clone(),
        side: order.side,
        position_side: order.position_side,
        price: price.parse().unwrap(),
        qty: qty.parse().unwrap(),
        fee: Fee::from_cash(quote("0.1"), "USDT"),
        liquidity: Liquidity::Taker,
        at: minute(2),
    }
}

impl Truth {
    /// Of an order of 1: cancelled after 0.6, or filled.
    fn of(order: &Order, is_cancelled: bool) -> Self {
        let (status, rest) =
            if is_cancelled { (OrderStatus::Cancelled, "0.2") } else { (OrderStatus::Filled, "0.6") };
        Self { status, fills: vec![fill_of(order, "71", "0.4", "100"), fill_of(order, "72", rest, "101")] }
    }

    fn report(&self, id: &ClientOrderId, status: OrderStatus) -> OrderReport {
        let filled = self.fills.iter().fold("0".parse().unwrap(), |sum, fill| fill.qty.plus(sum));
        OrderReport {
            client_order_id: id.clone(),
            exchange_order_id: "X1".to_owned(),
            symbol: symbol(BTC),
            status,
            filled_qty: if status.is_final() { filled } else { "0".parse().unwrap() },
        }
    }

    /// The parts of the story.
    fn event(&self, id: &ClientOrderId, part: usize, now: crate::domain::time::Timestamp) -> Event<'static> {
        let answered = |answer| Event::PlaceAnswered { id: id.clone(), sent_at: now, answer };
        match part {
            0 => answered(PlaceAnswer::Accepted { exchange_order_id: "X1".to_owned() }),
            1 => Event::OrderSeen(self.report(id, OrderStatus::Open)),
            2 => Event::Fill(self.fills[0].clone()),
            3 => Event::Fill(self.fills[1].clone()),
            4 => Event::OrderSeen(self.report(id, self.status)),
            // A filled order is told by its fills alone.
            _ if self.status == OrderStatus::Filled => {
                answered(PlaceAnswer::Unknown { reason: "no answer".to_owned() })
            }
            _ => Event::OrderEnded { id: id.clone(), status: self.status, reason: "cancelled".to_owned() },
        }
    }

    fn answer(&self, request: Request, rig: &Rig) -> Vec<Event<'static>> {
        match request {
            Request::Query { id, .. } => {
                let found = QueryAnswer::Found(self.report(&id, self.status));
                vec![Event::QueryAnswered { id, asked_at: rig.now, answer: found }]
            }
            Request::SweepFills => {
                let fills = self.fills.iter().cloned().map(Event::Fill);
                fills.chain([Event::Swept { at: rig.now }]).collect()
            }
            Request::Place(id) => panic!("{id} is placed again"),
            Request::Cancel { .. } => Vec::new(),
        }
    }
}

/// An order of 1 whose placement nobody answered: an entry, or the exit of a position.
fn unanswered(is_exit: bool) -> (Rig, ClientOrderId) {
    let mut config = live();
    set(&mut config, &[("auto_exit", if is_exit { "on" } else { "off" }), ("exit_cooldown_h", "0")]);
    config.venue.conditional_orders = false;
    let mut rig = Rig::new(config);
    let purpose = if is_exit { Purpose::Exit } else { Purpose::Entry };
    if is_exit {
        rig.open_long();
    }
    rig.queries = Queries::Failing;
    rig.fates.push_back((purpose, Fate::LostOrder));
    if is_exit {
        let at = minute(rig.at + 1);
        rig.bar(["100"; 4], &[exit_signal(1, BTC, at, Long)]);
    } else {
        rig.enter(1, Long);
    }
    let id = rig.last_order(purpose).client_order_id.clone();
    (rig, id)
}

/// Tells the parts in this order, and in the end the truth to whoever asks; returns what is then believed.
fn tell(is_exit: bool, is_cancelled: bool, parts: &[usize], answers_at_once: bool) -> String {
    let (mut rig, id) = unanswered(is_exit);
    let truth = Truth::of(&rig.orders[&id], is_cancelled);
    let total = truth.report(&id, truth.status).filled_qty;
    let mut events: VecDeque<Event<'static>> =
        parts.iter().map(|part| truth.event(&id, *part, rig.now)).collect();
    let found = QueryAnswer::Found(truth.report(&id, truth.status));
    events.push_back(Event::QueryAnswered { id: id.clone(), asked_at: rig.now, answer: found });
    while let Some(event) = events.pop_front() {
        let turn = rig.machine.handle(rig.now, event);
        let requests = turn.requests.clone();
        rig.apply(turn);
        let is_last = events.is_empty();
        if answers_at_once || is_last {
            let answers: Vec<_> =
                requests.into_iter().flat_map(|request| truth.answer(request, &rig)).collect();
            answers.into_iter().rev().for_each(|answer| events.push_front(answer));
        }
        let has_ended = rig.machine.order(&id).is_none();
        assert!(!has_ended || rig.orders[&id].filled_qty == total, "its margin is kept until all is booked");
    }
    assert!(rig.machine.order(&id).is_none(), "{parts:?}: still {:?}", rig.orders[&id]);
    let order = &rig.orders[&id];
    let position = rig.position(ONE, BTC).map(|held| (held.qty, held.cost, held.fees));
    format!(
        "{:?}",
        (
            (order.status, order.filled_qty, order.filled_notional, &order.exchange_order_id),
            (position, rig.machine.wallet(), rig.machine.margin_used(ONE), rig.fills.len()),
        )
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_order_of_the_telling_changes_nothing(
        is_exit: bool,
        is_cancelled: bool,
        answers_at_once: bool,
        parts in prop::collection::vec(0_usize..6, 0..6)
            .prop_map(|twice| [(0..6).collect(), twice].concat())
            .prop_shuffle(),
    ) {
        // A position that is closed in part only keeps its exit going; that is another story.
        let is_cancelled = is_cancelled && !is_exit;
        let straight = tell(is_exit, is_cancelled, &[0, 1, 2, 3, 4, 5], true);
        prop_assert_eq!(tell(is_exit, is_cancelled, &parts, answers_at_once), straight, "{:?}", parts);
    }
}

#[test]
fn an_order_that_was_filled_before_its_cancel_is_cancelled_once_a_cycle_until_its_fills_come() {
    let mut rig = Rig::new(live());
    rig.enter(1, Long);
    let order = rig.last_order(Purpose::Entry).clone();
    let id = order.client_order_id.clone();
    let truth = Truth { fills: vec![fill_of(&order, "71", "1", "100")], ..Truth::of(&order, false) };
    rig.config.halt = Some(Halt { reason: "enough".to_owned(), flatten: false });
    let (mut requests, mut cancels) = (VecDeque::new(), 0);
    let mut events = VecDeque::from([Event::Configure(rig.config.clone())]);
    while let Some(event) = events.pop_front() {
        let turn = rig.machine.handle(rig.now, event);
        requests.extend(turn.requests);
        let answers = requests.pop_front().into_iter().map(|request| match request {
            Request::Cancel { id, .. } => {
                cancels += 1;
                assert_eq!(cancels, 1, "cancelled again at once");
                Event::CancelAnswered { id, answer: CancelAnswer::NotWorking }
            }
            Request::Query { id, .. } => {
                let answer = QueryAnswer::Found(truth.report(&id, OrderStatus::Filled));
                Event::QueryAnswered { id, asked_at: rig.now, answer }
            }
            Request::Place(_) | Request::SweepFills => Event::Swept { at: rig.now },
        });
        events.extend(answers);
    }
    assert!(rig.machine.order(&id).is_some(), "its fill is still to come");
}

#[test]
fn a_cancelled_order_keeps_its_margin_until_its_fills_are_known() {
    let mut rig = Rig::new(live());
    rig.enter(1, Long);
    rig.queries = Queries::Failing;
    let order = rig.last_order(Purpose::Entry).clone();
    let id = order.client_order_id.clone();
    rig.handle(Event::CancelAnswered { id: id.clone(), answer: CancelAnswer::Cancelled });
    assert_eq!(rig.machine.margin_used(ONE), quote("10"), "it may have filled");
    let truth = Truth::of(&order, true);
    let report = truth.report(&id, OrderStatus::Cancelled);
    let found = QueryAnswer::Found(report);
    let turn = rig.machine.handle(rig.now, Event::QueryAnswered { id, asked_at: rig.now, answer: found });
    assert_eq!(turn.requests, [Request::SweepFills]);
    rig.apply(turn);
    assert_eq!(rig.machine.margin_used(ONE), quote("10"));
    for fill in truth.fills {
        rig.handle(Event::Fill(fill));
    }
    assert_eq!(rig.machine.margin_used(ONE), quote("6.02"), "what it bought, and nothing more");
    assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Cancelled]);
}

#[test]
fn an_end_that_nobody_confirms_is_asked_about_each_cycle_and_after_a_restart() {
    let mut rig = Rig::new(live());
    rig.enter(1, Long);
    let id = rig.last_order(Purpose::Entry).client_order_id.clone();
    rig.book.cancel(&id).unwrap();
    rig.queries = Queries::Failing;
    rig.handle(Event::OrderEnded {
        id: id.clone(),
        status: OrderStatus::Expired,
        reason: "by the exchange".to_owned(),
    });
    for _ in 0..2 {
        rig.requests.clear();
        rig.look_again(&[]);
        assert!(matches!(rig.requests[..], [Request::Query { .. }]));
        assert_eq!(rig.machine.margin_used(ONE), quote("10"));
    }
    rig.queries = Queries::Truthful;
    rig.crash();
    rig.wait(1);
    rig.recover();
    assert!(rig.orders[&id].status.is_final());
    assert_eq!(rig.machine.margin_used(ONE), quote("0"));
}

#[test]
fn a_sweep_asks_from_the_last_one_on_with_an_overlap() {
    let mut rig = Rig::new(live());
    assert!(rig.machine.fill_sweep().symbols.is_empty(), "nothing to ask for");
    rig.open_long();
    let plan = rig.machine.fill_sweep();
    assert_eq!(plan.symbols, [symbol(BTC)].into());
    let entry = rig.last_order(Purpose::Entry).clone();
    assert_eq!(plan.orders.get(&(entry.symbol, entry.client_order_id)), entry.exchange_order_id.as_ref());
    let swept = |rig: &Rig| rig.machine.durable_state().swept_until.unwrap();
    let at = rig.now.plus(DurationMs::from_secs(600));
    rig.handle(Event::Swept { at });
    rig.handle(Event::Swept { at: rig.now });
    assert_eq!(swept(&rig), at, "only forward");
    rig.crash();
    assert_eq!((swept(&rig), rig.machine.fill_sweep().since), (at, at.minus(DurationMs::from_secs(120))));
    assert_eq!(rig.machine.fill_sweep().symbols, [symbol(BTC)].into(), "held");
    assert!(rig.machine.fill_sweep().orders.is_empty(), "ended long before");

    let paper = Rig::new(account());
    assert_eq!(paper.machine.durable_state().swept_until, None, "it has an exact cursor");
}

/// A stop whose answer was lost, and which was triggered while nobody was there: its fill bears the id of another order.
#[test]
fn nothing_counts_as_swept_since_an_order_was_decided_that_has_no_name_there() {
    let (mut rig, id) = unanswered(true);
    let decided_at = rig.orders[&id].times.decided_at;
    let swept = |rig: &Rig| rig.machine.durable_state().swept_until.unwrap();
    let at = rig.now.plus(DurationMs::from_secs(3_600));
    rig.handle(Event::Swept { at });
    assert!(swept(&rig) <= decided_at, "its fills may have been told, and not recognised");
    let truth = Truth::of(&rig.orders[&id], false);
    let named = truth.event(&id, 1, rig.now);
    rig.handle(named);
    rig.handle(Event::Swept { at });
    assert_eq!(swept(&rig), at);
}

#[test]
fn after_a_clock_was_set_back_an_account_begins_at_the_new_time_and_asks_again() {
    let mut rig = Rig::new(live());
    rig.open_long();
    rig.handle(Event::Swept { at: rig.now });
    let ahead = rig.machine.durable_state();
    let hour = DurationMs::from_secs(3_600);
    let mut state = ahead.clone();
    state.begin_at(rig.now.plus(hour));
    assert_eq!(state, ahead, "time has passed as it does");
    let now = rig.now.minus(hour);
    state.begin_at(now);
    assert_eq!(state.acted_at, now);
    assert!(state.swept_until.unwrap() < now.minus(hour.times(24)), "nobody knows what was swept");
    let mut again = state.clone();
    again.begin_at(now);
    assert_eq!(again, state);
}

#[test]
fn everything_that_a_sweep_may_tell_again_is_recognised() {
    let mut rig = Rig::new(live());
    rig.enter(1, Long);
    let order = rig.last_order(Purpose::Entry).clone();
    let fills: Vec<Fill> = (0..300).map(|n| fill_of(&order, &format!("{n}"), "0.001", "100")).collect();
    let tell_all = |rig: &mut Rig| {
        for fill in &fills {
            rig.handle(Event::Fill(fill.clone()));
        }
        rig.fills.len()
    };
    assert_eq!(tell_all(&mut rig), 300);
    assert_eq!(tell_all(&mut rig), 300);
    rig.crash();
    assert_eq!(tell_all(&mut rig), 300);
}

#[test]
fn ended_orders_are_kept_while_more_may_be_told_of_them() {
    let mut rig = Rig::new(account());
    rig.enter(1, Long);
    let ended = |number: i64| {
        let mut order = rig.last_order(Purpose::Entry).clone();
        let key = order.client_order_id.key().unwrap();
        let leg = u16::try_from(number).unwrap();
        order.client_order_id = ClientOrderId::new(&crate::domain::ids::OrderKey { leg, ..key });
        order.status = OrderStatus::Expired;
        order.times.finished_at = Some(minute(number));
        order
    };
    for (retold_since, count, kept) in [
        (None, 40, ENDED_MIN),
        (Some(minute(0)), 40, 40),
        (Some(minute(10)), 100, 90),
        (Some(minute(0)), 4_200, ENDED_MAX),
    ] {
        let mut book = OrderBook::restore(Vec::new(), Vec::new());
        for number in 0..count {
            let order = ended(number);
            book.insert(order.clone());
            book.settle(&order.client_order_id, retold_since);
        }
        assert_eq!(book.ended_since(minute(0)).count(), kept, "{retold_since:?} {count}");
    }
}

#[test]
fn a_late_fill_of_an_entry_whose_position_is_closed_opens_another_one() {
    let mut config = live();
    set(&mut config, &[("auto_exit", "on")]);
    let mut rig = Rig::new(config);
    rig.enter(1, Long);
    let order = rig.last_order(Purpose::Entry).clone();
    rig.book.cancel(&order.client_order_id).unwrap();
    rig.handle(Event::Fill(fill_of(&order, "71", "0.4", "100")));
    let stop = rig.last_order(Purpose::StopLoss).clone();
    rig.handle(Event::Fill(Fill { at: minute(3), ..fill_of(&stop, "72", "0.4", "97") }));
    assert!(rig.held().is_zero());
    rig.handle(Event::Fill(Fill { at: minute(3), ..fill_of(&order, "73", "0.2", "99") }));
    assert_eq!(rig.held().to_string(), "0.2");
    assert_eq!(rig.rows.len(), 2, "the closed one stays as it was");
    let closed = rig.rows.values().find(|row| !row.position.is_open()).unwrap();
    assert_eq!(
        (closed.position.id.clone(), closed.position.net_pnl()),
        (order.client_order_id, quote("-1.4"))
    );
    assert_eq!(rig.fills.last().unwrap().position, Some(rig.position(ONE, BTC).unwrap().id.clone()));
    assert!(rig.intended(Purpose::StopLoss).contains(&"0.2 @ 96.1".to_owned()), "and it is protected");
    let numbers: Vec<u64> = rig.fills.iter().map(|booked| booked.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn what_was_not_sent_in_time_is_decided_anew_while_its_signal_lasts() {
    for (secs, entries) in [(5, 2), (31, 1)] {
        let mut rig = Rig::new(live());
        rig.fates.push_back((Purpose::Entry, Fate::TooLate));
        rig.enter(1, Long);
        assert_eq!(rig.statuses(Purpose::Entry), [OrderStatus::Expired]);
        assert_eq!(rig.machine.margin_used(ONE), quote("0"));
        let signal = signal(1, BTC, rig.now, Some(Long));
        rig.wait(secs);
        rig.look_again(&[signal]);
        assert_eq!(rig.intents.len(), entries, "{secs} s later");
    }
}
