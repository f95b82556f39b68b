//! The settings that a backtest takes, under their own keys and a few short ones of its own.

use super::setup::Setup;
use crate::domain::money::{MoneyError, Pct};
use crate::domain::spelling;
use crate::engine::settings::{AccountSettings, PaperSettings, SettingError, SettingKey};

/// Settings that a backtest has no use for.
const MEANINGLESS: [&str; 7] = [
    "dry_run",
    "margin_mode",
    "fault_latency_ms",
    "fault_failure_pct",
    "fault_lost_answer_pct",
    "fault_hang",
    "fault_panic",
];
/// Settings of the backtest itself, each for several of an account's.
const SHORTHANDS: [(&str, &[&str]); 4] = [
    ("fee_pct", &["maker_fee_pct", "taker_fee_pct"]),
    ("tp_pct", &["long_tp_pct", "short_tp_pct"]),
    ("sl_pct", &["long_sl_pct", "short_sl_pct"]),
    ("dca", &["dca_enabled"]),
];
const FUNDING: &str = "funding_pct";

/// Why a setting was refused. Nothing was changed, but for a short key whose first part was fine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    #[error("`{key}` means nothing in a backtest, which is always on paper")]
    Meaningless { key: String },
    #[error("{FUNDING} = `{value}` is not allowed: -10 to 10")]
    Funding { value: String },
    #[error(transparent)]
    Number(#[from] MoneyError),
    #[error(transparent)]
    Setting(#[from] SettingError),
}

/// Every key that [`Setup::set`] knows.
pub fn setting_keys() -> impl Iterator<Item = &'static str> {
    let own = AccountSettings::KEYS.iter().chain(PaperSettings::KEYS).map(|known| known.key);
    let short = SHORTHANDS.iter().map(|(short, _)| *short).chain([FUNDING]);
    own.chain(short).filter(|known| !MEANINGLESS.contains(known))
}

/// The value of a key as [`Setup::set`] reads it; `None` for keys that stand for several.
pub fn value_of(setup: &Setup, key: &str) -> Option<String> {
    if key == FUNDING {
        return setup.funding.every_eight_hours.map(|pct| pct.to_string());
    }
    setup.settings.get(key).or_else(|| setup.paper.get(key))
}

impl Setup {
    /// Sets one setting of the account, its paper book or the backtest from text.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), SetError> {
        if MEANINGLESS.contains(&key) {
            return Err(SetError::Meaningless { key: key.to_owned() });
        }
        if key == FUNDING {
            let pct = value.parse::<Pct>()?;
            if pct.decimal().abs() > 10.into() {
                return Err(SetError::Funding { value: value.to_owned() });
            }
            self.funding.every_eight_hours = Some(pct);
            return Ok(());
        }
        if let Some((_, keys)) = SHORTHANDS.iter().find(|(short, _)| *short == key) {
            return keys.iter().try_for_each(|key| self.set(key, value));
        }
        let is_of = |keys: &[SettingKey]| keys.iter().any(|known| known.key == key);
        if is_of(AccountSettings::KEYS) {
            Ok(self.settings.set(key, value, self.limits)?)
        } else if is_of(PaperSettings::KEYS) {
            Ok(self.paper.set(key, value)?)
        } else {
            let hint = spelling::hint_or_all(key, setting_keys());
            Err(SettingError::UnknownKey { group: "backtest", key: key.to_owned(), hint }.into())
        }
    }
}
