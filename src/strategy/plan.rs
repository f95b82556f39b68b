//! What has to be computed: which strategies, with which parameters, on which symbols and timeframes.

use std::collections::{BTreeMap, BTreeSet};

use super::{StrategyParams, StrategySpec};
use crate::domain::ids::StrategyId;
use crate::domain::instrument::Symbol;
use crate::domain::time::Timeframe;
use crate::signal::SignalKey;

/// What the running bots follow. Adding the same thing twice changes nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SignalPlan {
    params: BTreeMap<StrategyId, StrategyParams>,
    wanted: BTreeSet<SignalKey>,
}

impl SignalPlan {
    /// `feed` is the timeframe of a spec that names none. A strategy has one spec: the last one added counts.
    pub fn add(&mut self, strategy: StrategyId, spec: &StrategySpec, symbol: &Symbol, feed: Timeframe) {
        if self.params.get(&strategy) != Some(&spec.params) {
            self.params.insert(strategy, spec.params.clone());
        }
        let timeframe = spec.timeframe.unwrap_or(feed);
        self.wanted.insert(SignalKey { strategy, symbol: symbol.clone(), timeframe });
    }

    /// The lowest id among the strategies with equal parameters, for each strategy.
    pub fn representatives(&self) -> BTreeMap<StrategyId, StrategyId> {
        let mut lowest: BTreeMap<String, StrategyId> = BTreeMap::new();
        let by_id = self.params.iter();
        by_id.map(|(id, params)| (*id, *lowest.entry(params.canonical()).or_insert(*id))).collect()
    }

    /// Parameters and keys under each strategy's own id.
    pub(super) const fn parts(&self) -> (&BTreeMap<StrategyId, StrategyParams>, &BTreeSet<SignalKey>) {
        (&self.params, &self.wanted)
    }
}
