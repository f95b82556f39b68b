//! Every place at which something can go wrong in a story, one after the other: the process dies there, the disk fails,
//! the request or its answer is lost, the question is not answered; once, and for long. Then pairs of crashes. After
//! each the account must come to rest as after any other fault (`settled`).
//!
//! A run without wishes plays a part of them. `TRADEFLEET_CRASH_POINTS=all TRADEFLEET_CRASH_PAIRS=all` plays all,
//! `TRADEFLEET_CRASH_PAIRS=N` each N-th pair, `TRADEFLEET_STORY=dca` only that story.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::desk::Desk;
use crate::dialect::Dialect;
use crate::faults::Fault;
use crate::market::{EPOCH, Market};
use crate::plan::{Plan, Wish};
use crate::script::{Hit, Script};
use crate::stories::{STORIES, Story};

/// What goes wrong, and in which ways, as a draw would say it.
const TROUBLES: &[(Fault, &[u32])] = &[
    (Fault::Crash, &[0]),
    (Fault::DiskFails, &[1 << 31]),
    (Fault::LostRequest, &[1 << 31]),
    // Noticed soon, and at the time-out.
    (Fault::LostAnswer, &[1 << 25, u32::MAX]),
    (Fault::ServerError, &[0, 1]),
    (Fault::Unreachable, &[1 << 31]),
    (Fault::ReadFails, &[1 << 31]),
];
const PLACES: &[&str] = &[
    "before a commit",
    "after a commit",
    "before a request",
    "after a request was sent",
    "before an answer is taken in",
    "after a question",
    "between two events",
];
/// Of each story on each exchange, in a run without wishes: so many points, and each so-manyth pair.
const POINTS_MAX: usize = 40;
const PAIRS_EVERY: usize = 23;

struct World {
    story: &'static Story,
    seed: u64,
    dialect: Dialect,
}

struct Told {
    outcome: Result<(), String>,
    draws: BTreeMap<Fault, usize>,
    crashes: BTreeMap<String, u64>,
    hits: usize,
}

impl World {
    /// Each story on each exchange where it can happen.
    fn all() -> Vec<Self> {
        let mut worlds = Vec::new();
        for dialect in [Dialect::Binance, Dialect::Bitget, Dialect::Upbit] {
            let is_it = |seed: &u64| {
                let plan = Plan::of(&wish(*seed));
                // One in hedge mode, one in the other.
                plan.dialect == dialect && plan.hedge == (dialect == Dialect::Bitget)
            };
            let seed = (0..1_000).find(is_it).unwrap();
            let stories = STORIES.iter().filter(|story| story.happens_on(dialect));
            worlds.extend(stories.map(|story| Self { story, seed, dialect }));
        }
        worlds
    }

    fn tell(&self, hits: &[Hit]) -> Told {
        let prices = (0..=self.story.seconds).map(|second| [self.story.price(second); 2]).collect();
        let market = Market::of(prices);
        let mut desk = Desk::new(&wish(self.seed), 1, &market, &Rc::new(Cell::new(0)));
        desk.dice.script = Some(Script::new(hits));
        self.story.settle(&mut desk);
        let outcome = self.live(&mut desk, hits.is_empty());
        let script = desk.dice.script.take().unwrap();
        Told { outcome, draws: script.draws, crashes: desk.counters.crashes.clone(), hits: script.done }
    }

    fn live(&self, desk: &mut Desk<'_>, is_calm: bool) -> Result<(), String> {
        for second in 1..=self.story.seconds {
            self.story.act(second, desk);
            desk.second(EPOCH + second * 1_000)?;
        }
        if is_calm {
            self.story.was_told(desk)?;
        }
        desk.come_to_rest(EPOCH + self.story.seconds * 1_000)
    }

    fn name(&self, hits: &[Hit]) -> String {
        let hits: Vec<String> = hits
            .iter()
            .map(|hit| {
                format!("{} {}{}", hit.fault.as_str(), hit.at, if hit.lasts { " for long" } else { "" })
            })
            .collect();
        format!("{} on {:?}: {}", self.story.name, self.dialect, hits.join(", "))
    }
}

fn wish(seed: u64) -> Wish {
    Wish { without: Fault::ALL.to_vec(), ..Wish::new(seed, None) }
}

/// Every trouble at every place, once and for long.
fn singles(draws: &BTreeMap<Fault, usize>) -> Vec<Vec<Hit>> {
    let mut points = Vec::new();
    for (fault, ways) in TROUBLES {
        for at in 0..draws.get(fault).copied().unwrap_or(0) {
            for (lasts, how) in
                [false, true].into_iter().flat_map(|lasts| ways.iter().map(move |how| (lasts, *how)))
            {
                points.push(vec![Hit { fault: *fault, at, lasts, how }]);
            }
        }
    }
    points
}

/// What was met in all plays.
#[derive(Default)]
struct Met {
    points: usize,
    places: BTreeSet<String>,
    failures: Vec<String>,
}

fn play(world: &World, points: &[Vec<Hit>], met: &Mutex<Met>) -> BTreeMap<usize, usize> {
    let next = AtomicUsize::new(0);
    let crashes = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(hits) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let told = world.tell(hits);
                    let mut met = met.lock().unwrap();
                    met.points += 1;
                    met.places.extend(told.crashes.into_keys());
                    if told.hits < hits.len() {
                        met.failures.push(format!("{}: it was not met", world.name(hits)));
                    }
                    if let Err(why) = told.outcome {
                        met.failures.push(format!("{}: {why}", world.name(hits)));
                    }
                    if let [Hit { fault: Fault::Crash, at, lasts: false, .. }] = hits[..] {
                        crashes.lock().unwrap().insert(at, told.draws[&Fault::Crash]);
                    }
                }
            });
        }
    });
    crashes.into_inner().unwrap()
}

#[test]
fn every_place_of_every_story_is_survived() {
    let met = Mutex::new(Met::default());
    let pairs_every = match std::env::var("TRADEFLEET_CRASH_PAIRS").as_deref() {
        Ok("all") => 1,
        Ok(number) => number.parse().unwrap(),
        Err(_) => PAIRS_EVERY,
    };
    let mut lines = Vec::new();
    let wants_all = std::env::var_os("TRADEFLEET_CRASH_POINTS").is_some();
    let (mut all, mut pair_count, mut pairs_played) = (0, 0, 0);
    let wanted = std::env::var("TRADEFLEET_STORY").ok();
    for world in World::all() {
        if wanted.as_ref().is_some_and(|name| name != world.story.name) {
            continue;
        }
        let calm = world.tell(&[]);
        assert_eq!(calm.outcome, Ok(()), "{}", world.name(&[]));
        let mut singles = singles(&calm.draws);
        all += singles.len();
        if !wants_all {
            let every = singles.len() / POINTS_MAX + 1;
            singles = singles.into_iter().step_by(every).collect();
        }
        let later = play(&world, &singles, &met);
        let crash = |at| Hit { fault: Fault::Crash, at, lasts: false, how: 0 };
        let mut pairs = Vec::new();
        for (first, draws) in later {
            for second in first + 1..draws {
                if pair_count % pairs_every == 0 {
                    pairs.push(vec![crash(first), crash(second)]);
                }
                pair_count += 1;
            }
        }
        play(&world, &pairs, &met);
        pairs_played += pairs.len();
        lines.push(format!("{}: {} points, {} pairs", world.name(&[]), singles.len(), pairs.len()));
    }
    let met = met.into_inner().unwrap();
    eprintln!(
        "{}\n{} of {all} points, {pairs_played} of {pair_count} pairs",
        lines.join("\n"),
        met.points - pairs_played
    );
    let shown = met.failures.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(met.failures.is_empty(), "{} of {} failed:\n{shown}", met.failures.len(), met.points);
    for place in PLACES.iter().filter(|_| wanted.is_none()) {
        for label in [(*place).to_owned(), format!("recovering: {place}")] {
            assert!(met.places.contains(&label), "no crash {label}");
        }
    }
    assert!(met.points >= 300, "only {} points", met.points);
}
