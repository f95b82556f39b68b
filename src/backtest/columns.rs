//! One series of bars as columns of whole numbers: exact, and read at the speed of memory.

use rust_decimal::Decimal;

use crate::domain::candle::Candle;
use crate::domain::money::Price;
use crate::domain::time::{Timeframe, Timestamp};
use crate::signal::sample::{self, Sample};

/// Why candles do not become columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    #[error("the series has no candles")]
    Empty,
    #[error("the candle at {at} does not come after the one before it")]
    Unordered { at: Timestamp },
    #[error("the prices have more digits together than a backtest keeps exactly, first at {at}")]
    TooManyDigits { at: Timestamp },
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
    pub volumes: Vec<i64>,
}

/// Numbers for indicators, one a bar.
#[derive(Debug, Clone, Default)]
pub struct FloatColumns {
    pub high: Vec<f64>,
    pub low: Vec<f64>,
    pub close: Vec<f64>,
    pub volume: Vec<f64>,
    /// Empty where every bar is whole.
    pub complete: Vec<bool>,
}

impl Columns {
    /// At least one candle, in order of time.
    pub fn of(timeframe: Timeframe, candles: &[Candle]) -> Result<Self, ColumnsError> {
        let mut columns = Self {
            timeframe,
            open_times: Vec::with_capacity(candles.len()),
            price_scale: prices_of(candles).map(|price| price.decimal().scale()).max().unwrap_or(0),
            opens: Vec::with_capacity(candles.len()),
            highs: Vec::with_capacity(candles.len()),
            lows: Vec::with_capacity(candles.len()),
            closes: Vec::with_capacity(candles.len()),
            volume_scale: volume_scale(candles),
            volumes: Vec::with_capacity(candles.len()),
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
        let number = |price: Price| scaled(price.decimal(), scale).ok_or(ColumnsError::TooManyDigits { at });
        self.open_times.push(at.ms());
        self.opens.push(number(candle.open)?);
        self.highs.push(number(candle.high)?);
        self.lows.push(number(candle.low)?);
        self.closes.push(number(candle.close)?);
        let volume = candle.volume.round_dp(self.volume_scale);
        self.volumes.push(scaled(volume, self.volume_scale).unwrap_or(i64::MAX));
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
        Some(Candle {
            open_time: Timestamp::from_ms(*self.open_times.get(index)?),
            open: self.price(*self.opens.get(index)?)?,
            high: self.price(*self.highs.get(index)?)?,
            low: self.price(*self.lows.get(index)?)?,
            close: self.price(*self.closes.get(index)?)?,
            volume: Decimal::new(*self.volumes.get(index)?, self.volume_scale).normalize(),
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
        Price::try_new(Decimal::new(number, self.price_scale)).ok()
    }

    /// When the bar at `index` closes.
    pub fn close_time(&self, index: usize) -> Option<Timestamp> {
        let open = self.open_times.get(index)?;
        Some(Timestamp::from_ms(*open).plus(self.timeframe.duration()))
    }

    /// How many bars close by `at`.
    pub fn closed_by(&self, at: Timestamp) -> usize {
        let last_open = at.minus(self.timeframe.duration()).ms();
        self.open_times.partition_point(|open| *open <= last_open)
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

    /// The numbers of the bars from `first` to before `end`; closes alone unless `whole`.
    pub fn floats(&self, (first, end): (usize, usize), whole: bool) -> FloatColumns {
        let numbers = |column: &[i64], scale: u32| -> Vec<f64> {
            let column = column.get(first..end.min(column.len())).unwrap_or_default();
            column.iter().map(|number| sample::scaled(*number, scale)).collect()
        };
        let close = numbers(&self.closes, self.price_scale);
        if !whole {
            return FloatColumns { close, ..FloatColumns::default() };
        }
        FloatColumns {
            high: numbers(&self.highs, self.price_scale),
            low: numbers(&self.lows, self.price_scale),
            close,
            volume: numbers(&self.volumes, self.volume_scale),
            complete: Vec::new(),
        }
    }

    /// The bars from `first` to before `end` alone.
    #[must_use]
    pub fn slice(&self, first: usize, end: usize) -> Self {
        let cut = |column: &[i64]| column.get(first..end.min(column.len())).unwrap_or_default().to_vec();
        Self {
            timeframe: self.timeframe,
            open_times: cut(&self.open_times),
            price_scale: self.price_scale,
            opens: cut(&self.opens),
            highs: cut(&self.highs),
            lows: cut(&self.lows),
            closes: cut(&self.closes),
            volume_scale: self.volume_scale,
            volumes: cut(&self.volumes),
        }
    }
}

impl FloatColumns {
    pub fn push(&mut self, sample: &Sample) {
        self.high.push(sample.high);
        self.low.push(sample.low);
        self.close.push(sample.close);
        self.volume.push(sample.volume);
        self.complete.push(sample.complete);
    }
}

fn prices_of(candles: &[Candle]) -> impl Iterator<Item = Price> {
    candles.iter().flat_map(|candle| [candle.open, candle.high, candle.low, candle.close])
}

/// As many decimals as fit: volumes are no money.
fn volume_scale(candles: &[Candle]) -> u32 {
    let wanted = candles.iter().map(|candle| candle.volume.normalize().scale()).max().unwrap_or(0);
    let most = candles.iter().map(|candle| candle.volume).max().unwrap_or_default();
    (0..=wanted).rev().find(|scale| scaled(most.round_dp(*scale), *scale).is_some()).unwrap_or(0)
}

/// `value x 10^scale` where that is a whole number that fits.
fn scaled(value: Decimal, scale: u32) -> Option<i64> {
    let more = scale.checked_sub(value.scale())?;
    let number = value.mantissa().checked_mul(10_i128.checked_pow(more)?)?;
    i64::try_from(number).ok()
}
