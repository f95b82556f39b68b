//! What the market says to all accounts at one moment: signals that are drawn, and the cycle they are part of.

use std::collections::BTreeMap;
use std::sync::Arc;

use tradefleet::domain::ids::CycleId;
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::market::MarketStep;
use tradefleet::domain::money::Price;
use tradefleet::domain::side::PositionSide;
use tradefleet::domain::time::{DurationMs, Timeframe, Timestamp};
use tradefleet::engine::config::AccountConfig;
use tradefleet::engine::cycle::Cycle;
use tradefleet::engine::settings::SymbolScope;
use tradefleet::signal::{Confidence, Gates, Signal, SignalKey};

use crate::pcg::Pcg;

/// New signals of the bots' strategies, each with a chance in a thousand.
pub(crate) fn draw(
    db: &AccountConfig,
    pcg: &mut Pcg,
    chance: u32,
    at: Timestamp,
    prices: &BTreeMap<Symbol, Price>,
) -> Vec<Arc<Signal>> {
    let mut drawn = Vec::new();
    for config in db.bots.values() {
        let (is_drawn, what) = (pcg.below(1_000) < chance, pcg.below(6));
        let (Some(strategy), SymbolScope::One(symbol)) = (config.strategy, &config.settings.symbol) else {
            continue;
        };
        if !is_drawn {
            continue;
        }
        drawn.push(Arc::new(Signal {
            key: SignalKey { strategy, symbol: symbol.clone(), timeframe: Timeframe::M1 },
            bar_close_at: at,
            price: prices[symbol],
            entry: match what {
                0 | 1 => Some(PositionSide::Long),
                2 | 3 => Some(PositionSide::Short),
                _ => None,
            },
            exit_long: what >= 2,
            exit_short: what < 2 || what == 5,
            confidence: Confidence::new(0.8),
            reason: String::new(),
            conditions: Vec::new(),
            expires_at: at.plus(DurationMs::from_secs(30)),
        }));
    }
    drawn
}

/// The cycle of `at` with these signals.
pub(crate) fn cycle(
    at: Timestamp,
    step: MarketStep,
    prices: BTreeMap<Symbol, Price>,
    mut signals: Vec<Arc<Signal>>,
    entries_enabled: bool,
) -> Cycle {
    signals.sort_by(|a, b| a.key.cmp(&b.key));
    Cycle {
        id: CycleId::at(at),
        at,
        step: Arc::new(step),
        universe: Arc::new(prices.keys().cloned().collect()),
        prices: Arc::new(prices),
        signals,
        representatives: Arc::default(),
        timeframes: Arc::default(),
        gates: Gates::OPEN,
        entries_enabled,
    }
}
