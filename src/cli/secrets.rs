//! Exchange keys and bot tokens from the environment, from files, or typed without echo; never as plain arguments, which every
//! process of the machine can read.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{CliError, Context};
use crate::control::AccountKeys;
use crate::domain::kind::ExchangeKind;
use crate::vault::Secret;
use crate::vault::key_source::prompt_passphrase;

#[derive(Debug, Args)]
#[command(next_help_heading = "Exchange keys (asked for on a terminal when not given)")]
pub(super) struct KeyArgs {
    /// Environment variable that holds the API key
    #[arg(long, value_name = "NAME", conflicts_with = "api_key_file")]
    api_key_env: Option<String>,
    /// File that holds the API key
    #[arg(long, value_name = "PATH")]
    api_key_file: Option<PathBuf>,
    /// Environment variable that holds the API secret
    #[arg(long, value_name = "NAME", conflicts_with = "api_secret_file")]
    api_secret_env: Option<String>,
    /// File that holds the API secret
    #[arg(long, value_name = "PATH")]
    api_secret_file: Option<PathBuf>,
    /// Environment variable that holds the passphrase (bitget)
    #[arg(long, value_name = "NAME", conflicts_with = "passphrase_file")]
    passphrase_env: Option<String>,
    /// File that holds the passphrase (bitget)
    #[arg(long, value_name = "PATH")]
    passphrase_file: Option<PathBuf>,
}

impl KeyArgs {
    pub(super) const fn is_empty(&self) -> bool {
        self.api_key_env.is_none()
            && self.api_key_file.is_none()
            && self.api_secret_env.is_none()
            && self.api_secret_file.is_none()
            && self.passphrase_env.is_none()
            && self.passphrase_file.is_none()
    }

    /// What was given.
    pub(super) fn read(&self) -> Result<AccountKeys, CliError> {
        Ok(AccountKeys {
            api_key: one(self.api_key_env.as_deref(), self.api_key_file.as_deref())?,
            api_secret: one(self.api_secret_env.as_deref(), self.api_secret_file.as_deref())?,
            passphrase: one(self.passphrase_env.as_deref(), self.passphrase_file.as_deref())?,
            bot_token: None,
        })
    }

    /// What was given; what the exchange needs beyond that is asked for, if somebody is there.
    pub(super) fn read_or_ask(
        &self,
        exchange: ExchangeKind,
        context: &Context,
    ) -> Result<AccountKeys, CliError> {
        let mut keys = self.read()?;
        if !is_attended(context) {
            return Ok(keys);
        }
        let (needs_keys, needs_passphrase) = match exchange {
            ExchangeKind::Paper => (false, false),
            ExchangeKind::Binance | ExchangeKind::Upbit => (true, false),
            ExchangeKind::Bitget => (true, true),
        };
        for (slot, prompt, is_needed) in [
            (&mut keys.api_key, "API key", needs_keys),
            (&mut keys.api_secret, "API secret", needs_keys),
            (&mut keys.passphrase, "Passphrase of the API key", needs_passphrase),
        ] {
            if is_needed && slot.is_none() {
                *slot = Some(prompt_passphrase(prompt, false)?);
            }
        }
        Ok(keys)
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Bot token (asked for on a terminal when there is none yet)")]
pub(super) struct TokenArgs {
    /// Environment variable that holds the token
    #[arg(long, value_name = "NAME", conflicts_with = "token_file")]
    token_env: Option<String>,
    /// File that holds the token
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
}

impl TokenArgs {
    /// What was given; one that is needed is asked for, if somebody is there.
    pub(super) fn read_or_ask(&self, is_needed: bool, context: &Context) -> Result<Option<Secret>, CliError> {
        let given = one(self.token_env.as_deref(), self.token_file.as_deref())?;
        if given.is_some() || !is_needed || !is_attended(context) {
            return Ok(given);
        }
        Ok(Some(prompt_passphrase("Token of the Telegram bot", false)?))
    }
}

/// Whether a person is there who can be asked.
fn is_attended(context: &Context) -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal() && !context.out.is_json()
}

/// The secret in an environment variable.
pub(super) fn of_variable(name: &str) -> Result<Secret, CliError> {
    one(Some(name), None)?.ok_or_else(|| CliError::usage(format!("environment variable `{name}` is not set")))
}

fn one(variable: Option<&str>, file: Option<&Path>) -> Result<Option<Secret>, CliError> {
    let text = match (variable, file) {
        (Some(name), _) => std::env::var(name)
            .map_err(|_| CliError::usage(format!("environment variable `{name}` is not set")))?,
        (None, Some(path)) => std::fs::read_to_string(path)
            .map_err(|error| CliError::usage(format!("{}: {error}", path.display())))?,
        (None, None) => return Ok(None),
    };
    let text = text.trim();
    if text.is_empty() {
        let place =
            variable.map_or_else(|| file.unwrap_or(Path::new("")).display().to_string(), str::to_owned);
        return Err(CliError::usage(format!("the secret in `{place}` is empty")));
    }
    Ok(Some(Secret::new(text.to_owned())))
}
