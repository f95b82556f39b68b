//! The candles that live signals begin with: what the candle store has of them, and the rest from the exchange.
//!
//! Stored candles may be of another time or place than the exchange that is connected (a rehearsal, a test network). So
//! the last of them is asked for again: where the exchange tells it otherwise, all of them are asked for.

use std::sync::Arc;

use super::live_market::insist;
use crate::domain::candle::Candle;
use crate::domain::time::Timestamp;
use crate::exchange::error::ExchangeError;
use crate::exchange::market_data::{CandlePages, CandleQuery, MarketData};
use crate::market::candle_store::CandleStore;
use crate::market::columns::Columns;
use crate::market::live_bars::Series;
use crate::market::series::{ExchangeName, SeriesKey};

/// What came back for one series, asked for at that time.
pub(super) type Fetched = (Series, Timestamp, Result<Vec<Candle>, ExchangeError>);

/// All candles of `series` that open from `from` on and close by `until`.
pub(super) async fn fetch(
    data: Arc<dyn MarketData>,
    candles: Option<CandleStore>,
    series: Series,
    (from, until): (Timestamp, Timestamp),
) -> Fetched {
    let stored = match candles {
        Some(candles) => {
            let exchange = ExchangeName::from(data.kind());
            let key = SeriesKey { exchange, symbol: series.0.clone(), timeframe: series.1 };
            tokio::task::spawn_blocking(move || stored(&candles, &key, from)).await.unwrap_or_default()
        }
        None => Vec::new(),
    };
    let answer = match stored.last() {
        Some(last) => match ask(data.as_ref(), &series, (last.open_time, until)).await {
            Ok(told) if told.first() == Some(last) => Ok(joined(stored, told)),
            Ok(_) => {
                tracing::warn!(
                    exchange = %data.kind(), symbol = %series.0, timeframe = %series.1,
                    "the stored candles are not this exchange's; they are left aside"
                );
                ask(data.as_ref(), &series, (from, until)).await
            }
            Err(error) => Err(error),
        },
        None => ask(data.as_ref(), &series, (from, until)).await,
    };
    (series, until, answer)
}

/// The last stored candle is the first that was told.
fn joined(mut stored: Vec<Candle>, told: Vec<Candle>) -> Vec<Candle> {
    stored.pop();
    stored.extend(told);
    stored
}

/// The stored candles from `from` on up to the first gap; none where the very first is missing.
fn stored(candles: &CandleStore, key: &SeriesKey, from: Timestamp) -> Vec<Candle> {
    match candles.load_since(key, from) {
        Ok(Some(columns)) => without_gap(&columns, from),
        Ok(None) => Vec::new(),
        Err(error) => {
            tracing::warn!(series = %key, %error, "the stored candles cannot be read; the exchange is asked");
            Vec::new()
        }
    }
}

fn without_gap(columns: &Columns, from: Timestamp) -> Vec<Candle> {
    let length = columns.timeframe.duration().ms();
    let expected = (0..).map(|bar| from.ms() + bar * length);
    let whole = columns.open_times.iter().zip(expected).take_while(|(time, expected)| **time == *expected);
    columns.candles(0, whole.count()).collect()
}

/// Page after page, until nothing is left before `until`.
async fn ask(
    data: &dyn MarketData,
    series: &Series,
    (from, until): (Timestamp, Timestamp),
) -> Result<Vec<Candle>, ExchangeError> {
    let (symbol, timeframe) = series.clone();
    let mut pages = CandlePages::new(CandleQuery { symbol, timeframe, from, until }, data.page_len());
    let mut candles = Vec::new();
    while let Some(query) = pages.next() {
        let found = insist(|| data.candles(query)).await?;
        pages.turn(&found);
        candles.extend(found);
    }
    Ok(candles)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ops::Range;
    use std::sync::Mutex;

    use rust_decimal::Decimal;

    use super::*;
    use crate::domain::instrument::{Instrument, Symbol};
    use crate::domain::kind::ExchangeKind;
    use crate::domain::money::Price;
    use crate::domain::time::Timeframe;
    use crate::exchange::Answer;
    use crate::exchange::market_data::{MarketEvent, Ticker};
    use crate::exchange::socket::SocketProtocol;
    use crate::market::merge::OnConflict;

    const PAGE: usize = 10;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_ms(minute * 60_000)
    }

    fn candles(minutes: Range<i64>, price: i64) -> Vec<Candle> {
        let price = |minute| Price::try_new(Decimal::new(price + minute, 1)).unwrap();
        minutes.map(|minute| Candle::try_new(at(minute), [price(minute); 4], Decimal::ONE).unwrap()).collect()
    }

    /// Has 100 candles, and notes from when on it was asked.
    #[derive(Default)]
    struct Told(Mutex<Vec<Timestamp>>);

    impl MarketData for Told {
        fn kind(&self) -> ExchangeKind {
            ExchangeKind::Binance
        }

        fn server_time(&self) -> Answer<'_, Timestamp> {
            Box::pin(async { Ok(at(100)) })
        }

        fn instruments(&self) -> Answer<'_, Vec<Instrument>> {
            Box::pin(async { Ok(Vec::new()) })
        }

        fn tickers(&self) -> Answer<'_, Vec<Ticker>> {
            Box::pin(async { Ok(Vec::new()) })
        }

        fn timeframes(&self) -> &'static [Timeframe] {
            &[Timeframe::M1]
        }

        fn streams(&self, _timeframe: Timeframe) -> bool {
            false
        }

        fn candles<'a>(&'a self, query: &'a CandleQuery) -> Answer<'a, Vec<Candle>> {
            self.0.lock().unwrap().push(query.from);
            let all = candles(0..100, 1_000).into_iter();
            let found = all.filter(|candle| candle.open_time >= query.from && candle.open_time < query.until);
            let found: Vec<_> = found.take(PAGE).collect();
            Box::pin(async { Ok(found) })
        }

        fn page_len(&self) -> usize {
            PAGE
        }

        fn sockets(&self, _series: &BTreeSet<Series>) -> Vec<Box<dyn SocketProtocol<Event = MarketEvent>>> {
            Vec::new()
        }
    }

    /// What comes of minutes 20 to 100 with these candles stored, and the times that were asked from.
    async fn warmed(parts: &[Vec<Candle>]) -> (Vec<Candle>, Vec<i64>) {
        let home = tempfile::tempdir().unwrap();
        let store = CandleStore::in_home(home.path());
        let symbol = Symbol::try_new("BTCUSDT").unwrap();
        let exchange = ExchangeName::from(ExchangeKind::Binance);
        let key = SeriesKey { exchange, symbol: symbol.clone(), timeframe: Timeframe::M1 };
        for part in parts {
            store.add(&key, part, OnConflict::Refuse).unwrap();
        }
        let data = Arc::new(Told::default());
        let series = (symbol, Timeframe::M1);
        let (_, _, found) = fetch(Arc::<Told>::clone(&data), Some(store), series, (at(20), at(100))).await;
        let asked = data.0.lock().unwrap().iter().map(|from| from.ms() / 60_000).collect();
        (found.unwrap(), asked)
    }

    #[tokio::test]
    async fn what_is_stored_is_not_asked_for_but_for_its_last_candle() {
        let whole = candles(20..100, 1_000);
        assert_eq!(warmed(&[candles(0..95, 1_000)]).await, (whole.clone(), vec![94]));
        // Behind a gap the exchange is asked, and for all where the first candle is not there.
        let torn = [candles(0..85, 1_000), candles(90..99, 1_000)];
        assert_eq!(warmed(&torn).await, (whole.clone(), vec![84, 94]));
        let late = warmed(&[candles(30..99, 1_000)]).await;
        assert_eq!((late.0, late.1.len()), (whole.clone(), 8));
        // Another market's candles are no history of this one.
        let foreign = warmed(&[candles(0..95, 7_000)]).await;
        assert_eq!((foreign.0, foreign.1.first()), (whole, Some(&94)));
        assert_eq!(foreign.1.len(), 9);
    }
}
