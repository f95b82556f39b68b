//! How each kind of notice is told to an account, and when its day is summed up.

use std::collections::BTreeMap;
use std::fmt;

use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, column};
use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;
use crate::domain::words::words;

/// How a kind of notice is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NoticeMode {
    #[default]
    On,
    /// Told without a sound.
    Silent,
    Off,
}

words!(NoticeMode { On => "on", Silent => "silent", Off => "off" });

/// When an account's day is summed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyPlan {
    /// 0 to 23; `None`: never.
    pub hour: Option<u8>,
    /// An IANA name such as `Asia/Seoul`.
    pub time_zone: String,
    /// The last day that was summed up, in that zone.
    pub told_on: Option<String>,
    /// When that was: from there on the next one counts.
    pub told_at: Option<Timestamp>,
}

/// What differs from `on`, by kind.
pub fn modes(conn: &Connection, account: AccountId) -> Result<BTreeMap<String, NoticeMode>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT kind, mode FROM notice_preferences WHERE account_id = ?1")?;
    let rows = statement.query_map([account.get()], |row| {
        Ok((row.get("kind")?, column::word(row, "mode", NoticeMode::from_word)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn set_mode(
    conn: &Connection,
    account: AccountId,
    kind: &str,
    mode: NoticeMode,
) -> Result<(), StoreError> {
    if mode == NoticeMode::On {
        conn.prepare_cached("DELETE FROM notice_preferences WHERE account_id = ?1 AND kind = ?2")?
            .execute(params![account.get(), kind])?;
    } else {
        conn.prepare_cached(
            "INSERT OR REPLACE INTO notice_preferences (account_id, kind, mode) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![account.get(), kind, mode.as_str()])?;
    }
    Ok(())
}

/// `None` for an account without a chat.
pub fn daily(conn: &Connection, account: AccountId) -> Result<Option<DailyPlan>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT daily_hour, time_zone, daily_told_on, daily_told_at FROM telegram_bots WHERE account_id = ?1",
    )?;
    let plan = statement.query_row([account.get()], |row| {
        Ok(DailyPlan {
            hour: row.get(0)?,
            time_zone: row.get(1)?,
            told_on: row.get(2)?,
            told_at: column::timestamp_opt(row, "daily_told_at")?,
        })
    });
    Ok(plan.optional()?)
}

pub fn set_daily(conn: &Connection, account: AccountId, plan: &DailyPlan) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE telegram_bots SET daily_hour = ?2, time_zone = ?3, daily_told_on = ?4, daily_told_at = ?5
         WHERE account_id = ?1",
    )?
    .execute(params![
        account.get(),
        plan.hour,
        plan.time_zone,
        plan.told_on,
        plan.told_at.map(Timestamp::ms)
    ])?;
    Ok(())
}
