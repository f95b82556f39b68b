//! The signals of a search: each distinct one computed once, and kept as long as there is room.
//!
//! Trials that differ only in exits, lifetimes or the account's settings share all of their signals. A study asks for
//! what a batch needs; what was needed least recently goes when there is no room left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::backtest::columns::FloatColumns;
use crate::backtest::market::{Lane, Market};
use crate::backtest::row::Placed;
use crate::backtest::signals;
use crate::domain::time::Timeframe;
use crate::strategy::{StrategyParams, needs_whole_bars};

use super::windows::Span;

/// Marks that are kept from batch to batch: 40 bytes each.
const MARKS_MAX: usize = 1_500_000;
/// Parameter sets that one piece of work computes over one series.
const GROUP: usize = 16;

/// Which signals: of what, from which step on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// Of what decides about signals alone.
    params: Arc<str>,
    timeframe: Timeframe,
    first: usize,
}

/// By lane.
type Marks = Vec<Arc<[Placed]>>;

#[derive(Debug)]
struct Kept {
    marks: Marks,
    count: usize,
    batch: u64,
}

/// What a trial of a batch needs.
#[derive(Debug, Clone)]
pub struct Wanted {
    params: StrategyParams,
    name: Arc<str>,
    timeframe: Timeframe,
}

impl Wanted {
    pub fn new(params: &StrategyParams, timeframe: Timeframe) -> Self {
        let params = params.signal_part();
        Self { name: params.canonical().into(), params, timeframe }
    }

    fn key(&self, first: usize) -> Key {
        Key { params: Arc::clone(&self.name), timeframe: self.timeframe, first }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct MarkStore {
    kept: BTreeMap<Key, Kept>,
    count: usize,
    batch: u64,
    /// By lane; whole bars or closes alone.
    floats: Vec<FloatColumns>,
    are_whole: bool,
    /// Series that were gone through, for the curious: parameter sets x lanes.
    computed: u64,
}

impl MarkStore {
    /// Computes what is missing for `wanted` over `spans`, on all cores of the current pool.
    pub fn prepare(&mut self, market: &Market, wanted: &[Wanted], spans: &[Span]) {
        self.batch += 1;
        let mut missing: BTreeMap<(Timeframe, usize), Vec<&Wanted>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for want in wanted {
            for span in spans {
                let key = want.key(span.0);
                if let Some(kept) = self.kept.get_mut(&key) {
                    kept.batch = self.batch;
                } else if seen.insert(key) {
                    missing.entry((want.timeframe, span.0)).or_default().push(want);
                }
            }
        }
        if missing.is_empty() {
            return;
        }
        self.read_floats(market, wanted);
        for ((timeframe, first), wants) in missing {
            let end = spans.iter().filter(|span| span.0 == first).map(|span| span.1).max().unwrap_or(first);
            let found = self.compute(market, timeframe, &wants, (first, end));
            for (want, marks) in wants.iter().zip(found) {
                let count = marks.iter().map(|marks| marks.len() + 1).sum();
                self.count += count;
                self.kept.insert(want.key(first), Kept { marks, count, batch: self.batch });
            }
        }
        self.forget();
    }

    /// What [`Self::prepare`] has computed.
    pub fn of(&self, market: &Market, want: &Wanted, first: usize, lane: &Lane) -> Arc<[Placed]> {
        let place = market.lanes.binary_search_by(|known| known.symbol.cmp(&lane.symbol));
        let kept = self.kept.get(&want.key(first));
        let marks = kept.zip(place.ok()).and_then(|(kept, place)| kept.marks.get(place));
        marks.map_or_else(|| [].into(), Arc::clone)
    }

    /// Parameter sets x lanes that were computed so far.
    pub const fn computed(&self) -> u64 {
        self.computed
    }

    fn compute(
        &mut self,
        market: &Market,
        timeframe: Timeframe,
        wants: &[&Wanted],
        span: Span,
    ) -> Vec<Marks> {
        let groups: Vec<&[&Wanted]> = wants.chunks(GROUP).collect();
        let pieces: Vec<(usize, usize)> = (0..groups.len())
            .flat_map(|group| (0..market.lanes.len()).map(move |lane| (group, lane)))
            .collect();
        let floats = &self.floats;
        let found: Vec<Vec<Arc<[Placed]>>> = pieces
            .par_iter()
            .map(|(group, lane)| {
                let group = groups.get(*group).copied().unwrap_or_default();
                let (Some(lane), Some(floats)) = (market.lanes.get(*lane), floats.get(*lane)) else {
                    return Vec::new();
                };
                let sets: Vec<&StrategyParams> = group.iter().map(|want| &want.params).collect();
                signals::place_all(market, lane, floats, (timeframe, &sets), span)
            })
            .collect();
        let lanes = market.lanes.len().max(1);
        self.computed += u64::try_from(wants.len() * lanes).unwrap_or(0);
        // Pieces are in order of group and lane; a want is a place in every lane's list of its group.
        let mut all = Vec::with_capacity(wants.len());
        for (group, of_lanes) in groups.iter().zip(found.chunks(lanes)) {
            for place in 0..group.len() {
                all.push(of_lanes.iter().filter_map(|lists| lists.get(place).cloned()).collect());
            }
        }
        all
    }

    fn read_floats(&mut self, market: &Market, wanted: &[Wanted]) {
        let whole = wanted.iter().any(|want| needs_whole_bars(&want.params));
        if self.floats.len() == market.lanes.len() && (self.are_whole || !whole) {
            return;
        }
        let read = |lane: &Lane| lane.columns.floats((0, lane.columns.len()), whole);
        self.floats = market.lanes.par_iter().map(read).collect();
        self.are_whole = whole;
    }

    /// Drops what this batch does not need, oldest first, until the rest fits.
    fn forget(&mut self) {
        while self.count > MARKS_MAX {
            let oldest = self.kept.iter().filter(|(_, kept)| kept.batch < self.batch);
            let Some(key) = oldest.min_by_key(|(_, kept)| kept.batch).map(|(key, _)| key.clone()) else {
                return;
            };
            if let Some(kept) = self.kept.remove(&key) {
                self.count -= kept.count;
            }
        }
    }
}
