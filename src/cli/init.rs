//! `init`: the home folder, its configuration, database and master key.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use clap::Args;
use serde_json::json;

use super::{CliError, Context};
use crate::config::Config;
use crate::store::audit::{self, AuditEntry};
use crate::store::{Store, vault_meta};
use crate::vault::key_file::create_key_file;
use crate::vault::key_source::prompt_passphrase;
use crate::vault::{MasterKey, Salt, Vault, audit_seal};

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Protect the exchange keys by a passphrase that is asked for, instead of a key file
    #[arg(long)]
    passphrase: bool,
}

pub(super) fn run(args: &InitArgs, context: &Context) -> Result<(), CliError> {
    let made = make(args.passphrase, context)?;
    report(context, args.passphrase, made.config)
}

/// Makes a home with a key file, and says nothing.
pub(super) fn create(context: &Context) -> Result<(), CliError> {
    make(false, context).map(drop)
}

/// What was made.
struct Made {
    config: bool,
}

fn make(passphrase: bool, context: &Context) -> Result<Made, CliError> {
    let database = context.database_path();
    for (path, hint) in [
        (&database, "this folder is initialised; use another with --home DIR"),
        (
            &context.key_path(),
            "a key without its database: bring that back with `tradefleet db restore`, or move the key away",
        ),
    ] {
        if path.exists() {
            let message = format!("{} exists already", path.display());
            return Err(CliError { code: "exists", ..CliError::refused(message) }.hint(hint));
        }
    }
    context.config()?;
    let (key, salt) = new_key(passphrase)?;
    create_home(context.home())?;
    let made_config = write_config(&context.config_path())?;
    if salt.is_none() {
        create_key_file(&context.key_path(), &key)?;
    }
    let made = create_database(context, key, salt.as_ref());
    if let Err(error) = made {
        // Without its database the key protects nothing yet, and would block the next attempt.
        if salt.is_none() {
            drop(fs::remove_file(context.key_path()));
        }
        return Err(error);
    }
    Ok(Made { config: made_config })
}

fn new_key(from_passphrase: bool) -> Result<(MasterKey, Option<Salt>), CliError> {
    if !from_passphrase {
        return Ok((MasterKey::random()?, None));
    }
    let passphrase = prompt_passphrase("New passphrase of the key vault", true)?;
    let salt = Salt::random()?;
    Ok((MasterKey::from_passphrase(&passphrase, &salt)?, Some(salt)))
}

fn create_home(home: &Path) -> Result<(), CliError> {
    if home.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(home).map_err(|error| CliError::file(home, &error))
}

/// Writes the commented configuration; one that is there is kept.
fn write_config(path: &Path) -> Result<bool, CliError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match file {
        Ok(mut file) => {
            file.write_all(Config::template().as_bytes()).map_err(|error| CliError::file(path, &error))?;
            Ok(true)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(CliError::file(path, &error)),
    }
}

fn create_database(context: &Context, key: MasterKey, salt: Option<&Salt>) -> Result<(), CliError> {
    let now = context.now();
    let mut store = Store::create(&context.database_path())?;
    let (vault, meta) = Vault::initialise(key, salt, now)?;
    let entry = AuditEntry {
        at: now,
        actor: context.actor(),
        action: "init".to_owned(),
        account: None,
        subject: "vault".to_owned(),
        before: None,
        after: Some(json!({ "derivation": meta.derivation.as_str(), "key_version": meta.key_version })),
    };
    store.transaction(|conn| {
        vault_meta::write(conn, &meta)?;
        audit::append(conn, &entry)?;
        audit_seal::seal(&vault, conn, now).map(drop)
    })?;
    Ok(())
}

fn report(context: &Context, has_passphrase: bool, made_config: bool) -> Result<(), CliError> {
    let key_path = (!has_passphrase).then(|| context.key_path());
    if context.out.is_json() {
        return context.out.json(&json!({
            "home": context.home(),
            "config": context.config_path(),
            "config_created": made_config,
            "database": context.database_path(),
            "key_file": key_path,
        }));
    }
    context.out.line(format!("created {}", context.home().display()))?;
    if let Some(path) = key_path {
        context.out.note(format!(
            "keep a copy of {} apart from the backups: without it the exchange keys cannot be read",
            path.display()
        ));
    }
    context.out.note("next: tradefleet account add NAME --exchange paper");
    Ok(())
}
