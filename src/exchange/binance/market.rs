//! What the exchange tells everybody.

use std::collections::BTreeSet;

use super::answers::{ExchangeInfoAnswer, KlineAnswer, TickerAnswer, Unreadable};
use super::calls::{self, KLINES_MAX};
use super::convert;
use super::rest::Rest;
use super::sockets::{CandleSocket, STREAMS_MAX};
use crate::domain::candle::Candle;
use crate::domain::instrument::Instrument;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::{Timeframe, Timestamp};
use crate::exchange::Answer;
use crate::exchange::error::ExchangeError;
use crate::exchange::line::Line;
use crate::exchange::market_data::{CandleQuery, MarketData, MarketEvent, Series, Ticker};
use crate::exchange::socket::SocketProtocol;

/// The market of USDⓈ-M futures.
pub struct BinanceMarket {
    rest: Rest,
    socket_url: String,
}

impl BinanceMarket {
    /// `line` is one without an account; `socket_url` has no path, such as `wss://fstream.binance.com`.
    pub fn new(line: Line, socket_url: impl Into<String>) -> Self {
        Self { rest: Rest::new(line, None), socket_url: socket_url.into() }
    }

    async fn page(&self, query: &CandleQuery) -> Result<Vec<Candle>, ExchangeError> {
        let CandleQuery { symbol, timeframe, from, until } = query;
        let length = timeframe.duration();
        let page = length.times(i64::try_from(KLINES_MAX).unwrap_or(i64::MAX));
        // Of a longer span it is not told which end is cut off.
        let until = (*until).min(from.plus(page));
        let bars = until.since(*from).ms().div_euclid(length.ms().max(1)).saturating_add(1);
        let limit = usize::try_from(bars).unwrap_or(0).clamp(1, KLINES_MAX);
        let call = calls::klines(symbol, *timeframe, limit, Some((*from, until)));
        let klines: Vec<KlineAnswer> = self.rest.ask(call).await?;
        let now = self.rest.line().clock().now();
        let closed = klines.iter().filter_map(|kline| convert::closed_candle(kline, *timeframe, now));
        Ok(closed.collect::<Result<_, _>>()?)
    }
}

/// Leaves out what is nobody's here.
fn ours<A, T>(
    answers: &[A],
    convert: impl Fn(&A) -> Result<Option<T>, Unreadable>,
) -> Result<Vec<T>, ExchangeError> {
    Ok(answers.iter().filter_map(|answer| convert(answer).transpose()).collect::<Result<_, _>>()?)
}

impl MarketData for BinanceMarket {
    fn kind(&self) -> ExchangeKind {
        ExchangeKind::Binance
    }

    fn server_time(&self) -> Answer<'_, Timestamp> {
        Box::pin(async move { Ok(self.rest.sync_clock().await?) })
    }

    fn instruments(&self) -> Answer<'_, Vec<Instrument>> {
        Box::pin(async move {
            let info: ExchangeInfoAnswer = self.rest.ask(calls::exchange_info()).await?;
            self.rest.line().governor().set_limits(convert::limits(&info.rate_limits));
            ours(&info.symbols, convert::instrument)
        })
    }

    fn tickers(&self) -> Answer<'_, Vec<Ticker>> {
        Box::pin(async move {
            let tickers: Vec<TickerAnswer> = self.rest.ask(calls::tickers(None)).await?;
            ours(&tickers, convert::ticker)
        })
    }

    fn timeframes(&self) -> &'static [Timeframe] {
        &Timeframe::ALL
    }

    fn streams(&self, timeframe: Timeframe) -> bool {
        self.timeframes().contains(&timeframe)
    }

    fn candles<'a>(&'a self, query: &'a CandleQuery) -> Answer<'a, Vec<Candle>> {
        Box::pin(self.page(query))
    }

    fn page_len(&self) -> usize {
        KLINES_MAX
    }

    fn sockets(&self, series: &BTreeSet<Series>) -> Vec<Box<dyn SocketProtocol<Event = MarketEvent>>> {
        let series: Vec<Series> = series.iter().cloned().collect();
        let socket = |part: &[Series]| -> Box<dyn SocketProtocol<Event = MarketEvent>> {
            Box::new(CandleSocket::new(&self.socket_url, part))
        };
        series.chunks(STREAMS_MAX).map(socket).collect()
    }
}
