//! `account verify`: whose key it is, what it may do, how the account is set up. Only asks; nothing is sent that would
//! change anything at the exchange, so a dry-run account can be verified too.

use std::cell::Cell;
use std::sync::Arc;

use clap::Args;
use futures_util::{StreamExt, stream};
use rusqlite::Connection;
use serde::Serialize;
use serde_json::json;

use super::checks::{Checks, no_profile};
use crate::cli::finding::{self, Finding, Verdict};
use crate::cli::output::Tone;
use crate::cli::write::{self, Heard, Request};
use crate::cli::{CliError, Context, Exit, runtime};
use crate::control::command::Verified;
use crate::control::{AccountKeys, Applied, Command};
use crate::daemon::connections::Connections;
use crate::daemon::handle::LiveHandle;
use crate::daemon::limits_log;
use crate::daemon::roster::Access;
use crate::domain::kind::ExchangeKind;
use crate::domain::side::PositionMode;
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::Sleep;
use crate::exchange::assess::Expected;
use crate::exchange::error::ExchangeError;
use crate::exchange::report::{AccountProfile, Balance};
use crate::store::accounts::AccountRow;

/// Accounts that are asked at once; their exchanges' limits are kept besides.
const TOGETHER: usize = 16;

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Accounts
    #[arg(required_unless_present_any = ["tag", "all"])]
    names: Vec<String>,
    /// The accounts that carry this tag
    #[arg(long, conflicts_with = "names")]
    tag: Option<String>,
    /// All accounts of real exchanges
    #[arg(long, conflicts_with_all = ["names", "tag"])]
    all: bool,
    /// Accept keys that can withdraw or transfer money, now and from here on
    #[arg(long)]
    allow_withdraw_key: bool,
}

/// An exchange that allows no more questions for longer is not waited for.
const PATIENCE: DurationMs = DurationMs::from_secs(180);
/// Waiting for less is not worth a word; waiting for less still would be asking all the time.
const TOLD_FROM: DurationMs = DurationMs::from_ms(300);
const PAUSE_LEAST: DurationMs = DurationMs::from_ms(50);

/// What came of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Verified,
    /// The key must not be used as it is.
    Refused,
    NoAnswer,
    /// A paper account: there is nobody to ask.
    NothingToVerify,
}

#[derive(Serialize)]
struct Verification {
    account: String,
    exchange: ExchangeKind,
    outcome: Outcome,
    checks: Vec<Finding>,
    uid: Option<String>,
    position_mode: Option<&'static str>,
    wallet: Option<String>,
    available: Option<String>,
    clock_offset_ms: Option<i64>,
    #[serde(skip)]
    to_keep: Option<Verified>,
}

pub(super) fn run(args: &VerifyArgs, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let rows = rows(store.conn(), args)?;
    let vault = Arc::new(context.unlock(&store)?);
    let bans = limits_log::remembered(store.conn())?;
    let connections = Connections::new(&context.config()?.live, vault).remembering(bans);
    drop(store);
    let verifications = runtime::block_on(verify(&rows, connections, args, context))??;
    let to_keep: Vec<_> =
        verifications.iter().filter_map(|verification| verification.to_keep.clone()).collect();
    let request = Request {
        command: &Command::VerifyAccounts { verified: to_keep },
        keys: &AccountKeys::default(),
        is_rehearsal: false,
        confirmed: false,
    };
    let (store, applied) = request.apply(context)?;
    let heard = Heard::of(&store, &applied)?;
    print(context, &verifications, &applied, &heard)?;
    heard.tell(context)?;
    ending(&verifications)
}

fn rows(conn: &Connection, args: &VerifyArgs) -> Result<Vec<AccountRow>, CliError> {
    let mut rows = super::selected(conn, &args.names, args.tag.as_deref())?;
    if args.all {
        rows.retain(|row| row.exchange != ExchangeKind::Paper);
    }
    match &args.tag {
        Some(tag) if rows.is_empty() => Err(CliError::not_found("account with the tag", tag)),
        None if rows.is_empty() => {
            Err(CliError::new(Exit::NotFound, "there is no account of a real exchange yet"))
        }
        Some(_) | None => Ok(rows),
    }
}

/// Asks for all accounts; the answers come in the order of the rows.
async fn verify(
    rows: &[AccountRow],
    mut connections: Connections,
    args: &VerifyArgs,
    context: &Context,
) -> Result<Vec<Verification>, CliError> {
    let mut exchanges: Vec<_> = rows.iter().map(|row| row.exchange).collect();
    exchanges.retain(|exchange| *exchange != ExchangeKind::Paper);
    exchanges.sort_unstable();
    exchanges.dedup();
    connections.synchronise(&exchanges).await;
    let mut accounts = Vec::new();
    for row in rows {
        let handle = match Access::of(row) {
            Some(access) if row.exchange != ExchangeKind::Paper => {
                Some(connections.open(row.id, &access).map_err(|error| unreachable_by(row, &error))?)
            }
            Some(_) | None => None,
        };
        accounts.push((row, handle));
    }
    let desk = Desk { args, context, sleep: connections.sleep(), waits_until: Cell::default() };
    let asked = stream::iter(accounts).map(|(row, handle)| desk.verify(row, handle));
    Ok(asked.buffered(TOGETHER).collect().await)
}

fn unreachable_by(row: &AccountRow, error: &impl std::fmt::Display) -> CliError {
    CliError::usage(format!("account {}: {error}", row.name))
}

/// What all accounts are asked with.
struct Desk<'a> {
    args: &'a VerifyArgs,
    context: &'a Context,
    sleep: Arc<dyn Sleep>,
    /// Up to when somebody was told that we wait.
    waits_until: Cell<Timestamp>,
}

impl Desk<'_> {
    async fn verify(&self, row: &AccountRow, handle: Option<LiveHandle>) -> Verification {
        let Some(mut handle) = handle else {
            let check = Finding::ok("exchange", "a paper account has no key: there is nothing to verify");
            return Verification::new(row, Outcome::NothingToVerify, vec![check]);
        };
        match self.inspect(row, &mut handle).await {
            Ok(profile) => judge(row, profile, self.args, self.context.now()),
            Err(error) => {
                let outcome = match &error {
                    ExchangeError::Unauthorized { .. } | ExchangeError::Refused { .. } => Outcome::Refused,
                    ExchangeError::Throttled { .. }
                    | ExchangeError::Unknown { .. }
                    | ExchangeError::Unavailable { .. }
                    | ExchangeError::Malformed { .. } => Outcome::NoAnswer,
                };
                Verification::new(row, outcome, vec![no_profile(&error, row)])
            }
        }
    }

    /// Asks, and again when the exchange allows no more questions for a while.
    async fn inspect(
        &self,
        row: &AccountRow,
        handle: &mut LiveHandle,
    ) -> Result<AccountProfile, ExchangeError> {
        let give_up_at = self.sleep.now().plus(PATIENCE);
        loop {
            let until = match handle.exchange_mut().inspect().await {
                Err(ExchangeError::Throttled { until }) if until < give_up_at => until,
                answer => return answer,
            };
            let left = until.since(self.sleep.now()).max(PAUSE_LEAST);
            if left >= TOLD_FROM && until > self.waits_until.get() {
                self.waits_until.set(until);
                let seconds = left.ms().div_euclid(1_000).saturating_add(1);
                self.context.out.note(format!(
                    "{} allows no more questions for {seconds} s; waiting for that",
                    row.exchange
                ));
            }
            self.sleep.sleep(left).await;
        }
    }
}

fn judge(row: &AccountRow, profile: AccountProfile, args: &VerifyArgs, now: Timestamp) -> Verification {
    let expected = Expected {
        uid: row.exchange_uid.clone(),
        withdraw_key_allowed: row.withdraw_key_allowed || args.allow_withdraw_key,
    };
    let checks = Checks { row, profile: &profile, expected: &expected, now }.all();
    let is_fine = checks.iter().all(|check| check.verdict != Verdict::Fail);
    let moves_money = profile.can_withdraw == Some(true) || profile.can_transfer == Some(true);
    let Balance { wallet, available, .. } = profile.balance;
    Verification {
        position_mode: profile.position_mode.map(PositionMode::as_str),
        wallet: Some(wallet.to_string()),
        available: Some(available.to_string()),
        clock_offset_ms: Some(profile.clock_offset.ms()),
        uid: profile.uid.clone(),
        to_keep: is_fine.then(|| Verified {
            account: row.name.clone(),
            as_of: row.updated_at,
            uid: profile.uid,
            position_mode: profile.position_mode,
            allow_withdraw_key: args.allow_withdraw_key && moves_money,
        }),
        ..Verification::new(row, if is_fine { Outcome::Verified } else { Outcome::Refused }, checks)
    }
}

impl Verification {
    fn new(row: &AccountRow, outcome: Outcome, checks: Vec<Finding>) -> Self {
        Self {
            account: row.name.clone(),
            exchange: row.exchange,
            outcome,
            checks,
            uid: None,
            position_mode: None,
            wallet: None,
            available: None,
            clock_offset_ms: None,
            to_keep: None,
        }
    }
}

fn print(
    context: &Context,
    verifications: &[Verification],
    applied: &Applied,
    heard: &Heard,
) -> Result<(), CliError> {
    let out = context.out;
    if out.is_json() {
        let is_fine = |outcome| matches!(outcome, Outcome::Verified | Outcome::NothingToVerify);
        return out.json(&json!({
            "ok": verifications.iter().all(|verification| is_fine(verification.outcome)),
            "accounts": verifications,
            "changes": applied.changes,
            "command_id": applied.command_id,
            "daemon": heard.word(),
        }));
    }
    for verification in verifications {
        let (tone, word) = match verification.outcome {
            Outcome::Verified => (Tone::Good, "verified"),
            Outcome::Refused => (Tone::Bad, "refused"),
            Outcome::NoAnswer => (Tone::Bad, "no answer"),
            Outcome::NothingToVerify => (Tone::Faint, "nothing to verify"),
        };
        let name = out.paint(Tone::Strong, &verification.account);
        out.line(format!("{name}  {}: {}", verification.exchange, out.paint(tone, word)))?;
        finding::print(out, &verification.checks)?;
        out.line("")?;
    }
    if applied.changes.is_empty() {
        return Ok(());
    }
    write::print_changes(context, &applied.changes, false)
}

/// A key that must not be used weighs more than an exchange that does not answer.
fn ending(verifications: &[Verification]) -> Result<(), CliError> {
    let of = |outcome| {
        let names = verifications.iter().filter(|verification| verification.outcome == outcome);
        names.map(|verification| verification.account.as_str()).collect::<Vec<_>>()
    };
    let (refused, silent) = (of(Outcome::Refused), of(Outcome::NoAnswer));
    if !refused.is_empty() {
        return Err(CliError::refused(format!("not verified, nothing is kept of {}", refused.join(", "))));
    }
    if !silent.is_empty() {
        let what = format!("no answer for {}: nothing is kept of it", silent.join(", "));
        return Err(CliError::new(Exit::NoExchange, what));
    }
    Ok(())
}
