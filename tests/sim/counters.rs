//! What the simulation has met: without each of these often enough it would prove nothing.

use std::collections::BTreeMap;

#[derive(Debug, Default, Clone)]
pub(crate) struct Counters {
    pub faults: BTreeMap<String, u64>,
    pub crashes: BTreeMap<String, u64>,
    pub edges: BTreeMap<String, u64>,
    pub works: BTreeMap<&'static str, u64>,
}

impl Counters {
    pub(crate) fn add(&mut self, other: &Self) {
        let pairs = [(&mut self.faults, &other.faults), (&mut self.crashes, &other.crashes)];
        for (mine, theirs) in pairs.into_iter().chain([(&mut self.edges, &other.edges)]) {
            for (key, count) in theirs {
                *mine.entry(key.clone()).or_default() += count;
            }
        }
        for (key, count) in &other.works {
            *self.works.entry(key).or_default() += count;
        }
    }

    pub(crate) fn work(&mut self, what: &'static str, count: u64) {
        *self.works.entry(what).or_default() += count;
    }

    pub(crate) fn faults_total(&self) -> u64 {
        self.faults.values().sum::<u64>() + self.crashes.values().sum::<u64>()
    }
}
