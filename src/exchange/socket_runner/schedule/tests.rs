//! What is due when, and after the clock was set.

use super::*;
use crate::exchange::socket::Ping;

const KEEPALIVE: Keepalive = Keepalive {
    every: DurationMs::from_secs(20),
    ping: Ping::Frame,
    silence_max: DurationMs::from_secs(50),
    lifetime_max: DurationMs::from_secs(86_400),
};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_ms(secs * 1_000)
}

fn ready(seed: u64) -> Schedule {
    let mut schedule = Schedule::new(KEEPALIVE, seed, at(0));
    schedule.ready();
    schedule
}

#[test]
fn pings_and_tending_come_round() {
    let mut schedule = ready(0);
    let mut done = Vec::new();
    while schedule.next() < at(130) {
        let now = schedule.next();
        schedule.heard(now);
        while let Some(duty) = schedule.due(now) {
            done.push((now.ms() / 1_000, duty));
        }
    }
    let pings: Vec<i64> = done.iter().filter(|(_, duty)| *duty == Duty::Ping).map(|(at, _)| *at).collect();
    assert_eq!(pings, [20, 40, 60, 80, 100, 120]);
    assert_eq!(done.iter().filter(|(_, duty)| *duty == Duty::Tend).count(), 2);
}

#[test]
fn silence_ends_it_and_a_word_does_not() {
    let mut schedule = ready(0);
    schedule.heard(at(10));
    assert!(!matches!(schedule.due(at(59)), Some(Duty::GiveUp { .. })));
    assert!(matches!(schedule.due(at(60)), Some(Duty::GiveUp { .. })));
}

#[test]
fn it_must_be_ready_in_time() {
    let mut schedule = Schedule::new(KEEPALIVE, 0, at(0));
    schedule.heard(at(29));
    assert_eq!(schedule.next(), at(20));
    assert_eq!(schedule.due(at(29)), Some(Duty::Ping));
    assert_eq!(schedule.next(), at(30));
    assert!(matches!(schedule.due(at(30)), Some(Duty::GiveUp { .. })));
}

#[test]
fn it_is_renewed_early_and_not_all_at_once() {
    let ends: Vec<Timestamp> = (0..64).map(|seed| ready(seed).ends_at).collect();
    assert!(ends.iter().all(|end| *end <= at(86_400) && *end > at(86_400 - 10_800)));
    let distinct: std::collections::BTreeSet<_> = ends.iter().collect();
    assert_eq!(distinct.len(), ends.len());

    let mut schedule = ready(0);
    schedule.heard(at(86_399));
    assert_ne!(schedule.due(at(86_399)), Some(Duty::Renew));
    assert_eq!(schedule.due(at(86_400)), Some(Duty::Renew));
}

#[test]
fn a_clock_that_was_set_back_delays_nothing() {
    let mut schedule = ready(0);
    schedule.heard(at(10));
    assert_eq!(schedule.due(at(-100_000)), None);
    assert!(schedule.next() <= at(-100_000 + 20));
    assert!(matches!(schedule.due(at(-100_000 + 51)), Some(Duty::GiveUp { .. })));
}

#[test]
fn losses_are_told_at_once_and_then_together() {
    let mut schedule = Schedule::new(KEEPALIVE, 0, at(0));
    schedule.lost(at(0));
    assert_eq!(schedule.due(at(0)), None, "nobody relies on it yet");
    schedule.ready();
    for secs in [1, 2, 3] {
        schedule.lost(at(secs));
        assert_eq!(schedule.due(at(secs)), (secs == 1).then_some(Duty::TellLoss), "{secs}");
    }
    assert_eq!(schedule.next(), at(11));
    assert_eq!(schedule.due(at(11)), Some(Duty::TellLoss));
    assert_eq!(schedule.due(at(11)), None);
}
