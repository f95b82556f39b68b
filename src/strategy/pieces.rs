//! One plain cross over a long series, cut into pieces that go side by side.
//!
//! An average waits for itself from bar to bar, and several pieces fill that time. Each piece but the first begins ahead
//! of its bars with a guess, for an average forgets where it began, down to the last bit. Whether it has is checked: where
//! a piece ends on other numbers than the next one began with, nothing is said, and the series is gone through bar by bar.

use std::ops::Range;

use super::crosses::{BATCH, Cross, LANES, Lanes};
use super::ema_cross::crossed;
use super::scan::{BarColumns, Mark};

/// A piece begins so many times the cross's warm-up ahead. A guess fades as e^(-2 bars / period), so that a tenth of a
/// double's last digit is left after 20 periods; the rest is for what rounding holds apart.
const RUN_UP: usize = 32;
/// A piece shorter than so many run-ups is not worth its own.
const RUN_UPS_MIN: usize = 4;

/// How far ahead the pieces of a cross begin.
pub(super) const fn run_up(cross: &Cross) -> usize {
    cross.warmup.saturating_add(1).saturating_mul(RUN_UP)
}

/// What a cross that is running says of the bars of `range`, which come next; `None` where that is not known for certain.
pub(super) fn marks_in_pieces(
    cross: &Cross,
    bars: &BarColumns<'_>,
    range: Range<usize>,
    run_up: usize,
) -> Option<Vec<Mark>> {
    let closes = bars.close.get(range.clone())?;
    let length = closes.len() / LANES;
    if length < run_up.saturating_mul(RUN_UPS_MIN).max(1) {
        return None;
    }
    let mut lanes = Lanes::alike(cross)?;
    let begin = lanes.clone();
    for back in (1..=run_up).rev() {
        let closes = each_piece(|piece| closes.get((piece * length).saturating_sub(back)));
        lanes.previous = lanes.step(&closes);
    }
    lanes.take_over(0, &begin, 0)?;
    let begun = lanes.clone();
    let mut found: [Vec<Mark>; LANES] = std::array::from_fn(|_| Vec::new());
    for first in (0..length).step_by(BATCH) {
        let places = first..(first + BATCH).min(length);
        let closes = places.map(|place| each_piece(|piece| closes.get(piece * length + place)));
        let crossings = lanes.advance(closes, cross.looks_down());
        for (place, piece, side) in crossings.sides() {
            let bar = range.start + piece * length + first + place;
            if let Some(marks) = found.get_mut(piece) {
                marks.extend(cross.mark(bars, bar, side));
            }
        }
    }
    if (1..LANES).any(|piece| lanes.bits(piece - 1) != begun.bits(piece)) {
        return None;
    }
    let mut marks = found.concat();
    let rest = closes.iter().enumerate().skip(LANES * length);
    for (place, close) in rest {
        let now = lanes.step(&[*close; LANES]);
        let side = crossed(lanes.previous.last().copied(), now.last().copied());
        marks.extend(side.and_then(|side| cross.mark(bars, range.start + place, side)));
        lanes.previous = now;
    }
    Some(marks)
}

#[inline]
fn each_piece<'a>(close: impl Fn(usize) -> Option<&'a f64>) -> [f64; LANES] {
    std::array::from_fn(|piece| close(piece).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::strategy::{StrategyKind, StrategyParams};

    /// What the cross says bar by bar, and what it says in pieces.
    fn both(
        params: &StrategyParams,
        close: &[f64],
        run_up_of: fn(&Cross) -> usize,
    ) -> (Vec<Mark>, Option<Vec<Mark>>) {
        let bars = BarColumns { high: &[], low: &[], close, volume: &[], complete: &[] };
        let mut cross = Cross::of(params).unwrap();
        cross.advance(&bars, 0..cross.warmup, &mut Vec::new());
        let range = cross.warmup..close.len();
        let pieces = marks_in_pieces(&cross, &bars, range.clone(), run_up_of(&cross));
        let mut marks = Vec::new();
        cross.advance(&bars, range, &mut marks);
        (marks, pieces)
    }

    /// Closes that go up and down, and now and then stand still.
    fn wandering(bars: u32) -> Vec<f64> {
        let (mut state, mut price) = (5_u32, 10_000_u32);
        let closes = (0..bars).map(|bar| {
            // Numerical Recipes' generator: its high bits wander well enough.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if bar % 9_000 >= 400 {
                price = (price + (state >> 16) % 81).saturating_sub(40).max(1);
            }
            f64::from(price) / 100.0
        });
        closes.collect()
    }

    #[test]
    fn pieces_say_what_the_whole_says() {
        let close = wandering(70_007);
        let macd = |fast: u32, slow: u32, signal: u32| json!({"fast": fast, "slow": slow, "signal": signal, "conditions_calm": 0, "conditions_volatile": 0, "allow_short": true});
        for (kind, value) in [
            (StrategyKind::Macd, macd(12, 26, 9)),
            (StrategyKind::Macd, macd(2, 3, 2)),
            (StrategyKind::Macd, macd(5, 35, 5)),
            (StrategyKind::EmaCross, json!({"fast": 3, "slow": 20, "trend": 0, "allow_short": true})),
            (StrategyKind::EmaCross, json!({"fast": 20, "slow": 50, "trend": 0, "exit_on_cross": true})),
        ] {
            let params = StrategyParams::from_json(kind, &value).unwrap();
            let (whole, pieces) = both(&params, &close, run_up);
            assert!(whole.len() > 100);
            assert_eq!(pieces, Some(whole), "{value}");
            // Too little of a run-up is noticed.
            assert_eq!(both(&params, &close, |cross| cross.warmup / 4).1, None, "{value}");
        }
        let slow = json!({"fast": 20, "slow": 400, "trend": 0});
        let slow = StrategyParams::from_json(StrategyKind::EmaCross, &slow).unwrap();
        assert_eq!(both(&slow, &close, run_up).1, None, "the series is too short for it");
    }
}
