//! A small exchange for tests: one symbol, a market that stands still until a test moves it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::account::FirstIds;
use super::accounts_file::AccountSpec;
use super::clock::SimClock;
use super::faults::FaultSettings;
use super::limits::LimitSpec;
use super::market::{Market, MarketData};
use super::venue::{Venue, VenueConfig};
use crate::domain::candle::Candle;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::kind::ExchangeKind;
use crate::domain::money::Price;
use crate::domain::side::PositionMode;
use crate::domain::time::{Timeframe, Timestamp};
use crate::market::feed::Feed;
use crate::market::tape::Tape;

/// Bars that are history; all at the price that the market opens at.
pub(crate) const WARMUP: usize = 20;
/// Parts of a bar.
pub(crate) const PARTS: u32 = 6;

/// An exchange that lists `symbol`; after history at `open`, its bars close at `closes`.
///
/// The first bar may have begun when the exchange opens; it stays at `open`, so that nothing moves until a test
/// steps on.
pub(crate) fn venue(exchange: ExchangeKind, symbol: &str, open: &str, closes: &[&str]) -> Arc<Venue> {
    let symbol = Symbol::try_new(symbol).unwrap();
    let mut candles = Vec::new();
    let mut last: Price = open.parse().unwrap();
    let flat = vec![open; WARMUP + 2];
    for (index, close) in (0..).zip(flat.into_iter().chain(closes.iter().copied())) {
        let close: Price = close.parse().unwrap();
        let open_time = Timestamp::from_ms(index * Timeframe::M1.duration().ms());
        let prices = [last, close.max(last), close.min(last), close];
        candles.push(Candle::try_new(open_time, prices, Decimal::from(60)).unwrap());
        last = close;
    }
    let series = BTreeMap::from([((symbol.clone(), Timeframe::M1), candles)]);
    let instrument = Instrument {
        symbol: symbol.clone(),
        tick: "0.1".parse().unwrap(),
        step: "0.001".parse().unwrap(),
        min_qty: "0.001".parse().unwrap(),
        min_notional: "100".parse().unwrap(),
    };
    let instruments = BTreeMap::from([(symbol, instrument)]);
    let feed = Feed::from_tape(&Tape::from_candles(series).unwrap());
    let clock = SimClock::start(1);
    let data = MarketData { feed, instruments: instruments.clone(), warmup: WARMUP };
    let market = Market::open(data, clock.now(), PARTS).unwrap();
    let account = AccountSpec { position_mode: PositionMode::OneWay, ..AccountSpec::demo(exchange) };
    Arc::new(Venue::open(VenueConfig {
        exchange,
        quote_asset: if exchange == ExchangeKind::Upbit { "KRW" } else { "USDT" },
        clock,
        market,
        instruments,
        accounts: vec![account],
        first_ids: FirstIds { order: 1, conditional: 1, trade: 1, income: 1 },
        faults: FaultSettings::default(),
        limits: LimitSpec::default(),
        funding: None,
        seed: 1,
    }))
}

/// Plays all of the market there is.
pub(crate) fn play_out(venue: &Venue) {
    while venue.step() {}
}
