//! Two bots on one symbol: each keeps its own quantity, cost and profit, whatever the exchange nets.

use super::fixtures::*;
use super::rig::Rig;
use crate::domain::fill::Fill;
use crate::domain::ids::{ClientOrderId, OrderKey, TradeId};
use crate::domain::money::Quote;
use crate::domain::order::{OrderStatus, Purpose};
use crate::domain::side::PositionSide::{self, Long, Short};
use crate::engine::config::AccountConfig;
use crate::engine::event::Event;

fn two_bots(hedge: bool) -> AccountConfig {
    let mut config = account();
    config.venue.hedge = hedge;
    set(&mut config, &[("auto_exit", "on"), ("long_sl_pct", "50"), ("long_tp_pct", "50")]);
    set(&mut config, &[("short_sl_pct", "50"), ("short_tp_pct", "50")]);
    add_bot(&mut config, bot(2));
    set_bot(&mut config, TWO, &[("allocation_percent", "25")]);
    config
}

/// Realized profit of a bot over all its fills, before fees.
fn realized(rig: &Rig, bot: crate::domain::ids::BotId) -> Quote {
    rig.fills.iter().filter(|booked| booked.bot == Some(bot)).map(|booked| booked.realized_pnl).sum()
}

fn net(rig: &Rig, side: PositionSide) -> String {
    let net = rig.book.positions().iter().find(|net| net.side == side);
    net.map_or_else(|| "0".to_owned(), |net| net.qty.to_string())
}

#[test]
fn one_bot_closes_while_the_other_opens() {
    for hedge in [false, true] {
        let mut rig = Rig::new(two_bots(hedge));
        rig.open_long();
        rig.price("110");
        let at = minute(rig.at + 1);
        rig.bar(["120"; 4], &[exit_signal(1, BTC, at, Long), signal(2, BTC, at, Some(Long))]);
        rig.price("120");
        assert!(rig.position(ONE, BTC).is_none());
        let second = rig.position(TWO, BTC).unwrap();
        // Equity 1,020, a quarter of it, a tenth of that at leverage 10: 255 / 120 = 2.125.
        assert_eq!((second.qty.to_string().as_str(), second.cost), ("2.12", quote("254.4")));
        assert_eq!(net(&rig, Long), "2.12", "hedge {hedge}");
        assert_eq!(realized(&rig, ONE), quote("20"));
        assert_eq!(rig.machine.wallet(), Some(quote("1020")));

        let at = minute(rig.at + 1);
        rig.bar(["125"; 4], &[exit_signal(2, BTC, at, Long)]);
        rig.price("125");
        assert_eq!(realized(&rig, TWO), quote("10.6"));
        assert_eq!(rig.machine.wallet(), Some(rig.book.balance().wallet), "flat: the exchange agrees");
        assert!(rig.resting().is_empty());
    }
}

#[test]
fn bots_that_trade_with_each_other_both_have_their_fill() {
    let mut rig = Rig::new(two_bots(false));
    rig.open_long();
    rig.enter(2, Long);
    rig.price("100");
    let [first, second] = &rig.fills[..] else { panic!("{:?}", rig.fills) };
    let trade_id = TradeId("both".to_owned());
    let stop = OrderKey { purpose: Purpose::StopLoss, ..first.fill.client_order_id.key().unwrap() };
    let sold = Fill {
        trade_id: trade_id.clone(),
        client_order_id: ClientOrderId::new(&stop),
        side: Long.exit_side(),
        ..first.fill.clone()
    };
    let bought = Fill { trade_id, ..second.fill.clone() };
    let before = rig.position(TWO, BTC).unwrap().qty;
    for fill in [&sold, &bought, &sold, &bought] {
        rig.handle(Event::Fill(fill.clone()));
    }
    assert_eq!(rig.fills.len(), 4);
    assert!(rig.position(ONE, BTC).is_none());
    assert_eq!(rig.position(TWO, BTC).unwrap().qty, before.plus(bought.qty));
}

#[test]
fn costs_are_not_averaged_between_bots() {
    let mut rig = Rig::new(two_bots(false));
    rig.open_long();
    rig.price("110");
    rig.enter(2, Long);
    rig.price("110");
    let qty = |rig: &Rig, bot| rig.position(bot, BTC).unwrap().qty.to_string();
    assert_eq!((qty(&rig, ONE), qty(&rig, TWO)), ("1".to_owned(), "2.29".to_owned()));
    let at = minute(rig.at + 1);
    rig.bar(["110"; 4], &[exit_signal(1, BTC, at, Long)]);
    rig.price("110");
    assert_eq!(realized(&rig, ONE), quote("10"), "from 100, not from the net position's average");
    assert_eq!(qty(&rig, TWO), "2.29");
    assert_eq!(rig.position(TWO, BTC).unwrap().cost, quote("251.9"));
    assert_eq!(net(&rig, Long), "2.29");
    assert_eq!(rig.resting(), ["stop_loss 2.29 @ 55", "take_profit 2.29 @ 165"], "the other's stays");
}

#[test]
fn opposite_bots_hold_their_own_sides_in_hedge_mode() {
    let mut rig = Rig::new(two_bots(true));
    rig.open_long();
    rig.enter(2, Short);
    rig.price("100");
    assert_eq!((net(&rig, Long), net(&rig, Short)), ("1".to_owned(), "2.5".to_owned()));
    let at = minute(rig.at + 1);
    rig.bar(["90"; 4], &[exit_signal(2, BTC, at, Short)]);
    rig.price("90");
    assert_eq!((realized(&rig, ONE), realized(&rig, TWO)), (quote("0"), quote("25")));
    assert_eq!((net(&rig, Long), net(&rig, Short)), ("1".to_owned(), "0".to_owned()));
    let own = rig.intents.iter().filter(|order| order.purpose == Purpose::Exit);
    assert!(own.into_iter().all(|order| order.bot == Some(TWO) && order.reduce_only));
}

#[test]
fn a_bots_request_to_close_leaves_the_other_alone() {
    let mut rig = Rig::new(two_bots(false));
    rig.open_long();
    rig.enter(2, Long);
    rig.price("100");
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.close_requested = true));
    rig.price("100");
    assert!(rig.position(ONE, BTC).is_none());
    assert!(rig.position(TWO, BTC).is_some());
    assert_eq!(net(&rig, Long), "2.5");
}

#[test]
fn an_exit_never_outlasts_or_exceeds_the_bots_own_quantity() {
    // The stop takes all, or a part, of what the exit is about to close.
    for (stopped, left) in [("1", None), ("0.4", Some("0.6"))] {
        let mut rig = Rig::new(two_bots(false));
        rig.open_long();
        rig.enter(2, Long);
        rig.price("100");
        let at = minute(rig.at + 1);
        rig.bar(["100"; 4], &[exit_signal(1, BTC, at, Long)]);
        let stop = rig.intents.iter().find(|order| order.purpose == Purpose::StopLoss).unwrap();
        assert_eq!(stop.bot, Some(ONE));
        let opened = rig.fills[0].fill.clone();
        let fill = Fill {
            trade_id: TradeId("P90".to_owned()),
            client_order_id: stop.client_order_id.clone(),
            side: Long.exit_side(),
            qty: stopped.parse().unwrap(),
            ..opened
        };
        rig.cancels_fail = true;
        rig.handle(Event::Fill(fill));
        rig.cancels_fail = false;
        rig.look_again(&[]);
        assert_eq!(rig.statuses(Purpose::Exit)[0], OrderStatus::Cancelled, "it would close bot 2's part");
        rig.look_again(&[]);
        let again: Vec<String> = rig.intended(Purpose::Exit).into_iter().skip(1).collect();
        assert_eq!(again, left.into_iter().collect::<Vec<_>>());
        assert_eq!(rig.position(ONE, BTC).map(|held| held.qty.to_string()).as_deref(), left);
    }
}
