//! The latches of an account, halt and quarantine, and how it fares.
//!
//! The halt latch is durable before anything else is tried, and only [`end_halt`] clears it.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, column};
use crate::domain::ids::AccountId;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::Timestamp;

/// What stands in an account's state beside the machine's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountHealth {
    pub last_cycle_at: Option<Timestamp>,
    /// The market it trades at; `None`: a tape's.
    pub market: Option<ExchangeKind>,
    /// In the account's quote currency.
    pub equity: Option<String>,
    pub halted_at: Option<Timestamp>,
    pub halt_reason: Option<String>,
    pub halt_flatten: bool,
    pub quarantined_at: Option<Timestamp>,
    pub quarantine_reason: Option<String>,
    /// closed, open or half_open; `None` before the daemon has looked after the account.
    pub breaker: Option<String>,
    pub last_error: Option<String>,
    pub last_error_at: Option<Timestamp>,
}

/// How the account fares; all empty before the daemon or a halt has written its row.
pub fn health(conn: &Connection, account: AccountId) -> Result<AccountHealth, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM account_state WHERE account_id = ?1")?;
    Ok(statement.query_row([account.get()], from_row).optional()?.unwrap_or_default())
}

/// Every account's state that has one.
pub fn read_all(conn: &Connection) -> Result<BTreeMap<AccountId, AccountHealth>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM account_state")?;
    let rows = statement.query_map([], |row| Ok((AccountId::new(row.get("account_id")?), from_row(row)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Sets the halt latch. One that is set already takes the new reason, and keeps its wish to flatten.
pub fn halt(
    conn: &Connection,
    account: AccountId,
    reason: &str,
    flatten: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO account_state (account_id, halted_at, halt_reason, halt_flatten, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?2)
         ON CONFLICT (account_id) DO UPDATE SET halted_at = coalesce(halted_at, excluded.halted_at),
             halt_reason = excluded.halt_reason, halt_flatten = max(halt_flatten, excluded.halt_flatten),
             updated_at = excluded.updated_at",
    )?
    .execute(params![account.get(), now.ms(), reason, flatten])?;
    Ok(())
}

/// Clears the halt latch.
pub fn end_halt(conn: &Connection, account: AccountId, now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE account_state SET halted_at = NULL, halt_reason = NULL, halt_flatten = 0, updated_at = ?2
         WHERE account_id = ?1",
    )?
    .execute(params![account.get(), now.ms()])?;
    Ok(())
}

/// Takes an account into service again.
pub fn end_quarantine(conn: &Connection, account: AccountId, now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE account_state SET quarantined_at = NULL, quarantine_reason = NULL, updated_at = ?2
         WHERE account_id = ?1",
    )?
    .execute(params![account.get(), now.ms()])?;
    Ok(())
}

/// The names of those of the accounts that are in quarantine: nothing is done for them.
pub fn quarantined(conn: &Connection, accounts: &[AccountId]) -> Result<Vec<String>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT name FROM accounts JOIN account_state ON account_state.account_id = accounts.id
         WHERE accounts.id = ?1 AND quarantined_at IS NOT NULL AND removed_at IS NULL",
    )?;
    let mut names = Vec::new();
    for account in accounts {
        names.extend(statement.query_row([account.get()], |row| row.get::<_, String>(0)).optional()?);
    }
    Ok(names)
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
pub fn enrol(conn: &Connection, account: AccountId, from: Timestamp, market: &str) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO account_state (account_id, last_cycle_at, market, updated_at) VALUES (?1, ?2, ?3, ?2)
         ON CONFLICT (account_id) DO UPDATE SET market = excluded.market,
             last_cycle_at = coalesce(last_cycle_at, excluded.last_cycle_at)",
    )?
    .execute(params![account.get(), from.ms(), market])?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<AccountHealth> {
    Ok(AccountHealth {
        last_cycle_at: column::timestamp_opt(row, "last_cycle_at")?,
        market: ExchangeKind::from_word(&row.get::<_, String>("market")?),
        equity: row.get("equity")?,
        halted_at: column::timestamp_opt(row, "halted_at")?,
        halt_reason: row.get("halt_reason")?,
        halt_flatten: row.get("halt_flatten")?,
        quarantined_at: column::timestamp_opt(row, "quarantined_at")?,
        quarantine_reason: row.get("quarantine_reason")?,
        breaker: row.get("breaker")?,
        last_error: row.get("last_error")?,
        last_error_at: column::timestamp_opt(row, "last_error_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts;
    use crate::store::scratch::Scratch;

    #[test]
    fn a_halt_stays_until_it_is_resumed() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let (conn, at) = (store.conn(), Timestamp::from_ms);
        let id = accounts::insert(conn, "a", ExchangeKind::Paper, at(1)).unwrap();
        assert_eq!(health(conn, id).unwrap(), AccountHealth::default());
        halt(conn, id, "first", true, at(2)).unwrap();
        halt(conn, id, "second", false, at(3)).unwrap();
        let halted = health(conn, id).unwrap();
        assert_eq!((halted.halted_at, halted.halt_flatten), (Some(at(2)), true));
        assert_eq!(halted.halt_reason.as_deref(), Some("second"));
        end_quarantine(conn, id, at(4)).unwrap();
        end_halt(conn, id, at(4)).unwrap();
        let resumed = health(conn, id).unwrap();
        assert_eq!((resumed.halted_at, resumed.halt_flatten), (None, false));
    }
}
