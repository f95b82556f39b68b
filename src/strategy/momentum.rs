//! `momentum`, the ultra aggressive one: a fast move carried by volume, followed at once, in both directions.
//!
//! It asks to enter on every bar the move lasts, so that a position closed by its take profit may be opened again, and
//! to exit on the bar where the rate of change turns its sign.

use super::ema_cross::crossed;
use super::evaluation::{Verdict, condition, holds, share, show};
use super::param::{ANY, Bounds, ParamError, strategy_params};
use super::state::leaning;
use crate::domain::side::PositionSide;
use crate::signal::Condition;
use crate::signal::indicator::{Roc, Sma};
use crate::signal::sample::Sample;

strategy_params! {
    /// Parameters of `momentum`.
    MomentumParams of "momentum" {
        period: u32 = 10, Bounds(1.0, 500.0), "Bars over which the rate of change is taken.";
        threshold_pct: f64 = 2.0, Bounds(0.01, 100.0), "Rate of change, in %, from which a move counts.";
        volume_period: u32 = 20, Bounds(1.0, 500.0), "Bars of the mean volume, the current one included.";
        volume_factor: f64 = 1.0, Bounds(0.0, 100.0), "The volume must be above this many times its mean; 0 is off.";
        allow_short: bool = true, ANY, "Whether a fall opens a short.";
        min_confidence: f64 = 0.8, Bounds(0.0, 1.0), "Least confidence of an entry, 0..1.";
        signal_ttl_bars: u32 = 1, Bounds(1.0, 100.0), "Bars after its own during which a signal may be acted on.";
    }
}

impl MomentumParams {
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the shape every kind shares")]
    const fn validate_together(&self) -> Result<(), ParamError> {
        Ok(())
    }

    pub(super) fn warmup_bars(&self) -> u32 {
        self.volume_period.max(self.period + 1)
    }

    /// Its indicators look at windows only: nothing fades.
    #[expect(clippy::unused_self, reason = "the shape every kind shares")]
    pub(super) const fn memory_bars(&self) -> u32 {
        0
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MomentumFacts {
    /// %.
    roc: Option<f64>,
    volume: f64,
    mean_volume: Option<f64>,
    with_volume: bool,
    side: PositionSide,
}

impl MomentumFacts {
    pub(super) fn headline(&self) -> String {
        format!("rate of change {} %", show(self.roc))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Momentum {
    params: MomentumParams,
    roc: Roc,
    mean_volume: Sma,
    previous_roc: Option<f64>,
}

impl Momentum {
    pub(super) fn new(params: MomentumParams) -> Self {
        Self {
            roc: Roc::new(params.period),
            mean_volume: Sma::new(params.volume_period),
            previous_roc: None,
            params,
        }
    }

    /// Confidence, with m = |rate of change| / threshold and v = volume / mean / max(1, volume_factor): `0.5 m` below the
    /// threshold; from it on 0.5, plus up to 0.3 for m - 1, plus up to 0.2 for v - 1. So the default of 0.8 asks for twice
    /// the threshold, or for less with a surge of volume.
    pub(super) fn push(&mut self, sample: &Sample) -> Verdict<MomentumFacts> {
        let params = &self.params;
        let roc = self.roc.push(sample.close);
        let mean_volume = self.mean_volume.push(sample.volume);
        let turned = crossed(std::mem::replace(&mut self.previous_roc, roc), roc);
        let change = roc.unwrap_or(0.0);
        let with_volume = params.volume_factor <= 0.0
            || holds(mean_volume, |mean| sample.volume > mean * params.volume_factor);
        let moves = change.abs() / params.threshold_pct;
        let usual = mean_volume.unwrap_or(0.0) * params.volume_factor.max(1.0);
        let surge = if usual > 0.0 { sample.volume / usual } else { 0.0 };
        let confidence = if moves < 1.0 {
            0.5 * moves
        } else {
            0.5 + 0.3 * share(moves - 1.0, 1.0) + 0.2 * share(surge - 1.0, 1.0)
        };
        let side = leaning(change);
        let allowed = side == PositionSide::Long || params.allow_short;
        Verdict {
            entry: Some(side).filter(|_| moves >= 1.0 && with_volume && allowed),
            exit_long: turned == Some(PositionSide::Short),
            exit_short: turned == Some(PositionSide::Long),
            confidence,
            facts: MomentumFacts { roc, volume: sample.volume, mean_volume, with_volume, side },
        }
    }

    pub(super) fn conditions(&self, facts: &MomentumFacts) -> Vec<Condition> {
        let params = &self.params;
        let moved =
            format!("roc_{} {} %, at least {} %", params.period, show(facts.roc), params.threshold_pct);
        let mut conditions = vec![condition(
            "rate of change",
            holds(facts.roc, |roc| roc.abs() >= params.threshold_pct),
            moved,
        )];
        if params.volume_factor > 0.0 {
            let detail = format!(
                "volume {} > {} x mean {}",
                show(Some(facts.volume)),
                params.volume_factor,
                show(facts.mean_volume)
            );
            conditions.push(condition("volume above mean", facts.with_volume, detail));
        }
        if facts.side == PositionSide::Short {
            let detail = format!("allow_short {}", params.allow_short);
            conditions.push(condition("shorts allowed", params.allow_short, detail));
        }
        conditions
    }
}
