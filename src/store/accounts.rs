//! Accounts with their settings, paper settings and tags.
//!
//! Removing is soft: the row and its history stay, its name becomes free, its bots are deactivated.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;

use super::audit::{self, AuditEntry};
use super::error::is_duplicate;
use super::{StoreError, column, setting_columns};
use crate::domain::ids::AccountId;
use crate::domain::kind::ExchangeKind;
use crate::domain::side::PositionMode;
use crate::domain::time::Timestamp;
use crate::engine::settings::{AccountSettings, PaperSettings};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    pub id: AccountId,
    pub name: String,
    pub exchange: ExchangeKind,
    /// Encrypted; `None` where the exchange needs none.
    pub api_key: Option<String>,
    pub api_secret: Option<String>,
    pub passphrase: Option<String>,
    pub is_active: bool,
    pub proxy: Option<String>,
    pub bind_address: Option<String>,
    /// The exchange's own id of the account, pinned when it was first verified.
    pub exchange_uid: Option<String>,
    /// As the exchange said when it was last asked; `None`: not asked since the keys changed.
    pub position_mode: Option<PositionMode>,
    /// A person has said that a key which can withdraw may be used all the same.
    pub withdraw_key_allowed: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub removed_at: Option<Timestamp>,
    /// Sorted.
    pub tags: Vec<String>,
    pub settings: AccountSettings,
    pub paper_settings: PaperSettings,
}

/// All columns, so that one query reads a whole account.
const SELECT: &str = "SELECT accounts.*, account_settings.*, paper_settings.*,
        (SELECT json_group_array(tag ORDER BY tag) FROM account_tags WHERE account_id = accounts.id) AS tags
    FROM accounts
    JOIN account_settings ON account_settings.account_id = accounts.id
    JOIN paper_settings ON paper_settings.account_id = accounts.id";

/// Adds an active account without keys and with default settings. Keys are bound to the id this returns, so they are
/// written by [`update`] in the same transaction.
pub fn insert(
    conn: &Connection,
    name: &str,
    exchange: ExchangeKind,
    now: Timestamp,
) -> Result<AccountId, StoreError> {
    let id: u32 = conn
        .prepare_cached(
            "INSERT INTO accounts (name, exchange, created_at, updated_at) VALUES (?1, ?2, ?3, ?3) RETURNING id",
        )?
        .query_row(params![name, exchange.as_str(), now.ms()], |row| row.get(0))
        .map_err(|error| named(error, name))?;
    conn.prepare_cached("INSERT INTO account_settings (account_id) VALUES (?1)")?.execute([id])?;
    conn.prepare_cached("INSERT INTO paper_settings (account_id) VALUES (?1)")?.execute([id])?;
    let account = AccountId::new(id);
    // The program's defaults hold, not the schema's, should the two ever differ.
    update_settings(conn, account, &AccountSettings::default(), now)?;
    update_paper_settings(conn, account, &PaperSettings::default(), now)?;
    Ok(account)
}

/// The account of this name that is not removed.
pub fn find(conn: &Connection, name: &str) -> Result<AccountRow, StoreError> {
    let sql = format!("{SELECT} WHERE accounts.name = ?1 AND accounts.removed_at IS NULL");
    let row = conn.prepare_cached(&sql)?.query_row([name], from_row).optional()?;
    row.ok_or_else(|| StoreError::not_found("account", name))
}

/// The account of this id, removed or not.
pub fn get(conn: &Connection, id: AccountId) -> Result<AccountRow, StoreError> {
    let sql = format!("{SELECT} WHERE accounts.id = ?1");
    let row = conn.prepare_cached(&sql)?.query_row([id.get()], from_row).optional()?;
    row.ok_or_else(|| absent(id))
}

/// The name of an account, removed or not.
pub fn name(conn: &Connection, id: AccountId) -> Result<String, StoreError> {
    let mut statement = conn.prepare_cached("SELECT name FROM accounts WHERE id = ?1")?;
    statement.query_row([id.get()], |row| row.get(0)).optional()?.ok_or_else(|| absent(id))
}

/// All accounts that are not removed, by name.
pub fn list(conn: &Connection) -> Result<Vec<AccountRow>, StoreError> {
    let sql = format!("{SELECT} WHERE accounts.removed_at IS NULL ORDER BY accounts.name");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Those of [`list`] that carry `tag`.
pub fn tagged(conn: &Connection, tag: &str) -> Result<Vec<AccountRow>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE accounts.removed_at IS NULL
             AND accounts.id IN (SELECT account_id FROM account_tags WHERE tag = ?1) ORDER BY accounts.name"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([tag], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes the name, the encrypted keys, proxy, bind address and what the exchange said of `account`; nothing else.
pub fn update(conn: &Connection, account: &AccountRow, now: Timestamp) -> Result<(), StoreError> {
    let changed = conn
        .prepare_cached(
            "UPDATE accounts SET name = ?2, api_key = ?3, api_secret = ?4, passphrase = ?5, proxy = ?6,
                 bind_address = ?7, exchange_uid = ?8, position_mode_told = ?9, withdraw_key_allowed = ?10,
                 updated_at = ?11
             WHERE id = ?1 AND removed_at IS NULL",
        )?
        .execute(params![
            account.id.get(),
            account.name,
            account.api_key,
            account.api_secret,
            account.passphrase,
            account.proxy,
            account.bind_address,
            account.exchange_uid,
            account.position_mode.map(PositionMode::as_str),
            account.withdraw_key_allowed,
            now.ms()
        ])
        .map_err(|error| named(error, &account.name))?;
    found(changed, account.id)
}

pub fn update_settings(
    conn: &Connection,
    id: AccountId,
    settings: &AccountSettings,
    now: Timestamp,
) -> Result<(), StoreError> {
    touch(conn, id, now)?;
    setting_columns::update(conn, "account_settings", "account_id", id.get(), settings)
}

pub fn update_paper_settings(
    conn: &Connection,
    id: AccountId,
    settings: &PaperSettings,
    now: Timestamp,
) -> Result<(), StoreError> {
    touch(conn, id, now)?;
    setting_columns::update(conn, "paper_settings", "account_id", id.get(), settings)
}

pub fn set_active(
    conn: &Connection,
    id: AccountId,
    is_active: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let changed = conn
        .prepare_cached(
            "UPDATE accounts SET is_active = ?2, updated_at = ?3 WHERE id = ?1 AND removed_at IS NULL",
        )?
        .execute(params![id.get(), is_active, now.ms()])?;
    found(changed, id)
}

/// Removes the account softly: it and its bots stop being active, its history stays.
pub fn remove(conn: &Connection, id: AccountId, now: Timestamp) -> Result<(), StoreError> {
    let changed = conn
        .prepare_cached(
            "UPDATE accounts SET is_active = 0, removed_at = ?2, updated_at = ?2
             WHERE id = ?1 AND removed_at IS NULL",
        )?
        .execute(params![id.get(), now.ms()])?;
    found(changed, id)?;
    conn.prepare_cached(
        "UPDATE bot_instances SET is_active = 0, updated_at = ?2,
             last_stopped_at = CASE is_running WHEN 1 THEN ?2 ELSE last_stopped_at END, is_running = 0
         WHERE account_id = ?1 AND is_active = 1",
    )?
    .execute(params![id.get(), now.ms()])?;
    Ok(())
}

/// Replaces the account's tags.
pub fn set_tags(conn: &Connection, id: AccountId, tags: &[String], now: Timestamp) -> Result<(), StoreError> {
    touch(conn, id, now)?;
    conn.prepare_cached("DELETE FROM account_tags WHERE account_id = ?1")?.execute([id.get()])?;
    let mut insert =
        conn.prepare_cached("INSERT OR IGNORE INTO account_tags (account_id, tag) VALUES (?1, ?2)")?;
    for tag in tags {
        insert.execute(params![id.get(), tag])?;
    }
    Ok(())
}

fn touch(conn: &Connection, id: AccountId, now: Timestamp) -> Result<(), StoreError> {
    let changed = conn
        .prepare_cached("UPDATE accounts SET updated_at = ?2 WHERE id = ?1 AND removed_at IS NULL")?
        .execute(params![id.get(), now.ms()])?;
    found(changed, id)
}

fn found(changed: usize, id: AccountId) -> Result<(), StoreError> {
    if changed == 0 { Err(absent(id)) } else { Ok(()) }
}

fn absent(id: AccountId) -> StoreError {
    StoreError::not_found("account", id.to_string())
}

fn named(error: rusqlite::Error, name: &str) -> StoreError {
    if is_duplicate(&error) {
        StoreError::Exists { what: "account", name: name.to_owned() }
    } else {
        error.into()
    }
}

/// Keeps what the exchange said of an account: its id there, which stays what it was first, and its position mode.
/// What is new goes into the audit log.
pub fn identify(
    conn: &Connection,
    id: AccountId,
    uid: Option<&str>,
    mode: Option<PositionMode>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let before = get(conn, id)?;
    let changed = conn
        .prepare_cached(
            "UPDATE accounts SET exchange_uid = coalesce(exchange_uid, ?2), position_mode_told = ?3 WHERE id = ?1",
        )?
        .execute(params![id.get(), uid, mode.map(PositionMode::as_str)])?;
    found(changed, id)?;
    let learnt = |row: &AccountRow| json!({ "exchange_uid": row.exchange_uid, "position_mode": row.position_mode.map(PositionMode::as_str) });
    let (old, new) = (learnt(&before), learnt(&get(conn, id)?));
    if old == new {
        return Ok(());
    }
    let entry = AuditEntry {
        at: now,
        actor: "daemon".to_owned(),
        action: "identify_account".to_owned(),
        subject: format!("account {}", before.name),
        account: Some(before.name),
        before: Some(old),
        after: Some(new),
    };
    audit::append(conn, &entry).map(drop)
}

fn mode_from_row(row: &Row<'_>) -> rusqlite::Result<Option<PositionMode>> {
    let is_known = row.get::<_, Option<String>>("position_mode_told")?.is_some();
    is_known.then(|| column::word(row, "position_mode_told", PositionMode::from_word)).transpose()
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<AccountRow> {
    Ok(AccountRow {
        id: AccountId::new(row.get("id")?),
        name: row.get("name")?,
        exchange: column::word(row, "exchange", ExchangeKind::from_word)?,
        api_key: row.get("api_key")?,
        api_secret: row.get("api_secret")?,
        passphrase: row.get("passphrase")?,
        is_active: row.get("is_active")?,
        proxy: row.get("proxy")?,
        bind_address: row.get("bind_address")?,
        exchange_uid: row.get("exchange_uid")?,
        position_mode: mode_from_row(row)?,
        withdraw_key_allowed: row.get("withdraw_key_allowed")?,
        created_at: column::timestamp(row, "created_at")?,
        updated_at: column::timestamp(row, "updated_at")?,
        removed_at: column::timestamp_opt(row, "removed_at")?,
        tags: column::json(row, "tags")?,
        settings: setting_columns::read(row)?,
        paper_settings: setting_columns::read(row)?,
    })
}

#[cfg(test)]
mod tests;
