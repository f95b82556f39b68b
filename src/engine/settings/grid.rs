//! The settings of a grid, while they are being put together.

use super::{PolicyLimits, Raw, SettingError, SettingKey, key};
use crate::domain::money::{Leverage, Price, Quote};
use crate::engine::grid::{Direction, GridConfig, GridMode};

/// A grid of which something may still be missing. Each value is what it should be by itself; whether they go together
/// is for [`crate::engine::grid::plan::Plan::of`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridDraft {
    lower: Option<Price>,
    upper: Option<Price>,
    count: Option<u16>,
    mode: GridMode,
    investment: Option<Quote>,
    direction: Direction,
    trigger: Option<Price>,
    stop_upper: Option<Price>,
    stop_lower: Option<Price>,
    buy_in: bool,
    close_on_stop: bool,
    leverage: Leverage,
    exchange_stop: bool,
}

impl Default for GridDraft {
    fn default() -> Self {
        Self {
            lower: None,
            upper: None,
            count: None,
            mode: GridMode::Arithmetic,
            investment: None,
            direction: Direction::Long,
            trigger: None,
            stop_upper: None,
            stop_lower: None,
            buy_in: false,
            close_on_stop: false,
            leverage: Leverage::ONE,
            exchange_stop: false,
        }
    }
}

impl From<&GridConfig> for GridDraft {
    fn from(config: &GridConfig) -> Self {
        Self {
            lower: Some(config.lower),
            upper: Some(config.upper),
            count: Some(config.count),
            mode: config.mode,
            investment: Some(config.investment),
            direction: config.direction,
            trigger: config.trigger,
            stop_upper: config.stop_upper,
            stop_lower: config.stop_lower,
            buy_in: config.buy_in,
            close_on_stop: config.close_on_stop,
            leverage: config.leverage,
            exchange_stop: config.exchange_stop,
        }
    }
}

impl GridDraft {
    pub const KEYS: &'static [SettingKey] = &[
        key("lower", "a price above 0", "lowest line"),
        key("upper", "a price above lower", "highest line"),
        key("grids", "a whole number from 2 to 100", "lines, both bounds included"),
        key("mode", "arithmetic or geometric", "equal steps or equal ratios between lines"),
        key(
            "investment",
            "an amount above 0",
            "own money in the grid: margin and fees of all lines, quote currency",
        ),
        key("direction", "long, short or neutral", "what it holds between its trades; long on spot"),
        key(
            "trigger",
            "a price from lower to upper, or none",
            "nothing is placed until the price has reached it",
        ),
        key("stop_upper", "a price above upper, or none", "stops the grid when the price reaches it"),
        key("stop_lower", "a price below lower, or none", "stops the grid when the price reaches it"),
        key("buy_in", "on or off", "buys at the start what the lines above the price would sell"),
        key("close_on_stop", "on or off", "a stop closes what the grid holds"),
        key("leverage", "1 to 100, at most the account's", "of its orders; 1 on spot"),
        key("exchange_stop", "on or off", "the stop of the whole holding rests at the exchange too; futures"),
    ];

    /// Sets one key from text; an error changes nothing.
    pub fn set(&mut self, key: &str, value: &str, limits: PolicyLimits) -> Result<(), SettingError> {
        let raw = Raw::find("grid", Self::KEYS, key, value)?;
        match raw.spec.key {
            "lower" => self.lower = Some(raw.money()?),
            "upper" => self.upper = Some(raw.money()?),
            // Counts out of range are the plan's to refuse, beside all else that is wrong.
            "grids" => self.count = Some(raw.parsed()?),
            "mode" => self.mode = GridMode::from_word(raw.text).ok_or_else(|| raw.bad())?,
            "investment" => self.investment = Some(raw.money()?),
            "direction" => self.direction = Direction::from_word(raw.text).ok_or_else(|| raw.bad())?,
            "trigger" => self.trigger = or_none(&raw)?,
            "stop_upper" => self.stop_upper = or_none(&raw)?,
            "stop_lower" => self.stop_lower = or_none(&raw)?,
            "buy_in" => self.buy_in = raw.flag()?,
            "close_on_stop" => self.close_on_stop = raw.flag()?,
            "leverage" => self.leverage = raw.leverage(limits)?,
            "exchange_stop" => self.exchange_stop = raw.flag()?,
            other => return Err(SettingError::unknown("grid", other, Self::KEYS)),
        }
        Ok(())
    }

    /// The value of `key` as [`Self::set`] reads it; `None` for one that is missing.
    pub fn get(&self, key: &str) -> Option<String> {
        let or_none =
            |price: Option<Price>| price.map_or_else(|| "none".to_owned(), |price| price.to_string());
        let flag = |on: bool| if on { "on" } else { "off" }.to_owned();
        match key {
            "lower" => self.lower.map(|price| price.to_string()),
            "upper" => self.upper.map(|price| price.to_string()),
            "grids" => self.count.map(|count| count.to_string()),
            "mode" => Some(self.mode.to_string()),
            "investment" => self.investment.map(|amount| amount.to_string()),
            "direction" => Some(self.direction.to_string()),
            "trigger" => Some(or_none(self.trigger)),
            "stop_upper" => Some(or_none(self.stop_upper)),
            "stop_lower" => Some(or_none(self.stop_lower)),
            "buy_in" => Some(flag(self.buy_in)),
            "close_on_stop" => Some(flag(self.close_on_stop)),
            "leverage" => Some(self.leverage.to_string()),
            "exchange_stop" => Some(flag(self.exchange_stop)),
            _ => None,
        }
    }

    /// The grid, or the keys that are missing.
    pub fn finish(&self) -> Result<GridConfig, Vec<&'static str>> {
        let (Some(lower), Some(upper), Some(count), Some(investment)) =
            (self.lower, self.upper, self.count, self.investment)
        else {
            let missing = ["lower", "upper", "grids", "investment"];
            return Err(missing.into_iter().filter(|key| self.get(key).is_none()).collect());
        };
        Ok(GridConfig {
            lower,
            upper,
            count,
            mode: self.mode,
            investment,
            direction: self.direction,
            trigger: self.trigger,
            stop_upper: self.stop_upper,
            stop_lower: self.stop_lower,
            buy_in: self.buy_in,
            close_on_stop: self.close_on_stop,
            leverage: self.leverage,
            exchange_stop: self.exchange_stop,
        })
    }
}

fn or_none(raw: &Raw<'_>) -> Result<Option<Price>, SettingError> {
    if raw.text == "none" { Ok(None) } else { raw.money().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PolicyLimits = PolicyLimits { max_leverage: Leverage::ONE };

    #[test]
    fn every_key_reads_what_it_writes_and_missing_ones_are_named() {
        let mut draft = GridDraft::default();
        assert_eq!(draft.finish(), Err(vec!["lower", "upper", "grids", "investment"]));
        for (key, value) in [
            ("lower", "100.5"),
            ("upper", "200"),
            ("grids", "10"),
            ("mode", "geometric"),
            ("investment", "500"),
            ("direction", "neutral"),
            ("trigger", "150"),
            ("stop_upper", "210"),
            ("stop_lower", "none"),
            ("buy_in", "off"),
            ("close_on_stop", "on"),
            ("leverage", "1"),
            ("exchange_stop", "on"),
        ] {
            draft.set(key, value, LIMITS).unwrap();
            assert_eq!(draft.get(key).as_deref(), Some(value), "{key}");
        }
        assert_eq!(GridDraft::from(&draft.finish().unwrap()), draft);
        for (key, value, words) in [
            ("lower", "0", "lower = `0` is not allowed: a price above 0"),
            ("grids", "ten", "grids = `ten` is not allowed: a whole number from 2 to 100"),
            ("lower", "1e3", "lower = `1e3` is not allowed: a price above 0; this is not a decimal number"),
            (
                "upper",
                "1000000000001",
                "upper = `1000000000001` is not allowed: a price above lower; this is above 10^12",
            ),
            (
                "stop_upper",
                "none!",
                "stop_upper = `none!` is not allowed: a price above upper, or none; this is",
            ),
            ("leverage", "2", "leverage = `2` is not allowed: 1 to 1 (limits.max_leverage"),
            ("uper", "1", "unknown grid setting `uper` (did you mean `upper`?)"),
        ] {
            let error = draft.clone().set(key, value, LIMITS).unwrap_err().to_string();
            assert!(error.starts_with(words), "{error}");
        }
    }
}
