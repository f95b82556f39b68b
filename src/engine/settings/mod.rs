//! What an operator can set: of an account, of its paper book, of a bot, of a grid.
//!
//! Each group has one table of keys. The CLI (`account set NAME key=value`), the TOML import and chat commands all go
//! through `set`, so a key, its range and its error text exist once. What is set is always valid.

mod account;
mod bot;
mod grid;
mod paper;

pub use account::{AccountSettings, MarginMode};
pub use bot::{BotSettings, SymbolScope};
pub use grid::GridDraft;
pub use paper::PaperSettings;

use crate::domain::money::{Leverage, MoneyError, Pct};
use crate::domain::spelling;

/// One key that can be set.
#[derive(Debug, Clone, Copy)]
pub struct SettingKey {
    pub key: &'static str,
    /// The allowed values, for people.
    pub allowed: &'static str,
    pub description: &'static str,
}

const fn key(key: &'static str, allowed: &'static str, description: &'static str) -> SettingKey {
    SettingKey { key, allowed, description }
}

/// Bounds that come from the configuration, not from the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyLimits {
    /// `limits.max_leverage`: 1..=100, 20 by default.
    pub max_leverage: Leverage,
}

/// Why a setting was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    #[error("unknown {group} setting `{key}`{hint}")]
    UnknownKey { group: &'static str, key: String, hint: String },
    #[error("{key} = `{value}` is not allowed: {allowed}")]
    BadValue { key: &'static str, value: String, allowed: String },
}

impl SettingError {
    fn unknown(group: &'static str, key: &str, keys: &'static [SettingKey]) -> Self {
        let hint = spelling::hint_or_all(key, keys.iter().map(|known| known.key));
        Self::UnknownKey { group, key: key.to_owned(), hint }
    }
}

/// A value under its key, while it is being checked.
struct Raw<'a> {
    spec: &'static SettingKey,
    text: &'a str,
}

impl<'a> Raw<'a> {
    /// Finds `key` in `keys`, or says which was meant.
    fn find(
        group: &'static str,
        keys: &'static [SettingKey],
        key: &str,
        text: &'a str,
    ) -> Result<Self, SettingError> {
        keys.iter()
            .find(|spec| spec.key == key)
            .map(|spec| Self { spec, text: text.trim() })
            .ok_or_else(|| SettingError::unknown(group, key, keys))
    }

    fn bad(&self) -> SettingError {
        self.bad_because(self.spec.allowed.to_owned())
    }

    fn bad_because(&self, allowed: String) -> SettingError {
        SettingError::BadValue { key: self.spec.key, value: self.text.to_owned(), allowed }
    }

    fn flag(&self) -> Result<bool, SettingError> {
        match self.text {
            "1" | "true" | "on" | "yes" => Ok(true),
            "0" | "false" | "off" | "no" => Ok(false),
            _ => Err(self.bad()),
        }
    }

    fn parsed<T: std::str::FromStr>(&self) -> Result<T, SettingError> {
        self.text.parse().map_err(|_| self.bad())
    }

    /// A price or an amount. What is allowed says nothing of how a number is written and how large it may be.
    fn money<T: std::str::FromStr<Err = MoneyError>>(&self) -> Result<T, SettingError> {
        self.text.parse().map_err(|error: MoneyError| match error.problem() {
            bound if bound.starts_with("must") => self.bad(),
            form => self.bad_because(format!("{}; this {form}", self.spec.allowed)),
        })
    }

    fn within<T: std::str::FromStr + PartialOrd>(
        &self,
        range: std::ops::RangeInclusive<T>,
    ) -> Result<T, SettingError> {
        let value: T = self.parsed()?;
        if range.contains(&value) { Ok(value) } else { Err(self.bad()) }
    }

    /// A percentage above 0 and at most `max`.
    fn positive_pct(&self, max: u32) -> Result<Pct, SettingError> {
        let value = self.pct_up_to(max)?;
        if value > Pct::ZERO { Ok(value) } else { Err(self.bad()) }
    }

    /// A percentage from 0 to `max`.
    fn pct_up_to(&self, max: u32) -> Result<Pct, SettingError> {
        let value: Pct = self.parsed()?;
        let bound = Pct::try_new(max.into()).map_err(|_: MoneyError| self.bad())?;
        if (Pct::ZERO..=bound).contains(&value) { Ok(value) } else { Err(self.bad()) }
    }

    fn leverage(&self, limits: PolicyLimits) -> Result<Leverage, SettingError> {
        let leverage = self.text.parse::<u8>().ok().and_then(|value| Leverage::try_new(value).ok());
        match leverage {
            Some(leverage) if leverage <= limits.max_leverage => Ok(leverage),
            Some(_) | None => Err(self.bad_because(format!(
                "1 to {} (limits.max_leverage in the configuration)",
                limits.max_leverage
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
