//! How every writing command runs: apply in one transaction, print what changed, tell whether a daemon has taken it.

use std::thread;
use std::time::Duration;

use clap::Args;
use rusqlite::Connection;
use serde_json::json;

use super::bot::plan;
use super::output::Tone;
use super::{CliError, Context, Exit};
use crate::control::{self, AccountKeys, Applied, Assignment, Authority, Change, Command};
use crate::domain::money::Leverage;
use crate::engine::settings::PolicyLimits;
use crate::store::commands::{self, CommandStatus};
use crate::store::{Store, lease};
use crate::vault::{Vault, VaultMeta};

/// How long a running daemon is given to take a change.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// What every writing command takes.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct WriteArgs {
    /// Print what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// One write, and how it was asked for.
pub(super) struct Request<'a> {
    pub(super) command: &'a Command,
    pub(super) keys: &'a AccountKeys,
    pub(super) is_rehearsal: bool,
    pub(super) confirmed: bool,
}

/// Applies a command that brings no secrets and needs no confirmation.
pub(super) fn run(context: &Context, command: &Command, args: WriteArgs) -> Result<(), CliError> {
    let keys = AccountKeys::default();
    let request = Request { command, keys: &keys, is_rehearsal: args.dry_run, confirmed: false };
    let (store, applied) = request.apply(context)?;
    report(context, &store, &applied, args.dry_run)
}

impl Request<'_> {
    /// Applies the command; the store is handed back for [`report`].
    pub(super) fn apply(&self, context: &Context) -> Result<(Store, Applied), CliError> {
        let mut store = context.write_store()?;
        // Whose bot a token is can only be compared when it is open.
        let compares_tokens = matches!(self.command, Command::SetTelegram { .. });
        let unlocked = Unlocked::when(compares_tokens || !self.keys.is_empty(), context, &store)?;
        let keys = unlocked.as_ref().map(|unlocked| (&unlocked.vault, self.keys));
        let limits = self.limits(context)?;
        let applied = in_transaction(context, &mut store, (self.is_rehearsal, limits), |conn, by| {
            Unlocked::require_current(unlocked.as_ref(), conn)?;
            Ok(control::apply(conn, self.command, Authority { confirmed: self.confirmed, keys, ..by })?)
        })?;
        Ok((store, applied))
    }

    /// A mistake in the configuration stops every change but those that take risk away: the daemon itself goes on by what
    /// it has read before.
    fn limits(&self, context: &Context) -> Result<PolicyLimits, CliError> {
        match context.config() {
            Ok(config) => Ok(config.limits),
            Err(error) if self.command.only_calms() => {
                context.out.warn(error.message);
                Ok(PolicyLimits { max_leverage: Leverage::ONE })
            }
            Err(error) => Err(error),
        }
    }
}

/// Imports a fleet that was read.
pub(super) fn import(
    context: &Context,
    fleet: &control::import::Fleet,
    is_rehearsal: bool,
) -> Result<(Store, Applied), CliError> {
    let mut store = context.write_store()?;
    let unlocked = Unlocked::when(fleet.has_secrets(), context, &store)?;
    let limits = context.config()?.limits;
    let applied = in_transaction(context, &mut store, (is_rehearsal, limits), |conn, by| {
        Unlocked::require_current(unlocked.as_ref(), conn)?;
        Ok(fleet.apply(conn, by, unlocked.as_ref().map(|unlocked| &unlocked.vault))?)
    })?;
    Ok((store, applied))
}

/// The vault, and what it was unlocked by.
struct Unlocked {
    vault: Vault,
    meta: VaultMeta,
}

impl Unlocked {
    fn when(has_secrets: bool, context: &Context, store: &Store) -> Result<Option<Self>, CliError> {
        if !has_secrets {
            return Ok(None);
        }
        let meta = context.vault_meta(store)?;
        Ok(Some(Self { vault: context.unlock(store)?, meta }))
    }

    fn require_current(unlocked: Option<&Self>, conn: &Connection) -> Result<(), CliError> {
        unlocked.map_or(Ok(()), |unlocked| Context::require_same_key(conn, &unlocked.meta))
    }
}

fn in_transaction(
    context: &Context,
    store: &mut Store,
    (is_rehearsal, limits): (bool, PolicyLimits),
    work: impl FnOnce(&Connection, Authority<'_>) -> Result<Applied, CliError>,
) -> Result<Applied, CliError> {
    let actor = context.actor();
    let by = Authority { actor: &actor, now: context.now(), limits, confirmed: false, keys: None };
    let applied = store.attempt(is_rehearsal, |conn| work(conn, by))?;
    if !is_rehearsal && !applied.changes.is_empty() {
        context.seal_audit_of(store)?;
    }
    Ok(applied)
}

/// Prints what changed and what the daemon says to it.
pub(super) fn report(
    context: &Context,
    store: &Store,
    applied: &Applied,
    is_rehearsal: bool,
) -> Result<(), CliError> {
    let heard = if is_rehearsal { Heard::NotAsked } else { Heard::of(store, applied)? };
    if context.out.is_json() {
        context.out.json(&json!({
            "dry_run": is_rehearsal,
            "changes": applied.changes,
            "grids": applied.grids.iter().map(plan::to_json).collect::<Vec<_>>(),
            "command_id": applied.command_id.filter(|_| !is_rehearsal),
            "daemon": heard.word(),
        }))?;
    } else {
        print_changes(context, &applied.changes, is_rehearsal)?;
        applied.grids.iter().try_for_each(|outlook| plan::print(outlook, context))?;
    }
    heard.tell(context)?;
    for name in &applied.idle {
        context.out.warn(format!(
            "account {name} is quarantined: nothing is done for it before `tradefleet resume {name}`, which keeps a halt"
        ));
    }
    Ok(())
}

pub(super) fn print_changes(
    context: &Context,
    changes: &[Change],
    is_rehearsal: bool,
) -> Result<(), CliError> {
    if changes.is_empty() {
        context.out.note("nothing to change");
        return Ok(());
    }
    if is_rehearsal {
        context.out.note("dry run: this would change, nothing was written");
    }
    let mut last = ("", "");
    for change in changes {
        let verb = match change.action.split_once('_') {
            Some(("add", _)) => "added ",
            Some(("remove", _)) => "removed ",
            Some(_) | None => "",
        };
        // One headline for all that happens to a subject.
        if change.subject != last.1 || (change.action != last.0 && !verb.is_empty()) {
            context.out.line(format!("{verb}{}", context.out.paint(Tone::Strong, &change.subject)))?;
        }
        last = (change.action, &change.subject);
        // A new thing's many values are worth reading before, not after.
        if is_rehearsal || verb != "added " {
            let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
            let (before, after) = (shown(&change.before), shown(&change.after));
            context.out.line(format!("  {}: {before} -> {after}", change.key))?;
        }
    }
    Ok(())
}

/// What a daemon made of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    NotAsked,
    NoDaemon,
    Acknowledged,
    Silent,
    Refused(String),
}

impl Heard {
    /// Waits for a running daemon, if there is anything for it.
    pub(super) fn of(store: &Store, applied: &Applied) -> Result<Self, CliError> {
        applied.command_id.map_or(Ok(Self::NotAsked), |id| wait_for_daemon(store, id))
    }

    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::NotAsked => "not_asked",
            Self::NoDaemon => "none",
            Self::Acknowledged => "acknowledged",
            Self::Silent => "pending",
            Self::Refused(_) => "refused",
        }
    }

    /// What a person should know of it.
    pub(super) fn tell(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::NotAsked => {}
            Self::NoDaemon => context.out.note("no daemon is running: takes effect when it starts"),
            Self::Acknowledged => context.out.note("the running daemon has taken it over"),
            Self::Silent => context.out.warn(format!(
                "the running daemon has not answered within {} s; the change is kept and will be taken over",
                PATIENCE.as_secs()
            )),
            Self::Refused(reason) => {
                return Err(CliError::new(Exit::Refused, format!("the daemon refused: {reason}")));
            }
        }
        Ok(())
    }
}

fn wait_for_daemon(store: &Store, id: i64) -> Result<Heard, CliError> {
    if !lease::current(store.conn())?.is_some_and(|info| info.is_live()) {
        return Ok(Heard::NoDaemon);
    }
    let mut waited = Duration::ZERO;
    while waited < PATIENCE {
        let row = commands::get(store.conn(), id)?;
        match row.status {
            CommandStatus::Pending => thread::sleep(PAUSE),
            CommandStatus::Acknowledged => return Ok(Heard::Acknowledged),
            CommandStatus::Refused => return Ok(Heard::Refused(row.result.unwrap_or_default())),
        }
        waited += PAUSE;
    }
    Ok(Heard::Silent)
}

/// Reads `key=value` from the command line.
pub(super) fn assignment(text: &str) -> Result<Assignment, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok(Assignment::new(key.trim(), value)),
        Some(_) | None => Err(format!("`{text}` is not key=value")),
    }
}

/// Splits words into names and `key=value` pairs; a name never holds a `=`.
pub(super) fn names_and_values(words: &[String]) -> (Vec<String>, Vec<Assignment>) {
    let (pairs, names): (Vec<&String>, Vec<&String>) = words.iter().partition(|word| word.contains('='));
    let values = pairs.into_iter().filter_map(|pair| assignment(pair).ok()).collect();
    (names.into_iter().cloned().collect(), values)
}
