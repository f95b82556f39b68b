//! Times as people read them: UTC, `2022-06-15 03:00`.

use super::time::{DurationMs, Timestamp};

/// `2022-06-15 03:00`.
pub fn minute(at: Timestamp) -> String {
    formatted(at, "%Y-%m-%d %H:%M")
}

/// `2022-06-15`.
pub fn day(at: Timestamp) -> String {
    formatted(at, "%Y-%m-%d")
}

/// `2022-06-15 03:00:00.250`.
pub fn millisecond(at: Timestamp) -> String {
    formatted(at, "%Y-%m-%d %H:%M:%S%.3f")
}

pub fn minute_opt(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), minute)
}

/// The two largest units: `2d 3h`, `3h 5m`, `5m 10s`, `10.250s`, `250ms`.
pub fn span(length: DurationMs) -> String {
    let ms = length.ms().unsigned_abs();
    let sign = if length.ms() < 0 { "-" } else { "" };
    let (seconds, minutes, hours, days) = (ms / 1_000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    let text = match (days, hours, minutes, seconds) {
        (1.., ..) => format!("{days}d {}h", hours % 24),
        (0, 1.., ..) => format!("{hours}h {}m", minutes % 60),
        (0, 0, 1.., _) => format!("{minutes}m {}s", seconds % 60),
        (0, 0, 0, 1..) => format!("{seconds}.{:03}s", ms % 1_000),
        (0, 0, 0, 0) => format!("{ms}ms"),
    };
    format!("{sign}{text}")
}

fn formatted(at: Timestamp, format: &str) -> String {
    jiff::Timestamp::from_millisecond(at.ms())
        .map_or_else(|_| at.to_string(), |instant| instant.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_show_their_two_largest_units() {
        for (ms, text) in [
            (0, "0ms"),
            (250, "250ms"),
            (10_250, "10.250s"),
            (310_000, "5m 10s"),
            (11_100_000, "3h 5m"),
            (183_600_000, "2d 3h"),
            (-250, "-250ms"),
        ] {
            assert_eq!(span(DurationMs::from_ms(ms)), text);
        }
    }
}
