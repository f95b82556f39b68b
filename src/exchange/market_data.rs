//! What an exchange says of its market: rules, candles, volumes, the time. It needs no key and serves all accounts.

use std::collections::BTreeSet;

use super::Answer;
use super::socket::SocketProtocol;
use crate::domain::candle::Candle;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::kind::ExchangeKind;
use crate::domain::money::{Price, Quote};
use crate::domain::time::{DurationMs, Timeframe, Timestamp};

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

/// Turns the pages of a period: what to ask for next, until nothing is left before its end.
#[derive(Debug, Clone)]
pub struct CandlePages {
    /// Of the next page; `from` moves on.
    query: CandleQuery,
    /// What a page spans at most.
    span: DurationMs,
}

impl CandlePages {
    /// `page_len` is [`MarketData::page_len`].
    pub fn new(query: CandleQuery, page_len: usize) -> Self {
        let bars = i64::try_from(page_len).unwrap_or(1).max(1);
        let span = query.timeframe.duration().times(bars);
        Self { query, span }
    }

    /// The next page to ask for; `None` at the end.
    pub fn next(&self) -> Option<&CandleQuery> {
        let CandleQuery { timeframe, from, until, .. } = &self.query;
        (*from < timeframe.bar_start(*until)).then_some(&self.query)
    }

    /// Goes on behind the page that was found.
    pub fn turn(&mut self, found: &[Candle]) {
        let CandleQuery { timeframe, from, .. } = &mut self.query;
        let last = found.last().map(|candle| candle.close_time(*timeframe));
        // A page without anything may be a time without trades: go on behind it.
        *from = last.unwrap_or_else(|| from.plus(self.span)).max(from.plus(timeframe.duration()));
    }
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

    /// Whether sockets tell candles of this length; they are polled otherwise.
    fn streams(&self, timeframe: Timeframe) -> bool;

    /// Closed candles of one page, oldest first: those from `from` on, as many as one call gives
    /// ([`MarketData::page_len`]) and `until` allows. A page may have holes where nothing was traded, and may be empty.
    fn candles<'a>(&'a self, query: &'a CandleQuery) -> Answer<'a, Vec<Candle>>;

    /// Candles a page spans at most, holes counted.
    fn page_len(&self) -> usize;

    /// The sockets that together carry these series, split as the exchange's limits ask.
    fn sockets(&self, series: &BTreeSet<Series>) -> Vec<Box<dyn SocketProtocol<Event = MarketEvent>>>;
}

#[cfg(test)]
mod tests;
