//! `optimize`: many backtests of one strategy, kept in `research.db`, and what can be believed of the best.

mod apply;
mod searching;
mod spec;
mod start;
mod view;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::write::{WriteArgs, assignment};
use super::{CliError, Context, Exit};
use crate::control::Assignment;
use crate::domain::instrument::Symbol;
use crate::domain::time::Timeframe;
use crate::market::series::{ExchangeName, SeriesName};
use crate::optimize::objective::Objective;
use crate::optimize::search::Method;
use crate::store::StoreError;
use crate::store::research::ResearchStore;

#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true, subcommand_precedence_over_arg = true)]
pub(super) struct OptimizeArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    start: StartArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Go on with a search that was interrupted: exactly the trials that are missing
    Resume {
        id: i64,
        /// Cores to use [default: all]
        #[arg(long, value_name = "N")]
        jobs: Option<usize>,
    },
    /// List the searches
    List,
    /// Show what a search found: out-of-sample figures first
    Show {
        id: i64,
        /// Trials that are listed
        #[arg(long, value_name = "N", default_value_t = 10)]
        limit: usize,
    },
    /// Make a strategy of a trial's parameters
    Apply {
        id: i64,
        /// The trial [default: the best one, in sample]
        #[arg(long, value_name = "N")]
        trial: Option<u32>,
        /// Name of the new strategy
        #[arg(long)]
        name: String,
        #[command(flatten)]
        write: WriteArgs,
    },
}

#[derive(Debug, Args)]
struct StartArgs {
    /// A strategy of the database, or a kind: ema_cross, momentum, macd or ai_trend
    #[arg(required = true)]
    strategy: Option<String>,
    /// What is tried of a parameter or a setting: NAME=LO..HI, NAME=LO..HI:STEP, NAME=A,B,C, or NAME=A to fix it
    #[arg(long = "param", value_name = "NAME=VALUES", num_args = 1.., required = true, value_parser = assignment)]
    params: Vec<Assignment>,
    /// grid: every combination; random: a sample; smart: where good ones are
    #[arg(long, default_value = "grid")]
    method: Method,
    /// Trials at most [default: all of a grid, 200 of the others]
    #[arg(long, value_name = "N")]
    trials: Option<usize>,
    /// The same seed tries the same
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// return, cagr, sharpe, sortino, calmar, profit_factor, expectancy or win_rate
    #[arg(long, default_value = "sharpe")]
    objective: Objective,
    /// Trials with fewer trades in an in-sample part are not ranked
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_trades: u32,
    /// Trials with a deeper drawdown in an in-sample part are not ranked
    #[arg(long, value_name = "PCT")]
    max_drawdown: Option<f64>,
    /// Windows of an in-sample part to choose by and an out-of-sample part to be checked on; 0 keeps nothing apart
    #[arg(long, value_name = "K", default_value_t = 1)]
    walk_forward: usize,
    /// In-sample parts are so many times as long as out-of-sample ones
    #[arg(long, value_name = "N", default_value_t = 3)]
    in_sample: usize,
    /// In-sample parts begin with the period and grow, instead of rolling on
    #[arg(long)]
    anchored: bool,
    /// Cores to use [default: all]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Candle file (CSV, .csv.gz, .zip or .feather); several make one tape
    #[arg(long, value_name = "FILE", num_args = 1..)]
    tape: Vec<PathBuf>,
    /// Leave bad rows out instead of refusing the tape; they become gaps
    #[arg(long, requires = "tape")]
    skip_bad_rows: bool,
    /// Stored candles, such as BTCUSDT:1h or binance/BTCUSDT:1h; without a tape, `--symbol` and `--timeframe` name them too
    #[arg(long, value_name = "SERIES", num_args = 1.., conflicts_with = "tape")]
    data: Vec<SeriesName>,
    /// Exchange of the stored candles, where several have the symbol
    #[arg(long, value_name = "NAME", conflicts_with_all = ["tape", "data"])]
    exchange: Option<ExchangeName>,
    /// Symbols to trade; several share the capital [default: all of the tape or of `--data`]
    #[arg(long = "symbol", visible_alias = "symbols", value_name = "SYMBOL", num_args = 1..)]
    symbols: Vec<Symbol>,
    /// Bars of the strategy; built from finer ones where the tape has none [default: the strategy's, else the finest]
    #[arg(long, value_name = "TF")]
    timeframe: Option<Timeframe>,
    /// Finer bars to look inside those of the strategy
    #[arg(long, value_name = "TF")]
    detail_timeframe: Option<Timeframe>,
    /// Trade from this time on; earlier bars only warm the indicators
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Trade up to this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Capital in quote currency [default: 10000]
    #[arg(long, value_name = "AMOUNT")]
    capital: Option<String>,
    /// A setting of the account or its paper book, as for `backtest`
    #[arg(long = "settings", value_name = "KEY=VALUE", num_args = 1.., value_parser = assignment)]
    settings: Vec<Assignment>,
    /// Funding rates, as for `backtest`: SYMBOL=FILE, or FILE where one symbol is traded
    #[arg(long = "funding-file", value_name = "[SYMBOL=]FILE", num_args = 1..)]
    funding_files: Vec<String>,
    /// Only the strategy decides: no DCA, no cooldown, no take profit and stop loss of the account
    #[arg(long)]
    plain: bool,
    /// Trade at any price and quantity: no tick, no step, no minimum
    #[arg(long)]
    exact: bool,
    /// No shorts and no leverage, as on a spot exchange
    #[arg(long)]
    spot: bool,
    /// Let the configuration's market gates forbid entries; slow: every bar is stepped
    #[arg(long)]
    gates: bool,
}

pub(super) fn run(args: &OptimizeArgs, context: &Context) -> Result<(), CliError> {
    let begins = args.start.strategy.is_some() || !args.start.params.is_empty();
    if args.verb.is_some() && begins {
        return Err(CliError::usage("a new search and one that is there cannot be asked for at once")
            .hint("`tradefleet optimize STRATEGY --param ...` begins one"));
    }
    match &args.verb {
        None => start::start(&args.start, context),
        Some(Verb::Resume { id, jobs }) => start::resume(*id, *jobs, context),
        Some(Verb::List) => view::list(context),
        Some(Verb::Show { id, limit }) => view::show(*id, *limit, context),
        Some(Verb::Apply { id, trial, name, write }) => apply::apply((*id, *trial), name, *write, context),
    }
}

/// The searches, for reading; `None` where there never was one.
fn stored(context: &Context) -> Result<Option<ResearchStore>, CliError> {
    match ResearchStore::open_to_read(&context.research_path()) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::NoDatabase { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The searches, for writing; one process at a time.
fn writable(context: &Context) -> Result<ResearchStore, CliError> {
    ResearchStore::open_to_write(&context.research_path())?.ok_or_else(|| {
        CliError::new(Exit::Refused, "another search is running on this home")
            .hint("one uses all cores; wait for it, or take another --home")
    })
}

fn no_search(id: i64) -> CliError {
    CliError::not_found("search", &id.to_string()).hint("`tradefleet optimize list` names them")
}
