//! The closed set of strategies: what they are called, what can be set, and what they say about a bar.
//!
//! A strategy is a streaming state: one closed bar in, one [`Evaluation`] out, in numbers. Text is rendered only for
//! what somebody can act on or asks about. [`SignalBoard`] runs every distinct one once. Invariant: the same bars give
//! the same evaluations, live, in a backtest and in a test.

mod ai_trend;
mod board;
mod crosses;
mod ema_cross;
mod evaluation;
mod macd;
mod momentum;
mod param;
mod params;
mod pieces;
mod plan;
mod scan;
mod state;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use ai_trend::AiTrendParams;
pub use board::SignalBoard;
pub use ema_cross::EmaCrossParams;
pub use evaluation::Evaluation;
pub use macd::MacdParams;
pub use momentum::MomentumParams;
pub use param::{ParamError, ParamInfo};
pub use params::StrategyParams;
pub use plan::SignalPlan;
pub use scan::{BarColumns, Mark, marks, marks_of_all, needs_whole_bars};
pub use state::Strategy;

use crate::domain::money::Pct;
use crate::domain::time::Timeframe;

/// Which strategy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum StrategyKind {
    /// Conservative: fast over slow EMA, filtered by a trend EMA.
    EmaCross,
    /// Ultra aggressive: rate of change with volume.
    Momentum,
    /// Adaptive: MACD cross plus as many conditions as the volatility asks for.
    Macd,
    /// Ensemble of the others, until a model takes its place.
    AiTrend,
}

impl StrategyKind {
    pub const ALL: [Self; 4] = [Self::EmaCross, Self::Momentum, Self::Macd, Self::AiTrend];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmaCross => "ema_cross",
            Self::Momentum => "momentum",
            Self::Macd => "macd",
            Self::AiTrend => "ai_trend",
        }
    }
}

impl fmt::Display for StrategyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("strategy kind `{0}` is not one of ema_cross momentum macd ai_trend")]
pub struct UnknownKind(String);

impl FromStr for StrategyKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

impl TryFrom<String> for StrategyKind {
    type Error = UnknownKind;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<StrategyKind> for String {
    fn from(kind: StrategyKind) -> Self {
        kind.as_str().to_owned()
    }
}

/// A strategy as it is stored: what it computes, and on which candles.
#[derive(Debug, Clone, PartialEq)]
pub struct StrategySpec {
    pub params: StrategyParams,
    /// `None` is the feed's own timeframe.
    pub timeframe: Option<Timeframe>,
}

/// The exits a strategy brings itself, in % from the entry price; `None` leaves an exit to the bot or the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitPlan {
    pub take_profit_pct: Option<Pct>,
    pub stop_loss_pct: Option<Pct>,
    /// Before this many bars since the entry only the stop loss may exit.
    pub min_hold_bars: u32,
    /// Profit from which the trailing stop replaces the take profit.
    pub trail_activation_pct: Option<Pct>,
    /// Distance of the trailing stop from the best price.
    pub trail_pct: Option<Pct>,
}

impl ExitPlan {
    pub const NONE: Self = Self {
        take_profit_pct: None,
        stop_loss_pct: None,
        min_hold_bars: 0,
        trail_activation_pct: None,
        trail_pct: None,
    };
}

#[cfg(test)]
mod tests;
