//! Times as people write and read them: UTC, `2022-06-15 03:00`.

use jiff::civil;
use jiff::tz::TimeZone;

use crate::domain::time::{DurationMs, Timestamp};

/// `2022-06-15 03:00`.
pub(super) fn minute(at: Timestamp) -> String {
    formatted(at, "%Y-%m-%d %H:%M")
}

/// `2022-06-15`.
pub(super) fn day(at: Timestamp) -> String {
    formatted(at, "%Y-%m-%d")
}

/// `2022-06-15 03:00:00.250`.
pub(super) fn millisecond(at: Timestamp) -> String {
    formatted(at, "%Y-%m-%d %H:%M:%S%.3f")
}

pub(super) fn minute_opt(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), minute)
}

/// The two largest units: `2d 3h`, `3h 5m`, `5m 10s`, `10.250s`, `250ms`.
pub(super) fn span(length: DurationMs) -> String {
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

/// Reads a day, a time, an RFC 3339 time, milliseconds since 1970, or a length of time before `now` (`90m`, `24h`,
/// `7d`).
pub(super) fn parse(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    before(text, now)
        .or_else(|| text.parse().ok().map(Timestamp::from_ms))
        .or_else(|| text.parse().ok().map(of_instant))
        .or_else(|| text.parse::<civil::DateTime>().ok().and_then(of_civil))
        .or_else(|| text.parse::<civil::Date>().ok().and_then(|day| of_civil(day.at(0, 0, 0, 0))))
        .ok_or_else(|| {
            format!("`{text}` is not a time; write 2022-06-15, \"2022-06-15 03:00\" (UTC), or 90m, 24h, 7d for ago")
        })
}

/// Reads a day, `2022-06-15`; it begins at 00:00 UTC.
pub(super) fn parse_day(text: &str) -> Result<Timestamp, String> {
    let day = text.trim().parse::<civil::Date>().ok();
    day.and_then(|day| of_civil(day.at(0, 0, 0, 0)))
        .ok_or_else(|| format!("`{text}` is not a day; write 2022-06-15"))
}

fn before(text: &str, now: Timestamp) -> Option<Timestamp> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let count: i64 = text.strip_suffix(unit)?.parse().ok().filter(|count| *count >= 0)?;
    Some(now.minus(DurationMs::from_secs(seconds).times(count)))
}

fn of_civil(time: civil::DateTime) -> Option<Timestamp> {
    time.to_zoned(TimeZone::UTC).ok().map(|zoned| of_instant(zoned.timestamp()))
}

fn of_instant(instant: jiff::Timestamp) -> Timestamp {
    Timestamp::from_ms(instant.as_millisecond())
}

fn formatted(at: Timestamp, format: &str) -> String {
    jiff::Timestamp::from_millisecond(at.ms())
        .map_or_else(|_| at.to_string(), |instant| instant.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back() {
        let three = Timestamp::from_ms(1_655_262_000_000);
        for text in ["2022-06-15 03:00", "2022-06-15T03:00:00Z", "1655262000000", "2022-06-15T03:00"] {
            assert_eq!(parse(text, Timestamp::default()), Ok(three), "{text}");
        }
        assert_eq!(parse("2022-06-15", Timestamp::default()), Ok(Timestamp::from_ms(1_655_251_200_000)));
        assert_eq!(parse("3h", three), Ok(Timestamp::from_ms(1_655_251_200_000)));
        assert_eq!(minute(three), "2022-06-15 03:00");
        assert_eq!(millisecond(three.plus(DurationMs::from_ms(250))), "2022-06-15 03:00:00.250");
        assert_eq!(parse_day("2022-06-15"), Ok(Timestamp::from_ms(1_655_251_200_000)));
        assert!(parse_day("15.6.2022").is_err());
        assert!(parse("yesterday", three).is_err());
        assert!(parse("-3h", three).is_err());
    }

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
