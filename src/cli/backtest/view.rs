//! Tables and the CSV of a backtest.

use std::path::Path;

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use crate::backtest::results::Results;
use crate::backtest::setup::Setup;
use crate::backtest::trades::Trade;
use crate::cli::output::Tone;
use crate::cli::{CliError, Context, figures, when};
use crate::domain::time::{DurationMs, Timestamp};

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
    months(context, results)?;
    trades(context, results)
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
    context.out.table(&table)
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
    if hidden > 0 {
        let text = format!("{hidden} earlier trades: --trades-csv, --html and --json have all");
        context.out.note(context.out.paint(Tone::Faint, &text));
    }
    Ok(())
}

/// One row a trade, exact.
pub(super) fn write_csv(path: &Path, trades: &[Trade]) -> Result<(), CliError> {
    let failed = |error: csv::Error| CliError::file(path, &std::io::Error::from(error));
    let mut file = csv::Writer::from_path(path).map_err(failed)?;
    let columns = [
        "n",
        "signal_time_ms",
        "entry_time_ms",
        "entry_price",
        "exit_time_ms",
        "exit_price",
        "exit_reason",
        "ret_gross",
        "ret_net",
        "bot",
        "symbol",
        "side",
        "qty",
        "gross_pnl",
        "fees",
        "net_pnl",
        "dca_level",
        "bars_held",
    ];
    file.write_record(columns).map_err(failed)?;
    for trade in trades {
        file.write_record([
            trade.n.to_string(),
            trade.signal_time_ms.map(|ms| ms.to_string()).unwrap_or_default(),
            trade.entry_time_ms.to_string(),
            trade.entry_price.to_string(),
            trade.exit_time_ms.to_string(),
            trade.exit_price.to_string(),
            trade.exit_reason.clone(),
            trade.ret_gross.to_string(),
            trade.ret_net.to_string(),
            trade.bot.clone(),
            trade.symbol.to_string(),
            trade.side.to_string(),
            trade.qty.to_string(),
            trade.gross_pnl.to_string(),
            trade.fees.to_string(),
            trade.net_pnl.to_string(),
            trade.dca_level.to_string(),
            trade.bars_held.to_string(),
        ])
        .map_err(failed)?;
    }
    file.flush().map_err(|error| CliError::file(path, &error))
}
