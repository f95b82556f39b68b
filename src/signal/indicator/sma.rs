//! Simple moving average.

use super::window::Window;

/// Mean of the last `period` values; first value at bar `period - 1`.
///
/// The running sum is summed anew from the window once every `period` values, so rounding errors cannot pile up.
#[derive(Debug, Clone)]
pub struct Sma {
    window: Window,
    period: u32,
    sum: f64,
    pushes_since_recount: u32,
}

impl Sma {
    pub fn new(period: u32) -> Self {
        let period = period.max(1);
        Self { window: Window::new(period), period, sum: 0.0, pushes_since_recount: 0 }
    }

    /// Bars until the first value.
    pub const fn warmup(&self) -> u32 {
        self.period
    }

    pub fn push(&mut self, value: f64) -> Option<f64> {
        let evicted = self.window.push(value).unwrap_or(0.0);
        self.sum += value - evicted;
        self.pushes_since_recount += 1;
        if self.pushes_since_recount >= self.period {
            self.sum = self.window.iter().sum();
            self.pushes_since_recount = 0;
        }
        self.window.is_full().then(|| self.sum / f64::from(self.period))
    }
}
