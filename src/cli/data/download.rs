//! `data download`: candles of an exchange into the candle store, or into candle files, page by page.
//!
//! A candle file holds whole days, so that its name says all that is in it: what is there under its name is complete, what
//! is not there yet is in a part file, from which the next attempt goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::json;

use super::describe;
use super::patience::patiently;
use crate::cli::{CliError, Context, Exit, progress, runtime, when};
use crate::daemon::connections::{ConnectError, Connections};
use crate::domain::candle::Candle;
use crate::domain::instrument::Symbol;
use crate::domain::kind::ExchangeKind;
use crate::domain::spelling;
use crate::domain::time::{Timeframe, Timestamp};
use crate::exchange::Sleep;
use crate::exchange::error::ExchangeError;
use crate::exchange::market_data::{CandlePages, CandleQuery, MarketData};
use crate::market::candle_file::read_candles;
use crate::market::candle_store::CandleStore;
use crate::market::coverage::Coverage;
use crate::market::part_file::PartFile;
use crate::market::tape_name::TapeName;

#[derive(Debug, Args)]
pub(super) struct DownloadArgs {
    /// binance, bitget or upbit
    #[arg(long, value_parser = exchange)]
    exchange: ExchangeKind,
    /// Symbols, as the exchange writes them
    #[arg(long, value_name = "SYMBOL", num_args = 1.., required = true)]
    symbol: Vec<Symbol>,
    /// Lengths of candles
    #[arg(long, value_name = "TF", num_args = 1.., required = true)]
    timeframe: Vec<Timeframe>,
    /// First day (UTC), such as 2026-01-01
    #[arg(long, value_name = "DAY")]
    from: String,
    /// First day that is not wanted any more [default: today, which is not over]
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// Write candle files into this folder, created if absent, instead of the candle store
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The days that are wanted.
pub(super) type Period = (Timestamp, Timestamp);

/// What came of one series.
#[derive(Serialize)]
pub(super) struct Downloaded {
    pub(super) file: PathBuf,
    pub(super) symbol: Symbol,
    pub(super) timeframe: Timeframe,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// All of it was there before; nothing was asked for.
    pub(super) was_complete: bool,
    pub(super) coverage: Coverage,
    pub(super) bad_rows: u64,
}

pub(super) fn run(args: &DownloadArgs, context: &Context) -> Result<(), CliError> {
    let connections = Connections::keyless(&context.config()?.live);
    let downloaded = runtime::block_on(download(args, connections, context))??;
    if context.out.is_json() {
        return context.out.json(&json!({ "exchange": args.exchange, "files": downloaded }));
    }
    downloaded.iter().try_for_each(|series| print(context, series))
}

fn exchange(text: &str) -> Result<ExchangeKind, String> {
    let kind = ExchangeKind::from_word(text).filter(|kind| *kind != ExchangeKind::Paper);
    kind.ok_or_else(|| format!("`{text}` is no exchange with candles: binance, bitget or upbit"))
}

async fn download(
    args: &DownloadArgs,
    mut connections: Connections,
    context: &Context,
) -> Result<Vec<Downloaded>, CliError> {
    let unreachable = |error: ConnectError| CliError::usage(error.to_string());
    let offered = connections.market_data(args.exchange).map_err(unreachable)?.timeframes();
    check_timeframes(args, offered)?;
    connections.synchronise(&[args.exchange]).await;
    let period = period(args, connections.clock().now())?;
    let source = Source {
        data: connections.market_data(args.exchange).map_err(unreachable)?,
        sleep: connections.sleep(),
        bar: progress::sized_bar_of(context.out),
    };
    source.check_symbols(&args.symbol).await?;
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir).map_err(|error| CliError::file(dir, &error))?;
    }
    let store = CandleStore::in_home(context.home());
    let mut downloaded = Vec::new();
    for symbol in &args.symbol {
        for timeframe in &args.timeframe {
            downloaded.push(match &args.dir {
                Some(dir) => source.series(dir, symbol, *timeframe, period).await?,
                None => source.stored_series(&store, symbol, *timeframe, period).await?,
            });
        }
    }
    source.bar.finish_and_clear();
    Ok(downloaded)
}

fn check_timeframes(args: &DownloadArgs, offered: &[Timeframe]) -> Result<(), CliError> {
    let Some(missing) = args.timeframe.iter().find(|timeframe| !offered.contains(timeframe)) else {
        return Ok(());
    };
    let offered: Vec<_> = offered.iter().map(|timeframe| timeframe.as_str()).collect();
    let what = format!("--timeframe {missing}: {} has {}", args.exchange, offered.join(" "));
    Err(CliError::usage(what))
}

fn period(args: &DownloadArgs, now: Timestamp) -> Result<Period, CliError> {
    let today = Timeframe::D1.bar_start(now);
    let day = |flag: &str, text: &str| {
        when::parse_day(text).map_err(|error| CliError::usage(format!("{flag}: {error}")))
    };
    let from = day("--from", &args.from)?;
    let until = args.until.as_deref().map_or(Ok(today), |text| day("--until", text))?;
    let shown = when::day;
    if until > today {
        let what = format!("--until {} is after today, {}", shown(until), shown(today));
        return Err(CliError::usage(what).hint("a file holds days that are over"));
    }
    if from >= until {
        let what = format!("--from {} must be before --until {}", shown(from), shown(until));
        return Err(CliError::usage(what).hint("--until is the first day that is not wanted, today at most"));
    }
    if from < Timestamp::default() {
        return Err(CliError::usage(format!("--from {} must not be before 1970-01-01", shown(from))));
    }
    Ok((from, until))
}

/// Where the candles come from, and who hears how far it is.
pub(super) struct Source {
    pub(super) data: Arc<dyn MarketData>,
    sleep: Arc<dyn Sleep>,
    bar: ProgressBar,
}

impl Source {
    async fn check_symbols(&self, symbols: &[Symbol]) -> Result<(), CliError> {
        let on_wait = |error: &ExchangeError| self.bar.set_message(error.to_string());
        let listed = patiently(self.sleep.as_ref(), on_wait, || self.data.instruments()).await;
        let listed = listed.map_err(|error| self.given_up("which symbols there are", &error))?;
        let Some(missing) =
            symbols.iter().find(|symbol| !listed.iter().any(|rules| rules.symbol == **symbol))
        else {
            return Ok(());
        };
        let hint = spelling::hint(missing.as_str(), listed.iter().map(|rules| rules.symbol.as_str()));
        Err(CliError::usage(format!("--symbol {missing}: {} trades no such symbol{hint}", self.data.kind())))
    }

    /// One file, unless it is there.
    async fn series(
        &self,
        dir: &Path,
        symbol: &Symbol,
        timeframe: Timeframe,
        period: Period,
    ) -> Result<Downloaded, CliError> {
        let kind = self.data.kind();
        let name = TapeName::of_period(kind, symbol, timeframe, period);
        let file = dir.join(format!("{name}.csv.gz"));
        let was_complete = file.exists();
        if !was_complete {
            let part = dir.join(format!("{}.csv.part", TapeName::since(kind, symbol, timeframe, period.0)));
            let mut part = PartFile::open(&part, timeframe, period)?;
            self.fill(&mut part, symbol, timeframe, period).await?;
            if part.candles() == 0 {
                part.discard()?;
                return Err(self.has_none(symbol, timeframe, period));
            }
            part.finish(&file)?;
        }
        let read = read_candles(&file, timeframe).map_err(|error| CliError::usage(error.to_string()))?;
        Ok(Downloaded {
            file,
            symbol: symbol.clone(),
            timeframe,
            from: period.0,
            until: period.1,
            was_complete,
            coverage: Coverage::of(&read.candles, timeframe, period),
            bad_rows: read.bad_rows,
        })
    }

    pub(super) fn has_none(&self, symbol: &Symbol, timeframe: Timeframe, period: Period) -> CliError {
        let (kind, from, until) = (self.data.kind(), when::day(period.0), when::day(period.1));
        let what = format!("{kind} has no {timeframe} candles of {symbol} from {from} until {until}");
        CliError::new(Exit::NotFound, what)
    }

    async fn fill(
        &self,
        part: &mut PartFile,
        symbol: &Symbol,
        timeframe: Timeframe,
        (from, until): Period,
    ) -> Result<(), CliError> {
        let span = (part.next(), until);
        self.pages(symbol, timeframe, (from, until), span, |found| Ok(part.append(&found, timeframe)?)).await
    }

    /// Asks for all candles of `span`, which is part of `period`, and hands them on page by page.
    pub(super) async fn pages(
        &self,
        symbol: &Symbol,
        timeframe: Timeframe,
        period: Period,
        span: Period,
        mut take: impl FnMut(Vec<Candle>) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let bars = |until: Timestamp| until.since(period.0).ms() / timeframe.duration().ms();
        let query = CandleQuery { symbol: symbol.clone(), timeframe, from: span.0, until: span.1 };
        let mut pages = CandlePages::new(query, self.data.page_len());
        self.bar.set_length(bars(period.1).unsigned_abs());
        let on_wait = |error: &ExchangeError| self.bar.set_message(format!("{symbol} {timeframe}: {error}"));
        while let Some(query) = pages.next() {
            self.bar.set_position(bars(query.from).unsigned_abs());
            self.bar.set_message(format!("{symbol} {timeframe}, {}", when::day(query.from)));
            let found = patiently(self.sleep.as_ref(), on_wait, || self.data.candles(query)).await;
            let found = found.map_err(|error| {
                self.given_up(&format!("candles of {symbol} {timeframe} from {}", query.from), &error)
            })?;
            pages.turn(&found);
            take(found)?;
        }
        Ok(())
    }

    fn given_up(&self, what: &str, error: &ExchangeError) -> CliError {
        self.bar.finish_and_clear();
        CliError::new(Exit::NoExchange, format!("{} does not tell {what}: {error}", self.data.kind()))
            .hint("the same command goes on with what has come so far")
    }
}

fn print(context: &Context, series: &Downloaded) -> Result<(), CliError> {
    let mut lines = describe(&series.coverage);
    if series.bad_rows > 0 {
        lines.push(format!("{} rows that no tape takes: look at them with `data check`", series.bad_rows));
    }
    let mut lines = lines.into_iter();
    let sum = lines.next().unwrap_or_default();
    let word = if series.was_complete { "complete already, " } else { "" };
    context.out.line(format!("{}: {word}{sum}", series.file.display()))?;
    lines.try_for_each(|line| context.out.line(format!("  {line}")))
}
