//! Which bots a command means: `NAME`, `ACCOUNT/NAME`, `--account`, `--tag`, `--all`.

use clap::Args;

use crate::cli::{CliError, Context};
use crate::control::{BotSelection, Selection};
use crate::store::{accounts, bots};

#[derive(Debug, Args)]
pub(super) struct WhichArgs {
    /// A bot, or ACCOUNT/BOT
    pub(super) name: Option<String>,
    #[command(flatten)]
    pub(super) accounts: AccountsArgs,
}

#[derive(Debug, Args)]
pub(super) struct AccountsArgs {
    /// Bots of these accounts
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    account: Vec<String>,
    /// Bots of the accounts that carry this tag
    #[arg(long, conflicts_with = "account")]
    tag: Option<String>,
    /// All bots of the accounts, or of all accounts
    #[arg(long)]
    all: bool,
}

impl WhichArgs {
    /// What `bot VERB` is about: a name, or `--all`.
    pub(super) fn bots(&self, verb: &str, context: &Context) -> Result<BotSelection, CliError> {
        self.accounts.bots(verb, self.name.as_deref(), context)
    }

    /// What a view is about: without a name it is all of them.
    pub(super) fn viewed(&self, context: &Context) -> Result<BotSelection, CliError> {
        match &self.name {
            Some(name) => self.accounts.bots("list", Some(name), context),
            None => {
                Ok(BotSelection { accounts: self.accounts.given().unwrap_or(Selection::All), name: None })
            }
        }
    }
}

impl AccountsArgs {
    /// `verb`, with what it needs beside the name, is what the hint repeats.
    pub(super) fn bots(
        &self,
        verb: &str,
        name: Option<&str>,
        context: &Context,
    ) -> Result<BotSelection, CliError> {
        match (name, self.given()) {
            (Some(_), _) if self.all => Err(CliError::usage("give a bot's name or --all, not both")),
            (Some(name), Some(accounts)) => Ok(BotSelection { accounts, name: Some(name.to_owned()) }),
            (Some(name), None) => find(name, context),
            (None, given) if self.all => {
                Ok(BotSelection { accounts: given.unwrap_or(Selection::All), name: None })
            }
            (None, _) => Err(CliError::usage("name a bot, or give --all")
                .hint(format!("tradefleet bot {verb} NAME --account ACCOUNT"))),
        }
    }

    fn given(&self) -> Option<Selection> {
        match &self.tag {
            Some(tag) => Some(Selection::Tagged(tag.clone())),
            None => (!self.account.is_empty()).then(|| Selection::Named(self.account.clone())),
        }
    }
}

/// A bot without its account: `ACCOUNT/BOT`, or a name that only one account has.
fn find(name: &str, context: &Context) -> Result<BotSelection, CliError> {
    if let Some((account, bot)) = name.split_once('/') {
        return Ok(BotSelection { accounts: Selection::one(account), name: Some(bot.to_owned()) });
    }
    let store = context.read_store()?;
    let mut owners = Vec::new();
    for bot in bots::list(store.conn(), None)?.iter().filter(|bot| bot.name == name) {
        owners.push(accounts::get(store.conn(), bot.account_id)?.name);
    }
    match owners.as_slice() {
        [] => Err(CliError::not_found("bot", name)),
        [owner] => Ok(BotSelection { accounts: Selection::one(owner.as_str()), name: Some(name.to_owned()) }),
        [first, ..] => {
            Err(CliError::usage(format!("several accounts have a bot `{name}`: {}", owners.join(", ")))
                .hint(format!("say which: `{first}/{name}`, or --account {first}")))
        }
    }
}
