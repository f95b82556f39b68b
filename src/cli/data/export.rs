//! `data export`: a stored series into a file that other programs read.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::{CliError, Context, when};
use crate::market::candle_export::{ExportFormat, export};
use crate::market::candle_store::{CandleStore, CandleStoreError};
use crate::market::series::SeriesName;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// SYMBOL:TIMEFRAME, or EXCHANGE/SYMBOL:TIMEFRAME
    series: SeriesName,
    /// What it is written as, its name says: .csv, .csv.gz, .zip (as Binance's archive), or .feather (as
    /// freqtrade reads it)
    file: PathBuf,
    /// Candles from this time on
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Candles that close by this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &ExportArgs, context: &Context) -> Result<(), CliError> {
    let format = ExportFormat::of(&args.file)?;
    if args.file.exists() && !args.force {
        let what = format!("{} is there already", args.file.display());
        return Err(CliError::refused(what).hint("`--force` replaces it"));
    }
    let store = CandleStore::in_home(context.home());
    let key = store.find(&args.series)?;
    let columns = store.load(&key)?.ok_or_else(|| {
        CliError::from(CandleStoreError::NotFound { name: args.series.clone(), near: Vec::new() })
    })?;
    let (from, to) = when::period(args.from.as_deref(), args.to.as_deref(), context.now())?;
    let first = from.map_or(0, |from| columns.opened_before(from));
    let end = to.map_or(columns.len(), |to| columns.closed_by(to));
    if first >= end {
        return Err(CliError::usage(format!("no candle of {key} is in this span"))
            .hint("`data list` shows the spans"));
    }
    let columns = columns.slice(first, end);
    export(&columns, &args.file, format)?;
    if context.out.is_json() {
        let document = json!({ "series": key.to_string(), "file": args.file, "candles": columns.len() });
        return context.out.json(&document);
    }
    context.out.line(format!("{}: {} candles of {key}", args.file.display(), columns.len()))
}
