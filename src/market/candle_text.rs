//! Candles as the CSV text that is written here; `candle_file` reads it back.

use super::finding::COLUMNS;
use crate::domain::candle::Candle;

pub(super) fn header() -> String {
    format!("{}\n", COLUMNS.join(","))
}

pub(super) fn row(candle: &Candle) -> String {
    let Candle { open_time, open, high, low, close, volume } = candle;
    format!("{},{open},{high},{low},{close},{}\n", open_time.ms(), volume.normalize())
}
