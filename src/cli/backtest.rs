//! `backtest`: a strategy over candles, with the settings of an account.

pub(super) mod bots;
pub(super) mod checks;
mod compare;
mod csv_files;
mod grid_bot;
pub(super) mod market;
mod typed;
mod view;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::write::assignment;
use super::{CliError, Context, when};
use crate::backtest::driver::{Stride, play};
use crate::backtest::html;
use crate::backtest::lookahead;
use crate::backtest::played::BacktestError;
use crate::backtest::results::Results;
use crate::control::Assignment;
use crate::domain::instrument::Symbol;
use crate::domain::time::Timeframe;
use crate::engine::grid::refusal::PlanRefusal;
use crate::market::series::{ExchangeName, SeriesName};
use crate::strategy::StrategyKind;

#[derive(Debug, Default, Args)]
pub(super) struct BacktestArgs {
    /// A strategy of the database
    #[arg(long, value_name = "NAME", conflicts_with = "kind")]
    pub(super) strategy: Option<String>,
    /// A kind of strategy: ema_cross, momentum, macd or ai_trend
    #[arg(long)]
    pub(super) kind: Option<StrategyKind>,
    /// A parameter that differs from the strategy's own
    #[arg(long = "param", value_name = "KEY=VALUE", num_args = 1.., value_parser = assignment)]
    pub(super) params: Vec<Assignment>,
    /// Candle file (CSV, .csv.gz, .zip or .feather); several make one tape
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(super) tape: Vec<PathBuf>,
    /// Leave bad rows out instead of refusing the tape; they become gaps
    #[arg(long, requires = "tape")]
    pub(super) skip_bad_rows: bool,
    /// Stored candles, such as BTCUSDT:1h or binance/BTCUSDT:1h; without a tape, `--symbol` and `--timeframe` name them too
    #[arg(long, value_name = "SERIES", num_args = 1.., conflicts_with = "tape")]
    pub(super) data: Vec<SeriesName>,
    /// Exchange of the stored candles, where several have the symbol
    #[arg(long, value_name = "NAME", conflicts_with_all = ["tape", "data"])]
    pub(super) exchange: Option<ExchangeName>,
    /// Symbol to trade; several share the capital [default: all of the tape or of `--data`]
    #[arg(long = "symbol", value_name = "SYMBOL", num_args = 1..)]
    pub(super) symbols: Vec<Symbol>,
    /// Bars of the strategy; built from finer ones where the tape has none [default: the finest]
    #[arg(long, value_name = "TF")]
    pub(super) timeframe: Option<Timeframe>,
    /// Finer bars to look inside those of the strategy
    #[arg(long, value_name = "TF")]
    pub(super) detail_timeframe: Option<Timeframe>,
    /// Trade from this time on; earlier bars only warm the indicators
    #[arg(long, value_name = "TIME")]
    pub(super) from: Option<String>,
    /// Trade up to this time
    #[arg(long, value_name = "TIME")]
    pub(super) to: Option<String>,
    /// Capital in quote currency [default: 10000]
    #[arg(long, value_name = "AMOUNT")]
    pub(super) capital: Option<String>,
    /// A setting of the account or its paper book: entry_pct, leverage, taker_fee_pct, long_tp_pct, dca_enabled ...
    #[arg(long = "settings", value_name = "KEY=VALUE", num_args = 1.., value_parser = assignment)]
    pub(super) settings: Vec<Assignment>,
    /// Funding rates (CSV with funding_time_ms and rate, or Binance's archive), once each symbol: SYMBOL=FILE, or FILE
    /// where one symbol is traded
    #[arg(long = "funding-file", value_name = "[SYMBOL=]FILE", num_args = 1..)]
    pub(super) funding_files: Vec<String>,
    /// Only the strategy decides: no DCA, no cooldown, no take profit and stop loss of the account
    #[arg(long)]
    pub(super) plain: bool,
    /// A bot of its own, once each: `name=a,kind=macd,symbol=BTCUSDT,allocation=50,param.fast=8`, or a grid with the
    /// settings of `bot add`: `type=grid,symbol=BTCUSDT,allocation=50,lower=55000,upper=70000,grids=31,investment=5000`
    #[arg(long = "bot", value_name = "KEY=VALUE,...", conflicts_with_all = ["strategy", "kind", "params"])]
    pub(super) bots: Vec<String>,
    /// Trade at any price and quantity: no tick, no step, no minimum
    #[arg(long)]
    pub(super) exact: bool,
    /// No shorts and no leverage, as on a spot exchange
    #[arg(long)]
    pub(super) spot: bool,
    /// Let the configuration's market gates forbid entries
    #[arg(long)]
    pub(super) gates: bool,
    /// Step every bar instead of those in which something can happen; the result is the same
    #[arg(long)]
    pub(super) every_bar: bool,
    /// Compute all signals anew on truncated history and fail if any differs
    #[arg(long, conflicts_with_all = ["trades_csv", "grid_fills_csv", "html", "every_bar"])]
    pub(super) check_lookahead: bool,
    /// Replay the tape for this account as the database has it, and compare every decision and fill with those that
    /// `run` has stored
    #[arg(long, value_name = "ACCOUNT", conflicts_with_all = ["strategy", "kind", "params", "bots", "settings", "check_lookahead",
        "detail_timeframe", "from", "to", "capital", "funding_files", "plain", "exact", "spot", "gates", "every_bar",
        "trades_csv", "grid_fills_csv", "html"])]
    pub(super) compare_run: Option<String>,
    /// Write the trades to this CSV file
    #[arg(long, value_name = "FILE")]
    pub(super) trades_csv: Option<PathBuf>,
    /// Write the fills on the lines of grids to this CSV file
    #[arg(long, value_name = "FILE")]
    pub(super) grid_fills_csv: Option<PathBuf>,
    /// Write a page with charts to this file
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

/// The answer of `--check-lookahead`.
#[derive(Serialize)]
struct LookaheadAnswer {
    cuts: usize,
    signals: usize,
    differences: u32,
}

pub(super) fn run(args: &BacktestArgs, context: &Context) -> Result<(), CliError> {
    if let Some(account) = &args.compare_run {
        return compare::run(account, &market::tape(args, context)?, context);
    }
    checks::before(args)?;
    let time = |text: &Option<String>| {
        text.as_ref().map(|text| when::parse(text, context.now()).map_err(CliError::usage)).transpose()
    };
    let (from, to) = (time(&args.from)?, time(&args.to)?);
    let source = market::open(args, context)?;
    let mut setup = bots::setup(args, context, &source)?;
    (setup.from, setup.to) = (from, to);
    if args.grid_fills_csv.is_some() && setup.grid_bots().next().is_none() {
        return Err(
            CliError::usage("--grid-fills-csv: no bot is a grid").hint("`--bot type=grid,...` adds one")
        );
    }
    if args.check_lookahead {
        return check_lookahead(context, &source.market, &setup);
    }
    let stride = if args.every_bar { Stride::EveryBar } else { Stride::Skipping };
    let played = play(&source.market, &setup, stride).map_err(|error| refused(&error))?;
    let results = Results::of(&source.market, &setup, &played);
    checks::after(context, &setup, &results);
    if let Some(path) = &args.trades_csv {
        csv_files::write_trades(path, &results.trades)?;
    }
    if let Some(path) = &args.grid_fills_csv {
        csv_files::write_grid_fills(path, &results.grids)?;
    }
    if let Some(path) = &args.html {
        let page = html::page(&source.market, played.span, &results)?;
        std::fs::write(path, page).map_err(|error| CliError::file(path, &error))?;
    }
    if context.out.is_json() {
        return context.out.json(&results);
    }
    view::show(context, &setup, &results)
}

fn check_lookahead(
    context: &Context,
    market: &crate::backtest::market::Market,
    setup: &crate::backtest::setup::Setup,
) -> Result<(), CliError> {
    if setup.signal_bots().next().is_none() {
        return Err(CliError::usage(
            "--check-lookahead: no bot follows signals, and a grid decides by the last price",
        )
        .hint("give a bot with a strategy"));
    }
    let checked = lookahead::check(market, setup).map_err(|error| refused(&error))?;
    if let Some(difference) = checked.first_difference {
        let key = difference.key;
        return Err(CliError::refused(format!(
            "look-ahead: the signal of {} {} on the bar that closed at {} changes when history is cut at {}",
            key.symbol, key.timeframe, difference.bar_close_at, difference.cut_at
        )));
    }
    let answer = LookaheadAnswer { cuts: checked.cuts, signals: checked.signals, differences: 0 };
    if context.out.is_json() {
        return context.out.json(&answer);
    }
    context.out.line(format!(
        "no look-ahead: {} signals are the same on history cut at {} places",
        answer.signals, answer.cuts
    ))
}

pub(super) fn refused(error: &BacktestError) -> CliError {
    let is_too_much = |refusal: &PlanRefusal| matches!(refusal, PlanRefusal::AboveCapital { .. });
    let hint = match error {
        BacktestError::GridRefused { refusals, .. } if refusals.iter().any(is_too_much) => {
            Some("`allocation=` of the bot says how much of the capital is its own")
        }
        BacktestError::Unmet(_) => Some("`--symbol` names what is traded, `--tape` or `--data` the candles"),
        BacktestError::NothingInSpan { .. } => {
            Some("`--from` and `--to` say which part of the candles is traded")
        }
        BacktestError::Market(_)
        | BacktestError::GridRefused { .. }
        | BacktestError::EndBeforeStart { .. } => None,
    };
    let refusal = CliError::usage(error.to_string());
    match hint {
        Some(hint) => refusal.hint(hint),
        None => refusal,
    }
}
