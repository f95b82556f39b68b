//! In which order combinations are tried: all of them, a sample, or where the best ones so far are.
//!
//! A search hands out trials in batches whose size depends on nothing but the search itself, and looks at scores only
//! between two batches: so it says the same on one core and on many, and again after an interruption.

mod smart;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::space::{Point, Space};
use crate::market::pcg::Pcg;
use smart::Smart;

/// Combinations that a grid may have; a space as small is known whole.
pub const GRID_MAX: u128 = 100_000;
/// Trials of one study.
pub const TRIALS_MAX: usize = 100_000;
/// Trials of a random or smart search that names no number.
pub const TRIALS_DEFAULT: usize = 200;
/// Trials that are handed out at once where no score is waited for.
const BATCH: usize = 64;
/// Combinations that are drawn for each trial before the space counts as used up.
const DRAWS: usize = 200;
/// Streams of the seed.
const SAMPLE_STREAM: u64 = 0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Every combination, in order; a sample of them where the number of trials is limited.
    Grid,
    /// Combinations drawn evenly, each at most once.
    Random,
    /// A tree-structured Parzen estimator: drawn from where good trials are and bad ones are not.
    Smart,
}

impl Method {
    pub const ALL: [Self; 3] = [Self::Grid, Self::Random, Self::Smart];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Random => "random",
            Self::Smart => "smart",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = SearchError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or_else(|| SearchError::Method { word: text.to_owned() })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    #[error("unknown method `{word}`; allowed are grid, random, smart")]
    Method { word: String },
    #[error("the grid has {combinations} combinations, at most {GRID_MAX} are tried one by one")]
    GridTooLarge { combinations: u128 },
    #[error("--trials is {trials}, allowed is 1 to {TRIALS_MAX}")]
    Trials { trials: usize },
    #[error("the strategy allows none of the {combinations} combinations: {reason}")]
    NothingAllowed { combinations: u128, reason: String },
}

/// How to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub method: Method,
    pub trials: Option<usize>,
    pub seed: u64,
}

/// A search that is going on.
#[derive(Debug)]
pub struct Search {
    points: Vec<Point>,
    /// How many of the points were handed out.
    handed: usize,
    planned: usize,
    smart: Option<Smart>,
}

impl Search {
    pub fn new(space: &Space, plan: Plan) -> Result<Self, SearchError> {
        if let Some(trials) = plan.trials.filter(|trials| !(1..=TRIALS_MAX).contains(trials)) {
            return Err(SearchError::Trials { trials });
        }
        let combinations = space.combinations();
        let allowed = (combinations <= GRID_MAX).then(|| all_allowed(space, combinations));
        if allowed.as_ref().is_some_and(Vec::is_empty) {
            let reason = space.params(&space.point(0)).err().map(|error| error.to_string());
            return Err(SearchError::NothingAllowed { combinations, reason: reason.unwrap_or_default() });
        }
        let trials = match (plan.method, plan.trials) {
            (Method::Grid, None) => None,
            (Method::Grid | Method::Random | Method::Smart, trials) => Some(trials.unwrap_or(TRIALS_DEFAULT)),
        };
        let whole = allowed.as_ref().map(Vec::len);
        let planned = match (trials, whole) {
            (None, None) => return Err(SearchError::GridTooLarge { combinations }),
            (None, Some(whole)) => whole,
            (Some(trials), whole) => whole.map_or(trials, |whole| whole.min(trials)),
        };
        if plan.method == Method::Smart {
            let smart = Smart::new(plan.seed, planned, allowed);
            return Ok(Self { points: Vec::new(), handed: 0, planned, smart: Some(smart) });
        }
        let is_sample = plan.method == Method::Random || whole.is_none_or(|whole| whole > planned);
        let points = match allowed {
            Some(all) if !is_sample => all,
            known => sample(space, known, planned, plan.seed),
        };
        Ok(Self { planned: points.len(), points, handed: 0, smart: None })
    }

    /// How many trials there will be.
    pub const fn planned(&self) -> usize {
        self.planned
    }

    /// The next trials, none at the end. `scores` are those of all trials handed out so far, in their order; trials
    /// without one are not ranked.
    pub fn next(&mut self, space: &Space, scores: &[Option<f64>]) -> Vec<Point> {
        if let Some(smart) = &mut self.smart {
            let batch = smart.next(space, &self.points, scores);
            self.points.extend(batch.iter().cloned());
            self.handed = self.points.len();
            return batch;
        }
        let end = (self.handed + BATCH).min(self.points.len());
        let batch = self.points.get(self.handed..end).unwrap_or_default().to_vec();
        self.handed = end;
        batch
    }
}

fn all_allowed(space: &Space, combinations: u128) -> Vec<Point> {
    (0..combinations).map(|number| space.point(number)).filter(|point| space.allows(point)).collect()
}

/// `count` of the allowed combinations, each once; fewer where no more are found.
fn sample(space: &Space, known: Option<Vec<Point>>, count: usize, seed: u64) -> Vec<Point> {
    let mut pcg = Pcg::new(seed, SAMPLE_STREAM);
    if let Some(mut all) = known {
        // Fisher and Yates, as far as is needed.
        let last = all.len().saturating_sub(1);
        for place in 0..count.min(last) {
            let (from, to) = (u32::try_from(place).unwrap_or(0), u32::try_from(last).unwrap_or(0));
            all.swap(place, usize::try_from(pcg.between(from, to)).unwrap_or(place));
        }
        all.truncate(count);
        return all;
    }
    let mut seen = BTreeSet::new();
    let mut points = Vec::with_capacity(count);
    while points.len() < count {
        let Some(point) = draw_new(space, &seen, &mut pcg) else { break };
        seen.insert(point.clone());
        points.push(point);
    }
    points
}

/// An allowed combination that is not in `seen`; `None` when none comes up.
fn draw_new(space: &Space, seen: &BTreeSet<Point>, pcg: &mut Pcg) -> Option<Point> {
    let draw = |pcg: &mut Pcg| {
        let indices =
            space.dimensions.iter().map(|dimension| pcg.between(0, dimension.len().saturating_sub(1)));
        Point(indices.collect())
    };
    (0..DRAWS).map(|_| draw(pcg)).find(|point| !seen.contains(point) && space.allows(point))
}

#[cfg(test)]
mod tests;
