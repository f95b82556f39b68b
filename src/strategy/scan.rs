//! A strategy over a whole series at once: the bars on which it says something that can be acted on.
//!
//! The arithmetic is that of the streaming form: the plain crosses push the same indicators, and everything else
//! pushes the strategy itself. What a plain cross does not look at is not computed.

use super::StrategyParams;
use super::ema_cross::{EmaCrossParams, crossed};
use super::macd::MacdParams;
use super::state::Strategy;
use crate::domain::side::PositionSide;
use crate::signal::indicator::{Ema, Macd};
use crate::signal::sample::Sample;

/// A bar's verdict on which somebody can act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Of the bar in the series.
    pub bar: usize,
    pub entry: Option<PositionSide>,
    pub exit_long: bool,
    pub exit_short: bool,
}

impl Mark {
    /// What it asks for, whichever bar it is of.
    pub const fn asks(&self) -> (Option<PositionSide>, bool, bool) {
        (self.entry, self.exit_long, self.exit_short)
    }
}

/// One series, oldest bar first. The columns are as long as `close`, or empty where [`needs_whole_bars`] says that
/// they are not looked at.
#[derive(Debug, Clone, Copy)]
pub struct BarColumns<'a> {
    pub high: &'a [f64],
    pub low: &'a [f64],
    pub close: &'a [f64],
    pub volume: &'a [f64],
    /// Whether all parts of a bar were there; empty: of every bar.
    pub complete: &'a [bool],
}

/// Confidence of a cross is never below this.
const CROSS_CONFIDENCE: f64 = 0.5;

/// Whether the strategy looks at more than closes.
pub fn needs_whole_bars(params: &StrategyParams) -> bool {
    match params {
        StrategyParams::EmaCross(params) => !is_plain_ema(params),
        StrategyParams::Macd(params) => !is_plain_macd(params),
        StrategyParams::Momentum(_) | StrategyParams::AiTrend(_) => true,
    }
}

fn is_plain_ema(params: &EmaCrossParams) -> bool {
    params.trend == 0 && params.min_confidence <= CROSS_CONFIDENCE
}

fn is_plain_macd(params: &MacdParams) -> bool {
    params.conditions_calm == 0
        && params.conditions_volatile == 0
        && params.min_confidence <= CROSS_CONFIDENCE
}

/// Every bar of the series that can be acted on, in order.
pub fn marks(params: &StrategyParams, bars: &BarColumns<'_>) -> Vec<Mark> {
    match params {
        StrategyParams::EmaCross(own) if is_plain_ema(own) => plain_ema(own, bars),
        StrategyParams::Macd(own) if is_plain_macd(own) => plain_macd(own, bars),
        StrategyParams::EmaCross(_)
        | StrategyParams::Macd(_)
        | StrategyParams::Momentum(_)
        | StrategyParams::AiTrend(_) => streamed(params, bars),
    }
}

/// [`marks`] of several parameter sets over one series, each from a bar of its own on; bars are counted from the
/// beginning of the series.
pub fn marks_of_all(sets: &[(&StrategyParams, usize)], bars: &BarColumns<'_>) -> Vec<Vec<Mark>> {
    let all = sets.iter().map(|(params, first)| {
        let mut found = marks(params, &bars.since(*first));
        for mark in &mut found {
            mark.bar += first;
        }
        found
    });
    all.collect()
}

impl BarColumns<'_> {
    /// Without the bars before `first`.
    fn since(&self, first: usize) -> Self {
        Self {
            high: self.high.get(first..).unwrap_or_default(),
            low: self.low.get(first..).unwrap_or_default(),
            close: self.close.get(first..).unwrap_or_default(),
            volume: self.volume.get(first..).unwrap_or_default(),
            complete: self.complete.get(first..).unwrap_or_default(),
        }
    }
}

fn streamed(params: &StrategyParams, bars: &BarColumns<'_>) -> Vec<Mark> {
    let mut strategy = Strategy::new(params);
    let mut marks = Vec::new();
    let ranges = bars.high.iter().zip(bars.low);
    let rows = ranges.zip(bars.close.iter().zip(bars.volume)).enumerate();
    for (bar, ((high, low), (close, volume))) in rows {
        let sample = Sample {
            high: *high,
            low: *low,
            close: *close,
            volume: *volume,
            complete: is_complete(bars, bar),
        };
        let evaluation = strategy.push_sample(&sample);
        if evaluation.is_actionable() {
            marks.push(Mark {
                bar,
                entry: evaluation.entry,
                exit_long: evaluation.exit_long,
                exit_short: evaluation.exit_short,
            });
        }
    }
    marks
}

fn is_complete(bars: &BarColumns<'_>, bar: usize) -> bool {
    bars.complete.get(bar).is_none_or(|complete| *complete)
}

fn plain_macd(params: &MacdParams, bars: &BarColumns<'_>) -> Vec<Mark> {
    let mut lines = Macd::new(params.fast, params.slow, params.signal);
    crosses(
        bars,
        |close| lines.push(close).map(|lines| lines.histogram),
        |bar, side| {
            let allowed = side == PositionSide::Long || params.allow_short;
            let entry = Some(side).filter(|_| allowed && is_complete(bars, bar));
            Mark { bar, entry, exit_long: false, exit_short: false }
        },
    )
}

fn plain_ema(params: &EmaCrossParams, bars: &BarColumns<'_>) -> Vec<Mark> {
    let (mut fast, mut slow) = (Ema::new(params.fast), Ema::new(params.slow));
    let gap = |close| {
        let (fast, slow) = (fast.push(close), slow.push(close));
        Some(fast? - slow?)
    };
    crosses(bars, gap, |bar, side| {
        let allowed = side == PositionSide::Long || params.allow_short;
        let exits = |of: PositionSide| params.exit_on_cross && side != of;
        Mark {
            bar,
            entry: Some(side).filter(|_| allowed && is_complete(bars, bar)),
            exit_long: exits(PositionSide::Long),
            exit_short: exits(PositionSide::Short),
        }
    })
}

/// The bars on which a difference of two lines changes its sign, as far as they can be acted on.
fn crosses(
    bars: &BarColumns<'_>,
    mut difference: impl FnMut(f64) -> Option<f64>,
    mark: impl Fn(usize, PositionSide) -> Mark,
) -> Vec<Mark> {
    let mut previous = None;
    let mut marks = Vec::new();
    for (bar, close) in bars.close.iter().enumerate() {
        let now = difference(*close);
        if let Some(side) = crossed(previous, now) {
            let mark = mark(bar, side);
            if mark.entry.is_some() || mark.exit_long || mark.exit_short {
                marks.push(mark);
            }
        }
        previous = now;
    }
    marks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::strategy::StrategyKind;

    proptest! {
        /// The short ways say exactly what the strategy itself says, bar by bar.
        #[test]
        fn short_ways_say_what_the_strategy_says(
            moves in prop::collection::vec(-3_i32..=3, 0..300),
            fast in 1_u32..8,
            more in 1_u32..12,
            signal in 1_u32..6,
            shorts: bool,
            exits: bool,
            gaps in prop::collection::vec(any::<bool>(), 0..300),
        ) {
            let mut price = 100;
            let close: Vec<f64> = moves.iter().map(|step| { price = (price + step).max(1); f64::from(price) }).collect();
            let complete: Vec<bool> = close.iter().enumerate().map(|(bar, _)| gaps.get(bar).is_none_or(|gap| *gap)).collect();
            let bars = BarColumns { high: &close, low: &close, close: &close, volume: &close, complete: &complete };
            for (kind, params) in [
                (StrategyKind::EmaCross, json!({"fast": fast, "slow": fast + more, "trend": 0, "allow_short": shorts, "exit_on_cross": exits})),
                (StrategyKind::Macd, json!({"fast": fast, "slow": fast + more, "signal": signal, "conditions_calm": 0, "conditions_volatile": 0, "allow_short": shorts})),
            ] {
                let params = StrategyParams::from_json(kind, &params).unwrap();
                prop_assert!(!needs_whole_bars(&params));
                prop_assert_eq!(marks(&params, &bars), streamed(&params, &bars));
            }
        }
    }
}
