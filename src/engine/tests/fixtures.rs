//! Settings, bots and signals for the tests of the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::ids::{BotId, StrategyId};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::{Leverage, Pct, Quote};
use crate::domain::side::PositionSide;
use crate::domain::time::{DurationMs, Timeframe, Timestamp};
use crate::engine::config::{AccountConfig, BotConfig, Venue};
use crate::engine::settings::{AccountSettings, BotSettings, PolicyLimits, SymbolScope};
use crate::matching::fixtures as book;
use crate::signal::{Confidence, Signal, SignalKey};
use crate::strategy::ExitPlan;

pub(super) use crate::matching::fixtures::{BTC, ETH, minute, symbol};

pub(super) const ONE: BotId = BotId::new(1);
pub(super) const TWO: BotId = BotId::new(2);

pub(super) fn pct(text: &str) -> Pct {
    text.parse().unwrap()
}

pub(super) fn quote(text: &str) -> Quote {
    text.parse().unwrap()
}

/// The account with bot 1: 1,000 USDT, capital 100, entries of 10 USDT at leverage 10, so 1 BTC at 100. No DCA, no
/// auto_exit, no cooldown, one-way.
pub(super) fn account() -> AccountConfig {
    let mut settings = AccountSettings::default();
    for (key, value) in [("exit_cooldown_h", "0"), ("dca_enabled", "off")] {
        settings.set(key, value, limits()).unwrap();
    }
    AccountConfig {
        settings,
        limits: limits(),
        bots: BTreeMap::from([(ONE, Arc::new(bot(1)))]),
        instruments: Arc::new(instruments()),
        halt: None,
        close_symbols: BTreeMap::new(),
        released: BTreeSet::new(),
        venue: Venue {
            spot: false,
            hedge: false,
            conditional_orders: true,
            resend_is_safe: false,
            consistent_snapshots: true,
            may_hold_external: false,
            horizon: DurationMs::from_secs(90),
        },
        close_if_unprotected: true,
        equity_interval: DurationMs::from_secs(3_600),
    }
}

fn instruments() -> BTreeMap<Symbol, Instrument> {
    [BTC, ETH].into_iter().map(|name| (symbol(name), book::instrument(name))).collect()
}

pub(super) fn limits() -> PolicyLimits {
    PolicyLimits { max_leverage: Leverage::try_new(20).unwrap() }
}

/// Bot `n` follows strategy `n` on the whole universe with a tenth of the account.
pub(super) fn bot(n: u32) -> BotConfig {
    BotConfig {
        id: BotId::new(n),
        name: format!("bot-{n}"),
        strategy: Some(StrategyId::new(n)),
        exit_plan: ExitPlan::NONE,
        grid: None,
        settings: BotSettings { symbol: SymbolScope::Universe, ..BotSettings::default() },
        is_running: true,
        close_requested: false,
    }
}

/// Sets keys of the account from text, as an operator would.
pub(super) fn set(config: &mut AccountConfig, values: &[(&str, &str)]) {
    for (key, value) in values {
        config.settings.set(key, value, config.limits).unwrap();
    }
}

pub(super) fn set_bot(config: &mut AccountConfig, bot: BotId, values: &[(&str, &str)]) {
    let limits = config.limits;
    edit_bot(config, bot, |bot| {
        for (key, value) in values {
            bot.settings.set(key, value, limits).unwrap();
        }
    });
}

pub(super) fn edit_bot(config: &mut AccountConfig, bot: BotId, edit: impl FnOnce(&mut BotConfig)) {
    edit(Arc::make_mut(config.bots.get_mut(&bot).unwrap()));
}

pub(super) fn add_bot(config: &mut AccountConfig, bot: BotConfig) {
    config.bots.insert(bot.id, Arc::new(bot));
}

/// A signal of strategy `strategy` on the one-minute bar that closed at `at`; good for 30 seconds.
pub(super) fn signal(strategy: u32, name: &str, at: Timestamp, entry: Option<PositionSide>) -> Signal {
    Signal {
        key: SignalKey {
            strategy: StrategyId::new(strategy),
            symbol: symbol(name),
            timeframe: Timeframe::M1,
        },
        bar_close_at: at,
        price: "100".parse().unwrap(),
        entry,
        exit_long: false,
        exit_short: false,
        confidence: Confidence::new(0.8),
        reason: "test signal".to_owned(),
        conditions: Vec::new(),
        expires_at: at.plus(DurationMs::from_secs(30)),
    }
}

/// A signal that wants positions on `side` closed.
pub(super) fn exit_signal(strategy: u32, name: &str, at: Timestamp, side: PositionSide) -> Signal {
    Signal {
        exit_long: side == PositionSide::Long,
        exit_short: side == PositionSide::Short,
        ..signal(strategy, name, at, None)
    }
}
