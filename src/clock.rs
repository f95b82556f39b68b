//! The one place that reads clocks. Everything else takes the time as an argument.

use std::num::NonZeroU32;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::ClockId;

use crate::domain::time::{DurationMs, Timestamp};

/// The wall clock, in milliseconds UTC; 1970 when the clock is set before it.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub fn wall_now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Measures how long something takes, on the machine's monotonic clock. Never an input of a decision.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "this is the clock module")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// How long the machine has slept since it was started: what the monotonic clock does not count.
pub fn suspended() -> Duration {
    since_boot().saturating_sub(read(ClockId::Monotonic))
}

/// Since the machine was started, with the time it has slept. It never goes back.
pub fn since_boot() -> Duration {
    read(ClockId::Boottime)
}

fn read(id: ClockId) -> Duration {
    let time = rustix::time::clock_gettime(id);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// A clock that nobody sets: it starts at a given time and runs on the machine's time since boot, `rate` times as fast,
/// so that what was decided before the machine slept is as old as it really is. Real markets run at rate 1; a rehearsal
/// against a local exchange may run faster.
#[derive(Debug, Clone, Copy)]
pub struct SteadyClock {
    started: Duration,
    at: Timestamp,
    rate: NonZeroU32,
}

impl SteadyClock {
    pub fn start(at: Timestamp, rate: NonZeroU32) -> Self {
        Self { started: since_boot(), at, rate }
    }

    pub fn now(&self) -> Timestamp {
        let elapsed = since_boot().saturating_sub(self.started).as_millis();
        let elapsed = elapsed.saturating_mul(u128::from(self.rate.get()));
        self.at.plus(DurationMs::from_ms(i64::try_from(elapsed).unwrap_or(i64::MAX)))
    }

    /// How long `duration` of this clock takes.
    pub fn wall(&self, duration: DurationMs) -> Duration {
        let micros = u64::try_from(duration.ms()).unwrap_or(0).saturating_mul(1_000);
        Duration::from_micros(micros / u64::from(self.rate.get()))
    }
}
