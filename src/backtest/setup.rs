//! What is tested: an account's settings, the terms of its paper book, and its bots with what they trade by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::funding::FundingRates;
use crate::config::Config;
use crate::daemon::pace::Configuration;
use crate::daemon::roster::{self, Roster};
use crate::domain::ids::{AccountId, BotId, StrategyId};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::{Hours, Pct};
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::config::{AccountConfig, BotConfig};
use crate::engine::grid::GridConfig;
use crate::engine::grid::plan::Terms;
use crate::engine::grid::state::GridSetup;
use crate::engine::settings::{AccountSettings, BotSettings, PaperSettings, PolicyLimits, SymbolScope};
use crate::exchange::paper;
use crate::signal::gates::GateConfig;
use crate::strategy::{ExitPlan, StrategySpec};

/// The account of every backtest.
pub const ACCOUNT: AccountId = AccountId::new(1);

/// What a bot trades by.
#[derive(Debug, Clone, PartialEq)]
pub enum TradesBy {
    /// The signals of a strategy.
    Signals(StrategySpec),
    /// The lines of a grid. [`super::grids::judge`] says whether they can be worked.
    Grid(GridConfig),
}

/// One bot of the account.
#[derive(Debug, Clone, PartialEq)]
pub struct BotSetup {
    pub name: String,
    pub trades_by: TradesBy,
    pub settings: BotSettings,
}

impl BotSetup {
    /// A bot that follows the signals of a strategy.
    pub fn signals(name: &str, spec: StrategySpec, settings: BotSettings) -> Self {
        Self { name: name.to_owned(), trades_by: TradesBy::Signals(spec), settings }
    }

    /// A bot that works a grid. What other code asks the bot's leverage of is the grid's.
    pub fn grid(name: &str, config: GridConfig, settings: BotSettings) -> Self {
        let settings = BotSettings { max_leverage: config.leverage, ..settings };
        Self { name: name.to_owned(), trades_by: TradesBy::Grid(config), settings }
    }

    /// The strategy whose signals it follows.
    pub const fn spec(&self) -> Option<&StrategySpec> {
        match &self.trades_by {
            TradesBy::Signals(spec) => Some(spec),
            TradesBy::Grid(_) => None,
        }
    }

    pub const fn spec_mut(&mut self) -> Option<&mut StrategySpec> {
        match &mut self.trades_by {
            TradesBy::Signals(spec) => Some(spec),
            TradesBy::Grid(_) => None,
        }
    }
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

    /// Bots that follow signals, with what they follow.
    pub fn signal_bots(&self) -> impl Iterator<Item = (BotId, StrategyId, &BotSetup, &StrategySpec)> {
        self.numbered().filter_map(|(id, strategy, bot)| Some((id, strategy, bot, bot.spec()?)))
    }

    /// Bots that work a grid, with its lines.
    pub fn grid_bots(&self) -> impl Iterator<Item = (BotId, &BotSetup, &GridConfig)> {
        self.numbered().filter_map(|(id, _, bot)| match &bot.trades_by {
            TradesBy::Signals(_) => None,
            TradesBy::Grid(config) => Some((id, bot, config)),
        })
    }

    /// What grids are planned with.
    pub(super) const fn terms(&self) -> Terms {
        let PaperSettings { maker_fee_pct, taker_fee_pct, .. } = self.paper;
        Terms { maker_fee_pct, taker_fee_pct, spot: self.spot }
    }

    pub(super) fn configuration(&self) -> Configuration {
        let bots = self.numbered().map(|(id, strategy, bot)| {
            let (strategy, exit_plan, grid) = match &bot.trades_by {
                TradesBy::Signals(spec) => (Some(strategy), spec.params.exit_plan(), None),
                TradesBy::Grid(config) => {
                    let terms = self.terms();
                    let grid = GridSetup { config: config.clone(), terms, repair_asked_at: None };
                    (None, ExitPlan::NONE, Some(Arc::new(grid)))
                }
            };
            let config = BotConfig {
                id,
                name: bot.name.clone(),
                strategy,
                exit_plan,
                grid,
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
                released: BTreeSet::new(),
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
        let specs = self.signal_bots().map(|(_, strategy, _, spec)| (strategy, spec.clone())).collect();
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
