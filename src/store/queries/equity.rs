//! How an account's worth went.

use rusqlite::{Connection, params};

use crate::domain::ids::AccountId;
use crate::domain::money::Quote;
use crate::domain::time::Timestamp;
use crate::store::{StoreError, column};

/// The latest snapshots, oldest first; of more than `most` an even selection, with the last among it.
pub fn curve(
    conn: &Connection,
    account: AccountId,
    since: Option<Timestamp>,
    most: u32,
) -> Result<Vec<(Timestamp, Quote)>, StoreError> {
    let since = since.map_or(i64::MIN, Timestamp::ms);
    let count: u32 = conn
        .prepare_cached("SELECT count(*) FROM equity_snapshots WHERE account_id = ?1 AND at >= ?2")?
        .query_row(params![account.get(), since], |row| row.get(0))?;
    let every = count.div_ceil(most.max(1)).max(1);
    let mut statement = conn.prepare_cached(
        "SELECT at, equity FROM (
             SELECT at, equity, row_number() OVER (ORDER BY at DESC) - 1 AS place
             FROM equity_snapshots WHERE account_id = ?1 AND at >= ?2
         ) WHERE place % ?3 = 0 ORDER BY at",
    )?;
    let rows = statement.query_map(params![account.get(), since, every], |row| {
        Ok((column::timestamp(row, "at")?, column::parsed(row, "equity")?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
