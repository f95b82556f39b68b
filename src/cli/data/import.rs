//! `data import`: candle files of any origin into the candle store, all of them or none.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::{CliError, Context, figures, progress, when};
use crate::domain::instrument::Symbol;
use crate::domain::kind::ExchangeKind;
use crate::domain::time::Timeframe;
use crate::market::candle_file::{CandleFile, read_candles, timeframe_of};
use crate::market::candle_store::{Addition, CandleStore};
use crate::market::merge::OnConflict;
use crate::market::series::{ExchangeName, SeriesKey};
use crate::market::tape::timeframes;
use crate::market::tape_name::TapeName;

/// Findings that are printed of one file; `--json` has more.
const FINDINGS_SHOWN: usize = 5;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// CSV (plain, gzip or zip; Binance's public archive too) or freqtrade's feather files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the candles come from: binance, bitget, upbit, or another short name such as binance-spot [default: what
    /// the file's name says, else upbit for KRW-..., else binance]
    #[arg(long, value_name = "NAME")]
    exchange: Option<ExchangeName>,
    /// Symbol, whatever the file's name says
    #[arg(long, value_name = "SYMBOL")]
    symbol: Option<Symbol>,
    /// Length of the candles, whatever the file's name and its times say
    #[arg(long, value_name = "TF")]
    timeframe: Option<Timeframe>,
    /// What to do where a candle is stored with other numbers
    #[arg(long, value_enum, default_value_t = ConflictChoice::Refuse)]
    on_conflict: ConflictChoice,
    /// Leave bad rows out instead of importing nothing; they become gaps
    #[arg(long)]
    skip_bad_rows: bool,
    /// Say what would be imported, and import nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ConflictChoice {
    /// Import nothing
    Refuse,
    /// The stored candle stays
    Keep,
    /// The new candle counts
    Replace,
}

impl From<ConflictChoice> for OnConflict {
    fn from(choice: ConflictChoice) -> Self {
        match choice {
            ConflictChoice::Refuse => Self::Refuse,
            ConflictChoice::Keep => Self::Keep,
            ConflictChoice::Replace => Self::Replace,
        }
    }
}

/// A file and what is in it.
struct Read {
    path: PathBuf,
    key: SeriesKey,
    file: CandleFile,
}

pub(super) fn run(args: &ImportArgs, context: &Context) -> Result<(), CliError> {
    let read = read_all(args, context)?;
    let bad_rows: u64 = read.iter().map(|read| read.file.bad_rows).sum();
    if bad_rows > 0 && !args.skip_bad_rows {
        report(args, context, &read, &[])?;
        let what = format!("rows that are no candles: {bad_rows}; nothing is imported");
        return Err(CliError::usage(what).hint(hint_of(&read)));
    }
    if let Some(empty) = read.iter().find(|read| read.file.candles.is_empty()) {
        return Err(CliError::usage(format!("none of the rows of {} is a candle", empty.path.display())));
    }
    let store = CandleStore::in_home(context.home());
    let writer = store.writer()?;
    let mut plan = writer.plan();
    let mut additions: Vec<Addition> = Vec::new();
    for Read { key, file, .. } in &read {
        let addition = plan.add(key, &file.candles, args.on_conflict.into())?;
        match additions.iter_mut().find(|known| known.key == addition.key) {
            Some(known) => known.then(addition),
            None => additions.push(addition),
        }
    }
    if !args.dry_run {
        plan.commit()?;
    }
    report(args, context, &read, &additions)
}

/// Where most rows are wrong, leaving them out would leave nothing of use.
fn hint_of(read: &[Read]) -> &'static str {
    let is_mostly_bad = |read: &Read| read.file.bad_rows > read.file.candles.len() as u64;
    if read.iter().any(is_mostly_bad) {
        "most rows of a file: is the timeframe right (its name, `--timeframe`), and is the oldest candle first?"
    } else {
        "`--skip-bad-rows` leaves them out"
    }
}

fn read_all(args: &ImportArgs, context: &Context) -> Result<Vec<Read>, CliError> {
    let bar = progress::sized_bar_of(context.out);
    bar.set_length(args.files.len() as u64);
    let mut read = Vec::new();
    for path in &args.files {
        bar.set_message(path.display().to_string());
        let key = key(args, path)?;
        let file = read_candles(path, key.timeframe)?;
        read.push(Read { path: path.clone(), key, file });
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(read)
}

/// Flags count more than the file's name; the times of its rows say what neither does.
fn key(args: &ImportArgs, path: &Path) -> Result<SeriesKey, CliError> {
    if !path.exists() {
        return Err(CliError::usage(format!("{}: there is no such file", path.display())));
    }
    let named = path.file_name().and_then(|name| name.to_str()).and_then(TapeName::series);
    let symbol = args.symbol.clone().or_else(|| named.as_ref().map(|named| named.symbol.clone()));
    let symbol = symbol.ok_or_else(|| {
        CliError::usage(format!(
            "the name of {} tells no symbol: expected SYMBOL-TF.csv or another known form, TF one of {}",
            path.display(),
            timeframes()
        ))
        .hint("`--symbol` and `--timeframe` say it")
    })?;
    let timeframe = match args.timeframe.or_else(|| named.as_ref().map(|named| named.timeframe)) {
        Some(timeframe) => timeframe,
        None => timeframe_of(path)?.ok_or_else(|| {
            let what = format!("neither the name nor the times of {} tell a timeframe", path.display());
            CliError::usage(what).hint("`--timeframe` says it")
        })?,
    };
    let by_symbol = || {
        let kind = if symbol.quote_asset() == "KRW" { ExchangeKind::Upbit } else { ExchangeKind::Binance };
        ExchangeName::from(kind)
    };
    let exchange = args.exchange.clone().or_else(|| named.and_then(|named| named.exchange));
    Ok(SeriesKey { exchange: exchange.unwrap_or_else(by_symbol), symbol, timeframe })
}

fn report(
    args: &ImportArgs,
    context: &Context,
    read: &[Read],
    additions: &[Addition],
) -> Result<(), CliError> {
    let imported = !additions.is_empty() && !args.dry_run;
    if context.out.is_json() {
        let files: Vec<Value> = read.iter().map(file_document).collect();
        let series: Vec<Value> = additions.iter().map(|addition| series_document(args, addition)).collect();
        return context.out.json(&json!({ "imported": imported, "files": files, "series": series }));
    }
    read.iter().try_for_each(|read| print_file(context, read))?;
    for addition in additions {
        context.out.line(series_line(args, addition))?;
    }
    if args.dry_run {
        context.out.line("nothing is imported: --dry-run")?;
    }
    Ok(())
}

fn file_document(read: &Read) -> Value {
    let Read { path, key, file } = read;
    let findings = file.findings.iter().map(|finding| {
        json!({
            "line": finding.line,
            "severity": finding.severity.to_string(),
            "problem": finding.problem.to_string(),
        })
    });
    json!({
        "file": path,
        "series": key.to_string(),
        "candles": file.candles.len(),
        "bad_rows": file.bad_rows,
        "gaps": file.gaps,
        "missing": file.missing_bars,
        "without_volume": file.without_volume,
        "first_without_volume_line": file.first_without_volume,
        "findings": findings.collect::<Vec<_>>(),
    })
}

fn series_document(args: &ImportArgs, addition: &Addition) -> Value {
    let conflicts = addition.report.first_conflicts.iter().map(ToString::to_string);
    json!({
        "series": addition.key.to_string(),
        "added": addition.report.added,
        "known": addition.report.equal,
        "conflicts": addition.report.conflicts,
        "first_conflicts": conflicts.collect::<Vec<_>>(),
        "on_conflict": conflict_word(args.on_conflict),
        "candles": addition.rows,
        "first": addition.first,
        "last": addition.last,
    })
}

const fn conflict_word(choice: ConflictChoice) -> &'static str {
    match choice {
        ConflictChoice::Refuse => "refused",
        ConflictChoice::Keep => "kept",
        ConflictChoice::Replace => "replaced",
    }
}

fn print_file(context: &Context, Read { path, key, file }: &Read) -> Result<(), CliError> {
    let mut sum =
        format!("{}: {key}, {}", path.display(), figures::counted(file.candles.len() as u64, "candle"));
    if file.gaps > 0 {
        sum = format!("{sum}, {} ({} missing)", figures::counted(file.gaps, "gap"), file.missing_bars);
    }
    if let Some(line) = file.first_without_volume {
        sum = format!("{sum}, {} without volume (first on line {line})", file.without_volume);
    }
    if file.bad_rows > 0 {
        sum = format!("{sum}, bad rows: {}", file.bad_rows);
    }
    context.out.line(sum)?;
    for finding in file.findings.iter().take(FINDINGS_SHOWN) {
        context.out.line(format!("  line {}: {}: {}", finding.line, finding.severity, finding.problem))?;
    }
    let hidden = file.findings.len().saturating_sub(FINDINGS_SHOWN);
    if hidden > 0 {
        context.out.line(format!("  and {} in --json", figures::counted(hidden as u64, "more finding")))?;
    }
    Ok(())
}

fn series_line(args: &ImportArgs, addition: &Addition) -> String {
    let Addition { key, report, rows, first, last } = addition;
    let mut line = format!("{key}: {} added, {} known", report.added, report.equal);
    if report.conflicts > 0 {
        let word = conflict_word(args.on_conflict);
        line = format!("{line}, {} with other numbers {word}", report.conflicts);
    }
    format!("{line}; now {rows} candles from {} to {}", when::minute(*first), when::minute(*last))
}
