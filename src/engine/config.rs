//! What the machine is configured with: the account, its bots, its venue. Replaced as a whole when anything changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::ids::{BotId, ClientOrderId, StrategyId};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::{Leverage, Pct};
use crate::domain::side::PositionSide;
use crate::domain::time::{DurationMs, Timestamp};
use crate::strategy::ExitPlan;

use super::grid::state::GridSetup;
use super::settings::{AccountSettings, BotSettings, PolicyLimits};

/// One bot as the machine sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct BotConfig {
    pub id: BotId,
    pub name: String,
    /// `None` when its strategy was removed: it manages what it holds and opens nothing.
    pub strategy: Option<StrategyId>,
    pub exit_plan: ExitPlan,
    /// What a grid bot works; `None` for a bot that follows signals.
    pub grid: Option<Arc<GridSetup>>,
    pub settings: BotSettings,
    pub is_running: bool,
    /// A person asked for its positions to be closed.
    pub close_requested: bool,
}

/// What the exchange behind the account can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Venue {
    /// No shorts, no leverage.
    pub spot: bool,
    /// Long and short positions of one symbol at once.
    pub hedge: bool,
    /// Stop and take-profit orders rest at the exchange.
    pub conditional_orders: bool,
    /// An unanswered order may be sent again under its own id: a repeated id is always refused, and nothing is signed
    /// with the time of the first.
    pub resend_is_safe: bool,
    /// Positions, orders, fills and money are told as of one moment, and fills in one order without a gap. Where they
    /// are not, a difference counts when it is seen twice, and an order has ended when its fills were asked for.
    pub consistent_snapshots: bool,
    /// Somebody else may trade on the account too; what we have not bought is theirs.
    pub may_hold_external: bool,
    /// Receive window plus visibility slack: after this, "not found" is final.
    pub horizon: DurationMs,
}

/// The durable halt latch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    pub reason: String,
    pub flatten: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AccountConfig {
    pub settings: AccountSettings,
    pub limits: PolicyLimits,
    pub bots: BTreeMap<BotId, Arc<BotConfig>>,
    pub instruments: Arc<BTreeMap<Symbol, Instrument>>,
    pub halt: Option<Halt>,
    /// Symbols whose positions a person wants closed, and when that was asked; nothing is opened there until they are.
    pub close_symbols: BTreeMap<Symbol, Timestamp>,
    /// Positions, by their ids, that a person has taken over from bots: they are nobody's here.
    pub released: BTreeSet<ClientOrderId>,
    pub venue: Venue,
    /// A position whose stop loss could not be placed for a while is closed, where auto_exit may close.
    pub close_if_unprotected: bool,
    /// How often an equity snapshot is kept.
    pub equity_interval: DurationMs,
}

/// Where an effective value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Bot,
    Strategy,
    Account,
    Policy,
    Exchange,
}

impl Source {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Strategy => "strategy",
            Self::Account => "account",
            Self::Policy => "limits.max_leverage",
            Self::Exchange => "spot exchange",
        }
    }
}

/// A value and who set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sourced<T> {
    pub value: T,
    pub source: Source,
}

impl BotConfig {
    /// The least of bot, account and policy; 1 on a spot exchange.
    pub fn leverage(&self, account: &AccountSettings, limits: PolicyLimits, spot: bool) -> Sourced<Leverage> {
        if spot {
            return Sourced { value: Leverage::ONE, source: Source::Exchange };
        }
        [
            Sourced { value: self.settings.max_leverage, source: Source::Bot },
            Sourced { value: account.leverage, source: Source::Account },
            Sourced { value: limits.max_leverage, source: Source::Policy },
        ]
        .into_iter()
        .min_by_key(|sourced| sourced.value)
        .unwrap_or(Sourced { value: Leverage::ONE, source: Source::Policy })
    }

    /// The bot's if set, else the strategy's own, else the account's.
    pub fn stop_loss_pct(&self, account: &AccountSettings, side: PositionSide) -> Sourced<Pct> {
        first_set(self.settings.stop_loss_percent, self.exit_plan.stop_loss_pct, account.stop_loss_pct(side))
    }

    /// The bot's if set, else the strategy's own, else the account's.
    pub fn take_profit_pct(&self, account: &AccountSettings, side: PositionSide) -> Sourced<Pct> {
        first_set(
            self.settings.take_profit_percent,
            self.exit_plan.take_profit_pct,
            account.take_profit_pct(side),
        )
    }
}

fn first_set(bot: Option<Pct>, strategy: Option<Pct>, account: Pct) -> Sourced<Pct> {
    match (bot, strategy) {
        (Some(value), _) => Sourced { value, source: Source::Bot },
        (None, Some(value)) => Sourced { value, source: Source::Strategy },
        (None, None) => Sourced { value: account, source: Source::Account },
    }
}
