//! Many accounts from one TOML file, all or nothing. `accounts.example.toml` shows the layout.
//!
//! Reading finds every mistake of the file at once, each with its line; applying makes ordinary commands of it, so
//! an imported account went through the same checks as one that was added by hand.

mod read;
mod secrets;

use std::path::Path;

use rusqlite::Connection;

use super::apply::{finish, perform};
use super::command::{NewAccount, NewBotSpec, NewStrategy, TelegramValues};
use super::turn::Turn;
use super::{AccountKeys, Applied, Authority, Command, ControlError, Selection, strategies};
use crate::config::document::Problem;
use crate::engine::settings::PolicyLimits;
use crate::store::{StoreError, strategies as strategy_rows};
use crate::vault::Vault;

/// How a file is read.
#[derive(Clone, Copy)]
pub struct ImportOptions<'a> {
    /// `file:` paths are relative to this folder.
    pub base: &'a Path,
    /// Secrets whose variable or file is missing become placeholders. Only for rehearsals that never leave the
    /// embedded exchange.
    pub placeholders: bool,
    pub limits: PolicyLimits,
}

/// What a file asks for, checked as far as it can be without the database.
#[derive(Debug, Default)]
pub struct Fleet {
    strategies: Vec<(usize, NewStrategy)>,
    accounts: Vec<PlannedAccount>,
}

#[derive(Debug)]
struct PlannedAccount {
    line: usize,
    new: NewAccount,
    keys: AccountKeys,
    is_active: bool,
    /// Its line; the token is among the keys.
    telegram: Option<(usize, TelegramValues)>,
    bots: Vec<(usize, NewBotSpec)>,
}

impl Fleet {
    /// Reads a file's text.
    pub fn read(text: &str, options: ImportOptions<'_>) -> Result<Self, ControlError> {
        read::fleet(text, options).map_err(|problems| ControlError::Import { problems })
    }

    /// Whether it brings secrets, so that [`Self::apply`] needs the vault.
    pub fn has_secrets(&self) -> bool {
        self.accounts.iter().any(|account| !account.keys.is_empty())
    }

    pub fn account_names(&self) -> Vec<String> {
        self.accounts.iter().map(|account| account.new.name.clone()).collect()
    }

    pub fn bot_count(&self) -> usize {
        self.accounts.iter().map(|account| account.bots.len()).sum()
    }

    /// Adds everything on a connection that is in a writing transaction. On an error the caller rolls back.
    pub fn apply(
        &self,
        conn: &Connection,
        by: Authority<'_>,
        vault: Option<&Vault>,
    ) -> Result<Applied, ControlError> {
        let mut turn = Turn::new(conn, Authority { keys: None, ..by });
        for (line, new) in &self.strategies {
            at_line(*line, add_strategy(&mut turn, new))?;
        }
        for account in &self.accounts {
            turn.by.keys = vault.filter(|_| !account.keys.is_empty()).map(|vault| (vault, &account.keys));
            account.add(&mut turn)?;
        }
        finish(turn, &Command::Import { accounts: self.account_names() })
    }
}

impl PlannedAccount {
    fn add(&self, turn: &mut Turn<'_>) -> Result<(), ControlError> {
        let name = &self.new.name;
        at_line(self.line, perform(turn, &Command::AddAccount(self.new.clone())))?;
        if let Some((line, values)) = &self.telegram {
            at_line(
                *line,
                perform(turn, &Command::SetTelegram { account: name.clone(), values: values.clone() }),
            )?;
        }
        for (line, bot) in &self.bots {
            at_line(*line, perform(turn, &Command::AddBot(bot.clone())))?;
        }
        if !self.is_active {
            let accounts = Selection::one(name.as_str());
            at_line(self.line, perform(turn, &Command::DeactivateAccounts { accounts }))?;
        }
        Ok(())
    }
}

/// Adds a strategy, unless an equal one is there: an export can be imported beside what it came from.
fn add_strategy(turn: &mut Turn<'_>, new: &NewStrategy) -> Result<(), ControlError> {
    let row = match strategy_rows::find(turn.conn, &new.name) {
        Ok(row) => row,
        Err(StoreError::NotFound { .. }) => return perform(turn, &Command::AddStrategy(new.clone())),
        Err(other) => return Err(other.into()),
    };
    let mut params = crate::strategy::StrategyParams::new(new.kind);
    for assignment in &new.values {
        params.set(&assignment.key, &assignment.value)?;
    }
    let is_equal = row.kind == new.kind.as_str()
        && row.timeframe == new.timeframe
        && strategies::strategy_params(&row)?.canonical() == params.canonical();
    if is_equal {
        Ok(())
    } else {
        Err(StoreError::Exists { what: "strategy", name: new.name.clone() }.into())
    }
}

/// An error of one part, with the line the part starts on.
fn at_line(line: usize, outcome: Result<(), ControlError>) -> Result<(), ControlError> {
    outcome.map_err(|error| {
        if is_no_fault_of_the_file(&error) {
            return error;
        }
        ControlError::Import { problems: vec![Problem { line, message: error.to_string() }] }
    })
}

/// Whether the database or the vault failed.
const fn is_no_fault_of_the_file(error: &ControlError) -> bool {
    matches!(
        error,
        ControlError::Vault(_)
            | ControlError::Store(
                StoreError::Busy
                    | StoreError::DiskFull
                    | StoreError::ReadOnly { .. }
                    | StoreError::Corrupt { .. }
                    | StoreError::Other { .. }
            )
    )
}
