//! What is tested: an account's settings, the terms of its paper book, and its bots with their strategies.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::account::ACCOUNT;
use super::funding::FundingRates;
use crate::config::Config;
use crate::daemon::pace::Configuration;
use crate::daemon::roster::{self, Roster};
use crate::domain::ids::{BotId, StrategyId};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::{Hours, Pct};
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::config::{AccountConfig, BotConfig};
use crate::engine::settings::{AccountSettings, BotSettings, PaperSettings, PolicyLimits, SymbolScope};
use crate::exchange::paper;
use crate::signal::gates::GateConfig;
use crate::strategy::StrategySpec;

/// One bot of the account.
#[derive(Debug, Clone, PartialEq)]
pub struct BotSetup {
    pub name: String,
    pub spec: StrategySpec,
    pub settings: BotSettings,
}

/// One account with its bots; they share its capital as live bots do.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    pub settings: AccountSettings,
    /// Capital, fees, slippage, participation.
    pub paper: PaperSettings,
    pub limits: PolicyLimits,
    pub bots: Vec<BotSetup>,
    /// Trading rules of every symbol.
    pub instruments: BTreeMap<Symbol, Instrument>,
    pub funding: FundingRates,
    /// `None`: no gate is ever closed.
    pub gates: Option<GateConfig>,
    /// No shorts, no leverage.
    pub spot: bool,
    /// Trading begins with the bar that opens then; earlier bars only warm the indicators.
    pub from: Option<Timestamp>,
    /// The last bar closes by then.
    pub to: Option<Timestamp>,
}

impl Setup {
    /// An account with the defaults, on no candles yet.
    pub fn new(limits: PolicyLimits, bots: Vec<BotSetup>) -> Self {
        Self {
            settings: Self::settings(),
            paper: PaperSettings::default(),
            limits,
            bots,
            instruments: BTreeMap::new(),
            funding: FundingRates::default(),
            gates: None,
            spot: false,
            from: None,
            to: None,
        }
    }

    /// An account's own settings, but for what a backtest is for: exits are executed.
    pub fn settings() -> AccountSettings {
        AccountSettings { auto_exit: true, ..AccountSettings::default() }
    }

    /// Everything an entry and an exit can be delayed or changed by is off: the strategy alone decides.
    pub fn plain_settings() -> AccountSettings {
        AccountSettings {
            dca_enabled: false,
            exit_cooldown_h: Hours::default(),
            long_tp_pct: pct(1000),
            long_sl_pct: pct(99),
            short_tp_pct: pct(99),
            short_sl_pct: pct(1000),
            ..Self::settings()
        }
    }

    /// The symbols that bots trade; all of `known` where one follows the whole universe.
    pub fn symbols<'a>(&'a self, known: &'a [Symbol]) -> Vec<&'a Symbol> {
        let mut symbols: Vec<&Symbol> = Vec::new();
        for bot in &self.bots {
            match &bot.settings.symbol {
                SymbolScope::One(symbol) => symbols.push(symbol),
                SymbolScope::Universe => symbols.extend(known),
            }
        }
        symbols.sort();
        symbols.dedup();
        symbols
    }

    /// Bots with their ids, in order.
    pub fn numbered(&self) -> impl Iterator<Item = (BotId, StrategyId, &BotSetup)> {
        self.bots.iter().zip(1..).map(|(bot, number)| (BotId::new(number), StrategyId::new(number), bot))
    }

    pub(super) fn configuration(&self) -> Configuration {
        let bots = self.numbered().map(|(id, strategy, bot)| {
            let config = BotConfig {
                id,
                name: bot.name.clone(),
                strategy: Some(strategy),
                exit_plan: bot.spec.params.exit_plan(),
                grid: None,
                settings: bot.settings.clone(),
                is_running: true,
                close_requested: false,
            };
            (id, Arc::new(config))
        });
        let capabilities = paper::capabilities(&roster::book_config(&self.paper));
        Configuration {
            account: AccountConfig {
                settings: self.settings.clone(),
                limits: self.limits,
                bots: bots.collect(),
                instruments: Arc::new(self.instruments.clone()),
                halt: None,
                close_symbols: BTreeMap::new(),
                venue: roster::venue(self.spot, &capabilities),
                close_if_unprotected: true,
                // Equity is reckoned from the bars afterwards.
                equity_interval: DurationMs::from_ms(i64::MAX),
            },
            paper: self.paper.clone(),
        }
    }

    /// The roster of this account alone.
    pub(super) fn roster(&self) -> Roster {
        let specs = self.numbered().map(|(_, strategy, bot)| (strategy, bot.spec.clone())).collect();
        Roster::solitary(ACCOUNT, self.configuration(), specs)
    }

    /// The daemon's configuration for the analyst: every symbol of the tape is in the universe.
    pub(super) fn config(&self) -> Config {
        let mut config = Config { limits: self.limits, ..Config::default() };
        config.universe.top_n = usize::MAX;
        match &self.gates {
            Some(gates) => config.gates = gates.clone(),
            None => config.gates.enabled = false,
        }
        config
    }
}

fn pct(value: u32) -> Pct {
    Pct::try_new(value.into()).unwrap_or_default()
}
