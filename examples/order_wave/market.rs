//! A market that stands still, rises for one bar, and stands still again.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Bars that are history when the exchange opens.
pub(crate) const WARMUP: u32 = 200;
/// Bars behind the signal.
const AFTER: u32 = 30;
pub(crate) const SYMBOLS: [(&str, &str, &str); 3] =
    [("BTCUSDT", "60000.0", "61800.0"), ("ETHUSDT", "3000.00", "3090.00"), ("SOLUSDT", "150.000", "154.500")];
/// 2026-01-01T00:00:00Z; the exchange moves its tape to the present.
const START_MS: i64 = 1_767_225_600_000;
const MINUTE_MS: i64 = 60_000;

/// Writes one tape of 1-minute bars a symbol; the bar that rises comes `quiet` bars after the exchange opens.
pub(crate) fn write(folder: &Path, quiet: u32) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for (symbol, low, high) in SYMBOLS {
        let mut text = String::from("open_time_ms,open,high,low,close,volume\n");
        let rise = WARMUP + quiet;
        for bar in 0..rise + AFTER {
            let at = START_MS + i64::from(bar) * MINUTE_MS;
            let (open, close, volume) = match bar {
                bar if bar < rise => (low, low, 1_000_000),
                bar if bar == rise => (low, high, 5_000_000),
                _ => (high, high, 1_000_000),
            };
            writeln!(text, "{at},{open},{close},{open},{close},{volume}")?;
        }
        let path = folder.join(format!("{symbol}-1m.csv"));
        std::fs::write(&path, text)?;
        paths.push(path);
    }
    Ok(paths)
}
