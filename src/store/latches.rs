//! The durable switches of an account that people and the supervisor set: halt and quarantine; and how far it came.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::{StoreError, column};
use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;

/// An account's switches. An account that never ran has none set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latch {
    /// Why it is halted, and whether its positions are to be closed.
    pub halt: Option<(String, bool)>,
    pub is_quarantined: bool,
    /// The last cycle it has handled.
    pub last_cycle_at: Option<Timestamp>,
}

pub fn read_all(conn: &Connection) -> Result<BTreeMap<AccountId, Latch>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT account_id, last_cycle_at, halted_at, halt_reason, halt_flatten, quarantined_at FROM account_state",
    )?;
    let rows = statement.query_map([], |row| {
        let halted_at = column::timestamp_opt(row, "halted_at")?;
        let reason: Option<String> = row.get("halt_reason")?;
        let flatten: bool = row.get("halt_flatten")?;
        let latch = Latch {
            halt: halted_at.map(|_| (reason.unwrap_or_default(), flatten)),
            is_quarantined: column::timestamp_opt(row, "quarantined_at")?.is_some(),
            last_cycle_at: column::timestamp_opt(row, "last_cycle_at")?,
        };
        Ok((AccountId::new(row.get("account_id")?), latch))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes an account out of service until a person resumes it.
pub fn quarantine(
    conn: &Connection,
    account: AccountId,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO account_state (account_id, quarantined_at, quarantine_reason, last_error, last_error_at, updated_at)
         VALUES (?1, ?2, ?3, ?3, ?2, ?2)
         ON CONFLICT (account_id) DO UPDATE SET quarantined_at = excluded.quarantined_at,
             quarantine_reason = excluded.quarantine_reason, last_error = excluded.last_error,
             last_error_at = excluded.last_error_at, updated_at = excluded.updated_at",
    )?
    .execute(params![account.get(), now.ms(), reason])?;
    Ok(())
}

/// Where an account that never ran begins, so that a restart knows it too.
pub fn enrol(conn: &Connection, account: AccountId, from: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO account_state (account_id, last_cycle_at, updated_at) VALUES (?1, ?2, ?2)
         ON CONFLICT (account_id) DO UPDATE SET last_cycle_at = coalesce(last_cycle_at, excluded.last_cycle_at)",
    )?
    .execute(params![account.get(), from.ms()])?;
    Ok(())
}

/// Keeps the last failure of an account for people to see.
pub fn note_error(
    conn: &Connection,
    account: AccountId,
    error: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE account_state SET last_error = ?2, last_error_at = ?3, updated_at = ?3 WHERE account_id = ?1",
    )?
    .execute(params![account.get(), error, now.ms()])?;
    Ok(())
}
