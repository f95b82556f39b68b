//! What is wrong with a backtest as it was typed, and what is odd about its results.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::BacktestArgs;
use crate::backtest::results::Results;
use crate::backtest::setup::{BotSetup, Setup};
use crate::cli::{CliError, Context};
use crate::control::Assignment;
use crate::domain::time::Timestamp;

/// Before anything is read: no file is written over that is read, and nothing is said twice.
pub(super) fn before(args: &BacktestArgs) -> Result<(), CliError> {
    once("--settings", &args.settings)?;
    once("--param", &args.params)?;
    let funding =
        args.funding_files.iter().map(|text| text.split_once('=').map_or(text.as_str(), |(_, path)| path));
    let read = args.tape.iter().map(PathBuf::as_path).chain(funding.map(Path::new));
    let mut taken: BTreeSet<PathBuf> = read.map(real).collect();
    let outputs = [
        ("--trades-csv", &args.trades_csv),
        ("--grid-fills-csv", &args.grid_fills_csv),
        ("--html", &args.html),
    ];
    for (option, path) in outputs {
        let Some(path) = path else { continue };
        if !taken.insert(real(path)) {
            let what = format!("{option} {}: that file is read, or another option writes it", path.display());
            return Err(CliError::usage(what).hint("name another file"));
        }
    }
    Ok(())
}

/// The file itself, whatever leads to it; of one that is not there yet, its place.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            folder.canonicalize().unwrap_or_else(|_| folder.to_owned()).join(name)
        }
        _ => path.to_owned(),
    })
}

fn once(option: &str, given: &[Assignment]) -> Result<(), CliError> {
    let mut seen = BTreeSet::new();
    match given.iter().find(|assignment| !seen.insert(&assignment.key)) {
        Some(twice) => Err(CliError::usage(format!("{option}: `{}` is given twice", twice.key))),
        None => Ok(()),
    }
}

/// What explains itself only to those who know: rates that never applied, and why nothing was traded.
pub(super) fn after(context: &Context, setup: &Setup, results: &Results) {
    tell_rates(context, setup, (Timestamp::from_ms(results.from_ms), Timestamp::from_ms(results.to_ms)));
    if !results.trades.is_empty() {
        return;
    }
    if results.skipped.contains_key("below_minimum") {
        let capital = format!("{} {}", results.capital, setup.paper.quote_asset);
        context.out.warn(format!("entries were too small for the symbol with {capital}: see `--capital`"));
    }
    for bot in &setup.bots {
        warn_of_history(context, bot, results);
    }
}

/// Funding rates of which none falls into the period.
pub(in crate::cli) fn tell_rates(context: &Context, setup: &Setup, (from, to): (Timestamp, Timestamp)) {
    for (symbol, rates) in &setup.funding.tables {
        if rates.range(from..=to).next().is_none() {
            let ends = rates.keys().next().zip(rates.keys().next_back());
            let held =
                ends.map(|(first, last)| format!("its file holds {first} to {last}")).unwrap_or_default();
            context.out.warn(format!("no funding rate of {symbol} falls into the period: {held}"));
        }
    }
}

/// A strategy that never had the bars that it needs.
fn warn_of_history(context: &Context, bot: &BotSetup, results: &Results) {
    let Some(spec) = bot.spec() else { return };
    let needed = spec.params.warmup_bars();
    let own = spec.timeframe.unwrap_or(results.timeframe).duration().ms();
    let length = results.timeframe.duration().ms();
    let bars = i64::try_from(results.bars).unwrap_or(i64::MAX).saturating_mul(length) / own;
    if bars < i64::from(needed) {
        context.out.warn(format!(
            "`{}` decides once it has seen {needed} of its bars; {bars} were traded on",
            bot.name
        ));
    }
}
