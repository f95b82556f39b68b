//! The command line: nouns and verbs over the store, one file a noun.
//!
//! To add a command: a file with its clap arguments and `run(args, &Context) -> Result<(), CliError>`, a variant of
//! `Command`, an arm in `dispatch`.

pub mod context;
pub mod error;
pub mod output;

mod account;
mod alert;
mod audit;
mod audit_note;
mod backtest;
mod bot;
mod completions;
mod config;
mod data;
mod db;
mod db_backup;
mod db_check;
mod db_restore;
mod demo;
mod doctor;
mod figures;
mod filter;
mod finding;
mod halt;
mod incident;
mod init;
mod install_service;
mod keys;
mod limits;
mod log_files;
mod log_levels;
mod logging;
mod man;
mod market_source;
mod notice;
mod optimize;
mod orders;
mod pnl;
mod positions;
mod progress;
mod run;
mod runtime;
mod secrets;
mod signal;
mod simulate;
mod status;
mod stored_candles;
mod strategy;
mod telegram;
mod top;
mod trades;
mod when;
mod write;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use context::Context;
pub use error::{CliError, Exit};
pub use output::{ColorChoice, Output};

/// A headless trading daemon: many exchange accounts, one process, one signal computation per cycle.
#[derive(Debug, Parser)]
#[command(name = "tradefleet", version, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct GlobalArgs {
    /// Folder of config.toml, tradefleet.db and master.key [default: ~/.tradefleet]
    #[arg(long, global = true, value_name = "DIR", env = "TRADEFLEET_HOME")]
    home: Option<PathBuf>,
    /// Print one JSON document instead of tables; errors too
    #[arg(long, global = true)]
    json: bool,
    /// When to use colours; NO_COLOR is respected
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create the home folder, its configuration, database and master key
    Init(init::InitArgs),
    /// Run the daemon: on the exchanges, on a tape, or on the synthetic market
    Run(run::RunArgs),
    /// Watch a small fleet trade an embedded market for half a minute
    Demo(demo::DemoArgs),
    /// Run a local exchange that speaks the real exchanges' protocols, for rehearsals
    Simulate(simulate::SimulateArgs),
    /// Test a strategy on candles, with the settings of an account
    Backtest(Box<backtest::BacktestArgs>),
    /// Search a strategy's parameters over candles: grid, random or smart, with walk-forward windows
    Optimize(Box<optimize::OptimizeArgs>),
    /// Download and check candle files
    Data(data::DataArgs),
    /// Add, change and show accounts
    Account(account::AccountArgs),
    /// Add, change, start, stop and show bots
    Bot(bot::BotArgs),
    /// Named parameter sets that bots follow
    Strategy(strategy::StrategyArgs),
    /// The accounts' Telegram bots and chats
    Telegram(telegram::TelegramArgs),
    /// Stop accounts at once: a durable latch that only `resume` clears
    Halt(halt::HaltArgs),
    /// Clear a halt or a quarantine
    Resume(halt::ResumeArgs),
    /// Show the daemon, every account's health, equity and results
    Status(status::StatusArgs),
    /// Watch the fleet on a full screen: accounts, bots, positions, events
    Top(top::TopArgs),
    /// Show what is open, at the last prices
    Positions(positions::PositionsArgs),
    /// List orders, oldest first
    Orders(orders::OrdersArgs),
    /// List, show or trace orders
    Order(orders::OrderArgs),
    /// List closed trades with their fills
    Trades(trades::TradesArgs),
    /// Show results per account, per bot or per day
    Pnl(pnl::PnlArgs),
    /// List signals, or explain what became of them
    Signal(signal::SignalArgs),
    /// Migrate, check, back up and restore the database
    Db(db::DbArgs),
    /// What accounts' chats are told, and how
    Notice(notice::NoticeArgs),
    /// What is wrong, for whoever runs the fleet
    Alert(alert::AlertArgs),
    /// Who did what, in a chain that shows tampering
    Audit(audit::AuditArgs),
    /// Pack what explains an incident, without secrets
    Incident(incident::IncidentArgs),
    /// The master key of the exchange keys
    Keys(keys::KeysArgs),
    /// Check that everything is there, private and sound
    Doctor(doctor::DoctorArgs),
    /// Print or write the systemd units
    InstallService(install_service::InstallServiceArgs),
    /// Check or show the configuration
    Config(config::ConfigArgs),
    /// Print tab completions for a shell
    Completions(completions::CompletionsArgs),
    /// Write the manual pages
    Man(man::ManArgs),
}

/// Runs one command line and says how it ended.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage_error(&error, arguments.iter().any(|argument| argument == "--json")),
    };
    let out = Output::new(cli.global.json, cli.global.color);
    let outcome = home(cli.global.home).and_then(|home| dispatch(cli.command, &Context::new(home, out)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_closed_pipe => ExitCode::SUCCESS,
        Err(error) => {
            out.error(&error);
            ExitCode::from(error.exit.code())
        }
    }
}

fn dispatch(command: Command, context: &Context) -> Result<(), CliError> {
    match command {
        Command::Init(args) => init::run(&args, context),
        Command::Run(args) => run::run(&args, context),
        Command::Demo(args) => demo::run(&args, context),
        Command::Simulate(args) => simulate::run(&args, context),
        Command::Backtest(args) => backtest::run(&args, context),
        Command::Optimize(args) => optimize::run(&args, context),
        Command::Data(args) => data::run(&args, context),
        Command::Account(args) => account::run(args, context),
        Command::Bot(args) => bot::run(args, context),
        Command::Strategy(args) => strategy::run(args, context),
        Command::Telegram(args) => telegram::run(&args, context),
        Command::Halt(args) => halt::halt(&args, context),
        Command::Resume(args) => halt::resume(&args, context),
        Command::Status(args) => status::run(&args, context),
        Command::Top(args) => top::run(&args, context),
        Command::Positions(args) => positions::run(&args, context),
        Command::Orders(args) => orders::list(&args, context),
        Command::Order(args) => orders::run(&args, context),
        Command::Trades(args) => trades::run(&args, context),
        Command::Pnl(args) => pnl::run(&args, context),
        Command::Signal(args) => signal::run(&args, context),
        Command::Db(args) => db::run(&args, context),
        Command::Notice(args) => notice::run(args, context),
        Command::Alert(args) => alert::run(&args, context),
        Command::Audit(args) => audit::run(args, context),
        Command::Incident(args) => incident::run(&args, context),
        Command::Keys(args) => keys::run(&args, context),
        Command::Doctor(args) => doctor::run(&args, context),
        Command::InstallService(args) => install_service::run(&args, context),
        Command::Config(args) => config::run(&args, context),
        Command::Completions(args) => completions::run(&args, context),
        Command::Man(args) => man::run(&args, context),
    }
}

fn home(given: Option<PathBuf>) -> Result<PathBuf, CliError> {
    given
        .or_else(|| std::env::home_dir().map(|user| user.join(".tradefleet")))
        .ok_or_else(|| CliError::usage("there is no home directory").hint("name a folder with --home DIR"))
}

/// Help and version are answers; everything else is bad usage.
fn usage_error(error: &clap::Error, is_json: bool) -> ExitCode {
    if is_json && error.use_stderr() {
        let out = Output::new(true, ColorChoice::Never);
        let text = error.render().to_string();
        out.error(&CliError::usage(text.trim().trim_start_matches("error: ")));
    } else {
        // Whether anybody reads it or not.
        drop(error.print());
    }
    if error.use_stderr() { ExitCode::from(Exit::Usage.code()) } else { ExitCode::SUCCESS }
}
