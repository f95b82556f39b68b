//! What is known of exchanges' rate limits: bans outlive a restart, headroom is for people.

use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::{StoreError, column};
use crate::domain::ids::AccountId;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::{DurationMs, Timestamp};

/// An exchange takes nothing from an address for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BanRow {
    pub exchange: ExchangeKind,
    /// The way out: `direct`, a local address or a proxy.
    pub egress: String,
    pub until: Timestamp,
    pub reason: String,
}

/// One limit, as last known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeadroomRow {
    pub exchange: ExchangeKind,
    pub egress: String,
    /// The limit's name in the dialect's table.
    pub bucket: String,
    /// `None` for limits that all accounts of the address share.
    pub account: Option<AccountId>,
    pub used: u32,
    /// What may be used in a window.
    pub amount: u32,
    pub window: DurationMs,
    pub resets_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Keeps bans, and forgets those that were over by `now`.
pub fn write_bans(conn: &Connection, bans: &[BanRow], now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM rate_bans WHERE until_ms <= ?1")?.execute([now.ms()])?;
    let mut statement = conn.prepare_cached(
        "INSERT INTO rate_bans (exchange, egress, until_ms, reason) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (exchange, egress) DO UPDATE SET until_ms = excluded.until_ms, reason = excluded.reason
         WHERE excluded.until_ms > until_ms",
    )?;
    for ban in bans {
        statement.execute(params![ban.exchange.as_str(), ban.egress, ban.until.ms(), ban.reason])?;
    }
    Ok(())
}

/// Bans that are not over at `now`, by exchange and egress.
pub fn read_bans(conn: &Connection, now: Timestamp) -> Result<Vec<BanRow>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM rate_bans WHERE until_ms > ?1 ORDER BY exchange, egress")?;
    let rows = statement.query_map([now.ms()], |row| {
        Ok(BanRow {
            exchange: column::word(row, "exchange", ExchangeKind::from_word)?,
            egress: row.get("egress")?,
            until: column::timestamp(row, "until_ms")?,
            reason: row.get("reason")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Replaces all that was known.
pub fn write_headroom(conn: &Connection, rows: &[HeadroomRow]) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM rate_headroom")?.execute([])?;
    let mut statement = conn.prepare_cached(
        "INSERT INTO rate_headroom (exchange, egress, bucket, account_id, used, amount, window_ms, resets_at,
             updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for row in rows {
        statement.execute(params![
            row.exchange.as_str(),
            row.egress,
            row.bucket,
            row.account.map(AccountId::get),
            row.used,
            row.amount,
            row.window.ms(),
            row.resets_at.ms(),
            row.updated_at.ms(),
        ])?;
    }
    Ok(())
}

/// By exchange, egress and bucket; the shared ones before those of accounts.
pub fn read_headroom(conn: &Connection) -> Result<Vec<HeadroomRow>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM rate_headroom ORDER BY exchange, egress, bucket, account_id")?;
    let rows = statement.query_map([], headroom)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn headroom(row: &Row<'_>) -> rusqlite::Result<HeadroomRow> {
    Ok(HeadroomRow {
        exchange: column::word(row, "exchange", ExchangeKind::from_word)?,
        egress: row.get("egress")?,
        bucket: row.get("bucket")?,
        account: row.get::<_, Option<u32>>("account_id")?.map(AccountId::new),
        used: row.get("used")?,
        amount: row.get("amount")?,
        window: DurationMs::from_ms(row.get("window_ms")?),
        resets_at: column::timestamp(row, "resets_at")?,
        updated_at: column::timestamp(row, "updated_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts;
    use crate::store::scratch::Scratch;

    const AT: fn(i64) -> Timestamp = Timestamp::from_ms;

    fn ban(egress: &str, until: i64) -> BanRow {
        BanRow {
            exchange: ExchangeKind::Binance,
            egress: egress.to_owned(),
            until: AT(until),
            reason: "418".to_owned(),
        }
    }

    #[test]
    fn a_ban_is_remembered_until_it_is_over_and_never_shortened() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let conn = store.conn();
        write_bans(conn, &[ban("", 100), ban("10.0.0.2", 50)], AT(1)).unwrap();
        write_bans(conn, &[ban("", 80)], AT(2)).unwrap();
        assert_eq!(read_bans(conn, AT(2)).unwrap(), [ban("", 100), ban("10.0.0.2", 50)]);
        assert_eq!(read_bans(conn, AT(50)).unwrap(), [ban("", 100)]);
        write_bans(conn, &[], AT(100)).unwrap();
        assert_eq!(read_bans(conn, AT(0)).unwrap(), []);
    }

    #[test]
    fn headroom_is_what_was_told_last() {
        let scratch = Scratch::new();
        let store = scratch.open();
        let conn = store.conn();
        let account = accounts::insert(conn, "a", ExchangeKind::Binance, AT(1)).unwrap();
        let row = |account, used| HeadroomRow {
            exchange: ExchangeKind::Binance,
            egress: String::new(),
            bucket: "orders".to_owned(),
            account,
            used,
            amount: 300,
            window: DurationMs::from_secs(10),
            resets_at: AT(10_000),
            updated_at: AT(1),
        };
        write_headroom(conn, &[row(None, 1), row(Some(account), 2)]).unwrap();
        assert_eq!(read_headroom(conn).unwrap(), [row(None, 1), row(Some(account), 2)]);
        write_headroom(conn, &[row(None, 3)]).unwrap();
        assert_eq!(read_headroom(conn).unwrap(), [row(None, 3)]);
    }
}
