//! How long to wait before connecting again.

use crate::domain::time::DurationMs;
use crate::exchange::splitmix::{GOLDEN, mix};

const FIRST_MS: u64 = 500;
const LONGEST_MS: u64 = 30_000;

/// Doubles with each failure; half of it is jitter, so that sockets that fell together do not come back together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    seed: u64,
    drawn: u64,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, drawn: 0, failures: 0 }
    }

    pub(super) fn next(&mut self) -> DurationMs {
        let longest = 1_u64.checked_shl(self.failures).unwrap_or(u64::MAX).saturating_mul(FIRST_MS);
        let half = longest.min(LONGEST_MS) / 2;
        self.failures = self.failures.saturating_add(1);
        let wait = half.saturating_add(self.draw(half));
        DurationMs::from_ms(i64::try_from(wait).unwrap_or(i64::MAX))
    }

    /// The connection has held.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    fn draw(&mut self, below_ms: u64) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        let stream = mix(self.seed.wrapping_mul(GOLDEN));
        mix(stream.wrapping_add(self.drawn.wrapping_mul(GOLDEN))) % below_ms.max(1)
    }
}
