//! Bollinger bands (John Bollinger): a moving average and what is usual around it.

use super::window::Window;

/// One bar's bands, in the unit of the price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BollingerBands {
    pub upper: f64,
    /// Simple moving average of the window.
    pub middle: f64,
    pub lower: f64,
    /// Population standard deviation of the window (divisor n).
    pub deviation: f64,
}

impl BollingerBands {
    /// Where `close` lies between the bands: 0 on the lower, 1 on the upper; 0.5 when the bands coincide.
    pub fn percent_b(&self, close: f64) -> f64 {
        let width = self.upper - self.lower;
        if super::is_zero(width) { 0.5 } else { (close - self.lower) / width }
    }
}

/// Bands `deviations` population standard deviations around the mean of the last `period` closes; first value at bar
/// `period - 1`. Mean and deviation are computed from the window each time: the textbook's difference of two running
/// sums loses all digits on quiet series with a high price.
#[derive(Debug, Clone)]
pub struct Bollinger {
    window: Window,
    period: u32,
    deviations: f64,
}

impl Bollinger {
    pub fn new(period: u32, deviations: f64) -> Self {
        let period = period.max(1);
        Self { window: Window::new(period), period, deviations }
    }

    /// Bars until the first value.
    pub const fn warmup(&self) -> u32 {
        self.period
    }

    pub fn push(&mut self, close: f64) -> Option<BollingerBands> {
        self.window.push(close);
        if !self.window.is_full() {
            return None;
        }
        let count = f64::from(self.period);
        let middle = self.window.iter().sum::<f64>() / count;
        let variance = self.window.iter().map(|value| (value - middle).powi(2)).sum::<f64>() / count;
        let deviation = variance.sqrt();
        let reach = self.deviations * deviation;
        Some(BollingerBands { upper: middle + reach, middle, lower: middle - reach, deviation })
    }
}
