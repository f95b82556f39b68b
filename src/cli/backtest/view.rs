//! The tables of a backtest.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use serde_json::Value;

use crate::backtest::grids::GridRow;
use crate::backtest::results::Results;
use crate::backtest::setup::Setup;
use crate::backtest::terms::Terms;
use crate::cli::output::Tone;
use crate::cli::{CliError, Context, figures, when};
use crate::domain::time::{DurationMs, Timestamp};
use crate::strategy::StrategyParams;

/// Months and trades that are listed; `--json`, CSV and the page have all.
const MONTHS_SHOWN: usize = 24;
const TRADES_SHOWN: usize = 10;

pub(super) fn show(context: &Context, setup: &Setup, results: &Results) -> Result<(), CliError> {
    let out = context.out;
    let time = |ms: i64| when::minute(Timestamp::from_ms(ms));
    out.line(format!(
        "{} to {}, {} bars of {}, capital {} {}, auto_exit {}",
        time(results.from_ms),
        time(results.to_ms),
        results.bars,
        results.timeframe,
        results.capital,
        setup.paper.quote_asset,
        if setup.settings.auto_exit { "on" } else { "off" },
    ))?;
    terms(context, setup, results)?;
    let mut table = out.new_table(&["FIGURE", "VALUE", "FIGURE", "VALUE"], &[1, 3]);
    let figures = figures_of(results);
    let half = figures.len().div_ceil(2);
    for (row, (name, value)) in figures.iter().take(half).enumerate() {
        let (other, its) = figures.get(half + row).cloned().unwrap_or_default();
        table.add_row([(*name).to_owned(), value.clone(), other.to_owned(), its]);
    }
    out.table(&table)?;
    if !results.skipped.is_empty() {
        let reasons: Vec<_> = results.skipped.iter().map(|(code, count)| format!("{code} {count}")).collect();
        out.line(format!("entries not made: {}", reasons.join(", ")))?;
    }
    symbols(context, results)?;
    grids(context, results)?;
    months(context, results)?;
    trades(context, results)
}

/// What the bots follow, and what differs from the defaults.
fn terms(context: &Context, setup: &Setup, results: &Results) -> Result<(), CliError> {
    let listed =
        |pairs: Vec<String>| if pairs.is_empty() { "as by default".to_owned() } else { pairs.join(" ") };
    for bot in &results.terms.bots {
        let (Some(kind), Some(timeframe)) = (bot.strategy, bot.timeframe) else { continue };
        let defaults = StrategyParams::new(kind).to_json();
        let own = bot.params.iter().filter_map(Value::as_object).flatten();
        let changed = own.filter(|(key, value)| defaults.get(key) != Some(value));
        let changed = changed.map(|(key, value)| format!("{key}={value}")).collect();
        context.out.line(format!("{}: {kind} on bars of {timeframe}, {}", bot.name, listed(changed)))?;
    }
    let defaults = Terms::of(&Setup::new(setup.limits, Vec::new())).settings;
    let told = ["initial_balance", "quote_asset", "auto_exit"];
    let own = results.terms.settings.iter().filter(|(key, _)| !told.contains(key));
    let changed: Vec<String> = own
        .filter(|(key, value)| defaults.get(*key) != Some(value))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    if changed.is_empty() { Ok(()) } else { context.out.line(format!("settings: {}", changed.join(" "))) }
}

fn fraction(value: Option<Decimal>) -> String {
    value.map_or_else(
        || "-".to_owned(),
        |value| format!("{:.2} %", (value * Decimal::ONE_HUNDRED).round_dp(2)),
    )
}

fn float(value: Option<f64>) -> Option<Decimal> {
    value.and_then(Decimal::from_f64)
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn figures_of(results: &Results) -> Vec<(&'static str, String)> {
    let summary = &results.summary;
    let drawdown = &results.drawdown;
    let rounded = |value: Option<Decimal>| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{:.2}", value.round_dp(2)))
    };
    vec![
        ("return", fraction(Some(summary.total_return))),
        ("buy and hold", fraction(Some(results.buy_and_hold.total_return))),
        ("final equity", figures::balance(summary.final_equity)),
        ("net profit", figures::balance(summary.net_profit)),
        ("CAGR", fraction(float(summary.ratios.cagr))),
        ("Sharpe", ratio(summary.ratios.sharpe)),
        ("Sortino", ratio(summary.ratios.sortino)),
        ("Calmar", ratio(summary.ratios.calmar)),
        ("max drawdown", fraction(float(Some(drawdown.depth)))),
        ("longest drawdown", when::span(DurationMs::from_ms(drawdown.longest_ms))),
        ("trades", summary.trades.to_string()),
        ("win rate", fraction(summary.win_rate)),
        ("profit factor", rounded(summary.profit_factor)),
        ("expectancy", summary.expectancy.map_or_else(|| "-".to_owned(), figures::balance)),
        ("bars held", rounded(summary.average_bars_held)),
        ("exposure", fraction(float(Some(summary.exposure)))),
        ("fees", figures::amount(summary.fees)),
        ("funding", figures::amount(summary.funding)),
    ]
}

fn symbols(context: &Context, results: &Results) -> Result<(), CliError> {
    let columns = ["SYMBOL", "TRADES", "WIN RATE", "NET", "FEES", "BUY AND HOLD"];
    let mut table = context.out.new_table(&columns, &[1, 2, 3, 4, 5]);
    for row in &results.symbols {
        table.add_row([
            row.symbol.to_string(),
            row.trades.to_string(),
            fraction(row.win_rate),
            figures::profit(context.out, row.net_profit),
            figures::amount(row.fees),
            fraction(Some(row.buy_and_hold)),
        ]);
    }
    context.out.line("")?;
    context.out.table(&table)
}

/// The figures of `bot stats`, and what was asked of each grid.
fn grids(context: &Context, results: &Results) -> Result<(), CliError> {
    if results.grids.is_empty() {
        return Ok(());
    }
    let out = context.out;
    let columns =
        ["GRID", "INVESTED", "CYCLES", "PROFIT", "OF INVESTED", "A DAY", "UNREALIZED", "FEES", "NET"];
    let mut table = out.new_table(&columns, &[1, 2, 3, 4, 5, 6, 7, 8]);
    for grid in &results.grids {
        table.add_row([
            grid.bot.clone(),
            grid.config.investment.to_string(),
            grid.cycles.to_string(),
            figures::profit(out, grid.realized_profit),
            figures::share(grid.profit_pct),
            figures::or_dash(grid.profit_per_day),
            figures::profit(out, grid.unrealized_profit),
            figures::amount(grid.fees),
            figures::profit(out, grid.net_profit),
        ]);
    }
    out.line("")?;
    out.table(&table)?;
    for grid in &results.grids {
        out.line(format!("  {}: {}", grid.bot, asked(grid)))?;
        if let Some(stopped) = &grid.stopped {
            let at = when::minute(Timestamp::from_ms(stopped.time_ms));
            out.line(format!("  {}: stopped in the bar of {at}: {}", grid.bot, stopped.reason))?;
        }
    }
    Ok(())
}

/// `31 long lines from 55000 to 70000, arithmetic, 0.003 each; a round trip earns 1.4 to 1.5`.
fn asked(grid: &GridRow) -> String {
    let config = &grid.config;
    let earns = match (figures::amount(grid.net_per_line.min), figures::amount(grid.net_per_line.max)) {
        (least, most) if least == most => least,
        (least, most) => format!("{least} to {most}"),
    };
    format!(
        "{} {} lines from {} to {}, {}, {} each; a round trip earns {earns}",
        config.count, config.direction, config.lower, config.upper, config.mode, grid.qty_per_line
    )
}

fn months(context: &Context, results: &Results) -> Result<(), CliError> {
    let mut table = context.out.new_table(&["MONTH", "RETURN", "TRADES", "NET"], &[1, 2, 3]);
    let hidden = results.months.len().saturating_sub(MONTHS_SHOWN);
    for row in results.months.iter().skip(hidden) {
        table.add_row([
            row.month.clone(),
            fraction(float(Some(row.total_return))),
            row.trades.to_string(),
            figures::profit(context.out, row.net_profit),
        ]);
    }
    context.out.line("")?;
    context.out.table(&table)?;
    tell_hidden(context, hidden, "month");
    Ok(())
}

fn tell_hidden(context: &Context, hidden: usize, what: &str) {
    if hidden > 0 {
        let earlier = figures::counted(hidden as u64, &format!("earlier {what}"));
        let text = format!("{earlier}: --html and --json have all");
        context.out.note(context.out.paint(Tone::Faint, &text));
    }
}

fn trades(context: &Context, results: &Results) -> Result<(), CliError> {
    if results.trades.is_empty() {
        return context.out.line("no trades");
    }
    let columns = ["#", "SYMBOL", "SIDE", "IN", "PRICE", "OUT", "PRICE", "WHY", "RETURN", "NET"];
    let mut table = context.out.new_table(&columns, &[0, 4, 6, 8, 9]);
    let hidden = results.trades.len().saturating_sub(TRADES_SHOWN);
    for trade in results.trades.iter().skip(hidden) {
        table.add_row([
            trade.n.to_string(),
            trade.symbol.to_string(),
            trade.side.to_string(),
            when::minute(Timestamp::from_ms(trade.entry_time_ms)),
            figures::price(Some(trade.entry_price)),
            when::minute(Timestamp::from_ms(trade.exit_time_ms)),
            figures::price(Some(trade.exit_price)),
            trade.exit_reason.clone(),
            fraction(Some(trade.ret_net)),
            figures::profit(context.out, trade.net_pnl),
        ]);
    }
    context.out.line("")?;
    context.out.table(&table)?;
    tell_hidden(context, hidden, "trade");
    Ok(())
}
