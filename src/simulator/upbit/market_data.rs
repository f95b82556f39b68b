//! The market's endpoints (docs.upbit.com, "Quotation API").

use rust_decimal::{Decimal, dec};
use serde::Serialize;
use serde_json::{Value, json};

use super::error::Error;
use super::number::{self, Number, date_and_time, korean_bare, utc_bare};
use super::{Call, Reply, reply};
use crate::domain::instrument::Symbol;
use crate::domain::money::Price;
use crate::domain::time::{DurationMs, Timeframe, Timestamp};
use crate::simulator::market::{CandleView, DayFigures};
use crate::simulator::venue::Venue;

/// Candles of one answer.
const CANDLES_MAX: usize = 200;
const MINUTES: [i64; 8] = [1, 3, 5, 10, 15, 30, 60, 240];
const DAY: DurationMs = Timeframe::D1.duration();
const WEEK: DurationMs = DAY.times(7);
/// Days that months and years are made of at most: as long as the history is.
const DAYS_MAX: usize = 4_000;
/// Levels of the order book on each side.
const LEVELS: u32 = 30;
/// What waits at each of them, in KRW.
const LEVEL_TOTAL: Decimal = dec!(100_000_000);

pub(super) fn markets(call: &Call<'_>) -> Reply {
    #[derive(Serialize)]
    struct Row {
        market: String,
        korean_name: String,
        english_name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        market_event: Option<Value>,
    }
    let is_detailed = call.params.get("is_details").or(call.params.get("isDetails")) == Some("true");
    let row = |symbol: Symbol| Row {
        market: symbol.to_string(),
        korean_name: coin(&symbol).to_owned(),
        english_name: coin(&symbol).to_owned(),
        market_event: is_detailed.then(|| json!({"warning": false, "caution": {}})),
    };
    reply(&listed(call.venue).map(row).collect::<Vec<_>>())
}

pub(super) fn instruments(call: &Call<'_>) -> Reply {
    #[derive(Serialize)]
    struct Row {
        market: String,
        quote_currency: &'static str,
        tick_size: Number,
        supported_levels: [&'static str; 1],
    }
    let row = |symbol: Symbol| {
        let tick = tick_of(call.venue, &symbol)?;
        let (market, tick_size) = (symbol.to_string(), Number(tick.decimal()));
        Some(Row { market, quote_currency: "KRW", tick_size, supported_levels: ["0"] })
    };
    reply(&wanted(call)?.into_iter().filter_map(row).collect::<Vec<_>>())
}

pub(super) fn supported_levels(call: &Call<'_>) -> Reply {
    let row = |symbol: Symbol| json!({"market": symbol.as_str(), "supported_levels": [0]});
    reply(&wanted(call)?.into_iter().map(row).collect::<Vec<_>>())
}

fn tick_of(venue: &Venue, symbol: &Symbol) -> Option<Price> {
    Some(venue.rules(symbol.as_str())?.instrument.tick)
}

/// One symbol's last 24 hours; also the frame of the socket, with its own head.
#[derive(Serialize)]
pub(super) struct Ticker {
    trade_date: String,
    trade_time: String,
    trade_date_kst: String,
    trade_time_kst: String,
    trade_timestamp: i64,
    opening_price: Number,
    high_price: Number,
    low_price: Number,
    trade_price: Number,
    prev_closing_price: Number,
    change: &'static str,
    change_price: Number,
    change_rate: Number,
    signed_change_price: Number,
    signed_change_rate: Number,
    trade_volume: Number,
    acc_trade_price: Number,
    acc_trade_price_24h: Number,
    acc_trade_volume: Number,
    acc_trade_volume_24h: Number,
    highest_52_week_price: Number,
    highest_52_week_date: String,
    lowest_52_week_price: Number,
    lowest_52_week_date: String,
    timestamp: i64,
}

#[derive(Serialize)]
struct OfMarket<T> {
    market: String,
    #[serde(flatten)]
    row: T,
}

pub(super) fn ticker_of(venue: &Venue, symbol: &Symbol) -> Option<Ticker> {
    let now = venue.now();
    let (day, volume) = venue.market(|market| (market.day(symbol, now), market.last_volume(symbol)));
    Some(ticker(&day?, volume, now))
}

fn ticker(day: &DayFigures, trade_volume: Decimal, now: Timestamp) -> Ticker {
    let signed = day.last.decimal() - day.open.decimal();
    let rate = (signed / day.open.decimal()).round_dp(10);
    let [trade_date, trade_time] = date_and_time(now, 0);
    let [trade_date_kst, trade_time_kst] = date_and_time(now, 9);
    let date = number::written(now, 9, "%Y-%m-%d");
    Ticker {
        trade_date,
        trade_time,
        trade_date_kst,
        trade_time_kst,
        trade_timestamp: now.ms(),
        opening_price: Number(day.open.decimal()),
        high_price: Number(day.high.decimal()),
        low_price: Number(day.low.decimal()),
        trade_price: Number(day.last.decimal()),
        prev_closing_price: Number(day.open.decimal()),
        change: match signed.cmp(&Decimal::ZERO) {
            std::cmp::Ordering::Less => "FALL",
            std::cmp::Ordering::Equal => "EVEN",
            std::cmp::Ordering::Greater => "RISE",
        },
        change_price: Number(signed.abs()),
        change_rate: Number(rate.abs()),
        signed_change_price: Number(signed),
        signed_change_rate: Number(rate),
        trade_volume: Number(trade_volume),
        acc_trade_price: Number(day.quote_volume),
        acc_trade_price_24h: Number(day.quote_volume),
        acc_trade_volume: Number(day.volume),
        acc_trade_volume_24h: Number(day.volume),
        highest_52_week_price: Number(day.high.decimal()),
        highest_52_week_date: date.clone(),
        lowest_52_week_price: Number(day.low.decimal()),
        lowest_52_week_date: date,
        timestamp: now.ms(),
    }
}

pub(super) fn tickers(call: &Call<'_>) -> Reply {
    tickers_of(call, wanted(call)?)
}

pub(super) fn all_tickers(call: &Call<'_>) -> Reply {
    let quotes = call.params.list("quote_currencies");
    let is_asked = |symbol: &Symbol| quotes.is_empty() || quotes.contains(&symbol.quote_asset());
    tickers_of(call, listed(call.venue).filter(is_asked).collect())
}

fn tickers_of(call: &Call<'_>, symbols: Vec<Symbol>) -> Reply {
    let row = |symbol: Symbol| {
        let row = ticker_of(call.venue, &symbol)?;
        Some(OfMarket { market: symbol.to_string(), row })
    };
    reply(&symbols.into_iter().filter_map(row).collect::<Vec<_>>())
}

/// The last price is what is bid; what is asked begins one step above it.
#[derive(Serialize)]
pub(super) struct Book {
    timestamp: i64,
    total_ask_size: Number,
    total_bid_size: Number,
    orderbook_units: Vec<Level>,
    level: u32,
}

#[derive(Serialize)]
struct Level {
    ask_price: Number,
    bid_price: Number,
    ask_size: Number,
    bid_size: Number,
}

pub(super) fn orderbook_of(venue: &Venue, symbol: &Symbol) -> Option<Book> {
    let instrument = venue.rules(symbol.as_str())?.instrument;
    let last = instrument.floor_price(venue.price(symbol)?).decimal();
    let tick = instrument.tick.decimal();
    let size = |price: Decimal| (LEVEL_TOTAL / price).round_dp(8);
    let mut units = Vec::new();
    let (mut total_ask, mut total_bid) = (Decimal::ZERO, Decimal::ZERO);
    for level in 0..LEVELS {
        let distance = tick * Decimal::from(level);
        let (ask, bid) = (last + tick + distance, last - distance);
        if bid <= Decimal::ZERO {
            break;
        }
        total_ask += size(ask);
        total_bid += size(bid);
        units.push(Level {
            ask_price: Number(ask),
            bid_price: Number(bid),
            ask_size: Number(size(ask)),
            bid_size: Number(size(bid)),
        });
    }
    Some(Book {
        timestamp: venue.now().ms(),
        total_ask_size: Number(total_ask),
        total_bid_size: Number(total_bid),
        orderbook_units: units,
        level: 0,
    })
}

pub(super) fn orderbooks(call: &Call<'_>) -> Reply {
    let row = |symbol: Symbol| {
        let row = orderbook_of(call.venue, &symbol)?;
        Some(OfMarket { market: symbol.to_string(), row })
    };
    reply(&wanted(call)?.into_iter().filter_map(row).collect::<Vec<_>>())
}

/// The newest minutes stand for the trades in them.
pub(super) fn trades(call: &Call<'_>) -> Reply {
    #[derive(Serialize)]
    struct PublicTrade {
        market: String,
        trade_date_utc: String,
        trade_time_utc: String,
        timestamp: i64,
        trade_price: Number,
        trade_volume: Number,
        prev_closing_price: Number,
        change_price: Number,
        ask_bid: &'static str,
        sequential_id: i64,
    }
    let symbol = market(call)?;
    let count = call.params.parse("count")?.unwrap_or(1).clamp(1, 500);
    let length = call.venue.market(|market| market.base().duration());
    let rows = newest_first(call.venue, &symbol, length, None, count)?;
    let trade = |view: &CandleView| PublicTrade {
        market: symbol.to_string(),
        trade_date_utc: number::written(view.candle.open_time, 0, "%Y-%m-%d"),
        trade_time_utc: number::written(view.candle.open_time, 0, "%H:%M:%S"),
        timestamp: view.candle.open_time.ms(),
        trade_price: Number(view.candle.close.decimal()),
        trade_volume: Number(view.candle.volume),
        prev_closing_price: Number(view.candle.open.decimal()),
        change_price: Number(view.candle.close.decimal() - view.candle.open.decimal()),
        ask_bid: if view.candle.close >= view.candle.open { "BID" } else { "ASK" },
        sequential_id: view.candle.open_time.ms().saturating_mul(10_000),
    };
    reply(&rows.iter().map(trade).collect::<Vec<_>>())
}

/// A candle; also the frame of the socket, with its own head.
#[derive(Serialize)]
pub(super) struct CandleRow {
    candle_date_time_utc: String,
    candle_date_time_kst: String,
    opening_price: Number,
    high_price: Number,
    low_price: Number,
    trade_price: Number,
    timestamp: i64,
    candle_acc_trade_price: Number,
    candle_acc_trade_volume: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<i64>,
}

pub(super) fn candle_row(view: &CandleView, unit: Option<i64>, now: Timestamp) -> CandleRow {
    let candle = &view.candle;
    CandleRow {
        candle_date_time_utc: utc_bare(candle.open_time),
        candle_date_time_kst: korean_bare(candle.open_time),
        opening_price: Number(candle.open.decimal()),
        high_price: Number(candle.high.decimal()),
        low_price: Number(candle.low.decimal()),
        trade_price: Number(candle.close.decimal()),
        timestamp: now.ms().min(view.end.ms() - 1),
        candle_acc_trade_price: Number(view.quote_volume),
        candle_acc_trade_volume: Number(candle.volume),
        unit,
    }
}

pub(super) fn candles(call: &Call<'_>) -> Reply {
    let symbol = market(call)?;
    let count = call.params.parse("count")?.unwrap_or(1);
    if !(1..=CANDLES_MAX).contains(&count) {
        return Err(Error::invalid("count"));
    }
    let to = call.params.time("to")?;
    let kind = call.path.strip_prefix("/v1/candles/").unwrap_or_default();
    let unit = kind.strip_prefix("minutes/").and_then(|unit| unit.parse().ok());
    let views = match (kind, unit) {
        (_, Some(unit)) if MINUTES.contains(&unit) => {
            newest_first(call.venue, &symbol, DurationMs::from_secs(unit * 60), to, count)?
        }
        ("days", _) => newest_first(call.venue, &symbol, DAY, to, count)?,
        ("weeks", _) => newest_first(call.venue, &symbol, WEEK, to, count)?,
        ("months", _) => {
            calendar(newest_first(call.venue, &symbol, DAY, to, DAYS_MAX)?, count, number::month)
        }
        ("years", _) => calendar(newest_first(call.venue, &symbol, DAY, to, DAYS_MAX)?, count, |at| {
            number::written(at, 0, "%Y")
        }),
        // The market's data has no seconds.
        ("seconds", _) => Vec::new(),
        _ => return Err(Error::invalid("unit")),
    };
    let now = call.venue.now();
    let row = |view: &CandleView| OfMarket { market: symbol.to_string(), row: candle_row(view, unit, now) };
    reply(&views.iter().map(row).collect::<Vec<_>>())
}

/// Candles that opened before `to`, newest first; there is none where nothing was traded.
fn newest_first(
    venue: &Venue,
    symbol: &Symbol,
    length: DurationMs,
    to: Option<Timestamp>,
    count: usize,
) -> Result<Vec<CandleView>, Error> {
    let last = to.map(|to| to.minus(DurationMs::from_ms(1)));
    // More than was asked for, in place of those that are left out.
    let views = venue.market(|market| market.candles(symbol, length, (None, last), count.saturating_mul(2)));
    let mut views = views.ok_or_else(|| Error::invalid("unit"))?;
    views.retain(|view| !view.candle.volume.is_zero());
    views.reverse();
    views.truncate(count);
    Ok(views)
}

/// Days, newest first, put together as long as `name` calls them the same.
fn calendar(days: Vec<CandleView>, count: usize, name: fn(Timestamp) -> String) -> Vec<CandleView> {
    let mut spans: Vec<CandleView> = Vec::new();
    for day in days {
        let is_full = spans.len() == count;
        match spans.last_mut() {
            Some(span) if name(span.candle.open_time) == name(day.candle.open_time) => {
                span.quote_volume += day.quote_volume;
                span.candle.volume += day.candle.volume;
                span.candle.open_time = day.candle.open_time;
                span.candle.open = day.candle.open;
                span.candle.high = span.candle.high.max(day.candle.high);
                span.candle.low = span.candle.low.min(day.candle.low);
            }
            _ if is_full => break,
            _ => spans.push(day),
        }
    }
    spans
}

/// The coin of a market.
pub(super) fn coin(symbol: &Symbol) -> &str {
    symbol.as_str().split_once('-').map_or("", |(_, coin)| coin)
}

fn listed(venue: &Venue) -> impl Iterator<Item = Symbol> {
    venue.all_rules().into_iter().filter(|rules| rules.trading).map(|rules| rules.instrument.symbol)
}

/// The market that is asked for.
pub(super) fn market(call: &Call<'_>) -> Result<Symbol, Error> {
    known(call.venue, call.params.need("market")?)
}

pub(super) fn known(venue: &Venue, market: &str) -> Result<Symbol, Error> {
    venue.rules(market).map(|rules| rules.instrument.symbol).ok_or_else(Error::unknown_market)
}

/// The markets that are asked for.
fn wanted(call: &Call<'_>) -> Result<Vec<Symbol>, Error> {
    call.params.need("markets")?;
    call.params.list("markets").into_iter().map(|market| known(call.venue, market)).collect()
}
