//! `audit show|verify|anchor`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::audit_note::AnchorNote;
use super::filter::account_id;
use super::{CliError, Context, Exit, when};
use crate::store::Store;
use crate::store::audit::{self, AuditFilter, AuditReport, AuditRow, anchor};
use crate::store::queries::snapshot;
use crate::vault::audit_seal::{self, SealVerdict};

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show who did what, the latest last
    Show(ShowArgs),
    /// Prove that no entry was changed, removed, cut off or moved
    Verify {
        /// A line of `audit anchor` that was kept elsewhere: it must still fit
        #[arg(long, value_name = "LINE", conflicts_with = "anchor_file")]
        anchor: Option<String>,
        /// A file of such lines
        #[arg(long, value_name = "FILE")]
        anchor_file: Option<PathBuf>,
    },
    /// Print the end of the log as a line to be kept off this machine
    Anchor,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// Only what concerns this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only what this one did: cli:ana, telegram:4711, daemon; or all of a kind: cli, telegram
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// Only this action, such as halt or set_account
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only from this time on: 2022-06-15, "2022-06-15 03:00" (UTC), or 24h, 7d for ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most so many, the latest; 0 = all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
}

pub(super) fn run(args: AuditArgs, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::Show(args) => show(args, context),
        Verb::Verify { anchor, anchor_file } => {
            let mut notes = AnchorNote::of_lines(anchor.as_deref().unwrap_or_default())?;
            if let Some(path) = anchor_file {
                let text = std::fs::read_to_string(&path).map_err(|error| CliError::input(&path, &error))?;
                notes.extend(AnchorNote::of_lines(&text)?);
            }
            verify(&notes, context)
        }
        Verb::Anchor => print_anchor(context),
    }
}

fn show(args: ShowArgs, context: &Context) -> Result<(), CliError> {
    let now = context.now();
    let since = args.since.map(|text| when::parse(&text, now)).transpose().map_err(CliError::usage)?;
    let limit = if args.limit == 0 { u32::MAX } else { args.limit };
    let filter = AuditFilter { account: args.account, actor: args.actor, action: args.action, since, limit };
    let store = context.read_store()?;
    let rows = audit::list(store.conn(), &filter)?;
    // A name that neither an account nor the log knows is a slip of the pen, not an empty answer.
    if let (true, Some(name)) = (rows.is_empty(), &filter.account) {
        account_id(store.conn(), name)?;
    }
    if context.out.is_json() {
        let entries: Vec<_> = rows.iter().map(document).collect();
        return context.out.json(&json!({ "entries": entries }));
    }
    let columns = ["ID", "AT", "WHO", "ACTION", "SUBJECT", "BEFORE", "AFTER"];
    let mut table = context.out.new_table(&columns, &[0]);
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

pub(super) fn document(row: &AuditRow) -> Value {
    let value = |text: &Option<String>| -> Value {
        text.as_ref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
    };
    json!({
        "id": row.id, "at": row.at, "actor": row.actor, "action": row.action, "account": row.account,
        "subject": row.subject, "before": value(&row.before), "after": value(&row.after), "hash": row.hash,
    })
}

fn verify(notes: &[AnchorNote], context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let conn = snapshot(store.conn())?;
    let report = audit::verify(&conn)?;
    let seal = SealFinding::of(&report, &store, context);
    let broken = report.fault.map(|fault| fault.to_string());
    let fix = if broken.is_none() { seal.fix() } else { None };
    let mut fault = broken.or_else(|| seal.fault());
    for note in notes {
        if fault.is_none() {
            fault = note.fault(&conn)?;
        }
    }
    if context.out.is_json() {
        context.out.json(&json!({
            "ok": fault.is_none(), "entries": report.entries,
            "head": report.head.as_ref().map(|head| head.hash.as_str()),
            "fault": fault, "seal": seal.word(), "sealed_entries": seal.entries,
            "anchors_checked": notes.len(),
        }))?;
    }
    if let Some(fault) = fault {
        let hint = fix.unwrap_or("entries before it hold; compare with a backup to see what was there");
        return Err(CliError::new(Exit::Database, fault).hint(hint));
    }
    if context.out.is_json() {
        return Ok(());
    }
    let head = report.head.map_or_else(|| "none".to_owned(), |head| head.hash);
    context.out.line(format!("ok {} entries, head {head}", report.entries))?;
    context.out.note(seal.sentence());
    Ok(())
}

/// What is known of the seal.
pub(super) struct SealFinding {
    /// `None`: there is no key at hand to check it with.
    verdict: Option<SealVerdict>,
    /// Entries under the seal.
    entries: i64,
}

impl SealFinding {
    pub(super) fn of(report: &AuditReport, store: &Store, context: &Context) -> Self {
        let anchor = report.anchor.as_ref();
        let entries = anchor.and_then(|anchor| anchor.seal.as_ref()).map_or(0, |seal| seal.head.id);
        let unlocked = || {
            let meta = context.vault_meta(store).ok()?;
            context.stored_key().ok()??.unlock(&meta).ok()
        };
        let verdict = anchor.and_then(|anchor| Some(audit_seal::check(&unlocked()?, anchor)));
        Self { verdict, entries }
    }

    /// What is wrong with it.
    pub(super) fn fault(&self) -> Option<String> {
        let fault = match self.verdict? {
            SealVerdict::Genuine => return None,
            SealVerdict::Forged => "the seal of the audit log was not made with this master key",
            SealVerdict::OtherKey => "the audit log is sealed under another master key",
            SealVerdict::Missing => "the audit log has no seal: it was never sealed, or the seal was removed",
        };
        Some(fault.to_owned())
    }

    /// What mends it: a log without a seal may be an older database's, which is sealed when somebody vouches for it.
    pub(super) fn fix(&self) -> Option<&'static str> {
        let is_missing = matches!(self.verdict, Some(SealVerdict::Missing));
        is_missing.then_some("if the database has just been migrated, `tradefleet audit anchor` seals it")
    }

    const fn word(&self) -> &'static str {
        match self.verdict {
            None => "unchecked",
            Some(SealVerdict::Genuine) => "genuine",
            Some(SealVerdict::Forged) => "forged",
            Some(SealVerdict::OtherKey) => "other_key",
            Some(SealVerdict::Missing) => "missing",
        }
    }

    pub(super) fn sentence(&self) -> String {
        match self.verdict {
            Some(_) => format!("the first {} are sealed under the master key", self.entries),
            None => "the seal was not checked: no master key at hand".to_owned(),
        }
    }
}

fn print_anchor(context: &Context) -> Result<(), CliError> {
    context.seal_audit();
    let store = context.read_store()?;
    let anchor = anchor::read(store.conn())?
        .ok_or_else(|| CliError::new(Exit::Database, "the anchor of the audit log was removed"))?;
    let note = AnchorNote::of(&anchor);
    if context.out.is_json() {
        return context.out.json(&json!({
            "line": note.to_string(), "entries": anchor.head.id, "head": anchor.head.hash,
            "sealed_entries": anchor.seal.as_ref().map(|seal| seal.head.id),
            "mac": anchor.seal.as_ref().map(|seal| seal.mac.as_str()),
        }));
    }
    context.out.line(note.to_string())?;
    context
        .out
        .note("keep it off this machine; `tradefleet audit verify --anchor LINE` proves the log against it");
    Ok(())
}
