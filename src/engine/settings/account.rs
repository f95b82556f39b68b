//! The settings of an account: defaults for its bots, and what only an account can say.

use serde::{Deserialize, Serialize};

use super::{PolicyLimits, Raw, SettingError, SettingKey, key};
pub use crate::domain::kind::MarginMode;
use crate::domain::money::{Hours, Leverage, Pct};
use crate::domain::side::PositionSide;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSettings {
    /// Margin of one entry, in % of the bot's capital.
    pub entry_pct: Pct,
    pub dry_run: bool,
    /// Exits are executed; when off they are only reported.
    pub auto_exit: bool,
    /// Open positions over all bots.
    pub max_positions: u16,
    pub leverage: Leverage,
    pub margin_mode: MarginMode,
    /// Hours without a new entry on a symbol after an exit from it.
    pub exit_cooldown_h: Hours,
    /// Take profit and stop loss, in % from the average entry price.
    pub long_tp_pct: Pct,
    pub long_sl_pct: Pct,
    pub short_tp_pct: Pct,
    pub short_sl_pct: Pct,
    pub dca_enabled: bool,
    /// Adverse move from the position's last fill that triggers the next DCA order, in %.
    pub dca_pct: Pct,
    /// Size of DCA order 1, 2 and 3, in % of the position's first entry.
    pub dca1_pct: Pct,
    pub dca2_pct: Pct,
    pub dca3_pct: Pct,
}

impl Default for AccountSettings {
    fn default() -> Self {
        let pct = |value: u32| Pct::try_new(value.into()).unwrap_or_default();
        Self {
            entry_pct: pct(10),
            dry_run: true,
            auto_exit: false,
            max_positions: 7,
            leverage: Leverage::try_new(10).unwrap_or(Leverage::ONE),
            margin_mode: MarginMode::Cross,
            exit_cooldown_h: Hours::try_new(2.into()).unwrap_or_default(),
            long_tp_pct: pct(3),
            long_sl_pct: pct(3),
            short_tp_pct: pct(3),
            short_sl_pct: pct(3),
            dca_enabled: true,
            dca_pct: pct(2),
            dca1_pct: pct(30),
            dca2_pct: pct(30),
            dca3_pct: pct(30),
        }
    }
}

impl AccountSettings {
    pub const KEYS: &'static [SettingKey] = &[
        key("entry_pct", "above 0 to 100", "margin of one entry, % of the bot's capital"),
        key("dry_run", "on or off", "on: no private write reaches the real exchange"),
        key("auto_exit", "on or off", "on: exits are executed; off: exits are only reported"),
        key("max_positions", "1 to 200", "open positions over all bots of the account"),
        key("leverage", "1 to 100, at most limits.max_leverage", "leverage of new positions"),
        key(
            "margin_mode",
            "cross or isolated",
            "how margin is shared between positions; the paper book is always cross",
        ),
        key("exit_cooldown_h", "0 to 8760", "hours without a new entry on a symbol after an exit from it"),
        key("long_tp_pct", "above 0 to 1000", "take profit of longs, % from the average entry price"),
        key("long_sl_pct", "above 0 to 99", "stop loss of longs, % from the average entry price"),
        key("short_tp_pct", "above 0 to 99", "take profit of shorts, % from the average entry price"),
        key("short_sl_pct", "above 0 to 1000", "stop loss of shorts, % from the average entry price"),
        key("dca_enabled", "on or off", "add to losing positions in up to three steps"),
        key(
            "dca_pct",
            "above 0 to 99",
            "adverse move from the last fill that triggers the next DCA order, %",
        ),
        key("dca1_pct", "0 to 1000", "size of DCA order 1, % of the position's first entry"),
        key("dca2_pct", "0 to 1000", "size of DCA order 2, % of the position's first entry"),
        key("dca3_pct", "0 to 1000", "size of DCA order 3, % of the position's first entry"),
    ];

    /// Sets one key from text; an error changes nothing.
    pub fn set(&mut self, key: &str, value: &str, limits: PolicyLimits) -> Result<(), SettingError> {
        let raw = Raw::find("account", Self::KEYS, key, value)?;
        match raw.spec.key {
            "entry_pct" => self.entry_pct = raw.positive_pct(100)?,
            "dry_run" => self.dry_run = raw.flag()?,
            "auto_exit" => self.auto_exit = raw.flag()?,
            "max_positions" => self.max_positions = raw.within(1..=200)?,
            "leverage" => self.leverage = raw.leverage(limits)?,
            "margin_mode" => self.margin_mode = MarginMode::from_word(raw.text).ok_or_else(|| raw.bad())?,
            "exit_cooldown_h" => self.exit_cooldown_h = raw.parsed()?,
            "long_tp_pct" => self.long_tp_pct = raw.positive_pct(1000)?,
            "long_sl_pct" => self.long_sl_pct = raw.positive_pct(99)?,
            "short_tp_pct" => self.short_tp_pct = raw.positive_pct(99)?,
            "short_sl_pct" => self.short_sl_pct = raw.positive_pct(1000)?,
            "dca_enabled" => self.dca_enabled = raw.flag()?,
            "dca_pct" => self.dca_pct = raw.positive_pct(99)?,
            "dca1_pct" => self.dca1_pct = raw.pct_up_to(1000)?,
            "dca2_pct" => self.dca2_pct = raw.pct_up_to(1000)?,
            "dca3_pct" => self.dca3_pct = raw.pct_up_to(1000)?,
            other => return Err(SettingError::unknown("account", other, Self::KEYS)),
        }
        Ok(())
    }

    /// The value of `key` as [`Self::set`] reads it.
    pub fn get(&self, key: &str) -> Option<String> {
        let flag = |on: bool| if on { "on" } else { "off" }.to_owned();
        Some(match key {
            "entry_pct" => self.entry_pct.to_string(),
            "dry_run" => flag(self.dry_run),
            "auto_exit" => flag(self.auto_exit),
            "max_positions" => self.max_positions.to_string(),
            "leverage" => self.leverage.to_string(),
            "margin_mode" => self.margin_mode.to_string(),
            "exit_cooldown_h" => self.exit_cooldown_h.to_string(),
            "long_tp_pct" => self.long_tp_pct.to_string(),
            "long_sl_pct" => self.long_sl_pct.to_string(),
            "short_tp_pct" => self.short_tp_pct.to_string(),
            "short_sl_pct" => self.short_sl_pct.to_string(),
            "dca_enabled" => flag(self.dca_enabled),
            "dca_pct" => self.dca_pct.to_string(),
            "dca1_pct" => self.dca1_pct.to_string(),
            "dca2_pct" => self.dca2_pct.to_string(),
            "dca3_pct" => self.dca3_pct.to_string(),
            _ => return None,
        })
    }

    pub const fn take_profit_pct(&self, side: PositionSide) -> Pct {
        match side {
            PositionSide::Long => self.long_tp_pct,
            PositionSide::Short => self.short_tp_pct,
        }
    }

    pub const fn stop_loss_pct(&self, side: PositionSide) -> Pct {
        match side {
            PositionSide::Long => self.long_sl_pct,
            PositionSide::Short => self.short_sl_pct,
        }
    }

    /// Size of the DCA order after `level` of them were placed, in % of the first entry; `None` after the third.
    pub const fn dca_size_pct(&self, level: u8) -> Option<Pct> {
        match level {
            0 => Some(self.dca1_pct),
            1 => Some(self.dca2_pct),
            2 => Some(self.dca3_pct),
            _ => None,
        }
    }
}
