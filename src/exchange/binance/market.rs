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
        // What closed while the answer was on its way is not closed in it.
        let asked_at = self.rest.line().clock().now();
        let klines: Vec<KlineAnswer> = self.rest.ask(call).await?;
        let closed = klines.iter().filter_map(|kline| convert::closed_candle(kline, *timeframe, asked_at));
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
        self.kind().timeframes()
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::time::DurationMs;
    use crate::exchange::Sleep;
    use crate::exchange::egress::Egress;
    use crate::exchange::governor::Governor;
    use crate::exchange::http::HttpClient;
    use crate::exchange::server_clock::ServerClock;
    use crate::exchange::testing::{LoopbackServer, PassingTime, Reply, patiently};

    #[tokio::test]
    async fn a_candle_that_closes_while_it_is_asked_for_is_not_closed() {
        const NOW: i64 = 1_700_000_040_000;
        let body = r#"[[1699999920000,"1","1","1","1","5"],[1699999980000,"1","1","1","1","5"]]"#;
        let server = LoopbackServer::start(vec![Reply::text(200, "", body)]).await;
        let http = HttpClient::new(&Egress::Direct, &server.url(), DurationMs::from_secs(5)).unwrap();
        let time: Arc<dyn Sleep> = PassingTime::from(NOW - 60_000);
        let governor = Governor::new(ExchangeKind::Binance, "direct", calls::LIMITS, Arc::clone(&time));
        let line =
            |time| Line::new(http.clone(), Arc::clone(&governor), Arc::new(ServerClock::new(time)), None);
        // It is half a second before the minute ends, and later with each look at the clock.
        let market = BinanceMarket::new(line(PassingTime::from(NOW - 500)), "ws://127.0.0.1:9");
        let query = CandleQuery {
            symbol: "BTCUSDT".parse().unwrap(),
            timeframe: Timeframe::M1,
            from: Timestamp::from_ms(NOW - 120_000),
            until: Timestamp::from_ms(NOW),
        };
        let candles = patiently(market.candles(&query)).await.unwrap();
        let opened: Vec<i64> = candles.iter().map(|candle| candle.open_time.ms()).collect();
        assert_eq!(opened, [NOW - 120_000]);
    }
}
