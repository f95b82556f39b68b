//! `ema_cross`, the conservative one: the fast EMA crosses the slow one, in the direction of a long trend EMA.
//!
//! Golden cross on bar i: `fast[i-1] <= slow[i-1] && fast[i] > slow[i]`; the dead cross mirrors it. Nothing crosses while
//! a value of bar i-1 or i is missing.

use super::evaluation::{Verdict, condition, holds, share, show};
use super::param::{ANY, Bounds, ParamError, strategy_params};
use super::state::leaning;
use crate::domain::side::PositionSide;
use crate::signal::Condition;
use crate::signal::indicator::Ema;
use crate::signal::sample::Sample;

strategy_params! {
    /// Parameters of `ema_cross`. `trend = 0` and `allow_short = false` make it the plain long-only cross.
    EmaCrossParams of "ema_cross" {
        fast: u32 = 12, Bounds(1.0, 500.0), "Bars of the fast EMA; below `slow`.";
        slow: u32 = 26, Bounds(2.0, 1000.0), "Bars of the slow EMA.";
        trend: u32 = 200, Bounds(0.0, 1000.0), "Bars of the trend EMA: longs only above it, shorts only below it; 0 is off.";
        allow_short: bool = true, ANY, "Whether a dead cross opens a short.";
        exit_on_cross: bool = true, ANY, "Whether the opposite cross closes the position.";
        min_confidence: f64 = 0.0, Bounds(0.0, 1.0), "Least confidence of an entry, 0..1.";
        signal_ttl_bars: u32 = 1, Bounds(1.0, 100.0), "Bars after its own during which a signal may be acted on.";
    }
}

impl EmaCrossParams {
    fn validate_together(&self) -> Result<(), ParamError> {
        ParamError::check_below(("fast", self.fast.into()), ("slow", self.slow.into()))
    }

    pub(super) fn warmup_bars(&self) -> u32 {
        self.trend.max(self.slow + 1)
    }

    /// The weight of an EMA's seed fades as e^(-2 bars / period).
    pub(super) fn memory_bars(&self) -> u32 {
        4 * self.trend.max(self.slow)
    }
}

/// How far, in % of the close, the EMAs must move against each other in the bar of the cross for full confidence.
const FULL_STEP_PCT: f64 = 0.1;
/// Distance from the trend EMA, in % of the close, for full confidence.
const FULL_TREND_PCT: f64 = 2.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct EmaCrossFacts {
    close: f64,
    fast: Option<f64>,
    slow: Option<f64>,
    trend: Option<f64>,
    /// The side of a cross on this bar.
    cross: Option<PositionSide>,
    /// The side the EMAs lean to.
    side: PositionSide,
    with_trend: bool,
}

impl EmaCrossFacts {
    pub(super) fn headline(&self) -> String {
        format!("fast ema {}, slow ema {}", show(self.fast), show(self.slow))
    }
}

#[derive(Debug, Clone)]
pub(super) struct EmaCross {
    params: EmaCrossParams,
    fast: Ema,
    slow: Ema,
    trend: Option<Ema>,
    /// Fast minus slow EMA of the previous bar.
    previous_gap: Option<f64>,
}

impl EmaCross {
    pub(super) fn new(params: EmaCrossParams) -> Self {
        Self {
            fast: Ema::new(params.fast),
            slow: Ema::new(params.slow),
            trend: (params.trend > 0).then(|| Ema::new(params.trend)),
            previous_gap: None,
            params,
        }
    }

    /// Confidence: 0.5, plus up to 0.3 for how decisively the EMAs moved against each other in this bar, plus up to 0.2
    /// for the distance from the trend EMA.
    pub(super) fn push(&mut self, sample: &Sample) -> Verdict<EmaCrossFacts> {
        let close = sample.close;
        let (fast, slow) = (self.fast.push(close), self.slow.push(close));
        let trend = self.trend.as_mut().and_then(|trend| trend.push(close));
        let gap = fast.zip(slow).map(|(fast, slow)| fast - slow);
        let previous_gap = std::mem::replace(&mut self.previous_gap, gap);
        let cross = crossed(previous_gap, gap);
        let side = leaning(gap.unwrap_or(0.0));
        let with_trend = self.params.trend == 0
            || holds(trend, |trend| match side {
                PositionSide::Long => close > trend,
                PositionSide::Short => close < trend,
            });
        let step = gap.zip(previous_gap).map_or(0.0, |(now, before)| (now - before).abs() / close * 100.0);
        let distance = trend.map_or(0.0, |trend| (close - trend).abs() / close * 100.0);
        let confidence = 0.5 + 0.3 * share(step, FULL_STEP_PCT) + 0.2 * share(distance, FULL_TREND_PCT);
        let allowed = |side: &PositionSide| match side {
            PositionSide::Long => true,
            PositionSide::Short => self.params.allow_short,
        };
        Verdict {
            entry: cross.filter(allowed).filter(|_| with_trend),
            exit_long: self.params.exit_on_cross && cross == Some(PositionSide::Short),
            exit_short: self.params.exit_on_cross && cross == Some(PositionSide::Long),
            confidence,
            facts: EmaCrossFacts { close, fast, slow, trend, cross, side, with_trend },
        }
    }

    pub(super) fn conditions(&self, facts: &EmaCrossFacts) -> Vec<Condition> {
        let params = &self.params;
        let (name, sign) = match facts.side {
            PositionSide::Long => ("golden cross", '>'),
            PositionSide::Short => ("dead cross", '<'),
        };
        let emas = format!(
            "ema_{} {} {sign} ema_{} {}",
            params.fast,
            show(facts.fast),
            params.slow,
            show(facts.slow)
        );
        let mut conditions = vec![condition(name, facts.cross == Some(facts.side), emas)];
        if params.trend > 0 {
            let detail = format!(
                "close {} {sign} ema_{} {}",
                show(Some(facts.close)),
                params.trend,
                show(facts.trend)
            );
            conditions.push(condition("with the trend", facts.with_trend, detail));
        }
        if facts.side == PositionSide::Short {
            conditions.push(condition(
                "shorts allowed",
                params.allow_short,
                format!("allow_short {}", params.allow_short),
            ));
        }
        conditions
    }
}

/// The side to which a difference of two lines changed its sign between two bars.
pub(super) fn crossed(previous: Option<f64>, now: Option<f64>) -> Option<PositionSide> {
    let (previous, now) = (previous?, now?);
    if previous <= 0.0 && now > 0.0 {
        return Some(PositionSide::Long);
    }
    (previous >= 0.0 && now < 0.0).then_some(PositionSide::Short)
}
