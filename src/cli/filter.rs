//! The filters common to all lists, and the names they speak of.

use clap::Args;
use rusqlite::Connection;

use super::{CliError, Context, when};
use crate::domain::ids::AccountId;
use crate::domain::instrument::Symbol;
use crate::domain::spelling;
use crate::store::queries::{Filter, names};

/// Rows of a table for people unless --limit says otherwise; `--json` gives all.
const ROWS_SHOWN: u32 = 50;

#[derive(Debug, Clone, Args)]
pub(super) struct FilterArgs {
    /// Only this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only bots of this name
    #[arg(long, value_name = "NAME")]
    bot: Option<String>,
    /// Only this symbol
    #[arg(long, value_name = "SYMBOL")]
    symbol: Option<String>,
    /// Only from this time on: 2022-06-15, "2022-06-15 03:00" (UTC), or 24h, 7d for ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most so many, the latest; 0 = all [default: 50 in tables, all with --json]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

impl FilterArgs {
    /// The filter, its names checked against the database.
    pub(super) fn resolve(&self, conn: &Connection, context: &Context) -> Result<Filter, CliError> {
        let account = self.account.as_deref().map(|name| account_id(conn, name)).transpose()?;
        if let Some(bot) = &self.bot {
            require_bot(conn, account, bot)?;
        }
        Ok(Filter {
            account,
            bot: self.bot.clone(),
            symbol: self.symbol.as_deref().map(symbol).transpose()?,
            since: self
                .since
                .as_deref()
                .map(|text| when::parse(text, context.now()))
                .transpose()
                .map_err(|error| CliError::usage(format!("--since: {error}")))?,
            limit: match self.limit {
                None if context.out.is_json() => None,
                None => Some(ROWS_SHOWN),
                Some(0) => None,
                Some(limit) => Some(limit),
            },
        })
    }

    /// Whether the number of rows was asked for.
    pub(super) const fn has_limit(&self) -> bool {
        self.limit.is_some()
    }
}

/// The account of that name, or which one may have been meant.
pub(super) fn account_id(conn: &Connection, name: &str) -> Result<AccountId, CliError> {
    let accounts = names::accounts(conn)?;
    accounts
        .iter()
        .find(|(_, known)| known == name)
        .map(|(id, _)| *id)
        .ok_or_else(|| unknown("account", name, accounts.iter().map(|(_, name)| name.as_str())))
}

/// A symbol as the exchange writes it; lower case is understood.
pub(super) fn symbol(text: &str) -> Result<Symbol, CliError> {
    Symbol::try_new(&text.to_ascii_uppercase()).map_err(|error| CliError::usage(error.to_string()))
}

fn require_bot(conn: &Connection, account: Option<AccountId>, name: &str) -> Result<(), CliError> {
    let bots = names::bots(conn, account)?;
    if bots.iter().any(|known| known == name) {
        return Ok(());
    }
    Err(unknown("bot", name, bots.iter().map(String::as_str)))
}

/// Exit code 3 with what may have been meant.
pub(super) fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> CliError {
    let error = CliError::not_found(what, name);
    match spelling::nearest(name, known) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// Says so when a table does not show everything.
pub(super) fn note_cut(context: &Context, shown: usize, matching: u32, what: &str) {
    let shown = u32::try_from(shown).unwrap_or(u32::MAX);
    if shown < matching {
        context.out.note(format!("the latest {shown} of {matching} {what}s; --limit 0 shows all"));
    }
}
