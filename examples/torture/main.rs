//! The daemon as people run it, ended and disturbed a thousand times: SIGKILL at any time and at the very moment a
//! request or its answer passes, SIGTERM, SIGSTOP, a wall clock that is set, a full disk, a second daemon, over a network
//! that delays, cuts, truncates and falls silent. Now and then everything is calmed and the exchange's oracle is compared
//! with the daemon's database to the last digit.
//!
//! `cargo build --release && cargo run --release --example torture -- [--exchange all] [--seconds 900] [--rounds 5] [--json]`
#![expect(clippy::disallowed_methods, reason = "it measures wall time and opens a bare database")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to a terminal")]

mod clock;
mod dice;
mod disk;
mod fleet;
mod ordeal;
mod proxy;
mod report;

#[path = "../stage/books.rs"]
mod books;
#[path = "../stage/home.rs"]
mod home;
#[path = "../stage/process.rs"]
mod process;
#[path = "../stage/stage.rs"]
mod stage;
#[path = "../stage/verdict.rs"]
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use fleet::Fleet;
use stage::{BINANCE, BITGET, Stage, UPBIT};
use tokio::task::JoinSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    Binance,
    Bitget,
    Upbit,
    All,
}

impl Which {
    fn stages(self) -> Vec<Stage> {
        match self {
            Self::Binance => vec![BINANCE],
            Self::Bitget => vec![BITGET],
            Self::Upbit => vec![UPBIT],
            Self::All => vec![BINANCE, BITGET, UPBIT],
        }
    }
}

#[derive(Debug, Clone, Parser)]
#[command(about = "Kills and disturbs daemons that trade on a local exchange, and compares the books")]
pub(crate) struct Args {
    #[arg(long, value_enum, default_value = "all")]
    exchange: Which,
    /// How long the torture lasts in all, in seconds; every exchange at the same time
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// In how many rounds, each of which ends with a comparison
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many times as fast as real time the exchanges run
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    speed: u32,
    /// Accounts of each fleet, two bots each
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    accounts: u32,
    /// Fleets on each exchange, each with a home of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20))]
    fleets: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep everything in this folder, one a fleet; their disks are not filled then
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Fleets block a thread while a command runs; their proxies go on.
#[tokio::main(flavor = "multi_thread", worker_threads = 4)]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    // The crate has no TLS provider of its own; loopback needs none.
    drop(rustls::crypto::ring::default_provider().install_default());
    let program = home::program()?;
    let mut fleets = JoinSet::new();
    let stages = args.exchange.stages();
    for (number, stage) in (1..).zip(stages.iter().cycle().take(stages.len() * usize::try_from(args.fleets)?))
    {
        let (args, program, stage) = (args.clone(), program.clone(), *stage);
        fleets.spawn(async move {
            let fleet = Fleet::set_up(&args, &program, stage, number).await.context(stage.exchange)?;
            let length = Duration::from_secs(u64::from(args.seconds)) / args.rounds;
            let tortured = fleet.torture(args.rounds, length).await.context(stage.exchange)?;
            anyhow::Ok((number, tortured))
        });
    }
    let mut tortured = Vec::new();
    while let Some(ended) = fleets.join_next().await {
        tortured.push(ended??);
    }
    tortured.sort_by_key(|(number, _)| *number);
    let tortured: Vec<Fleet> = tortured.into_iter().map(|(_, fleet)| fleet).collect();
    report::print(&tortured, args.json)?;
    let is_clean = tortured.iter().all(|fleet| fleet.books.violations.is_empty());
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
