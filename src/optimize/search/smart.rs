//! The smart search: a tree-structured Parzen estimator.
//!
//! J. Bergstra, R. Bardenet, Y. Bengio, B. Kegl, "Algorithms for Hyper-Parameter Optimization", NIPS 2011, section 4:
//! trials are split into the best fifth and the rest; of each a density is estimated for every parameter on its own;
//! candidates are drawn from the density of the good ones, and the one for which good over bad is highest is tried.
//! Here values are indices of a list, so densities are histograms, smoothed by an Epanechnikov kernel where
//! neighbours are alike. Only +, -, x, / and square roots are used: the same proposals on every machine.

use std::collections::BTreeSet;

use super::{Point, Space, draw_new};
use crate::market::pcg::Pcg;
use crate::optimize::space::Dimension;

/// Trials proposed from the same knowledge.
const BATCH: usize = 16;
/// Drawn evenly before anything is learnt: a quarter of all, within these.
const EVEN: (usize, usize) = (16, 64);
/// One of so many trials is a good one.
const GOOD_OF: usize = 5;
/// Fewer good ones teach nothing.
const GOOD_MIN: usize = 4;
/// Candidates of one proposal.
const CANDIDATES: usize = 24;
/// Bins of a histogram; a longer list of values shares them.
const BINS: u32 = 256;

#[derive(Debug)]
pub(super) struct Smart {
    seed: u64,
    planned: usize,
    batches: u64,
    seen: BTreeSet<Point>,
    /// All combinations there are, where they are few enough to be known.
    allowed: Option<Vec<Point>>,
}

impl Smart {
    pub(super) const fn new(seed: u64, planned: usize, allowed: Option<Vec<Point>>) -> Self {
        Self { seed, planned, batches: 0, seen: BTreeSet::new(), allowed }
    }

    pub(super) fn next(&mut self, space: &Space, points: &[Point], scores: &[Option<f64>]) -> Vec<Point> {
        // A stream of its own, so that no batch depends on how many draws another one needed.
        self.batches += 1;
        let mut pcg = Pcg::new(self.seed, self.batches);
        let left = self.planned.saturating_sub(points.len());
        let even = (self.planned / 4).clamp(EVEN.0, EVEN.1);
        let count = if points.is_empty() { even } else { BATCH }.min(left);
        let learnt = Learnt::of(space, points, scores);
        let mut batch = Vec::with_capacity(count);
        while batch.len() < count {
            let proposed = learnt.as_ref().and_then(|learnt| learnt.propose(space, &self.seen, &mut pcg));
            let point =
                proposed.or_else(|| draw_new(space, &self.seen, &mut pcg)).or_else(|| self.any_left());
            let Some(point) = point else { break };
            self.seen.insert(point.clone());
            batch.push(point);
        }
        batch
    }

    fn any_left(&self) -> Option<Point> {
        self.allowed.as_ref()?.iter().find(|point| !self.seen.contains(point)).cloned()
    }
}

/// Of every dimension, how good and bad trials are spread over its bins.
struct Learnt {
    dimensions: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Learnt {
    fn of(space: &Space, points: &[Point], scores: &[Option<f64>]) -> Option<Self> {
        let mut ranked: Vec<(&Point, Option<f64>)> = points.iter().zip(scores.iter().copied()).collect();
        // Stable: of equal trials the earlier one is the better one.
        ranked.sort_by(|one, other| {
            other.1.unwrap_or(f64::NEG_INFINITY).total_cmp(&one.1.unwrap_or(f64::NEG_INFINITY))
        });
        let good = ranked.len() / GOOD_OF;
        let (good, bad) = ranked.split_at_checked(good)?;
        if good.len() < GOOD_MIN || good.iter().any(|(_, score)| score.is_none()) {
            return None;
        }
        let spread = |of: &[(&Point, Option<f64>)], place: usize, dimension: &Dimension| {
            let bins =
                of.iter().filter_map(|(point, _)| point.0.get(place)).map(|index| bin(*index, dimension));
            density(&bins.collect::<Vec<_>>(), dimension)
        };
        let dimensions = space.dimensions.iter().enumerate();
        let dimensions = dimensions
            .map(|(place, dimension)| (spread(good, place, dimension), spread(bad, place, dimension)));
        Some(Self { dimensions: dimensions.collect() })
    }

    /// The best of some candidates that were not tried yet.
    fn propose(&self, space: &Space, seen: &BTreeSet<Point>, pcg: &mut Pcg) -> Option<Point> {
        let mut best: Option<(f64, Point)> = None;
        for _ in 0..CANDIDATES {
            let mut merit = 1.0;
            let mut indices = Vec::with_capacity(space.dimensions.len());
            for (dimension, (good, bad)) in space.dimensions.iter().zip(&self.dimensions) {
                let bin = drawn(good, pcg);
                merit *= good.get(bin)? / bad.get(bin)?;
                indices.push(index_in(bin, dimension, pcg));
            }
            let point = Point(indices);
            if best.as_ref().is_none_or(|(known, _)| merit > *known)
                && !seen.contains(&point)
                && space.allows(&point)
            {
                best = Some((merit, point));
            }
        }
        best.map(|(_, point)| point)
    }
}

fn bins(dimension: &Dimension) -> u32 {
    dimension.len().clamp(1, BINS)
}

fn bin(index: u32, dimension: &Dimension) -> u32 {
    let share = u64::from(index) * u64::from(bins(dimension)) / u64::from(dimension.len().max(1));
    u32::try_from(share).unwrap_or(0)
}

/// One of the values that share a bin.
fn index_in(bin: usize, dimension: &Dimension, pcg: &mut Pcg) -> u32 {
    let (bins, count) = (u64::from(bins(dimension)), u64::from(dimension.len().max(1)));
    let bin = u64::try_from(bin).unwrap_or(0);
    let first = u32::try_from((bin * count).div_ceil(bins)).unwrap_or(0);
    let behind = u32::try_from(((bin + 1) * count).div_ceil(bins)).unwrap_or(u32::MAX);
    pcg.between(first, behind.saturating_sub(1).max(first)).min(dimension.len().saturating_sub(1))
}

/// Weights of the bins, adding up to 1: one part an observation, and one spread evenly, so that nothing is ruled out.
#[expect(clippy::cast_precision_loss, reason = "counts of trials are far below 2^53")]
fn density(observed: &[u32], dimension: &Dimension) -> Vec<f64> {
    let bins = bins(dimension);
    let mut weights = vec![1.0 / f64::from(bins); usize::try_from(bins).unwrap_or(1)];
    // The more is known, the less it is smeared.
    let width = (f64::from(bins) / (1.0 + (observed.len() as f64).sqrt())).max(1.0);
    for centre in observed {
        let kernel = |bin: u32| {
            if !dimension.is_ordered {
                return f64::from(u8::from(bin == *centre));
            }
            let distance = (f64::from(bin) - f64::from(*centre)) / width;
            (1.0 - distance * distance).max(0.0)
        };
        let whole: f64 = (0..bins).map(kernel).sum();
        for (weight, bin) in weights.iter_mut().zip(0..bins) {
            *weight += kernel(bin) / whole;
        }
    }
    let total = observed.len() as f64 + 1.0;
    weights.iter().map(|weight| weight / total).collect()
}

fn drawn(weights: &[f64], pcg: &mut Pcg) -> usize {
    let mut left = pcg.uniform();
    for (bin, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return bin;
        }
    }
    weights.len().saturating_sub(1)
}
