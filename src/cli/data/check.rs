//! `data check`: what is wrong with candle files and stored series, and what is missing in them.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::describe;
use crate::cli::{CliError, Context, progress};
use crate::domain::candle::Candle;
use crate::domain::time::{Timeframe, Timestamp};
use crate::market::candle_file::{CandleFile, read_candles, timeframe_of};
use crate::market::candle_store::{CandleStore, CandleStoreError};
use crate::market::columns::Columns;
use crate::market::coverage::Coverage;
use crate::market::finding::{Finding, Severity};
use crate::market::series::{SeriesKey, SeriesName};
use crate::market::tape_name::TapeName;

/// Bad rows that are printed of one file; `--json` has more.
const ROWS_SHOWN: usize = 5;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Candle files, or stored series as SYMBOL:TIMEFRAME [default: all that is stored]
    #[arg(value_name = "FILE|SERIES")]
    targets: Vec<PathBuf>,
    /// Timeframe of the files, where neither their names nor their times say it
    #[arg(long, value_name = "TF")]
    timeframe: Option<Timeframe>,
}

/// What was found out about one target.
struct Checked {
    /// For people: a file's path, or a series' name.
    name: String,
    path: PathBuf,
    timeframe: Timeframe,
    coverage: Coverage,
    bad_rows: u64,
    without_volume: u64,
    findings: Vec<Finding>,
    /// Why nothing can be said of it.
    damage: Option<String>,
}

pub(super) fn run(args: &CheckArgs, context: &Context) -> Result<(), CliError> {
    let store = CandleStore::in_home(context.home());
    let mut checked = Vec::new();
    if args.targets.is_empty() {
        let keys = store.keys()?;
        if keys.is_empty() {
            context.out.note("no candles are stored; name the files that are to be checked");
        }
        let bar = progress::sized_bar_of(context.out);
        bar.set_length(keys.len() as u64);
        for key in keys {
            bar.set_message(key.to_string());
            checked.push(stored(&store, &key)?);
            bar.inc(1);
        }
        bar.finish_and_clear();
    }
    for target in &args.targets {
        checked.push(match series_name(target) {
            Some(name) => stored(&store, &store.find(&name)?)?,
            None => file(target, args.timeframe)?,
        });
    }
    report(context, &checked)
}

/// Unless a file has that name.
fn series_name(target: &Path) -> Option<SeriesName> {
    target.to_str().filter(|_| !target.exists())?.parse().ok()
}

fn report(context: &Context, checked: &[Checked]) -> Result<(), CliError> {
    let bad_rows: u64 = checked.iter().map(|one| one.bad_rows).sum();
    let damaged: Vec<&str> = checked.iter().filter_map(|one| one.damage.as_deref()).collect();
    if context.out.is_json() {
        let documents: Vec<Value> = checked.iter().map(document).collect();
        context.out.json(&json!({ "ok": bad_rows == 0 && damaged.is_empty(), "files": documents }))?;
    } else {
        checked.iter().try_for_each(|one| print(context, one))?;
    }
    if let Some(first) = damaged.first() {
        return Err(CliError::usage(format!("stored series that are damaged: {}; {first}", damaged.len()))
            .hint("remove the file and download or import its candles again"));
    }
    if bad_rows > 0 {
        return Err(CliError::usage(format!("rows that are no candles: {bad_rows}")));
    }
    Ok(())
}

fn file(path: &Path, given: Option<Timeframe>) -> Result<Checked, CliError> {
    let timeframe = timeframe(path, given)?;
    let CandleFile { candles, findings, bad_rows, without_volume, .. } = read_candles(path, timeframe)?;
    Ok(Checked {
        name: path.display().to_string(),
        path: path.to_owned(),
        timeframe,
        coverage: coverage(candles.iter().map(|candle| candle.open_time), timeframe),
        bad_rows,
        without_volume,
        findings,
        damage: None,
    })
}

fn timeframe(path: &Path, given: Option<Timeframe>) -> Result<Timeframe, CliError> {
    let named = path.file_name().and_then(|name| name.to_str()).and_then(TapeName::parse);
    if let Some(timeframe) = given.or_else(|| named.map(|(_, timeframe)| timeframe)) {
        return Ok(timeframe);
    }
    timeframe_of(path)?.ok_or_else(|| {
        CliError::usage(format!("the name of {} tells no timeframe, nor do its times", path.display()))
            .hint("`--timeframe` says it")
    })
}

/// What can be read is as it was written; whether that makes sense is asked row by row.
fn stored(store: &CandleStore, key: &SeriesKey) -> Result<Checked, CliError> {
    let read = match store.load(key) {
        Ok(columns) => Ok(columns),
        Err(CandleStoreError::File(error)) => Err(error.to_string()),
        Err(error) => return Err(error.into()),
    };
    let columns = read.as_ref().ok().and_then(Option::as_ref);
    let times = columns.map(|columns| columns.open_times.clone()).unwrap_or_default();
    let rows = columns.map(rows).unwrap_or_default();
    Ok(Checked {
        name: key.to_string(),
        path: store.path(key),
        timeframe: key.timeframe,
        coverage: coverage(
            times.into_iter().map(Timestamp::from_ms).collect::<Vec<_>>().into_iter(),
            key.timeframe,
        ),
        bad_rows: rows.0,
        without_volume: rows.1,
        findings: Vec::new(),
        damage: read.err(),
    })
}

/// Rows that are no candles, and candles without volume.
fn rows(columns: &Columns) -> (u64, u64) {
    let mut counts = (0, 0);
    for index in 0..columns.len() {
        let candle = columns.candle(index).and_then(|candle| {
            let Candle { open_time, open, high, low, close, volume } = candle;
            Candle::try_new(open_time, [open, high, low, close], volume).ok()
        });
        match candle {
            Some(candle) => counts.1 += u64::from(candle.volume.is_zero()),
            None => counts.0 += 1,
        }
    }
    counts
}

/// A series by itself covers what lies between its first and its last candle.
fn coverage(
    times: impl ExactSizeIterator<Item = Timestamp> + DoubleEndedIterator + Clone,
    timeframe: Timeframe,
) -> Coverage {
    let from = times.clone().next().unwrap_or_default();
    let until = times.clone().next_back().map_or(from, |last| last.plus(timeframe.duration()));
    Coverage::of_times(times, timeframe, (from, until))
}

fn document(checked: &Checked) -> Value {
    let findings = checked.findings.iter().map(|finding| {
        json!({
            "line": finding.line,
            "severity": finding.severity.to_string(),
            "problem": finding.problem.to_string(),
        })
    });
    json!({
        "name": checked.name,
        "file": checked.path,
        "timeframe": checked.timeframe,
        "coverage": checked.coverage,
        "bad_rows": checked.bad_rows,
        "without_volume": checked.without_volume,
        "findings": findings.collect::<Vec<_>>(),
        "damage": checked.damage,
    })
}

fn print(context: &Context, checked: &Checked) -> Result<(), CliError> {
    if let Some(damage) = &checked.damage {
        return context.out.line(format!("{}: {damage}", checked.name));
    }
    let mut lines = describe(&checked.coverage).into_iter();
    let sum = lines.next().unwrap_or_default();
    let without = match checked.without_volume {
        0 => String::new(),
        count => format!(", without volume: {count}"),
    };
    context.out.line(format!("{}: {sum}, bad rows: {}{without}", checked.name, checked.bad_rows))?;
    let errors = checked.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let errors = errors.take(ROWS_SHOWN).map(|finding| format!("line {}: {}", finding.line, finding.problem));
    lines.chain(errors).try_for_each(|line| context.out.line(format!("  {line}")))
}
