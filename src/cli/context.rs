//! What every command needs: paths, configuration, store, vault, who acts, what time it is.

use std::cell::OnceCell;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::{CliError, Exit};
use super::keys::KeyFiles;
use super::output::Output;
use rusqlite::Connection;

use crate::clock;
use crate::config::{Config, LoadedConfig};
use crate::domain::time::Timestamp;
use crate::store::{OpenMode, Store, vault_meta};
use crate::vault::audit_seal::{self, Sealed};
use crate::vault::{Derivation, FoundKey, KeyLookup, Vault, VaultError, VaultMeta};

pub struct Context {
    pub out: Output,
    home: PathBuf,
    config: OnceCell<LoadedConfig>,
}

impl Context {
    pub const fn new(home: PathBuf, out: Output) -> Self {
        Self { out, home, config: OnceCell::new() }
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    pub fn config_path(&self) -> PathBuf {
        self.home.join("config.toml")
    }

    pub fn database_path(&self) -> PathBuf {
        self.home.join("tradefleet.db")
    }

    /// Where parameter searches are kept.
    pub fn research_path(&self) -> PathBuf {
        self.home.join("research.db")
    }

    pub fn key_path(&self) -> PathBuf {
        self.home.join("master.key")
    }

    /// The configuration; an absent file gives the defaults, a faulty one is an error.
    pub fn config(&self) -> Result<&Config, CliError> {
        self.loaded_config().map(|loaded| &loaded.config)
    }

    /// The configuration with the source of each key.
    pub fn loaded_config(&self) -> Result<&LoadedConfig, CliError> {
        if let Some(loaded) = self.config.get() {
            return Ok(loaded);
        }
        let loaded = LoadedConfig::load(&self.config_path())?;
        Ok(self.config.get_or_init(|| loaded))
    }

    /// The database, for reading.
    pub fn read_store(&self) -> Result<Store, CliError> {
        Ok(Store::open(&self.database_path(), OpenMode::ReadOnly)?)
    }

    /// The database, for writing.
    pub fn write_store(&self) -> Result<Store, CliError> {
        Ok(Store::open(&self.database_path(), OpenMode::ReadWrite)?)
    }

    pub fn vault_meta(&self, store: &Store) -> Result<VaultMeta, CliError> {
        vault_meta::read(store.conn())?.ok_or_else(|| {
            CliError::new(Exit::Vault, "the database has no key vault").hint("run `tradefleet init`")
        })
    }

    /// Finds the master key; may ask for a passphrase.
    pub fn find_key(&self, meta: &VaultMeta) -> Result<FoundKey, CliError> {
        let found = KeyLookup::from_environment(Some(&self.key_path())).find(meta).map_err(|error| {
            let is_missing = matches!(error, VaultError::NoKey { .. });
            let error = CliError::from(error);
            let place = self.key_path().display().to_string();
            let hint = format!("put the key file back at {place}, or set TRADEFLEET_MASTER_KEY");
            if is_missing { error.hint(hint) } else { error }
        })?;
        if let Some(warning) = found.warning {
            self.out.warn(warning);
        }
        Ok(found)
    }

    /// Refuses to go on when another process has rotated the key since `meta` was read: what is sealed under the old
    /// key could never be read again. Belongs into the writing transaction.
    pub fn require_same_key(conn: &Connection, meta: &VaultMeta) -> Result<(), CliError> {
        if vault_meta::read(conn)?.is_some_and(|now| now.key_check == meta.key_check) {
            return Ok(());
        }
        Err(CliError::new(Exit::Vault, "the master key was rotated meanwhile").hint("try again"))
    }

    /// Unlocks the vault. Only commands that touch secrets do this.
    pub fn unlock(&self, store: &Store) -> Result<Vault, CliError> {
        let meta = self.vault_meta(store)?;
        let failed = match self.find_key(&meta) {
            Ok(found) => match found.unlock(&meta) {
                Err(error @ VaultError::WrongKey { .. }) => error.into(),
                other => return Ok(other?),
            },
            Err(error) => error,
        };
        self.unlock_interrupted(&meta).ok_or(failed)
    }

    /// The master key, where nobody needs to be asked for it.
    pub fn stored_key(&self) -> Result<Option<FoundKey>, CliError> {
        Ok(KeyLookup::from_environment(Some(&self.key_path())).find_stored()?)
    }

    /// Seals the audit log, where the key is at hand.
    pub fn seal_audit(&self) {
        let sealed = self.write_store().and_then(|mut store| match vault_meta::read(store.conn())? {
            Some(meta) => self.seal_with(&mut store, &meta),
            None => Ok(()),
        });
        if let Err(error) = sealed {
            self.out.warn(format!("the audit log could not be sealed: {error}"));
        }
    }

    /// [`Self::seal_audit`] of an open database, after each change. Deriving the key from a passphrase would take
    /// longer than a change should: then the daemon does it.
    pub fn seal_audit_of(&self, store: &mut Store) -> Result<(), CliError> {
        match vault_meta::read(store.conn())?.filter(|meta| meta.derivation == Derivation::Raw) {
            Some(meta) => self.seal_with(store, &meta),
            None => Ok(()),
        }
    }

    fn seal_with(&self, store: &mut Store, meta: &VaultMeta) -> Result<(), CliError> {
        let Some(vault) = self.stored_key()?.and_then(|found| found.unlock(meta).ok()) else {
            return Ok(());
        };
        let now = self.now();
        if store.transaction(|conn| audit_seal::seal(&vault, conn, now))? == Sealed::Refused {
            self.out.warn("the audit log does not fit its seal: run `tradefleet audit verify`");
        }
        Ok(())
    }

    /// A rotation that was killed leaves the right key beside the key file.
    fn unlock_interrupted(&self, meta: &VaultMeta) -> Option<Vault> {
        let files = KeyFiles::of(&self.key_path());
        [files.new, files.old].into_iter().find_map(|path| {
            let vault = key_in(&path)?.unlock(meta).ok()?;
            let (right, place) = (path.display(), self.key_path());
            self.out.warn(format!("a rotation was interrupted: move {right} to {}", place.display()));
            Some(vault)
        })
    }

    /// Who acts, for the audit log: `cli:USER`.
    pub fn actor(&self) -> String {
        let user = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        // Services and cron jobs often have no name, but every process has a user id.
        let uid = || {
            std::fs::metadata("/proc/self").map_or("unknown".to_owned(), |own| format!("uid{}", own.uid()))
        };
        format!("cli:{}", user.filter(|user| !user.is_empty()).unwrap_or_else(uid))
    }

    pub fn now(&self) -> Timestamp {
        clock::wall_now()
    }
}

/// What a key file holds, if it is there and can be read.
pub(super) fn key_in(path: &Path) -> Option<FoundKey> {
    KeyLookup { key_file: Some(path.to_owned()), ..KeyLookup::default() }.find_stored().ok()?
}
