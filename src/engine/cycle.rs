//! One cycle: what the market said at one moment, shared unchanged by every account.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::ids::{CycleId, StrategyId};
use crate::domain::instrument::Symbol;
use crate::domain::market::MarketStep;
use crate::domain::money::Price;
use crate::domain::time::{Timeframe, Timestamp};
use crate::signal::{Gates, Signal};

/// Immutable once built; executors receive it behind an `Arc`.
#[derive(Debug, Clone)]
pub struct Cycle {
    pub id: CycleId,
    pub at: Timestamp,
    /// The bars that closed at `at`; the paper book matches against them.
    pub step: Arc<MarketStep>,
    /// Last price of every symbol seen so far.
    pub prices: Arc<BTreeMap<Symbol, Price>>,
    /// Actionable signals that have not expired, sorted by key: whoever missed a cycle still finds them.
    pub signals: Vec<Arc<Signal>>,
    /// Strategies with equal parameters share the signals of the lowest id.
    pub representatives: Arc<BTreeMap<StrategyId, StrategyId>>,
    /// On which timeframe a strategy looks at a symbol: strategies that share a representative may differ in it.
    pub timeframes: Arc<BTreeMap<StrategyId, BTreeMap<Symbol, Timeframe>>>,
    pub gates: Gates,
    pub universe: Arc<Vec<Symbol>>,
    /// The configuration's global switch; off = no new entries anywhere.
    pub entries_enabled: bool,
}

impl Cycle {
    /// The signals a bot of this strategy follows.
    pub fn signals_of(&self, strategy: StrategyId) -> impl Iterator<Item = &Arc<Signal>> {
        let key = self.representatives.get(&strategy).copied().unwrap_or(strategy);
        let start = self.signals.partition_point(|signal| signal.key.strategy < key);
        let timeframes = self.timeframes.get(&strategy);
        let own = move |signal: &&Arc<Signal>| {
            let timeframe = timeframes.and_then(|of| of.get(&signal.key.symbol));
            timeframe.is_none_or(|timeframe| *timeframe == signal.key.timeframe)
        };
        self.signals.iter().skip(start).take_while(move |signal| signal.key.strategy == key).filter(own)
    }
}
