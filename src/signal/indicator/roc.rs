//! Rate of change.

use super::is_zero;
use super::window::Window;

/// Move over the last `period` bars in %, first value at bar `period`; 0 when the old value is 0.
#[derive(Debug, Clone)]
pub struct Roc {
    window: Window,
    period: u32,
}

impl Roc {
    pub fn new(period: u32) -> Self {
        let period = period.max(1);
        Self { window: Window::new(period), period }
    }

    /// Bars until the first value.
    pub const fn warmup(&self) -> u32 {
        self.period + 1
    }

    pub fn push(&mut self, close: f64) -> Option<f64> {
        let old = self.window.push(close)?;
        Some(if is_zero(old) { 0.0 } else { (close / old - 1.0) * 100.0 })
    }
}
