//! Makes a failing run small: first shorter, then without one fault after the other.

use std::fmt::Write as _;

use crate::faults::Fault;
use crate::plan::{Plan, Wish};
use crate::run::run;

/// The smallest wish found that still fails, and how it does.
pub(crate) fn shrink(wish: &Wish) -> (Wish, String) {
    let mut best = wish.clone();
    let mut why = run(&best).failure.unwrap_or_default();
    let mut cycles = Plan::of(&best).cycles;
    while cycles > 2 {
        let shorter = Wish { cycles: Some(cycles * 3 / 4), ..best.clone() };
        let Some(failure) = run(&shorter).failure else { break };
        (best, why, cycles) = (shorter, failure, cycles * 3 / 4);
    }
    for &fault in Fault::ALL {
        let mut without = best.without.clone();
        without.push(fault);
        let calmer = Wish { without, ..best.clone() };
        if let Some(failure) = run(&calmer).failure {
            (best, why) = (calmer, failure);
        }
    }
    (best, why)
}

/// The command that plays it again.
pub(crate) fn command(wish: &Wish) -> String {
    let mut line = format!("TRADEFLEET_SEED={}", wish.seed);
    if !wish.without.is_empty() {
        let names: Vec<_> = wish.without.iter().map(|fault| fault.as_str()).collect();
        let _ = write!(line, " TRADEFLEET_WITHOUT={}", names.join(","));
    }
    if let Some(cycles) = wish.cycles {
        let _ = write!(line, " TRADEFLEET_CYCLES={cycles}");
    }
    if let Some(mutant) = wish.mutant {
        let _ = write!(line, " TRADEFLEET_MUTANT={}", mutant.as_str());
    }
    line + " cargo test --test sim replay -- --nocapture"
}
