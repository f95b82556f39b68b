//! Moving average convergence and divergence (Gerald Appel).

use super::ema::{Average, Ema};

/// One bar's MACD, in the unit of the price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MacdValue {
    /// Fast EMA minus slow EMA.
    pub line: f64,
    /// EMA of the line.
    pub signal: f64,
    /// `line - signal`.
    pub histogram: f64,
    /// The slow EMA itself.
    pub slow_ema: f64,
}

/// MACD with TA-Lib's seeds: both EMAs start at bar `slow - 1`, the fast one with the mean of the `fast` closes that end
/// there; the signal line starts with the mean of the first `signal` lines. First value at bar `slow + signal - 2`.
#[derive(Debug, Clone)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    /// Closes to let pass before the fast EMA starts, so that both are seeded on the same bar.
    fast_starts_in: u32,
}

impl Macd {
    /// Periods in bars; `fast` above `slow` starts with the slow one.
    pub fn new(fast: u32, slow: u32, signal: u32) -> Self {
        Self {
            fast: Ema::new(fast),
            slow: Ema::new(slow),
            signal: Ema::new(signal),
            fast_starts_in: slow.max(1).saturating_sub(fast.max(1)),
        }
    }

    /// Bars until the first value.
    pub const fn warmup(&self) -> u32 {
        self.slow.warmup() + self.signal.warmup() - 1
    }

    /// Its fast, slow and signal averages; `None` while one of them is warming up.
    pub fn running(&self) -> Option<[Average; 3]> {
        Some([self.fast.running()?, self.slow.running()?, self.signal.running()?])
    }

    pub fn push(&mut self, close: f64) -> Option<MacdValue> {
        let slow = self.slow.push(close);
        if self.fast_starts_in > 0 {
            self.fast_starts_in -= 1;
            return None;
        }
        let fast = self.fast.push(close);
        let slow_ema = slow?;
        let line = fast? - slow_ema;
        let signal = self.signal.push(line)?;
        Some(MacdValue { line, signal, histogram: line - signal, slow_ema })
    }
}
