//! Adding to a losing position, up to three times and within the bot's capital.

use super::fixtures::*;
use super::rig::{Fate, Rig};
use crate::domain::order::Purpose;
use crate::domain::side::PositionSide::Short;
use crate::engine::config::AccountConfig;
use crate::engine::decision::{Action, Code};
use crate::engine::turn::NoticeKind;

const LEVELS: [Purpose; 3] = [Purpose::Dca1, Purpose::Dca2, Purpose::Dca3];

fn averaging() -> AccountConfig {
    let mut config = account();
    let keys = [("dca_enabled", "on"), ("dca2_pct", "50"), ("dca3_pct", "33.3"), ("long_sl_pct", "50")];
    set(&mut config, &keys);
    set(&mut config, &[("short_sl_pct", "50"), ("short_tp_pct", "50")]);
    config
}

fn added(rig: &Rig) -> Vec<String> {
    LEVELS.iter().flat_map(|purpose| rig.intended(*purpose)).collect()
}

#[test]
fn each_order_waits_for_the_move_from_the_last_fill() {
    let mut rig = Rig::new(averaging());
    rig.open_long();
    // price -> orders so far; each fills at the open of the next bar
    for (price, orders) in [
        ("98.1", 0),
        ("98", 1),
        // Filled at 97: the next is due at 95.06.
        ("97", 1),
        ("95.1", 1),
        ("95", 2),
        // Filled at 96: due at 94.08.
        ("96", 2),
        ("94.1", 2),
        ("94", 3),
        ("90", 3),
        ("80", 3),
        ("70", 3),
    ] {
        rig.price(price);
        assert_eq!(added(&rig).len(), orders, "at {price}");
    }
    assert_eq!(added(&rig), ["0.3", "0.5", "0.33"], "% of the first entry, rounded down");
    assert_eq!(rig.held().to_string(), "2.13");
    assert_eq!(rig.row(ONE, BTC).unwrap().dca_level, 3);
    assert_eq!(rig.codes(Action::Added), [Code::Dca; 3]);
    assert_eq!(rig.noticed(NoticeKind::Dca), 3);
    // 100 + 0.3 x 97 + 0.5 x 96 + 0.33 x 90
    assert_eq!(rig.position(ONE, BTC).unwrap().cost, quote("206.8"));
}

#[test]
fn a_short_adds_when_the_price_rises() {
    let mut rig = Rig::new(averaging());
    rig.enter(1, Short);
    rig.price("100");
    rig.price("98");
    assert!(added(&rig).is_empty());
    rig.price("102");
    assert_eq!(added(&rig), ["0.3"]);
}

#[test]
fn the_protection_moves_with_the_average() {
    let mut config = averaging();
    set(&mut config, &[("auto_exit", "on"), ("long_sl_pct", "10")]);
    let mut rig = Rig::new(config);
    rig.open_long();
    assert_eq!(rig.resting(), ["stop_loss 1 @ 90", "take_profit 1 @ 103"]);
    rig.price("98");
    rig.price("98");
    // 129.4 / 1.3 = 99.538: 89.584 and 102.524.
    assert_eq!(rig.resting(), ["stop_loss 1.3 @ 89.6", "take_profit 1.3 @ 102.6"]);
    rig.bar(["98", "103", "98", "103"], &[]);
    assert_eq!(rig.held().to_string(), "0");
    assert!(rig.resting().is_empty());
}

#[test]
fn it_stays_within_the_bots_capital_and_says_so_once() {
    let mut config = averaging();
    // Margin of the entry: 90 of 100.
    set(&mut config, &[("entry_pct", "90")]);
    let mut rig = Rig::new(config);
    rig.enter(1, crate::domain::side::PositionSide::Long);
    rig.price("100");
    for _ in 0..4 {
        rig.price("98");
    }
    assert!(added(&rig).is_empty());
    assert_eq!(rig.skips(), [Code::CapitalExhausted]);
}

#[test]
fn what_forbids_entries_forbids_adding() {
    let forbid: [fn(&mut Rig); 4] = [
        |rig| rig.configure(|config| set(config, &[("dca_enabled", "off")])),
        |rig| rig.configure(|config| edit_bot(config, ONE, |bot| bot.is_running = false)),
        |rig| rig.entries_enabled = false,
        |rig| rig.configure(|config| set(config, &[("dca1_pct", "0")])),
    ];
    for forbid in forbid {
        let mut rig = Rig::new(averaging());
        rig.open_long();
        forbid(&mut rig);
        rig.price("95");
        assert!(added(&rig).is_empty());
    }
}

#[test]
fn a_position_adds_at_no_more_leverage_than_it_has() {
    let mut config = averaging();
    set(&mut config, &[("leverage", "2"), ("entry_pct", "70"), ("dca1_pct", "100")]);
    set_bot(&mut config, ONE, &[("max_leverage", "20")]);
    let mut rig = Rig::new(config);
    rig.enter(1, crate::domain::side::PositionSide::Long);
    rig.price("100");
    // At the new leverage another 1.4 would bind 7; in this position it binds 68.6 beside the 70 in use.
    rig.configure(|config| set(config, &[("leverage", "20")]));
    rig.price("98");
    rig.price("98");
    assert_eq!(rig.skips(), [Code::CapitalExhausted]);
    assert!(rig.position(ONE, BTC).unwrap().margin() <= quote("100"));
}

#[test]
fn an_order_that_is_not_placed_is_tried_again_with_the_next_bar() {
    let mut rig = Rig::new(averaging());
    rig.open_long();
    rig.fates.extend([(Purpose::Dca1, Fate::Refused), (Purpose::Dca1, Fate::NotSent)]);
    for bars in 1..=3 {
        rig.price("98");
        for _ in 0..3 {
            rig.look_again(&[]);
        }
        assert_eq!(added(&rig).len(), bars, "once a bar");
    }
    rig.price("98");
    assert_eq!(rig.row(ONE, BTC).unwrap().dca_level, 1);
}
