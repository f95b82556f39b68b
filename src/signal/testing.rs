//! Bars for the tests of the pure layers.

use rust_decimal::Decimal;

use crate::domain::candle::Candle;
use crate::domain::instrument::Symbol;
use crate::domain::market::{Bar, MarketStep};
use crate::domain::money::Price;
use crate::domain::time::{Timeframe, Timestamp};

const HOUR_MS: i64 = 3_600_000;

/// The hourly bar number `index` of `symbol`: it opens, lies and closes at `close` (6 decimals) with 1 % of range.
pub(crate) fn bar(symbol: &str, index: i64, close: f64, volume: i64) -> Bar {
    let price = |value: f64| format!("{value:.6}").parse::<Price>().unwrap();
    let [middle, high, low] = [price(close), price(close * 1.005), price(close * 0.995)];
    Bar {
        symbol: Symbol::try_new(symbol).unwrap(),
        timeframe: Timeframe::H1,
        candle: Candle::try_new(
            Timestamp::from_ms(index * HOUR_MS),
            [middle, high, low, middle],
            Decimal::from(volume),
        )
        .unwrap(),
        complete: true,
    }
}

/// The step at which `bars`, all of one hour, close.
pub(crate) fn step(mut bars: Vec<Bar>) -> MarketStep {
    bars.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    let at = bars.first().map_or(Timestamp::from_ms(0), Bar::close_time);
    MarketStep { at, price_bars: bars.clone(), closed_bars: bars }
}
