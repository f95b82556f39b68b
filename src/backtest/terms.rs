//! What a backtest was asked: its bots and all settings of the account, as its results carry them, so that a saved report
//! says what it is of.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::settings::{setting_keys, value_of};
use super::setup::{BotSetup, Setup};
use crate::domain::time::Timeframe;
use crate::engine::settings::BotSettings;
use crate::strategy::StrategyKind;

/// Settings of bots that a backtest has no use for.
const MEANINGLESS: [&str; 2] = ["description", "telegram_notify"];

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Terms {
    pub bots: Vec<BotTerms>,
    /// By the keys of `--settings`, short ones left out.
    pub settings: BTreeMap<&'static str, String>,
    /// No shorts, no leverage.
    pub spot: bool,
    /// Whether market gates could forbid entries.
    pub gates: bool,
}

/// One bot. What a grid works by is told with what it did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BotTerms {
    pub name: String,
    /// `None` for a grid.
    pub strategy: Option<StrategyKind>,
    /// Of the strategy's bars.
    pub timeframe: Option<Timeframe>,
    pub params: Option<Value>,
    pub settings: BTreeMap<&'static str, String>,
}

impl Terms {
    pub fn of(setup: &Setup) -> Self {
        let settings = setting_keys().filter_map(|key| Some((key, value_of(setup, key)?)));
        Self {
            bots: setup.bots.iter().map(BotTerms::of).collect(),
            settings: settings.collect(),
            spot: setup.spot,
            gates: setup.gates.is_some(),
        }
    }
}

impl BotTerms {
    fn of(bot: &BotSetup) -> Self {
        let spec = bot.spec();
        let keys = BotSettings::KEYS.iter().map(|known| known.key).filter(|key| !MEANINGLESS.contains(key));
        let settings = keys.filter_map(|key| Some((key, bot.settings.get(key)?)));
        Self {
            name: bot.name.clone(),
            strategy: spec.map(|spec| spec.params.kind()),
            timeframe: spec.and_then(|spec| spec.timeframe),
            params: spec.map(|spec| spec.params.to_json()),
            settings: settings.collect(),
        }
    }
}
