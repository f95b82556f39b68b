//! Agreeing with the exchange: differences block a symbol, liquidations are taken over.

use super::fixtures::*;
use super::rig::Rig;
use crate::domain::fee::Fee;
use crate::domain::order::Purpose;
use crate::domain::side::PositionSide::{self, Long, Short};
use crate::engine::decision::{Action, Code};
use crate::engine::event::{Event, Liquidation, NetPosition, Snapshot};
use crate::engine::turn::{NoticeKind, Request};
use crate::matching::book::trade_number;

fn held_there(side: PositionSide, qty: &str) -> NetPosition {
    NetPosition { symbol: symbol(BTC), side, qty: qty.parse().unwrap() }
}

fn told(rig: &mut Rig, positions: Vec<NetPosition>) {
    let snapshot = Snapshot { positions, ..rig.snapshot() };
    rig.handle(Event::Snapshot(snapshot));
}

#[test]
fn a_difference_blocks_its_symbol_until_both_agree_again() {
    for (hedge, positions) in [
        (false, vec![held_there(Long, "1.5")]),
        (false, vec![]),
        (false, vec![held_there(Short, "1")]),
        (true, vec![held_there(Long, "1"), held_there(Short, "1")]),
    ] {
        let mut config = account();
        config.venue.hedge = hedge;
        add_bot(&mut config, bot(2));
        let mut rig = Rig::new(config);
        rig.open_long();
        told(&mut rig, positions);
        assert_eq!(rig.noticed(NoticeKind::OutOfSync), 1);
        rig.crash();
        rig.enter(2, Long);
        assert!(rig.skips().is_empty(), "not ready");
        rig.crash();
        // Recovery compares again, with the book's truth: released.
        rig.recover();
        rig.enter(2, Long);
        assert_eq!(rig.intended(Purpose::Entry).len(), 2);
    }
}

#[test]
fn a_blocked_symbol_leaves_the_others_alone_and_adds_nothing() {
    let mut config = account();
    set(&mut config, &[("dca_enabled", "on")]);
    add_bot(&mut config, bot(2));
    let mut rig = Rig::new(config);
    rig.open_long();
    told(&mut rig, vec![held_there(Long, "0.2")]);
    let at = minute(rig.at + 1);
    let bars = [(BTC, ["98"; 4]), (ETH, ["100"; 4])];
    rig.step(&bars, &[signal(2, BTC, at, Some(Long)), signal(2, ETH, at, Some(Long))]);
    assert_eq!(rig.skips(), [Code::SymbolBlocked]);
    assert_eq!(rig.intents.len(), 2, "the first entry and ETH, no DCA");
    assert_eq!(rig.intents[1].symbol, symbol(ETH));
    assert_eq!(rig.held().to_string(), "1", "nothing is guessed");
}

#[test]
fn what_was_filled_while_away_is_booked_and_agrees() {
    let mut config = account();
    set(&mut config, &[("auto_exit", "on")]);
    let mut rig = Rig::new(config);
    rig.enter(1, Long);
    rig.crash();
    rig.match_unheard(["100"; 4]);
    rig.recover();
    assert_eq!(rig.held().to_string(), "1");
    assert_eq!(rig.resting(), ["stop_loss 1 @ 97", "take_profit 1 @ 103"], "protected before anything else");
    assert_eq!(rig.noticed(NoticeKind::OutOfSync), 0);

    rig.crash();
    rig.match_unheard(["100", "100", "96", "96"]);
    rig.recover();
    assert!(rig.held().is_zero());
    assert_eq!(rig.machine.wallet(), Some(quote("997")));
    assert!(rig.orders.values().all(|order| order.status.is_final()), "{:?}", rig.orders);
    assert_eq!(rig.noticed(NoticeKind::OutOfSync), 0);
}

#[test]
fn the_wallet_opens_the_ledger_once() {
    let mut rig = Rig::new(account());
    assert_eq!(rig.machine.wallet(), Some(quote("1000")));
    rig.handle(Event::Wallet { at: rig.now, wallet: quote("5") });
    assert_eq!(rig.machine.wallet(), Some(quote("1000")), "from then on it follows from what is booked");
}

/// Two bots long in BTC: 1 and 2.5.
fn two_longs() -> Rig {
    let mut config = account();
    set(&mut config, &[("auto_exit", "on")]);
    add_bot(&mut config, bot(2));
    set_bot(&mut config, TWO, &[("allocation_percent", "25")]);
    let mut rig = Rig::new(config);
    rig.open_long();
    rig.enter(2, Long);
    rig.price("100");
    rig
}

fn liquidate(rig: &mut Rig) {
    rig.handle(Event::Liquidated(Liquidation {
        trade_id: crate::domain::ids::TradeId("P9".to_owned()),
        symbol: symbol(BTC),
        side: Long,
        qty: "3.5".parse().unwrap(),
        price: "50".parse().unwrap(),
        fee: Fee::from_cash(quote("0.7"), "USDT"),
        at: rig.now,
    }));
}

#[test]
fn a_liquidation_closes_each_bots_part_and_stops_the_bots() {
    let mut rig = two_longs();
    liquidate(&mut rig);
    for (bot, pnl, fee) in [(ONE, "-50", "0.2"), (TWO, "-125", "0.5")] {
        let booked = rig.fills.iter().rfind(|booked| booked.bot == Some(bot)).unwrap();
        assert_eq!((booked.realized_pnl, booked.fill.fee.cash()), (quote(pnl), quote(fee)), "{bot}");
        assert!(rig.position(bot, BTC).is_none());
        let stopped = format!("BotStopped {{ bot: {bot:?}, reason: \"liquidated\" }}");
        assert!(rig.others.contains(&stopped), "{stopped}");
    }
    assert_eq!(rig.machine.wallet(), Some(quote("824.3")));
    assert_eq!(rig.codes(Action::Exited), [Code::Liquidated; 2]);
    assert_eq!(rig.noticed(NoticeKind::Liquidation), 2);
    assert!(rig.resting().is_empty(), "no protection of what is gone");
    rig.enter(1, Long);
    assert_eq!(rig.intended(Purpose::Entry).len(), 2, "stopped");

    let fills = rig.fills.len();
    liquidate(&mut rig);
    assert_eq!(rig.fills.len(), fills, "told twice, booked once");
}

#[test]
fn after_a_liquidation_sweeps_go_on_from_an_id_the_exchange_gave() {
    let mut rig = two_longs();
    liquidate(&mut rig);
    for _restart in 0..2 {
        let last = rig.machine.fill_sweep().after.unwrap();
        assert!(trade_number(&last).is_some(), "{last}");
        rig.crash();
    }
}

#[test]
fn the_books_own_liquidation_is_taken_over() {
    let mut config = account();
    set(&mut config, &[("entry_pct", "100"), ("leverage", "20")]);
    set_bot(&mut config, ONE, &[("allocation_percent", "100"), ("max_leverage", "20")]);
    let mut rig = Rig::new(config);
    rig.enter(1, Long);
    rig.price("100");
    assert_eq!(rig.held().to_string(), "200");
    rig.price("95.2");
    assert!(rig.held().is_zero());
    assert_eq!(rig.codes(Action::Exited), [Code::Liquidated]);
    assert_eq!(rig.machine.wallet(), Some(rig.book.balance().wallet));
    rig.crash();
    rig.recover();
    assert_eq!(rig.noticed(NoticeKind::OutOfSync), 0);
    assert!(rig.machine.is_ready());
}

#[test]
fn orders_the_exchange_does_not_list_are_asked_for() {
    let mut rig = Rig::new(account());
    rig.enter(1, Long);
    let snapshot = Snapshot { open_orders: Vec::new(), ..rig.snapshot() };
    rig.requests.clear();
    rig.handle(Event::Snapshot(snapshot));
    assert!(matches!(rig.requests[..], [Request::Query { .. }]));
}

impl Rig {
    /// A minute that only the book lives through.
    fn match_unheard(&mut self, prices: [&str; 4]) {
        self.at += 1;
        self.now = minute(self.at);
        crate::matching::fixtures::play(&mut self.book, &crate::matching::fixtures::step(self.at, prices));
    }
}
