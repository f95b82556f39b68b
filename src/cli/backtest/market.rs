//! The candles of a backtest: which series of a tape or of the candle store are traded, and their trading rules.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::BacktestArgs;
use crate::backtest::columns::Columns;
use crate::backtest::market::{Market, MarketError};
use crate::cli::market_source::{RULE_CANDLES, instruments_of, read_tape};
use crate::cli::{CliError, Context, figures, stored_candles};
use crate::daemon::fleet::override_rules;
use crate::domain::candle::Candle;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::time::Timeframe;
use crate::market::candle_file::timeframe_of;
use crate::market::candle_store::CandleStore;
use crate::market::instruments::derive_instrument;
use crate::market::series::SeriesKey;
use crate::market::tape::{Tape, TapeFile};
use crate::market::tape_name::TapeName;

/// Decimals that a price has more than its candles, with `--exact`.
const MORE_DECIMALS: u32 = 6;
const PRICE_DECIMALS: u32 = 12;
const QTY_DECIMALS: u32 = 8;

/// The market and the rules of its symbols.
pub(in crate::cli) struct Source {
    pub(in crate::cli) market: Market,
    pub(in crate::cli) instruments: BTreeMap<Symbol, Instrument>,
    /// Bars of strategies that name none.
    pub(in crate::cli) timeframe: Timeframe,
}

pub(in crate::cli) fn open(args: &BacktestArgs, context: &Context) -> Result<Source, CliError> {
    let series = if args.tape.is_empty() { stored(args, context)? } else { taped(args, context)? };
    let (base, mut instruments) = (series.timeframe, series.instruments);
    check_quotes(&series.columns)?;
    let market = Market::new(series.columns).map_err(|error| CliError::usage(error.to_string()))?;
    override_rules(&mut instruments, context.config()?);
    if args.exact {
        instruments.values_mut().for_each(free);
    }
    Ok(Source { market, instruments, timeframe: args.timeframe.unwrap_or(base) })
}

/// One capital is of one currency.
fn check_quotes(columns: &BTreeMap<Symbol, Columns>) -> Result<(), CliError> {
    let quotes: BTreeSet<&str> = columns.keys().map(Symbol::quote_asset).collect();
    if quotes.len() <= 1 {
        return Ok(());
    }
    let quotes: Vec<&str> = quotes.into_iter().collect();
    let what = format!("symbols that are paid for in {}: a backtest has one capital", quotes.join(" and "));
    Err(CliError::usage(what).hint("`--symbol` says which are traded"))
}

/// What is traded, as columns of one timeframe.
struct Series {
    timeframe: Timeframe,
    columns: BTreeMap<Symbol, Columns>,
    instruments: BTreeMap<Symbol, Instrument>,
}

fn taped(args: &BacktestArgs, context: &Context) -> Result<Series, CliError> {
    let tape = tape(args, context)?;
    let mut known: Vec<Symbol> = tape.keys().map(|(symbol, _)| symbol.clone()).collect();
    known.dedup();
    let symbols = symbols(args, "the tape", known)?;
    let base = base_timeframe(args, "the tape", &tape.keys().map(|(_, timeframe)| *timeframe).collect())?;
    let mut columns = BTreeMap::new();
    for symbol in symbols {
        let Some(candles) = tape.candles(&symbol, base) else {
            return Err(CliError::usage(format!("the tape has no {base} candles of {symbol}")));
        };
        let of = Columns::of(base, &candles).map_err(|source| {
            let error = MarketError::Columns { symbol: symbol.clone(), timeframe: base, source };
            CliError::usage(error.to_string())
        })?;
        columns.insert(symbol, of);
    }
    Ok(Series { timeframe: base, columns, instruments: instruments_of(&tape) })
}

fn stored(args: &BacktestArgs, context: &Context) -> Result<Series, CliError> {
    let keys = if args.data.is_empty() { offered(args, context)? } else { named(args, context)? };
    let timeframes: BTreeSet<Timeframe> = keys.iter().map(|key| key.timeframe).collect();
    let base = base_timeframe(args, "what is named", &timeframes)?;
    let mut columns = BTreeMap::new();
    for key in keys.into_iter().filter(|key| key.timeframe == base) {
        let of = stored_candles::load(context, &key)?;
        tell_gaps(context, &key, &of);
        if columns.insert(key.symbol.clone(), of).is_some() {
            let what = format!("{} is named of several exchanges", key.symbol);
            return Err(CliError::usage(what).hint("a backtest trades a symbol on one"));
        }
    }
    let instruments = columns.iter().filter_map(|(symbol, columns)| {
        let head: Vec<Candle> = columns.candles(0, RULE_CANDLES).collect();
        Some((symbol.clone(), derive_instrument(symbol, &head)?))
    });
    let instruments = instruments.collect();
    Ok(Series { timeframe: base, columns, instruments })
}

/// As those of a tape are told.
fn tell_gaps(context: &Context, key: &SeriesKey, columns: &Columns) {
    let (gaps, missing) = columns.gaps();
    if gaps > 0 {
        context.out.note(format!(
            "{key}: {} ({} missing)",
            figures::counted(gaps, "gap"),
            figures::counted(missing, "bar")
        ));
    }
}

/// The series of `--data`, or of them those of `--symbol`.
fn named(args: &BacktestArgs, context: &Context) -> Result<Vec<SeriesKey>, CliError> {
    let store = CandleStore::in_home(context.home());
    let keys = args.data.iter().map(|name| Ok(store.find(name)?)).collect::<Result<Vec<_>, CliError>>()?;
    let symbols = symbols(args, "--data", keys.iter().map(|key| key.symbol.clone()).collect())?;
    Ok(keys.into_iter().filter(|key| symbols.contains(&key.symbol)).collect())
}

/// The series that `--symbol` and `--timeframe` ask for: of each symbol the same timeframe.
fn offered(args: &BacktestArgs, context: &Context) -> Result<Vec<SeriesKey>, CliError> {
    if args.symbols.is_empty() {
        return Err(CliError::usage("a backtest needs candles")
            .hint("`--symbol BTCUSDT --timeframe 1h` takes stored ones (`data list`), `--tape FILE` those of a file"));
    }
    let mut offers = Vec::new();
    for symbol in &args.symbols {
        offers.push((symbol, stored_candles::offer(context, symbol, args.exchange.as_ref())?));
    }
    let common = offers.iter().map(|(_, offer)| offer.timeframes.clone());
    let common = common.reduce(|one, other| &one & &other).unwrap_or_default();
    if common.is_empty() {
        let all: Vec<String> = offers
            .iter()
            .map(|(symbol, offer)| {
                let timeframes: Vec<&str> = offer.timeframes.iter().map(|tf| tf.as_str()).collect();
                format!("{symbol} in {}", timeframes.join(" "))
            })
            .collect();
        return Err(CliError::usage(format!(
            "no length of candles is stored of all symbols: {}",
            all.join(", ")
        )));
    }
    let base = base_timeframe(args, "the candle store", &common)?;
    let keys = offers.into_iter().map(|(symbol, offer)| SeriesKey {
        exchange: offer.exchange,
        symbol: symbol.clone(),
        timeframe: base,
    });
    Ok(keys.collect())
}

/// The tape of `--tape` or `--data`.
pub(super) fn tape(args: &BacktestArgs, context: &Context) -> Result<Tape, CliError> {
    if args.tape.is_empty() {
        return stored_candles::tape(context, &args.data);
    }
    read_tape(files(args)?, args.skip_bad_rows, context)
}

/// What a file's name does not tell is told by `--symbol`, and by its times: `--timeframe` and `--detail-timeframe` say
/// what is wanted, not what a file holds.
fn files(args: &BacktestArgs) -> Result<Vec<TapeFile>, CliError> {
    let file = |path: &std::path::PathBuf| {
        let named = path.file_name().and_then(|name| name.to_str()).and_then(TapeName::parse).is_some();
        let symbol = args.symbols.first().filter(|_| !named && args.symbols.len() == 1).cloned();
        let timeframe = if named { None } else { timeframe_of(path)?.or(args.timeframe) };
        Ok(TapeFile { path: path.clone(), symbol, timeframe })
    };
    args.tape.iter().map(file).collect()
}

fn symbols(args: &BacktestArgs, of: &str, mut known: Vec<Symbol>) -> Result<Vec<Symbol>, CliError> {
    if args.symbols.is_empty() {
        known.sort();
        known.dedup();
        return Ok(known);
    }
    match args.symbols.iter().find(|symbol| !known.contains(symbol)) {
        Some(missing) => {
            let names: Vec<&str> = known.iter().map(Symbol::as_str).collect();
            Err(CliError::usage(format!("{of} has no {missing}; it has {}", names.join(", "))))
        }
        None => Ok(args.symbols.clone()),
    }
}

/// The bars that are stepped: the detail asked for, else the strategy's own, else the finest that they can be built of.
fn base_timeframe(args: &BacktestArgs, of: &str, known: &BTreeSet<Timeframe>) -> Result<Timeframe, CliError> {
    let listed = || known.iter().map(|timeframe| timeframe.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(detail) = args.detail_timeframe {
        if !known.contains(&detail) {
            return Err(CliError::usage(format!("{of} has no {detail} candles; it has {}", listed())));
        }
        if let Some(own) = args.timeframe.filter(|own| !own.is_multiple_of(detail)) {
            let text = format!("--detail-timeframe is {detail}; bars of {own} are not a whole number of it");
            return Err(CliError::usage(text));
        }
        return Ok(detail);
    }
    let Some(wanted) = args.timeframe else {
        return known.first().copied().ok_or_else(|| CliError::usage(format!("{of} has no candles")));
    };
    if known.contains(&wanted) {
        return Ok(wanted);
    }
    known.iter().copied().find(|finer| *finer < wanted && wanted.is_multiple_of(*finer)).ok_or_else(|| {
        CliError::usage(format!(
            "{wanted} bars cannot be built from the candles of {of}: it has {}",
            listed()
        ))
    })
}

/// Takes tick, step and minimums away.
fn free(rules: &mut Instrument) {
    let decimals = (rules.tick.decimal().scale() + MORE_DECIMALS).min(PRICE_DECIMALS);
    rules.tick = Price::try_new(Decimal::new(1, decimals)).unwrap_or(rules.tick);
    rules.step = Qty::try_new(Decimal::new(1, QTY_DECIMALS)).unwrap_or(rules.step);
    rules.min_qty = rules.step;
    rules.min_notional = Quote::ZERO;
}
