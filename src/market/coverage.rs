//! How much of a period a series covers: what is there, and what is missing where.

use serde::Serialize;

use crate::domain::candle::Candle;
use crate::domain::time::{Timeframe, Timestamp};

/// Bars that are missing one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MissingSpan {
    /// Open time of the first bar that is missing.
    pub from: Timestamp,
    /// Open time of the next bar that is there, or the end of the period.
    pub until: Timestamp,
    pub bars: u64,
}

impl MissingSpan {
    fn between(from: Timestamp, until: Timestamp, timeframe: Timeframe) -> Option<Self> {
        let bars = until.since(from).ms().div_euclid(timeframe.duration().ms());
        u64::try_from(bars).ok().filter(|bars| *bars > 0).map(|bars| Self { from, until, bars })
    }
}

/// What of a period is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    pub candles: usize,
    /// Open times.
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    /// All that is missing, also before the first and after the last.
    pub missing: u64,
    pub before_first: u64,
    pub after_last: u64,
    /// Between the first and the last.
    pub gaps: Vec<MissingSpan>,
}

impl Coverage {
    /// `candles` are ordered and of the period, which is on the grid of the timeframe.
    pub fn of(candles: &[Candle], timeframe: Timeframe, period: (Timestamp, Timestamp)) -> Self {
        Self::of_times(candles.iter().map(|candle| candle.open_time), timeframe, period)
    }

    /// As [`Self::of`], by open times.
    pub fn of_times(
        times: impl ExactSizeIterator<Item = Timestamp> + DoubleEndedIterator + Clone,
        timeframe: Timeframe,
        (from, until): (Timestamp, Timestamp),
    ) -> Self {
        let bars = |from, until| MissingSpan::between(from, until, timeframe).map_or(0, |span| span.bars);
        let close = |open: Timestamp| open.plus(timeframe.duration());
        let (candles, first, last) = (times.len(), times.clone().next(), times.clone().next_back());
        let pairs = times.clone().zip(times.skip(1));
        let gaps = pairs.filter_map(|(one, next)| MissingSpan::between(close(one), next, timeframe));
        let gaps: Vec<_> = gaps.collect();
        let before_first = first.map_or_else(|| bars(from, until), |first| bars(from, first));
        let after_last = last.map_or(0, |last| bars(close(last), until));
        Self {
            candles,
            first,
            last,
            missing: before_first + gaps.iter().map(|span| span.bars).sum::<u64>() + after_last,
            before_first,
            after_last,
            gaps,
        }
    }

    /// All that is missing of the period, in order.
    pub fn missing_spans(
        &self,
        timeframe: Timeframe,
        (from, until): (Timestamp, Timestamp),
    ) -> Vec<(Timestamp, Timestamp)> {
        let (Some(first), Some(last)) = (self.first, self.last) else { return vec![(from, until)] };
        let between = self.gaps.iter().map(|gap| (gap.from, gap.until));
        let after = (last.plus(timeframe.duration()), until);
        let spans = std::iter::once((from, first)).chain(between).chain([after]);
        spans.filter(|(from, until)| from < until).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Price;

    fn candle(minute: i64) -> Candle {
        let price = Price::try_new(rust_decimal::dec!(1)).unwrap();
        Candle::try_new(at(minute), [price; 4], rust_decimal::dec!(0)).unwrap()
    }

    const fn at(minute: i64) -> Timestamp {
        Timestamp::from_ms(minute * 60_000)
    }

    #[test]
    fn what_is_missing_is_counted_at_both_ends_and_between() {
        let candles = [candle(2), candle(3), candle(7)];
        let coverage = Coverage::of(&candles, Timeframe::M1, (at(0), at(9)));
        let gap = MissingSpan { from: at(4), until: at(7), bars: 3 };
        assert_eq!((coverage.before_first, coverage.after_last, coverage.missing), (2, 1, 6));
        let spans = coverage.missing_spans(Timeframe::M1, (at(0), at(9)));
        assert_eq!(spans, [(at(0), at(2)), (at(4), at(7)), (at(8), at(9))]);
        assert_eq!((coverage.first, coverage.last, coverage.gaps), (Some(at(2)), Some(at(7)), vec![gap]));
    }

    #[test]
    fn of_nothing_all_is_missing() {
        let coverage = Coverage::of(&[], Timeframe::M1, (at(0), at(9)));
        assert_eq!((coverage.candles, coverage.missing, coverage.first), (0, 9, None));
    }
}
