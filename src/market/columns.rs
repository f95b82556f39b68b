//! One series of bars as columns of whole numbers: exact, and read at the speed of memory.

use rust_decimal::Decimal;

use crate::domain::candle::Candle;
use crate::domain::money::Price;
use crate::domain::time::{Timeframe, Timestamp};

/// Why candles do not become columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    #[error("the series has no candles")]
    Empty,
    #[error("the candle at {at} does not come after the one before it")]
    Unordered { at: Timestamp },
    #[error("the open time {at} is not the start of a bar of its timeframe")]
    OffGrid { at: Timestamp },
    #[error("the prices have more digits together than a series keeps exactly, first at {at}")]
    TooManyDigits { at: Timestamp },
}

/// Volumes as whole numbers: 64 bits where they all fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Volumes {
    Narrow(Vec<i64>),
    Wide(Vec<i128>),
}

/// Bars in order of time; every column has one number a bar. A price is `number / 10^price_scale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    pub timeframe: Timeframe,
    /// In ms.
    pub open_times: Vec<i64>,
    pub price_scale: u32,
    pub opens: Vec<i64>,
    pub highs: Vec<i64>,
    pub lows: Vec<i64>,
    pub closes: Vec<i64>,
    pub volume_scale: u32,
    pub volumes: Volumes,
}

impl Volumes {
    /// Narrow where every number fits.
    pub(super) fn of(numbers: impl Iterator<Item = i128> + Clone) -> Self {
        let narrow: Option<Vec<i64>> = numbers.clone().map(|number| i64::try_from(number).ok()).collect();
        narrow.map_or_else(|| Self::Wide(numbers.collect()), Self::Narrow)
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Narrow(numbers) => numbers.len(),
            Self::Wide(numbers) => numbers.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, index: usize) -> Option<i128> {
        match self {
            Self::Narrow(numbers) => numbers.get(index).map(|number| i128::from(*number)),
            Self::Wide(numbers) => numbers.get(index).copied(),
        }
    }

    fn slice(&self, first: usize, end: usize) -> Self {
        match self {
            Self::Narrow(numbers) => Self::Narrow(cut(numbers, first, end)),
            Self::Wide(numbers) => Self::Wide(cut(numbers, first, end)),
        }
    }
}

fn cut<T: Copy>(column: &[T], first: usize, end: usize) -> Vec<T> {
    column.get(first..end.min(column.len())).unwrap_or_default().to_vec()
}

impl Columns {
    /// At least one candle, in order of time.
    pub fn of(timeframe: Timeframe, candles: &[Candle]) -> Result<Self, ColumnsError> {
        let volume_scale = candles.iter().map(|candle| candle.volume.normalize().scale()).max().unwrap_or(0);
        // Within the bounds of a candle file every volume has such a number.
        let volume = |candle: &Candle| scaled(candle.volume.normalize(), volume_scale).unwrap_or(i128::MAX);
        let mut columns = Self {
            timeframe,
            open_times: Vec::with_capacity(candles.len()),
            price_scale: prices_of(candles).map(|price| price.decimal().scale()).max().unwrap_or(0),
            opens: Vec::with_capacity(candles.len()),
            highs: Vec::with_capacity(candles.len()),
            lows: Vec::with_capacity(candles.len()),
            closes: Vec::with_capacity(candles.len()),
            volume_scale,
            volumes: Volumes::of(candles.iter().map(volume)),
        };
        for candle in candles {
            columns.push(candle)?;
        }
        if columns.open_times.is_empty() { Err(ColumnsError::Empty) } else { Ok(columns) }
    }

    fn push(&mut self, candle: &Candle) -> Result<(), ColumnsError> {
        let at = candle.open_time;
        if self.open_times.last().is_some_and(|last| *last >= at.ms()) {
            return Err(ColumnsError::Unordered { at });
        }
        let scale = self.price_scale;
        let number = |price: Price| {
            let number = scaled(price.decimal(), scale).and_then(|number| i64::try_from(number).ok());
            number.ok_or(ColumnsError::TooManyDigits { at })
        };
        self.open_times.push(at.ms());
        self.opens.push(number(candle.open)?);
        self.highs.push(number(candle.high)?);
        self.lows.push(number(candle.low)?);
        self.closes.push(number(candle.close)?);
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.open_times.len()
    }

    pub fn is_empty(&self) -> bool {
        self.open_times.is_empty()
    }

    /// The bar at `index`.
    pub fn candle(&self, index: usize) -> Option<Candle> {
        let volume = Decimal::try_from_i128_with_scale(self.volumes.get(index)?, self.volume_scale).ok()?;
        Some(Candle {
            open_time: Timestamp::from_ms(*self.open_times.get(index)?),
            open: self.price(*self.opens.get(index)?)?,
            high: self.price(*self.highs.get(index)?)?,
            low: self.price(*self.lows.get(index)?)?,
            close: self.price(*self.closes.get(index)?)?,
            volume: volume.normalize(),
        })
    }

    /// All bars from `first` to before `end`.
    pub fn candles(&self, first: usize, end: usize) -> impl Iterator<Item = Candle> {
        (first..end.min(self.len())).filter_map(|index| self.candle(index))
    }

    /// Close of the bar at `index`.
    pub fn close(&self, index: usize) -> Option<Price> {
        self.price(*self.closes.get(index)?)
    }

    fn price(&self, number: i64) -> Option<Price> {
        Price::of_number(number, self.price_scale)
    }

    /// When the bar at `index` closes.
    pub fn close_time(&self, index: usize) -> Option<Timestamp> {
        let open = self.open_times.get(index)?;
        Some(Timestamp::from_ms(*open).plus(self.timeframe.duration()))
    }

    /// Places where bars are missing between two others, and how many are missing.
    pub fn gaps(&self) -> (u64, u64) {
        let length = self.timeframe.duration().ms();
        let neighbours = self.open_times.iter().zip(self.open_times.iter().skip(1));
        let missing = neighbours.map(|(one, next)| u64::try_from((next - one) / length - 1).unwrap_or(0));
        missing.filter(|missing| *missing > 0).fold((0, 0), |(gaps, all), missing| (gaps + 1, all + missing))
    }

    /// How many bars close by `at`.
    pub fn closed_by(&self, at: Timestamp) -> usize {
        let last_open = at.minus(self.timeframe.duration()).ms();
        self.open_times.partition_point(|open| *open <= last_open)
    }

    /// How many bars open before `at`.
    pub fn opened_before(&self, at: Timestamp) -> usize {
        self.open_times.partition_point(|open| *open < at.ms())
    }

    /// The largest number of this series' prices at or below `price`.
    pub fn floor(&self, price: Decimal) -> i64 {
        self.bound(price, Decimal::floor, i64::MAX)
    }

    /// The smallest number of this series' prices at or above `price`.
    pub fn ceil(&self, price: Decimal) -> i64 {
        self.bound(price, Decimal::ceil, i64::MAX)
    }

    fn bound(&self, price: Decimal, round: impl Fn(&Decimal) -> Decimal, beyond: i64) -> i64 {
        // Most prices have no more decimals than the series.
        if let Some(number) = scaled(price, self.price_scale).and_then(|number| i64::try_from(number).ok()) {
            return number;
        }
        let power = Decimal::from(10_u64.saturating_pow(self.price_scale));
        let number = price.checked_mul(power).and_then(|number| i64::try_from(round(&number)).ok());
        number.unwrap_or(beyond)
    }

    /// The first bar from `first` to before `end` that trades at or below `low`, or at or above `high`.
    pub fn first_touch(&self, (first, end): (usize, usize), low: i64, high: i64) -> Option<usize> {
        /// So many bars are compared without a branch.
        const LANE: usize = 64;
        let end = end.min(self.len());
        let (lows, highs) = (self.lows.get(first..end)?, self.highs.get(first..end)?);
        #[expect(
            clippy::needless_bitwise_bool,
            reason = "branches would keep the bars from being compared at once"
        )]
        let touches = |pair: (&i64, &i64)| (*pair.0 <= low) | (*pair.1 >= high);
        for (lane, (lows, highs)) in lows.chunks(LANE).zip(highs.chunks(LANE)).enumerate() {
            let any = lows.iter().zip(highs).fold(false, |any, pair| any | touches(pair));
            if any {
                let inside = lows.iter().zip(highs).position(touches)?;
                return Some(first + lane * LANE + inside);
            }
        }
        None
    }

    /// The bars from `first` to before `end` alone.
    #[must_use]
    pub fn slice(&self, first: usize, end: usize) -> Self {
        Self {
            timeframe: self.timeframe,
            open_times: cut(&self.open_times, first, end),
            price_scale: self.price_scale,
            opens: cut(&self.opens, first, end),
            highs: cut(&self.highs, first, end),
            lows: cut(&self.lows, first, end),
            closes: cut(&self.closes, first, end),
            volume_scale: self.volume_scale,
            volumes: self.volumes.slice(first, end),
        }
    }
}

fn prices_of(candles: &[Candle]) -> impl Iterator<Item = Price> {
    candles.iter().flat_map(|candle| [candle.open, candle.high, candle.low, candle.close])
}

/// `value x 10^scale` where that is a whole number.
fn scaled(value: Decimal, scale: u32) -> Option<i128> {
    let more = scale.checked_sub(value.scale())?;
    value.mantissa().checked_mul(10_i128.checked_pow(more)?)
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;

    use super::*;

    fn candle(minute: i64, price: Decimal, volume: Decimal) -> Candle {
        let price = Price::try_new(price).unwrap();
        Candle::try_new(Timestamp::from_ms(minute * 60_000), [price; 4], volume).unwrap()
    }

    #[test]
    fn numbers_of_any_size_come_back_equal() {
        for candles in [
            vec![candle(0, dec!(0.000012345678), dec!(0)), candle(3, dec!(155299), dec!(12.0000000001))],
            vec![candle(0, dec!(1), dec!(1_000_000_000_000_000)), candle(1, dec!(2.5), dec!(0.0000000001))],
        ] {
            let columns = Columns::of(Timeframe::M1, &candles).unwrap();
            assert_eq!(columns.candles(0, 9).collect::<Vec<_>>(), candles);
            assert_eq!(columns.slice(1, 2).candle(0), Some(candles[1]));
        }
        let wide = [candle(0, dec!(1_000_000_000_000), dec!(0)), candle(1, dec!(0.000000000001), dec!(0))];
        let at = Timestamp::from_ms(0);
        assert_eq!(Columns::of(Timeframe::M1, &wide), Err(ColumnsError::TooManyDigits { at }));
        assert_eq!(Columns::of(Timeframe::M1, &[]), Err(ColumnsError::Empty));
        let twice = [candle(1, dec!(1), dec!(0)), candle(1, dec!(1), dec!(0))];
        let at = Timestamp::from_ms(60_000);
        assert_eq!(Columns::of(Timeframe::M1, &twice), Err(ColumnsError::Unordered { at }));
    }
}
