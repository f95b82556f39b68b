//! `audit show|verify`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{CliError, Context, Exit};
use crate::store::audit::{self, AuditFilter, AuditRow};

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show who did what, the latest last
    Show {
        /// Only what concerns this account
        #[arg(long)]
        account: Option<String>,
        /// At most so many, the latest
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Prove that no entry was changed, removed or moved
    Verify,
}

pub(super) fn run(args: AuditArgs, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::Show { account, limit } => show(&AuditFilter { account, since: None, limit }, context),
        Verb::Verify => verify(context),
    }
}

fn show(filter: &AuditFilter, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let rows = audit::list(store.conn(), filter)?;
    if context.out.is_json() {
        let entries: Vec<_> = rows.iter().map(document).collect();
        return context.out.json(&json!({ "entries": entries }));
    }
    let mut table = context.out.new_table(&["ID", "AT", "WHO", "ACTION", "SUBJECT", "BEFORE", "AFTER"], &[0]);
    for row in rows {
        let (before, after) = (row.before.unwrap_or_default(), row.after.unwrap_or_default());
        table.add_row([
            row.id.to_string(),
            row.at.to_string(),
            row.actor,
            row.action,
            row.subject,
            before,
            after,
        ]);
    }
    context.out.table(&table)
}

fn document(row: &AuditRow) -> Value {
    let value = |text: &Option<String>| -> Value {
        text.as_ref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
    };
    json!({
        "id": row.id, "at": row.at, "actor": row.actor, "action": row.action, "account": row.account,
        "subject": row.subject, "before": value(&row.before), "after": value(&row.after), "hash": row.hash,
    })
}

fn verify(context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let report = audit::verify(store.conn())?;
    if context.out.is_json() {
        context.out.json(&json!({
            "ok": report.fault.is_none(), "entries": report.entries,
            "head": report.head.as_ref().map(|head| head.hash.as_str()),
            "fault": report.fault.map(|fault| fault.to_string()),
        }))?;
    }
    if let Some(fault) = report.fault {
        return Err(CliError::new(Exit::Database, fault.to_string())
            .hint("entries before it hold; compare with a backup to see what was there"));
    }
    if context.out.is_json() {
        return Ok(());
    }
    let head = report.head.map_or_else(|| "none".to_owned(), |head| head.hash);
    context.out.line(format!("ok {} entries, head {head}", report.entries))
}
