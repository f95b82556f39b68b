//! Reading columns into the domain's types. A value that does not parse is a damaged database, not a bad request.

use std::error::Error;
use std::str::FromStr;

use rusqlite::Row;
use rusqlite::types::Type;
use serde::de::DeserializeOwned;

use crate::domain::time::Timestamp;

pub(super) fn timestamp(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_ms)
}

pub(super) fn timestamp_opt(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_ms))
}

/// A text column that holds a `T`.
pub(super) fn parsed<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error| mismatch(row, column, error))
}

/// A text column that holds a `T` or NULL.
pub(super) fn parsed_opt<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|error| mismatch(row, column, error))).transpose()
}

/// An error for a word that this program does not write.
pub(super) fn unknown(row: &Row<'_>, column: &str, text: &str) -> rusqlite::Error {
    mismatch(row, column, UnknownWord(text.to_owned()))
}

/// A text column that holds one word of a closed set.
pub(super) fn word<T>(row: &Row<'_>, column: &str, from_word: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    from_word(&text).ok_or_else(|| unknown(row, column, &text))
}

/// A text column that holds JSON.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| mismatch(row, column, error))
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a word this program knows")]
struct UnknownWord(String);

/// An error that names the column of a value that cannot be.
pub(super) fn mismatch(
    row: &Row<'_>,
    column: &str,
    error: impl Error + Send + Sync + 'static,
) -> rusqlite::Error {
    let index = row.as_ref().column_index(column).unwrap_or(usize::MAX);
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, format!("column {column}: {error}").into())
}
