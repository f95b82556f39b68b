//! `db restore`: a backup takes the place of the database, which is kept.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{CliError, Context, figures, secrets, when};
use crate::backup::{BackupError, Key, cipher, rotation};
use crate::store::StoreError;
use crate::store::files;
use crate::store::restore::{self, Contents, Restorer};
use crate::store::vault_meta;

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// A backup, encrypted or not
    file: PathBuf,
    /// age identity file that opens an encrypted one
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Environment variable that holds the passphrase of an encrypted one
    #[arg(long, value_name = "NAME", conflicts_with = "identity")]
    passphrase_env: Option<String>,
    /// Do not ask; needed where nobody could answer
    #[arg(long)]
    yes: bool,
    /// Say what is in the backup, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &RestoreArgs, context: &Context) -> Result<(), CliError> {
    let database = context.database_path();
    let opened = Opened::of(args, &database)?;
    let copy = opened.path();
    let contents = restore::inspect(copy).map_err(|error| of_copy(error, &args.file))?;
    if args.dry_run {
        return report(&contents, None, &[], args, context);
    }
    if database.exists() && !args.yes {
        confirm(&contents, context)?;
    }
    let now = context.now();
    let origin = args.file.display().to_string();
    let (actor, stamp) = (context.actor(), rotation::stamp(now));
    let by = Restorer { actor: &actor, now, origin: &origin, stamp: &stamp };
    let done = restore::restore(copy, &database, by)?;
    drop(opened);
    require_key(context);
    context.seal_audit();
    report(&done.contents, done.replaced.as_deref(), &done.halts_kept, args, context)
}

/// What is damaged is the backup, not the database that it was to replace: that one is not touched.
fn of_copy(error: StoreError, file: &Path) -> CliError {
    let StoreError::Corrupt { detail } = &error else { return error.into() };
    CliError {
        message: format!("the backup {} is damaged: {detail}", file.display()),
        hint: Some("nothing was changed; give another backup".to_owned()),
        ..error.into()
    }
}

/// The copy as a database: itself, or decrypted beside the database's place and removed in the end.
enum Opened<'a> {
    AsItIs(&'a Path),
    Decrypted(PathBuf),
}

impl<'a> Opened<'a> {
    fn of(args: &'a RestoreArgs, database: &Path) -> Result<Self, CliError> {
        if !cipher::is_encrypted(&args.file)? {
            return Ok(Self::AsItIs(&args.file));
        }
        let key = match (&args.identity, &args.passphrase_env) {
            (Some(path), _) => Key::from_file(path)?,
            (None, Some(name)) => Key::Passphrase(secrets::of_variable(name)?),
            (None, None) => return Err(BackupError::Locked { path: args.file.clone() }.into()),
        };
        files::create_parent(database)?;
        let plain = files::sibling(database, ".decrypted");
        files::remove(&plain)?;
        cipher::decrypt(&args.file, &plain, &key)?;
        Ok(Self::Decrypted(plain))
    }

    fn path(&self) -> &Path {
        match self {
            Self::AsItIs(path) => path,
            Self::Decrypted(path) => path,
        }
    }
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        if let Self::Decrypted(path) = self {
            drop(files::remove(path));
        }
    }
}

/// Asks, where somebody is there.
fn confirm(contents: &Contents, context: &Context) -> Result<(), CliError> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() || context.out.is_json() {
        let what = "a backup takes the place of the present database only when that is confirmed";
        let error = CliError::refused(what).hint("repeat with --yes: the present database is kept beside it");
        return Err(CliError { code: "needs_confirmation", ..error });
    }
    context.out.note(summary(contents));
    let is_wanted = dialoguer::Confirm::new()
        .with_prompt("Put it in the place of the present database, which is kept beside it?")
        .default(false)
        .interact()
        .map_err(|error| CliError::usage(format!("no answer: {error}")).hint("say --yes"))?;
    if is_wanted { Ok(()) } else { Err(CliError::refused("nothing was restored")) }
}

/// A backup from before a `keys rotate` needs the key of its time.
fn require_key(context: &Context) {
    let opens = || -> Result<bool, CliError> {
        let store = context.read_store()?;
        let Some(meta) = vault_meta::read(store.conn())? else { return Ok(true) };
        Ok(context.stored_key()?.is_none_or(|found| found.unlock(&meta).is_ok()))
    };
    if !opens().unwrap_or(true) {
        context.out.warn(
            "the master key here does not open this backup's secrets: put back the key of its time (master.key.old)",
        );
    }
}

fn summary(contents: &Contents) -> String {
    format!(
        "a backup of schema version {}: {}, {}, {}, {}; last cycle {}, last change {}",
        contents.schema_version,
        figures::counted(contents.accounts, "account"),
        figures::counted(contents.bots, "bot"),
        figures::counted(contents.orders, "order"),
        figures::counted(contents.fills, "fill"),
        when::minute_opt(contents.last_cycle_at),
        when::minute_opt(contents.last_audit_at),
    )
}

fn document(contents: &Contents) -> Value {
    json!({
        "accounts": contents.accounts, "bots": contents.bots, "orders": contents.orders, "fills": contents.fills,
        "last_cycle_at": contents.last_cycle_at, "last_audit_at": contents.last_audit_at,
        "audit_entries": contents.audit.as_ref().map_or(0, |head| head.id),
        "audit_head": contents.audit.as_ref().map(|head| head.hash.as_str()),
    })
}

fn report(
    contents: &Contents,
    replaced: Option<&Path>,
    halts_kept: &[String],
    args: &RestoreArgs,
    context: &Context,
) -> Result<(), CliError> {
    if context.out.is_json() {
        return context.out.json(&json!({
            "dry_run": args.dry_run, "schema_version": contents.schema_version, "replaced": replaced,
            "halts_kept": halts_kept, "contents": document(contents),
        }));
    }
    let verb = if args.dry_run { "would restore" } else { "restored" };
    context.out.line(format!("{verb} {}", args.file.display()))?;
    context.out.line(summary(contents))?;
    if let Some(kept) = replaced {
        context.out.note(format!("the database before is kept as {}", kept.display()));
    }
    if !halts_kept.is_empty() {
        context.out.note(format!("still halted, as when it was restored: {}", halts_kept.join(", ")));
    }
    if !args.dry_run {
        context
            .out
            .note("next: tradefleet db check, then start the daemon; it compares with the exchanges first");
    }
    Ok(())
}
