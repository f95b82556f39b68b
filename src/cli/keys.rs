//! `keys rotate`: a new master key for everything that is sealed.
//!
//! The new key is on disk before the one transaction that re-seals everything, and the old one until after it, so a
//! crash at any moment leaves both keys beside each other; [`Context::unlock`] tries both, and the next rotation goes on
//! where this one ended.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::context::key_in;
use super::{CliError, Context, Exit};
use crate::store::audit::{self, AuditEntry};
use crate::store::files::sync_parent;
use crate::store::{StoreError, lease, vault_meta};
use crate::vault::audit_seal::{self, Sealed};
use crate::vault::key_file::create_key_file;
use crate::vault::key_source::prompt_passphrase;
use crate::vault::{KeySource, MasterKey, Salt};

/// Where the unit's `LoadCredential=` reads the key from.
const CREDENTIAL: &str = "/etc/tradefleet/master.key";

#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Re-encrypt every secret under a new master key
    Rotate {
        /// Under a passphrase that is asked for, instead of a key file
        #[arg(long)]
        passphrase: bool,
        /// Keep the old key file as master.key.old: backups made so far need it
        #[arg(long)]
        keep_old: bool,
    },
}

pub(super) fn run(args: &KeysArgs, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::Rotate { passphrase, keep_old } => rotate(passphrase, keep_old, context),
    }
}

fn rotate(to_passphrase: bool, keep_old: bool, context: &Context) -> Result<(), CliError> {
    let mut store = context.write_store()?;
    if let Some(info) = lease::current(store.conn())?.filter(lease::LeaseInfo::is_live) {
        let owner = info.owner;
        return Err(
            StoreError::DaemonRunning { pid: owner.pid, host: owner.host, since: info.acquired_at }.into()
        );
    }
    let meta = context.vault_meta(&store)?;
    let files = KeyFiles::of(&context.key_path());
    if key_in(&files.new).is_some_and(|key| key.unlock(&meta).is_ok()) {
        files.swap(true, keep_old)?;
        context.out.note("the rotation that was interrupted is finished");
        return report(context, &files, vault_meta::sealed_fields(store.conn())?.len(), keep_old);
    }
    let found = context.find_key(&meta)?;
    if let KeySource::Credential(path) = &found.source {
        return Err(CliError::refused(format!(
            "the key in use is the systemd credential {}",
            path.display()
        ))
        .hint("put that key at master.key, rotate outside of systemd, then renew the credential (the rotation says how)"));
    }
    let old = found.unlock(&meta)?;
    let (key, salt) = files.new_key(to_passphrase)?;
    let (now, actor) = (context.now(), context.actor());
    let resealed = store.attempt(false, |conn| {
        Context::require_same_key(conn, &meta)?;
        let fields = vault_meta::sealed_fields(conn)?;
        let rotation = old.rotate(&meta, key, salt.as_ref(), &fields, now)?;
        vault_meta::write(conn, &rotation.meta)?;
        vault_meta::replace_sealed(conn, &rotation.fields)?;
        let entry = AuditEntry {
            at: now,
            actor,
            action: "rotate_keys".to_owned(),
            account: None,
            subject: "vault".to_owned(),
            before: Some(json!({ "key_version": meta.key_version, "derivation": meta.derivation.as_str() })),
            after: Some(json!({
                "key_version": rotation.meta.key_version, "derivation": rotation.meta.derivation.as_str(),
            })),
        };
        audit::append(conn, &entry)?;
        let is_sealed = audit_seal::reseal(&old, &rotation.vault, conn, now)?;
        Ok::<_, CliError>((fields.len(), is_sealed))
    });
    // The new key stays where the transaction failed: a commit whose flush failed may be found durable later.
    let (resealed, audit) = resealed?;
    files.swap(salt.is_none(), keep_old)?;
    if audit == Sealed::Refused {
        context.out.warn(
            "the audit log does not fit its seal, which was left as it is: run `tradefleet audit verify`",
        );
    }
    report(context, &files, resealed, keep_old)
}

fn report(context: &Context, files: &KeyFiles, resealed: usize, keep_old: bool) -> Result<(), CliError> {
    let kept = (keep_old && files.old.exists()).then_some(&files.old);
    // The daemon takes a credential before every other source, and does not start on the old key.
    context.out.warn(credential_left(&files.current));
    if context.out.is_json() {
        return context.out.json(&json!({ "resealed": resealed, "key_file": files.current, "kept": kept }));
    }
    context.out.line(format!("{resealed} secrets are under a new key"))?;
    match kept {
        Some(path) => context.out.note(format!("{} opens the backups made so far", path.display())),
        None => context.out.note("make a backup now: older ones cannot be opened by the new key"),
    }
    Ok(())
}

/// What is left to do where systemd hands the key over: it still hands over the old one.
fn credential_left(key_file: &Path) -> String {
    let before = format!("a systemd credential ({CREDENTIAL}) must be replaced before the daemon is started");
    if key_file.exists() {
        let key = key_file.display();
        format!(
            "the new key is in {key}, and nowhere else; {before}: `install -D -m 0400 {key} {CREDENTIAL}` as root"
        )
    } else {
        format!("the new key comes from the passphrase alone; {before}, by one that holds the passphrase")
    }
}

/// The key file, and its neighbours while a rotation runs.
pub(super) struct KeyFiles {
    current: PathBuf,
    pub(super) new: PathBuf,
    pub(super) old: PathBuf,
}

impl KeyFiles {
    pub(super) fn of(current: &Path) -> Self {
        let beside = |suffix: &str| {
            let mut name = current.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        Self { current: current.to_owned(), new: beside(".new"), old: beside(".old") }
    }

    /// The key to rotate to, in its file unless it comes from a passphrase. One that an interrupted rotation has left is
    /// taken, so that no key is ever thrown away.
    fn new_key(&self, from_passphrase: bool) -> Result<(MasterKey, Option<Salt>), CliError> {
        Self::require_absent(&self.old)?;
        if from_passphrase {
            Self::require_absent(&self.new)?;
            let passphrase = prompt_passphrase("New passphrase of the key vault", true)?;
            let salt = Salt::random()?;
            return Ok((MasterKey::from_passphrase(&passphrase, &salt)?, Some(salt)));
        }
        if let Some(left) = key_in(&self.new) {
            sync_parent(&self.new).map_err(|error| CliError::file(&self.new, &error))?;
            return Ok((left.raw_key()?, None));
        }
        let key = MasterKey::random()?;
        create_key_file(&self.new, &key)?;
        Ok((key, None))
    }

    fn require_absent(path: &Path) -> Result<(), CliError> {
        if path.exists() {
            return Err(CliError::new(Exit::Refused, format!("{} is still there", path.display()))
                .hint("it may be the only copy of a key: move it away first"));
        }
        Ok(())
    }

    /// Puts the new key in the place of the old one. There is a key in that place at every moment.
    fn swap(&self, has_new: bool, keep_old: bool) -> Result<(), CliError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error: std::io::Error| CliError::file(&path, &error)
        };
        if self.current.exists() && !self.old.exists() {
            let kept = if has_new {
                fs::hard_link(&self.current, &self.old).or_else(|_| fs::rename(&self.current, &self.old))
            } else {
                fs::rename(&self.current, &self.old)
            };
            kept.map_err(failed(&self.current))?;
        }
        if has_new {
            fs::rename(&self.new, &self.current).map_err(failed(&self.new))?;
        }
        sync_parent(&self.current).map_err(failed(&self.current))?;
        if !keep_old && self.old.exists() {
            fs::remove_file(&self.old).map_err(failed(&self.old))?;
        }
        Ok(())
    }
}
