//! Numbers and times as Upbit writes them.

use jiff::tz::{Offset, TimeZone};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::domain::time::Timestamp;

/// A bare JSON number with every digit of the decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number(pub(super) Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.normalize().to_string();
        RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// The decimal as a text.
pub(super) fn text(value: Decimal) -> String {
    value.normalize().to_string()
}

/// `2026-11-24T09:00:00+09:00`: Korea has no other time.
pub(super) fn korean(at: Timestamp) -> String {
    written(at, 9, "%Y-%m-%dT%H:%M:%S+09:00")
}

/// `2026-11-24T09:00:00.250+09:00`.
pub(super) fn korean_ms(at: Timestamp) -> String {
    written(at, 9, "%Y-%m-%dT%H:%M:%S.%3f+09:00")
}

/// `2026-11-24T00:00:00`, in UTC.
pub(super) fn utc_bare(at: Timestamp) -> String {
    written(at, 0, "%Y-%m-%dT%H:%M:%S")
}

/// `2026-11-24T09:00:00`, in Korea.
pub(super) fn korean_bare(at: Timestamp) -> String {
    written(at, 9, "%Y-%m-%dT%H:%M:%S")
}

/// Year and month, in UTC.
pub(super) fn month(at: Timestamp) -> String {
    written(at, 0, "%Y-%m")
}

/// `20261124` and `000000`, in UTC or in Korea.
pub(super) fn date_and_time(at: Timestamp, hours_east: i8) -> [String; 2] {
    ["%Y%m%d", "%H%M%S"].map(|format| written(at, hours_east, format))
}

pub(super) fn written(at: Timestamp, hours_east: i8, format: &str) -> String {
    let zone = TimeZone::fixed(Offset::constant(hours_east));
    // Times that have no date are beyond every market.
    let instant = jiff::Timestamp::from_millisecond(at.ms()).unwrap_or_default();
    instant.to_zoned(zone).strftime(format).to_string()
}
