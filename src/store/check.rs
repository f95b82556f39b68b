//! The findings of `db check`: is the file sound, do all references lead somewhere, is the audit chain whole, does the
//! ledger follow from its fills.

use rusqlite::Connection;
use serde::Serialize;

use super::ledger_check::{self, Difference};
use super::{StoreError, audit};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    pub name: &'static str,
    pub ok: bool,
    pub detail: String,
    /// What is stored and what it should be, where the check compares figures.
    pub differences: Vec<Difference>,
}

impl CheckResult {
    /// `Err` with what is wrong, or with the error that kept the check from finishing.
    pub fn new(name: &'static str, outcome: Result<String, String>) -> Self {
        match outcome {
            Ok(detail) => Self { name, ok: true, detail, differences: Vec::new() },
            Err(detail) => Self { name, ok: false, detail, differences: Vec::new() },
        }
    }
}

/// All checks, whether or not an earlier one failed. They must see one state: call it inside a transaction while a
/// daemon may be writing.
pub fn check(conn: &Connection) -> Vec<CheckResult> {
    let mut results = vec![
        CheckResult::new("integrity", integrity(conn)),
        CheckResult::new("foreign keys", foreign_keys(conn)),
        CheckResult::new("audit chain", audit_chain(conn)),
    ];
    match ledger_check::check(conn) {
        Ok(ledger) => results.extend(ledger),
        Err(error) => results.push(CheckResult::new("ledger", Err(error.to_string()))),
    }
    results
}

fn integrity(conn: &Connection) -> Result<String, String> {
    let findings = texts(conn, "PRAGMA integrity_check(10)").map_err(|error| error.to_string())?;
    if findings == ["ok"] { Ok("every page and index is sound".to_owned()) } else { Err(findings.join("; ")) }
}

fn foreign_keys(conn: &Connection) -> Result<String, String> {
    let sql = "SELECT \"table\" || ' row ' || coalesce(rowid, '?') || ' refers to no ' || parent
               FROM pragma_foreign_key_check LIMIT 10";
    let findings = texts(conn, sql).map_err(|error| error.to_string())?;
    if findings.is_empty() {
        Ok("every reference leads to a row".to_owned())
    } else {
        Err(findings.join("; "))
    }
}

fn audit_chain(conn: &Connection) -> Result<String, String> {
    let report = audit::verify(conn).map_err(|error| error.to_string())?;
    match (report.fault, report.head) {
        (Some(fault), _) => Err(fault.to_string()),
        (None, Some(head)) => Ok(format!("{} entries, head {}", report.entries, head.hash)),
        (None, None) => Ok("no entries yet".to_owned()),
    }
}

fn texts(conn: &Connection, sql: &str) -> Result<Vec<String>, StoreError> {
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;

    #[test]
    fn a_fresh_database_has_no_findings() {
        let scratch = Scratch::new();
        let results = check(scratch.open().conn());
        assert!(results.len() == 12 && results.iter().all(|result| result.ok), "{results:?}");
    }

    #[test]
    fn a_dangling_reference_is_named() {
        let scratch = Scratch::new();
        let store = scratch.open();
        store
            .conn()
            .execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO account_settings (account_id) VALUES (42)")
            .unwrap();
        let failed: Vec<_> = check(store.conn()).into_iter().filter(|result| !result.ok).collect();
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].detail, "account_settings row 42 refers to no accounts");
    }
}
