//! What searches found: out-of-sample figures first, those they were chosen by beside.

use serde_json::{Map, Value, json};

use super::spec::Spec;
use super::{no_search, start, stored};
use crate::cli::output::Tone;
use crate::cli::{CliError, Context, when};
use crate::domain::time::Timestamp;
use crate::optimize::objective::Objective;
use crate::optimize::ranking::Judged;
use crate::optimize::report::{Report, WindowReport};
use crate::optimize::sensitivity::Group;
use crate::optimize::space::Dimension;
use crate::store::research::{ResearchStore, RunRow, TrialRow};

/// Trials that are listed.
pub(super) const LIMIT: usize = 10;

/// How `--json` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Document,
    /// The last line of a search.
    Line,
}

/// A search with all that is known of it.
pub(super) struct Found {
    pub(super) row: RunRow,
    pub(super) spec: Spec,
    pub(super) dimensions: Vec<Dimension>,
    pub(super) trials: Vec<TrialRow>,
    pub(super) report: Report,
}

impl Found {
    pub(super) fn read(id: i64, context: &Context) -> Result<Self, CliError> {
        let Some(store) = stored(context)? else { return Err(no_search(id)) };
        Self::of(&store, id)
    }

    fn of(store: &ResearchStore, id: i64) -> Result<Self, CliError> {
        let row = store.run(id).map_err(|error| start::missing(error, id))?;
        let spec = Spec::read(&row.run.spec)?;
        let dimensions = spec.dimensions()?;
        let trials = store.trials(id)?;
        let report = Report::of(&dimensions, &trials, spec.objective, &spec.bounds);
        Ok(Self { row, spec, dimensions, trials, report })
    }
}

pub(super) fn list(context: &Context) -> Result<(), CliError> {
    let rows = match stored(context)? {
        Some(store) => store.runs()?,
        None => Vec::new(),
    };
    if context.out.is_json() {
        let rows: Vec<Value> = rows.iter().map(head).collect();
        return context.out.json(&json!({ "searches": rows }));
    }
    if rows.is_empty() {
        return context.out.line("no searches");
    }
    let mut table = context
        .out
        .new_table(&["ID", "BEGUN", "STRATEGY", "METHOD", "OBJECTIVE", "TRIALS", "STATE"], &[0, 5]);
    for row in &rows {
        table.add_row([
            row.id.to_string(),
            when::minute(row.created_at),
            row.run.strategy.clone(),
            row.run.method.clone(),
            row.run.objective.clone(),
            format!("{}/{}", row.done, row.run.planned),
            state(row).to_owned(),
        ]);
    }
    context.out.table(&table)
}

const fn state(row: &RunRow) -> &'static str {
    if row.finished_at.is_some() { "complete" } else { "incomplete" }
}

fn head(row: &RunRow) -> Value {
    json!({
        "id": row.id, "created_at": row.created_at, "finished_at": row.finished_at, "state": state(row),
        "strategy": row.run.strategy, "method": row.run.method, "objective": row.run.objective,
        "trials_planned": row.run.planned, "trials_done": row.done,
    })
}

pub(super) fn show(id: i64, limit: usize, context: &Context) -> Result<(), CliError> {
    print(&Found::read(id, context)?, limit, context, Form::Document)
}

/// What a search that has just ended found.
pub(super) fn found(
    store: &ResearchStore,
    id: i64,
    limit: usize,
    context: &Context,
    form: Form,
) -> Result<(), CliError> {
    print(&Found::of(store, id)?, limit, context, form)
}

fn print(found: &Found, limit: usize, context: &Context, form: Form) -> Result<(), CliError> {
    if context.out.is_json() {
        let document = document(found, limit)?;
        return match form {
            Form::Document => context.out.json(&document),
            Form::Line => {
                let Value::Object(mut fields) = document else { return Ok(()) };
                fields.insert("event".to_owned(), "end".into());
                context.out.line(Value::Object(fields).to_string())
            }
        };
    }
    let Found { row, spec, report, .. } = found;
    context.out.line(format!(
        "search {}: {} of {}, {} over {}; {} of {} trials, {} ranked, objective {}",
        row.id,
        state(row),
        when::minute(row.created_at),
        spec.method,
        spec.space.iter().map(|(name, values)| format!("{name}={values}")).collect::<Vec<_>>().join(" "),
        row.done,
        row.run.planned,
        report.ranked,
        spec.objective,
    ))?;
    windows(found, context)?;
    trials(found, limit, context)?;
    sensitivity(found, context)?;
    if let Some(noise) = &report.noise {
        let deflated = noise.deflated.map_or("-".to_owned(), |value| format!("{value:.2}"));
        context.out.line(format!(
            "\nchance: the best in-sample Sharpe ratio of {} trials without an edge is about {:.2}; trial {} has {:.2}, deflated {deflated}",
            noise.trials,
            noise.expected_best_sharpe,
            report.chosen().map_or(0, |judged| judged.number),
            noise.best_sharpe,
        ))?;
    }
    for warning in &report.warnings {
        context.out.warn(&warning.text);
    }
    Ok(())
}

fn document(found: &Found, limit: usize) -> Result<Value, CliError> {
    let Found { row, spec, dimensions, report, .. } = found;
    let names = || dimensions.iter().map(|dimension| dimension.name.as_str());
    let Value::Object(mut fields) = head(row) else { return Ok(Value::Null) };
    let Value::Object(reported) = serde_json::to_value(report)? else { return Ok(Value::Null) };
    fields.extend(reported);
    let best = report.best.iter().take(limit).map(|judged| {
        let mut trial = serde_json::to_value(judged)?;
        if let Value::Object(fields) = &mut trial {
            fields.remove("values");
            fields.insert("params".to_owned(), params_json(names(), &judged.values));
        }
        Ok(trial)
    });
    fields.insert("best".to_owned(), best.collect::<Result<Vec<_>, CliError>>()?.into());
    fields.insert("kind".to_owned(), json!(spec.kind));
    fields.insert("seed".to_owned(), json!(spec.seed));
    fields.insert(
        "space".to_owned(),
        spec.space.iter().cloned().map(|(name, text)| (name, text.into())).collect::<Map<_, _>>().into(),
    );
    Ok(Value::Object(fields))
}

pub(super) fn params_json<'a>(names: impl Iterator<Item = &'a str>, values: &[String]) -> Value {
    let fields: Map<String, Value> = names
        .zip(values)
        .map(|(name, value)| {
            let typed = value.parse::<Value>().ok().filter(|typed| typed.is_number() || typed.is_boolean());
            (name.to_owned(), typed.unwrap_or_else(|| value.clone().into()))
        })
        .collect();
    fields.into()
}

/// A value of the objective, for people.
fn worth(objective: Objective, value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if objective.is_fraction() => percent(value),
        Some(value) => format!("{value:.3}"),
    }
}

fn percent(value: f64) -> String {
    format!("{:.2} %", value * 100.0)
}

fn period((from, to): (i64, i64)) -> String {
    format!("{} to {}", when::day(Timestamp::from_ms(from)), when::day(Timestamp::from_ms(to)))
}

fn windows(found: &Found, context: &Context) -> Result<(), CliError> {
    let Found { spec, report, .. } = found;
    let Some(walk) = &report.walk_forward else { return Ok(()) };
    let headline = format!(
        "out of sample, choosing anew in each window: return {}, {} of {} windows won, {} trades",
        percent(walk.total_return),
        walk.winners,
        walk.windows,
        walk.trades
    );
    context.out.line(format!("\n{}", context.out.paint(Tone::Strong, &headline)))?;
    let columns = ["CHECKED ON", "OUT OF SAMPLE", "RETURN", "TRADES", "TRIAL", "CHOSEN ON", "IN SAMPLE"];
    let mut table = context.out.new_table(&columns, &[1, 2, 3, 4, 6]);
    for window in &report.windows {
        table.add_row(window_row(window, spec.objective));
    }
    context.out.table(&table)
}

fn window_row(window: &WindowReport, objective: Objective) -> [String; 7] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        or_dash(window.outside_from_ms.zip(window.outside_to_ms).map(period)),
        worth(objective, window.outside),
        or_dash(window.outside_return.map(percent)),
        or_dash(window.outside_trades.map(|trades| trades.to_string())),
        or_dash(window.chosen.map(|number| number.to_string())),
        period((window.inside_from_ms, window.inside_to_ms)),
        worth(objective, window.inside),
    ]
}

fn trials(found: &Found, limit: usize, context: &Context) -> Result<(), CliError> {
    let Found { spec, report, dimensions, .. } = found;
    context.out.line("\ntrials, best in sample first")?;
    // What has one value is in the headline.
    let searched = || dimensions.iter().filter(|dimension| dimension.values.len() > 1);
    let names: Vec<String> = searched().map(|dimension| dimension.name.to_uppercase()).collect();
    let mut columns = vec![
        "TRIAL",
        "OUT OF SAMPLE",
        "IN SAMPLE",
        "KEPT",
        "RETURN OUT",
        "TRADES OUT",
        "DRAWDOWN OUT",
        "TRADES IN",
    ];
    columns.extend(names.iter().map(String::as_str));
    let right: Vec<usize> = (0..columns.len()).collect();
    let mut table = context.out.new_table(&columns, &right);
    for judged in report.best.iter().take(limit) {
        let mut row = trial_row(judged, spec.objective);
        let values =
            dimensions.iter().zip(&judged.values).filter(|(dimension, _)| dimension.values.len() > 1);
        row.extend(values.map(|(_, value)| value.clone()));
        table.add_row(row);
    }
    context.out.table(&table)?;
    let hidden = report.best.len().saturating_sub(limit);
    if hidden > 0 {
        context.out.note(context.out.paint(Tone::Faint, &format!("{hidden} more trials: --limit N")));
    }
    Ok(())
}

fn trial_row(judged: &Judged, objective: Objective) -> Vec<String> {
    let is_checked = judged.outside.is_some();
    let checked = |text: String| if is_checked { text } else { "-".to_owned() };
    vec![
        judged.number.to_string(),
        worth(objective, judged.outside),
        judged.inside.map_or_else(|| "not ranked".to_owned(), |value| worth(objective, Some(value))),
        judged.kept.map_or_else(|| "-".to_owned(), |kept| format!("{:.0} %", kept * 100.0)),
        judged.outside_return.map_or_else(|| "-".to_owned(), percent),
        checked(judged.outside_trades.to_string()),
        checked(percent(judged.outside_drawdown)),
        judged.inside_trades.to_string(),
    ]
}

fn sensitivity(found: &Found, context: &Context) -> Result<(), CliError> {
    let Found { spec, report, .. } = found;
    if report.sensitivity.is_empty() || report.ranked == 0 {
        return Ok(());
    }
    let columns = [
        "PARAMETER",
        "INFLUENCE",
        "BEST",
        "IN SAMPLE",
        "OUT OF SAMPLE",
        "WORST",
        "IN SAMPLE",
        "OUT OF SAMPLE",
    ];
    let mut table = context.out.new_table(&columns, &[1, 3, 4, 6, 7]);
    for row in &report.sensitivity {
        let by_inside = |one: &&Group, other: &&Group| one.inside.total_cmp(&other.inside);
        let (best, worst) = (row.groups.iter().max_by(by_inside), row.groups.iter().min_by(by_inside));
        let cells = |group: Option<&Group>| {
            let group = group?;
            Some([
                group.values.clone(),
                worth(spec.objective, Some(group.inside)),
                worth(spec.objective, group.outside),
            ])
        };
        let mut line = vec![row.name.clone(), format!("{:.0} %", row.influence * 100.0)];
        line.extend(cells(best).into_iter().chain(cells(worst)).flatten());
        table.add_row(line);
    }
    context.out.line("\nhow much each parameter matters (means of the trials with these values)")?;
    context.out.table(&table)
}
