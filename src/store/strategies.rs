//! Strategies: named parameter sets of a kind. What the parameters mean is not the store's business.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::is_duplicate;
use super::{StoreError, column};
use crate::domain::ids::StrategyId;
use crate::domain::time::{Timeframe, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrategyRow {
    pub id: StrategyId,
    pub name: String,
    /// `ema_cross`, `momentum`, `macd` or `ai_trend`.
    pub kind: String,
    /// Only the parameters that differ from the kind's defaults.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// `None` = the finest timeframe of the market feed.
    pub timeframe: Option<Timeframe>,
    pub is_builtin: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Adds a strategy with its kind's defaults; [`update`] sets parameters and timeframe.
pub fn insert(conn: &Connection, name: &str, kind: &str, now: Timestamp) -> Result<StrategyId, StoreError> {
    let id = conn
        .prepare_cached(
            "INSERT INTO strategies (name, kind, created_at, updated_at) VALUES (?1, ?2, ?3, ?3) RETURNING id",
        )?
        .query_row(params![name, kind, now.ms()], |row| row.get(0))
        .map_err(|error| named(error, name))?;
    Ok(StrategyId::new(id))
}

pub fn find(conn: &Connection, name: &str) -> Result<StrategyRow, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM strategies WHERE name = ?1")?;
    let row = statement.query_row([name], from_row).optional()?;
    row.ok_or_else(|| StoreError::not_found("strategy", name))
}

pub fn get(conn: &Connection, id: StrategyId) -> Result<StrategyRow, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM strategies WHERE id = ?1")?;
    let row = statement.query_row([id.get()], from_row).optional()?;
    row.ok_or_else(|| StoreError::not_found("strategy", id.to_string()))
}

/// All strategies, by id: the built-in ones first.
pub fn list(conn: &Connection) -> Result<Vec<StrategyRow>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM strategies ORDER BY id")?;
    let rows = statement.query_map([], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes the name, parameters and timeframe. A built-in strategy keeps its name.
pub fn update(conn: &Connection, strategy: &StrategyRow, now: Timestamp) -> Result<(), StoreError> {
    let changed = conn
        .prepare_cached(
            "UPDATE strategies SET name = CASE is_builtin WHEN 1 THEN name ELSE ?2 END, params = ?3,
                 timeframe = ?4, updated_at = ?5
             WHERE id = ?1",
        )?
        .execute(params![
            strategy.id.get(),
            strategy.name,
            serde_json::Value::from(strategy.params.clone()).to_string(),
            strategy.timeframe.map(Timeframe::as_str),
            now.ms()
        ])
        .map_err(|error| named(error, &strategy.name))?;
    if changed == 0 { Err(StoreError::not_found("strategy", &strategy.name)) } else { Ok(()) }
}

/// Deletes a strategy. Bots that used it are left without one; a built-in strategy stays.
pub fn remove(conn: &Connection, strategy: &StrategyRow) -> Result<(), StoreError> {
    if strategy.is_builtin {
        return Err(StoreError::Conflict { detail: format!("strategy `{}` is built in", strategy.name) });
    }
    match conn.prepare_cached("DELETE FROM strategies WHERE id = ?1")?.execute([strategy.id.get()])? {
        0 => Err(StoreError::not_found("strategy", &strategy.name)),
        _ => Ok(()),
    }
}

fn named(error: rusqlite::Error, name: &str) -> StoreError {
    if is_duplicate(&error) {
        StoreError::Exists { what: "strategy", name: name.to_owned() }
    } else {
        error.into()
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<StrategyRow> {
    let timeframe: Option<String> = row.get("timeframe")?;
    Ok(StrategyRow {
        id: StrategyId::new(row.get("id")?),
        name: row.get("name")?,
        kind: row.get("kind")?,
        params: column::json(row, "params")?,
        timeframe: timeframe
            .map(|text| text.parse())
            .transpose()
            .map_err(|error| column::mismatch(row, "timeframe", error))?,
        is_builtin: row.get("is_builtin")?,
        created_at: column::timestamp(row, "created_at")?,
        updated_at: column::timestamp(row, "updated_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    const NOW: Timestamp = Timestamp::from_ms(5);

    #[test]
    fn the_built_in_ones_are_there_and_stay() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let names: Vec<_> = list(store.conn()).unwrap().into_iter().map(|row| row.name).collect();
        assert_eq!(names, ["ema_cross", "momentum", "macd", "ai_trend"]);
        let macd = find(store.conn(), "macd").unwrap();
        assert!(matches!(remove(store.conn(), &macd), Err(StoreError::Conflict { .. })));
        update(store.conn(), &StrategyRow { name: "mine".to_owned(), ..macd.clone() }, NOW).unwrap();
        assert_eq!(get(store.conn(), macd.id).unwrap().name, "macd");
    }

    #[test]
    fn a_strategy_reads_back_as_written() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let id = insert(store.conn(), "fast", "macd", NOW).unwrap();
        let mut row = get(store.conn(), id).unwrap();
        row.params.insert("fast".to_owned(), 5.into());
        row.timeframe = Some(Timeframe::M15);
        update(store.conn(), &row, NOW).unwrap();
        assert_eq!(find(store.conn(), "fast").unwrap(), row);
        let taken = StoreError::Exists { what: "strategy", name: "fast".to_owned() };
        assert_eq!(insert(store.conn(), "fast", "macd", NOW), Err(taken));
        assert!(matches!(insert(store.conn(), "odd", "odd", NOW), Err(StoreError::Conflict { .. })));
        remove(store.conn(), &row).unwrap();
        assert_eq!(find(store.conn(), "fast"), Err(StoreError::not_found("strategy", "fast")));
    }
}
