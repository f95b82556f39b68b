//! The market's endpoints.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::error::Error;
use super::params::Params;
use super::{Call, Reply};
use crate::domain::instrument::Symbol;
use crate::domain::time::{DurationMs, Timestamp};
use crate::simulator::market::CandleView;
use crate::simulator::venue::{SymbolRules, Venue};

/// Granularities and their lengths in minutes. The market's days begin at midnight UTC whatever the word.
const GRANULARITIES: [(&str, i64); 17] = [
    ("1m", 1),
    ("3m", 3),
    ("5m", 5),
    ("15m", 15),
    ("30m", 30),
    ("1H", 60),
    ("2H", 120),
    ("4H", 240),
    ("6H", 360),
    ("12H", 720),
    ("1D", 1_440),
    ("1W", 10_080),
    ("6Hutc", 360),
    ("12Hutc", 720),
    ("1Dutc", 1_440),
    ("3Dutc", 4_320),
    ("1Wutc", 10_080),
];
const SPAN_MAX: DurationMs = DurationMs::from_secs(90 * 86_400);
/// The price band about the market, and fees as they are listed.
pub(super) const PRICE_BAND: Decimal = Decimal::from_parts(5, 0, 0, false, 2);

pub(super) fn time(call: &Call<'_>) -> Reply {
    Ok(json!({ "serverTime": call.venue.server_time().ms().to_string() }))
}

pub(super) fn coins(_: &Call<'_>) -> Reply {
    let coin = |id: u8, coin: &str| json!({ "coinId": id.to_string(), "coin": coin, "transfer": "true", "chains": [] });
    Ok(json!([coin(1, "BTC"), coin(2, "USDT"), coin(3, "ETH")]))
}

pub(super) fn contracts(call: &Call<'_>) -> Reply {
    if !call.params.is_usdt()? {
        return Ok(json!([]));
    }
    let wanted = call.params.get("symbol");
    let rules = call.venue.all_rules();
    let listed =
        rules.iter().filter(|rules| wanted.is_none_or(|symbol| rules.instrument.symbol.as_str() == symbol));
    Ok(listed.map(contract).collect())
}

fn contract(rules: &SymbolRules) -> Value {
    let instrument = &rules.instrument;
    let symbol = instrument.symbol.as_str();
    let tick = instrument.tick.decimal().normalize();
    let step = instrument.step.decimal().normalize();
    json!({
        "symbol": symbol, "baseCoin": symbol.strip_suffix("USDT").unwrap_or(symbol), "quoteCoin": "USDT",
        "buyLimitPriceRatio": PRICE_BAND.to_string(), "sellLimitPriceRatio": PRICE_BAND.to_string(),
        "feeRateUpRatio": "0.005", "makerFeeRate": "0.0002", "takerFeeRate": "0.0006", "openCostUpRatio": "0.01",
        "supportMarginCoins": ["USDT"], "minTradeNum": instrument.min_qty.to_string(),
        "priceEndStep": tick.mantissa().to_string(), "volumePlace": step.scale().to_string(),
        "pricePlace": tick.scale().to_string(), "sizeMultiplier": step.to_string(), "symbolType": "perpetual",
        "minTradeUSDT": instrument.min_notional.to_string(), "maxSymbolOrderNum": "200",
        "maxProductOrderNum": "1000", "maxPositionNum": "150", "maxOrderQty": "1000000",
        "maxMarketOrderQty": "1000000", "symbolStatus": if rules.trading { "normal" } else { "off" },
        "offTime": "-1", "limitOpenTime": "-1", "deliveryTime": "", "deliveryStartTime": "", "launchTime": "",
        "fundInterval": "8", "minLever": "1", "maxLever": "100", "posLimit": "0.1", "maintainTime": "",
    })
}

pub(super) fn tickers(call: &Call<'_>) -> Reply {
    if !call.params.is_usdt()? {
        return Ok(json!([]));
    }
    let rules = call.venue.all_rules();
    Ok(rules.iter().filter_map(|rules| ticker_row(call.venue, &rules.instrument.symbol)).collect())
}

pub(super) fn ticker(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    Ok(Value::from_iter(ticker_row(call.venue, &symbol)))
}

pub(super) fn ticker_row(venue: &Venue, symbol: &Symbol) -> Option<Value> {
    let now = venue.now();
    let (rate, _) = venue.next_funding();
    let day = venue.market(|market| market.day(symbol, now))?;
    let tick = venue.rules(symbol.as_str())?.instrument.tick;
    let change = ((day.last.decimal() - day.open.decimal()) / day.open.decimal()).round_dp(5).to_string();
    let (last, open) = (day.last.to_string(), day.open.to_string());
    Some(json!({
        "symbol": symbol.as_str(), "lastPr": last, "bidPr": last,
        "askPr": (day.last.decimal() + tick.decimal()).to_string(), "bidSz": "1", "askSz": "1",
        "high24h": day.high.to_string(), "low24h": day.low.to_string(), "ts": now.ms().to_string(),
        "change24h": change, "baseVolume": day.volume.to_string(), "quoteVolume": day.quote_volume.to_string(),
        "usdtVolume": day.quote_volume.to_string(), "openUtc": open, "changeUtc24h": change, "indexPrice": last,
        "markPrice": last, "fundingRate": rate.to_string(), "holdingAmount": "0", "open24h": open,
        "deliveryStartTime": null, "deliveryTime": null, "deliveryStatus": "",
    }))
}

/// The length of candles of this name.
pub(super) fn granularity(word: &str) -> Option<DurationMs> {
    let (_, minutes) = GRANULARITIES.iter().find(|(known, _)| *known == word)?;
    Some(DurationMs::from_secs(minutes * 60))
}

pub(super) fn candles(call: &Call<'_>) -> Reply {
    candles_of(call, 1_000)
}

pub(super) fn history_candles(call: &Call<'_>) -> Reply {
    candles_of(call, 200)
}

fn candles_of(call: &Call<'_>, limit_max: usize) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let length = granularity(call.params.need("granularity")?).ok_or_else(|| Error::wrong("granularity"))?;
    let (from, until) = (call.params.time("startTime")?, call.params.time("endTime")?);
    if from.zip(until).is_some_and(|(from, until)| until.since(from) > SPAN_MAX) {
        return Err(Error::new(
            "40017",
            "Parameter verification failed startTime and endTime interval cannot be greater than 90 days",
        ));
    }
    let limit = call.params.limit(100, limit_max)?;
    // The end is not included.
    let last = until.map(|until| Timestamp::from_ms(until.ms() - 1));
    let views = call.venue.market(|market| market.candles(&symbol, length, (from, last), limit));
    Ok(views.ok_or_else(|| Error::wrong("granularity"))?.iter().map(candle_row).collect())
}

pub(super) fn candle_row(view: &CandleView) -> Value {
    let CandleView { candle, quote_volume, .. } = view;
    json!([
        candle.open_time.ms().to_string(),
        candle.open.to_string(),
        candle.high.to_string(),
        candle.low.to_string(),
        candle.close.to_string(),
        candle.volume.to_string(),
        quote_volume.to_string(),
    ])
}

/// The parameter `symbol`, which must be listed.
pub(super) fn listed(venue: &Venue, params: &Params) -> Result<Symbol, Error> {
    let name = params.need("symbol")?.to_ascii_uppercase();
    let rules = venue.rules(&name).ok_or_else(|| Error::bad_symbol(&name))?;
    Ok(rules.instrument.symbol)
}
