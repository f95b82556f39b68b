//! Work inside a transaction that can be taken back alone.

use rusqlite::Connection;

use super::StoreError;

/// Runs `work` in a transaction of the caller. What it did stays when it succeeds and `is_kept` says so; otherwise it is
/// as if it had never run.
pub fn tentatively<T, E: From<StoreError>>(
    conn: &Connection,
    work: impl FnOnce() -> Result<T, E>,
    is_kept: impl FnOnce(&T) -> bool,
) -> Result<T, E> {
    execute(conn, "SAVEPOINT tentative")?;
    let outcome = work();
    if !outcome.as_ref().is_ok_and(is_kept) {
        execute(conn, "ROLLBACK TO tentative")?;
    }
    execute(conn, "RELEASE tentative")?;
    outcome
}

fn execute(conn: &Connection, sql: &str) -> Result<(), StoreError> {
    conn.prepare_cached(sql)?.execute([])?;
    Ok(())
}
