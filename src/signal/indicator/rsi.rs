//! Relative strength index (J. Welles Wilder, New Concepts in Technical Trading Systems, 1978).

use super::is_zero;

/// RSI 0..=100, first value at bar `period`: mean gain and loss of the first `period` changes, then Wilder's smoothing.
///
/// A series that never moved has RSI 0, as in TA-Lib.
#[derive(Debug, Clone)]
pub struct Rsi {
    period: u32,
    previous: Option<f64>,
    changes: u32,
    gain: f64,
    loss: f64,
}

impl Rsi {
    pub fn new(period: u32) -> Self {
        Self { period: period.max(1), previous: None, changes: 0, gain: 0.0, loss: 0.0 }
    }

    /// Bars until the first value.
    pub const fn warmup(&self) -> u32 {
        self.period + 1
    }

    pub fn push(&mut self, close: f64) -> Option<f64> {
        let change = close - self.previous.replace(close)?;
        let (gain, loss) = (change.max(0.0), (-change).max(0.0));
        let period = f64::from(self.period);
        if self.changes < self.period {
            self.changes += 1;
            self.gain += gain;
            self.loss += loss;
            if self.changes < self.period {
                return None;
            }
            self.gain /= period;
            self.loss /= period;
        } else {
            self.gain = (self.gain * (period - 1.0) + gain) / period;
            self.loss = (self.loss * (period - 1.0) + loss) / period;
        }
        let total = self.gain + self.loss;
        Some(if is_zero(total) { 0.0 } else { 100.0 * (self.gain / total) })
    }
}
