//! The candles of a backtest: which series of a tape are traded, and their trading rules.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::BacktestArgs;
use crate::backtest::columns::Columns;
use crate::backtest::market::{Market, MarketError};
use crate::cli::market_source::{instruments_of, read_tape};
use crate::cli::{CliError, Context};
use crate::daemon::fleet::override_rules;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::time::Timeframe;
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
    let tape = tape(args, context)?;
    let symbols = symbols(args, &tape)?;
    let base = base_timeframe(args, &tape)?;
    let mut series = BTreeMap::new();
    for symbol in symbols {
        let Some(candles) = tape.candles(&symbol, base) else {
            return Err(CliError::usage(format!("the tape has no {base} candles of {symbol}")));
        };
        let columns = Columns::of(base, &candles).map_err(|source| {
            let error = MarketError::Columns { symbol: symbol.clone(), timeframe: base, source };
            CliError::usage(error.to_string())
        })?;
        series.insert(symbol, columns);
    }
    let market = Market::new(series).map_err(|error| CliError::usage(error.to_string()))?;
    let mut instruments = instruments_of(&tape);
    override_rules(&mut instruments, context.config()?);
    if args.exact {
        instruments.values_mut().for_each(free);
    }
    Ok(Source { market, instruments, timeframe: args.timeframe.unwrap_or(base) })
}

pub(super) fn tape(args: &BacktestArgs, context: &Context) -> Result<Tape, CliError> {
    read_tape(files(args), args.skip_bad_rows, context)
}

/// What a file's name does not tell is told by `--symbol` and `--timeframe`.
fn files(args: &BacktestArgs) -> Vec<TapeFile> {
    let file = |path: &std::path::PathBuf| {
        let named = path.file_name().and_then(|name| name.to_str()).and_then(TapeName::parse).is_some();
        let symbol = args.symbols.first().filter(|_| !named && args.symbols.len() == 1).cloned();
        let timeframe = args.detail_timeframe.or(args.timeframe).filter(|_| !named);
        TapeFile { path: path.clone(), symbol, timeframe }
    };
    args.tape.iter().map(file).collect()
}

fn symbols(args: &BacktestArgs, tape: &Tape) -> Result<Vec<Symbol>, CliError> {
    let mut known: Vec<Symbol> = tape.keys().map(|(symbol, _)| symbol.clone()).collect();
    known.dedup();
    if args.symbols.is_empty() {
        return Ok(known);
    }
    match args.symbols.iter().find(|symbol| !known.contains(symbol)) {
        Some(missing) => {
            let names: Vec<&str> = known.iter().map(Symbol::as_str).collect();
            Err(CliError::usage(format!("the tape has no {missing}; it has {}", names.join(", "))))
        }
        None => Ok(args.symbols.clone()),
    }
}

/// The bars that are stepped: the detail asked for, else the strategy's own, else the finest that they can be built of.
fn base_timeframe(args: &BacktestArgs, tape: &Tape) -> Result<Timeframe, CliError> {
    let mut known: Vec<Timeframe> = tape.keys().map(|(_, timeframe)| *timeframe).collect();
    known.sort();
    known.dedup();
    let listed = || known.iter().map(|timeframe| timeframe.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(detail) = args.detail_timeframe {
        if !known.contains(&detail) {
            return Err(CliError::usage(format!("the tape has no {detail} candles; it has {}", listed())));
        }
        if let Some(own) = args.timeframe.filter(|own| !own.is_multiple_of(detail)) {
            let text = format!("--detail-timeframe is {detail}; bars of {own} are not a whole number of it");
            return Err(CliError::usage(text));
        }
        return Ok(detail);
    }
    let Some(wanted) = args.timeframe else {
        return known.first().copied().ok_or_else(|| CliError::usage("the tape has no candles"));
    };
    if known.contains(&wanted) {
        return Ok(wanted);
    }
    known.iter().copied().find(|finer| *finer < wanted && wanted.is_multiple_of(*finer)).ok_or_else(|| {
        CliError::usage(format!("{wanted} bars cannot be built from the tape's candles: it has {}", listed()))
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
