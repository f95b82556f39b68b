//! `account add|list|show|set|verify|tag|import|export|activate|deactivate|remove`.

mod checks;
mod verify;
mod view;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use dialoguer::console::Term;
use rusqlite::Connection;
use serde_json::json;

use super::secrets::KeyArgs;
use super::write::{self, Request, WriteArgs, assignment, names_and_values};
use super::{CliError, Context};
use crate::control::command::NewAccount;
use crate::control::import::{Fleet, ImportOptions};
use crate::control::{AccountKeys, Assignment, Command, Selection, export};
use crate::domain::kind::ExchangeKind;
use crate::store::StoreError;
use crate::store::accounts::{self, AccountRow};

#[derive(Debug, Args)]
pub(super) struct AccountArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add an account
    Add(AddArgs),
    /// List the accounts
    List {
        /// Only those that carry this tag
        #[arg(long)]
        tag: Option<String>,
    },
    /// Show an account: settings, paper terms, state, bots, allocation
    Show { name: String },
    /// Change settings, paper terms, proxy or exchange keys
    Set(SetArgs),
    /// Ask the exchange whose key it is and what it may do; keep its account id and position mode
    Verify(verify::VerifyArgs),
    /// Add or remove tags
    Tag(TagArgs),
    /// Add the accounts of a TOML file, all or none (see accounts.example.toml)
    Import(ImportArgs),
    /// Write accounts as a TOML file for `account import`, without secrets
    Export {
        /// Accounts [default: all]
        names: Vec<String>,
        /// Only those that carry this tag
        #[arg(long, conflicts_with = "names")]
        tag: Option<String>,
    },
    /// Let the daemon look after the accounts again
    Activate(ManyArgs),
    /// Let the daemon leave the accounts alone; what is open stays as it is
    Deactivate(ManyArgs),
    /// Remove an account; its history stays in the database
    Remove {
        name: String,
        /// Even with running bots or open positions, which are then the operator's own
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        write: WriteArgs,
    },
}

#[derive(Debug, Args)]
struct AddArgs {
    name: String,
    /// binance, bitget, upbit or paper
    #[arg(long, value_parser = exchange)]
    exchange: ExchangeKind,
    /// A setting, e.g. leverage=5
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    values: Vec<Assignment>,
    /// A term of its paper book, e.g. initial_balance=5000
    #[arg(long = "paper", value_name = "KEY=VALUE", value_parser = assignment)]
    paper: Vec<Assignment>,
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Confirm what is dangerous, such as an account that trades with money at once
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Debug, Args)]
struct SetArgs {
    /// Accounts, and what to set: NAME leverage=5 paper.slippage_pct=0.1
    #[arg(value_name = "NAME | KEY=VALUE")]
    words: Vec<String>,
    /// The accounts that carry this tag
    #[arg(long)]
    tag: Option<String>,
    /// Confirm what is dangerous, such as leaving dry run
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Debug, Args)]
struct TagArgs {
    /// Accounts
    #[arg(required = true)]
    names: Vec<String>,
    #[arg(long, value_name = "TAG")]
    add: Vec<String>,
    #[arg(long, value_name = "TAG")]
    remove: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Debug, Args)]
struct ImportArgs {
    file: PathBuf,
    /// Rehearsal: use a placeholder where a named variable or file is missing
    #[arg(long)]
    placeholder_secrets: bool,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Debug, Args)]
struct ManyArgs {
    #[arg(required_unless_present = "tag")]
    names: Vec<String>,
    /// The accounts that carry this tag
    #[arg(long, conflicts_with = "names")]
    tag: Option<String>,
    #[command(flatten)]
    write: WriteArgs,
}

pub(super) fn run(args: AccountArgs, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::Add(add_args) => add(add_args, context),
        Verb::List { tag } => view::list(tag.as_deref(), context),
        Verb::Show { name } => view::show(&name, context),
        Verb::Set(set_args) => set(set_args, context),
        Verb::Verify(verify_args) => verify::run(&verify_args, context),
        Verb::Tag(tag_args) => tag(tag_args, context),
        Verb::Import(import_args) => import(&import_args, context),
        Verb::Export { names, tag } => export_to_stdout(&names, tag.as_deref(), context),
        Verb::Activate(ManyArgs { names, tag, write }) => {
            write::run(context, &Command::ActivateAccounts { accounts: selection(names, tag) }, write)
        }
        Verb::Deactivate(ManyArgs { names, tag, write }) => {
            write::run(context, &Command::DeactivateAccounts { accounts: selection(names, tag) }, write)
        }
        Verb::Remove { name, force, write } => {
            write::run(context, &Command::RemoveAccount { account: name, force }, write)
        }
    }
}

fn tag(args: TagArgs, context: &Context) -> Result<(), CliError> {
    let TagArgs { names, add, remove, write } = args;
    if add.is_empty() && remove.is_empty() {
        return Err(CliError::usage("nothing to change").hint("give --add TAG or --remove TAG"));
    }
    write::run(context, &Command::TagAccounts { accounts: Selection::Named(names), add, remove }, write)
}

fn selection(names: Vec<String>, tag: Option<String>) -> Selection {
    tag.map_or(Selection::Named(names), Selection::Tagged)
}

fn exchange(text: &str) -> Result<ExchangeKind, String> {
    ExchangeKind::from_word(text).ok_or_else(|| {
        let known: Vec<_> = ExchangeKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let hint = crate::domain::spelling::hint(text, known.iter().copied());
        format!("exchanges are {}{hint}", known.join(", "))
    })
}

fn add(args: AddArgs, context: &Context) -> Result<(), CliError> {
    let keys = args.keys.read_or_ask(args.exchange, context)?;
    let mut values = args.values;
    values.extend(args.paper.into_iter().map(|pair| {
        let key = pair.key.strip_prefix("paper.").unwrap_or(&pair.key);
        Assignment::new(format!("paper.{key}"), pair.value)
    }));
    let new = NewAccount { name: args.name, exchange: args.exchange, values, tags: args.tags };
    let request = Request {
        command: &Command::AddAccount(new),
        keys: &keys,
        is_rehearsal: args.write.dry_run,
        confirmed: args.yes,
    };
    let (store, applied) = request.apply(context)?;
    write::report(context, &store, &applied, args.write.dry_run)
}

fn set(args: SetArgs, context: &Context) -> Result<(), CliError> {
    let (names, values) = names_and_values(&args.words);
    if names.is_empty() == args.tag.is_none() {
        return Err(CliError::usage("name the accounts, or give --tag TAG")
            .hint("tradefleet account set NAME leverage=5"));
    }
    if !args.keys.is_empty() {
        return replace_keys(&args, &names, &values, context);
    }
    let command = Command::SetAccounts { accounts: selection(names, args.tag), values };
    let keys = AccountKeys::default();
    let mut request =
        Request { command: &command, keys: &keys, is_rehearsal: args.write.dry_run, confirmed: args.yes };
    let outcome = match request.apply(context) {
        Err(error) if error.code == "needs_confirmation" && asks_yes(&error, context)? => {
            request.confirmed = true;
            request.apply(context)
        }
        other => other,
    };
    let (store, applied) = outcome?;
    write::report(context, &store, &applied, args.write.dry_run)
}

/// Asks on a terminal; without one the refusal stands.
fn asks_yes(error: &CliError, context: &Context) -> Result<bool, CliError> {
    if context.out.is_json() || !Term::stderr().is_term() {
        return Ok(false);
    }
    dialoguer::Confirm::new()
        .with_prompt(format!("{}. Go on?", error.message))
        .default(false)
        .interact()
        .map_err(|error| CliError::usage(error.to_string()))
}

fn replace_keys(
    args: &SetArgs,
    names: &[String],
    values: &[Assignment],
    context: &Context,
) -> Result<(), CliError> {
    let ([name], true) = (names, values.is_empty()) else {
        return Err(CliError::usage("keys are replaced for one account at a time, apart from settings"));
    };
    let keys = args.keys.read()?;
    let request = Request {
        command: &Command::ReplaceKeys { account: name.clone() },
        keys: &keys,
        is_rehearsal: args.write.dry_run,
        confirmed: false,
    };
    let (store, applied) = request.apply(context)?;
    write::report(context, &store, &applied, args.write.dry_run)
}

fn import(args: &ImportArgs, context: &Context) -> Result<(), CliError> {
    let text = std::fs::read_to_string(&args.file).map_err(|error| CliError::input(&args.file, &error))?;
    let base = args.file.parent().unwrap_or(Path::new("."));
    let fleet = read_fleet(&text, base, args.placeholder_secrets, context)?;
    let (store, applied) = write::import(context, &fleet, args.write.dry_run)?;
    if !args.write.dry_run {
        let (accounts, bots) = (fleet.account_names().len(), fleet.bot_count());
        context.out.note(format!("imported {accounts} accounts with {bots} bots"));
    }
    write::report(context, &store, &applied, args.write.dry_run)
}

fn read_fleet(text: &str, base: &Path, placeholders: bool, context: &Context) -> Result<Fleet, CliError> {
    let limits = context.config()?.limits;
    Ok(Fleet::read(text, ImportOptions { base, placeholders, limits })?)
}

/// Imports a fleet from text, and says nothing.
pub(super) fn import_text(
    text: &str,
    base: &Path,
    placeholders: bool,
    context: &Context,
) -> Result<(), CliError> {
    let fleet = read_fleet(text, base, placeholders, context)?;
    write::import(context, &fleet, false).map(drop)
}

/// The accounts of these names, or with this tag, or all.
fn selected(conn: &Connection, names: &[String], tag: Option<&str>) -> Result<Vec<AccountRow>, StoreError> {
    match tag {
        Some(tag) => accounts::tagged(conn, tag),
        None if names.is_empty() => accounts::list(conn),
        None => names.iter().map(|name| accounts::find(conn, name)).collect(),
    }
}

fn export_to_stdout(names: &[String], tag: Option<&str>, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let rows = selected(store.conn(), names, tag)?;
    let text = export::export(store.conn(), &rows)?;
    if context.out.is_json() {
        return context.out.json(&json!({ "toml": text }));
    }
    context.out.raw(&text)
}
