//! Counts of the fleet's present state, for monitoring. Each is answered from an index or a small table: they are asked
//! every few seconds while the daemon trades.

use rusqlite::Connection;
use rusqlite::types::FromSql;

use crate::store::StoreError;
use crate::store::journal::order_row::IS_WORKING;

/// How many of what there are now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Orders that have not ended, by status.
    pub working_orders: Vec<(String, u64)>,
    pub open_positions: u64,
    /// Of them with a stop at the exchange.
    pub protected_positions: u64,
    /// Notices that are not delivered (yet), by status.
    pub notices: Vec<(String, u64)>,
    pub accounts: AccountGauges,
    pub running_bots: u64,
    /// Breakers of active accounts, by state.
    pub breakers: Vec<(String, u64)>,
}

/// Accounts that are not removed; those that take part are counted once, by the worst that is wrong with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountGauges {
    pub inactive: u64,
    pub quarantined: u64,
    pub halted: u64,
    /// Neither quarantined nor halted, but the exchange does not answer.
    pub cut_off: u64,
    pub ok: u64,
}

impl AccountGauges {
    /// Accounts that people want to take part.
    pub const fn active(&self) -> u64 {
        self.quarantined + self.halted + self.cut_off + self.ok
    }
}

/// The states an order can be in that has not ended, in the order of its life.
pub const WORKING: [&str; 5] = ["intended", "sent", "unknown", "open", "partially_filled"];

pub fn gauges(conn: &Connection) -> Result<Gauges, StoreError> {
    let mut gauges = Gauges {
        working_orders: by_word(
            conn,
            &format!("SELECT status, count(*) FROM orders WHERE {IS_WORKING} GROUP BY status"),
        )?,
        notices: by_word(
            conn,
            "SELECT status, count(*) FROM outbox WHERE status IN ('pending', 'dead') GROUP BY status",
        )?,
        breakers: by_word(
            conn,
            "SELECT coalesce(s.breaker, 'closed'), count(*) FROM accounts a
             LEFT JOIN account_state s ON s.account_id = a.id
             WHERE a.removed_at IS NULL AND a.is_active = 1 GROUP BY 1",
        )?,
        running_bots: one(
            conn,
            "SELECT count(*) FROM bot_instances b JOIN accounts a ON a.id = b.account_id
             WHERE b.is_active = 1 AND b.is_running = 1 AND a.is_active = 1 AND a.removed_at IS NULL",
        )?,
        ..Gauges::default()
    };
    (gauges.open_positions, gauges.protected_positions) = conn
        .prepare_cached(
            "SELECT count(*), coalesce(sum(p.protected), 0) FROM bot_positions p
             WHERE p.closed_at IS NULL AND p.bot_id IS NOT NULL",
        )?
        .query_row([], |row| Ok((count(row.get(0)?), count(row.get(1)?))))?;
    for (health, number) in by_word(
        conn,
        "SELECT CASE WHEN a.is_active = 0 THEN 'inactive' WHEN s.quarantined_at IS NOT NULL THEN 'quarantined'
                     WHEN s.halted_at IS NOT NULL THEN 'halted' WHEN s.breaker = 'open' THEN 'cut_off'
                     ELSE 'ok' END, count(*)
         FROM accounts a LEFT JOIN account_state s ON s.account_id = a.id
         WHERE a.removed_at IS NULL GROUP BY 1",
    )? {
        let accounts = &mut gauges.accounts;
        match health.as_str() {
            "inactive" => accounts.inactive = number,
            "quarantined" => accounts.quarantined = number,
            "halted" => accounts.halted = number,
            "cut_off" => accounts.cut_off = number,
            _ => accounts.ok = number,
        }
    }
    Ok(gauges)
}

fn by_word(conn: &Connection, sql: &str) -> Result<Vec<(String, u64)>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, count(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn one(conn: &Connection, sql: &str) -> Result<u64, StoreError> {
    Ok(count(first(conn, sql)?))
}

fn first<T: FromSql>(conn: &Connection, sql: &str) -> Result<T, StoreError> {
    Ok(conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
