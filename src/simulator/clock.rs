//! The exchange's time: the wall clock's at its start, running `speed` times as fast from then on.

use std::time::Duration;

use crate::clock::wall_now;
use crate::domain::time::{DurationMs, Timestamp};

#[derive(Debug, Clone, Copy)]
pub struct SimClock {
    started: Timestamp,
    speed: u32,
}

impl SimClock {
    pub fn start(speed: u32) -> Self {
        Self { started: wall_now(), speed: speed.max(1) }
    }

    pub const fn started(&self) -> Timestamp {
        self.started
    }

    pub const fn speed(&self) -> u32 {
        self.speed
    }

    pub fn now(&self) -> Timestamp {
        let elapsed = wall_now().since(self.started).ms().max(0);
        self.started.plus(DurationMs::from_ms(elapsed).times(i64::from(self.speed)))
    }

    /// How long to wait, by the wall clock, until the exchange's time is `at`.
    pub fn until(&self, at: Timestamp) -> Duration {
        let span = u64::try_from(at.since(self.now()).ms()).unwrap_or(0);
        Duration::from_millis(span.div_ceil(u64::from(self.speed)))
    }
}
