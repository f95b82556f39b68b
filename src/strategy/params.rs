//! The parameters of any strategy: reading, checking, showing, and what follows from them.

use serde_json::Value;

use super::ai_trend::AiTrendParams;
use super::ema_cross::EmaCrossParams;
use super::macd::MacdParams;
use super::momentum::MomentumParams;
use super::param::{ParamError, ParamInfo, typed};
use super::{ExitPlan, StrategyKind};

/// One strategy's parameters. Equal sets are recognised by [`Self::canonical`].
#[derive(Debug, Clone, PartialEq)]
pub enum StrategyParams {
    EmaCross(EmaCrossParams),
    Momentum(MomentumParams),
    Macd(MacdParams),
    AiTrend(AiTrendParams),
}

/// Calls `$call` on whatever the params are.
macro_rules! each {
    ($params:expr, $inner:ident => $call:expr) => {
        match $params {
            Self::EmaCross($inner) => $call,
            Self::Momentum($inner) => $call,
            Self::Macd($inner) => $call,
            Self::AiTrend($inner) => $call,
        }
    };
}

impl StrategyParams {
    /// The defaults of `kind`.
    pub fn new(kind: StrategyKind) -> Self {
        match kind {
            StrategyKind::EmaCross => Self::EmaCross(EmaCrossParams::default()),
            StrategyKind::Momentum => Self::Momentum(MomentumParams::default()),
            StrategyKind::Macd => Self::Macd(MacdParams::default()),
            StrategyKind::AiTrend => Self::AiTrend(AiTrendParams::default()),
        }
    }

    /// Reads a JSON object; absent keys take their default. The first fault found is returned, nothing is half-read.
    pub fn from_json(kind: StrategyKind, value: &Value) -> Result<Self, ParamError> {
        let value = value.clone();
        Ok(match kind {
            StrategyKind::EmaCross => Self::EmaCross(value.try_into()?),
            StrategyKind::Momentum => Self::Momentum(value.try_into()?),
            StrategyKind::Macd => Self::Macd(value.try_into()?),
            StrategyKind::AiTrend => Self::AiTrend(value.try_into()?),
        })
    }

    /// Every parameter, keys sorted.
    pub fn to_json(&self) -> Value {
        each!(self, params => params.to_json())
    }

    /// The same text for equal parameters of the same kind, and only for those.
    pub fn canonical(&self) -> String {
        format!("{} {}", self.kind(), self.to_json())
    }

    /// Sets one parameter from what was typed, after checking its own range. What spans several parameters is left
    /// to [`Self::validate`], so that `fast=50 slow=100` may be set in either order.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), ParamError> {
        each!(self, params => params.assign(key, &typed(text)))
    }

    pub fn validate(&self) -> Result<(), ParamError> {
        each!(self, params => params.validate())
    }

    /// Every parameter of `kind` with its default, range and meaning.
    pub fn keys(kind: StrategyKind) -> Vec<ParamInfo> {
        match kind {
            StrategyKind::EmaCross => EmaCrossParams::keys(),
            StrategyKind::Momentum => MomentumParams::keys(),
            StrategyKind::Macd => MacdParams::keys(),
            StrategyKind::AiTrend => AiTrendParams::keys(),
        }
    }

    pub const fn kind(&self) -> StrategyKind {
        match self {
            Self::EmaCross(_) => StrategyKind::EmaCross,
            Self::Momentum(_) => StrategyKind::Momentum,
            Self::Macd(_) => StrategyKind::Macd,
            Self::AiTrend(_) => StrategyKind::AiTrend,
        }
    }

    /// Bars until every condition of the strategy has its numbers. A plain strategy may decide earlier.
    pub fn warmup_bars(&self) -> u32 {
        each!(self, params => params.warmup_bars())
    }

    /// Bars of history after which it no longer matters on which bar the indicators started: the seed's weight has
    /// faded below 0.1 %.
    pub fn history_bars(&self) -> u32 {
        self.warmup_bars() + each!(self, params => params.memory_bars())
    }

    /// The exits the strategy brings itself; all absent when it leaves them to bot and account.
    pub fn exit_plan(&self) -> ExitPlan {
        match self {
            Self::Macd(params) => params.exit_plan(),
            Self::EmaCross(_) | Self::Momentum(_) | Self::AiTrend(_) => ExitPlan::NONE,
        }
    }

    /// The same with everything at its default that changes no signal: what only exits and lifetimes depend on. Sets
    /// that are equal here say the same of every bar.
    #[must_use]
    pub fn signal_part(&self) -> Self {
        match self.clone() {
            Self::EmaCross(own) => {
                let signal_ttl_bars = EmaCrossParams::default().signal_ttl_bars;
                Self::EmaCross(EmaCrossParams { signal_ttl_bars, ..own })
            }
            Self::Momentum(own) => {
                let signal_ttl_bars = MomentumParams::default().signal_ttl_bars;
                Self::Momentum(MomentumParams { signal_ttl_bars, ..own })
            }
            Self::Macd(own) => Self::Macd(own.signal_part()),
            Self::AiTrend(own) => {
                let signal_ttl_bars = AiTrendParams::default().signal_ttl_bars;
                Self::AiTrend(AiTrendParams { signal_ttl_bars, ..own })
            }
        }
    }

    /// A signal of lower confidence, 0..=1, opens nothing.
    pub const fn min_confidence(&self) -> f64 {
        each!(self, params => params.min_confidence)
    }

    /// How many bars after its own a signal may still be acted on.
    pub const fn signal_ttl_bars(&self) -> u32 {
        each!(self, params => params.signal_ttl_bars)
    }
}
