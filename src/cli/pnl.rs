//! `pnl`.

use clap::Args;
use serde::Serialize;

use super::filter::FilterArgs;
use super::{CliError, Context, figures, when};
use crate::domain::fee::FeeSum;
use crate::domain::money::Quote;
use crate::store::queries::daily::{self, DayPnl};
use crate::store::queries::pnl::{self, AccountPnl, PnlReport};
use crate::store::queries::{Filter, Tally, snapshot};

/// Calendar days in the daily table unless --limit or --since says otherwise.
const DAYS_SHOWN: u32 = 30;

#[derive(Debug, Args)]
pub(super) struct PnlArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Per UTC day instead of per account; --limit counts days
    #[arg(long)]
    daily: bool,
}

#[derive(Serialize)]
struct DailyAnswer<'a> {
    days: &'a [DayPnl],
}

pub(super) fn run(args: &PnlArgs, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let conn = snapshot(store.conn())?;
    let mut filter = args.filter.resolve(&conn, context)?;
    if args.daily {
        if !args.filter.has_limit() && !context.out.is_json() {
            filter.limit = filter.since.is_none().then_some(DAYS_SHOWN);
        }
        return daily_table(context, &daily::daily(&conn, &filter)?);
    }
    let report = pnl::report(&conn, &filter)?;
    if context.out.is_json() {
        return context.out.json(&report);
    }
    if report.accounts.is_empty() {
        return context.out.line("no results: no account or bot has traded");
    }
    table(context, &report, &filter)
}

const FIGURES: [&str; 7] = ["TRADES", "WON", "OPEN", "GROSS", "FEES", "NET", "UNREALIZED"];

fn figures_of(context: &Context, tally: &Tally, fees: &[FeeSum], quote_asset: &str) -> [String; 7] {
    let out = context.out;
    [
        tally.closed_trades.to_string(),
        figures::share(tally.win_rate_pct),
        tally.open_positions.to_string(),
        figures::profit(out, tally.gross_pnl),
        figures::fees(tally.fees, fees, quote_asset),
        figures::profit(out, tally.net_pnl),
        figures::profit(out, tally.unrealized_pnl),
    ]
}

fn table(context: &Context, report: &PnlReport, filter: &Filter) -> Result<(), CliError> {
    let mut columns = vec!["ACCOUNT", "BOT", "BOOK"];
    columns.extend(FIGURES);
    columns.extend(["INITIAL", "EQUITY", "ASSET"]);
    let mut table = context.out.new_table(&columns, &[3, 4, 5, 6, 7, 8, 9, 10, 11]);
    let has_bots = filter.account.is_some() || filter.bot.is_some();
    for account in &report.accounts {
        let start = [account.account.clone(), String::new(), account.book.as_str().to_owned()];
        let own = figures_of(context, &account.tally, &account.fees_by_asset, &account.quote_asset);
        let end = [
            figures::balance_opt(account.initial_balance),
            figures::balance_opt(account.equity),
            account.quote_asset.clone(),
        ];
        table.add_row(start.into_iter().chain(own).chain(end));
        if has_bots {
            for bot in &account.bots {
                let name = bot.bot.as_deref().unwrap_or("(released)");
                let name = if bot.removed { format!("{name} (removed)") } else { name.to_owned() };
                let start = [String::new(), name, String::new()];
                let own = figures_of(context, &bot.tally, &bot.fees_by_asset, &account.quote_asset);
                table.add_row(start.into_iter().chain(own));
            }
        }
    }
    context.out.table(&table)?;
    for total in &report.totals {
        context.out.line(format!(
            "total {} ({}, {}): {}, fees {}, net {}, unrealized {}",
            total.quote_asset,
            total.book.as_str(),
            figures::counted(total.accounts, "account"),
            figures::counted(total.tally.closed_trades, "closed trade"),
            figures::fees(total.tally.fees, &total.fees_by_asset, &total.quote_asset),
            figures::profit(context.out, total.tally.net_pnl),
            figures::profit(context.out, total.tally.unrealized_pnl),
        ))?;
    }
    report
        .accounts
        .iter()
        .filter(|_| filter.account.is_some())
        .try_for_each(|account| identity(context, account))
}

/// Spells out how the equity of a book comes about.
fn identity(context: &Context, account: &AccountPnl) -> Result<(), CliError> {
    let Some(equity) = account.equity else { return Ok(()) };
    let start = match account.initial_balance {
        Some(initial) => format!("{initial} initial balance"),
        None => format!("{} brought in", account.adjustments),
    };
    let in_kind: Quote = account
        .fees_by_asset
        .iter()
        .filter(|sum| sum.asset != account.quote_asset)
        .map(|sum| sum.value)
        .sum();
    // What was paid in another asset is a cost, but the cash did not pay it.
    let in_kind = if in_kind == Quote::ZERO {
        String::new()
    } else {
        format!(" + ({in_kind}) of fees paid in another asset")
    };
    context.out.line(format!(
        "{start} + ({}) net{in_kind} + ({}) funding + ({}) unrealized = {equity} equity",
        account.tally.net_pnl, account.funding, account.tally.unrealized_pnl
    ))
}

fn daily_table(context: &Context, days: &[DayPnl]) -> Result<(), CliError> {
    let out = context.out;
    if out.is_json() {
        return out.json(&DailyAnswer { days });
    }
    if days.is_empty() {
        return out.line("no fills yet");
    }
    let columns =
        ["DAY (UTC)", "BOOK", "FILLS", "TRADES", "WON", "GROSS", "FEES", "NET", "CUMULATIVE", "ASSET"];
    let mut table = out.new_table(&columns, &[2, 3, 4, 5, 6, 7, 8]);
    for day in days {
        table.add_row([
            when::day(day.day),
            day.book.as_str().to_owned(),
            day.fills.to_string(),
            day.closed_trades.to_string(),
            figures::share(day.win_rate_pct),
            figures::profit(out, day.gross_pnl),
            figures::fees(day.fees, &day.fees_by_asset, &day.quote_asset),
            figures::profit(out, day.net_pnl),
            figures::profit(out, day.cumulative_pnl),
            day.quote_asset.clone(),
        ]);
    }
    out.table(&table)
}
