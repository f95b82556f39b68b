//! `optimize apply`: a strategy from a trial, with what speaks against it.

use super::view::Found;
use crate::cli::write::{self, WriteArgs};
use crate::cli::{CliError, Context};
use crate::control::command::NewStrategy;
use crate::control::{Assignment, Command};
use crate::optimize::report::doubts_of;

/// Adds the parameters of a trial as a strategy; audited as `strategy add`.
pub(super) fn apply(
    (id, trial): (i64, Option<u32>),
    name: &str,
    write: WriteArgs,
    context: &Context,
) -> Result<(), CliError> {
    let found = Found::read(id, context)?;
    let judged = match trial {
        Some(number) => found.report.best.iter().find(|judged| judged.number == number).ok_or_else(|| {
            CliError::not_found("trial", &number.to_string())
                .hint(format!("`tradefleet optimize show {id}` lists them"))
        })?,
        None => found.report.chosen().ok_or_else(|| {
            let reason = found.report.warnings.first().map(|warning| warning.text.clone());
            CliError::refused(format!("search {id} has no best trial: {}", reason.unwrap_or_default()))
                .hint("`--trial N` takes one all the same")
        })?,
    };
    let Found { spec, dimensions, trials, .. } = &found;
    let (own, others): (Vec<_>, Vec<_>) =
        dimensions.iter().zip(&judged.values).partition(|(dimension, _)| dimension.is_of_strategy());
    let mut values: Vec<Assignment> = spec.strategy();
    for (dimension, value) in own {
        values.retain(|known| known.key != dimension.name);
        values.push(Assignment { key: dimension.name.clone(), value: value.clone() });
    }
    for doubt in doubts_of(trials, judged, dimensions, spec.objective) {
        context.out.warn(doubt.text);
    }
    if found.row.done < found.row.run.planned {
        let (done, planned) = (found.row.done, found.row.run.planned);
        context.out.warn(format!("the search is not complete: {done} of {planned} trials"));
    }
    let new = NewStrategy { name: name.to_owned(), kind: spec.kind, timeframe: spec.bars, values };
    write::run(context, &Command::AddStrategy(new), write)?;
    for (dimension, value) in others {
        context.out.note(format!(
            "`{} = {value}` is no parameter of a strategy: set it on the account or the bot",
            dimension.name
        ));
    }
    Ok(())
}
