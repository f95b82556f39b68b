//! From one signal to the last of 3,000 orders on the wire: the real daemon with 1,000 accounts against the local
//! exchange, beside the same HTTP client that pushes as many signed orders with nothing else to do.
//!
//! `cargo run --release --example order_wave -- [--accounts 1000] [--quiet-minutes 4] [--addresses 60] [--recover] [--json]`
//!
//! Both programs are started from this one, so that each one's processor time is counted alone. The market stands still
//! until every account is connected, then one bar rises and all three bots of every account enter at its close.
#![expect(clippy::disallowed_methods, reason = "it measures wall time")]
#![expect(clippy::print_stdout, reason = "it speaks to a terminal")]

mod bare;
mod child;
mod fleet;
mod market;
mod report;
mod watch;

#[path = "../stage/kernel.rs"]
mod kernel;
#[path = "../stage/process.rs"]
mod process;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

/// Behind it stands a command line of tradefleet.
const AS_TRADEFLEET: &str = "--as-tradefleet";

#[derive(Debug, Clone, Parser)]
#[command(about = "Measures a wave of entries of a large fleet against the local exchange")]
pub(crate) struct Args {
    /// Accounts, three bots each
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    accounts: u32,
    /// Minutes in which the accounts connect before the signal
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=60))]
    quiet_minutes: u32,
    /// Local addresses that the accounts are spread over: each has a budget of its own at the exchange
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=200))]
    addresses: u32,
    /// Protect what is bought, kill the daemon right after the wave, and measure how the next one comes back
    #[arg(long)]
    recover: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Push the bare orders to this exchange and print what they cost
    #[arg(long, hide = true)]
    bare: Option<String>,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    let arguments: Vec<OsString> = arguments.collect();
    if let Some((first, rest)) = arguments.split_first()
        && first.as_os_str() == AS_TRADEFLEET
    {
        return tradefleet::cli::main(std::iter::once(program).chain(rest.iter().cloned()));
    }
    match measure(&Args::parse()) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("order_wave: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> anyhow::Result<String> {
    if let Some(base) = &args.bare {
        return Ok(serde_json::to_string(&bare::push(base, args.accounts)?)?);
    }
    let stage = fleet::Stage::set_up(args)?;
    let wave = stage.wave()?;
    let recovery = if args.recover { Some(stage.recovery()?) } else { None };
    let bare = stage.bare()?;
    let report = report::Report { accounts: args.accounts, wave, recovery, bare };
    Ok(if args.json { serde_json::to_string_pretty(&report.json())? } else { report.to_string() })
}
