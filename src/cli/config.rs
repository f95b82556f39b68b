//! `config check|show|reference`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::Tone;
use super::{CliError, Context};
use crate::config::{Config, KEYS, reference};

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say whether the configuration is valid; list every mistake with its line
    Check,
    /// Print every value in effect and where it comes from
    Show,
    /// Print what every key means, its type, default and range, as a Markdown page
    Reference,
}

pub(super) fn run(args: &ConfigArgs, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::Check => check(context),
        Verb::Show => show(context),
        Verb::Reference => print_reference(context),
    }
}

fn check(context: &Context) -> Result<(), CliError> {
    let path = context.config_path();
    let set = context.loaded_config()?.from_file.len();
    if context.out.is_json() {
        return context.out.json(&json!({
            "ok": true, "path": path, "exists": path.exists(), "keys_set": set,
        }));
    }
    let state = if path.exists() { format!("{set} keys set") } else { "no file: all defaults".to_owned() };
    context.out.line(format!("{} {} ({state})", context.out.paint(Tone::Good, "ok"), path.display()))
}

fn show(context: &Context) -> Result<(), CliError> {
    let rows = context.loaded_config()?.rows();
    let source = |from_file: bool| if from_file { "file" } else { "default" };
    if context.out.is_json() {
        let keys: Vec<_> = rows
            .iter()
            .map(
                |(key, value, from_file)| json!({ "key": key, "value": value, "source": source(*from_file) }),
            )
            .collect();
        return context.out.json(&json!({ "path": context.config_path(), "keys": keys }));
    }
    let mut table = context.out.new_table(&["KEY", "VALUE", "SOURCE"], &[]);
    for (key, value, from_file) in &rows {
        let tone = if *from_file { Tone::Strong } else { Tone::Faint };
        table.add_row([key.clone(), value.clone(), context.out.paint(tone, source(*from_file))]);
    }
    context.out.table(&table)
}

fn print_reference(context: &Context) -> Result<(), CliError> {
    if !context.out.is_json() {
        return context.out.raw(&reference::markdown());
    }
    let defaults = Config::default();
    let keys: Vec<_> = KEYS
        .iter()
        .map(|spec| {
            let default = defaults.get(spec.key).unwrap_or_default();
            json!({
                "key": spec.key, "type": reference::kind(spec, &default), "default": default,
                "allowed": spec.allowed, "description": spec.description,
            })
        })
        .collect();
    context.out.json(&json!({ "keys": keys }))
}
