//! Reading untrusted JSON: numbers are taken as the text they are written in, never through binary floating point.
//!
//! Exchanges write the same thing now as a number and now as a string, and leave it empty when there is none; the
//! types here read all forms. They need the text itself, so they do not work below `#[serde(flatten)]` or in untagged
//! or internally tagged enums, which keep an intermediate form: that is an error, never a rounded number.
//!
//! What cannot hurt: nesting is bounded (`serde_json` gives up at 128 levels, and skips what nobody asked for without
//! recursion), a field that a struct has and that comes twice is an error, a number longer than 64 characters is
//! refused before it is converted, and one of more than 20 digits before the point is no amount of anything, so that sums
//! of what was read cannot overflow.

use std::borrow::Cow;
use std::fmt;

use rust_decimal::Decimal;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::domain::time::Timestamp;

/// The longest number that is read.
const NUMBER_LEN_MAX: usize = 64;
/// Digits after the point, and powers of ten either way, that [`Decimal`] can hold.
const SCALE_MAX: i64 = 28;
/// Digits before the point: a hundred million numbers of so many still add up to one that [`Decimal`] can hold.
const WHOLE_DIGITS_MAX: i64 = 20;

/// Reads a whole answer.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(text)
}

/// Money, or any other exact number: `"1.50"`, `1.50` or `1.5e0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecimalText(pub Decimal);

/// The same, or nothing: `null` or `""`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OptionalDecimal(pub Option<Decimal>);

/// A whole number: `"5"` or `5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntText(pub i64);

/// The same, or nothing: `null` or `""`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OptionalInt(pub Option<i64>);

/// An identifier, a number or not: `"12"` and `12` are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdText(pub String);

/// The same, or nothing: `null` or `""`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptionalId(pub Option<String>);

/// Milliseconds since 1970: `"1600000000000"` or `1600000000000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeText(pub Timestamp);

/// The same, or nothing: `null` or `""`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OptionalTime(pub Option<Timestamp>);

/// A number that is not one, or not one that can be kept exactly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {problem}")]
pub struct BadNumber {
    /// Its beginning, if it is long.
    text: String,
    problem: &'static str,
}

impl BadNumber {
    fn new(text: &str, problem: &'static str) -> Self {
        const SHOWN_MAX: usize = 32;
        let mut shown: String = text.chars().take(SHOWN_MAX).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Self { text: shown, problem }
    }
}

/// Reads a decimal number, with an exponent or without, to the last digit or not at all.
pub fn decimal(text: &str) -> Result<Decimal, BadNumber> {
    const NO_NUMBER: &str = "is not a decimal number";
    const INEXACT: &str = "has more digits than can be kept exactly";
    const TOO_LARGE: &str = "is larger than any number of an exchange";
    if text.len() > NUMBER_LEN_MAX {
        return Err(BadNumber::new(text, "is longer than any number of an exchange"));
    }
    let bad = |problem| BadNumber::new(text, problem);
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return Err(bad(NO_NUMBER));
    }
    let exponent: i64 = exponent.parse().map_err(|_| bad(NO_NUMBER))?;
    // Zeros at the end say nothing, and there may be more of them than fit.
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Ok(Decimal::ZERO);
    }
    let value: i128 = significant.parse().map_err(|_| bad(INEXACT))?;
    let point = i64::try_from(whole.len()).unwrap_or(i64::MAX).saturating_add(exponent);
    let zeros = significant.len() - significant.trim_start_matches('0').len();
    if point.saturating_sub(i64::try_from(zeros).unwrap_or(i64::MAX)) > WHOLE_DIGITS_MAX {
        return Err(bad(TOO_LARGE));
    }
    let scale = i64::try_from(significant.len()).unwrap_or(i64::MAX).saturating_sub(point);
    if scale.abs() > SCALE_MAX {
        return Err(bad(INEXACT));
    }
    let power = u32::try_from(scale.saturating_neg()).unwrap_or(0);
    let value = 10_i128.checked_pow(power).and_then(|power| value.checked_mul(power));
    let value = value.map(|value| if negative { value.saturating_neg() } else { value });
    value
        .and_then(|value| Decimal::try_from_i128_with_scale(value, u32::try_from(scale).unwrap_or(0)).ok())
        .ok_or_else(|| bad(INEXACT))
}

fn int(text: &str) -> Result<i64, BadNumber> {
    let value = decimal(text)?;
    i64::try_from(value)
        .ok()
        .filter(|_| value.is_integer())
        .ok_or_else(|| BadNumber::new(text, "is not a whole number of 64 bits"))
}

/// The text of a string or of a number; empty for `null`.
fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?.get();
    match raw.as_bytes().first() {
        Some(b'"') => match raw.get(1..raw.len().saturating_sub(1)) {
            Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
            _ => serde_json::from_str(raw).map(Cow::Owned).map_err(Error::custom),
        },
        Some(b'-' | b'0'..=b'9') => Ok(Cow::Borrowed(raw)),
        Some(b'n') => Ok(Cow::Borrowed("")),
        _ => Err(Error::custom(BadNumber::new(raw, "is neither a number nor a text"))),
    }
}

/// Reads what must be there.
fn required<'de, D, T, E>(deserializer: D, read: impl Fn(&str) -> Result<T, E>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: fmt::Display,
{
    read(&scalar(deserializer)?).map_err(Error::custom)
}

/// Reads what may be empty.
fn optional<'de, D, T, E>(deserializer: D, read: impl Fn(&str) -> Result<T, E>) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    E: fmt::Display,
{
    let text = scalar(deserializer)?;
    if text.is_empty() { Ok(None) } else { read(&text).map(Some).map_err(Error::custom) }
}

fn id(text: &str) -> Result<String, BadNumber> {
    if text.is_empty() { Err(BadNumber::new(text, "is no identifier")) } else { Ok(text.to_owned()) }
}

fn time(text: &str) -> Result<Timestamp, BadNumber> {
    int(text).map(Timestamp::from_ms)
}

/// Makes a type read itself by one of the functions above.
macro_rules! reads {
    ($($name:ident = $form:ident($read:ident)),+ $(,)?) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $form(deserializer, $read).map(Self)
            }
        }
    )+};
}

reads!(
    DecimalText = required(decimal),
    OptionalDecimal = optional(decimal),
    IntText = required(int),
    OptionalInt = optional(int),
    IdText = required(id),
    OptionalId = optional(id),
    TimeText = required(time),
    OptionalTime = optional(time),
);

#[cfg(test)]
mod tests;
