//! Trading rules for markets that state none: derived from their candles, the same for the same candles.

use rust_decimal::{Decimal, dec};

use crate::domain::candle::Candle;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::{Price, Qty, Quote};

/// Candles whose decimals tell the tick.
const CANDLES_SEEN: usize = 1_000;

/// One step is worth at most this part of the smallest order.
const STEPS_PER_MIN_NOTIONAL: Decimal = dec!(50);

const MIN_NOTIONAL_KRW: Decimal = dec!(5000);
const MIN_NOTIONAL: Decimal = dec!(5);

/// Most decimals of a [`Qty`].
const QTY_DECIMALS: u32 = 10;

/// Tick: 10^-(most decimals of any price in the first 1,000 candles, trailing zeros apart). Step and smallest
/// quantity: the largest power of ten whose worth at the first close is at most 1/50 of the smallest notional, which
/// is 5,000 for KRW and 5 for any other quote currency. `None` without candles.
pub fn derive_instrument(symbol: &Symbol, candles: &[Candle]) -> Option<Instrument> {
    let first_close = candles.first()?.close.decimal();
    let prices = candles.iter().take(CANDLES_SEEN).flat_map(|c| [c.open, c.high, c.low, c.close]);
    let decimals = prices.map(|price| price.decimal().normalize().scale()).max()?;
    let min_notional = if symbol.quote_asset() == "KRW" { MIN_NOTIONAL_KRW } else { MIN_NOTIONAL };
    let step = largest_step(first_close, min_notional / STEPS_PER_MIN_NOTIONAL);
    Some(Instrument {
        symbol: symbol.clone(),
        tick: Price::try_new(Decimal::new(1, decimals)).ok()?,
        step: Qty::try_new(step).ok()?,
        min_qty: Qty::try_new(step).ok()?,
        min_notional: Quote::new(min_notional),
    })
}

/// The largest power of ten, 10^9 to 10^-10, of which `price` makes at most `worth`.
fn largest_step(price: Decimal, worth: Decimal) -> Decimal {
    let whole = (0_u32..=9).rev().map(|power| Decimal::from(10_u64.pow(power)));
    let parts = (1..=QTY_DECIMALS).map(|scale| Decimal::new(1, scale));
    whole.chain(parts).find(|step| price * step <= worth).unwrap_or(Decimal::new(1, QTY_DECIMALS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    fn candle(close: &str) -> Candle {
        let price: Price = close.parse().unwrap();
        Candle::try_new(Timestamp::from_ms(0), [price; 4], Decimal::ONE).unwrap()
    }

    #[test]
    fn ticks_come_from_decimals_and_steps_from_worth() {
        for (symbol, closes, tick, step, min_notional) in [
            ("BTCUSDT", &["51696.7", "51926.17"][..], "0.01", "0.000001", "5"),
            ("XRPUSDT", &["0.5012", "0.5"][..], "0.0001", "0.1", "5"),
            ("PEPEUSDT", &["0.00000119"][..], "0.00000001", "10000", "5"),
            ("KRW-XRP", &["3868.0"][..], "1", "0.01", "5000"),
            ("KRW-BTC", &["155299000.0"][..], "1", "0.0000001", "5000"),
        ] {
            let symbol = Symbol::try_new(symbol).unwrap();
            let candles: Vec<Candle> = closes.iter().map(|close| candle(close)).collect();
            let instrument = derive_instrument(&symbol, &candles).unwrap();
            assert_eq!(instrument.tick.to_string(), tick, "{symbol}");
            assert_eq!(instrument.step.to_string(), step, "{symbol}");
            assert_eq!(instrument.min_qty, instrument.step);
            assert_eq!(instrument.min_notional.to_string(), min_notional, "{symbol}");
            assert!(candles.iter().all(|candle| instrument.check_price(candle.close).is_ok()));
        }
        assert_eq!(derive_instrument(&Symbol::try_new("BTCUSDT").unwrap(), &[]), None);
    }
}
