//! True range and its average (J. Welles Wilder, New Concepts in Technical Trading Systems, 1978).

/// The bar's range, widened to the previous close; first value at bar 1. In the unit of the price.
#[derive(Debug, Clone, Default)]
pub struct TrueRange {
    previous_close: Option<f64>,
}

impl TrueRange {
    pub fn push(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let previous = self.previous_close.replace(close)?;
        Some((high - low).max((high - previous).abs()).max((low - previous).abs()))
    }
}

/// Average true range: the mean of the true ranges of bars 1..=period at bar `period`, then Wilder's smoothing. In the
/// unit of the price.
#[derive(Debug, Clone)]
pub struct Atr {
    range: TrueRange,
    period: u32,
    ranges: u32,
    value: f64,
}

impl Atr {
    pub fn new(period: u32) -> Self {
        Self { range: TrueRange::default(), period: period.max(1), ranges: 0, value: 0.0 }
    }

    /// Bars until the first value.
    pub const fn warmup(&self) -> u32 {
        self.period + 1
    }

    pub fn push(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let range = self.range.push(high, low, close)?;
        let period = f64::from(self.period);
        if self.ranges < self.period {
            self.ranges += 1;
            self.value += range;
            if self.ranges < self.period {
                return None;
            }
            self.value /= period;
        } else {
            self.value = (self.value * (period - 1.0) + range) / period;
        }
        Some(self.value)
    }
}

/// The average true range in % of the close.
pub fn natr(atr: f64, close: f64) -> f64 {
    if super::is_zero(close) { 0.0 } else { atr / close * 100.0 }
}
