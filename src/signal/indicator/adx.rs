//! Average directional index (J. Welles Wilder, New Concepts in Technical Trading Systems, 1978).

use super::atr::TrueRange;
use super::is_zero;

/// Direction and strength of a trend, each 0..=100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Directional {
    pub plus_di: f64,
    pub minus_di: f64,
    /// `None` while the directional indicators exist but their average does not.
    pub adx: Option<f64>,
}

/// +DI, -DI and ADX with TA-Lib's seeds: directional movement and true range are summed over bars 1..period, smoothed
/// from bar `period` on (`sum - sum / period + value`, first +DI and -DI), and the first ADX is the mean of the first
/// `period` DX at bar `2 * period - 1`.
#[derive(Debug, Clone)]
pub struct Adx {
    period: u32,
    range: TrueRange,
    previous: Option<(f64, f64)>,
    bars: u32,
    plus_dm: f64,
    minus_dm: f64,
    true_range: f64,
    dx_count: u32,
    dx_sum: f64,
    value: f64,
}

impl Adx {
    pub fn new(period: u32) -> Self {
        Self {
            period: period.max(1),
            range: TrueRange::default(),
            previous: None,
            bars: 0,
            plus_dm: 0.0,
            minus_dm: 0.0,
            true_range: 0.0,
            dx_count: 0,
            dx_sum: 0.0,
            value: 0.0,
        }
    }

    /// Bars until the first ADX; +DI and -DI come at bar `period` already.
    pub const fn warmup(&self) -> u32 {
        2 * self.period
    }

    pub fn push(&mut self, high: f64, low: f64, close: f64) -> Option<Directional> {
        let range = self.range.push(high, low, close);
        let (previous_high, previous_low) = self.previous.replace((high, low))?;
        let range = range?;
        let (up, down) = (high - previous_high, previous_low - low);
        let plus_dm = if up > 0.0 && up > down { up } else { 0.0 };
        let minus_dm = if down > 0.0 && down > up { down } else { 0.0 };
        if self.bars + 1 < self.period {
            self.bars += 1;
            self.plus_dm += plus_dm;
            self.minus_dm += minus_dm;
            self.true_range += range;
            return None;
        }
        let period = f64::from(self.period);
        self.plus_dm += plus_dm - self.plus_dm / period;
        self.minus_dm += minus_dm - self.minus_dm / period;
        self.true_range += range - self.true_range / period;
        let of_range = |dm: f64| if is_zero(self.true_range) { 0.0 } else { 100.0 * (dm / self.true_range) };
        let (plus_di, minus_di) = (of_range(self.plus_dm), of_range(self.minus_dm));
        Some(Directional { plus_di, minus_di, adx: self.average(plus_di, minus_di) })
    }

    /// A bar without any directional movement has no DX: it adds nothing to the seed and leaves the average as it is.
    fn average(&mut self, plus_di: f64, minus_di: f64) -> Option<f64> {
        let total = plus_di + minus_di;
        let dx = (!is_zero(total)).then(|| 100.0 * ((minus_di - plus_di).abs() / total));
        let period = f64::from(self.period);
        if self.dx_count < self.period {
            self.dx_count += 1;
            self.dx_sum += dx.unwrap_or(0.0);
            if self.dx_count < self.period {
                return None;
            }
            self.value = self.dx_sum / period;
        } else if let Some(dx) = dx {
            self.value = (self.value * (period - 1.0) + dx) / period;
        }
        Some(self.value)
    }
}
