//! Single fields as text: times, prices and volumes, and what each may not be.

use rust_decimal::{Decimal, dec};

use super::layout::TimeUnit;
use super::{Price, Problem, Timestamp};
use crate::market::finding::excerpt;

/// 2100-01-01, in ms: later times are another unit or nonsense.
pub(super) const OPEN_TIME_MAX: i64 = 4_102_444_800_000;

/// Within these bounds the volumes of the 1,440 minutes of a day add up exactly in 28 digits.
const VOLUME_MAX: Decimal = dec!(1_000_000_000_000_000);
const VOLUME_DECIMALS: u32 = 10;

/// A time as a whole number of `unit`.
pub(super) fn time_in(unit: TimeUnit, column: &'static str, field: &[u8]) -> Result<Timestamp, Problem> {
    let text = plain_number(column, field)?;
    if field.contains(&b'.') {
        return Err(Problem::Unreadable { column, text: excerpt(field) });
    }
    let ms = text.parse::<i64>().ok().and_then(|number| unit.ms(number));
    match ms {
        Some(ms) if (0..=OPEN_TIME_MAX).contains(&ms) => Ok(Timestamp::from_ms(ms)),
        Some(_) | None if unit == TimeUnit::Milliseconds => {
            Err(Problem::TimeOutOfRange { column, text: excerpt(field), max: OPEN_TIME_MAX })
        }
        Some(_) | None => Err(Problem::NotInUnit { text: excerpt(field), unit: unit.name() }),
    }
}

pub(super) fn parse_price(column: &'static str, field: &[u8]) -> Result<Price, Problem> {
    let text = plain_number(column, field)?;
    let too_long = || Problem::PriceBeyondBound { column, text: excerpt(field) };
    let value = Decimal::from_str_exact(text).map_err(|_| too_long())?;
    if value <= Decimal::ZERO {
        return Err(Problem::PriceNotPositive { column, text: excerpt(field) });
    }
    Price::try_new(value).map_err(|_| too_long())
}

/// Volumes carry no money: tools that write `9e-05` are understood, and decimals beyond the tenth are rounded.
pub(super) fn parse_volume(field: &[u8]) -> Result<Decimal, Problem> {
    let too_long = || Problem::VolumeBeyondBound { text: excerpt(field) };
    let value = match plain_number("volume", field) {
        Ok(text) => text.parse::<Decimal>().map_err(|_| too_long())?,
        Err(problem @ Problem::Exponent { .. }) => {
            let text = std::str::from_utf8(field).map_err(|_| problem)?;
            Decimal::from_scientific(text).map_err(|_| too_long())?
        }
        Err(problem) => return Err(problem),
    };
    if value < Decimal::ZERO {
        return Err(Problem::NegativeVolume { text: excerpt(field) });
    }
    if value > VOLUME_MAX {
        return Err(too_long());
    }
    Ok(value.round_dp(VOLUME_DECIMALS).normalize())
}

/// The field as text without the zeros that end its decimals, if it is digits with at most one point between them.
pub(super) fn plain_number<'a>(column: &'static str, field: &'a [u8]) -> Result<&'a str, Problem> {
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    let point = digits.iter().position(|byte| *byte == b'.');
    let (whole, decimals) = match point.and_then(|point| digits.split_at_checked(point)) {
        Some((whole, decimals)) => (whole, decimals.get(1..)),
        None => (digits, None),
    };
    let is_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    match std::str::from_utf8(field) {
        Ok(text) if is_digits(whole) && decimals.is_none() => Ok(text),
        Ok(text) if is_digits(whole) && decimals.is_some_and(is_digits) => {
            Ok(text.trim_end_matches('0').trim_end_matches('.'))
        }
        Ok(_) | Err(_) => Err(not_a_number(column, field)),
    }
}

fn not_a_number(column: &'static str, field: &[u8]) -> Problem {
    let text = excerpt(field);
    // `str::parse::<f64>` knows all the other spellings of numbers, so that the finding can name which one it is.
    match std::str::from_utf8(field).ok().and_then(|text| text.parse::<f64>().ok()) {
        Some(_) if field.iter().any(|byte| matches!(byte, b'n' | b'N')) => {
            Problem::NotFinite { column, text }
        }
        Some(_) if field.iter().any(|byte| matches!(byte, b'e' | b'E')) => Problem::Exponent { column, text },
        Some(_) | None => Problem::Unreadable { column, text },
    }
}
