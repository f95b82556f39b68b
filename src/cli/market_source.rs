//! Where candles come from: the files of a tape, or the synthetic market.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use super::{CliError, Context, stored_candles};
use crate::domain::candle::Candle;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::Price;
use crate::domain::time::{Timeframe, Timestamp};
use crate::market::feed::Feed;
use crate::market::instruments::derive_instrument;
use crate::market::series::SeriesName;
use crate::market::synthetic::{SyntheticConfig, SyntheticError, SyntheticMarket, SyntheticSymbol};
use crate::market::tape::{Tape, TapeError, TapeFile, TapeOptions};

/// The synthetic market begins here: 2026-01-01T00:00:00Z.
const SYNTHETIC_START: Timestamp = Timestamp::from_ms(1_767_225_600_000);
/// Findings of one series that are printed.
const FINDINGS_SHOWN: usize = 5;
/// Candles that trading rules are derived from.
pub(super) const RULE_CANDLES: usize = 1_000;

#[derive(Debug, Args)]
pub(super) struct MarketArgs {
    /// Candle file (CSV or .csv.gz: open_time_ms,open,high,low,close,volume); several make one tape
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "synthetic")]
    tape: Vec<PathBuf>,
    /// Play stored candles, such as BTCUSDT:1m or binance/BTCUSDT:1m; several make one tape
    #[arg(long, value_name = "SERIES", num_args = 1.., conflicts_with_all = ["tape", "synthetic"])]
    data: Vec<SeriesName>,
    /// Play the deterministic synthetic market instead of a tape
    #[arg(long)]
    synthetic: bool,
    /// Symbol of the tape, where the file name does not say it (EXCHANGE-SYMBOL-TIMEFRAME-...)
    #[arg(long, value_name = "SYMBOL", requires = "tape")]
    symbol: Option<Symbol>,
    /// Timeframe of the tape, where the file name does not say it
    #[arg(long, value_name = "TF", requires = "tape")]
    timeframe: Option<Timeframe>,
    /// Leave bad rows out instead of refusing the tape; they become gaps
    #[arg(long, requires = "tape")]
    skip_bad_rows: bool,
    /// Seed of the synthetic market
    #[arg(long, value_name = "N", default_value_t = 1, requires = "synthetic")]
    seed: u64,
}

/// A market, ready to be played.
pub(super) struct MarketSource {
    pub feed: Feed,
    pub instruments: BTreeMap<Symbol, Instrument>,
    /// For people: `tape of 2 files`, `synthetic market, seed 1`.
    pub name: String,
}

impl MarketArgs {
    /// Whether a market is named at all.
    pub(super) const fn is_given(&self) -> bool {
        self.synthetic || !self.tape.is_empty() || !self.data.is_empty()
    }

    /// Reads the tape or sets up the synthetic market; what is odd about a tape is told.
    pub(super) fn open(&self, context: &Context) -> Result<MarketSource, CliError> {
        if self.synthetic {
            return synthetic(self.seed, None);
        }
        let tape = self.tape(context)?;
        let files = self.tape.iter().map(|path| path.file_name().unwrap_or_default().to_string_lossy());
        let names = files.map(std::borrow::Cow::into_owned).chain(self.data.iter().map(ToString::to_string));
        let name = format!("tape {}", names.collect::<Vec<_>>().join(", "));
        Ok(MarketSource { feed: Feed::from_tape(&tape), instruments: instruments_of(&tape), name })
    }

    /// The seed of the synthetic market, if it is that.
    pub(super) fn synthetic_seed(&self) -> Option<u64> {
        self.synthetic.then_some(self.seed)
    }

    /// Reads the tape.
    pub(super) fn tape(&self, context: &Context) -> Result<Tape, CliError> {
        if !self.data.is_empty() {
            return stored_candles::tape(context, &self.data);
        }
        let files = self
            .tape
            .iter()
            .map(|path| TapeFile {
                path: path.clone(),
                symbol: self.symbol.clone(),
                timeframe: self.timeframe,
            })
            .collect();
        read_tape(files, self.skip_bad_rows, context)
    }
}

/// Reads candle files; what is odd about them is told.
pub(super) fn read_tape(
    files: Vec<TapeFile>,
    skip_bad_rows: bool,
    context: &Context,
) -> Result<Tape, CliError> {
    let tape = Tape::open(files, TapeOptions { skip_bad_rows }).map_err(|error| refused(&error))?;
    for series in tape.report() {
        context.out.note(format!("{series}"));
        for finding in series.findings.iter().take(FINDINGS_SHOWN) {
            context.out.note(format!("  {finding}"));
        }
        if let Some(more) = series.findings.len().checked_sub(FINDINGS_SHOWN + 1) {
            context.out.note(format!("  and {} more findings", more + 1));
        }
    }
    Ok(tape)
}

/// The rules of a tape's symbols, derived from their finest candles.
pub(super) fn instruments_of(tape: &Tape) -> BTreeMap<Symbol, Instrument> {
    let mut instruments = BTreeMap::new();
    for (symbol, timeframe) in tape.keys() {
        let candles = tape.candles(symbol, *timeframe).unwrap_or_default();
        let head = candles.get(..RULE_CANDLES).unwrap_or(&candles);
        if let (false, Some(rules)) = (instruments.contains_key(symbol), derive_instrument(symbol, head)) {
            instruments.insert(symbol.clone(), rules);
        }
    }
    instruments
}

fn refused(error: &TapeError) -> CliError {
    let refusal = CliError::usage(error.to_string());
    match error {
        TapeError::BadRows { .. } => refusal.hint(
            "`--skip-bad-rows` leaves bad rows out; where most are bad, look at the timeframe in the name and at the order",
        ),
        TapeError::UnknownSeries { .. } => refusal.hint("`--symbol` and `--timeframe` say what a file holds"),
        TapeError::NoFiles
        | TapeError::File(_)
        | TapeError::NothingLeft { .. }
        | TapeError::Conflict { .. }
        | TapeError::Unordered { .. } => refusal,
    }
}

/// The synthetic market with its default symbols; endless unless `steps` are given.
pub(super) fn synthetic(seed: u64, steps: Option<u64>) -> Result<MarketSource, CliError> {
    synthetic_of(SyntheticConfig { steps, ..SyntheticConfig::with_default_symbols(seed, SYNTHETIC_START) })
}

/// The synthetic market whose last price after `bars` is about the price that each symbol names.
pub(super) fn synthetic_around(
    seed: u64,
    symbols: Vec<SyntheticSymbol>,
    bars: usize,
) -> Result<MarketSource, CliError> {
    let default = SyntheticConfig::with_default_symbols(seed, SYNTHETIC_START);
    let mut config = SyntheticConfig { symbols, ..default };
    config.symbols.sort_by(|one, other| one.symbol.cmp(&other.symbol));
    let mut sample = SyntheticMarket::new(config.clone()).map_err(|error| unfit(&error))?;
    let mut last = Vec::new();
    for _ in 0..bars {
        last = sample.next_row().unwrap_or_default();
    }
    // A walk is a multiple of its start: another start gives the same walk elsewhere.
    for (symbol, candle) in config.symbols.iter_mut().zip(&last) {
        let wanted = symbol.price.decimal();
        let start = (wanted * wanted / candle.close.decimal()).round_dp(symbol.decimals);
        symbol.price = Price::try_new(start).unwrap_or(symbol.price);
    }
    synthetic_of(config)
}

fn unfit(error: &SyntheticError) -> CliError {
    CliError::usage(error.to_string())
}

fn synthetic_of(config: SyntheticConfig) -> Result<MarketSource, CliError> {
    let seed = config.seed;
    let mut sample = SyntheticMarket::new(config.clone()).map_err(|error| unfit(&error))?;
    let symbols: Vec<Symbol> = sample.symbols().cloned().collect();
    let mut history: Vec<Vec<Candle>> = vec![Vec::new(); symbols.len()];
    for _ in 0..RULE_CANDLES {
        let Some(row) = sample.next_row() else { break };
        for (candles, candle) in history.iter_mut().zip(row) {
            candles.push(candle);
        }
    }
    let instruments = symbols
        .into_iter()
        .zip(&history)
        .filter_map(|(symbol, candles)| Some((symbol.clone(), derive_instrument(&symbol, candles)?)))
        .collect();
    let market = SyntheticMarket::new(config).map_err(|error| unfit(&error))?;
    let name = format!("synthetic market, seed {seed}");
    Ok(MarketSource { feed: Feed::from_synthetic(market), instruments, name })
}
