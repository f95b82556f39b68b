//! Agreeing with an exchange whose answers are not of one moment, on an account that others trade on too.

use super::fixtures::*;
use super::rig::{Fate, Queries, Rig};
use crate::domain::external::{ExternalCause, ExternalFill};
use crate::domain::fill::Fill;
use crate::domain::ids::{AccountId, BotId, ClientOrderId, CycleId, OrderKey, TradeId};
use crate::domain::order::{OrderStatus, Purpose};
use crate::domain::scope::Scope;
use crate::domain::side::PositionSide::{self, Long, Short};
use crate::domain::side::Side;
use crate::engine::config::AccountConfig;
use crate::engine::decision::Code;
use crate::engine::event::{Event, NetPosition, OrderReport, Snapshot};
use crate::engine::state::External;
use crate::engine::turn::{NoticeKind, Request};

/// The account of the fixtures on a real exchange.
pub(super) fn live() -> AccountConfig {
    let mut config = account();
    config.venue.consistent_snapshots = false;
    config.venue.may_hold_external = true;
    config
}

fn there(side: PositionSide, qty: &str) -> NetPosition {
    NetPosition { symbol: symbol(BTC), side, qty: qty.parse().unwrap() }
}

pub(super) fn told(rig: &mut Rig, positions: &[NetPosition]) {
    let snapshot = Snapshot { positions: positions.to_vec(), ..rig.snapshot() };
    rig.handle(Event::Snapshot(snapshot));
}

pub(super) fn blocked(rig: &Rig) -> bool {
    rig.machine.durable_state().blocked.contains_key(&symbol(BTC))
}

fn external(rig: &Rig) -> Option<(String, String, u32)> {
    let state = rig.machine.durable_state();
    state.external.get(&symbol(BTC)).map(|it| (it.long.to_string(), it.short.to_string(), it.open_orders))
}

#[test]
fn what_the_exchange_holds_beyond_the_bots_is_somebody_elses() {
    // hedge, what a bot holds (1) or not, the exchange's positions -> theirs, long and short
    let cases = [
        (false, true, vec![there(Long, "1.5")], ("0.5", "0")),
        (false, false, vec![there(Short, "2")], ("0", "2")),
        (true, true, vec![there(Long, "1"), there(Short, "3")], ("0", "3")),
        (true, true, vec![there(Long, "1.25"), there(Short, "3")], ("0.25", "3")),
        (true, false, vec![there(Long, "0.001")], ("0.001", "0")),
    ];
    for (hedge, holds, positions, (long, short)) in cases {
        let mut config = live();
        config.venue.hedge = hedge;
        let mut rig = Rig::new(config);
        if holds {
            rig.open_long();
        }
        told(&mut rig, &positions);
        assert_eq!(external(&rig), Some((long.to_owned(), short.to_owned(), 0)), "{positions:?}");
        assert!(!blocked(&rig));
        assert_eq!(rig.machine.wants_snapshot(), None, "it is explained");
        assert!(rig.intended(Purpose::Exit).is_empty(), "and left alone");
        rig.crash();
        assert!(external(&rig).is_some(), "kept");
        rig.recover();
        assert_eq!(external(&rig), None, "gone with it");
    }
}

/// What a person takes over is nobody's here, from then on: it is seen as somebody else's, and its end is no difference.
#[test]
fn what_was_released_is_given_up_at_once() {
    let mut config = live();
    set(&mut config, &[("auto_exit", "on")]);
    let mut rig = Rig::new(config);
    rig.open_long();
    assert_eq!(rig.resting().len(), 2);
    let id = rig.machine.positions().next().unwrap().position().id.clone();
    rig.configure(|config| {
        config.bots.clear();
        config.released.insert(id);
    });
    assert!(rig.resting().is_empty(), "its orders would close what is the person's now");
    assert!(rig.machine.wants_snapshot().is_some());
    told(&mut rig, &[there(Long, "1")]);
    assert_eq!(external(&rig), Some(("1".to_owned(), "0".to_owned(), 0)));
    for _ in 0..2 {
        rig.wait(10);
        told(&mut rig, &[]);
    }
    assert_eq!(external(&rig), None);
    assert!(!blocked(&rig) && rig.noticed(NoticeKind::OutOfSync) == 0);
}

/// A database that was brought back from a copy does not know the orders that were placed since.
#[test]
fn orders_that_a_restored_copy_does_not_know_are_taken_back() {
    let mut config = live();
    set(&mut config, &[("auto_exit", "on")]);
    let mut rig = Rig::new(config);
    rig.open_long();
    let (account, bot) = (AccountId::new(1), Some(BotId::new(1)));
    let of = |account| {
        let cycle = CycleId::at(minute(3));
        ClientOrderId::new(&OrderKey { account, bot, cycle, purpose: Purpose::StopLoss, leg: 7, attempt: 1 })
    };
    let (forgotten, foreign) = (of(account), of(AccountId::new(2)));
    let resting = |id: &ClientOrderId| OrderReport {
        client_order_id: id.clone(),
        exchange_order_id: "X9".to_owned(),
        symbol: symbol(BTC),
        status: OrderStatus::Open,
        filled_qty: "0".parse().unwrap(),
    };
    let mut snapshot = Snapshot { positions: vec![there(Long, "1")], ..rig.snapshot() };
    snapshot.open_orders.extend([resting(&forgotten), resting(&foreign)]);
    let told = |rig: &mut Rig| rig.machine.handle(rig.now, Event::Snapshot(snapshot.clone())).requests;
    assert_eq!(told(&mut rig), [], "without a restore it may be another program's");
    rig.machine.durable.is_restored = true;
    let taken_back = [Request::Cancel { symbol: symbol(BTC), id: forgotten.clone() }];
    assert_eq!(told(&mut rig), taken_back);
    assert_eq!(told(&mut rig), taken_back, "until it is gone");
    let gone = Snapshot { positions: vec![there(Long, "1")], ..rig.snapshot() };
    rig.handle(Event::Snapshot(gone));
    assert!(!rig.machine.durable_state().is_restored);
    assert_eq!(told(&mut rig), []);
}

/// A copy of before it traded for real.
#[test]
fn what_a_restored_copy_does_not_know_is_looked_for_once_it_trades_for_real_again() {
    let mut rig = Rig::new(account());
    rig.machine.durable.is_restored = true;
    rig.handle(Event::Snapshot(rig.snapshot()));
    let mut durable = rig.machine.durable_state().clone();
    assert!(durable.is_restored);
    durable.take_up(false);
    assert!(durable.is_restored);
}

#[test]
fn in_one_way_mode_a_bot_does_not_trade_against_somebody_elses_position() {
    for (hedge, codes) in [(false, vec![Code::WouldNet]), (true, vec![])] {
        let mut config = live();
        config.venue.hedge = hedge;
        let mut rig = Rig::new(config);
        told(&mut rig, &[there(Short, "2")]);
        rig.enter(1, Long);
        assert_eq!(rig.skips(), codes, "hedge {hedge}");
    }
}

#[test]
fn what_is_missing_blocks_its_symbol_when_it_is_seen_twice() {
    for positions in [vec![], vec![there(Long, "0.4")], vec![there(Short, "1")]] {
        let mut rig = Rig::new(live());
        rig.open_long();
        told(&mut rig, &positions);
        assert!(!blocked(&rig), "a fill may be in one answer and not in another yet");
        let seen_at = rig.now;
        rig.wait(4);
        told(&mut rig, &positions);
        assert!(!blocked(&rig), "too soon to tell: the fill of a line that rests may still come");
        assert_eq!(rig.machine.wants_snapshot().map(|at| at.since(seen_at).ms()), Some(5_000));
        rig.wait(1);
        told(&mut rig, &positions);
        assert!(blocked(&rig), "{positions:?}");
        rig.wait(10);
        told(&mut rig, &positions);
        assert_eq!(rig.noticed(NoticeKind::OutOfSync), 1, "told once");
        assert_eq!(rig.machine.wants_snapshot(), None);
        told(&mut rig, &[there(Long, "1")]);
        assert!(!blocked(&rig), "released");
    }
}

/// A line may be filled after its exchange was asked for positions and before it tells the fills.
#[test]
fn a_difference_counts_from_the_last_answer_of_a_slow_snapshot_on() {
    let mut rig = Rig::new(live());
    rig.open_long();
    let asked_at = rig.now;
    rig.wait(4);
    let slow = Snapshot { taken_at: asked_at, positions: vec![], ..rig.snapshot() };
    rig.handle(Event::Snapshot(slow));
    for (secs, is_blocked) in [(1, false), (4, true)] {
        rig.wait(secs);
        told(&mut rig, &[]);
        assert_eq!(blocked(&rig), is_blocked);
    }
}

#[test]
fn whoever_lost_touch_opens_nothing_before_the_next_comparison() {
    let mut rig = Rig::new(live());
    told(&mut rig, &[]);
    rig.machine.lose_touch();
    rig.enter(1, Long);
    assert!(rig.intents.is_empty() && !rig.machine.is_ready());
    told(&mut rig, &[]);
    rig.enter(1, Long);
    assert_eq!(rig.intents.len(), 1);
}

#[test]
fn a_difference_that_passes_blocks_nothing() {
    let mut rig = Rig::new(live());
    rig.open_long();
    for positions in [vec![], vec![there(Long, "1")], vec![], vec![there(Long, "0.5")], vec![]] {
        told(&mut rig, &positions);
        rig.wait(5);
    }
    assert!(!blocked(&rig));
}

#[test]
fn while_an_order_is_under_way_no_difference_counts() {
    let mut config = live();
    add_bot(&mut config, bot(2));
    let mut rig = Rig::new(config);
    rig.open_long();
    rig.enter(2, Long);
    for _ in 0..3 {
        told(&mut rig, &[there(Long, "0.5")]);
        rig.wait(5);
        told(&mut rig, &[there(Long, "2")]);
        rig.wait(5);
    }
    assert!(!blocked(&rig));
    assert_eq!(external(&rig), None, "it is what bot 2 is buying");
}

#[test]
fn only_orders_that_a_snapshot_must_know_are_missing_from_it() {
    // symbols asked for, seconds from the acknowledgement to the snapshot -> asked for
    let eth = Scope::Symbols([symbol(ETH)].into());
    let btc = Scope::Symbols([symbol(BTC)].into());
    for (covers, age_secs, asked) in
        [(Scope::All, 5, true), (btc, 5, true), (eth, 5, false), (Scope::All, -1, false)]
    {
        let mut rig = Rig::new(live());
        rig.enter(1, Long);
        let taken_at = rig.now.plus(crate::domain::time::DurationMs::from_secs(age_secs));
        rig.requests.clear();
        let snapshot = Snapshot { open_orders: vec![], covers: covers.clone(), taken_at, ..rig.snapshot() };
        rig.handle(Event::Snapshot(snapshot));
        assert_eq!(matches!(rig.requests[..], [Request::Query { .. }]), asked, "{covers:?} {age_secs} s");
    }
}

#[test]
fn orders_of_others_are_counted_where_they_were_asked_for() {
    let mut rig = Rig::new(live());
    let orders = |rig: &mut Rig, covers: Scope, count: Option<u32>| {
        let external_orders = count.map(|count| (symbol(BTC), count)).into_iter().collect();
        let snapshot = Snapshot { covers, external_orders, ..rig.snapshot() };
        rig.handle(Event::Snapshot(snapshot));
        external(rig).map(|(_, _, orders)| orders)
    };
    assert_eq!(orders(&mut rig, Scope::All, Some(2)), Some(2));
    assert_eq!(orders(&mut rig, Scope::Symbols([symbol(ETH)].into()), None), Some(2));
    assert_eq!(orders(&mut rig, Scope::Symbols([symbol(BTC)].into()), None), None);
}

#[test]
fn after_a_restart_what_protects_goes_before_what_is_asked() {
    let mut config = live();
    set(&mut config, &[("auto_exit", "on")]);
    let mut rig = Rig::new(config);
    rig.fates.push_back((Purpose::StopLoss, Fate::LostOrder));
    rig.queries = Queries::Failing;
    rig.open_long();
    rig.wait(3);
    rig.crash();
    rig.requests.clear();
    rig.recover();
    let stop = rig.last_order(Purpose::StopLoss).client_order_id.clone();
    let placed = rig.requests.iter().position(|request| *request == Request::Place(stop.clone()));
    let asked = rig.requests.iter().position(|request| matches!(request, Request::Query { .. }));
    assert!(placed.is_some() && placed < asked, "{:?}", rig.requests);
    assert!(rig.row(ONE, BTC).unwrap().is_protected);
}

fn external_fill(trade: &str, qty: &str, cause: ExternalCause) -> ExternalFill {
    ExternalFill {
        trade_id: TradeId(trade.to_owned()),
        symbol: symbol(BTC),
        side: Side::Sell,
        position_side: None,
        price: "90".parse().unwrap(),
        qty: qty.parse().unwrap(),
        fee: crate::domain::fee::Fee::from_cash(quote("0.4"), "USDT"),
        cause,
        at: minute(10),
    }
}

#[test]
fn somebody_elses_trading_is_told_once_and_looked_into() {
    let mut rig = Rig::new(live());
    rig.open_long();
    for trade in ["1", "2", "1"] {
        rig.handle(Event::ExternalFill(external_fill(trade, "0.5", ExternalCause::Manual)));
    }
    assert_eq!(rig.noticed(NoticeKind::External), 1);
    assert_eq!((rig.held().to_string().as_str(), rig.fills.len()), ("1", 1), "nothing of ours has changed");
    assert!(rig.machine.wants_snapshot().is_some());
    rig.wait(1);
    told(&mut rig, &[there(Long, "1.5")]);
    assert_eq!(rig.machine.wants_snapshot(), None);
    rig.handle(Event::ExternalFill(external_fill("2", "0.5", ExternalCause::Manual)));
    assert_eq!(rig.machine.wants_snapshot(), None, "a sweep repeats what the stream has told");
    rig.handle(Event::ExternalFill(external_fill("3", "0.5", ExternalCause::Manual)));
    assert_eq!(rig.noticed(NoticeKind::External), 2);
}

#[test]
fn a_forced_close_takes_what_the_bots_hold_piece_by_piece() {
    let mut config = live();
    add_bot(&mut config, bot(2));
    let mut rig = Rig::new(config);
    rig.open_long();
    rig.enter(2, Long);
    rig.price("100");
    // Two bots hold 1 each; 1.25 are taken, in two fills that are told twice.
    for _ in 0..2 {
        for (trade, qty) in [("71", "0.75"), ("72", "0.5")] {
            rig.handle(Event::ExternalFill(external_fill(trade, qty, ExternalCause::Liquidation)));
        }
    }
    assert!(rig.position(ONE, BTC).is_none());
    assert_eq!(rig.position(TWO, BTC).unwrap().qty.to_string(), "0.75");
    let fees: crate::domain::money::Quote = rig.fills.iter().map(|booked| booked.fill.fee.cash()).sum();
    assert_eq!(fees, quote("0.8"));
    assert_eq!(rig.noticed(NoticeKind::External), 0);
    assert!(rig.machine.durable_state().holdings.values().all(|holding| holding.exit.is_none()));
}

/// Each took what was held then. The second may be told while nobody has heard of the first.
#[test]
fn of_two_forced_closes_the_earlier_one_is_booked_first_however_they_are_told() {
    for order_of_telling in [[0, 1], [1, 0]] {
        let mut config = live();
        config.venue.conditional_orders = false;
        add_bot(&mut config, bot(2));
        let mut rig = Rig::new(config);
        rig.open_long();
        let close = |trade, at| ExternalFill { at, ..external_fill(trade, "1", ExternalCause::Liquidation) };
        let first = close("9", rig.now);
        rig.enter(2, Long);
        rig.price("100");
        let closes = [first, close("10", rig.now)];
        for index in order_of_telling {
            let turn = rig.machine.handle(rig.now, Event::ExternalFill(closes[index].clone()));
            assert_eq!(turn.requests, [Request::SweepFills]);
            rig.apply(turn);
        }
        rig.handle(Event::Swept { at: rig.now });
        assert!(rig.position(ONE, BTC).is_none() && rig.position(TWO, BTC).is_none());
        assert_eq!((rig.noticed(NoticeKind::Liquidation), rig.noticed(NoticeKind::External)), (2, 0));
    }
}

#[test]
fn a_forced_close_before_a_position_was_opened_is_not_the_bots() {
    let mut rig = Rig::new(live());
    rig.open_long();
    let opened_at = rig.position(ONE, BTC).unwrap().opened_at;
    let earlier = ExternalFill {
        at: opened_at.minus(crate::domain::time::DurationMs::from_ms(1)),
        ..external_fill("71", "0.75", ExternalCause::Liquidation)
    };
    rig.handle(Event::ExternalFill(earlier));
    assert_eq!(rig.position(ONE, BTC).unwrap().qty.to_string(), "1");
    assert_eq!(rig.noticed(NoticeKind::External), 1, "somebody else's");
}

#[test]
fn a_forced_close_takes_nothing_that_was_opened_after_it() {
    let mut rig = Rig::new(live());
    rig.open_long();
    let first = rig.fills[0].fill.clone();
    let (closed_at, at) = (first.at, first.at.plus(crate::domain::time::DurationMs::from_secs(1)));
    let trade_id = TradeId("P9".to_owned());
    rig.handle(Event::Fill(Fill { trade_id, qty: "2".parse().unwrap(), at, ..first }));
    let close = ExternalFill { at: closed_at, ..external_fill("71", "1.5", ExternalCause::Liquidation) };
    rig.crash();
    rig.handle(Event::ExternalFill(close));
    assert_eq!(rig.held().to_string(), "2", "the rest was somebody else's");
}

#[test]
fn a_forced_close_waits_for_the_fills_of_what_it_closed() {
    let mut rig = Rig::new(live());
    rig.enter(1, Long);
    let close = external_fill("71", "1", ExternalCause::Liquidation);
    for requests in [vec![Request::SweepFills], vec![]] {
        let turn = rig.machine.handle(rig.now, Event::ExternalFill(close.clone()));
        assert_eq!(turn.requests, requests, "asked once");
        rig.apply(turn);
    }
    // The sweep tells the entry's fill, and says when it has told all.
    rig.match_step(&[(BTC, ["100"; 4])]);
    assert_eq!(rig.held().to_string(), "1");
    rig.handle(Event::Swept { at: rig.now });
    assert!(rig.held().is_zero());
    rig.handle(Event::ExternalFill(close));
    assert_eq!((rig.noticed(NoticeKind::Liquidation), rig.fills.len()), (1, 2));
}

#[test]
fn on_a_spot_exchange_coins_that_no_bot_bought_are_left_alone() {
    let mut config = live();
    config.venue.spot = true;
    config.venue.conditional_orders = false;
    let mut rig = Rig::new(config);
    told(&mut rig, &[there(Long, "0.00000001")]);
    rig.enter(1, Long);
    assert_eq!(rig.intents.len(), 1, "dust keeps no bot from trading");
    assert_eq!(
        rig.machine.durable_state().external[&symbol(BTC)],
        External { long: "0.00000001".parse().unwrap(), ..External::default() }
    );
}
