//! `db migrate|check|backup|restore`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{CliError, Context, db_check};
use crate::store::{Store, backup};

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
    /// Copy the database to a new file, while the daemon runs
    Backup { file: PathBuf },
    /// Put a backup in the place of the database, which is kept beside it
    Restore { file: PathBuf },
}

pub(super) fn run(args: &DbArgs, context: &Context) -> Result<(), CliError> {
    match &args.verb {
        Verb::Migrate => migrate(context),
        Verb::Check(args) => db_check::run(args, context),
        Verb::Backup { file } => {
            let report = backup::backup(&context.database_path(), file)?;
            if context.out.is_json() {
                return context.out.json(&json!({
                    "path": report.path, "bytes": report.bytes, "schema_version": report.schema_version,
                }));
            }
            context.out.line(format!("{} ({} bytes)", report.path.display(), report.bytes))?;
            context.out.note("the master key is not in it: keep a copy of the key apart");
            Ok(())
        }
        Verb::Restore { file } => {
            let report = backup::restore(file, &context.database_path())?;
            if context.out.is_json() {
                return context.out.json(&json!({
                    "schema_version": report.schema_version, "replaced": report.replaced,
                }));
            }
            context.out.line(format!("restored {}", file.display()))?;
            if let Some(kept) = report.replaced {
                context.out.note(format!("the database before is kept as {}", kept.display()));
            }
            Ok(())
        }
    }
}

fn migrate(context: &Context) -> Result<(), CliError> {
    let done = Store::migrate(&context.database_path())?;
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
