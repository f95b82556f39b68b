//! The one place that reads clocks. Everything else takes the time as an argument.

use std::num::NonZeroU32;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::time::{DurationMs, Timestamp};

/// The wall clock, in milliseconds UTC; 1970 when the clock is set before it.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub fn wall_now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// A clock that never jumps: it starts at a given time and runs on the machine's monotonic clock, `rate` times as fast.
/// Real markets run at rate 1; a rehearsal against a local exchange may run faster.
#[derive(Debug, Clone, Copy)]
pub struct SteadyClock {
    started: Instant,
    at: Timestamp,
    rate: NonZeroU32,
}

impl SteadyClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock module")]
    pub fn start(at: Timestamp, rate: NonZeroU32) -> Self {
        Self { started: Instant::now(), at, rate }
    }

    pub fn now(&self) -> Timestamp {
        let elapsed = self.started.elapsed().as_millis().saturating_mul(u128::from(self.rate.get()));
        self.at.plus(DurationMs::from_ms(i64::try_from(elapsed).unwrap_or(i64::MAX)))
    }

    /// How long `duration` of this clock takes.
    pub fn wall(&self, duration: DurationMs) -> Duration {
        let micros = u64::try_from(duration.ms()).unwrap_or(0).saturating_mul(1_000);
        Duration::from_micros(micros / u64::from(self.rate.get()))
    }
}
