//! What is played in a run of the tests. The counts can be raised from outside.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::counters::Counters;
use crate::faults::Fault;
use crate::mutants::Mutant;
use crate::plan::Wish;
use crate::run::{Outcome, run};
use crate::shrink::{command, shrink};

/// Seeds in a run without wishes: as many as an unoptimized build on two busy cores plays in little time.
const SEEDS: u64 = 300;
/// From so many seeds on everything rare must have been met.
const MANY: u64 = 900;
/// A run stops at so many failures.
const FAILURES: u64 = 10;
/// So many seeds are looked at for a mutant that its known seed does not catch any more.
const MUTANT_SEEDS: u64 = 2_000;
/// Seeds that are written to SQLite too.
const MIRRORED: u64 = 40;
/// Seeds whose traces are compared between two processes.
const TRACED: u64 = 20;

fn say(line: &str) {
    eprintln!("{line}");
}

pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Plays the seeds on all cores; what `each` says of an outcome decides whether to go on.
fn play(
    seeds: std::ops::Range<u64>,
    wish: impl Fn(u64) -> Wish + Sync,
    each: impl Fn(u64, Outcome) -> bool + Sync,
) {
    let next = AtomicU64::new(seeds.start);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if !each(seed, run(&wish(seed))) {
                        next.store(seeds.end, Ordering::Relaxed);
                    }
                }
            });
        }
    });
}

#[test]
fn seeds_hold() {
    let (first, count) = (number("TRADEFLEET_FIRST", 0), number("TRADEFLEET_SEEDS", SEEDS));
    let most = usize::try_from(number("TRADEFLEET_FAILURES", FAILURES)).unwrap();
    let all = Mutex::new((Counters::default(), BTreeMap::new()));
    play(
        first..first + count,
        |seed| Wish::new(seed, None),
        |seed, outcome| {
            let mut all = all.lock().unwrap();
            all.0.add(&outcome.counters);
            if let Some(why) = outcome.failure {
                all.1.insert(seed, why);
            }
            all.1.len() < most
        },
    );
    let (counters, failures) = all.into_inner().unwrap();
    for (seed, why) in &failures {
        say(&format!("seed {seed}: {why}"));
    }
    if let Some(seed) = failures.keys().next() {
        let (wish, why) = shrink(&Wish::new(*seed, None));
        panic!(
            "{} of {count} seeds failed; the first, made small:\n{why}\n{}",
            failures.len(),
            command(&wish)
        );
    }
    say(&format!("{count} seeds, {} faults\n{counters:#?}", counters.faults_total()));
    is_not_empty(&counters, count);
}

/// Each fault, each place to crash, each step of an order's life and each kind of account was met.
fn is_not_empty(counters: &Counters, seeds: u64) {
    if seeds < MANY {
        return;
    }
    for &fault in Fault::ALL {
        let count = counters.faults.get(fault.as_str()).copied().unwrap_or(0);
        let count = count + if fault == Fault::PriceJump { counters.works["price jumps"] } else { 0 };
        assert!(count >= seeds / 20, "{} happened {count} times in {seeds} seeds", fault.as_str());
    }
    for work in WORKS {
        let count = counters.works.get(work).copied().unwrap_or(0);
        assert!(count >= seeds / 20, "{work}: {count} in {seeds} seeds");
    }
    // Some are rare by nature, in a recovery or beside it: together each place must have been met.
    let is_met = |label: &str| counters.crashes.contains_key(label);
    for place in PLACES {
        assert!(is_met(place) || is_met(&format!("recovering: {place}")), "no crash {place}");
    }
    for place in PAPER_PLACES {
        assert!(is_met(&format!("in dry run: {place}")), "no crash in dry run {place}");
    }
    for edge in EDGES {
        assert!(counters.edges.contains_key(*edge), "no order went {edge}");
    }
    assert!(counters.faults_total() >= 40 * seeds, "{} faults a seed", counters.faults_total() / seeds);
}

const WORKS: [&str; 8] = [
    "grid bots",
    "grid lines opened",
    "grid lines closed",
    "grid rounds recomputed",
    "lines refused for crossing",
    "accounts in dry run",
    "fills in dry run",
    "grid rounds recomputed in dry run",
];

const PLACES: [&str; 9] = [
    "before a commit",
    "after a commit",
    "while the disk fails",
    "before a request",
    "after a request was sent",
    "after no answer came",
    "before an answer is taken in",
    "after a question",
    "between two events",
];

const PAPER_PLACES: [&str; 7] = [
    "before a commit",
    "after a commit",
    "while the disk fails",
    "before a request",
    "after a request was sent",
    "before an answer is taken in",
    "between two events",
];

const EDGES: &[&str] = &[
    "intended -> sent",
    "intended -> expired",
    "intended -> unknown",
    "sent -> open",
    "sent -> unknown",
    "sent -> rejected",
    "unknown -> open",
    "unknown -> expired",
    "unknown -> filled",
    "unknown -> partially_filled",
    "open -> partially_filled",
    "open -> filled",
    "open -> cancelled",
    "open -> expired",
    "partially_filled -> filled",
    "partially_filled -> expired",
];

/// The journal of the simulation means what the store means: turn for turn, every restart finds the same in both, and
/// what was written is sound.
#[test]
fn the_store_recovers_what_the_journal_does() {
    let seeds = number("TRADEFLEET_MIRRORED_SEEDS", MIRRORED);
    let failures = Mutex::new(BTreeMap::new());
    play(
        0..seeds,
        |seed| Wish { is_mirrored: true, ..Wish::new(seed, None) },
        |seed, outcome| {
            failures.lock().unwrap().extend(outcome.failure.map(|why| (seed, why)));
            true
        },
    );
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{failures:#?}");
}

/// By the seed that is known to catch it, so that all of them cost little; `TRADEFLEET_MUTANT_SEEDS` looks for the first
/// seed that does, anew.
#[test]
fn every_mutant_is_caught() {
    let only = std::env::var("TRADEFLEET_MUTANT").ok();
    let is_meant = |mutant: &Mutant| only.as_ref().is_none_or(|only| only == mutant.as_str());
    let mutants: Vec<Mutant> = Mutant::ALL.iter().copied().filter(is_meant).collect();
    let is_search = std::env::var("TRADEFLEET_MUTANT_SEEDS").is_ok();
    let elusive = if is_search { mutants } else { not_caught_by_their_seeds(&mutants) };
    let seeds = number("TRADEFLEET_MUTANT_SEEDS", MUTANT_SEEDS);
    let mut missed = Vec::new();
    for mutant in elusive {
        match first_that_catches(mutant, seeds) {
            Some((seed, why)) => say(&format!("{}: caught by seed {seed}: {why}", mutant.as_str())),
            None => missed.push(format!("{} ({})", mutant.as_str(), mutant.what())),
        }
    }
    assert!(missed.is_empty(), "not caught within {seeds} seeds: {missed:#?}");
    assert!(Mutant::ALL.len() >= 30);
}

fn not_caught_by_their_seeds(mutants: &[Mutant]) -> Vec<Mutant> {
    let missed = Mutex::new(Vec::new());
    let of = |index: u64| mutants[usize::try_from(index).unwrap()];
    play(
        0..u64::try_from(mutants.len()).unwrap(),
        |index| Wish::new(of(index).known_seed(), Some(of(index))),
        |index, outcome| {
            if outcome.failure.is_none() {
                say(&format!(
                    "{}: seed {} does not catch it any more",
                    of(index).as_str(),
                    of(index).known_seed()
                ));
                missed.lock().unwrap().push(of(index));
            }
            true
        },
    );
    missed.into_inner().unwrap()
}

fn first_that_catches(mutant: Mutant, seeds: u64) -> Option<(u64, String)> {
    let caught = Mutex::new(BTreeMap::new());
    play(
        0..seeds,
        |seed| Wish::new(seed, Some(mutant)),
        |seed, outcome| {
            let mut caught = caught.lock().unwrap();
            caught.extend(outcome.failure.map(|why| (seed, why)));
            caught.is_empty()
        },
    );
    caught.into_inner().unwrap().pop_first()
}

#[test]
fn two_processes_have_the_same_traces() {
    let traces = || {
        let this = std::env::current_exe().unwrap();
        let output = Command::new(this)
            .args(["traces", "--exact", "--nocapture", "--ignored"])
            .arg("tests::traces")
            .output()
            .unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        text.lines().filter(|line| line.starts_with("trace ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let (first, second) = (traces(), traces());
    assert_eq!(first.len(), usize::try_from(TRACED).unwrap());
    assert_eq!(first, second);
}

#[test]
#[ignore = "one side of two_processes_have_the_same_traces"]
fn traces() {
    for seed in 0..TRACED {
        let outcome = run(&Wish::new(seed, None));
        say(&format!("trace {seed} {:016x} {:?}", outcome.trace, outcome.failure));
    }
}

/// Plays the seed in `TRADEFLEET_SEED` again.
#[test]
fn replay() {
    let Ok(seed) = std::env::var("TRADEFLEET_SEED") else { return };
    let mut wish = Wish::new(seed.parse().unwrap(), None);
    if let Ok(names) = std::env::var("TRADEFLEET_WITHOUT") {
        let fault = |name: &str| Fault::ALL.iter().find(|fault| fault.as_str() == name).copied().unwrap();
        wish.without = names.split(',').map(fault).collect();
    }
    wish.cycles = std::env::var("TRADEFLEET_CYCLES").ok().map(|text| text.parse().unwrap());
    let named = std::env::var("TRADEFLEET_MUTANT").ok();
    wish.mutant = named.map(|name| *Mutant::ALL.iter().find(|mutant| mutant.as_str() == name).unwrap());
    let outcome = run(&wish);
    say(&format!("trace {:016x}, {:#?}", outcome.trace, outcome.counters));
    say(&outcome.story);
    assert_eq!(outcome.failure, None);
}
