//! Waiting, giving up and being stopped, over a clock that is moved by hand.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::domain::time::DurationMs;
use crate::exchange::testing::{ManualClock, patiently};
use crate::exchange::wire::Bucket;

const WEIGHT: Bucket = Bucket { scope: LimitScope::Address, name: "weight" };
const ONE: [Charge; 1] = [Charge { bucket: WEIGHT, amount: 1 }];

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

/// 2 a second.
fn governor(clock: &Arc<ManualClock>) -> Arc<Governor> {
    let limit = Limit { bucket: WEIGHT, amount: 2, window: DurationMs::from_secs(1), reserve_pct: 0 };
    Governor::new(ExchangeKind::Binance, "direct", [limit], Arc::clone(clock) as Arc<dyn Sleep>)
}

async fn admit(governor: &Governor, lane: Lane, deadline: i64) -> Result<(), ExchangeError> {
    governor.admit(None, lane, &ONE, at(deadline)).await
}

fn throttled(until: i64) -> Result<(), ExchangeError> {
    Err(ExchangeError::Throttled { until: at(until) })
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn a_call_waits_for_the_next_window() {
    let clock = ManualClock::at(0);
    let governor = governor(&clock);
    for _ in 0..2 {
        assert_eq!(admit(&governor, Lane::Entry, 5_000).await, Ok(()));
    }
    let mut third = pin!(admit(&governor, Lane::Entry, 5_000));
    assert!(poll_once(third.as_mut()).is_pending());
    clock.advance(999);
    assert!(poll_once(third.as_mut()).is_pending());
    clock.advance(1);
    assert_eq!(patiently(third).await, Ok(()));
    assert_eq!(governor.headroom()[0].used, 1);
}

#[tokio::test]
async fn what_cannot_go_before_its_deadline_is_told_at_once() {
    let clock = ManualClock::at(500);
    let governor = governor(&clock);
    assert_eq!(admit(&governor, Lane::Entry, 499).await, throttled(500), "too late already");
    for _ in 0..2 {
        assert_eq!(admit(&governor, Lane::Entry, 500).await, Ok(()));
    }
    assert_eq!(admit(&governor, Lane::Protect, 999).await, throttled(1_000));
    assert!(governor.with(|state| state.wakers.is_empty()), "nobody waits any more");
}

#[tokio::test]
async fn a_call_that_others_keep_from_going_gives_up_at_its_deadline() {
    let clock = ManualClock::at(0);
    let governor = governor(&clock);
    for _ in 0..2 {
        admit(&governor, Lane::Entry, 0).await.unwrap();
    }
    let mut low = pin!(admit(&governor, Lane::History, 1_500));
    assert!(poll_once(low.as_mut()).is_pending());
    let mut high: Vec<_> = (0..2).map(|_| Box::pin(admit(&governor, Lane::Protect, 1_500))).collect();
    assert!(high.iter_mut().all(|call| poll_once(call.as_mut()).is_pending()));
    clock.advance(1_000);
    assert_eq!(patiently(low).await, throttled(2_000));
    for call in high {
        assert_eq!(patiently(call).await, Ok(()));
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_gives_up_its_place() {
    let clock = ManualClock::at(0);
    let governor = governor(&clock);
    let two = [Charge { bucket: WEIGHT, amount: 2 }];
    admit(&governor, Lane::Entry, 0).await.unwrap();
    {
        let mut dropped = pin!(governor.admit(None, Lane::Entry, &two, at(9_000)));
        assert!(poll_once(dropped.as_mut()).is_pending());
        assert!(poll_once(pin!(admit(&governor, Lane::Entry, 9_000))).is_pending());
    }
    assert_eq!(admit(&governor, Lane::Entry, 0).await, Ok(()));
}

#[tokio::test]
async fn a_ban_stops_who_waits_and_is_remembered() {
    let clock = ManualClock::at(0);
    let governor = governor(&clock);
    for _ in 0..2 {
        admit(&governor, Lane::Entry, 0).await.unwrap();
    }
    let mut waiting = pin!(admit(&governor, Lane::Protect, 9_000));
    assert!(poll_once(waiting.as_mut()).is_pending());
    let account = Some(AccountId::new(4));
    governor.block(LimitScope::Address, account, at(60_000), BlockCause::Banned);
    assert_eq!(patiently(waiting).await, throttled(60_000));

    let bans = governor.bans();
    assert_eq!(bans, [Ban { account: None, until: at(60_000), cause: BlockCause::Banned }]);
    let restarted = self::governor(&clock);
    restarted.restore(bans);
    assert_eq!(admit(&restarted, Lane::Protect, 90_000).await, throttled(60_000));
    clock.advance(60_000);
    assert_eq!(admit(&restarted, Lane::Protect, 90_000).await, Ok(()));
    assert_eq!(restarted.bans(), []);
}

#[tokio::test]
async fn limits_that_the_exchange_tells_hold_at_once() {
    let clock = ManualClock::at(0);
    let governor = governor(&clock);
    for _ in 0..2 {
        admit(&governor, Lane::Entry, 0).await.unwrap();
    }
    let mut waiting = pin!(admit(&governor, Lane::Entry, 9_000));
    assert!(poll_once(waiting.as_mut()).is_pending());
    governor.set_limits([Limit {
        bucket: WEIGHT,
        amount: 3,
        window: DurationMs::from_secs(1),
        reserve_pct: 0,
    }]);
    assert_eq!(patiently(waiting).await, Ok(()));
    governor.observe(None, &[Usage::Used { bucket: WEIGHT, amount: 1 }]);
    assert_eq!(admit(&governor, Lane::Entry, 0).await, throttled(1_000));
}

#[tokio::test]
async fn a_thousand_accounts_share_one_limit_to_the_last() {
    let clock = ManualClock::at(0);
    let governor = governor(&clock);
    let calls = (1..=1_000).map(|n| {
        let governor = &governor;
        async move { governor.admit(Some(AccountId::new(n)), Lane::Entry, &ONE, at(600_000)).await }
    });
    let answers = clock.run_until(futures_util::future::join_all(calls)).await;
    assert!(answers.iter().all(Result::is_ok));
    assert!(clock.now() >= at(499_000), "two a second: {}", clock.now().ms());
}
