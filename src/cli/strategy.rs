//! `strategy list|show|add|set|remove`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::write::{self, WriteArgs, assignment};
use super::{CliError, Context};
use crate::control::command::NewStrategy;
use crate::control::{Assignment, Command, strategy_params};
use crate::domain::time::Timeframe;
use crate::store::strategies::{self, StrategyRow};
use crate::store::{accounts, bots};
use crate::strategy::{StrategyKind, StrategyParams};

#[derive(Debug, Args)]
pub(super) struct StrategyArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the strategies
    List,
    /// Show a strategy: its parameters, their ranges and meaning, and the bots that use it
    Show { name: String },
    /// Add a named set of parameters
    Add(AddArgs),
    /// Change parameters, or `timeframe` (`feed` for the feed's own)
    Set {
        name: String,
        #[arg(value_name = "KEY=VALUE", required = true, value_parser = assignment)]
        values: Vec<Assignment>,
        #[command(flatten)]
        write: WriteArgs,
    },
    /// Remove a strategy that no bot uses
    Remove {
        name: String,
        #[command(flatten)]
        write: WriteArgs,
    },
}

#[derive(Debug, Args)]
struct AddArgs {
    name: String,
    /// ema_cross, momentum, macd or ai_trend
    #[arg(long)]
    kind: StrategyKind,
    /// Candles it is computed on [default: the feed's finest]
    #[arg(long, value_name = "TF")]
    timeframe: Option<Timeframe>,
    /// A parameter that differs from the kind's default
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    values: Vec<Assignment>,
    #[command(flatten)]
    write: WriteArgs,
}

pub(super) fn run(args: StrategyArgs, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::List => list(context),
        Verb::Show { name } => show(&name, context),
        Verb::Add(add) => {
            let AddArgs { name, kind, timeframe, values, write } = add;
            write::run(context, &Command::AddStrategy(NewStrategy { name, kind, timeframe, values }), write)
        }
        Verb::Set { name, values, write } => {
            write::run(context, &Command::SetStrategy { name, values }, write)
        }
        Verb::Remove { name, write } => write::run(context, &Command::RemoveStrategy { name }, write),
    }
}

fn timeframe(row: &StrategyRow) -> &'static str {
    row.timeframe.map_or("feed", Timeframe::as_str)
}

fn list(context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let rows = strategies::list(store.conn())?;
    let all_bots = bots::list(store.conn(), None)?;
    let users = |row: &StrategyRow| all_bots.iter().filter(|bot| bot.strategy_id == Some(row.id)).count();
    if context.out.is_json() {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "name": row.name, "kind": row.kind, "timeframe": row.timeframe,
                    "params_set": row.params, "builtin": row.is_builtin, "bots": users(row),
                })
            })
            .collect();
        return context.out.json(&json!({ "strategies": rows }));
    }
    let mut table = context.out.new_table(&["NAME", "KIND", "TIMEFRAME", "BOTS", "SET"], &[3]);
    for row in &rows {
        let set: Vec<_> = row.params.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let set = if row.is_builtin && set.is_empty() { "(built in)".to_owned() } else { set.join(" ") };
        let cells =
            [row.name.clone(), row.kind.clone(), timeframe(row).to_owned(), users(row).to_string(), set];
        table.add_row(cells);
    }
    context.out.table(&table)
}

fn show(name: &str, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let row = strategies::find(store.conn(), name)?;
    let params = strategy_params(&row)?;
    let values = params.to_json();
    let mut users = Vec::new();
    for bot in bots::list(store.conn(), None)?.iter().filter(|bot| bot.strategy_id == Some(row.id)) {
        users.push(format!("{}/{}", accounts::get(store.conn(), bot.account_id)?.name, bot.name));
    }
    if context.out.is_json() {
        return context.out.json(&json!({
            "name": row.name, "kind": row.kind, "timeframe": row.timeframe, "builtin": row.is_builtin,
            "params": values, "params_set": row.params, "bots": users,
            "min_confidence": params.min_confidence(), "warmup_bars": params.warmup_bars(),
        }));
    }
    let bots = if users.is_empty() { "none".to_owned() } else { users.join(", ") };
    context.out.line(format!(
        "{} ({}, timeframe {}, {} bars to warm up)\nbots: {bots}\n",
        row.name,
        row.kind,
        timeframe(&row),
        params.warmup_bars()
    ))?;
    let mut table = context.out.new_table(&["PARAMETER", "VALUE", "SOURCE", "ALLOWED", "MEANING"], &[]);
    for info in StrategyParams::keys(params.kind()) {
        let value = values.get(info.key).map(ToString::to_string).unwrap_or_default();
        let source = if row.params.contains_key(info.key) { "set" } else { "default" };
        table.add_row([info.key, &value, source, &info.range, info.description]);
    }
    context.out.table(&table)
}
