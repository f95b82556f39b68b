//! Faults by number instead of by chance: each time that one might happen is counted, and a script says which do.

use crate::faults::Fault;

/// How often in a row a fault that lasts happens: longer than anything waits before it tries again.
const LASTING: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub fault: Fault,
    /// The number of the draw, counted by fault.
    pub at: usize,
    pub lasts: bool,
    /// In which way, as a draw would say it.
    pub how: u32,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    hits: Vec<Hit>,
    /// How often each fault might have happened.
    pub draws: std::collections::BTreeMap<Fault, usize>,
    pub done: usize,
}

impl Script {
    pub(crate) fn new(hits: &[Hit]) -> Self {
        Self { hits: hits.to_vec(), ..Self::default() }
    }

    pub(crate) fn draw(&mut self, fault: Fault) -> Option<u32> {
        let count = self.draws.entry(fault).or_default();
        let number = *count;
        *count += 1;
        let is_now = |hit: &&Hit| {
            let until = if hit.lasts { hit.at + LASTING } else { hit.at + 1 };
            hit.fault == fault && (hit.at..until).contains(&number)
        };
        let how = self.hits.iter().find(is_now)?.how;
        self.done += 1;
        Some(how)
    }
}
