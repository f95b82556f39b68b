//! `signal list|explain`.

use clap::{Args, Subcommand};
use rusqlite::Connection;
use serde::Serialize;

use super::filter::{account_id, symbol, unknown};
use super::output::Tone;
use super::{CliError, Context, figures, when};
use crate::domain::instrument::Symbol;
use crate::store::queries::explain::{self, Explanation, Verdict};
use crate::store::queries::signals::{self, SignalFilter, SignalRow};
use crate::store::queries::{names, snapshot};

/// Actionable signals shown unless --limit says otherwise.
const SHOWN: u32 = 20;

#[derive(Debug, Args)]
pub(super) struct SignalArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// What every strategy said last, and the last signals anybody could act on
    List(ListArgs),
    /// Each condition with its numbers, and what every bot made of it
    Explain(ExplainArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only this symbol
    #[arg(long, value_name = "SYMBOL")]
    symbol: Option<String>,
    /// Only this strategy
    #[arg(long, value_name = "NAME")]
    strategy: Option<String>,
    /// Only bars closed from this time on: 2022-06-15, "2022-06-15 03:00" (UTC), or 24h, 7d for ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most so many actionable signals, the latest; 0 = all [default: 20]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    #[arg(value_name = "SYMBOL")]
    symbol: String,
    /// Only this strategy
    #[arg(long, value_name = "NAME")]
    strategy: Option<String>,
    /// Only this account's bots
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

#[derive(Serialize)]
struct ListAnswer<'a> {
    latest: &'a [SignalRow],
    actionable: &'a [SignalRow],
}

#[derive(Serialize)]
struct ExplainAnswer<'a> {
    symbol: &'a Symbol,
    explanations: &'a [Explanation],
}

pub(super) fn run(args: &SignalArgs, context: &Context) -> Result<(), CliError> {
    match &args.verb {
        Verb::List(args) => list(args, context),
        Verb::Explain(args) => explain(args, context),
    }
}

fn list(args: &ListArgs, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let conn = snapshot(store.conn())?;
    require_strategy(&conn, args.strategy.as_deref())?;
    let since = args.since.as_deref().map(|text| when::parse(text, context.now())).transpose();
    let filter = SignalFilter {
        symbol: args.symbol.as_deref().map(symbol).transpose()?,
        strategy: args.strategy.clone(),
        since: since.map_err(|error| CliError::usage(format!("--since: {error}")))?,
        limit: None,
    };
    let latest = signals::latest(&conn, &filter)?;
    let limit = args.limit.map_or(Some(SHOWN), |limit| (limit > 0).then_some(limit));
    let actionable = signals::actionable(&conn, &SignalFilter { limit, ..filter })?;
    if context.out.is_json() {
        return context.out.json(&ListAnswer { latest: &latest, actionable: &actionable });
    }
    if latest.is_empty() {
        return context.out.line("no signals yet");
    }
    context.out.line(context.out.paint(Tone::Strong, "latest of every computation"))?;
    table(context, &latest)?;
    context.out.line("")?;
    if actionable.is_empty() {
        return context.out.line("no actionable signals");
    }
    context.out.line(context.out.paint(Tone::Strong, "actionable"))?;
    table(context, &actionable)
}

fn table(context: &Context, signals: &[SignalRow]) -> Result<(), CliError> {
    let columns = ["BAR CLOSE", "SYMBOL", "STRATEGY", "BAR", "SAYS", "CONFIDENCE", "PRICE", "REASON"];
    let mut table = context.out.new_table(&columns, &[5, 6]);
    for signal in signals {
        table.add_row([
            when::minute(signal.bar_close_at),
            signal.symbol.to_string(),
            signal.strategy.clone(),
            signal.timeframe.to_string(),
            says(context, signal),
            signal.confidence.to_string(),
            signal.price.to_string(),
            signal.reason.clone(),
        ]);
    }
    context.out.table(&table)
}

/// `long`, `exit short`, or `-`.
fn says(context: &Context, signal: &SignalRow) -> String {
    let mut words = Vec::new();
    if let Some(side) = signal.entry {
        words.push(context.out.paint(Tone::Good, side.as_str()));
    }
    for (exits, word) in [(signal.exit_long, "exit long"), (signal.exit_short, "exit short")] {
        if exits {
            words.push(context.out.paint(Tone::Warning, word));
        }
    }
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

fn explain(args: &ExplainArgs, context: &Context) -> Result<(), CliError> {
    let store = context.read_store()?;
    let conn = snapshot(store.conn())?;
    require_strategy(&conn, args.strategy.as_deref())?;
    let account = args.account.as_deref().map(|name| account_id(&conn, name)).transpose()?;
    let symbol = symbol(&args.symbol)?;
    let explanations = explain::explain(&conn, &symbol, args.strategy.as_deref(), account)?;
    if explanations.is_empty() {
        let known = names::signal_symbols(&conn)?;
        if !known.iter().any(|known| known == symbol.as_str()) {
            return Err(unknown("signal for symbol", symbol.as_str(), known.iter().map(String::as_str)));
        }
    }
    if context.out.is_json() {
        return context.out.json(&ExplainAnswer { symbol: &symbol, explanations: &explanations });
    }
    if explanations.is_empty() {
        return context.out.line(format!("no signals for {symbol} from this strategy"));
    }
    for (index, explanation) in explanations.iter().enumerate() {
        if index > 0 {
            context.out.line("")?;
        }
        one(context, explanation)?;
    }
    Ok(())
}

fn one(context: &Context, explanation: &Explanation) -> Result<(), CliError> {
    let out = context.out;
    signal(context, &explanation.latest)?;
    if let Some(entry) = &explanation.last_entry
        && entry.bar_close_at != explanation.latest.bar_close_at
    {
        out.line("its last entry:")?;
        signal(context, entry)?;
    }
    if explanation.verdicts.is_empty() {
        return out.line("no bot follows it");
    }
    let mut table = out.new_table(&["ACCOUNT", "BOT", "DID", "CODE", "AT", "WHY", "ORDER"], &[]);
    for verdict in &explanation.verdicts {
        table.add_row([
            verdict.account.clone(),
            verdict.bot.clone(),
            did(context, verdict),
            verdict.code.clone(),
            when::minute_opt(verdict.at),
            verdict.detail.clone(),
            figures::or_dash(verdict.order.as_ref()),
        ]);
    }
    out.table(&table)
}

fn signal(context: &Context, signal: &SignalRow) -> Result<(), CliError> {
    let out = context.out;
    out.line(format!(
        "{} {} {}, bar closed {} at {}: {} (confidence {}), {}",
        out.paint(Tone::Strong, signal.symbol.as_str()),
        signal.strategy,
        signal.timeframe,
        when::minute(signal.bar_close_at),
        signal.price,
        says(context, signal),
        signal.confidence,
        signal.reason,
    ))?;
    for condition in &signal.conditions {
        let (tone, mark) = if condition.passed { (Tone::Good, "yes") } else { (Tone::Bad, "no ") };
        out.line(format!("  {} {}: {}", out.paint(tone, mark), condition.name, condition.detail))?;
    }
    Ok(())
}

fn did(context: &Context, verdict: &Verdict) -> String {
    let tone = match verdict.action.as_str() {
        "entered" => Tone::Good,
        "skipped" => Tone::Warning,
        _ => Tone::Faint,
    };
    context.out.paint(tone, &verdict.action)
}

fn require_strategy(conn: &Connection, name: Option<&str>) -> Result<(), CliError> {
    let Some(name) = name else { return Ok(()) };
    let known = names::strategies(conn)?;
    if known.iter().any(|known| known == name) {
        return Ok(());
    }
    Err(unknown("strategy", name, known.iter().map(String::as_str)))
}
