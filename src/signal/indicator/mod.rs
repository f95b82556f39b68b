//! Streaming indicators: one value in, at most one value out, `None` while warming up.
//!
//! Every indicator follows the seeding convention of TA-Lib (<https://ta-lib.org>, unstable period 0), because that is
//! what charts, other bots and the golden files agree on; `docs/indicators.md` lists the conventions. A period of 0
//! counts as 1. Invariant: equal inputs give bit-equal outputs, however the pushes are grouped.

mod adx;
mod atr;
mod bollinger;
mod ema;
mod macd;
mod roc;
mod rsi;
mod sma;
mod window;

pub use adx::{Adx, Directional};
pub use atr::{Atr, TrueRange, natr};
pub use bollinger::{Bollinger, BollingerBands};
pub use ema::{Average, Ema};
pub use macd::{Macd, MacdValue};
pub use roc::Roc;
pub use rsi::Rsi;
pub use sma::Sma;

/// Below this TA-Lib takes a divisor for zero (`TA_EPSILON`).
const EPSILON: f64 = 1e-14;

const fn is_zero(value: f64) -> bool {
    value.abs() < EPSILON
}

#[cfg(test)]
mod tests;
