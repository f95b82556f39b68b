//! New candles into stored ones: what is added, what is known, and what is told otherwise.

use std::fmt;

use super::columns::{Columns, ColumnsError, Volumes};
use crate::domain::candle::Candle;
use crate::domain::time::Timestamp;

/// Conflicts that are kept with their candles; all are counted.
pub const CONFLICTS_KEPT: usize = 100;

/// What happens to a bar that is stored with other numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    Refuse,
    Keep,
    Replace,
}

/// One bar, told twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict {
    pub stored: Candle,
    pub new: Candle,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = |candle: &Candle| {
            let Candle { open, high, low, close, volume, .. } = candle;
            format!("{open} {high} {low} {close} volume {volume}")
        };
        let Self { stored, new } = self;
        write!(f, "{} stored {}, new {}", stored.open_time, numbers(stored), numbers(new))
    }
}

/// How many of the new candles did what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MergeReport {
    pub added: usize,
    /// Known already, with the same numbers.
    pub equal: usize,
    /// Known already, with other numbers.
    pub conflicts: usize,
    /// The first of them.
    pub first_conflicts: Vec<Conflict>,
}

/// Which of two series a bar is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Stored(usize),
    New(usize),
}

/// Stored and new candles as one series. With [`OnConflict::Refuse`] conflicts are counted and stored candles stay; it
/// is for the caller to refuse.
pub fn merge(
    stored: &Columns,
    new: &Columns,
    on_conflict: OnConflict,
) -> Result<(Columns, MergeReport), ColumnsError> {
    let scales = (stored.price_scale.max(new.price_scale), stored.volume_scale.max(new.volume_scale));
    let (stored, new) = (rescaled(stored, scales)?, rescaled(new, scales)?);
    let mut report = MergeReport::default();
    let mut order = Vec::with_capacity(stored.len() + new.len());
    let (mut one, mut other) = (0, 0);
    loop {
        let pair = (stored.open_times.get(one), new.open_times.get(other));
        let (from_stored, from_new) = match pair {
            (None, None) => break,
            (Some(_), None) => (true, false),
            (None, Some(_)) => (false, true),
            (Some(known), Some(told)) => (known <= told, told <= known),
        };
        let taken = match (from_stored, from_new) {
            (true, true) => both(&stored, &new, (one, other), on_conflict, &mut report),
            (true, false) => Taken::Stored(one),
            (false, _) => {
                report.added += 1;
                Taken::New(other)
            }
        };
        order.push(taken);
        one += usize::from(from_stored);
        other += usize::from(from_new);
    }
    Ok((picked(&stored, &new, &order), report))
}

/// What is taken of a bar that both series have.
fn both(
    stored: &Columns,
    new: &Columns,
    (one, other): (usize, usize),
    on_conflict: OnConflict,
    report: &mut MergeReport,
) -> Taken {
    let (known, told) = (stored.candle(one), new.candle(other));
    if known == told {
        report.equal += 1;
        return Taken::Stored(one);
    }
    report.conflicts += 1;
    if let (Some(stored), Some(new)) = (known, told)
        && report.first_conflicts.len() < CONFLICTS_KEPT
    {
        report.first_conflicts.push(Conflict { stored, new });
    }
    match on_conflict {
        OnConflict::Refuse | OnConflict::Keep => Taken::Stored(one),
        OnConflict::Replace => Taken::New(other),
    }
}

fn picked(stored: &Columns, new: &Columns, order: &[Taken]) -> Columns {
    let pick = |of: fn(&Columns) -> &Vec<i64>| -> Vec<i64> {
        let (stored, new) = (of(stored), of(new));
        let number = |from: &Taken| match *from {
            Taken::Stored(index) => stored.get(index).copied(),
            Taken::New(index) => new.get(index).copied(),
        };
        order.iter().filter_map(number).collect()
    };
    let volume = |from: &Taken| match *from {
        Taken::Stored(index) => stored.volumes.get(index),
        Taken::New(index) => new.volumes.get(index),
    };
    Columns {
        timeframe: stored.timeframe,
        open_times: pick(|columns| &columns.open_times),
        price_scale: stored.price_scale,
        opens: pick(|columns| &columns.opens),
        highs: pick(|columns| &columns.highs),
        lows: pick(|columns| &columns.lows),
        closes: pick(|columns| &columns.closes),
        volume_scale: stored.volume_scale,
        volumes: Volumes::of(order.iter().filter_map(volume)),
    }
}

/// The same numbers with more decimals.
fn rescaled(columns: &Columns, (price_scale, volume_scale): (u32, u32)) -> Result<Columns, ColumnsError> {
    let at = columns.open_times.first().copied().map(Timestamp::from_ms).unwrap_or_default();
    let too_many = || ColumnsError::TooManyDigits { at };
    let power = 10_i64.checked_pow(price_scale - columns.price_scale).ok_or_else(too_many)?;
    let prices = |column: &[i64]| -> Result<Vec<i64>, ColumnsError> {
        column.iter().map(|number| number.checked_mul(power).ok_or_else(too_many)).collect()
    };
    let power = 10_i128.checked_pow(volume_scale - columns.volume_scale).ok_or_else(too_many)?;
    let volumes = (0..columns.len()).filter_map(|index| columns.volumes.get(index));
    Ok(Columns {
        timeframe: columns.timeframe,
        open_times: columns.open_times.clone(),
        price_scale,
        opens: prices(&columns.opens)?,
        highs: prices(&columns.highs)?,
        lows: prices(&columns.lows)?,
        closes: prices(&columns.closes)?,
        volume_scale,
        volumes: Volumes::of(volumes.map(|number| number.saturating_mul(power))),
    })
}

#[cfg(test)]
mod tests {
    use rust_decimal::{Decimal, dec};

    use super::*;
    use crate::domain::money::Price;
    use crate::domain::time::Timeframe;

    fn columns(rows: &[(i64, Decimal)]) -> Columns {
        let candle = |(minute, price): &(i64, Decimal)| {
            let price = Price::try_new(*price).unwrap();
            Candle::try_new(Timestamp::from_ms(minute * 60_000), [price; 4], price.decimal()).unwrap()
        };
        Columns::of(Timeframe::M1, &rows.iter().map(candle).collect::<Vec<_>>()).unwrap()
    }

    fn rows(columns: &Columns) -> Vec<(i64, Decimal)> {
        columns.candles(0, usize::MAX).map(|c| (c.open_time.ms() / 60_000, c.close.decimal())).collect()
    }

    #[test]
    fn what_overlaps_is_taken_once_and_conflicts_are_told() {
        let stored = columns(&[(1, dec!(10)), (2, dec!(11)), (6, dec!(12))]);
        let new = columns(&[(0, dec!(9.5)), (2, dec!(11)), (4, dec!(1.25)), (6, dec!(13)), (7, dec!(14))]);
        for (policy, at_six) in
            [(OnConflict::Refuse, dec!(12)), (OnConflict::Keep, dec!(12)), (OnConflict::Replace, dec!(13))]
        {
            let (merged, report) = merge(&stored, &new, policy).unwrap();
            let expected =
                [(0, dec!(9.5)), (1, dec!(10)), (2, dec!(11)), (4, dec!(1.25)), (6, at_six), (7, dec!(14))];
            assert_eq!(rows(&merged), expected);
            assert_eq!((report.added, report.equal, report.conflicts), (3, 1, 1));
            assert_eq!(report.first_conflicts[0].new.close.decimal(), dec!(13));
        }
    }

    #[test]
    fn scales_that_no_number_holds_are_refused() {
        let stored = columns(&[(1, dec!(155_299_000))]);
        let new = columns(&[(2, dec!(0.000000000001))]);
        assert!(matches!(merge(&stored, &new, OnConflict::Keep), Err(ColumnsError::TooManyDigits { .. })));
    }
}
