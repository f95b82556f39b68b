//! Settings as columns: each key of `engine::settings` is a column of the same name.
//!
//! Values pass through the settings' own `set` and `get`, so what is read is as valid as what an operator enters.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};

use super::{StoreError, column};
use crate::domain::money::Leverage;
use crate::engine::settings::{
    AccountSettings, BotSettings, PaperSettings, PolicyLimits, SettingError, SettingKey,
};

/// Columns of 0 and 1.
const FLAGS: &[&str] =
    &["dry_run", "auto_exit", "dca_enabled", "fault_hang", "fault_panic", "telegram_notify"];
/// Columns that may be NULL, and the word for it.
const NULLABLE: &[(&str, &str)] =
    &[("participation_pct", "none"), ("stop_loss_percent", "inherit"), ("take_profit_percent", "inherit")];

/// One group of settings and its keys.
pub(super) trait SettingGroup: Default {
    const KEYS: &'static [SettingKey];
    fn set_text(&mut self, key: &str, text: &str) -> Result<(), SettingError>;
    fn get_text(&self, key: &str) -> Option<String>;
}

impl SettingGroup for AccountSettings {
    const KEYS: &'static [SettingKey] = Self::KEYS;

    fn set_text(&mut self, key: &str, text: &str) -> Result<(), SettingError> {
        self.set(key, text, schema_limits())
    }

    fn get_text(&self, key: &str) -> Option<String> {
        self.get(key)
    }
}

impl SettingGroup for PaperSettings {
    const KEYS: &'static [SettingKey] = Self::KEYS;

    fn set_text(&mut self, key: &str, text: &str) -> Result<(), SettingError> {
        self.set(key, text)
    }

    fn get_text(&self, key: &str) -> Option<String> {
        self.get(key)
    }
}

impl SettingGroup for BotSettings {
    const KEYS: &'static [SettingKey] = Self::KEYS;

    fn set_text(&mut self, key: &str, text: &str) -> Result<(), SettingError> {
        self.set(key, text, schema_limits())
    }

    fn get_text(&self, key: &str) -> Option<String> {
        self.get(key)
    }
}

/// Reads a group from a row that has all its columns.
pub(super) fn read<G: SettingGroup>(row: &Row<'_>) -> rusqlite::Result<G> {
    let mut group = G::default();
    for spec in G::KEYS {
        let text = match row.get_ref(spec.key)? {
            ValueRef::Null => word_for_null(spec.key).to_owned(),
            ValueRef::Integer(value) => value.to_string(),
            ValueRef::Real(value) => value.to_string(),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        group.set_text(spec.key, &text).map_err(|error| column::mismatch(row, spec.key, error))?;
    }
    Ok(group)
}

/// Writes a group to the row of its table whose `id_column` is `id`, which must exist.
pub(super) fn update<G: SettingGroup>(
    conn: &Connection,
    table: &'static str,
    id_column: &'static str,
    id: u32,
    group: &G,
) -> Result<(), StoreError> {
    let columns: Vec<String> = G::KEYS.iter().map(|spec| format!("{} = ?", spec.key)).collect();
    let sql = format!("UPDATE {table} SET {} WHERE {id_column} = ?", columns.join(", "));
    let values = G::KEYS.iter().map(|spec| value_of(group, spec.key)).chain([Value::from(id)]);
    match conn.prepare_cached(&sql)?.execute(params_from_iter(values))? {
        0 => Err(StoreError::not_found("row", format!("{table} {id}"))),
        _ => Ok(()),
    }
}

fn value_of<G: SettingGroup>(group: &G, key: &str) -> Value {
    match group.get_text(key) {
        Some(text) if FLAGS.contains(&key) => Value::Integer(i64::from(text == "on")),
        Some(text) if NULLABLE.contains(&(key, text.as_str())) => Value::Null,
        Some(text) => Value::Text(text),
        None => Value::Null,
    }
}

fn word_for_null(key: &str) -> &'static str {
    NULLABLE.iter().find(|(column, _)| *column == key).map_or("", |(_, word)| word)
}

/// What the schema allows. The policy's own limit is applied where a setting is made and where it is used.
fn schema_limits() -> PolicyLimits {
    PolicyLimits { max_leverage: Leverage::try_new(Leverage::MAX).unwrap_or(Leverage::ONE) }
}
