//! The market's endpoints.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::error::Error;
use super::params::Params;
use super::{Call, Reply};
use crate::domain::instrument::Symbol;
use crate::domain::money::Price;
use crate::domain::time::{DurationMs, Timestamp};
use crate::simulator::funding::Settlement;
use crate::simulator::market::{CandleView, DayFigures};
use crate::simulator::venue::{SymbolRules, Venue};

/// The interval's words and lengths in minutes.
const INTERVALS: [(&str, i64); 14] = [
    ("1m", 1),
    ("3m", 3),
    ("5m", 5),
    ("15m", 15),
    ("30m", 30),
    ("1h", 60),
    ("2h", 120),
    ("4h", 240),
    ("6h", 360),
    ("8h", 480),
    ("12h", 720),
    ("1d", 1_440),
    ("3d", 4_320),
    ("1w", 10_080),
];
/// How far a limit price may be beyond the mark price.
pub(super) const PRICE_BAND: Decimal = Decimal::from_parts(5, 0, 0, false, 2);

pub(super) fn ping(_: &Call<'_>) -> Reply {
    Ok(json!({}))
}

pub(super) fn time(call: &Call<'_>) -> Reply {
    Ok(json!({ "serverTime": call.venue.server_time().ms() }))
}

/// Of one symbol, oldest first.
pub(super) fn funding_rates(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let (from, to) = (call.params.time("startTime")?, call.params.time("endTime")?);
    let limit = call.params.limit(100, 1_000)?;
    let settled = call.venue.settlements(&symbol);
    let is_wanted = |settled: &&Settlement| {
        from.is_none_or(|from| settled.at >= from) && to.is_none_or(|to| settled.at <= to)
    };
    let row = |settled: &Settlement| {
        json!({
            "symbol": settled.symbol.as_str(), "fundingRate": settled.rate.to_string(),
            "fundingTime": settled.at.ms(), "markPrice": settled.mark.to_string(),
        })
    };
    Ok(settled.iter().filter(is_wanted).take(limit).map(row).collect())
}

pub(super) fn exchange_info(call: &Call<'_>) -> Reply {
    let symbols: Vec<Value> = call.venue.all_rules().iter().map(symbol_info).collect();
    Ok(json!({
        "timezone": "UTC",
        "serverTime": call.venue.server_time().ms(),
        "futuresType": "U_MARGINED",
        "rateLimits": [
            { "rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": super::WEIGHT.max },
            { "rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": super::ORDERS_1M.max },
            { "rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": super::ORDERS_10S.max },
        ],
        "exchangeFilters": [],
        "assets": [{ "asset": "USDT", "marginAvailable": true, "autoAssetExchange": "-10000" }],
        "symbols": symbols,
    }))
}

fn symbol_info(rules: &SymbolRules) -> Value {
    let instrument = &rules.instrument;
    let symbol = instrument.symbol.as_str();
    let base = symbol.strip_suffix("USDT").unwrap_or(symbol);
    let step = instrument.step.to_string();
    let lot = |filter: &str, max: &str| json!({ "filterType": filter, "stepSize": step, "minQty": instrument.min_qty.to_string(), "maxQty": max });
    let tick = instrument.tick.to_string();
    json!({
        "symbol": symbol, "pair": symbol, "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000_i64, "onboardDate": 1_569_398_400_000_i64,
        "status": if rules.trading { "TRADING" } else { "SETTLING" },
        "maintMarginPercent": "2.5000", "requiredMarginPercent": "5.0000",
        "baseAsset": base, "quoteAsset": "USDT", "marginAsset": "USDT",
        "pricePrecision": instrument.tick.decimal().scale(),
        "quantityPrecision": instrument.step.decimal().scale(),
        "baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN", "underlyingSubType": [],
        "triggerProtect": "0.0500", "liquidationFee": "0.012500", "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "filters": [
            { "filterType": "PRICE_FILTER", "tickSize": tick, "minPrice": tick, "maxPrice": "1000000000" },
            lot("LOT_SIZE", "1000000000"),
            lot("MARKET_LOT_SIZE", "1000000000"),
            { "filterType": "MAX_NUM_ORDERS", "limit": super::orders::OPEN_ORDERS_MAX },
            { "filterType": "MIN_NOTIONAL", "notional": instrument.min_notional.to_string() },
            { "filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500",
              "multiplierDecimal": "4" },
            { "filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE", "noticeType": "NONE" },
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET",
                       "TRAILING_STOP_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    })
}

/// The length of an interval in its word.
pub(super) fn interval(word: &str) -> Option<DurationMs> {
    let (_, minutes) = INTERVALS.iter().find(|(known, _)| *known == word)?;
    Some(DurationMs::from_secs(minutes * 60))
}

pub(super) fn klines(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let bad_interval = || Error::new(-1120, "Invalid interval.");
    let length = interval(call.params.need("interval")?).ok_or_else(bad_interval)?;
    let range = (call.params.time("startTime")?, call.params.time("endTime")?);
    let limit = call.params.limit(500, 1_500)?;
    let candles = call.venue.market(|market| market.candles(&symbol, length, range, limit));
    let candles = candles.ok_or_else(bad_interval)?;
    Ok(Value::Array(candles.iter().map(kline).collect()))
}

fn kline(view: &CandleView) -> Value {
    let CandleView { candle, end, quote_volume } = view;
    let half = |value: Decimal| (value / Decimal::TWO).round_dp(8).normalize().to_string();
    json!([
        candle.open_time.ms(),
        candle.open.to_string(),
        candle.high.to_string(),
        candle.low.to_string(),
        candle.close.to_string(),
        candle.volume.to_string(),
        end.ms() - 1,
        quote_volume.to_string(),
        trade_count(candle.volume),
        half(candle.volume),
        half(*quote_volume),
        "0",
    ])
}

/// Candles do not tell how many trades they were made of.
pub(super) fn trade_count(volume: Decimal) -> i64 {
    i64::from(!volume.is_zero())
}

pub(super) fn day_ticker(call: &Call<'_>) -> Reply {
    of_symbols(call, |symbol| {
        let now = call.venue.now();
        let day = call.venue.market(|market| market.day(symbol, now))?;
        Some(day_json(symbol, &day, now))
    })
}

fn day_json(symbol: &Symbol, day: &DayFigures, now: Timestamp) -> Value {
    let change = day.last.decimal() - day.open.decimal();
    let pct = (change * Decimal::ONE_HUNDRED / day.open.decimal()).round_dp(3);
    let mean =
        if day.volume.is_zero() { day.last.decimal() } else { (day.quote_volume / day.volume).round_dp(8) };
    json!({
        "symbol": symbol.as_str(), "priceChange": change.to_string(), "priceChangePercent": pct.to_string(),
        "weightedAvgPrice": mean.normalize().to_string(), "lastPrice": day.last.to_string(), "lastQty": "1",
        "openPrice": day.open.to_string(), "highPrice": day.high.to_string(), "lowPrice": day.low.to_string(),
        "volume": day.volume.to_string(), "quoteVolume": day.quote_volume.to_string(),
        "openTime": day.open_time.ms(), "closeTime": now.ms(), "firstId": 1, "lastId": 1, "count": 1,
    })
}

pub(super) fn price_ticker(call: &Call<'_>) -> Reply {
    of_symbols(call, |symbol| {
        let price = call.venue.price(symbol)?;
        Some(json!({ "symbol": symbol.as_str(), "price": price.to_string(), "time": call.venue.now().ms() }))
    })
}

pub(super) fn book_ticker(call: &Call<'_>) -> Reply {
    of_symbols(call, |symbol| {
        let (bid, ask) = best(call.venue, symbol)?;
        Some(json!({
            "symbol": symbol.as_str(), "bidPrice": bid.to_string(), "bidQty": "1", "askPrice": ask.to_string(),
            "askQty": "1", "time": call.venue.now().ms(),
        }))
    })
}

/// The last price, and one tick above it.
pub(super) fn best(venue: &Venue, symbol: &Symbol) -> Option<(Price, Price)> {
    let bid = venue.price(symbol)?;
    let tick = venue.rules(symbol.as_str())?.instrument.tick;
    Some((bid, Price::try_new(bid.decimal() + tick.decimal()).ok()?))
}

pub(super) fn depth(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let (bid, ask) = best(call.venue, &symbol).ok_or_else(Error::bad_symbol)?;
    let now = call.venue.now().ms();
    let level = |price: Price| json!([[price.to_string(), "1"]]);
    Ok(json!({ "lastUpdateId": now, "E": now, "T": now, "bids": level(bid), "asks": level(ask) }))
}

pub(super) fn premium_index(call: &Call<'_>) -> Reply {
    of_symbols(call, |symbol| {
        let price = call.venue.price(symbol)?.to_string();
        let now = call.venue.now();
        let (rate, next) = call.venue.next_funding();
        Some(json!({
            "symbol": symbol.as_str(), "markPrice": price, "indexPrice": price, "estimatedSettlePrice": price,
            "lastFundingRate": format!("{rate:.8}"), "interestRate": "0.00010000",
            "nextFundingTime": next.ms(), "time": now.ms(),
        }))
    })
}

/// One object for the symbol that was asked for, or a list of all.
fn of_symbols(call: &Call<'_>, one: impl Fn(&Symbol) -> Option<Value>) -> Reply {
    if call.params.get("symbol").is_some() {
        return one(&listed(call.venue, call.params)?).ok_or_else(Error::bad_symbol);
    }
    let rules = call.venue.all_rules();
    Ok(Value::Array(rules.iter().filter_map(|rules| one(&rules.instrument.symbol)).collect()))
}

/// The parameter `symbol`, which must be listed.
pub(super) fn listed(venue: &Venue, params: &Params) -> Result<Symbol, Error> {
    let rules = venue.rules(params.need("symbol")?).ok_or_else(Error::bad_symbol)?;
    Ok(rules.instrument.symbol)
}
