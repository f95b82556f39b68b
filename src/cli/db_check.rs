//! `db check`: whether the database is sound and the ledger follows from its fills.

use clap::Args;
use rusqlite::Connection;
use serde::Serialize;

use super::audit::SealFinding;
use super::error::Exit;
use super::output::Tone;
use super::{CliError, Context, figures};
use crate::store::check::{self, CheckResult};
use crate::store::ledger_check::{self, Repaired};
use crate::store::queries::snapshot;
use crate::store::{Store, audit};

/// Differences listed for people; `--json` has all.
const LISTED: usize = 20;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Rewrite bot statistics from the fills where they differ, then check
    #[arg(long)]
    repair: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    ok: bool,
    checks: &'a [CheckResult],
    repaired: &'a [Repaired],
}

pub(super) fn run(args: &CheckArgs, context: &Context) -> Result<(), CliError> {
    let repaired = if args.repair { repair(context)? } else { Vec::new() };
    let store = context.read_store()?;
    let conn = snapshot(store.conn())?;
    let mut checks = check::check(&conn);
    checks.push(seal(context, &store, &conn));
    let failed = checks.iter().filter(|check| !check.ok).count();
    if context.out.is_json() {
        context.out.json(&Answer { ok: failed == 0, checks: &checks, repaired: &repaired })?;
    } else {
        for bot in &repaired {
            context.out.line(format!(
                "repaired {} / {}: {} trades, {} won, net {} -> {} trades, {} won, net {}",
                bot.account,
                bot.bot,
                bot.before.total_trades,
                bot.before.winning_trades,
                bot.before.total_pnl,
                bot.after.total_trades,
                bot.after.winning_trades,
                bot.after.total_pnl,
            ))?;
        }
        table(context, &checks)?;
        differences(context, &checks)?;
    }
    if failed == 0 {
        return Ok(());
    }
    let failed = figures::counted(u64::try_from(failed).unwrap_or(0), "check");
    let error = CliError::new(Exit::Database, format!("{failed} failed"));
    let is_statistics_only = checks.iter().all(|check| check.ok || check.name == ledger_check::STATISTICS);
    Err(if is_statistics_only {
        error.hint("`tradefleet db check --repair` rewrites bot statistics from the fills")
    } else {
        error.hint("nothing was changed; `tradefleet db restore` goes back to a good backup")
    })
}

fn repair(context: &Context) -> Result<Vec<Repaired>, CliError> {
    let (actor, now) = (context.actor(), context.now());
    Ok(context.write_store()?.transaction(|conn| ledger_check::repair(conn, &actor, now))?)
}

/// Whether the audit log is sealed by this master key; without the key at hand only that nobody could say.
fn seal(context: &Context, store: &Store, conn: &Connection) -> CheckResult {
    let outcome = audit::verify(conn).map_err(|error| error.to_string()).and_then(|report| {
        let seal = SealFinding::of(&report, store, context);
        match (seal.fault(), seal.fix()) {
            (None, _) => Ok(seal.sentence()),
            (Some(fault), None) => Err(fault),
            (Some(fault), Some(fix)) => Err(format!("{fault}; {fix}")),
        }
    });
    CheckResult::new("audit seal", outcome)
}

fn table(context: &Context, checks: &[CheckResult]) -> Result<(), CliError> {
    let out = context.out;
    let mut table = out.new_table(&["CHECK", "RESULT", "DETAIL"], &[]);
    for check in checks {
        let result = if check.ok { out.paint(Tone::Good, "ok") } else { out.paint(Tone::Bad, "FAILED") };
        table.add_row([check.name.to_owned(), result, check.detail.clone()]);
    }
    out.table(&table)
}

fn differences(context: &Context, checks: &[CheckResult]) -> Result<(), CliError> {
    let all: Vec<_> = checks.iter().flat_map(|check| &check.differences).collect();
    if all.is_empty() {
        return Ok(());
    }
    let columns = ["ACCOUNT", "WHAT", "FIELD", "STORED", "FROM FILLS"];
    let mut table = context.out.new_table(&columns, &[]);
    for difference in all.iter().take(LISTED) {
        table.add_row([
            difference.account.clone(),
            difference.subject.clone(),
            difference.field.to_owned(),
            difference.stored.clone(),
            difference.recomputed.clone(),
        ]);
    }
    context.out.line("")?;
    context.out.table(&table)?;
    if all.len() > LISTED {
        context.out.note(format!("the first {LISTED} of {} differences; --json lists all", all.len()));
    }
    Ok(())
}
