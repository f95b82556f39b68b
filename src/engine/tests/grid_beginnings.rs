//! Where a grid begins: it waits for the price to come into its range, or for its trigger, and so it does where it is
//! moved.

use super::fixtures::*;
use super::grid_setup::*;
use super::rig::Rig;
use crate::domain::order::Purpose;
use crate::engine::decision::{Action, Code};
use crate::engine::grid::{Direction, GridConfig};
use crate::engine::settings::SymbolScope;
use crate::engine::turn::NoticeKind;

/// Lines at 110, 115, 120, 125 and 130: above the price of 100 at which the rig begins.
fn above() -> GridConfig {
    GridConfig { lower: price("110"), upper: price("130"), ..grid() }
}

/// Lines at 70, 75, 80, 85 and 90.
fn below() -> GridConfig {
    GridConfig { lower: price("70"), upper: price("90"), ..grid() }
}

fn waits(rig: &Rig) -> Vec<&str> {
    let waits = rig.notices.iter().filter(|notice| notice.kind == NoticeKind::GridWaits);
    waits.map(|notice| notice.fields["reason"].as_str()).collect()
}

#[test]
fn without_a_trigger_it_waits_for_the_price_to_come_into_its_range() {
    let mut rig = grid_rig(GridConfig { buy_in: true, ..above() });
    let reason = "waits for the price, now 100, to come up into its range, 110 to 130";
    assert_eq!(waits(&rig), [reason]);
    rig.price("109.9");
    rig.crash();
    rig.recover();
    rig.price("105");
    assert!(rig.intents.is_empty() && !rig.grid_state().is_started);
    // Told once, whatever happens in between; explained again by the machine that was started anew.
    assert_eq!(waits(&rig), [reason]);
    assert_eq!(rig.skips(), [Code::GridRange; 2]);
    rig.price("121");
    rig.price("121");
    // It begins where the price came in: what the lines above sell is bought, the lines below buy.
    assert_eq!(rig.ladder(), ["0 opens at 110", "1 opens at 115", "2 opens at 120", "3 closes at 130"]);
    assert_eq!(rig.grid_state().anchor, Some(price("121")));
    rig.price("105");
    assert_eq!(waits(&rig).len(), 1, "what has begun goes on outside its range");
    assert_eq!(rig.ladder(), ["0 closes at 115", "1 closes at 120", "2 closes at 125", "3 closes at 130"]);
}

#[test]
fn both_bounds_belong_to_the_range() {
    for (grid, outside, bound) in [(above(), "109.9", "110"), (below(), "90.1", "90")] {
        for direction in [Direction::Long, Direction::Short, Direction::Neutral] {
            let mut rig = grid_rig(GridConfig { direction, ..grid.clone() });
            rig.price(outside);
            assert!(!rig.grid_state().is_started && rig.intents.is_empty());
            rig.price(bound);
            assert!(rig.grid_state().is_started, "{direction} at {bound}");
        }
    }
}

#[test]
fn with_a_trigger_the_trigger_rules() {
    // Jumped over, it has been reached all the same.
    let mut rig = grid_rig(GridConfig { trigger: Some(price("85")), ..below() });
    assert_eq!(rig.skips(), [Code::GridTrigger]);
    rig.price("69");
    assert!(rig.grid_state().is_started);
    rig.price("76");
    assert_eq!(rig.ladder(), ["0 opens at 70", "1 opens at 75"]);
    assert!(waits(&rig).is_empty(), "a trigger is asked for");
}

#[test]
fn beyond_its_stop_it_does_not_begin() {
    let trigger = Some(price("85"));
    let mut rig = grid_rig(GridConfig { trigger, stop_lower: Some(price("65")), ..below() });
    rig.price("60");
    assert_eq!(rig.skips(), [Code::GridTrigger, Code::GridStop]);
    assert!(rig.intents.is_empty() && rig.config.bots[&ONE].is_running);
    rig.price("76");
    assert!(rig.grid_state().is_started);
}

#[test]
fn moved_away_from_the_price_while_it_holds_nothing_it_waits_again() {
    let mut rig = grid_rig(grid());
    assert_eq!(rig.ladder().len(), 2);
    rig.configure(|config| edit_grid(config, above()));
    rig.price("100");
    rig.price("100");
    assert!(rig.ladder().is_empty() && !rig.grid_state().is_started);
    assert_eq!(waits(&rig).len(), 1);
    rig.price("116");
    assert_eq!(rig.ladder(), ["0 opens at 110", "1 opens at 115"]);
    // Moved within reach of the price it goes on at once.
    rig.configure(|config| edit_grid(config, GridConfig { upper: price("135"), count: 6, ..above() }));
    rig.price("116");
    rig.price("116");
    assert_eq!(rig.ladder(), ["0 opens at 110", "1 opens at 115"]);
    assert_eq!(waits(&rig).len(), 1);
}

#[test]
fn moved_while_it_holds_something_it_goes_on() {
    let mut rig = grid_rig(grid());
    rig.price("94");
    rig.configure(|config| edit_grid(config, above()));
    rig.price("94");
    rig.price("94");
    // What line 1 bought is sold where that line now closes.
    assert_eq!(rig.ladder(), ["1 closes at 120"]);
    assert!(rig.grid_state().is_started && waits(&rig).is_empty());
    rig.check_lots();
}

#[test]
fn a_line_that_fills_while_it_is_taken_back_keeps_the_grid_at_work() {
    let mut rig = grid_rig(grid());
    rig.cancels_fail = true;
    rig.configure(|config| edit_grid(config, above()));
    rig.look_again(&[]);
    // The book did not take the lines back, and the price reaches one of them.
    rig.price("94");
    rig.cancels_fail = false;
    for _ in 0..3 {
        rig.price("94");
    }
    assert_eq!(rig.ladder(), ["1 closes at 120"]);
    rig.check_lots();
}

#[test]
fn a_neutral_grid_takes_its_sides_anew_where_it_is_moved_to() {
    let neutral = |grid: GridConfig| GridConfig { direction: Direction::Neutral, ..grid };
    let mut rig = grid_rig(neutral(grid()));
    rig.price("103");
    rig.configure(|config| edit_grid(config, neutral(GridConfig { upper: price("106"), ..grid() })));
    rig.price("103");
    rig.price("103");
    assert_eq!(rig.grid_state().anchor, Some(price("103")));
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 94", "2 opens at 98", "3 opens at 102"]);
}

#[test]
fn in_another_symbol_nothing_is_left_behind() {
    let mut rig = grid_rig(grid());
    rig.configure(|config| {
        edit_bot(config, ONE, |bot| bot.settings.symbol = SymbolScope::One(symbol(ETH)));
    });
    for _ in 0..3 {
        rig.step(&[(BTC, ["100"; 4]), (ETH, ["100"; 4])], &[]);
    }
    let resting = rig.book.open_orders();
    assert!(resting.iter().all(|order| order.symbol == symbol(ETH)), "{resting:?}");
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95"]);
    assert_eq!(rig.codes(Action::Entered).len(), 1);
    assert_eq!(rig.intended(Purpose::GridEntry).len(), 4);
}
