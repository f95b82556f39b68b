//! Open times as spans without a gap.

use super::Header;
use crate::domain::time::{Timeframe, Timestamp};

/// Bars that follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Open time of the first bar.
    pub first: Timestamp,
    pub bars: i64,
}

/// The runs of open times that rise on the grid of their timeframe.
pub(super) fn runs_of(open_times: &[i64], timeframe: Timeframe) -> Vec<Run> {
    let length = timeframe.duration().ms();
    let mut runs: Vec<Run> = Vec::new();
    for time in open_times {
        match runs.last_mut() {
            Some(run) if run.first.ms() + run.bars * length == *time => run.bars += 1,
            Some(_) | None => runs.push(Run { first: Timestamp::from_ms(*time), bars: 1 }),
        }
    }
    runs
}

/// Whether the runs rise on the grid and are what the header says of them.
pub(super) fn are_sound(runs: &[Run], header: &Header) -> bool {
    let length = header.timeframe.duration();
    let mut end: Option<Timestamp> = None;
    let mut rows = 0_i64;
    for Run { first, bars } in runs {
        let rises = end.is_none_or(|end| *first > end);
        let is_whole = *bars > 0 && *bars <= i64::MAX / length.ms();
        if !rises || !is_whole || header.timeframe.bar_start(*first) != *first {
            return false;
        }
        end = Some(first.plus(length.times(*bars)));
        rows = rows.saturating_add(*bars);
    }
    let first = runs.first().map(|run| run.first);
    let last = end.map(|end| end.minus(length));
    usize::try_from(rows) == Ok(header.rows) && (first, last) == (Some(header.first), Some(header.last))
}
