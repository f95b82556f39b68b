//! Joins the files of one series into one run of candles.

use std::path::Path;
use std::sync::Arc;

use crate::domain::candle::Candle;
use crate::domain::time::Timestamp;

/// The candles of one file, in order of time.
pub(super) struct Part {
    pub(super) path: Arc<Path>,
    pub(super) candles: Vec<Candle>,
}

/// Two files that say different things about one bar.
#[derive(Debug)]
pub(super) struct Clash {
    pub(super) at: Timestamp,
    pub(super) first: Arc<Path>,
    pub(super) second: Arc<Path>,
}

/// All candles in order of time. A bar that is equal in several parts is taken once.
pub(super) fn join(mut parts: Vec<Part>) -> Result<Vec<Candle>, Clash> {
    if parts.len() == 1 {
        return Ok(parts.pop().map(|part| part.candles).unwrap_or_default());
    }
    let mut tagged: Vec<(Candle, &Arc<Path>)> =
        parts.iter().flat_map(|part| part.candles.iter().map(move |candle| (*candle, &part.path))).collect();
    tagged.sort_by_key(|(candle, _)| candle.open_time);
    for ((candle, first), (next, second)) in tagged.iter().zip(tagged.iter().skip(1)) {
        if candle.open_time == next.open_time && candle != next {
            let (first, second) = (Arc::clone(first), Arc::clone(second));
            return Err(Clash { at: candle.open_time, first, second });
        }
    }
    tagged.dedup_by_key(|(candle, _)| candle.open_time);
    Ok(tagged.into_iter().map(|(candle, _)| candle).collect())
}
