//! Times as people write them: UTC, `2022-06-15 03:00`.

use jiff::civil;
use jiff::tz::TimeZone;

use super::CliError;
pub(super) use crate::domain::calendar::{day, millisecond, minute, minute_opt, span};
use crate::domain::time::{DurationMs, Timestamp};

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

/// Reads both ends of `--from` and `--to`; the end must come after the start.
pub(super) fn period(
    from: Option<&str>,
    to: Option<&str>,
    now: Timestamp,
) -> Result<(Option<Timestamp>, Option<Timestamp>), CliError> {
    let read = |flag: &str, text: Option<&str>| {
        let read = text.map(|text| parse(text, now)).transpose();
        read.map_err(|error| CliError::usage(format!("{flag}: {error}")))
    };
    let (from, to) = (read("--from", from)?, read("--to", to)?);
    match (from, to) {
        (Some(from), Some(to)) if to <= from => {
            Err(CliError::usage(format!("--to {} is not after --from {}", minute(to), minute(from))))
        }
        (_, _) => Ok((from, to)),
    }
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
}
