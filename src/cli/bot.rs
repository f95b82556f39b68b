//! `bot add|clone|list|show|set|start|stop|remove|stats|grid`.

pub(super) mod effective;

mod grid_args;
mod ladder;
pub(super) mod plan;
mod select;
mod view;

use clap::{Args, Subcommand, ValueEnum};

use self::grid_args::GridArgs;
use self::select::WhichArgs;
use super::write::{self, WriteArgs, assignment, names_and_values};
use super::{CliError, Context};
use crate::control::command::NewBotSpec;
use crate::control::{Assignment, Command, PositionsChoice, Selection};
use crate::domain::kind::BotType;

#[derive(Debug, Args)]
pub(super) struct BotArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a bot to an account
    Add(Box<AddArgs>),
    /// Copy a bot to other accounts; the copies start stopped
    Clone(CloneArgs),
    /// List bots with the values they trade with
    List(WhichArgs),
    /// Show a bot: every effective value and where it comes from
    Show(WhichArgs),
    /// Change settings of bots, or their `strategy`
    Set(Box<SetArgs>),
    /// Start bots; they run until stopped, whatever restarts in between
    Start {
        #[command(flatten)]
        which: WhichArgs,
        #[command(flatten)]
        write: WriteArgs,
    },
    /// Stop bots; what they hold stays managed
    Stop {
        #[command(flatten)]
        which: WhichArgs,
        /// Close what they hold
        #[arg(long)]
        close: bool,
        #[command(flatten)]
        write: WriteArgs,
    },
    /// Remove bots; their history stays
    Remove {
        #[command(flatten)]
        which: WhichArgs,
        /// What happens to open positions
        #[arg(long)]
        positions: Option<Positions>,
        #[command(flatten)]
        write: WriteArgs,
    },
    /// Trades, wins and PnL; of grids also cycles, profit per day and fees
    Stats(WhichArgs),
    /// Draw the ladder of a grid: lines, what rests where, the price, fills and profit
    Grid(ladder::LadderArgs),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Positions {
    /// The daemon closes them
    Close,
    /// They become the operator's own
    Release,
}

#[derive(Debug, Args)]
struct AddArgs {
    name: String,
    #[arg(long)]
    account: String,
    /// How it trades: by the signals of its strategy, or by orders on a grid of prices
    #[arg(long = "type", value_name = "TYPE", default_value = "ai_trend")]
    kind: Kind,
    /// Name of a strategy [default: ema_cross]
    #[arg(long)]
    strategy: Option<String>,
    /// An exchange symbol, or * for the universe [default: BTCUSDT, on upbit KRW-BTC]
    #[arg(long)]
    symbol: Option<String>,
    /// Share of the account's equity, % [default: 10]
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    allocation: Option<String>,
    /// A setting, e.g. take_profit_percent=4
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    values: Vec<Assignment>,
    /// Start it at once
    #[arg(long)]
    start: bool,
    #[command(flatten)]
    grid: GridArgs,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    #[value(name = "ai_trend")]
    AiTrend,
    #[value(name = "grid")]
    Grid,
}

#[derive(Debug, Args)]
struct CloneArgs {
    name: String,
    /// The account it is copied from
    #[arg(long)]
    account: String,
    /// Accounts it is copied to
    #[arg(long, value_delimiter = ',', required_unless_present = "tag")]
    to: Vec<String>,
    /// The accounts that carry this tag
    #[arg(long, conflicts_with = "to")]
    tag: Option<String>,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Debug, Args)]
struct SetArgs {
    /// A bot, and what to set: NAME allocation_percent=20 strategy=macd
    #[arg(value_name = "NAME | KEY=VALUE")]
    words: Vec<String>,
    #[command(flatten)]
    accounts: select::AccountsArgs,
    #[command(flatten)]
    grid: GridArgs,
    #[command(flatten)]
    write: WriteArgs,
}

pub(super) fn run(args: BotArgs, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::Add(args) => add(*args, context),
        Verb::Clone(CloneArgs { name, account, to, tag, write }) => {
            let to = tag.map_or(Selection::Named(to), Selection::Tagged);
            write::run(context, &Command::CloneBot { account, name, to }, write)
        }
        Verb::List(which) => view::list(&which, context),
        Verb::Show(which) => view::show(&which, context),
        Verb::Set(args) => set(*args, context),
        Verb::Start { which, write } => {
            write::run(context, &Command::StartBots { bots: which.bots("start", context)? }, write)
        }
        Verb::Stop { which, close, write } => {
            write::run(context, &Command::StopBots { bots: which.bots("stop", context)?, close }, write)
        }
        Verb::Remove { which, positions, write } => {
            let positions = positions.map(|choice| match choice {
                Positions::Close => PositionsChoice::Close,
                Positions::Release => PositionsChoice::Release,
            });
            write::run(
                context,
                &Command::RemoveBots { bots: which.bots("remove", context)?, positions },
                write,
            )
        }
        Verb::Stats(which) => view::stats(&which, context),
        Verb::Grid(args) => ladder::run(&args, context),
    }
}

fn add(args: AddArgs, context: &Context) -> Result<(), CliError> {
    let AddArgs { name, account, kind, strategy, symbol, allocation, values: set, start, grid, write } = args;
    let mut values = Vec::new();
    for (key, value) in [("symbol", symbol), ("allocation_percent", allocation)] {
        values.extend(value.map(|value| Assignment::new(key, value)));
    }
    values.extend(grid.assignments());
    values.extend(set);
    let bot_type = match kind {
        Kind::AiTrend => BotType::AiTrend,
        Kind::Grid => BotType::Grid,
    };
    let new = NewBotSpec { account, name, bot_type, strategy, values, start };
    write::run(context, &Command::AddBot(new), write)
}

fn set(args: SetArgs, context: &Context) -> Result<(), CliError> {
    let (names, mut values) = names_and_values(&args.words);
    values.extend(args.grid.assignments());
    if names.len() > 1 {
        return Err(CliError::usage("name one bot, or all of them by --all"));
    }
    let bots = args.accounts.bots("set", names.first().map(String::as_str), context)?;
    write::run(context, &Command::SetBots { bots, values }, args.write)
}
