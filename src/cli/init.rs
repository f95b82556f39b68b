//! `init`: the home folder, its configuration, database and master key.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use clap::Args;
use serde_json::json;

use super::context::key_in;
use super::{CliError, Context};
use crate::config::Config;
use crate::store::audit::{self, AuditEntry};
use crate::store::{OpenMode, Store, StoreError, files, vault_meta};
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
    if is_initialised(&context.database_path()) {
        let message = format!("{} exists already", context.database_path().display());
        let hint = "this folder is initialised; use another with --home DIR";
        return Err(CliError { code: "exists", ..CliError::refused(message) }.hint(hint));
    }
    context.config()?;
    create_home(context.home())?;
    let made_config = write_config(&context.config_path())?;
    let (key, salt) = key(passphrase, context)?;
    create_database(context, key, salt.as_ref())?;
    Ok(Made { config: made_config })
}

/// Whether there is a database, other than what a killed `init` leaves: one without a schema or without a vault.
fn is_initialised(database: &Path) -> bool {
    match Store::open(database, OpenMode::ReadOnly) {
        Ok(store) => !matches!(vault_meta::read(store.conn()), Ok(None)),
        Err(StoreError::NoDatabase { .. } | StoreError::NotMigrated { found: 0, .. }) => false,
        Err(_) => true,
    }
}

/// A new key, in its file unless it comes from a passphrase. A file that is there already, left by a killed `init` or by
/// a database that was lost, is the key to go on with.
fn key(from_passphrase: bool, context: &Context) -> Result<(MasterKey, Option<Salt>), CliError> {
    let path = context.key_path();
    if from_passphrase {
        if path.exists() {
            return Err(CliError::refused(format!("{} exists already", path.display()))
                .hint("a key beside a passphrase would be taken for it: move the key away"));
        }
        let passphrase = prompt_passphrase("New passphrase of the key vault", true)?;
        let salt = Salt::random()?;
        return Ok((MasterKey::from_passphrase(&passphrase, &salt)?, Some(salt)));
    }
    if let Some(found) = key_in(&path) {
        files::sync_parent(&path).map_err(|error| CliError::file(&path, &error))?;
        context.out.note(format!("{} is there already and is taken", path.display()));
        return Ok((found.raw_key()?, None));
    }
    let key = MasterKey::random()?;
    create_key_file(&path, &key)?;
    Ok((key, None))
}

fn create_home(home: &Path) -> Result<(), CliError> {
    if home.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(home).map_err(|error| CliError::file(home, &error))
}

/// Writes the commented configuration; one that is there is kept.
fn write_config(path: &Path) -> Result<bool, CliError> {
    match files::write_new(path, Config::template().as_bytes()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(CliError::file(path, &error)),
    }
}

fn create_database(context: &Context, key: MasterKey, salt: Option<&Salt>) -> Result<(), CliError> {
    let now = context.now();
    let path = context.database_path();
    let mut store = match Store::create(&path) {
        // What a killed `init` left had its schema already.
        Err(StoreError::Exists { .. }) => Store::open(&path, OpenMode::ReadWrite)?,
        created => created?,
    };
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
