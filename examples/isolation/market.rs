//! A market that stands still and then rises and falls by turns, so that at the close of every bar all bots enter.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;

/// Bars that are history when the exchange opens.
pub(crate) const WARMUP: u32 = 200;
pub(crate) const SYMBOLS: [(&str, Decimal, Decimal); 3] = [
    ("BTCUSDT", Decimal::from_parts(60_000, 0, 0, false, 0), Decimal::from_parts(61_800, 0, 0, false, 0)),
    ("ETHUSDT", Decimal::from_parts(3_000, 0, 0, false, 0), Decimal::from_parts(3_090, 0, 0, false, 0)),
    ("SOLUSDT", Decimal::from_parts(1_500, 0, 0, false, 1), Decimal::from_parts(1_545, 0, 0, false, 1)),
];
/// 2026-01-01T00:00:00Z; the exchange moves its tape to the present.
const START_MS: i64 = 1_767_225_600_000;
pub(crate) const MINUTE_MS: i64 = 60_000;

/// Writes one tape of 1-minute bars a symbol.
pub(crate) fn write(folder: &Path, quiet: u32, waves: u32) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for (symbol, low, high) in SYMBOLS {
        let mut text = String::from("open_time_ms,open,high,low,close,volume\n");
        let still = WARMUP + quiet;
        let mut open = low;
        for bar in 0..still + waves {
            let at = START_MS + i64::from(bar) * MINUTE_MS;
            let is_rise = bar >= still && (bar - still).is_multiple_of(2);
            let close = if is_rise { high } else { low };
            let (top, bottom) = (open.max(close), open.min(close));
            // Always more than before: the strategy wants a volume above its mean.
            let volume = 5_000_000 + bar;
            writeln!(text, "{at},{open},{top},{bottom},{close},{volume}")?;
            open = close;
        }
        let path = folder.join(format!("{symbol}-1m.csv"));
        std::fs::write(&path, text)?;
        paths.push(path);
    }
    Ok(paths)
}
