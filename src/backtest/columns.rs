//! A series as indicators read it: the columns of [`crate::market::columns`] in binary floating point.

pub use crate::market::columns::{Columns, ColumnsError};

use crate::market::columns::Volumes;
use crate::signal::sample::{self, Sample};

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
    /// The numbers of the bars from `first` to before `end`; closes alone unless `whole`.
    pub fn floats(&self, (first, end): (usize, usize), whole: bool) -> FloatColumns {
        let numbers = |column: &[i64], scale: u32| -> Vec<f64> {
            let column = column.get(first..end.min(column.len())).unwrap_or_default();
            sample::scaled_all(column, scale)
        };
        let close = numbers(&self.closes, self.price_scale);
        if !whole {
            return FloatColumns { close, ..FloatColumns::default() };
        }
        let volume = match &self.volumes {
            Volumes::Narrow(volumes) => numbers(volumes, self.volume_scale),
            Volumes::Wide(volumes) => {
                let volumes = volumes.get(first..end.min(volumes.len())).unwrap_or_default();
                volumes.iter().map(|number| sample::scaled_wide(*number, self.volume_scale)).collect()
            }
        };
        FloatColumns {
            high: numbers(&self.highs, self.price_scale),
            low: numbers(&self.lows, self.price_scale),
            close,
            volume,
            complete: Vec::new(),
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
