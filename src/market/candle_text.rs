//! Candles as the CSV text that is written here; `candle_file` reads it back.

use super::finding::COLUMNS;
use crate::domain::candle::Candle;
use crate::domain::time::Timeframe;

pub(super) fn header() -> String {
    format!("{}\n", COLUMNS.join(","))
}

pub(super) fn row(candle: &Candle) -> String {
    let Candle { open_time, open, high, low, close, volume } = candle;
    format!("{},{open},{high},{low},{close},{}\n", open_time.ms(), volume.normalize())
}

/// The columns of Binance's public archive.
pub(super) const ARCHIVE_HEADER: &str = "open_time,open,high,low,close,volume,close_time,quote_volume,count,\
                                         taker_buy_volume,taker_buy_quote_volume,ignore\n";

/// A row of the archive; what a candle here does not tell (quote volume, trades, takers) is 0.
pub(super) fn archive_row(candle: &Candle, timeframe: Timeframe) -> String {
    let Candle { open_time, open, high, low, close, volume } = candle;
    let last_ms = candle.close_time(timeframe).ms() - 1;
    format!("{},{open},{high},{low},{close},{},{last_ms},0,0,0,0,0\n", open_time.ms(), volume.normalize())
}
