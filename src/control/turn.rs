//! One application of a command: who acts, what changed, and the audit entries that say so.

use rusqlite::Connection;
use serde_json::{Map, Value};

use super::grids::GridOutlook;
use super::{ControlError, Selection};
use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;
use crate::engine::settings::PolicyLimits;
use crate::store::accounts::{self, AccountRow};
use crate::store::audit::{self, AuditEntry};
use crate::vault::{Field, Secret, Vault};

/// Who acts, when, and within which limits.
#[derive(Clone, Copy)]
pub struct Authority<'a> {
    /// `cli:USER` or `telegram:CHAT`.
    pub actor: &'a str,
    pub now: Timestamp,
    pub limits: PolicyLimits,
    /// A person confirmed what is dangerous.
    pub confirmed: bool,
    /// Secrets of this command, and the vault that seals them.
    pub keys: Option<(&'a Vault, &'a AccountKeys)>,
}

/// The secrets that may come beside a command.
#[derive(Debug, Clone, Default)]
pub struct AccountKeys {
    pub api_key: Option<Secret>,
    pub api_secret: Option<Secret>,
    pub passphrase: Option<Secret>,
    pub bot_token: Option<Secret>,
}

impl AccountKeys {
    pub(super) const fn get(&self, field: Field) -> Option<&Secret> {
        match field {
            Field::ApiKey => self.api_key.as_ref(),
            Field::ApiSecret => self.api_secret.as_ref(),
            Field::Passphrase => self.passphrase.as_ref(),
            Field::BotToken => self.bot_token.as_ref(),
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.api_key.is_none()
            && self.api_secret.is_none()
            && self.passphrase.is_none()
            && self.bot_token.is_none()
    }
}

/// One value that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// As in the audit log: `add_bot`, `set_account`.
    pub action: &'static str,
    /// `account alpha`, `bot alpha/btc`, `strategy fast`.
    pub subject: String,
    pub key: String,
    /// `None` = it was not there.
    pub before: Option<String>,
    /// `None` = it is gone.
    pub after: Option<String>,
}

/// What a command did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    pub changes: Vec<Change>,
    /// The row that tells the daemon; `None` when nothing changed.
    pub command_id: Option<i64>,
    /// What grids that were added or edited come to.
    pub grids: Vec<GridOutlook>,
    /// Accounts it concerns that are in quarantine: nothing is done for them before that is ended.
    pub idle: Vec<String>,
}

/// What one subject had and has, key by key.
#[derive(Debug, Default)]
pub(super) struct Diff(Vec<(String, Option<String>, Option<String>)>);

impl Diff {
    /// Adds a key whose value differs.
    pub(super) fn compare(&mut self, key: &str, before: Option<String>, after: Option<String>) {
        if before != after {
            self.0.push((key.to_owned(), before, after));
        }
    }

    pub(super) fn added(key: &str, value: impl Into<String>) -> Self {
        Self(vec![(key.to_owned(), None, Some(value.into()))])
    }

    pub(super) fn flag(key: &str, before: bool, after: bool) -> Self {
        let word = |on: bool| Some(if on { "on" } else { "off" }.to_owned());
        let mut diff = Self::default();
        diff.compare(key, word(before), word(after));
        diff
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a change is about, for the audit log.
pub(super) struct Subject<'a> {
    pub(super) action: &'static str,
    pub(super) account: Option<&'a str>,
    pub(super) name: String,
}

/// A command being applied.
pub(super) struct Turn<'a> {
    pub(super) conn: &'a Connection,
    pub(super) by: Authority<'a>,
    pub(super) changes: Vec<Change>,
    pub(super) grids: Vec<GridOutlook>,
    touched: Vec<AccountId>,
}

impl<'a> Turn<'a> {
    pub(super) const fn new(conn: &'a Connection, by: Authority<'a>) -> Self {
        Self { conn, by, changes: Vec::new(), grids: Vec::new(), touched: Vec::new() }
    }

    /// Keeps the changes of one subject and appends its audit entry; nothing when nothing differs.
    pub(super) fn record(&mut self, subject: Subject<'_>, diff: Diff) -> Result<(), ControlError> {
        if diff.is_empty() {
            return Ok(());
        }
        let (mut before, mut after) = (Map::new(), Map::new());
        for (key, old, new) in diff.0 {
            if let Some(old) = &old {
                before.insert(key.clone(), Value::from(old.as_str()));
            }
            if let Some(new) = &new {
                after.insert(key.clone(), Value::from(new.as_str()));
            }
            self.changes.push(Change {
                action: subject.action,
                subject: subject.name.clone(),
                key,
                before: old,
                after: new,
            });
        }
        let value = |map: Map<String, Value>| (!map.is_empty()).then_some(Value::Object(map));
        audit::append(
            self.conn,
            &AuditEntry {
                at: self.by.now,
                actor: self.by.actor.to_owned(),
                action: subject.action.to_owned(),
                account: subject.account.map(str::to_owned),
                subject: subject.name,
                before: value(before),
                after: value(after),
            },
        )?;
        Ok(())
    }

    /// Notes that the command concerns this account.
    pub(super) fn touch(&mut self, account: AccountId) {
        if !self.touched.contains(&account) {
            self.touched.push(account);
        }
    }

    /// The accounts that the command concerns.
    pub(super) fn touched(&self) -> &[AccountId] {
        &self.touched
    }

    /// The account the command concerns, if it is exactly one.
    pub(super) fn only_account(&self) -> Option<AccountId> {
        match self.touched.as_slice() {
            [account] => Some(*account),
            _ => None,
        }
    }

    /// The accounts that are meant; none is an error.
    pub(super) fn select(&mut self, selection: &Selection) -> Result<Vec<AccountRow>, ControlError> {
        let rows = match selection {
            Selection::Named(names) => {
                names.iter().map(|name| accounts::find(self.conn, name)).collect::<Result<_, _>>()?
            }
            Selection::Tagged(tag) => accounts::tagged(self.conn, tag)?,
            Selection::All => accounts::list(self.conn)?,
        };
        if rows.is_empty() {
            let selection = match selection {
                Selection::Named(_) => "is named".to_owned(),
                Selection::Tagged(tag) => format!("carries the tag `{tag}`"),
                Selection::All => "is there yet".to_owned(),
            };
            return Err(ControlError::NothingSelected { selection });
        }
        for row in &rows {
            self.touch(row.id);
        }
        Ok(rows)
    }
}
