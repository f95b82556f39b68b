//! What an exchange says of its market: rules, candles, volumes, the time. It needs no key and serves all accounts.

use std::collections::BTreeSet;

use super::Answer;
use super::socket::SocketProtocol;
use crate::domain::candle::Candle;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::kind::ExchangeKind;
use crate::domain::money::{Price, Quote};
use crate::domain::time::{Timeframe, Timestamp};

/// One series of candles.
pub type Series = (Symbol, Timeframe);

/// Asks for closed candles of one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandleQuery {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    /// Open time of the first candle wanted.
    pub from: Timestamp,
    /// Open time of the first candle not wanted.
    pub until: Timestamp,
}

/// A symbol over the last 24 hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticker {
    pub symbol: Symbol,
    pub last: Price,
    /// In quote currency.
    pub quote_volume_24h: Quote,
}

/// What a market socket tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarketEvent {
    /// A candle as it stands; the same open time comes again and again, the last time with `is_closed` where the
    /// exchange says so. Where it never does, the next open time closes it.
    Candle { symbol: Symbol, timeframe: Timeframe, candle: Candle, is_closed: bool },
}

/// The market of one exchange.
pub trait MarketData: Send + Sync {
    fn kind(&self) -> ExchangeKind;

    fn server_time(&self) -> Answer<'_, Timestamp>;

    /// Symbols that can be traded now, with their rules; those of this program's markets only.
    fn instruments(&self) -> Answer<'_, Vec<Instrument>>;

    fn tickers(&self) -> Answer<'_, Vec<Ticker>>;

    /// Candles the exchange has, shortest first.
    fn timeframes(&self) -> &'static [Timeframe];

    /// Closed candles of one page, oldest first: those from `from` on, as many as one call gives
    /// ([`MarketData::page_len`]) and `until` allows. A page may have holes where nothing was traded, and may be empty.
    fn candles<'a>(&'a self, query: &'a CandleQuery) -> Answer<'a, Vec<Candle>>;

    /// Candles a page spans at most, holes counted.
    fn page_len(&self) -> usize;

    /// The sockets that together carry these series, split as the exchange's limits ask.
    fn sockets(&self, series: &BTreeSet<Series>) -> Vec<Box<dyn SocketProtocol<Event = MarketEvent>>>;
}
