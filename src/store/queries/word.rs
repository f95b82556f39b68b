//! Columns that hold one of a closed set of words.

use rusqlite::Row;

use crate::domain::side::{PositionSide, Side};
use crate::store::column;

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not one of the words of this column")]
struct UnknownWord(String);

/// The column's word as `read` understands it.
pub(in crate::store) fn word<T>(
    row: &Row<'_>,
    column: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    read(&text).ok_or_else(|| column::mismatch(row, column, UnknownWord(text)))
}

pub(in crate::store) fn side(text: &str) -> Option<Side> {
    [Side::Buy, Side::Sell].into_iter().find(|side| side.as_str() == text)
}

pub(in crate::store) fn position_side(text: &str) -> Option<PositionSide> {
    [PositionSide::Long, PositionSide::Short].into_iter().find(|side| side.as_str() == text)
}

/// A text column that may be NULL, parsed.
pub(in crate::store) fn parsed_opt<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get::<_, Option<String>>(column)?
        .map(|text| text.parse().map_err(|error| column::mismatch(row, column, error)))
        .transpose()
}
