//! The cost of a large fleet: many paper accounts with three bots each, run by the real daemon at full speed.
//!
//! `cargo run --release --example fleet_load -- [--accounts 1000,5000] [--cycles 2000] [--soak-hours 24] [--json]`
//!
//! Each fleet runs in a process of its own, so that memory is counted alone: the program starts itself again with
//! `--one-fleet`. The other figures compare a part with the least that any program would have to do.
#![expect(clippy::disallowed_methods, reason = "it measures wall time and opens a bare database")]
#![expect(clippy::print_stdout, reason = "it speaks to a terminal")]

mod fleet;
mod report;
mod soak;

#[path = "../stage/kernel.rs"]
mod kernel;
#[path = "../stage/monitor.rs"]
mod monitor;

#[path = "../../benches/rig"]
mod rig {
    pub(crate) mod decide;
    pub(crate) mod journal;
    pub(crate) mod timing;
}

use std::process::{Command, Stdio};

use clap::Parser;
use fleet::FleetRun;
use report::Report;

/// Intents in one commit of the journal's measurement, and commits in one round of it.
const JOURNAL_GROUP: u32 = 100;
const JOURNAL_GROUPS: u32 = 20;
const ROUNDS: usize = 5;
/// At what a fleet holds, while it runs.
const LOOKS: u64 = 8;

#[derive(Debug, Parser)]
#[command(about = "Measures a fleet of paper accounts with three bots each")]
struct Args {
    /// Accounts of each large fleet
    #[arg(long, value_delimiter = ',', default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    accounts: Vec<u32>,
    /// Cycles (1-minute bars) that each fleet runs
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    cycles: u64,
    /// Run the first of the large fleets for so many hours of the market instead, and tell what grows
    #[arg(long, value_name = "HOURS", conflicts_with = "cycles")]
    soak_hours: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Run one fleet in this process and print what it cost
    #[arg(long, hide = true)]
    one_fleet: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let largest = args.accounts.iter().copied().max().unwrap_or(1);
    let cycles = args.soak_hours.map_or(args.cycles, |hours| hours * 60);
    if args.one_fleet {
        println!("{}", serde_json::to_string(&fleet::run(largest, cycles, LOOKS)?)?);
        return Ok(());
    }
    if args.soak_hours.is_some() {
        return report::print_soak(&in_a_child(largest, cycles)?, args.json);
    }
    let report = Report {
        one: in_a_child(1, cycles)?,
        many: args.accounts.iter().map(|accounts| in_a_child(*accounts, cycles)).collect::<Result<_, _>>()?,
        decide: rig::decide::measure(largest, ROUNDS)?,
        journal: rig::journal::measure(JOURNAL_GROUP, JOURNAL_GROUPS, rig::journal::ROWS_PER_INTENT, ROUNDS)?,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report.json())?);
    } else {
        print!("{report}");
    }
    Ok(())
}

/// Runs one fleet in a process of its own.
fn in_a_child(accounts: u32, cycles: u64) -> anyhow::Result<FleetRun> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--one-fleet", "--accounts", &accounts.to_string(), "--cycles", &cycles.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    anyhow::ensure!(output.status.success(), "the fleet of {accounts} accounts failed: {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}
