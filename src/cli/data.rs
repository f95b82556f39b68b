//! `data`: candles, downloaded from the exchanges or imported from files, in the candle store of the home.

mod check;
mod download;
mod export;
mod import;
mod list;
mod patience;
mod store_download;

use clap::{Args, Subcommand};

use super::{CliError, Context, when};
use crate::market::coverage::{Coverage, MissingSpan};

/// Spans of missing candles that are printed of one file.
const SPANS_SHOWN: usize = 3;

#[derive(Debug, Args)]
pub(super) struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    /// Download candles from an exchange, or go on where a download was interrupted
    Download(download::DownloadArgs),
    /// Import candle files: CSV, Binance's public archive, freqtrade's feather files
    Import(import::ImportArgs),
    /// List the stored series: spans, gaps, sizes
    List(list::ListArgs),
    /// Check stored series and candle files: damage, bad rows, missing candles
    Check(check::CheckArgs),
    /// Export a stored series as CSV or feather
    Export(export::ExportArgs),
}

pub(super) fn run(args: &DataArgs, context: &Context) -> Result<(), CliError> {
    match &args.command {
        DataCommand::Download(args) => download::run(args, context),
        DataCommand::Import(args) => import::run(args, context),
        DataCommand::List(args) => list::run(args, context),
        DataCommand::Check(args) => check::run(args, context),
        DataCommand::Export(args) => export::run(args, context),
    }
}

/// What is there and what is missing, for people: the first line is the sum.
fn describe(coverage: &Coverage) -> Vec<String> {
    let Coverage { candles, first, last, missing, before_first, after_last, gaps } = coverage;
    if *missing == 0 {
        return vec![format!("{candles} candles, none missing")];
    }
    let mut lines = vec![format!("{candles} candles, {missing} missing")];
    if *before_first > 0 {
        lines.push(format!("{before_first} before the first, {}", when::minute_opt(*first)));
    }
    for MissingSpan { from, until, bars } in gaps.iter().take(SPANS_SHOWN) {
        lines.push(format!("{bars} from {} until {}", when::minute(*from), when::minute(*until)));
    }
    if let Some(more) = gaps.len().checked_sub(SPANS_SHOWN).filter(|more| *more > 0) {
        let bars: u64 = gaps.iter().skip(SPANS_SHOWN).map(|span| span.bars).sum();
        lines.push(format!("{bars} in {more} more places"));
    }
    if *after_last > 0 {
        lines.push(format!("{after_last} after the last, {}", when::minute_opt(*last)));
    }
    lines
}
