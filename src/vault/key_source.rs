//! Where the master key comes from: the first of a systemd credential, a key file, the environment, a prompt.
//!
//! What a source holds is the key itself (64 hex digits) for a `raw` vault and the passphrase for an `argon2id` one.
//! A source that is there but unusable is an error; the next one is only tried when it is absent.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{Derivation, MasterKey, Salt, Secret, Vault, VaultError, VaultMeta, key_file};

const CREDENTIAL: &str = "tradefleet-master-key";
const VARIABLE: &str = "TRADEFLEET_MASTER_KEY";
const ENVIRONMENT_WARNING: &str = "the master key comes from the environment, which child processes inherit and \
     /proc shows to this user; a key file or a systemd credential is safer";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    Credential(PathBuf),
    KeyFile(PathBuf),
    Environment,
    Prompt,
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(path) => write!(f, "the systemd credential {}", path.display()),
            Self::KeyFile(path) => write!(f, "key file {}", path.display()),
            Self::Environment => write!(f, "the environment variable {VARIABLE}"),
            Self::Prompt => f.write_str("the passphrase entered"),
        }
    }
}

/// What a source holds, not yet made into a key.
#[derive(Debug)]
pub struct FoundKey {
    pub source: KeySource,
    pub text: Secret,
    /// To be shown to the operator.
    pub warning: Option<&'static str>,
}

impl FoundKey {
    /// The key, read or derived as the vault's row says.
    pub fn key(&self, meta: &VaultMeta) -> Result<MasterKey, VaultError> {
        match meta.derivation {
            Derivation::Raw => self.raw_key(),
            Derivation::Argon2id => {
                let salt = Salt::from_hex(meta.salt.as_deref().unwrap_or_default())?;
                MasterKey::from_passphrase(&self.text, &salt)
            }
        }
    }

    /// The text as a key, for a vault that is not initialised yet.
    pub fn raw_key(&self) -> Result<MasterKey, VaultError> {
        MasterKey::from_hex(&self.text).map_err(|_| VaultError::BadKey { origin: self.source.to_string() })
    }

    pub fn unlock(&self, meta: &VaultMeta) -> Result<Vault, VaultError> {
        Vault::unlock(self.key(meta)?, &self.source, meta)
    }
}

/// The places to look at.
#[derive(Debug, Clone, Default)]
pub struct KeyLookup {
    /// systemd's `$CREDENTIALS_DIRECTORY`.
    pub credentials_directory: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    /// The value of `TRADEFLEET_MASTER_KEY`.
    pub variable: Option<Secret>,
}

impl KeyLookup {
    /// The places as the process's environment names them, with the configured key file.
    pub fn from_environment(key_file: Option<&Path>) -> Self {
        Self {
            credentials_directory: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            key_file: key_file.map(Path::to_owned),
            variable: std::env::var(VARIABLE).ok().filter(|text| !text.is_empty()).map(Secret::new),
        }
    }

    /// The first source that is there. The prompt comes last, and only for a vault under a passphrase and a
    /// terminal to ask on.
    pub fn find(&self, meta: &VaultMeta) -> Result<FoundKey, VaultError> {
        if let Some(found) = self.find_stored()? {
            return Ok(found);
        }
        if meta.derivation == Derivation::Argon2id && dialoguer::console::Term::stderr().is_term() {
            let text = prompt_passphrase("Passphrase of the key vault", false)?;
            return Ok(FoundKey { source: KeySource::Prompt, text, warning: None });
        }
        Err(VaultError::NoKey { tried: self.tried() })
    }

    /// The first of the sources that need nobody to type; `None` when all are absent.
    pub fn find_stored(&self) -> Result<Option<FoundKey>, VaultError> {
        if let Some(directory) = &self.credentials_directory {
            let path = directory.join(CREDENTIAL);
            if let Some(text) = key_file::read_credential(&path)? {
                return Ok(Some(FoundKey { source: KeySource::Credential(path), text, warning: None }));
            }
        }
        if let Some(path) = &self.key_file
            && let Some(text) = key_file::read_private(path)?
        {
            return Ok(Some(FoundKey { source: KeySource::KeyFile(path.clone()), text, warning: None }));
        }
        Ok(self.variable.clone().map(|text| FoundKey {
            source: KeySource::Environment,
            text,
            warning: Some(ENVIRONMENT_WARNING),
        }))
    }

    fn tried(&self) -> String {
        let credential = match &self.credentials_directory {
            Some(directory) => format!("the systemd credential {}", directory.join(CREDENTIAL).display()),
            None => format!("the systemd credential {CREDENTIAL} (no credentials directory)"),
        };
        let file = match &self.key_file {
            Some(path) => format!("key file {}", path.display()),
            None => "a key file (none configured)".to_owned(),
        };
        format!("{credential}, {file}, the environment variable {VARIABLE}")
    }
}

/// Asks on the terminal, twice when a new passphrase is chosen.
pub fn prompt_passphrase(prompt: &str, is_new: bool) -> Result<Secret, VaultError> {
    let mut password = dialoguer::Password::new().with_prompt(prompt);
    if is_new {
        password = password.with_confirmation("Once more", "The two differ");
    }
    password.interact().map(Secret::new).map_err(|error| VaultError::Prompt { detail: error.to_string() })
}
