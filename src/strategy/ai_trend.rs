//! `ai_trend` without a model: a weighted ensemble of the other three strategies' states plus RSI and Bollinger bands.
//!
//! Each member votes -1..=1:
//!
//! | member | vote |
//! |---|---|
//! | EMA | (fast EMA - slow EMA) / ATR |
//! | MACD | 4 x histogram / ATR |
//! | momentum | rate of change / `roc_full_pct` |
//! | RSI | (RSI - 50) / 25 |
//! | Bollinger | 2 x %b - 1 |
//!
//! The score is the weighted mean of the votes: its sign is the direction. The confidence is
//! `|score| x (0.5 + 0.5 x min(1, ADX / adx_full))`: agreement counts for less in a market without a trend. It enters when
//! the confidence reaches `min_confidence` in a direction it is not committed to yet, and lets go of a direction, asking
//! for an exit, when the score turns against it with `exit_confidence`. The commitment is part of the state: a run that
//! starts later may announce a direction again that an older one announced before.

use super::evaluation::{Verdict, condition, share, show};
use super::param::{ANY, Bounds, ParamError, strategy_params};
use super::state::leaning;
use crate::domain::side::PositionSide;
use crate::signal::Condition;
use crate::signal::indicator::{Adx, Atr, Bollinger, Ema, Macd, Roc, Rsi};
use crate::signal::sample::Sample;

strategy_params! {
    /// Parameters of `ai_trend`.
    AiTrendParams of "ai_trend" {
        fast: u32 = 12, Bounds(1.0, 500.0), "Bars of the fast EMA, also MACD's; below `slow`.";
        slow: u32 = 26, Bounds(2.0, 1000.0), "Bars of the slow EMA, also MACD's.";
        signal: u32 = 9, Bounds(1.0, 500.0), "Bars of MACD's signal line.";
        roc_period: u32 = 10, Bounds(1.0, 500.0), "Bars over which the rate of change is taken.";
        roc_full_pct: f64 = 3.0, Bounds(0.01, 100.0), "Rate of change, in %, that is a full vote.";
        rsi_period: u32 = 14, Bounds(1.0, 500.0), "Bars of the RSI.";
        range_period: u32 = 14, Bounds(2.0, 200.0), "Bars of the average true range and the ADX.";
        adx_full: f64 = 25.0, Bounds(1.0, 100.0), "ADX from which the trend is strong enough for full confidence.";
        band_period: u32 = 20, Bounds(2.0, 500.0), "Bars of the Bollinger bands.";
        band_width: f64 = 2.0, Bounds(0.1, 10.0), "Width of the Bollinger bands in standard deviations.";
        weight_ema: f64 = 0.3, Bounds(0.0, 1.0), "Weight of the EMA vote.";
        weight_macd: f64 = 0.25, Bounds(0.0, 1.0), "Weight of the MACD vote.";
        weight_momentum: f64 = 0.2, Bounds(0.0, 1.0), "Weight of the momentum vote.";
        weight_rsi: f64 = 0.15, Bounds(0.0, 1.0), "Weight of the RSI vote.";
        weight_band: f64 = 0.1, Bounds(0.0, 1.0), "Weight of the Bollinger vote.";
        allow_short: bool = true, ANY, "Whether a fall opens a short.";
        exit_confidence: f64 = 0.2, Bounds(0.0, 1.0), "Confidence against the direction that exits it, 0..1.";
        min_confidence: f64 = 0.6, Bounds(0.0, 1.0), "Least confidence of an entry, 0..1.";
        signal_ttl_bars: u32 = 1, Bounds(1.0, 100.0), "Bars after its own during which a signal may be acted on.";
    }
}

impl AiTrendParams {
    fn validate_together(&self) -> Result<(), ParamError> {
        ParamError::check_below(("fast", self.fast.into()), ("slow", self.slow.into()))?;
        if self.weights().iter().sum::<f64>() > 0.0 {
            return Ok(());
        }
        let allowed =
            "above 0 for at least one of weight_ema weight_macd weight_momentum weight_rsi weight_band";
        Err(ParamError::NotAllowed { key: "weight_ema", value: "0".to_owned(), allowed: allowed.to_owned() })
    }

    const fn weights(&self) -> [f64; 5] {
        [self.weight_ema, self.weight_macd, self.weight_momentum, self.weight_rsi, self.weight_band]
    }

    pub(super) fn warmup_bars(&self) -> u32 {
        let cross = self.slow + self.signal - 1;
        let oscillators = (self.rsi_period + 1).max(self.roc_period + 1).max(2 * self.range_period);
        cross.max(oscillators).max(self.band_period)
    }

    /// The weight of an EMA's seed fades as e^(-2 bars / period), of Wilder's as e^(-bars / period); ADX smooths twice.
    pub(super) fn memory_bars(&self) -> u32 {
        (4 * (self.slow + self.signal)).max(8 * self.rsi_period).max(12 * self.range_period)
    }
}

/// The members in the order of their votes.
const MEMBERS: [&str; 5] = ["ema", "macd", "momentum", "rsi", "bollinger"];

/// A histogram of a quarter of the average true range is a full vote.
const HISTOGRAM_SCALE: f64 = 4.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct AiTrendFacts {
    /// What each member says and the number it says it on; `None` while one is still warming up.
    votes: Option<[(f64, f64); 5]>,
    adx: f64,
    /// -1..=1.
    score: f64,
    side: PositionSide,
    /// The direction it was committed to before this bar.
    committed: Option<PositionSide>,
}

impl AiTrendFacts {
    pub(super) fn headline(&self) -> String {
        if self.votes.is_none() {
            return "warming up".to_owned();
        }
        format!("score {:.3}, adx {:.1}", self.score, self.adx)
    }
}

#[derive(Debug, Clone)]
pub(super) struct AiTrend {
    params: AiTrendParams,
    fast: Ema,
    slow: Ema,
    macd: Macd,
    roc: Roc,
    rsi: Rsi,
    atr: Atr,
    adx: Adx,
    bands: Bollinger,
    committed: Option<PositionSide>,
}

impl AiTrend {
    pub(super) fn new(params: AiTrendParams) -> Self {
        Self {
            fast: Ema::new(params.fast),
            slow: Ema::new(params.slow),
            macd: Macd::new(params.fast, params.slow, params.signal),
            roc: Roc::new(params.roc_period),
            rsi: Rsi::new(params.rsi_period),
            atr: Atr::new(params.range_period),
            adx: Adx::new(params.range_period),
            bands: Bollinger::new(params.band_period, params.band_width),
            committed: None,
            params,
        }
    }

    pub(super) fn push(&mut self, sample: &Sample) -> Verdict<AiTrendFacts> {
        let adx =
            self.adx.push(sample.high, sample.low, sample.close).and_then(|directional| directional.adx);
        let votes = self.votes(sample).filter(|_| adx.is_some());
        let adx = adx.unwrap_or(0.0);
        let score = votes.map_or(0.0, |votes| self.score(&votes));
        let confidence = score.abs() * (0.5 + 0.5 * share(adx, self.params.adx_full));
        let side = leaning(score);
        let committed = self.committed;
        let turned =
            committed.filter(|committed| *committed != side && confidence >= self.params.exit_confidence);
        if turned.is_some() {
            self.committed = None;
        }
        let allowed = side == PositionSide::Long || self.params.allow_short;
        // An incomplete bar opens nothing, so it must not commit either: the next whole bar still can.
        let sure = votes.is_some() && sample.complete && confidence >= self.params.min_confidence;
        let entry = Some(side).filter(|side| sure && allowed && self.committed != Some(*side));
        self.committed = entry.or(self.committed);
        Verdict {
            entry,
            exit_long: turned == Some(PositionSide::Long),
            exit_short: turned == Some(PositionSide::Short),
            confidence,
            facts: AiTrendFacts { votes, adx, score, side, committed },
        }
    }

    /// Feeds every member; (vote, number it is based on) of each once all are warm.
    fn votes(&mut self, sample: &Sample) -> Option<[(f64, f64); 5]> {
        let close = sample.close;
        let (fast, slow) = (self.fast.push(close), self.slow.push(close));
        let macd = self.macd.push(close);
        let roc = self.roc.push(close);
        let rsi = self.rsi.push(close);
        let atr = self.atr.push(sample.high, sample.low, close);
        let bands = self.bands.push(close);
        let atr = atr?;
        let in_ranges = |distance: f64| if atr > 0.0 { distance / atr } else { 0.0 };
        let gap = in_ranges(fast? - slow?);
        let histogram = in_ranges(macd?.histogram);
        let (roc, rsi) = (roc?, rsi?);
        let percent_b = bands?.percent_b(close);
        let vote = |value: f64, number: f64| (value.clamp(-1.0, 1.0), number);
        Some([
            vote(gap, gap),
            vote(HISTOGRAM_SCALE * histogram, histogram),
            vote(roc / self.params.roc_full_pct, roc),
            vote((rsi - 50.0) / 25.0, rsi),
            vote(2.0 * percent_b - 1.0, percent_b),
        ])
    }

    fn score(&self, votes: &[(f64, f64); 5]) -> f64 {
        let weights = self.params.weights();
        let total: f64 = weights.iter().sum();
        let sum: f64 = weights.iter().zip(votes).map(|(weight, (vote, _))| weight * vote).sum();
        if total > 0.0 { sum / total } else { 0.0 }
    }

    pub(super) fn conditions(&self, facts: &AiTrendFacts) -> Vec<Condition> {
        let units = ["x ATR", "x ATR", "%", "", "%b"];
        let mut conditions = Vec::with_capacity(8);
        for (index, (member, unit)) in MEMBERS.into_iter().zip(units).enumerate() {
            let vote = facts.votes.as_ref().and_then(|votes| votes.get(index)).copied();
            let detail = match vote {
                Some((vote, number)) => {
                    format!("vote {vote:+.2} on {number:.3} {unit}").trim_end().to_owned()
                }
                None => show(None),
            };
            let agrees = vote.is_some_and(|(vote, _)| vote.abs() > 0.0 && leaning(vote) == facts.side);
            conditions.push(condition(&format!("{member} votes {}", facts.side), agrees, detail));
        }
        let strong = facts.adx >= self.params.adx_full;
        let adx = format!("adx {:.1}, full confidence from {}", facts.adx, self.params.adx_full);
        conditions.push(condition("strong trend", strong, adx));
        let committed = facts.committed.map_or("none", PositionSide::as_str);
        let is_new = facts.committed != Some(facts.side);
        conditions.push(condition(
            "new direction",
            is_new,
            format!("score {:+.3}, committed to {committed}", facts.score),
        ));
        if facts.side == PositionSide::Short {
            let detail = format!("allow_short {}", self.params.allow_short);
            conditions.push(condition("shorts allowed", self.params.allow_short, detail));
        }
        conditions
    }
}
