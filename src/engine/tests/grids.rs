//! Grids, step by step: placing, answering, stopping, editing.

use super::fixtures::*;
use super::grid_setup::*;
use super::rig::Fate;
use crate::domain::order::Purpose;
use crate::domain::side::PositionSide::Short;
use crate::engine::config::Halt;
use crate::engine::decision::{Action, Code};
use crate::engine::grid::rows::LineStatus;
use crate::engine::grid::{Direction, GridConfig};
use crate::engine::turn::NoticeKind;

#[test]
fn lines_below_the_price_buy_and_what_they_bought_is_sold_one_line_up() {
    let mut rig = grid_rig(grid());
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95"]);
    rig.price("95");
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 closes at 100"]);
    assert_eq!(rig.lines[&(ONE, 1)].status, LineStatus::SellPlaced);
    rig.bar(["95", "100", "95", "99"], &[]);
    // Sold, and bought again below.
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95"]);
    let [bought, sold] = &rig.grid_fills[..] else { panic!("{:?}", rig.grid_fills) };
    assert_eq!((bought.line, bought.profit), (1, None));
    // 0.51 x (100 - 95) - 0.02 % of 0.51 x 195
    assert_eq!(sold.profit, Some(quote("2.53011")));
    assert_eq!(rig.held().to_string(), "0");
    assert_eq!(rig.noticed(NoticeKind::GridFill), 2);
    rig.price("112");
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95", "2 opens at 100", "3 opens at 105"]);
}

#[test]
fn a_buy_in_buys_what_the_lines_above_sell() {
    let mut rig = grid_rig(GridConfig { buy_in: true, ..grid() });
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95"]);
    rig.price("101");
    // Lines 2 and 3 open at or above 100, and hold what was bought.
    assert_eq!(rig.held().to_string(), "1.02");
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95", "2 closes at 105", "3 closes at 110"]);
    rig.bar(["101", "112", "101", "112"], &[]);
    assert_eq!(rig.held().to_string(), "0");
    assert_eq!(rig.ladder().len(), 4);
    assert_eq!(rig.intended(Purpose::GridBuyIn).len(), 1);
}

#[test]
fn a_short_grid_is_the_mirror() {
    let mut rig = grid_rig(GridConfig { direction: Direction::Short, buy_in: true, ..grid() });
    rig.price("99");
    assert_eq!(rig.ladder(), ["1 closes at 90", "2 closes at 95", "3 opens at 105", "4 opens at 110"]);
    rig.bar(["99", "99", "89", "89"], &[]);
    assert_eq!(rig.held().to_string(), "0");
    assert_eq!(
        rig.grid_fills.iter().filter(|fill| fill.profit.is_some_and(|won| won > quote("0"))).count(),
        2
    );
}

#[test]
fn a_neutral_grid_is_long_below_and_short_above_and_never_both() {
    let mut rig = grid_rig(GridConfig { direction: Direction::Neutral, ..grid() });
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95", "3 opens at 105", "4 opens at 110"]);
    rig.price("94");
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 closes at 100"]);
    rig.bar(["94", "101", "94", "101"], &[]);
    rig.price("106");
    assert_eq!(rig.ladder(), ["3 closes at 100", "4 opens at 110"]);
    rig.check_lots();
}

/// Nothing else would: its bot runs, and holds nothing that is on its way out.
#[test]
fn while_it_waits_to_begin_anew_its_lines_are_taken_back_until_they_are_gone() {
    let mut rig = grid_rig(GridConfig { trigger: Some(price("96")), ..grid() });
    rig.price("95.5");
    rig.price("94.9");
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 closes at 100"]);
    rig.cancels_fail = true;
    let halt = Halt { reason: "enough".to_owned(), flatten: true };
    rig.configure(|config| config.halt = Some(halt));
    rig.configure(|config| config.halt = None);
    rig.price("95");
    assert!(rig.held().is_zero() && !rig.grid_state().is_started);
    rig.cancels_fail = false;
    rig.price("95");
    assert!(rig.ladder().is_empty(), "{:?}", rig.ladder());
}

/// In one-way mode the exchange would know only what is left of both, and refuse what is to close either.
#[test]
fn beside_a_bot_that_is_short_it_opens_its_short_lines_only() {
    let mut config = grid_account(GridConfig { direction: Direction::Neutral, ..grid() });
    add_bot(&mut config, bot(2));
    let mut rig = rig_of(config);
    rig.price("106");
    let at = minute(rig.at + 1);
    rig.bar(["106"; 4], &[signal(2, BTC, at, Some(Short))]);
    rig.price("106");
    assert!(rig.position(TWO, BTC).is_some());
    assert_eq!(rig.ladder(), ["3 closes at 100", "4 opens at 110"]);
    rig.bar(["106", "106", "100", "101"], &[]);
    assert!(rig.held().is_zero());
    assert_eq!(rig.ladder(), ["3 opens at 105", "4 opens at 110"]);
    assert_eq!(rig.skips(), [Code::WouldNet]);
}

#[test]
fn a_trigger_is_waited_for() {
    let mut rig = grid_rig(GridConfig { trigger: Some(price("96")), ..grid() });
    assert!(rig.ladder().is_empty());
    assert_eq!(rig.skips(), [Code::GridTrigger]);
    rig.price("97");
    rig.price("95.5");
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95"]);
}

#[test]
fn beyond_its_stop_a_grid_stops_and_closes_where_it_was_told_to() {
    for close_on_stop in [false, true] {
        let stop_lower = Some(price("85"));
        let mut rig = grid_rig(GridConfig { stop_lower, close_on_stop, ..grid() });
        rig.price("94");
        rig.price("84");
        assert!(rig.ladder().is_empty());
        assert!(!rig.config.bots[&ONE].is_running);
        rig.price("84");
        assert_eq!(rig.held().is_zero(), close_on_stop);
        // Started again it goes on, once the price is back inside.
        rig.price("96");
        rig.configure(|config| edit_bot(config, ONE, |bot| bot.is_running = true));
        rig.price("96");
        // What would have crossed at its line is offered beyond the market with the next cycle.
        rig.look_again(&[]);
        let ladder = rig.ladder();
        let expected: &[&str] = if close_on_stop {
            &["0 opens at 90", "1 opens at 95"]
        } else {
            &["0 closes at 96.1", "1 closes at 100"]
        };
        assert_eq!(ladder, expected);
        rig.check_lots();
    }
}

#[test]
fn stopped_it_cancels_its_lines_and_started_it_resumes_them() {
    let mut rig = grid_rig(grid());
    rig.price("95");
    let before = rig.ladder();
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.is_running = false));
    assert!(rig.ladder().is_empty());
    rig.price("96");
    assert!(rig.ladder().is_empty());
    assert!(!rig.held().is_zero());
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.is_running = true));
    rig.price("96");
    assert_eq!(rig.ladder(), before);
}

#[test]
fn a_request_to_close_takes_the_lines_back_and_sells_what_is_held() {
    let mut rig = grid_rig(grid());
    rig.price("94");
    rig.configure(|config| {
        edit_bot(config, ONE, |bot| {
            bot.is_running = false;
            bot.close_requested = true;
        });
    });
    assert!(rig.ladder().is_empty());
    rig.price("94");
    assert!(rig.held().is_zero());
    assert!(rig.grid_state().lots.is_empty());
    assert!(rig.others.iter().any(|other| other.starts_with("BotClosed")));
}

#[test]
fn a_halt_takes_the_lines_back_and_a_flatten_closes() {
    use crate::engine::config::Halt;
    for flatten in [false, true] {
        let mut rig = grid_rig(grid());
        rig.price("94");
        rig.configure(|config| config.halt = Some(Halt { reason: "enough".to_owned(), flatten }));
        assert!(rig.ladder().is_empty());
        rig.price("94");
        rig.price("94");
        assert_eq!(rig.held().is_zero(), flatten);
        assert!(rig.ladder().is_empty());
        rig.configure(|config| config.halt = None);
        rig.price("96");
        assert_eq!(rig.ladder().len(), 2);
        rig.check_lots();
    }
}

#[test]
fn what_would_cross_goes_a_tick_further_and_never_takes() {
    let mut rig = grid_rig(grid());
    rig.price("96");
    // The market has fallen below the line before its order arrives.
    rig.prices.insert(symbol(BTC), price("101"));
    rig.price("89");
    rig.quote_price("97");
    rig.look_again(&[]);
    for fill in &rig.fills {
        assert_eq!(fill.fill.liquidity, crate::domain::fill::Liquidity::Maker, "{fill:?}");
    }
    rig.check_lots();
}

#[test]
fn refused_lines_back_off_and_are_told_once() {
    let mut rig = grid_rig(grid());
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.is_running = false));
    rig.fates.extend([(Purpose::GridEntry, Fate::Refused); 4]);
    rig.configure(|config| edit_bot(config, ONE, |bot| bot.is_running = true));
    let (before, errors) = (rig.intents.len(), rig.noticed(NoticeKind::Error));
    rig.look_again(&[]);
    assert_eq!(rig.intents.len(), before + 2);
    assert_eq!(rig.noticed(NoticeKind::Error), errors + 1);
    rig.look_again(&[]);
    assert_eq!(rig.intents.len(), before + 2, "it waits");
    rig.wait(2);
    rig.look_again(&[]);
    rig.wait(10);
    rig.look_again(&[]);
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95"]);
}

#[test]
fn an_edit_moves_the_lines_and_keeps_what_is_held() {
    let mut rig = grid_rig(grid());
    rig.price("95");
    rig.configure(|config| edit_grid(config, GridConfig { lower: price("92"), count: 4, ..grid() }));
    rig.price("97");
    rig.price("97");
    // Lines at 92, 98, 104 and 110; what line 1 bought at 95 is sold at its new exit.
    assert_eq!(rig.ladder(), ["0 opens at 92", "1 closes at 104"]);
    rig.check_lots();
}

/// Line 2 has an order of the edited ladder already when the first one comes back.
#[test]
fn an_edit_that_is_taken_back_half_way_leaves_no_order_beside_its_line() {
    let mut rig = grid_rig(grid());
    rig.cancels_fail = true;
    rig.configure(|config| {
        edit_grid(config, GridConfig { lower: price("89"), upper: price("109"), ..grid() });
    });
    rig.price("99.5");
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95", "2 opens at 99"]);
    rig.cancels_fail = false;
    rig.configure(|config| edit_grid(config, grid()));
    rig.price("99.5");
    rig.price("101");
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 95", "2 opens at 100"]);
}

/// The exchange has changed its rules: 95 is no price there any more.
#[test]
fn another_tick_moves_the_lines() {
    let mut rig = grid_rig(grid());
    rig.configure(|config| {
        let instruments = std::sync::Arc::make_mut(&mut config.instruments);
        instruments.get_mut(&symbol(BTC)).unwrap().tick = price("2");
    });
    rig.look_again(&[]);
    rig.look_again(&[]);
    assert_eq!(rig.ladder(), ["0 opens at 90", "1 opens at 96"]);
}

#[test]
fn capital_is_never_exceeded() {
    let mut config = grid_account(GridConfig { investment: quote("900"), ..grid() });
    set_bot(&mut config, ONE, &[("allocation_percent", "40")]);
    let rig = rig_of(config);
    // Two lines would need 427 USDT of its 400: the one that is nearer to the market is placed.
    assert!(rig.machine.margin_used(ONE) <= quote("400"));
    assert_eq!(rig.ladder(), ["1 opens at 95"]);
    assert_eq!(rig.skips(), [Code::CapitalExhausted]);
}

#[test]
fn the_stop_of_the_whole_holding_rests_at_the_exchange_and_moves_with_it() {
    let stop_lower = Some(price("85"));
    let mut rig = grid_rig(GridConfig { stop_lower, exchange_stop: true, ..grid() });
    rig.price("95");
    assert_eq!(rig.resting().iter().filter(|order| order.contains("stop_loss")).count(), 1);
    rig.price("90");
    let stop = rig.last_order(Purpose::StopLoss);
    assert_eq!((stop.qty, stop.kind.price()), (rig.held(), stop_lower));
    // While nobody watches, the exchange closes everything.
    rig.match_step(&[(BTC, ["90", "90", "84", "84"])]);
    assert!(rig.held().is_zero());
    assert!(rig.grid_state().lots.is_empty());
    assert!(!rig.config.bots[&ONE].is_running);
}

#[test]
fn where_the_price_has_passed_the_stop_at_the_exchange_what_is_held_is_closed() {
    let mut config =
        grid_account(GridConfig { stop_lower: Some(price("85")), exchange_stop: true, ..grid() });
    config.venue.consistent_snapshots = false;
    let mut rig = rig_of(config);
    rig.fates.push_back((Purpose::StopLoss, Fate::WouldTrigger));
    rig.price("95");
    assert_eq!(rig.intended(Purpose::Flatten).len(), 1);
    rig.price("95");
    assert!(rig.held().is_zero());
    assert_eq!(rig.intended(Purpose::StopLoss).len(), 1);
    // Back where it would begin, it does not by itself.
    for back in ["100", "94", "100"] {
        rig.price(back);
    }
    let stops = rig.others.iter().filter(|other| other.starts_with("BotStopped")).count();
    assert_eq!((stops, rig.config.bots[&ONE].is_running), (1, false));
    assert!(rig.ladder().is_empty() && rig.held().is_zero(), "{:?}", rig.ladder());
    assert!(rig.grid_state().lots.is_empty());
}

/// The tick may have become coarser since the grid was made, and an exchange refuses every price beside it.
#[test]
fn the_stop_at_the_exchange_keeps_to_the_tick() {
    for (direction, stop_lower, stop_upper, at, expected) in [
        (Direction::Long, Some("84.96"), None, "95", "85"),
        (Direction::Short, None, Some("115.04"), "105", "115"),
    ] {
        let [stop_lower, stop_upper] = [stop_lower, stop_upper].map(|stop| stop.map(price));
        let mut rig =
            grid_rig(GridConfig { direction, stop_lower, stop_upper, exchange_stop: true, ..grid() });
        rig.price(at);
        assert_eq!(rig.last_order(Purpose::StopLoss).kind.price(), Some(price(expected)), "{direction}");
        assert_eq!(
            rig.resting().iter().filter(|order| order.contains("stop_loss")).count(),
            1,
            "{direction}"
        );
    }
}

#[test]
fn a_hundred_lines_are_placed_in_one_cycle_each_once() {
    let grid = GridConfig {
        lower: price("50.5"),
        upper: price("100"),
        count: 100,
        investment: quote("900"),
        leverage: "5".parse::<u8>().map(|x| crate::domain::money::Leverage::try_new(x).unwrap()).unwrap(),
        ..grid()
    };
    let rig = grid_rig(grid);
    assert_eq!(rig.ladder().len(), 99);
    rig.check_one_order_a_line();
    assert!(rig.codes(Action::Skipped).is_empty());
}

#[test]
fn a_grid_that_may_not_work_is_left_at_its_stop_all_the_same() {
    use crate::engine::config::Halt;
    let forbid: [fn(&mut crate::engine::config::AccountConfig); 2] = [
        |config| config.halt = Some(Halt { reason: "enough".to_owned(), flatten: false }),
        |config| {
            let instruments = std::sync::Arc::make_mut(&mut config.instruments);
            instruments.get_mut(&symbol(BTC)).unwrap().min_notional = quote("100000");
        },
    ];
    for forbid in forbid {
        let mut config = grid();
        config.stop_lower = Some(price("85"));
        config.close_on_stop = true;
        let mut rig = grid_rig(config);
        rig.price("94");
        assert!(!rig.held().is_zero());
        rig.configure(forbid);
        rig.price("94");
        assert!(rig.ladder().iter().all(|order| !order.contains("grid_entry")), "{:?}", rig.ladder());
        rig.price("84");
        rig.price("84");
        assert!(rig.held().is_zero());
        assert!(rig.others.iter().any(|other| other.starts_with("BotStopped")));
    }
}
