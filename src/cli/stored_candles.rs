//! Candles of the store for commands that play them.

use std::collections::{BTreeMap, BTreeSet};

use super::{CliError, Context, Exit};
use crate::domain::instrument::Symbol;
use crate::domain::time::Timeframe;
use crate::market::candle_store::{CandleStore, CandleStoreError};
use crate::market::columns::Columns;
use crate::market::series::{ExchangeName, SeriesKey, SeriesName};
use crate::market::tape::Tape;

/// The series of these names as a tape.
pub(super) fn tape(context: &Context, names: &[SeriesName]) -> Result<Tape, CliError> {
    let mut all = BTreeMap::new();
    for name in names {
        let key = CandleStore::in_home(context.home()).find(name)?;
        let columns = load(context, &key)?;
        let candles = columns.candles(0, columns.len()).collect();
        if all.insert((key.symbol.clone(), key.timeframe), candles).is_some() {
            let what = format!("{} {} is named twice", key.symbol, key.timeframe);
            return Err(CliError::usage(what).hint("a tape holds a symbol of one exchange"));
        }
    }
    Tape::from_candles(all).map_err(|error| CliError::usage(error.to_string()))
}

pub(super) fn load(context: &Context, key: &SeriesKey) -> Result<Columns, CliError> {
    let columns = CandleStore::in_home(context.home()).load(key)?;
    columns.ok_or_else(|| {
        let SeriesKey { exchange, symbol, timeframe } = key.clone();
        let name = SeriesName { exchange: Some(exchange), symbol, timeframe };
        CandleStoreError::NotFound { name, near: Vec::new() }.into()
    })
}

/// What the store has of each symbol: one exchange, and the timeframes there, shortest first.
pub(super) struct Offer {
    pub(super) exchange: ExchangeName,
    pub(super) timeframes: BTreeSet<Timeframe>,
}

/// What is stored of `symbol`, of `exchange` where that is given; else of the one exchange that has any.
pub(super) fn offer(
    context: &Context,
    symbol: &Symbol,
    exchange: Option<&ExchangeName>,
) -> Result<Offer, CliError> {
    let keys = CandleStore::in_home(context.home()).keys()?;
    let of_symbol: Vec<&SeriesKey> = keys.iter().filter(|key| key.symbol == *symbol).collect();
    let found: Vec<&SeriesKey> = of_symbol
        .iter()
        .copied()
        .filter(|key| exchange.is_none_or(|exchange| *exchange == key.exchange))
        .collect();
    let exchanges: BTreeSet<&ExchangeName> = found.iter().map(|key| &key.exchange).collect();
    let listed = |names: &BTreeSet<&ExchangeName>| {
        names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let mut names = exchanges.iter();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(Offer {
            exchange: (*only).clone(),
            timeframes: found.iter().map(|key| key.timeframe).collect(),
        }),
        (Some(_), Some(_)) => {
            let what = format!("candles of {symbol} are stored of {}", listed(&exchanges));
            Err(CliError::usage(what).hint("`--exchange` says which"))
        }
        (None, _) => {
            let elsewhere: BTreeSet<&ExchangeName> = of_symbol.iter().map(|key| &key.exchange).collect();
            let what = match exchange {
                Some(exchange) if !elsewhere.is_empty() => {
                    format!("no candles of {symbol} are stored of {exchange}, but of {}", listed(&elsewhere))
                }
                Some(_) | None => format!("no candles of {symbol} are stored"),
            };
            Err(CliError::new(Exit::NotFound, what).hint(
                "`data list` shows what is stored; `data download` and `data import` add to it, and `--tape FILE` \
                 plays a file",
            ))
        }
    }
}
