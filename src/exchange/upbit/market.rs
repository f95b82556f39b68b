//! What the exchange says of its market.

use std::collections::BTreeSet;

use super::calls::{self, CANDLES_MAX};
use super::convert::{self, QUOTE_ASSET, Unreadable};
use super::rest::Rest;
use super::sockets::MarketSocket;
use super::wire::{CandleRow, MarketRow, TickRow, TickerRow};
use crate::domain::candle::Candle;
use crate::domain::instrument::Instrument;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::{Timeframe, Timestamp};
use crate::exchange::Answer;
use crate::exchange::error::ExchangeError;
use crate::exchange::line::Line;
use crate::exchange::market_data::{CandleQuery, MarketData, MarketEvent, Series, Ticker};
use crate::exchange::socket::SocketProtocol;
use crate::exchange::wire::Lane;

/// Markets whose price steps are asked for at once: their names must fit a URL.
const MARKETS_MAX: usize = 100;

/// The KRW markets.
pub struct UpbitMarket {
    rest: Rest,
    /// `wss://` and the host.
    socket_url: String,
}

impl UpbitMarket {
    /// `socket_url` is that of the sockets without a path, such as `wss://api.upbit.com`.
    pub fn new(line: Line, socket_url: &str) -> Self {
        Self { rest: Rest::public(line), socket_url: socket_url.to_owned() }
    }

    async fn all_tickers(&self) -> Result<Vec<TickerRow>, ExchangeError> {
        self.rest.ask(&calls::tickers(QUOTE_ASSET)).await
    }

    async fn all_instruments(&self) -> Result<Vec<Instrument>, ExchangeError> {
        let mut markets: Vec<MarketRow> = self.rest.ask(&calls::markets()).await?;
        markets.retain(|row| convert::is_traded(&row.market));
        let mut instruments = Vec::with_capacity(markets.len());
        for chunk in markets.chunks(MARKETS_MAX) {
            let names: Vec<&str> = chunk.iter().map(|row| row.market.as_str()).collect();
            let ticks: Vec<TickRow> = self.rest.ask(&calls::ticks(&names.join(","), Lane::Reconcile)).await?;
            instruments.extend(convert::instruments(chunk, &ticks)?);
        }
        Ok(instruments)
    }

    /// The newest candles before the end of the page, of which those before its beginning are left out: where there
    /// are holes the exchange fills up with older ones.
    async fn page(&self, query: &CandleQuery) -> Result<Vec<Candle>, ExchangeError> {
        let length = query.timeframe.duration();
        let to = query.until.min(query.from.plus(length.times(i64::from(CANDLES_MAX))));
        let count = to.since(query.from).ms().div_euclid(length.ms().max(1));
        let count = u16::try_from(count).unwrap_or(0).min(CANDLES_MAX);
        if count == 0 {
            return Ok(Vec::new());
        }
        let call = calls::candles(query.symbol.as_str(), query.timeframe, count, to);
        let call = call.ok_or_else(|| ExchangeError::Refused {
            code: "no_such_candles".to_owned(),
            reason: format!("timeframe {} is none of this exchange's", query.timeframe),
        })?;
        // What closed while the answer was on its way is not closed in it.
        let asked_at = self.rest.line().clock().now();
        let rows: Vec<CandleRow> = self.rest.ask(&call).await?;
        let mut candles = Vec::with_capacity(rows.len());
        for row in rows.iter().rev() {
            let candle = convert::candle(row, query.timeframe)?;
            let is_closed = candle.close_time(query.timeframe) <= asked_at;
            if is_closed && (query.from..to).contains(&candle.open_time) {
                candles.push(candle);
            }
        }
        Ok(candles)
    }
}

impl MarketData for UpbitMarket {
    fn kind(&self) -> ExchangeKind {
        ExchangeKind::Upbit
    }

    /// There is no endpoint for it. Of two hundred markets one has just changed, and says when.
    fn server_time(&self) -> Answer<'_, Timestamp> {
        Box::pin(async {
            let clock = self.rest.line().clock();
            let sent_at = clock.local_now();
            let tickers = self.all_tickers().await?;
            let newest = tickers.iter().filter_map(|row| i64::try_from(row.timestamp.0).ok()).max();
            let newest = newest.ok_or_else(|| Unreadable("no ticker tells the time".to_owned()))?;
            let server_time = Timestamp::from_ms(newest);
            clock.learn(sent_at, clock.local_now(), server_time);
            Ok(server_time)
        })
    }

    fn instruments(&self) -> Answer<'_, Vec<Instrument>> {
        Box::pin(self.all_instruments())
    }

    fn tickers(&self) -> Answer<'_, Vec<Ticker>> {
        Box::pin(async {
            let rows = self.all_tickers().await?;
            let tickers = rows.iter().filter_map(|row| convert::ticker(row).transpose());
            Ok(tickers.collect::<Result<_, _>>()?)
        })
    }

    fn timeframes(&self) -> &'static [Timeframe] {
        self.kind().timeframes()
    }

    /// Days are not.
    fn streams(&self, timeframe: Timeframe) -> bool {
        calls::minutes(timeframe).is_some()
    }

    fn candles<'a>(&'a self, query: &'a CandleQuery) -> Answer<'a, Vec<Candle>> {
        Box::pin(self.page(query))
    }

    fn page_len(&self) -> usize {
        usize::from(CANDLES_MAX)
    }

    fn sockets(&self, series: &BTreeSet<Series>) -> Vec<Box<dyn SocketProtocol<Event = MarketEvent>>> {
        let sockets = MarketSocket::over(&self.socket_url, series);
        sockets
            .into_iter()
            .map(|socket| Box::new(socket) as Box<dyn SocketProtocol<Event = MarketEvent>>)
            .collect()
    }
}

impl From<Unreadable> for ExchangeError {
    fn from(error: Unreadable) -> Self {
        Self::Malformed { reason: error.0 }
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
        let body = r#"[
            {"candle_date_time_utc":"2023-11-14T22:13:00","opening_price":1,"high_price":1,"low_price":1,"trade_price":1,
             "candle_acc_trade_volume":5},
            {"candle_date_time_utc":"2023-11-14T22:12:00","opening_price":1,"high_price":1,"low_price":1,"trade_price":1,
             "candle_acc_trade_volume":5}]"#;
        let server = LoopbackServer::start(vec![Reply::text(200, "", body)]).await;
        let http = HttpClient::new(&Egress::Direct, &server.url(), DurationMs::from_secs(5)).unwrap();
        let time: Arc<dyn Sleep> = PassingTime::from(NOW - 60_000);
        let governor = Governor::new(
            ExchangeKind::Upbit,
            "direct",
            crate::exchange::upbit::rest::limits(),
            Arc::clone(&time),
        );
        let line =
            |time| Line::new(http.clone(), Arc::clone(&governor), Arc::new(ServerClock::new(time)), None);
        // It is half a second before the minute ends, and later with each look at the clock.
        let market = UpbitMarket::new(line(PassingTime::from(NOW - 500)), "ws://127.0.0.1:9");
        let query = CandleQuery {
            symbol: "KRW-BTC".parse().unwrap(),
            timeframe: Timeframe::M1,
            from: Timestamp::from_ms(NOW - 120_000),
            until: Timestamp::from_ms(NOW),
        };
        let candles = patiently(market.candles(&query)).await.unwrap();
        let opened: Vec<i64> = candles.iter().map(|candle| candle.open_time.ms()).collect();
        assert_eq!(opened, [NOW - 120_000]);
    }
}
