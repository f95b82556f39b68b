//! A strategy over a whole series at once: the bars on which it says something that can be acted on.
//!
//! The arithmetic is that of the streaming form: the plain crosses push the same indicators, and everything else
//! pushes the strategy itself. What a plain cross does not look at is not computed.

use super::StrategyParams;
use super::crosses::{Cross, LANES, alone, is_plain_ema, is_plain_macd, together};
use super::state::Strategy;
use crate::domain::side::PositionSide;
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

/// Whether the strategy looks at more than closes.
pub fn needs_whole_bars(params: &StrategyParams) -> bool {
    match params {
        StrategyParams::EmaCross(params) => !is_plain_ema(params),
        StrategyParams::Macd(params) => !is_plain_macd(params),
        StrategyParams::Momentum(_) | StrategyParams::AiTrend(_) => true,
    }
}

/// Every bar of the series that can be acted on, in order.
pub fn marks(params: &StrategyParams, bars: &BarColumns<'_>) -> Vec<Mark> {
    Cross::of(params).map_or_else(|| streamed(params, bars), |cross| alone(cross, bars))
}

/// [`marks`] of several parameter sets over one series, each from a bar of its own on; bars are counted from the
/// beginning of the series.
pub fn marks_of_all(sets: &[(&StrategyParams, usize)], bars: &BarColumns<'_>) -> Vec<Vec<Mark>> {
    let mut all: Vec<Vec<Mark>> = sets.iter().map(|_| Vec::new()).collect();
    let mut waiting: Vec<(usize, (Cross, usize))> = Vec::new();
    for (place, (params, first)) in sets.iter().enumerate() {
        if let Some(cross) = Cross::of(params) {
            waiting.push((place, (cross, *first)));
        } else if let Some(marks) = all.get_mut(place) {
            *marks = streamed(params, &bars.since(*first));
            for mark in marks {
                mark.bar += first;
            }
        }
    }
    while !waiting.is_empty() {
        let group = waiting.split_off(waiting.len().saturating_sub(LANES));
        let (places, crosses): (Vec<usize>, Vec<(Cross, usize)>) = group.into_iter().unzip();
        for (place, found) in places.into_iter().zip(together(crosses, bars)) {
            if let Some(marks) = all.get_mut(place) {
                *marks = found;
            }
        }
    }
    all
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

    pub(super) fn is_complete(&self, bar: usize) -> bool {
        self.complete.get(bar).is_none_or(|complete| *complete)
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
            complete: bars.is_complete(bar),
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

        /// Several sets at once say what each says alone, from the bar it begins with.
        #[test]
        fn sets_that_go_together_say_what_each_says_alone(
            moves in prop::collection::vec(-3_i32..=3, 0..200),
            sets in prop::collection::vec((any::<bool>(), 1_u32..6, 1_u32..9, 1_u32..5, any::<bool>(), 0_usize..40), 1..20),
        ) {
            let mut price = 100;
            let close: Vec<f64> = moves.iter().map(|step| { price = (price + step).max(1); f64::from(price) }).collect();
            let bars = BarColumns { high: &close, low: &close, close: &close, volume: &close, complete: &[] };
            let read = |kind, params| StrategyParams::from_json(kind, &params).unwrap();
            let sets: Vec<(StrategyParams, usize)> = sets.into_iter().map(|(macd, fast, more, signal, shorts, first)| {
                let params = if macd {
                    read(StrategyKind::Macd, json!({"fast": fast, "slow": fast + more, "signal": signal, "conditions_calm": 0, "conditions_volatile": 0, "allow_short": shorts}))
                } else {
                    // Some of them are no plain crosses.
                    let trend = if signal == 4 { 9 } else { 0 };
                    read(StrategyKind::EmaCross, json!({"fast": fast, "slow": fast + more, "trend": trend, "allow_short": shorts}))
                };
                (params, first)
            }).collect();
            let given: Vec<(&StrategyParams, usize)> = sets.iter().map(|(params, first)| (params, *first)).collect();
            for ((params, first), found) in sets.iter().zip(marks_of_all(&given, &bars)) {
                let mut alone = streamed(params, &bars.since(*first));
                for mark in &mut alone {
                    mark.bar += first;
                }
                prop_assert_eq!(found, alone);
            }
        }
    }
}
