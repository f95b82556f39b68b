//! `db migrate|check|backup|restore`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{CliError, Context, db_backup, db_check, db_restore};
use crate::store::Store;

#[derive(Debug, Args)]
pub(super) struct DbArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Bring an older database up to this program's schema; a copy is kept
    Migrate,
    /// Check the database: pages, references, audit chain, and the ledger against its fills
    Check(db_check::CheckArgs),
    /// Copy the database while the daemon runs: checked, rotated, encrypted if wished
    Backup(db_backup::BackupArgs),
    /// Put a backup in the place of the database, which is kept beside it
    Restore(db_restore::RestoreArgs),
}

pub(super) fn run(args: &DbArgs, context: &Context) -> Result<(), CliError> {
    match &args.verb {
        Verb::Migrate => migrate(context),
        Verb::Check(args) => db_check::run(args, context),
        Verb::Backup(args) => db_backup::run(args, context),
        Verb::Restore(args) => db_restore::run(args, context),
    }
}

fn migrate(context: &Context) -> Result<(), CliError> {
    let done = Store::migrate(&context.database_path())?;
    context.seal_audit();
    if context.out.is_json() {
        return context.out.json(&json!({ "from": done.from, "to": done.to, "copy": done.copy }));
    }
    if done.from == done.to {
        return context.out.line(format!("schema version {} is current", done.to));
    }
    context.out.line(format!("schema version {} -> {}", done.from, done.to))?;
    if let Some(copy) = done.copy {
        context.out.note(format!("the database before is kept as {}", copy.display()));
    }
    Ok(())
}
