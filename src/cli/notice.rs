//! `notice list|show|set`: what accounts' chats are told.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::write::{self, WriteArgs, names_and_values};
use super::{CliError, Context, when};
use crate::control::{Command, Selection};
use crate::engine::turn::NoticeKind;
use crate::store::outbox::{self, NoticeRow};
use crate::store::{StoreError, accounts, notice_preferences};

#[derive(Debug, Args)]
pub(super) struct NoticeArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the last notices and what became of them, newest first
    List {
        /// Only of this account
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// Only those that could not be told
        #[arg(long)]
        dead: bool,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show how an account is told of each kind, and when its day is summed up
    Show { account: String },
    /// Tell kinds of notices on, silent or off; set daily_hour and time_zone of the summary
    Set(SetArgs),
}

#[derive(Debug, Args)]
struct SetArgs {
    /// Accounts, and what to set: NAME entry=silent dca=off daily_hour=9 time_zone=Asia/Seoul
    #[arg(value_name = "NAME | KEY=VALUE")]
    words: Vec<String>,
    /// The accounts that carry this tag
    #[arg(long)]
    tag: Option<String>,
    #[command(flatten)]
    write: WriteArgs,
}

pub(super) fn run(args: NoticeArgs, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::List { account, dead, limit } => list(account.as_deref(), dead, limit, context),
        Verb::Show { account } => show(&account, context),
        Verb::Set(args) => set(args, context),
    }
}

fn set(args: SetArgs, context: &Context) -> Result<(), CliError> {
    let (names, values) = names_and_values(&args.words);
    if names.is_empty() == args.tag.is_none() || values.is_empty() {
        return Err(CliError::usage("name the accounts, or give --tag TAG, and say what to set")
            .hint("tradefleet notice set NAME entry=silent daily_hour=9"));
    }
    let accounts = args.tag.map_or(Selection::Named(names), Selection::Tagged);
    write::run(context, &Command::SetNotices { accounts, values }, args.write)
}

fn show(account: &str, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let account = accounts::find(store.conn(), account)?;
    let modes = notice_preferences::modes(store.conn(), account.id)?;
    let daily = notice_preferences::daily(store.conn(), account.id)?;
    let mut rows: Vec<(String, String)> = NoticeKind::ALL
        .iter()
        .map(|kind| {
            let mode = modes.get(kind.as_str()).copied().unwrap_or_default();
            (kind.to_string(), mode.to_string())
        })
        .collect();
    if let Some(plan) = daily {
        rows.push((
            "daily_hour".to_owned(),
            plan.hour.map_or_else(|| "off".to_owned(), |hour| hour.to_string()),
        ));
        rows.push(("time_zone".to_owned(), plan.time_zone));
    }
    if context.out.is_json() {
        let notices: serde_json::Map<String, Value> =
            rows.into_iter().map(|(key, value)| (key, Value::from(value))).collect();
        return context.out.json(&json!({ "account": account.name, "notices": notices }));
    }
    let mut table = context.out.new_table(&["KEY", "VALUE"], &[]);
    for (key, value) in rows {
        table.add_row([key, value]);
    }
    context.out.table(&table)
}

fn list(account: Option<&str>, dead: bool, limit: u32, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let conn = store.conn();
    let account = account.map(|name| accounts::find(conn, name)).transpose()?.map(|account| account.id);
    let rows = outbox::list(conn, account, dead.then_some("dead"), limit)?
        .into_iter()
        .map(|row| Ok((accounts::name(conn, row.account)?, row)))
        .collect::<Result<Vec<_>, StoreError>>()?;
    if context.out.is_json() {
        let notices: Vec<_> = rows.iter().map(|(name, row)| document(name, row)).collect();
        return context.out.json(&json!({ "notices": notices }));
    }
    let mut table = context.out.new_table(&["AT", "ACCOUNT", "KIND", "SEVERITY", "STATUS", "WHAT"], &[]);
    for (name, row) in rows {
        let what: Vec<String> = row.fields.iter().map(|(key, value)| format!("{key} {value}")).collect();
        table.add_row([
            when::minute(row.created_at),
            name,
            row.kind,
            row.severity.to_string(),
            row.last_error.map_or(row.status, |error| format!("dead: {error}")),
            what.join(", "),
        ]);
    }
    context.out.table(&table)
}

fn document(account: &str, row: &NoticeRow) -> Value {
    json!({
        "id": row.id, "account": account, "kind": row.kind, "severity": row.severity.as_str(),
        "fields": row.fields, "created_at": row.created_at.ms(), "status": row.status,
        "last_error": row.last_error,
    })
}
