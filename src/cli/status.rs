//! `status`.

use std::thread;
use std::time::Duration;

use clap::Args;

use super::filter::account_id;
use super::output::Tone;
use super::{CliError, Context, figures, limits, when};
use crate::domain::figures::allocation_bar;
use crate::store::Store;
use crate::store::backup_log::BackupState;
use crate::store::queries::snapshot;
use crate::store::queries::status::{self, AccountStatus, DaemonStatus, FleetStatus, FleetTotals};

const WATCH_INTERVAL: Duration = Duration::from_secs(2);
/// Cursor home, then clear to the end of the screen.
const REDRAW: &str = "\u{1b}[H\u{1b}[J";

#[derive(Debug, Default, Args)]
pub(super) struct StatusArgs {
    /// Only this account, with its bots
    #[arg(value_name = "ACCOUNT")]
    account: Option<String>,
    /// Redraw every 2 seconds until Ctrl-C
    #[arg(long)]
    watch: bool,
}

pub(super) fn run(args: &StatusArgs, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    if !args.watch {
        return show(args, context, &store);
    }
    loop {
        if !context.out.is_json() {
            context.out.raw(REDRAW)?;
        }
        show(args, context, &store)?;
        thread::sleep(WATCH_INTERVAL);
    }
}

fn show(args: &StatusArgs, context: &Context, store: &Store) -> Result<(), CliError> {
    let conn = snapshot(store.conn())?;
    let account = args.account.as_deref().map(|name| account_id(&conn, name)).transpose()?;
    let status = status::status(&conn, account)?;
    if context.out.is_json() {
        return context.out.json(&status);
    }
    print(context, &status, account.is_some())
}

fn print(context: &Context, status: &FleetStatus, has_bots: bool) -> Result<(), CliError> {
    daemon(context, status.daemon.as_ref())?;
    if status.accounts.is_empty() {
        return context.out.line("no accounts; `tradefleet account add` makes one");
    }
    context.out.line("")?;
    accounts(context, &status.accounts)?;
    if has_bots {
        for account in &status.accounts {
            context.out.line("")?;
            troubles(context, account)?;
            bots(context, account)?;
        }
        return Ok(());
    }
    context.out.line("")?;
    totals(context, &status.totals)?;
    for line in limits::lines(&status.limits) {
        context.out.line(format!("limits  {line}"))?;
    }
    for line in limits::bans(&status.bans) {
        context.out.line(context.out.paint(Tone::Bad, &line))?;
    }
    status.backup.as_ref().map_or(Ok(()), |backup| backups(context, backup))
}

fn backups(context: &Context, backup: &BackupState) -> Result<(), CliError> {
    if let Some(good) = &backup.last_good {
        let lock = if good.encrypted { ", encrypted" } else { "" };
        context.out.line(format!("backup  {} {}{lock}", when::minute(good.finished_at), good.path))?;
    }
    let Some(failure) = &backup.last_failure else { return Ok(()) };
    let line = format!(
        "backup  failed {}: {} ({} since the last good one)",
        when::minute(failure.finished_at),
        figures::or_dash(failure.error.as_ref()),
        figures::counted(backup.failures, "failure")
    );
    context.out.line(context.out.paint(Tone::Bad, &line))
}

fn daemon(context: &Context, daemon: Option<&DaemonStatus>) -> Result<(), CliError> {
    let out = context.out;
    let Some(daemon) = daemon else {
        return out.line(format!("daemon  {} (none has ever run)", out.paint(Tone::Faint, "not running")));
    };
    let run = &daemon.run;
    let state = match (daemon.live, daemon.released_at) {
        (true, _) => format!("{} pid {} on {}", out.paint(Tone::Good, "running"), daemon.pid, daemon.host),
        (false, Some(at)) => format!("{} since {}", out.paint(Tone::Faint, "not running"), when::minute(at)),
        (false, None) => {
            let dead = out.paint(Tone::Bad, "not running");
            format!(
                "{dead}: pid {} ended without a word after {}",
                daemon.pid,
                when::minute(daemon.heartbeat_at)
            )
        }
    };
    out.line(format!("daemon  {state}"))?;
    out.line(format!("        started {}, market {}", when::minute(daemon.since), daemon.source))?;
    if let Some(address) = daemon.http_address.as_ref().filter(|_| daemon.live) {
        out.line(format!("        health and metrics: http://{address}"))?;
    }
    out.line(format!(
        "cycles  {}, last {}; {} computed for {}",
        run.cycles,
        when::minute_opt(run.last_cycle_at),
        figures::counted(run.signals_computed, "signal"),
        figures::counted(run.signal_keys, "key"),
    ))
}

fn accounts(context: &Context, accounts: &[AccountStatus]) -> Result<(), CliError> {
    let out = context.out;
    let columns = [
        "ACCOUNT",
        "MODE",
        "HEALTH",
        "EQUITY",
        "ALLOCATED",
        "BOTS",
        "OPEN",
        "PROTECTED",
        "UNKNOWN",
        "TRADES",
        "NET",
        "UNREALIZED",
        "LAST ERROR",
    ];
    let mut table = out.new_table(&columns, &[3, 5, 6, 7, 8, 9, 10, 11]);
    for account in accounts {
        table.add_row([
            account.account.clone(),
            mode(context, account),
            health(context, account),
            figures::balance_opt(account.equity),
            allocation_bar(account.allocation_pct.decimal()),
            format!("{}/{}", account.bots_running, account.bots_active),
            account.tally.open_positions.to_string(),
            format!("{}/{}", account.tally.protected_positions, account.tally.open_positions),
            account.unknown_orders.to_string(),
            account.tally.closed_trades.to_string(),
            figures::profit(out, account.tally.net_pnl),
            figures::profit(out, account.tally.unrealized_pnl),
            account.last_error.clone().unwrap_or_default(),
        ]);
    }
    out.table(&table)
}

fn mode(context: &Context, account: &AccountStatus) -> String {
    match account.mode {
        "live" => context.out.paint(Tone::Warning, &format!("{} live", account.exchange)),
        "paper" => "paper".to_owned(),
        other => format!("{} {other}", account.exchange),
    }
}

/// The worst of what is wrong with it.
fn health(context: &Context, account: &AccountStatus) -> String {
    let out = context.out;
    if account.quarantined {
        out.paint(Tone::Bad, "quarantined")
    } else if account.halted {
        out.paint(Tone::Warning, "halted")
    } else if account.breaker != "closed" {
        out.paint(Tone::Bad, &format!("breaker {}", account.breaker))
    } else if account.active {
        out.paint(Tone::Good, "ok")
    } else {
        out.paint(Tone::Faint, "inactive")
    }
}

/// What keeps the account from working, in full.
fn troubles(context: &Context, account: &AccountStatus) -> Result<(), CliError> {
    let lines = [
        ("quarantined", account.quarantined_at, &account.quarantine_reason),
        ("halted", account.halted_at, &account.halt_reason),
        ("last error", account.last_error_at, &account.last_error),
    ];
    for (what, at, why) in lines {
        if let Some(at) = at {
            context.out.line(format!("{what} {}: {}", when::minute(at), figures::or_dash(why.as_ref())))?;
        }
    }
    Ok(())
}

fn bots(context: &Context, account: &AccountStatus) -> Result<(), CliError> {
    let out = context.out;
    if account.bots.is_empty() {
        return out.line(format!("{} has no bots; `tradefleet bot add` makes one", account.account));
    }
    let columns = [
        "BOT",
        "STATE",
        "STRATEGY",
        "SYMBOL",
        "ALLOCATED",
        "OPEN",
        "TRADES",
        "WON",
        "NET",
        "UNREALIZED",
        "LAST TRADE",
        "LAST ERROR",
    ];
    let mut table = out.new_table(&columns, &[4, 5, 6, 7, 8, 9]);
    for bot in &account.bots {
        let state =
            if bot.running { out.paint(Tone::Good, "running") } else { out.paint(Tone::Faint, "stopped") };
        table.add_row([
            bot.bot.clone(),
            state,
            figures::or_dash(bot.strategy.as_ref()),
            bot.symbol.clone(),
            format!("{} %", bot.allocation_pct),
            bot.tally.open_positions.to_string(),
            bot.tally.closed_trades.to_string(),
            figures::share(bot.tally.win_rate_pct),
            figures::profit(out, bot.tally.net_pnl),
            figures::profit(out, bot.tally.unrealized_pnl),
            when::minute_opt(bot.last_trade_at),
            bot.last_error.clone().unwrap_or_default(),
        ]);
    }
    out.table(&table)
}

fn totals(context: &Context, totals: &FleetTotals) -> Result<(), CliError> {
    let out = context.out;
    let mut line = format!(
        "{} ({} active), {} of {} running, {}, protected {}/{}, {}",
        figures::counted(totals.accounts, "account"),
        totals.active,
        totals.bots_running,
        figures::counted(totals.bots_active, "bot"),
        figures::counted(totals.open_positions, "open position"),
        totals.protected_positions,
        totals.open_positions,
        figures::counted(totals.closed_trades, "trade"),
    );
    for (count, text) in [
        (totals.halted, format!("{} halted", totals.halted)),
        (totals.quarantined, format!("{} quarantined", totals.quarantined)),
        (totals.breakers_open, figures::counted(totals.breakers_open, "open breaker")),
        (totals.unknown_orders, figures::counted(totals.unknown_orders, "unknown order")),
    ] {
        if count > 0 {
            line.push_str(", ");
            line.push_str(&out.paint(Tone::Warning, &text));
        }
    }
    out.line(line)?;
    for total in &totals.by_asset {
        out.line(format!(
            "{} ({}): equity {}, net {}, unrealized {}",
            total.quote_asset,
            total.book.as_str(),
            figures::balance(total.equity),
            figures::profit(out, total.net_pnl),
            figures::profit(out, total.unrealized_pnl),
        ))?;
    }
    Ok(())
}
