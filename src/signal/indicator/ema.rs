//! Exponential moving average.

/// EMA with smoothing `2 / (period + 1)`, seeded with the mean of the first `period` values at bar `period - 1`.
#[derive(Debug, Clone)]
pub struct Ema {
    period: u32,
    smoothing: f64,
    seen: u32,
    sum: f64,
    value: f64,
}

/// An average that is running: the next value is `value + (input - value) x smoothing`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Average {
    pub value: f64,
    pub smoothing: f64,
}

impl Ema {
    pub fn new(period: u32) -> Self {
        let period = period.max(1);
        Self { period, smoothing: 2.0 / (f64::from(period) + 1.0), seen: 0, sum: 0.0, value: 0.0 }
    }

    /// Bars until the first value.
    pub const fn warmup(&self) -> u32 {
        self.period
    }

    /// Where it stands; `None` while warming up.
    pub const fn running(&self) -> Option<Average> {
        if self.seen < self.period {
            return None;
        }
        Some(Average { value: self.value, smoothing: self.smoothing })
    }

    pub fn push(&mut self, value: f64) -> Option<f64> {
        if self.seen < self.period {
            self.seen += 1;
            self.sum += value;
            if self.seen < self.period {
                return None;
            }
            self.value = self.sum / f64::from(self.period);
        } else {
            self.value += (value - self.value) * self.smoothing;
        }
        Some(self.value)
    }
}
