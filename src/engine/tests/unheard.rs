//! What the exchange did while nobody listened: both sides of a neutral grid, exits before their entries, and more
//! closed than a bot held.

use super::fixtures::*;
use super::grid_setup::*;
use super::live::{blocked, live, told};
use super::rig::{Fate, Queries, Rig};
use crate::domain::external::{ExternalCause, ExternalFill};
use crate::domain::fee::Fee;
use crate::domain::fill::{Fill, Liquidity};
use crate::domain::ids::{ClientOrderId, OrderKey, TradeId};
use crate::domain::money::Qty;
use crate::domain::order::{OrderKind, OrderStatus, Purpose};
use crate::domain::side::PositionSide::{Long, Short};
use crate::domain::side::Side;
use crate::engine::config::{AccountConfig, Halt, Venue};
use crate::engine::event::{Event, Snapshot};
use crate::engine::grid::{Direction, GridConfig};
use crate::engine::turn::NoticeKind;

/// A neutral grid at 100 on an account in this mode, after a bar that filled the nearest line of both sides unheard.
fn both_sides_filled(hedge: bool) -> Rig {
    both_sides_filled_on(
        AccountConfig {
            venue: Venue { hedge, ..account().venue },
            ..grid_account(GridConfig { direction: Direction::Neutral, ..grid() })
        },
        "94",
    )
}

/// The same on an account as configured, after a bar that fell to `low`.
fn both_sides_filled_on(config: AccountConfig, low: &str) -> Rig {
    let mut rig = rig_of(config);
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95", "3 opens at 105", "4 opens at 110"]);
    rig.miss(["100", "106", low, "101"]);
    rig.crash();
    rig.recover();
    rig
}

/// A grid on an exchange, which others may trade on and which tells late.
fn live_grid_rig() -> Rig {
    rig_of(AccountConfig { venue: live().venue, ..grid_account(grid()) })
}

#[test]
fn both_sides_of_a_neutral_grid_may_fill_unheard_and_each_line_closes_its_own() {
    for hedge in [true, false] {
        let mut rig = both_sides_filled(hedge);
        rig.quote_price("101");
        let qty = rig.grid_plan().qty_per_line;
        assert_eq!([rig.held_on(ONE, BTC, Long), rig.held_on(ONE, BTC, Short)], [qty; 2]);
        // The market has passed the exit of line 1: it goes behind the market with the next look.
        rig.look_again(&[]);
        assert_eq!(rig.ladder(), ["1 closes at 101.1", "3 closes at 100"], "hedge {hedge}");
        let exits = || rig.intents.iter().filter(|order| order.purpose == Purpose::GridExit);
        assert!(exits().all(|order| order.reduce_only == hedge && order.kind != OrderKind::Market));
        rig.bar(["101", "102", "99", "100"], &[]);
        rig.look_again(&[]);
        rig.check_lots();
        assert_eq!([rig.held_on(ONE, BTC, Long), rig.held_on(ONE, BTC, Short)], [Qty::ZERO; 2]);
        assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95", "3 opens at 105", "4 opens at 110"]);
        assert_eq!(rig.grid_fills.iter().filter(|fill| fill.profit > Some(quote("0"))).count(), 2);
        assert_eq!(rig.noticed(NoticeKind::OutOfSync), 0);
    }
}

#[test]
fn a_flatten_closes_both_sides() {
    for hedge in [true, false] {
        let mut rig = both_sides_filled(hedge);
        rig.configure(|config| config.halt = Some(Halt { reason: "enough".to_owned(), flatten: true }));
        rig.price("101");
        rig.price("101");
        assert!(rig.book.positions().is_empty(), "hedge {hedge}: {:?}", rig.book.positions());
        assert_eq!(rig.ladder(), [""; 0]);
        assert!(rig.grid_state().lots.is_empty());
    }
}

/// The exchange may have closed by force what was left of both, and nobody has heard of it.
#[test]
fn of_both_sides_the_smaller_one_is_closed_first_and_the_larger_one_may_only_reduce() {
    let neutral = grid_account(GridConfig { direction: Direction::Neutral, ..grid() });
    let mut rig = both_sides_filled_on(AccountConfig { venue: live().venue, ..neutral }, "89");
    rig.quote_price("101");
    let qty = rig.grid_plan().qty_per_line;
    assert_eq!([rig.held_on(ONE, BTC, Long), rig.held_on(ONE, BTC, Short)], [qty.plus(qty), qty]);
    rig.configure(|config| config.halt = Some(Halt { reason: "enough".to_owned(), flatten: true }));
    for _ in 0..3 {
        rig.price("101");
    }
    let closing = rig.intents.iter().filter(|order| order.purpose == Purpose::Flatten);
    let closing: Vec<_> = closing.map(|order| (order.position_side, order.qty, order.reduce_only)).collect();
    assert_eq!(closing, [(Short, qty, false), (Long, qty.plus(qty), true)]);
    assert!(rig.book.positions().is_empty(), "{:?}", rig.book.positions());
}

/// A person did, or the exchange did before it closed by force: what is told of that may be lost.
#[test]
fn when_others_end_a_resting_order_the_exchange_is_asked_what_it_holds() {
    for is_ours in [true, false] {
        let mut rig = live_grid_rig();
        let id = rig.book.open_orders()[0].client_order_id.clone();
        if is_ours {
            rig.configure(|config| edit_bot(config, ONE, |bot| bot.is_running = false));
        } else {
            rig.book.cancel(&id).unwrap();
        }
        let (status, reason) = (OrderStatus::Cancelled, "liquidation".to_owned());
        rig.handle(Event::OrderEnded { id, status, reason });
        assert_eq!(rig.machine.wants_snapshot().is_some(), !is_ours);
    }
}

/// There may be nothing left to reduce.
#[test]
fn when_the_exit_of_a_line_is_refused_the_exchange_is_asked_what_it_holds() {
    let mut rig = live_grid_rig();
    rig.fates.push_back((Purpose::GridExit, Fate::Refused));
    rig.price("95");
    assert!(rig.machine.wants_snapshot().is_some());
}

/// An exit of one of two sides cannot be reduce-only: it would open what was closed by force.
#[test]
fn while_both_sides_are_in_doubt_no_line_is_given_another_exit() {
    let neutral = grid_account(GridConfig { direction: Direction::Neutral, ..grid() });
    let mut rig = both_sides_filled_on(AccountConfig { venue: live().venue, ..neutral }, "94");
    rig.quote_price("101");
    rig.look_again(&[]);
    assert_eq!(rig.ladder(), ["1 closes at 101.1", "3 closes at 100"]);
    let is_of_line_3 = |id: &ClientOrderId| id.key().unwrap().line() == Some(3);
    let open = rig.book.open_orders().iter().map(|order| order.client_order_id.clone());
    let id = open.into_iter().find(is_of_line_3).unwrap();
    rig.book.cancel(&id).unwrap();
    let (status, reason) = (OrderStatus::Cancelled, "liquidation".to_owned());
    rig.handle(Event::OrderEnded { id, status, reason });
    rig.look_again(&[]);
    assert_eq!(rig.ladder(), ["1 closes at 101.1"]);
    rig.wait(10);
    let snapshot = rig.snapshot();
    rig.handle(Event::Snapshot(snapshot));
    rig.look_again(&[]);
    assert_eq!(rig.ladder(), ["1 closes at 101.1", "3 closes at 100"]);
}

/// What was filled last is told last: a position that is seen already is no difference then.
#[test]
fn an_order_that_the_exchange_does_not_list_any_more_may_explain_a_difference() {
    let mut rig = live_grid_rig();
    rig.price("95");
    told(&mut rig, &[]);
    rig.wait(5);
    rig.queries = Queries::Failing;
    let snapshot = Snapshot { positions: vec![], open_orders: vec![], ..rig.snapshot() };
    rig.handle(Event::Snapshot(snapshot));
    assert!(!blocked(&rig));
}

#[test]
fn what_a_grid_has_lost_is_noticed_while_its_lines_rest() {
    let mut rig = live_grid_rig();
    rig.price("95");
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 closes at 100"]);
    told(&mut rig, &[]);
    assert!(!blocked(&rig));
    rig.wait(5);
    told(&mut rig, &[]);
    assert!(blocked(&rig));
}

/// An exit of bot 1 in BTC that the exchange tells of.
fn exit_fill(rig: &Rig, trade: &str, qty: &str) -> Fill {
    let entry = rig.last_order(Purpose::Entry);
    let stop = OrderKey { purpose: Purpose::StopLoss, ..entry.client_order_id.key().unwrap() };
    Fill {
        trade_id: TradeId(trade.to_owned()),
        client_order_id: ClientOrderId::new(&stop),
        symbol: symbol(BTC),
        side: Long.exit_side(),
        position_side: Long,
        price: price("90"),
        qty: qty.parse().unwrap(),
        fee: Fee::from_cash(quote("0.1"), "USDT"),
        liquidity: Liquidity::Taker,
        at: rig.now,
    }
}

#[test]
fn an_exit_that_is_told_before_its_entry_waits_for_it() {
    let mut config = live();
    config.venue.conditional_orders = false;
    let mut rig = Rig::new(config);
    rig.queries = Queries::Failing;
    rig.fates.push_back((Purpose::Entry, Fate::LostAnswer));
    rig.enter(1, Long);
    let qty = rig.last_order(Purpose::Entry).qty;
    let exit = exit_fill(&rig, "X1", &qty.to_string());
    rig.handle(Event::Fill(exit.clone()));
    rig.handle(Event::Fill(exit));
    assert_eq!(rig.fills.len(), 0, "nothing is held that it could have closed");
    rig.price("100");
    assert_eq!(rig.fills.len(), 2);
    assert_eq!(rig.held().to_string(), "0");
    assert_eq!(rig.noticed(NoticeKind::OutOfSync), 0);
}

#[test]
fn of_exits_that_wait_each_finds_what_the_one_before_has_left() {
    let mut config = live();
    config.venue.conditional_orders = false;
    let mut rig = Rig::new(config);
    rig.queries = Queries::Failing;
    rig.fates.push_back((Purpose::Entry, Fate::LostOrder));
    rig.enter(1, Long);
    let entry = rig.last_order(Purpose::Entry).client_order_id.clone();
    for (trade, qty) in [("X1", "0.5"), ("X2", "0.4")] {
        rig.handle(Event::Fill(exit_fill(&rig, trade, qty)));
    }
    for (trade, qty) in [("E1", "0.6"), ("E2", "0.4")] {
        let (client_order_id, side) = (entry.clone(), Long.entry_side());
        rig.handle(Event::Fill(Fill { client_order_id, side, ..exit_fill(&rig, trade, qty) }));
    }
    assert_eq!(rig.fills.len(), 4);
    assert_eq!(rig.held().to_string(), "0.1");
    assert_eq!(rig.noticed(NoticeKind::OutOfSync), 0);
}

#[test]
fn an_exit_of_a_line_that_is_told_before_its_entry_waits_until_fills_were_asked_for() {
    let mut rig = live_grid_rig();
    rig.miss(["100", "100", "95", "95"]);
    let mut exit = rig.executed.last().unwrap().clone();
    let entry = exit.client_order_id.key().unwrap();
    exit.client_order_id = ClientOrderId::new(&OrderKey { purpose: Purpose::StopLoss, ..entry });
    (exit.trade_id, exit.side) = (TradeId("X1".to_owned()), Long.exit_side());
    rig.handle(Event::Fill(exit));
    assert_eq!(rig.fills.iter().map(|booked| booked.fill.side).collect::<Vec<_>>(), [Side::Buy, Side::Sell]);
    assert_eq!(rig.held().to_string(), "0");
    assert_eq!(rig.noticed(NoticeKind::OutOfSync), 0);
}

#[test]
fn an_exit_waits_for_a_line_that_is_told_later_than_fills_were_asked_for_but_not_for_ever() {
    for is_told in [true, false] {
        let mut rig = live_grid_rig();
        let entry = rig.last_order(Purpose::GridEntry).client_order_id.key().unwrap();
        let stop = ClientOrderId::new(&OrderKey { purpose: Purpose::StopLoss, ..entry });
        let qty = rig.grid_plan().qty_per_line;
        let exit = Fill {
            trade_id: TradeId("X1".to_owned()),
            client_order_id: stop,
            symbol: symbol(BTC),
            side: Long.exit_side(),
            position_side: Long,
            price: price("90"),
            qty,
            fee: Fee::from_cash(quote("0.1"), "USDT"),
            liquidity: Liquidity::Taker,
            at: rig.now,
        };
        rig.handle(Event::Fill(exit));
        rig.wait(4);
        rig.look_again(&[]);
        assert_eq!(rig.fills.len(), 0, "asked for twice and not told yet");
        rig.wait(1);
        if is_told {
            rig.bar(["100", "100", "95", "95"], &[]);
        } else {
            rig.look_again(&[]);
        }
        assert_eq!(rig.held().to_string(), "0");
        assert_eq!(rig.fills.len(), if is_told { 2 } else { 1 });
        assert_eq!(rig.noticed(NoticeKind::OutOfSync), usize::from(!is_told));
    }
}

/// Which lines a stop has closed a part of is guessed. The exit that was filled says better.
#[test]
fn an_exit_of_a_line_that_was_thought_to_have_lost_its_lot_closes_another_lines() {
    let mut rig = live_grid_rig();
    rig.price("95");
    rig.price("90");
    assert_eq!(rig.ladder(), ["0 closes at 95", "1 closes at 100"]);
    let is_of_line_1 = |id: &&ClientOrderId| id.key().unwrap().line() == Some(1);
    let exit = rig.book.open_orders().iter().map(|order| &order.client_order_id).find(is_of_line_1);
    let exit = exit.unwrap().clone();
    let stop = OrderKey { purpose: Purpose::StopLoss, ..exit.key().unwrap() };
    let fill = Fill {
        trade_id: TradeId("X1".to_owned()),
        client_order_id: ClientOrderId::new(&stop),
        symbol: symbol(BTC),
        side: Long.exit_side(),
        position_side: Long,
        price: price("89"),
        qty: rig.grid_plan().qty_per_line,
        fee: Fee::from_cash(quote("0.1"), "USDT"),
        liquidity: Liquidity::Taker,
        at: rig.now,
    };
    rig.cancels_fail = true;
    rig.handle(Event::Fill(fill.clone()));
    rig.check_lots();
    assert!(rig.grid_state().lots.get(Long, 1).qty.is_zero());
    let trade_id = TradeId("X2".to_owned());
    rig.handle(Event::Fill(Fill { trade_id, client_order_id: exit, price: price("100"), ..fill }));
    assert_eq!(rig.held().to_string(), "0");
    rig.check_lots();
    // 0.51 x (100 - 90) - 0.02 % of 0.51 x 90 - 0.1
    assert_eq!(rig.grid_fills.last().unwrap().profit, Some(quote("4.99082")));
}

#[test]
fn a_forced_close_waits_for_a_line_that_was_filled_before_it_and_is_told_later() {
    let mut rig = live_grid_rig();
    rig.price("95");
    let qty = rig.held();
    rig.miss(["95", "95", "90", "90"]);
    let missed = rig.executed.last().unwrap().clone();
    let close = ExternalFill {
        trade_id: TradeId("L1".to_owned()),
        symbol: symbol(BTC),
        side: Long.exit_side(),
        position_side: None,
        price: price("90"),
        qty: qty.plus(qty),
        fee: Fee::from_cash(quote("0.1"), "USDT"),
        cause: ExternalCause::Liquidation,
        at: missed.at,
    };
    let turn = rig.machine.handle(rig.now, Event::ExternalFill(close));
    rig.apply(turn);
    // Asked for, and not told yet.
    rig.handle(Event::Swept { at: rig.now });
    assert_eq!(rig.held(), qty);
    rig.wait(5);
    rig.handle(Event::Fill(missed));
    rig.handle(Event::Swept { at: rig.now });
    assert_eq!(rig.held().to_string(), "0");
}

#[test]
fn what_closes_more_than_a_bot_holds_closes_all_that_it_holds() {
    let mut rig = Rig::new(live());
    rig.open_long();
    let exit = exit_fill(&rig, "X1", &rig.held().decimal().saturating_add(1.into()).to_string());
    rig.handle(Event::Fill(exit));
    assert_eq!(rig.held().to_string(), "0");
    let row = rig.rows.values().next().unwrap();
    assert_eq!(row.position.exited_qty, row.position.entered_qty);
    assert_eq!(rig.fills.last().unwrap().realized_pnl, row.position.realized_pnl);
    assert_eq!(rig.noticed(NoticeKind::OutOfSync), 1);
}
