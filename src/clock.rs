//! The one place that reads clocks. Everything else takes the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::time::Timestamp;

/// The wall clock, in milliseconds UTC; 1970 when the clock is set before it.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub fn wall_now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
