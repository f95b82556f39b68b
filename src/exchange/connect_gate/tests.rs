//! Never more sockets, never more attempts.

use super::*;

const WINDOW: DurationMs = DurationMs::from_secs(300);

#[test]
fn a_permit_is_one_socket_until_it_is_dropped() {
    let gate = ConnectGate::new(2, 100, WINDOW);
    let first = gate.try_take().unwrap();
    let _second = gate.try_take().unwrap();
    assert!(gate.try_take().is_none());
    drop(first);
    assert!(gate.try_take().is_some());
}

#[test]
fn attempts_are_counted_over_all_permits_and_any_stretch_of_time() {
    let gate = ConnectGate::new(2, 3, WINDOW);
    let (one, other) = (gate.try_take().unwrap(), gate.try_take().unwrap());
    let at = Timestamp::from_ms;
    assert_eq!(one.attempt(at(0)), Ok(()));
    assert_eq!(other.attempt(at(100_000)), Ok(()));
    assert_eq!(one.attempt(at(200_000)), Ok(()));
    assert_eq!(other.attempt(at(299_999)), Err(at(300_000)));
    assert_eq!(other.attempt(at(300_000)), Ok(()));
    assert_eq!(one.attempt(at(300_000)), Err(at(400_000)));
}
