//! What the market's candles say: signals, gates and the universe. Binary floating point lives only here and in
//! `strategy`; what leaves is a decision (a side, a confidence), never an amount of money.

pub mod gates;
pub mod indicator;
pub mod sample;
#[cfg(test)]
pub(crate) mod testing;
pub mod universe;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::ids::StrategyId;
use crate::domain::instrument::Symbol;
use crate::domain::money::Price;
use crate::domain::side::PositionSide;
use crate::domain::time::{Timeframe, Timestamp};

/// How sure a signal is: 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confidence(f64);

impl Confidence {
    /// Clamped to 0..=1; NaN becomes 0.
    pub fn new(value: f64) -> Self {
        Self(if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) })
    }

    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

/// Names one computation: the same key is computed once per cycle, however many bots follow it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SignalKey {
    /// Of several strategies with equal parameters, the one with the lowest id.
    pub strategy: StrategyId,
    pub symbol: Symbol,
    pub timeframe: Timeframe,
}

/// One condition of a strategy, with the numbers it was judged on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Short and stable: `golden cross`, `volume above mean`.
    pub name: String,
    pub passed: bool,
    /// The numbers, ready to print: `ema_12 101.52 > ema_26 100.97`.
    pub detail: String,
}

/// What one strategy says about one symbol on one closed bar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    pub key: SignalKey,
    /// Close of the bar it was computed on; names the signal together with `key`.
    pub bar_close_at: Timestamp,
    /// Close price of that bar.
    pub price: Price,
    /// The position to open; `None` when there is nothing to do.
    pub entry: Option<PositionSide>,
    /// The strategy wants open long (short) positions closed.
    pub exit_long: bool,
    pub exit_short: bool,
    pub confidence: Confidence,
    /// One line for people.
    pub reason: String,
    pub conditions: Vec<Condition>,
    /// From here on it is stale and must not open anything.
    pub expires_at: Timestamp,
}

impl Signal {
    /// Whether it asks for a position on `side` to be closed.
    pub const fn exits(&self, side: PositionSide) -> bool {
        match side {
            PositionSide::Long => self.exit_long,
            PositionSide::Short => self.exit_short,
        }
    }

    /// Whether anybody could act on it.
    pub const fn is_actionable(&self) -> bool {
        self.entry.is_some() || self.exit_long || self.exit_short
    }
}

/// Whether new positions may be opened at all, by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gates {
    pub longs: Gate,
    pub shorts: Gate,
}

/// One side's gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Gate {
    Open,
    /// Entries are forbidden, and why.
    Closed {
        reason: String,
    },
}

impl Gates {
    pub const OPEN: Self = Self { longs: Gate::Open, shorts: Gate::Open };

    pub const fn gate(&self, side: PositionSide) -> &Gate {
        match side {
            PositionSide::Long => &self.longs,
            PositionSide::Short => &self.shorts,
        }
    }
}
