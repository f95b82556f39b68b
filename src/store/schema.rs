//! Which schema a database has, and the way from there to ours.
//!
//! Migrations are append-only files; all that are missing run in one transaction, so a killed migration leaves the
//! old schema whole.

use refinery::Runner;
use rusqlite::{Connection, OptionalExtension};

use super::StoreError;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The schema version of this program.
pub fn known_version() -> i32 {
    runner().get_migrations().iter().map(refinery::Migration::version).max().unwrap_or(0)
}

/// The schema version of a database; 0 when it has none yet.
pub fn version(conn: &Connection) -> Result<i32, StoreError> {
    let history: Option<i64> = conn
        .query_row("SELECT 1 FROM sqlite_schema WHERE name = 'refinery_schema_history'", [], |row| row.get(0))
        .optional()?;
    if history.is_none() {
        return Ok(0);
    }
    Ok(conn
        .query_row("SELECT coalesce(max(version), 0) FROM refinery_schema_history", [], |row| row.get(0))?)
}

/// Whether tables are there that no migration of ours has made.
pub(super) fn is_foreign(conn: &Connection) -> Result<bool, StoreError> {
    let tables: i64 = conn.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE name <> 'refinery_schema_history' AND name NOT LIKE 'sqlite_%'",
        [],
        |row| row.get(0),
    )?;
    Ok(tables > 0 && version(conn)? == 0)
}

/// Refuses every schema but ours.
pub(super) fn require_known(conn: &Connection) -> Result<(), StoreError> {
    let (found, known) = (version(conn)?, known_version());
    match found.cmp(&known) {
        std::cmp::Ordering::Less => Err(StoreError::NotMigrated { found, known }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(StoreError::NewerSchema { found, known }),
    }
}

/// Applies what is missing, all or nothing.
pub(super) fn apply(conn: &mut Connection) -> Result<(), StoreError> {
    run(runner(), conn)
}

/// Applies what is missing of a set of migrations, all or nothing.
pub(super) fn run(migrations: Runner, conn: &mut Connection) -> Result<(), StoreError> {
    migrations
        .set_grouped(true)
        .run(conn)
        .map(|_| ())
        .map_err(|error| StoreError::MigrationFailed { detail: describe(&error) })
}

pub(super) fn runner() -> Runner {
    embedded::migrations::runner()
}

/// The error with its causes, which refinery keeps out of its own text.
fn describe(error: &refinery::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
