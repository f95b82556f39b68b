//! `alert list|test`: what whoever runs the fleet is told.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{CliError, Context, Exit, runtime, when};
use crate::notify::alerts::Channels;
use crate::store::alerts::{self, AlertRow};
use crate::store::{StoreError, accounts};

#[derive(Debug, Args)]
pub(super) struct AlertArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List what is wrong now
    List {
        /// Also what is over, newest first
        #[arg(long)]
        all: bool,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Send a test by every channel that is configured
    Test,
}

pub(super) fn run(args: &AlertArgs, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::List { all, limit } => list(all, limit, context),
        Verb::Test => test(context),
    }
}

fn list(all: bool, limit: u32, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let conn = store.conn();
    let rows = if all { alerts::list(conn, limit)? } else { alerts::open(conn)? };
    let rows = rows
        .into_iter()
        .map(|row| {
            let name = row.finding.account.map(|account| accounts::name(conn, account)).transpose()?;
            Ok((name, row))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    if context.out.is_json() {
        let documents: Vec<_> = rows.iter().map(|(name, row)| document(name.as_deref(), row)).collect();
        return context.out.json(&json!({ "alerts": documents }));
    }
    if rows.is_empty() {
        return context.out.line("nothing is wrong");
    }
    let mut table = context.out.new_table(&["SINCE", "OVER", "SEVERITY", "KIND", "ACCOUNT", "WHAT"], &[]);
    for (name, row) in rows {
        table.add_row([
            when::minute(row.raised_at),
            when::minute_opt(row.cleared_at),
            row.finding.severity.to_string(),
            row.finding.kind,
            name.unwrap_or_else(|| "-".to_owned()),
            row.finding.detail,
        ]);
    }
    context.out.table(&table)
}

pub(super) fn document(account: Option<&str>, row: &AlertRow) -> Value {
    json!({
        "id": row.id, "kind": row.finding.kind, "severity": row.finding.severity.as_str(), "account": account,
        "detail": row.finding.detail, "raised_at": row.raised_at.ms(),
        "cleared_at": row.cleared_at.map(crate::domain::time::Timestamp::ms),
    })
}

fn test(context: &Context) -> Result<(), CliError> {
    let config = context.config()?;
    let database = context.database_path();
    let base = database.parent().unwrap_or(&database);
    let channels = Channels::open(&config.alerts, base).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        CliError::new(Exit::Usage, problems.join("; "))
    })?;
    let known = channels.known();
    if known.is_empty() {
        return Err(CliError::usage("no channel is configured")
            .hint("set alerts.slack_webhook, or alerts.smtp_host, alerts.email_from and alerts.email_to"));
    }
    let mut outcomes = Vec::new();
    for channel in known {
        let sent = runtime::block_on(channels.send(
            channel,
            "tradefleet: test (info)",
            "this is a test: alerts arrive here",
        ))?;
        outcomes.push((channel, sent.err().map(|error| error.to_string())));
    }
    if context.out.is_json() {
        let results: Vec<_> = outcomes
            .iter()
            .map(|(channel, error)| json!({ "channel": channel.as_str(), "ok": error.is_none(), "error": error }))
            .collect();
        context.out.json(&json!({ "channels": results }))?;
    } else {
        for (channel, error) in &outcomes {
            context.out.line(
                error
                    .as_ref()
                    .map_or_else(|| format!("{channel}: sent"), |error| format!("{channel}: {error}")),
            )?;
        }
    }
    if outcomes.iter().any(|(_, error)| error.is_some()) {
        return Err(CliError::new(Exit::NoExchange, "not every channel took the test"));
    }
    Ok(())
}
