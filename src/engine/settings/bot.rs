//! The settings of a bot: its share of the account, its strategy and symbol, and what it overrides.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{PolicyLimits, Raw, SettingError, SettingKey, key};
use crate::domain::instrument::Symbol;
use crate::domain::money::{Leverage, Pct};

/// What a bot trades.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SymbolScope {
    One(Symbol),
    /// `*`: every symbol of the universe.
    #[serde(serialize_with = "star")]
    Universe,
}

fn star<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("*")
}

impl SymbolScope {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "*" => Some(Self::Universe),
            _ => Symbol::try_new(text).ok().map(Self::One),
        }
    }
}

impl fmt::Display for SymbolScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(symbol) => symbol.fmt(f),
            Self::Universe => f.write_str("*"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BotSettings {
    pub description: String,
    pub symbol: SymbolScope,
    /// Share of the account's equity that is the bot's capital, in %.
    pub allocation_percent: Pct,
    pub max_leverage: Leverage,
    pub max_positions: u16,
    /// `None` = inherit: the strategy's, else the account's.
    pub stop_loss_percent: Option<Pct>,
    pub take_profit_percent: Option<Pct>,
    pub telegram_notify: bool,
}

impl Default for BotSettings {
    fn default() -> Self {
        Self {
            description: String::new(),
            symbol: SymbolScope::parse("BTCUSDT").unwrap_or(SymbolScope::Universe),
            allocation_percent: Pct::try_new(10.into()).unwrap_or_default(),
            max_leverage: Leverage::try_new(10).unwrap_or(Leverage::ONE),
            max_positions: 3,
            stop_loss_percent: None,
            take_profit_percent: None,
            telegram_notify: true,
        }
    }
}

impl BotSettings {
    pub const KEYS: &'static [SettingKey] = &[
        key("description", "at most 500 characters", "a note for people"),
        key(
            "symbol",
            "an exchange symbol such as BTCUSDT or KRW-BTC, or * for the universe",
            "what it trades",
        ),
        key("allocation_percent", "above 0 to 100, at most 4 decimals", "share of the account's equity, %"),
        key("max_leverage", "1 to 100, at most limits.max_leverage", "highest leverage of the bot"),
        key("max_positions", "1 to 20", "open positions of the bot"),
        key("stop_loss_percent", "above 0 to 99, or inherit", "stop loss, % from the average entry price"),
        key(
            "take_profit_percent",
            "above 0 to 1000, or inherit",
            "take profit, % from the average entry price",
        ),
        key("telegram_notify", "on or off", "send this bot's notices to the account's chat"),
    ];

    /// Sets one key from text; an error changes nothing.
    pub fn set(&mut self, key: &str, value: &str, limits: PolicyLimits) -> Result<(), SettingError> {
        let raw = Raw::find("bot", Self::KEYS, key, value)?;
        match raw.spec.key {
            "description" => {
                if raw.text.chars().count() > 500 {
                    return Err(raw.bad());
                }
                raw.text.clone_into(&mut self.description);
            }
            "symbol" => self.symbol = SymbolScope::parse(raw.text).ok_or_else(|| raw.bad())?,
            "allocation_percent" => {
                let value = raw.positive_pct(100)?;
                if value.decimal().scale() > 4 {
                    return Err(raw.bad());
                }
                self.allocation_percent = value;
            }
            "max_leverage" => self.max_leverage = raw.leverage(limits)?,
            "max_positions" => self.max_positions = raw.within(1..=20)?,
            "stop_loss_percent" => self.stop_loss_percent = inherited(&raw, 99)?,
            "take_profit_percent" => self.take_profit_percent = inherited(&raw, 1000)?,
            "telegram_notify" => self.telegram_notify = raw.flag()?,
            other => return Err(SettingError::unknown("bot", other, Self::KEYS)),
        }
        Ok(())
    }

    /// The value of `key` as [`Self::set`] reads it.
    pub fn get(&self, key: &str) -> Option<String> {
        let or_inherit = |pct: Option<Pct>| pct.map_or_else(|| "inherit".to_owned(), |pct| pct.to_string());
        Some(match key {
            "description" => self.description.clone(),
            "symbol" => self.symbol.to_string(),
            "allocation_percent" => self.allocation_percent.to_string(),
            "max_leverage" => self.max_leverage.to_string(),
            "max_positions" => self.max_positions.to_string(),
            "stop_loss_percent" => or_inherit(self.stop_loss_percent),
            "take_profit_percent" => or_inherit(self.take_profit_percent),
            "telegram_notify" => if self.telegram_notify { "on" } else { "off" }.to_owned(),
            _ => return None,
        })
    }
}

fn inherited(raw: &Raw<'_>, max: u32) -> Result<Option<Pct>, SettingError> {
    if raw.text == "inherit" { Ok(None) } else { raw.positive_pct(max).map(Some) }
}
