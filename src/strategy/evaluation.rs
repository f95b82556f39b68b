//! What a strategy says about one bar, in numbers; and the words for it.

use super::ai_trend::AiTrendFacts;
use super::ema_cross::EmaCrossFacts;
use super::macd::MacdFacts;
use super::momentum::MomentumFacts;
use crate::domain::side::PositionSide;
use crate::signal::{Condition, Confidence};

/// One bar's verdict. Cheap: no text, no allocation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// The position to open.
    pub entry: Option<PositionSide>,
    /// Open long (short) positions should be closed.
    pub exit_long: bool,
    pub exit_short: bool,
    pub confidence: Confidence,
    /// False when the bar had missing parts and therefore opens nothing.
    pub complete: bool,
    pub(super) facts: Facts,
}

impl Evaluation {
    pub const fn is_actionable(&self) -> bool {
        self.entry.is_some() || self.exit_long || self.exit_short
    }
}

/// The numbers a verdict was reached on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Facts {
    EmaCross(EmaCrossFacts),
    Momentum(MomentumFacts),
    Macd(MacdFacts),
    AiTrend(AiTrendFacts),
}

/// What a strategy's own rules say, before `min_confidence` and incomplete bars are considered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict<F> {
    pub(super) entry: Option<PositionSide>,
    pub(super) exit_long: bool,
    pub(super) exit_short: bool,
    pub(super) confidence: f64,
    pub(super) facts: F,
}

/// `value / full`, 0..=1.
pub(super) fn share(value: f64, full: f64) -> f64 {
    if full > 0.0 { (value / full).clamp(0.0, 1.0) } else { 0.0 }
}

/// Whether `value` exists and satisfies `test`; what is still warming up satisfies nothing.
pub(super) fn holds(value: Option<f64>, test: impl FnOnce(f64) -> bool) -> bool {
    value.is_some_and(test)
}

pub(super) fn condition(name: &str, passed: bool, detail: String) -> Condition {
    Condition { name: name.to_owned(), passed, detail }
}

/// A number for people: more decimals the smaller it is.
pub(super) fn show(value: Option<f64>) -> String {
    let Some(value) = value else { return "warming up".to_owned() };
    let size = value.abs();
    if size >= 1_000.0 {
        format!("{value:.2}")
    } else if size >= 1.0 {
        format!("{value:.4}")
    } else {
        format!("{value:.8}")
    }
}
