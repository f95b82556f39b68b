//! The HTML page of a backtest: one file that asks nothing of the network. The page carries the results as the JSON
//! that `--json` prints, and draws them itself.

use serde::Serialize;

use super::market::{Lane, Market};
use super::results::Results;
use crate::domain::instrument::Symbol;
use crate::signal::sample::scaled;

/// Most candles that are drawn of a symbol; more are joined.
const CANDLES_MAX: usize = 2_000;

const PAGE: &str = include_str!("page.html");

/// One symbol's bars as they are drawn: open time in ms, open, high, low, close.
#[derive(Serialize)]
struct Drawn<'a> {
    symbol: &'a Symbol,
    candles: Vec<(i64, f64, f64, f64, f64)>,
}

/// The whole page.
pub fn page(market: &Market, span: (usize, usize), results: &Results) -> Result<String, serde_json::Error> {
    let drawn: Vec<_> = results
        .symbols
        .iter()
        .filter_map(|row| market.lane(&row.symbol))
        .map(|lane| Drawn { symbol: &lane.symbol, candles: candles(lane, span) })
        .collect();
    let title = results.symbols.iter().map(|row| row.symbol.as_str()).collect::<Vec<_>>().join(", ");
    Ok(PAGE
        .replace("{{title}}", &title)
        .replace("{{candles}}", &embedded(&drawn)?)
        .replace("{{results}}", &embedded(results)?))
}

/// JSON that no markup can end early.
fn embedded<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(value)?.replace('<', "\\u003c"))
}

fn candles(lane: &Lane, span: (usize, usize)) -> Vec<(i64, f64, f64, f64, f64)> {
    let columns = &lane.columns;
    let first = span.0.checked_sub(1).map_or(0, |before| lane.count(before));
    let end = span.1.checked_sub(1).map_or(0, |last| lane.count(last));
    let joined = end.saturating_sub(first).div_ceil(CANDLES_MAX).max(1);
    let float = |number: i64| scaled(number, columns.price_scale);
    let mut drawn = Vec::new();
    let mut from = first;
    while from < end {
        let to = (from + joined).min(end);
        let part = |column: &[i64]| column.get(from..to).unwrap_or_default().to_vec();
        let ends = (columns.open_times.get(from), columns.opens.get(from), columns.closes.get(to - 1));
        let range = (part(&columns.highs).into_iter().max(), part(&columns.lows).into_iter().min());
        if let ((Some(at), Some(open), Some(close)), (Some(high), Some(low))) = (ends, range) {
            drawn.push((*at, float(*open), float(high), float(low), float(*close)));
        }
        from = to;
    }
    drawn
}
