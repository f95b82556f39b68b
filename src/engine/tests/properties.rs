//! What holds whatever the market, the settings, the exchange's answers and the moments of crashes are.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::fixtures::*;
use super::rig::Rig;
use super::script::{Minute, Setup, minutes, setups};
use crate::domain::money::Quote;
use crate::domain::order::{Order, Purpose};
use crate::domain::side::PositionSide;
use crate::engine::decision::Action;
use crate::engine::turn::{NoticeKind, PositionRow};

fn play(setup: &Setup, script: &[Minute], crashes: bool) -> Rig {
    let mut rig = setup.rig();
    for minute in script {
        minute.play(&mut rig, crashes);
    }
    rig
}

/// After a cycle that decided to add for a bot, the margin of the bot is within its capital.
fn check_capital(rig: &Rig, decided: usize) {
    // A machine that was restarted after its decision does not know the prices it was made at.
    let unrealized = |row: &PositionRow| row.position.unrealized_pnl(rig.prices[&row.position.symbol]);
    let open = rig.rows.values().filter(|row| row.position.is_open());
    let equity = rig.machine.wallet().unwrap() + open.map(unrealized).sum::<Quote>();
    for bot in rig.config.bots.values() {
        let adds = |order: &&Order| order.purpose.increases() && order.bot == Some(bot.id);
        let used = rig.machine.margin_used(bot.id);
        let capital = equity.part(bot.settings.allocation_percent);
        let has_added = rig.intents[decided..].iter().any(|order| adds(&order));
        assert!(!has_added || used <= capital, "bot {} uses {used} of {capital}", bot.id);
    }
}

fn check_positions_max(rig: &Rig) {
    let slots = |of: &dyn Fn(Option<crate::domain::ids::BotId>) -> bool| {
        let mut slots: Vec<_> = rig
            .rows
            .values()
            .filter(|row| row.position.is_open())
            .map(|row| (row.position.bot, row.position.symbol.clone()))
            .chain(
                rig.orders
                    .values()
                    .filter(|order| order.purpose == Purpose::Entry && !order.status.is_final())
                    .map(|order| (order.bot, order.symbol.clone())),
            )
            .filter(|(bot, _)| of(*bot))
            .collect();
        slots.sort();
        slots.dedup();
        slots.len()
    };
    assert!(slots(&|_| true) <= usize::from(rig.config.settings.max_positions));
    for bot in rig.config.bots.values() {
        assert!(slots(&|id| id == Some(bot.id)) <= usize::from(bot.settings.max_positions));
    }
}

/// Cash and positions follow from the fills, and the exchange agrees.
fn check_ledger(rig: &Rig) {
    let booked = rig.fills.iter().map(|booked| booked.realized_pnl - booked.fill.fee.cash());
    let cash = quote("1000") + booked.sum::<Quote>();
    assert_eq!(rig.machine.wallet(), Some(cash));
    let mut bots: BTreeMap<_, Decimal> = BTreeMap::new();
    let mut sides: BTreeMap<_, Decimal> = BTreeMap::new();
    for booked in &rig.fills {
        let fill = &booked.fill;
        let qty = fill.qty.decimal();
        let signed = if fill.side == fill.position_side.entry_side() { qty } else { -qty };
        *bots.entry((booked.bot.unwrap(), fill.symbol.clone())).or_default() += signed;
        *sides.entry((fill.symbol.clone(), fill.position_side)).or_default() += signed;
    }
    for ((bot, symbol), qty) in bots {
        let held = rig.position(bot, symbol.as_str()).map_or(Decimal::ZERO, |held| held.qty.decimal());
        assert_eq!(held, qty, "{bot} {symbol}");
    }
    for ((symbol, side), qty) in sides {
        let net = rig.book.positions().iter().find(|net| net.symbol == symbol && net.side == side);
        assert_eq!(net.map_or(Decimal::ZERO, |net| net.qty.decimal()), qty, "{symbol} {side}");
    }
    if rig.book.positions().is_empty() {
        assert_eq!(rig.machine.wallet(), Some(rig.book.balance().wallet), "flat");
    }
    assert_eq!(rig.noticed(NoticeKind::OutOfSync), 0);
}

/// What rests in the book to protect is no more than what is held, bot by bot; but on a real exchange a bot that is
/// alone on its side keeps an old stop until the new one rests.
fn check_protection(rig: &Rig) {
    for order in rig.book.open_orders() {
        let key = order.client_order_id.key().unwrap();
        let known = &rig.orders[&order.client_order_id];
        assert!(!known.status.is_final(), "{} rests and is believed {}", key.purpose, known.status);
        if key.purpose == Purpose::StopLoss && !rig.cancels_fail {
            // It may cover less while the fate of its successor is unknown, never more.
            let held = rig.position(key.bot.unwrap(), order.symbol.as_str()).map(|held| held.qty);
            let alike = rig.rows.values().filter(|row| {
                let position = &row.position;
                position.is_open() && position.symbol == order.symbol && position.side == order.position_side
            });
            let may_be_more = !rig.config.venue.consistent_snapshots && alike.count() == 1;
            let fits = held.is_some_and(|held| order.remaining_qty() <= held || may_be_more);
            assert!(fits, "{held:?} {order:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn limits_and_ledger_hold(setup in setups(), script in minutes()) {
        let mut rig = setup.rig();
        let mut cancels_failed = false;
        for minute in &script {
            let decided = rig.intents.len();
            minute.play(&mut rig, true);
            cancels_failed |= minute.cancels_fail;
            if rig.noticed(NoticeKind::OutOfSync) > 0 {
                // Two exits of one bot could not be kept apart: its symbol is blocked until a person has looked.
                prop_assert!(cancels_failed);
                prop_assert!(!rig.machine.durable_state().blocked.is_empty());
                break;
            }
            check_capital(&rig, decided);
            check_positions_max(&rig);
            check_ledger(&rig);
            check_protection(&rig);
        }
    }

    #[test]
    fn without_auto_exit_nothing_is_closed(setup in setups(), script in minutes()) {
        let rig = play(&Setup { auto_exit: false, ..setup }, &script, true);
        let is_liquidation = |id| rig.orders[id].end_reason.as_deref() == Some("liquidated by the exchange");
        for order in &rig.intents {
            prop_assert!(order.purpose.increases() || is_liquidation(&order.client_order_id), "{:?}", order);
        }
        let mut reported: BTreeMap<_, usize> = BTreeMap::new();
        for made in rig.decisions.iter().filter(|made| made.action == Action::Reported) {
            *reported.entry((made.bot, made.symbol.clone(), made.code)).or_default() += 1;
        }
        for ((bot, symbol, code), times) in reported {
            let of = |row: &&PositionRow| {
                row.position.bot == Some(bot) && row.position.symbol == symbol
            };
            prop_assert!(times <= rig.rows.values().filter(of).count(), "{bot} {symbol} {code}: {times}");
        }
    }

    #[test]
    fn the_same_events_give_the_same_turns(setup in setups(), script in minutes()) {
        prop_assert_eq!(play(&setup, &script, true).turns, play(&setup, &script, true).turns);
    }

    #[test]
    fn a_restart_changes_nothing_that_follows(
        setup in setups(),
        script in minutes(),
        at in any::<prop::sample::Index>(),
    ) {
        let at = at.index(script.len());
        let [stayed, restarted] = [false, true].map(|restarts| {
            let mut rig = play(&setup, &script[..at], false);
            if restarts {
                rig.crash();
            }
            rig.recover();
            let before = rig.turns.len();
            for minute in &script[at..] {
                minute.play(&mut rig, false);
            }
            rig.turns.split_off(before)
        });
        prop_assert_eq!(stayed, restarted);
    }

    #[test]
    fn a_trailing_stop_never_moves_back(setup in setups(), script in minutes()) {
        let mut rig = Setup { trails: true, ..setup }.rig();
        let mut best: BTreeMap<_, _> = BTreeMap::new();
        for minute in &script {
            minute.play(&mut rig, false);
            for holding in rig.machine.durable_state().holdings {
                let Some(peak) = holding.1.peak else { continue };
                let side = rig.rows[&holding.0].position.side;
                let before = *best.entry(holding.0).or_insert(peak);
                let ahead = if side == PositionSide::Long { peak >= before } else { peak <= before };
                prop_assert!(ahead, "{side}: {before} to {peak}");
            }
        }
    }
}
