//! The last n values, oldest first.

use std::collections::VecDeque;

/// A ring of at most `period` values.
#[derive(Debug, Clone)]
pub(super) struct Window {
    values: VecDeque<f64>,
    period: usize,
}

impl Window {
    pub(super) fn new(period: u32) -> Self {
        let period = period.max(1) as usize;
        Self { values: VecDeque::with_capacity(period), period }
    }

    /// Takes `value` in and returns the one it pushed out, once the window is full.
    pub(super) fn push(&mut self, value: f64) -> Option<f64> {
        let evicted = if self.is_full() { self.values.pop_front() } else { None };
        self.values.push_back(value);
        evicted
    }

    pub(super) fn is_full(&self) -> bool {
        self.values.len() == self.period
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        self.values.iter().copied()
    }
}
