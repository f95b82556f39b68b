//! The offset follows the best answers, and a clock that was set.

use super::super::testing::ManualClock;
use super::*;

fn learn(clock: &ServerClock, sent: i64, received: i64, server: i64) {
    clock.learn(Timestamp::from_ms(sent), Timestamp::from_ms(received), Timestamp::from_ms(server));
}

fn clock() -> ServerClock {
    ServerClock::new(ManualClock::at(1_000_000))
}

#[test]
fn the_shortest_way_counts() {
    let clock = clock();
    assert_eq!(clock.now(), clock.local_now());
    learn(&clock, 0, 400, 700);
    assert_eq!(clock.offset().ms(), 500);
    learn(&clock, 1_000, 1_020, 1_610);
    assert_eq!(clock.offset().ms(), 600);
    learn(&clock, 2_000, 2_300, 2_600);
    assert_eq!(clock.offset().ms(), 600, "a slow answer knows less");
    assert_eq!(clock.now().ms(), 1_000_600);
    assert_eq!(clock.from_server(clock.to_server(Timestamp::from_ms(5))).ms(), 5);
}

#[test]
fn a_clock_that_was_set_is_noticed_at_once() {
    let clock = clock();
    learn(&clock, 0, 2, 1);
    assert_eq!(clock.offset().ms(), 0);
    learn(&clock, 1_000, 1_300, 11_150);
    assert_eq!(clock.offset().ms(), 10_000);
}

#[test]
fn good_samples_age() {
    let clock = clock();
    learn(&clock, 0, 2, 1);
    for n in 1..=8 {
        learn(&clock, n * 1_000, n * 1_000 + 100, n * 1_000 + 70);
    }
    assert_eq!(clock.offset().ms(), 20);
}

#[test]
fn an_answer_before_its_question_teaches_nothing() {
    let clock = clock();
    learn(&clock, 1_000, 900, 50_000);
    assert_eq!(clock.offset(), DurationMs::ZERO);
    learn(&clock, 0, 0, i64::MAX);
    assert_eq!(clock.now().ms(), i64::MAX);
}

#[test]
fn an_answer_that_was_asked_for_several_times_does_not_move_a_clock_that_may_be_right() {
    let clock = clock();
    learn(&clock, 0, 4_100, 4_080);
    assert_eq!(clock.offset().ms(), 0, "the first answer was lost, the second came at once");
    learn(&clock, 10_000, 14_100, 16_000);
    assert_eq!(clock.offset().ms(), 1_900, "by no more than it must");
    learn(&clock, 20_000, 20_040, 22_020);
    assert_eq!(clock.offset().ms(), 2_000);
}

#[test]
fn how_long_a_clock_stood_still_is_known_once_it_was_measured() {
    let clock = clock();
    let before = clock.measured_offset();
    learn(&clock, 0, 20, 60_010);
    assert_eq!((before, clock.stood_still_since(before)), (None, DurationMs::ZERO));
    let before = clock.measured_offset();
    learn(&clock, 100, 120, 90_110);
    assert_eq!(clock.stood_still_since(before).ms(), 30_000);
    let before = clock.measured_offset();
    learn(&clock, 200, 220, 210);
    assert_eq!(clock.stood_still_since(before), DurationMs::ZERO, "the exchange's clock was set back");
}
