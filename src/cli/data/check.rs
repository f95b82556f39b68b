//! `data check`: what is wrong with candle files, and what is missing in them.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::describe;
use crate::cli::{CliError, Context};
use crate::domain::time::Timeframe;
use crate::market::candle_file::{CandleFile, read_candles};
use crate::market::coverage::Coverage;
use crate::market::finding::Severity;
use crate::market::tape_name::TapeName;

/// Bad rows that are printed of one file; `--json` has more.
const ROWS_SHOWN: usize = 5;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Candle files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Timeframe of the files, where their names do not say it (EXCHANGE-SYMBOL-TIMEFRAME-...)
    #[arg(long, value_name = "TF")]
    timeframe: Option<Timeframe>,
}

pub(super) fn run(args: &CheckArgs, context: &Context) -> Result<(), CliError> {
    let mut bad_rows = 0;
    let mut documents = Vec::new();
    for path in &args.files {
        let timeframe = timeframe(path, args.timeframe)?;
        let file = read_candles(path, timeframe).map_err(|error| CliError::usage(error.to_string()))?;
        let coverage = coverage(&file, timeframe);
        bad_rows += file.bad_rows;
        if context.out.is_json() {
            documents.push(document(path, timeframe, &file, &coverage));
        } else {
            print(context, path, &file, &coverage)?;
        }
    }
    if context.out.is_json() {
        context.out.json(&json!({ "ok": bad_rows == 0, "files": documents }))?;
    }
    if bad_rows > 0 {
        return Err(CliError::usage(format!("rows that are no candles: {bad_rows}")));
    }
    Ok(())
}

fn timeframe(path: &Path, given: Option<Timeframe>) -> Result<Timeframe, CliError> {
    let named = path.file_name().and_then(|name| name.to_str()).and_then(TapeName::parse);
    given.or_else(|| named.map(|(_, timeframe)| timeframe)).ok_or_else(|| {
        CliError::usage(format!("the name of {} tells no timeframe", path.display()))
            .hint("`--timeframe` says it")
    })
}

/// A file by itself covers what lies between its first and its last candle.
fn coverage(file: &CandleFile, timeframe: Timeframe) -> Coverage {
    let from = file.candles.first().map(|candle| candle.open_time).unwrap_or_default();
    let until = file.candles.last().map_or(from, |candle| candle.close_time(timeframe));
    Coverage::of(&file.candles, timeframe, (from, until))
}

fn document(path: &Path, timeframe: Timeframe, file: &CandleFile, coverage: &Coverage) -> Value {
    let findings = file.findings.iter().map(|finding| {
        json!({
            "line": finding.line,
            "severity": finding.severity.to_string(),
            "problem": finding.problem.to_string(),
        })
    });
    json!({
        "file": path,
        "timeframe": timeframe,
        "coverage": coverage,
        "bad_rows": file.bad_rows,
        "findings": findings.collect::<Vec<_>>(),
    })
}

fn print(context: &Context, path: &Path, file: &CandleFile, coverage: &Coverage) -> Result<(), CliError> {
    let mut lines = describe(coverage).into_iter();
    let sum = lines.next().unwrap_or_default();
    context.out.line(format!("{}: {sum}, bad rows: {}", path.display(), file.bad_rows))?;
    let errors = file.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let errors = errors.take(ROWS_SHOWN).map(|finding| format!("line {}: {}", finding.line, finding.problem));
    lines.chain(errors).try_for_each(|line| context.out.line(format!("  {line}")))
}
