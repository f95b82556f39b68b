//! Never more sockets, never more attempts, and both first to those who need them.

use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;

const WINDOW: DurationMs = DurationMs::from_secs(300);

fn is_wanted_back(claim: &ConnectClaim) -> bool {
    claim.wanted_back().now_or_never().is_some()
}

#[test]
fn a_socket_is_one_accounts_until_it_has_no_use_for_it() {
    let gate = ConnectGate::new(2, 100, WINDOW);
    let mut claims: Vec<_> = (0..4).map(|_| gate.claim()).collect();
    let have = |claims: &[ConnectClaim]| claims.iter().map(ConnectClaim::has_socket).collect::<Vec<_>>();
    assert_eq!(have(&claims), [true, true, false, false]);
    assert!(claims[2].granted().now_or_never().is_none());
    claims.remove(0);
    assert_eq!(have(&claims), [true, true, false]);
    assert!(claims[1].granted().now_or_never().is_some());
}

#[test]
fn an_engaged_account_takes_the_place_of_an_idle_one() {
    let gate = ConnectGate::new(2, 100, WINDOW);
    let [held, idle, late, later] = [(); 4].map(|()| gate.claim());
    held.set_engaged(true);
    assert!(!is_wanted_back(&idle), "nobody waits who needs it");
    late.set_engaged(true);
    assert!(is_wanted_back(&idle) && !is_wanted_back(&held));
    assert!(!late.has_socket(), "not before the other one is closed");
    idle.give_back();
    assert!(late.has_socket() && !idle.has_socket() && !is_wanted_back(&idle));
    later.set_engaged(true);
    assert!(!is_wanted_back(&held) && !is_wanted_back(&late), "they need theirs as well");
    late.set_engaged(false);
    assert!(is_wanted_back(&late));
    late.set_engaged(true);
    assert!(!is_wanted_back(&late), "it has not left yet, and needs it again");
    held.set_engaged(false);
    assert!(is_wanted_back(&held));
    held.give_back();
    assert!(later.has_socket() && !held.has_socket());
}

#[test]
fn attempts_are_counted_over_all_claims_and_any_stretch_of_time() {
    let gate = ConnectGate::new(2, 3, WINDOW);
    let (one, other) = (gate.claim(), gate.claim());
    let at = Timestamp::from_ms;
    assert_eq!(one.attempt(at(0)), Ok(()));
    assert_eq!(other.attempt(at(100_000)), Ok(()));
    assert_eq!(one.attempt(at(200_000)), Ok(()));
    assert_eq!(other.attempt(at(299_999)), Err(at(300_000)));
    assert_eq!(other.attempt(at(300_000)), Ok(()));
    assert_eq!(one.attempt(at(300_000)), Err(at(400_000)));
}

#[test]
fn the_last_attempts_of_a_window_are_for_those_who_need_them() {
    let gate = ConnectGate::new(usize::MAX, 8, WINDOW);
    let (idle, engaged) = (gate.claim(), gate.claim());
    engaged.set_engaged(true);
    let at = Timestamp::from_ms;
    for ms in 0..6 {
        assert_eq!(idle.attempt(at(ms)), Ok(()));
    }
    assert_eq!(idle.attempt(at(10)), Err(at(300_000)));
    assert_eq!((engaged.attempt(at(10)), engaged.attempt(at(11))), (Ok(()), Ok(())));
    assert_eq!(engaged.attempt(at(12)), Err(at(300_000)));
    assert_eq!(idle.attempt(at(12)), Err(at(300_002)), "three of them must be over");
    assert_eq!(gate.claim().attempt(at(300_002)), Ok(()));
}

proptest! {
    /// Whatever accounts do: never more sockets than there may be, and once everybody has obeyed, no idle account has
    /// one that an engaged one lacks.
    #[test]
    fn sockets_go_to_those_who_need_them(
        max_open in 0_usize..5,
        steps in prop::collection::vec((0_usize..8, 0_u8..4), 0..60),
    ) {
        let gate = ConnectGate::new(max_open, 100, WINDOW);
        let mut claims: Vec<ConnectClaim> = (0..8).map(|_| gate.claim()).collect();
        let mut engaged = [false; 8];
        for (index, what) in steps {
            match what {
                0 | 1 => {
                    engaged[index] = what == 1;
                    claims[index].set_engaged(engaged[index]);
                }
                2 if is_wanted_back(&claims[index]) => claims[index].give_back(),
                2 => {}
                _ => {
                    claims[index] = gate.claim();
                    engaged[index] = false;
                }
            }
            prop_assert!(claims.iter().filter(|claim| claim.has_socket()).count() <= max_open);
        }
        while let Some(claim) = claims.iter().find(|claim| is_wanted_back(claim)) {
            claim.give_back();
        }
        let open = claims.iter().filter(|claim| claim.has_socket()).count();
        prop_assert_eq!(open, max_open.min(claims.len()));
        let (needed, wasted) = claims.iter().zip(engaged).fold((0, 0), |(needed, wasted), (claim, is_engaged)| {
            let lacks = usize::from(is_engaged && !claim.has_socket());
            (needed + lacks, wasted + usize::from(!is_engaged && claim.has_socket()))
        });
        prop_assert!(needed == 0 || wasted == 0, "{} lack one while {} idle ones have one", needed, wasted);
    }
}
