//! `data download` into the candle store: only what is missing there is asked for, and what has come is kept now and
//! then, so that a download that is interrupted goes on.

use super::download::{Downloaded, Period, Source};
use crate::cli::CliError;
use crate::domain::candle::Candle;
use crate::domain::instrument::Symbol;
use crate::domain::time::{Timeframe, Timestamp};
use crate::market::candle_store::{CandleStore, CandleStoreError};
use crate::market::coverage::Coverage;
use crate::market::merge::OnConflict;
use crate::market::series::{ExchangeName, SeriesKey};

/// Candles that come before they are stored: to store some costs as much as the whole series.
const KEPT_EVERY: usize = 50_000;

impl Source {
    /// One series; what is stored of it already is not asked for again.
    pub(super) async fn stored_series(
        &self,
        store: &CandleStore,
        symbol: &Symbol,
        timeframe: Timeframe,
        period: Period,
    ) -> Result<Downloaded, CliError> {
        let exchange = ExchangeName::from(self.data.kind());
        let key = SeriesKey { exchange, symbol: symbol.clone(), timeframe };
        let known = coverage(store, &key, period)?;
        let missing = known.missing_spans(timeframe, period);
        for span in &missing {
            let mut waiting = Vec::new();
            let fetched = self.pages(symbol, timeframe, period, *span, |found| {
                waiting.extend(found);
                if waiting.len() >= KEPT_EVERY { keep(store, &key, &mut waiting) } else { Ok(()) }
            });
            // Also what came before it was given up.
            let fetched = fetched.await;
            keep(store, &key, &mut waiting)?;
            fetched?;
        }
        let coverage = coverage(store, &key, period)?;
        if coverage.candles == 0 {
            return Err(self.has_none(symbol, timeframe, period));
        }
        Ok(Downloaded {
            file: store.path(&key),
            symbol: key.symbol,
            timeframe,
            from: period.0,
            until: period.1,
            was_complete: missing.is_empty(),
            coverage,
            bad_rows: 0,
        })
    }
}

fn coverage(store: &CandleStore, key: &SeriesKey, (from, until): Period) -> Result<Coverage, CliError> {
    let columns = store.load(key)?;
    let times = columns.map(|columns| {
        let (first, end) = (columns.opened_before(from), columns.opened_before(until));
        columns.open_times.get(first..end).unwrap_or_default().to_vec()
    });
    let times = times.unwrap_or_default().into_iter().map(Timestamp::from_ms).collect::<Vec<_>>();
    Ok(Coverage::of_times(times.into_iter(), key.timeframe, (from, until)))
}

/// Stores what is waiting. The exchange's word on a candle that is stored otherwise is for a person to weigh.
fn keep(store: &CandleStore, key: &SeriesKey, waiting: &mut Vec<Candle>) -> Result<(), CliError> {
    if waiting.is_empty() {
        return Ok(());
    }
    let mut candles = std::mem::take(waiting);
    candles.sort_by_key(|candle| candle.open_time);
    candles.dedup_by_key(|candle| candle.open_time);
    match store.add(key, &candles, OnConflict::Refuse) {
        Ok(_) => Ok(()),
        Err(error @ CandleStoreError::Conflict { .. }) => Err(CliError::refused(error.to_string())),
        Err(error) => Err(error.into()),
    }
}
