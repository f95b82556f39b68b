//! Wall time for the daemon's own housekeeping. Decisions never see it.

use std::time::{Duration, Instant};

/// Comes due every `period`.
#[derive(Debug)]
pub struct WallTimer {
    period: Duration,
    since: Instant,
}

impl WallTimer {
    #[expect(clippy::disallowed_methods, reason = "housekeeping of the shell, never an input of a decision")]
    pub fn new(period: Duration) -> Self {
        Self { period, since: Instant::now() }
    }

    /// True once a period; starts the next one.
    #[expect(clippy::disallowed_methods, reason = "housekeeping of the shell, never an input of a decision")]
    pub fn is_due(&mut self) -> bool {
        if self.left().is_some() {
            return false;
        }
        self.since = Instant::now();
        true
    }

    /// What is left of the period; `None` when it is over.
    pub fn left(&self) -> Option<Duration> {
        self.period.checked_sub(self.since.elapsed()).filter(|left| !left.is_zero())
    }
}
