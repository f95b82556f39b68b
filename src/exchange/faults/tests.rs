//! Each fault does what it says, as often as it says, and the same after a restart.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::super::tests::{PausedTime, instruments};
use super::*;
use crate::domain::order::OrderKind;
use crate::domain::side::PositionMode;
use crate::domain::side::Side;
use crate::exchange::place_one;
use crate::matching::fixtures::{BTC, config, id, order, step, symbol};

const CALLS: u64 = 10_000;

fn account() -> AccountId {
    AccountId::new(7)
}

fn open(snapshot: Option<&str>, faults: PaperFaults) -> PaperAccount {
    let paused = PausedTime::at(0);
    let opened = PaperAccount::open(config(PositionMode::OneWay), snapshot, instruments(), account(), paused);
    let mut opened = opened.unwrap();
    opened.set_faults(faults);
    opened.next_event(&step(0, ["100"; 4]));
    opened
}

fn pct(text: &str) -> Pct {
    text.parse().unwrap()
}

fn share(faults: PaperFaults, expected: Fate) -> f64 {
    let hits = (0..CALLS).filter(|&call| fate(faults, account(), call) == expected).count();
    f64::from(u32::try_from(hits).unwrap()) / f64::from(u32::try_from(CALLS).unwrap()) * 100.0
}

#[test]
fn rates_hold() {
    let faults = PaperFaults { failure_pct: pct("5"), lost_answer_pct: pct("20"), ..PaperFaults::default() };
    // Five standard deviations over 10,000 draws are 1.1 and 2 %; an answer is only lost where the call did not
    // fail.
    assert!((share(faults, Fate::Failed) - 5.0).abs() < 1.1);
    assert!((share(faults, Fate::AnswerLost) - 19.0).abs() < 2.0);
    for (edge, expected) in [("0", 0.0), ("100", 100.0)] {
        let failing = PaperFaults { failure_pct: pct(edge), ..PaperFaults::default() };
        assert!((share(failing, Fate::Failed) - expected).abs() < f64::EPSILON, "{edge} %");
    }
}

#[test]
fn accounts_draw_apart_and_each_the_same_again() {
    let faults = PaperFaults { failure_pct: pct("50"), ..PaperFaults::default() };
    let fates = |account| (0..64).map(|call| fate(faults, AccountId::new(account), call)).collect::<Vec<_>>();
    assert_eq!(fates(1), fates(1));
    assert_ne!(fates(1), fates(2));
}

#[tokio::test]
async fn a_lost_answer_leaves_the_order_in_the_book() {
    let mut exchange = open(None, PaperFaults { lost_answer_pct: Pct::HUNDRED, ..PaperFaults::default() });
    let answer = place_one(&mut exchange, &order(0, Side::Buy, "1", OrderKind::Market)).await;
    assert!(matches!(answer, Err(ExchangeError::Unknown { .. })), "{answer:?}");
    let query = exchange.order_by_client_id(&symbol(BTC), &id(0)).await;
    assert!(matches!(query, Err(ExchangeError::Unavailable { .. })), "{query:?}");
    exchange.set_faults(PaperFaults::default());
    assert!(exchange.order_by_client_id(&symbol(BTC), &id(0)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_failed_call_does_not_reach_the_book() {
    let mut exchange = open(None, PaperFaults { failure_pct: Pct::HUNDRED, ..PaperFaults::default() });
    let answer = place_one(&mut exchange, &order(0, Side::Buy, "1", OrderKind::Market)).await;
    assert!(matches!(answer, Err(ExchangeError::Unavailable { .. })), "{answer:?}");
    exchange.set_faults(PaperFaults::default());
    assert_eq!(exchange.order_by_client_id(&symbol(BTC), &id(0)).await, Ok(None));
}

#[tokio::test]
async fn a_restart_goes_on_with_the_same_draws() {
    let faults = PaperFaults { failure_pct: pct("50"), ..PaperFaults::default() };
    let mut straight = open(None, faults);
    let mut restarted = open(None, faults);
    for call in 0..64 {
        let before = restarted.revision();
        assert_eq!(straight.balance().await, restarted.balance().await, "call {call}");
        assert_ne!(restarted.revision(), before, "the count of calls is worth storing");
        restarted = open(Some(&restarted.snapshot().unwrap()), faults);
    }
}

#[tokio::test]
async fn a_restart_finds_the_book() {
    let mut exchange = open(None, PaperFaults::default());
    place_one(&mut exchange, &order(0, Side::Buy, "1", OrderKind::Market)).await.unwrap();
    let revision = exchange.revision();
    exchange.balance().await.unwrap();
    assert_eq!(exchange.revision(), revision, "without faults queries change nothing");
    let mut again = open(Some(&exchange.snapshot().unwrap()), PaperFaults::default());
    assert_eq!(again.revision(), revision);
    assert_eq!(again.open_orders(&Scope::All).await, exchange.open_orders(&Scope::All).await);
    let broken = PaperAccount::open(
        config(PositionMode::OneWay),
        Some("{}"),
        instruments(),
        account(),
        PausedTime::at(0),
    );
    assert!(broken.is_err_and(|error| error.to_string().contains("cannot be read")));
}

#[tokio::test]
async fn latency_is_slept_before_the_call() {
    let paused = PausedTime::at(0);
    let opened =
        PaperAccount::open(config(PositionMode::OneWay), None, instruments(), account(), paused.clone());
    let mut exchange = opened.unwrap();
    exchange.set_faults(PaperFaults { latency_ms: 250, ..PaperFaults::default() });
    exchange.next_event(&step(0, ["100"; 4]));
    place_one(&mut exchange, &order(0, Side::Buy, "1", OrderKind::Market)).await.unwrap();
    assert_eq!(paused.now().ms(), 250);
    let placed_at = exchange.inner_mut().book().order(&id(0)).unwrap().placed_at;
    assert_eq!(placed_at.ms(), 250, "it reaches the book late");
}

#[test]
fn a_hanging_call_never_returns() {
    let mut exchange = open(None, PaperFaults { hang: true, ..PaperFaults::default() });
    let mut call = pin!(exchange.balance());
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        assert_eq!(call.as_mut().poll(&mut context), Poll::Pending);
    }
}

#[test]
fn a_panic_is_as_asked_for() {
    let faults = PaperFaults { panic: true, ..PaperFaults::default() };
    let placing = std::panic::catch_unwind(|| {
        let mut exchange = open(None, faults);
        let order = order(0, Side::Buy, "1", OrderKind::Market);
        let mut call = pin!(place_one(&mut exchange, &order));
        call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    });
    let payload = placing.unwrap_err();
    assert!(payload.downcast_ref::<&str>().is_some_and(|text| text.starts_with("injected fault")));
    let mut exchange = open(None, faults);
    let mut query = pin!(exchange.balance());
    assert!(query.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready(), "queries do not panic");
}

#[test]
fn shares_beyond_the_whole_are_refused() {
    let faults = PaperFaults { lost_answer_pct: pct("101"), ..PaperFaults::default() };
    assert_eq!(faults.check().unwrap_err().to_string(), "lost_answer_pct is 101, allowed is 0 to 100");
    assert!(PaperFaults { failure_pct: pct("-1"), ..PaperFaults::default() }.check().is_err());
    assert_eq!(PaperFaults::default().check(), Ok(()));
    assert!(serde_json::from_str::<PaperFaults>(r#"{"latencyms":1}"#).is_err());
}
