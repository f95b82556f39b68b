//! What it costs to load a year of 1 m candles from the candle store, checked, against reading the bytes of the file.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
#![expect(clippy::print_stdout, reason = "a benchmark speaks to a terminal")]

#[path = "rig/timing.rs"]
mod timing;

use std::hint::black_box;

use timing::{nanoseconds_each, paired};
use tradefleet::domain::candle::Candle;
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::kind::ExchangeKind;
use tradefleet::domain::time::{Timeframe, Timestamp};
use tradefleet::market::candle_store::CandleStore;
use tradefleet::market::merge::OnConflict;
use tradefleet::market::series::{ExchangeName, SeriesKey};
use tradefleet::market::synthetic::{SyntheticConfig, SyntheticMarket};

/// A year of 1 m candles.
const BARS: u32 = 525_600;
const ROUNDS: usize = 15;
const START: Timestamp = Timestamp::from_ms(1_767_225_600_000);

fn main() -> anyhow::Result<()> {
    let home = tempfile::tempdir()?;
    let store = CandleStore::in_home(home.path());
    let symbol = Symbol::try_new("BTCUSDT")?;
    let key = SeriesKey {
        exchange: ExchangeName::from(ExchangeKind::Binance),
        symbol: symbol.clone(),
        timeframe: Timeframe::M1,
    };
    store.add(&key, &candles(&symbol)?, OnConflict::Refuse)?;
    let path = store.list()?.into_iter().map(|stored| stored.path).next();
    let path = path.ok_or_else(|| anyhow::anyhow!("nothing is stored"))?;
    let bytes = std::fs::metadata(&path)?.len();
    let load = paired(
        ROUNDS,
        || {
            let mut loaded = Ok(None);
            let each = nanoseconds_each(1, || loaded = store.load(&key));
            black_box(loaded?);
            Ok(each / 1e6)
        },
        || {
            let mut read = Ok(Vec::new());
            let each = nanoseconds_each(1, || read = std::fs::read(&path));
            black_box(read?);
            Ok(each / 1e6)
        },
    )?;
    println!(
        "candle store, {BARS} candles in {:.1} MB: loaded and checked in {:.2} ms, {:.1} x reading the file ({:.2} ms)",
        f64::from(u32::try_from(bytes)?) / 1e6,
        load.subject,
        load.ratio(),
        load.baseline,
    );
    Ok(())
}

fn candles(symbol: &Symbol) -> anyhow::Result<Vec<Candle>> {
    let config =
        SyntheticConfig { steps: Some(u64::from(BARS)), ..SyntheticConfig::with_default_symbols(1, START) };
    let mut source = SyntheticMarket::new(config)?;
    let place = source.symbols().position(|known| known == symbol).unwrap_or(0);
    let mut candles = Vec::new();
    while let Some(row) = source.next_row() {
        candles.extend(row.get(place).copied());
    }
    Ok(candles)
}
