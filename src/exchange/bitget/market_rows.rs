//! From the exchange's rows to the market's words: instruments, tickers, candles.

use rust_decimal::Decimal;

use super::calls::MARGIN_COIN;
use super::fields::{BadField, number, some_price, symbol, time};
use super::wire::{CandleRow, ContractRow, Text, TickerRow};
use crate::domain::candle::Candle;
use crate::domain::instrument::Instrument;
use crate::domain::money::{Price, Quote};
use crate::exchange::json;
use crate::exchange::market_data::Ticker;

/// Prices have at most so many decimals.
const PRICE_PLACES_MAX: u32 = 12;

/// A contract that can be traded now; `None` for all others, and for symbols that are not plain letters and digits.
///
/// Its tick is `priceEndStep` in units of the last of `pricePlace` decimals: 5 and 3 make 0.005.
pub fn instrument(row: &ContractRow) -> Result<Option<Instrument>, BadField> {
    let is_perpetual = matches!(row.symbol_type.as_str(), "perpetual" | "");
    let is_ours =
        row.quote_coin.as_str() == MARGIN_COIN && is_perpetual && row.symbol_status.as_str() == "normal";
    let Some(symbol) = symbol(&row.symbol, &row.symbol) else { return Ok(None) };
    if !is_ours {
        return Ok(None);
    }
    let units = decimal("priceEndStep", &row.price_end_step)?;
    let places = row.price_place.as_str().parse().ok().filter(|places| *places <= PRICE_PLACES_MAX);
    let places = places.ok_or_else(|| BadField::new("pricePlace", &row.price_place, "0 to 12"))?;
    let tick = Price::try_new(units * Decimal::new(1, places))
        .map_err(|_| BadField::new("priceEndStep", &row.price_end_step, "a price step"))?;
    Ok(Some(Instrument {
        symbol,
        tick,
        step: number("sizeMultiplier", &row.size_multiplier)?,
        min_qty: number("minTradeNum", &row.min_trade_num)?,
        min_notional: number("minTradeUSDT", &row.min_trade_usdt)?,
    }))
}

fn decimal(field: &'static str, text: &Text) -> Result<Decimal, BadField> {
    json::decimal(text.as_str()).map_err(|_| BadField::new(field, text, "a decimal number"))
}

/// `None` for what has never been traded, or is traded by nobody here.
pub fn ticker(row: &TickerRow) -> Result<Option<Ticker>, BadField> {
    let Some(symbol) = symbol(&row.symbol, &row.symbol) else { return Ok(None) };
    let Some(last) = some_price("lastPr", &row.last_pr)? else { return Ok(None) };
    let quote_volume_24h: Quote = number("quoteVolume", &row.quote_volume)?;
    Ok(Some(Ticker { symbol, last, quote_volume_24h }))
}

pub fn candle(row: &CandleRow) -> Result<Candle, BadField> {
    let [at, open, high, low, close, volume, ..] = row.as_slice() else {
        let first = row.first().cloned().unwrap_or_default();
        return Err(BadField::new("candle", &first, "a row of at least six numbers"));
    };
    let prices = [number("open", open)?, number("high", high)?, number("low", low)?, number("close", close)?];
    Candle::try_new(time("open time", at)?, prices, decimal("volume", volume)?)
        .map_err(|_| BadField::new("candle", at, "a candle whose high and low hold its open and close"))
}
