//! `db backup`: a checked copy, in a folder where older ones rotate or under a name of its own.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{CliError, Context, Exit, figures, secrets};
use crate::backup::{self, BackupError, Keep, Lock, Made, Plan, Target};
use crate::config::BackupConfig;
use crate::domain::time::DurationMs;
use crate::store::{StoreError, backup_log};

/// Where copies go when neither the command line nor the configuration says it, in the home folder.
const DEFAULT_DIR: &str = "backups";

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to make; without it and --dir a dated one in `backup.dir`, or in the folder `backups` of the home
    #[arg(value_name = "FILE", conflicts_with = "dir")]
    file: Option<PathBuf>,
    /// The same as FILE
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "dir"])]
    out: Option<PathBuf>,
    /// Make a dated file in this folder, and remove what is beyond --keep and --keep-days
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Keep the newest so many of the folder [default: backup.keep]
    #[arg(long, value_name = "N", conflicts_with_all = ["file", "out"], value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Keep none older than this many days [default: backup.keep_days]
    #[arg(long, value_name = "DAYS", conflicts_with_all = ["file", "out"], value_parser = clap::value_parser!(u32).range(1..=36_500))]
    keep_days: Option<u32>,
    #[command(flatten)]
    lock: LockArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Encryption (age; `age -d` and `db restore` read it)")]
struct LockArgs {
    /// Encrypt to this public key, age1...; may be repeated [default: backup.recipients, unless FILE is given]
    #[arg(long, value_name = "AGE1...")]
    recipient: Vec<String>,
    /// Encrypt to the public keys of this file, one a line
    #[arg(long, value_name = "FILE", conflicts_with = "recipient")]
    recipients_file: Option<PathBuf>,
    /// Encrypt under the passphrase in this environment variable
    #[arg(long, value_name = "NAME", conflicts_with_all = ["recipient", "recipients_file"])]
    passphrase_env: Option<String>,
    /// Do not encrypt, whatever backup.recipients says
    #[arg(long, conflicts_with_all = ["recipient", "recipients_file", "passphrase_env"])]
    plain: bool,
}

impl LockArgs {
    fn lock(&self) -> Result<Option<Lock>, CliError> {
        if let Some(name) = &self.passphrase_env {
            return Ok(Some(Lock::Passphrase(secrets::of_variable(name)?)));
        }
        if let Some(path) = &self.recipients_file {
            return Ok(Some(Lock::to_file(path)?));
        }
        Self::to(&self.recipient)
    }

    /// What holds for a copy in a folder, where nothing was said.
    fn or_configured(&self, config: &BackupConfig) -> Result<Option<Lock>, CliError> {
        match self.lock()? {
            None if !self.plain => Self::to(&config.recipients),
            said => Ok(said),
        }
    }

    fn to(recipients: &[String]) -> Result<Option<Lock>, CliError> {
        if recipients.is_empty() { Ok(None) } else { Ok(Some(Lock::to(recipients)?)) }
    }
}

impl BackupArgs {
    fn plan(&self, context: &Context) -> Result<Plan, CliError> {
        let database = context.database_path();
        // A file that is named needs no configuration: a mistake there keeps nobody from it.
        if let Some(file) = self.file.as_ref().or(self.out.as_ref()) {
            return Ok(Plan { database, target: Target::File(file.clone()), lock: self.lock.lock()? });
        }
        let config = &context.config()?.backup;
        let dir = self.dir.as_ref().or(config.dir.as_ref());
        let dir = dir.cloned().unwrap_or_else(|| context.home().join(DEFAULT_DIR));
        let target = Target::Folder { dir, keep: self.keep(config) };
        Ok(Plan { database, target, lock: self.lock.or_configured(config)? })
    }

    fn keep(&self, config: &BackupConfig) -> Keep {
        let days = self.keep_days.map(|days| DurationMs::from_secs(86_400).times(i64::from(days)));
        Keep { count: self.keep.unwrap_or(config.keep), age: days.or(config.keep_age) }
    }
}

pub(super) fn run(args: &BackupArgs, context: &Context) -> Result<(), CliError> {
    let plan = args.plan(context)?;
    let started_at = context.now();
    let outcome = backup::make(&plan, started_at);
    // What was refused was no attempt.
    let is_refused =
        matches!(outcome, Err(BackupError::Exists { .. } | BackupError::Store(StoreError::Exists { .. })));
    if !is_refused {
        record(&plan, &outcome, started_at, context);
    }
    report(&outcome?, context)
}

/// So that a daemon, `status` and `doctor` know. A database that cannot be written can be copied all the same.
fn record(
    plan: &Plan,
    outcome: &Result<Made, BackupError>,
    started_at: crate::domain::time::Timestamp,
    context: &Context,
) {
    let row = plan.row(outcome, &context.actor(), started_at, context.now());
    let written = context
        .write_store()
        .and_then(|mut store| Ok(store.transaction(|conn| backup_log::record(conn, &row))?));
    if let Err(error) = written {
        context.out.warn(format!("the log of backups could not be written: {error}"));
    }
}

fn report(made: &Made, context: &Context) -> Result<(), CliError> {
    let rows: u64 = made.rows.values().sum();
    if context.out.is_json() {
        return context.out.json(&json!({
            "path": made.path, "bytes": made.bytes, "sha256": made.sha256, "schema_version": made.schema_version,
            "rows": rows, "tables": made.rows, "encrypted": made.encrypted, "removed": made.removed,
        }));
    }
    let lock = if made.encrypted { ", encrypted" } else { "" };
    context.out.line(format!("{} ({} bytes{lock})", made.path.display(), made.bytes))?;
    context.out.note(format!(
        "checked: {} in {}, sha256 {}",
        figures::counted(rows, "row"),
        figures::counted(u64::try_from(made.rows.len()).unwrap_or(0), "table"),
        made.sha256
    ));
    if !made.removed.is_empty() {
        let count = u64::try_from(made.removed.len()).unwrap_or(0);
        context.out.note(format!("{} removed", figures::counted(count, "older backup")));
    }
    context.out.note("the master key is not in it: keep a copy of the key apart");
    Ok(())
}

impl From<BackupError> for CliError {
    fn from(error: BackupError) -> Self {
        let (exit, code) = match &error {
            BackupError::Store(error) => return error.clone().into(),
            BackupError::Exists { .. } => (Exit::Refused, "exists"),
            BackupError::NotARecipient { .. }
            | BackupError::NoRecipient { .. }
            | BackupError::Input { .. }
            | BackupError::NotAnIdentity { .. } => (Exit::Usage, "bad_input"),
            BackupError::Locked { .. } | BackupError::Undecryptable { .. } => (Exit::Refused, "locked"),
            BackupError::ReadsBackDifferently | BackupError::Encryption { .. } | BackupError::File { .. } => {
                (Exit::Failure, "failure")
            }
        };
        Self { code, hint: error.hint(), ..Self::new(exit, error.to_string()) }
    }
}
