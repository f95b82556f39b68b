//! Names that a person may write, so that a mistyped one can be answered with the nearest.

use rusqlite::{Connection, params};

use crate::domain::ids::AccountId;
use crate::store::StoreError;

/// Accounts that were not removed, ordered by name.
pub fn accounts(conn: &Connection) -> Result<Vec<(AccountId, String)>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT id, name FROM accounts WHERE removed_at IS NULL ORDER BY name")?;
    let rows = statement.query_map([], |row| Ok((AccountId::new(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Names of bots, of one account or of all, removed ones too: their history stays. Ordered, each once.
pub fn bots(conn: &Connection, account: Option<AccountId>) -> Result<Vec<String>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT name FROM bot_instances WHERE ?1 IS NULL OR account_id = ?1 ORDER BY name",
    )?;
    let rows = statement.query_map(params![account.map(AccountId::get)], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Names of strategies, ordered.
pub fn strategies(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT name FROM strategies ORDER BY name")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Symbols that signals are known of, ordered.
pub fn signal_symbols(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT DISTINCT symbol FROM signals ORDER BY symbol")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
