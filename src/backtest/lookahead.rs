//! Whether a strategy looks ahead: what it said of a bar must not change when the bars after it are taken away.

use super::market::Market;
use super::played::BacktestError;
use super::setup::Setup;
use super::signals::SignalTable;
use crate::domain::time::Timestamp;
use crate::signal::SignalKey;

/// History is cut at so many places, evenly over the span.
const CUTS: usize = 64;

/// A signal that is not the same with and without the future.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub key: SignalKey,
    pub bar_close_at: Timestamp,
    /// Where history was cut.
    pub cut_at: Timestamp,
}

/// What was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub cuts: usize,
    pub signals: usize,
    pub first_difference: Option<Difference>,
}

/// Computes all signals anew on truncated history and compares them with those of the whole.
pub fn check(market: &Market, setup: &Setup) -> Result<Checked, BacktestError> {
    let (first, end) = market.span(setup.from, setup.to);
    let whole = SignalTable::compute(market, setup, (first, end))?;
    let cuts = CUTS.min(end.saturating_sub(first));
    let mut checked = Checked { cuts, signals: whole.all().count(), first_difference: None };
    for number in 1..=cuts {
        let cut = first + (end - first) * number / cuts.max(1);
        let Some(cut_at) = cut.checked_sub(1).and_then(|last| market.at(last)) else { continue };
        let part = SignalTable::compute(market, setup, (first, cut))?;
        let known = whole.all().filter(|(_, step_at, ..)| *step_at <= cut_at);
        let mut known = known.map(|(key, _, bar_close_at, mark)| (key, bar_close_at, mark.asks()));
        let mut told = part.all().map(|(key, _, bar_close_at, mark)| (key, bar_close_at, mark.asks()));
        loop {
            let (one, other) = (known.next(), told.next());
            if one == other && one.is_none() {
                break;
            }
            if one != other {
                checked.first_difference = one.or(other).map(|(key, bar_close_at, _)| Difference {
                    key: key.clone(),
                    bar_close_at,
                    cut_at,
                });
                return Ok(checked);
            }
        }
    }
    Ok(checked)
}
