//! What the exchange says of its market.

use std::collections::BTreeSet;

use super::calls::{self, CANDLES_MAX, CANDLES_SPAN, Window};
use super::endpoints::{CANDLES, HISTORY_CANDLES};
use super::fields::{self, BadField};
use super::market_rows;
use super::rest::Rest;
use super::sockets::MarketSocket;
use super::wire::{CandleRow, ContractRow, TickerRow, TimeRow};
use crate::domain::candle::Candle;
use crate::domain::instrument::Instrument;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::{DurationMs, Timeframe, Timestamp};
use crate::exchange::Answer;
use crate::exchange::error::ExchangeError;
use crate::exchange::line::Line;
use crate::exchange::market_data::{CandleQuery, MarketData, MarketEvent, Series, Ticker};
use crate::exchange::socket::SocketProtocol;

/// The younger candles are kept where the newest are: those of minutes for a month.
const RECENT: DurationMs = DurationMs::from_secs(25 * 86_400);

/// The USDT-margined perpetual contracts.
pub struct BitgetMarket {
    rest: Rest,
    socket_url: String,
}

impl BitgetMarket {
    /// `socket_url` is that of the sockets without a path, such as `wss://ws.bitget.com`.
    pub fn new(line: Line, socket_url: &str) -> Self {
        Self { rest: Rest::public(line), socket_url: socket_url.to_owned() }
    }

    async fn page(&self, query: &CandleQuery) -> Result<Vec<Candle>, ExchangeError> {
        let granularity = calls::granularity(query.timeframe).ok_or_else(|| ExchangeError::Refused {
            code: "no_such_candles".to_owned(),
            reason: format!("timeframe {} is none of this exchange's", query.timeframe),
        })?;
        let now = self.rest.line().clock().now();
        let length = query.timeframe.duration();
        let page = length.times(i64::try_from(CANDLES_MAX).unwrap_or(i64::MAX));
        let until = query.until.min(query.from.plus(page));
        let mut candles = Vec::new();
        for window in Window::parts(query.from, until, CANDLES_SPAN) {
            let is_recent = window.from > now.minus(RECENT);
            let endpoint = if is_recent { CANDLES } else { HISTORY_CANDLES };
            let call = calls::candles(endpoint, &query.symbol, granularity, window);
            let (rows, told_at): (Option<Vec<CandleRow>>, _) = self.rest.ask_timed(&call).await?;
            for row in rows.iter().flatten() {
                let candle = market_rows::candle(row)?;
                let is_closed = candle.close_time(query.timeframe) <= told_at;
                let is_wanted = candle.open_time >= window.from
                    && window.until.is_none_or(|until| candle.open_time < until);
                if is_closed && is_wanted {
                    candles.push(candle);
                }
            }
        }
        Ok(candles)
    }
}

impl MarketData for BitgetMarket {
    fn kind(&self) -> ExchangeKind {
        ExchangeKind::Bitget
    }

    fn server_time(&self) -> Answer<'_, Timestamp> {
        Box::pin(async {
            let row: TimeRow = self.rest.ask(&calls::time()).await?;
            Ok(fields::time("serverTime", &row.server_time)?)
        })
    }

    fn instruments(&self) -> Answer<'_, Vec<Instrument>> {
        Box::pin(async {
            let rows: Vec<ContractRow> = self.rest.ask(&calls::contracts()).await?;
            let instruments = rows.iter().filter_map(|row| market_rows::instrument(row).transpose());
            Ok(instruments.collect::<Result<_, BadField>>()?)
        })
    }

    fn tickers(&self) -> Answer<'_, Vec<Ticker>> {
        Box::pin(async {
            let rows: Vec<TickerRow> = self.rest.ask(&calls::tickers()).await?;
            let tickers = rows.iter().filter_map(|row| market_rows::ticker(row).transpose());
            Ok(tickers.collect::<Result<_, BadField>>()?)
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
        CANDLES_MAX
    }

    fn sockets(&self, series: &BTreeSet<Series>) -> Vec<Box<dyn SocketProtocol<Event = MarketEvent>>> {
        let sockets = MarketSocket::over(&self.socket_url, series);
        sockets
            .into_iter()
            .map(|socket| Box::new(socket) as Box<dyn SocketProtocol<Event = MarketEvent>>)
            .collect()
    }
}
