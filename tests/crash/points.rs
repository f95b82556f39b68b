//! The loop over all points of a scenario.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use faulty_disk::{Disk, Image, Lasting, Plan, Step, Survival, Trouble};

use crate::home::Home;

/// Failures that are shown of a scenario.
const SHOWN_MAX: usize = 20;
/// In a run without wishes: points of a scenario, besides the first stop at each kind of step, and for pairs each
/// so-manyth of the stops and of the steps back.
const POINTS_MAX: usize = 60;
const PAIRS_EVERY: usize = 13;
/// A scenario with fewer is not what it was meant to be.
const LEAST_POINTS: usize = 30;

/// Something that the program does to its files, and what must be true whatever happens meanwhile.
pub(crate) struct Scenario {
    pub name: &'static str,
    /// Makes the home that it begins with.
    pub prepare: fn(&Home),
    /// Does it. True: it said that it is done.
    pub act: fn(&Home) -> bool,
    /// What people see of it. It is one of two: as before, or as afterwards.
    pub state: fn(&Home) -> String,
    /// What must hold in both; the error says what does not.
    pub sound: fn(&Home) -> Result<(), String>,
    /// Steps that it must have, by kind and file.
    pub steps: &'static [&'static str],
}

/// One play of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    plan: Plan,
    /// What is left of the disk, where everything ends.
    survival: Survival,
    /// A second stop while the program finds its way back, before this step.
    second: Option<usize>,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { at, trouble, lasting } = self.plan;
        let lasting = if lasting == Lasting::Once { "once" } else { "for good" };
        write!(f, "{at} {} {lasting} {:?}", trouble.as_str(), self.survival)?;
        self.second.map_or(Ok(()), |second| write!(f, ", then {second}"))
    }
}

/// What a scenario is when nothing happens.
struct Calm {
    image: Image,
    before: String,
    after: String,
    steps: Vec<Step>,
}

impl Scenario {
    /// Plays all points.
    pub(crate) fn exhaust(&self) {
        let calm = self.calm();
        let all = singles(&calm.steps);
        let wanted = std::env::var("TRADEFLEET_CRASH_POINT").ok();
        let wants_all = std::env::var_os("TRADEFLEET_CRASH_POINTS").is_some();
        let singles = if wants_all || wanted.is_some() { all.clone() } else { some(&all, &calm.steps) };
        let failures = Mutex::new(Vec::new());
        let fails = |point: &Point, why: &str| {
            let step = &calm.steps[point.plan.at];
            failures.lock().unwrap().push(format!("{}: {point} ({step}): {why}", self.name));
        };
        let pairs_every = pairs_every();
        let pairs = AtomicUsize::new(0);
        each(&singles, |index, single| {
            let has_pairs = index % pairs_every == 0 && single.plan.trouble == Trouble::Stop;
            let mut points = vec![*single];
            while let Some(point) = points.pop() {
                if wanted.as_ref().is_some_and(|name| *name != format!("{}: {point}", self.name)) {
                    continue;
                }
                let outcome = catch_unwind(AssertUnwindSafe(|| self.play(&calm, &point)));
                match outcome.unwrap_or_else(|_| Err("a panic".to_owned())) {
                    Ok(steps) if has_pairs && point.second.is_none() => {
                        let seconds = steps.into_iter().step_by(pairs_every);
                        points.extend(seconds.map(|second| Point { second: Some(second), ..point }));
                        pairs.fetch_add(points.len(), Ordering::Relaxed);
                    }
                    Ok(_) => {}
                    Err(why) => fails(&point, &why),
                }
            }
        });
        let (failures, pairs) = (failures.into_inner().unwrap(), pairs.into_inner());
        let (steps, played) = (calm.steps.len(), singles.len());
        eprintln!("{}: {steps} steps, {played} of {} points, {pairs} pairs", self.name, all.len());
        let shown = failures.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join("\n");
        assert!(failures.is_empty(), "{} points failed:\n{shown}", failures.len());
        assert!(singles.len() >= LEAST_POINTS, "{} has only {} points", self.name, singles.len());
    }

    fn calm(&self) -> Calm {
        let home = Home::new(&Image::default());
        (self.prepare)(&home);
        let (image, before) = (home.image(), (self.state)(&home));
        assert_eq!((self.sound)(&home), Ok(()), "{}", self.name);
        let home = Home::new(&image);
        let disk = Disk::watch(&home.disk(), None).unwrap();
        assert!((self.act)(&home), "{} fails in calm", self.name);
        let steps = disk.steps();
        // What was said to be done must outlast the power.
        disk.restart(Survival::Durable).unwrap();
        let after = (self.state)(&home);
        assert_ne!(before, after, "{} changes nothing", self.name);
        assert_eq!((self.sound)(&home), Ok(()), "{}", self.name);
        let labels: BTreeSet<String> = steps.iter().map(ToString::to_string).collect();
        for step in self.steps {
            assert!(labels.contains(*step), "{} has no step `{step}`, only {labels:#?}", self.name);
        }
        Calm { image, before, after, steps }
    }

    /// Returns the steps of the way back that change something.
    fn play(&self, calm: &Calm, point: &Point) -> Result<Vec<usize>, String> {
        let home = Home::new(&calm.image);
        let watch = |plan| Disk::watch(&home.disk(), plan).map_err(|error| error.to_string());
        let disk = watch(Some(point.plan))?;
        let is_done = (self.act)(&home);
        if disk.hits() == 0 {
            return Err("the step was not met".to_owned());
        }
        if disk.has_ended() || point.survival != Survival::All {
            disk.restart(point.survival).map_err(|error| error.to_string())?;
        } else {
            drop(disk);
        }
        if let Some(at) = point.second {
            let disk = watch(Some(Plan { at, trouble: Trouble::Stop, lasting: Lasting::Once }))?;
            // It is stopped on its way, so that it may fail.
            drop(self.recover(calm, &home, is_done));
            disk.restart(point.survival).map_err(|error| error.to_string())?;
        }
        let disk = watch(None)?;
        self.recover(calm, &home, is_done)?;
        let steps = disk.steps();
        Ok((0..steps.len()).filter(|index| steps[*index].kind.changes()).collect())
    }

    /// What must be true afterwards; and where it is as before, it can be done again.
    fn recover(&self, calm: &Calm, home: &Home, is_done: bool) -> Result<(), String> {
        // First: nothing else may have put in order what is not sound.
        (self.sound)(home)?;
        let state = (self.state)(home);
        if state != calm.after && (is_done || state != calm.before) {
            return Err(format!("done: {is_done}, but it is\n{state}"));
        }
        if state == calm.after {
            return Ok(());
        }
        if !(self.act)(home) {
            return Err("it cannot be done again".to_owned());
        }
        if (self.state)(home) == calm.after {
            (self.sound)(home)
        } else {
            Err("it was not done again".to_owned())
        }
    }
}

/// Every trouble at every step at which it can happen.
fn singles(steps: &[Step]) -> Vec<Point> {
    let mut points = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let mut add = |trouble: Trouble, lasting, survival| {
            if trouble.is_possible(step.kind) {
                let plan = Plan { at, trouble, lasting };
                points.push(Point { plan, survival, second: None });
            }
        };
        for survival in [Survival::All, Survival::Durable, Survival::Some(u64::try_from(at).unwrap())] {
            add(Trouble::Stop, Lasting::Once, survival);
            add(Trouble::Tear, Lasting::Once, survival);
        }
        for lasting in [Lasting::Once, Lasting::ForGood] {
            add(Trouble::Fails, lasting, Survival::All);
            add(Trouble::Full, lasting, Survival::All);
        }
        for survival in [Survival::All, Survival::Durable] {
            add(Trouble::FlushFails, Lasting::ForGood, survival);
        }
    }
    points
}

/// As many as are played without wishes: the first stop at each kind of step, and the others spread evenly.
fn some(points: &[Point], steps: &[Step]) -> Vec<Point> {
    let mut met = BTreeSet::new();
    let mut is_first =
        |point: &Point| point.plan.trouble == Trouble::Stop && met.insert(&steps[point.plan.at]);
    let (mut chosen, others): (Vec<Point>, Vec<Point>) = points.iter().partition(|point| is_first(point));
    let every = others.len() / POINTS_MAX + 1;
    chosen.extend(others.into_iter().step_by(every));
    chosen
}

/// `all`, each N-th, or what is usual.
fn pairs_every() -> usize {
    match std::env::var("TRADEFLEET_CRASH_PAIRS").as_deref() {
        Ok("all") => 1,
        Ok(number) => number.parse().unwrap(),
        Err(_) => PAIRS_EVERY,
    }
}

/// Does something with each on all cores.
fn each<T: Sync>(all: &[T], work: impl Fn(usize, &T) + Sync) {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = all.get(index) else { return };
                    work(index, one);
                }
            });
        }
    });
}
