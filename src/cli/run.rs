//! `run`: the daemon, on the exchanges, on a tape, or on the synthetic market.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::logging;
use super::market_source::{MarketArgs, MarketSource};
use super::progress::RunProgress;
use super::{CliError, Context, runtime};
use crate::config::{Config, LogConfig};
use crate::daemon::fleet::{EndReason, Fleet, MarketPlan, RunOptions, RunReport, Speed};
use crate::daemon::reload::Reload;
use crate::daemon::shutdown::Shutdown;
use crate::store::StoreError;
use crate::vault::Vault;

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    market: MarketArgs,
    /// Of a tape or the synthetic market: `max`, or how many times as fast as the market was [default: max]
    #[arg(long, value_name = "max|N")]
    speed: Option<SpeedArg>,
    /// Stop after this many cycles
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    cycles: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct SpeedArg(Speed);

impl FromStr for SpeedArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.parse::<u32>()) {
            ("max", _) => Ok(Self(Speed::Max)),
            (_, Ok(times)) if times > 0 => Ok(Self(Speed::Times(times))),
            _ => Err("must be `max` or a whole number from 1 (real time) up".to_owned()),
        }
    }
}

pub(crate) fn run(args: &RunArgs, context: &Context) -> Result<(), CliError> {
    let config = context.config()?.clone();
    // Opened for writing at once: what is wrong with the database shows before the market is read.
    let store = context.write_store()?;
    let vault = Arc::new(context.unlock(&store)?);
    drop(store);
    if let Err(error) = make_undumpable() {
        context.out.warn(format!("a crash of this process may leave its memory on disk: {error}"));
    }
    let mut options = if args.market.is_given() {
        let source = args.market.open(context)?;
        let speed = args.speed.map_or(Speed::Max, |speed| speed.0);
        RunOptions { vault: Some(vault), ..replay_options(context, config, source, speed, args.cycles) }
    } else {
        live_options(context, config, vault, args)?
    };
    let mut progress = RunProgress::start(context.out);
    let logs = logging::start(context.config()?, &progress)?;
    let levels = logs.levels.clone();
    let logging = Arc::new(move |config: &LogConfig| levels.set(config));
    options.reload = Some(Reload::new(context.config_path(), context.loaded_config()?, logging));
    let report = drive(options, None, &mut progress)?;
    progress.finish();
    summarise(context, &report)
}

/// The exchanges themselves.
fn live_options(
    context: &Context,
    config: Config,
    vault: Arc<Vault>,
    args: &RunArgs,
) -> Result<RunOptions, CliError> {
    if args.speed.is_some() {
        return Err(CliError::usage("--speed is for a tape or the synthetic market")
            .hint("against `tradefleet simulate` set live.speed in the configuration"));
    }
    Ok(RunOptions {
        database: context.database_path(),
        config,
        vault: Some(Arc::clone(&vault)),
        market: MarketPlan::Live { vault },
        source: "exchanges".to_owned(),
        host: host_name(),
        cycles_max: args.cycles,
        reload: None,
    })
}

/// A tape or the synthetic market, played.
pub(super) fn replay_options(
    context: &Context,
    config: Config,
    source: MarketSource,
    speed: Speed,
    cycles_max: Option<u64>,
) -> RunOptions {
    RunOptions {
        database: context.database_path(),
        vault: None,
        config,
        market: MarketPlan::Replay { feed: Box::new(source.feed), instruments: source.instruments, speed },
        source: source.name,
        host: host_name(),
        cycles_max,
        reload: None,
    }
}

/// Runs a fleet to its end, or for `longest`, on a runtime of its own.
///
/// One thread drives and decides, the store's writer is another: handing a cycle of a few microseconds from thread to
/// thread would cost more than it gives.
pub(super) fn drive(
    options: RunOptions,
    longest: Option<Duration>,
    progress: &mut RunProgress,
) -> Result<RunReport, CliError> {
    logging::log_panics();
    let outcome: Result<RunReport, StoreError> = runtime::block_on(async {
        let shutdown = Shutdown::default();
        let stop = stop_requested(shutdown.clone(), longest);
        let reloads = options.reload.clone();
        let reloads = async {
            match reloads {
                Some(reload) => reload.on_signal().await,
                None => std::future::pending().await,
            }
        };
        let fleet = async {
            let fleet = Fleet::start(options, shutdown.clone()).await?;
            fleet.run(|now| progress.show(now)).await
        };
        tokio::pin!(fleet);
        tokio::select! {
            report = &mut fleet => report,
            () = stop => fleet.await,
            () = reloads => fleet.await,
        }
    })?;
    Ok(outcome?)
}

async fn stop_requested(shutdown: Shutdown, longest: Option<Duration>) {
    let Some(longest) = longest else { return shutdown.on_signal().await };
    tokio::select! {
        () = shutdown.clone().on_signal() => {}
        () = tokio::time::sleep(longest) => shutdown.request(),
    }
}

fn summarise(context: &Context, report: &RunReport) -> Result<(), CliError> {
    let counts = report.progress.counts;
    let seconds = report.ended_at.since(report.started_at).ms().max(1);
    if context.out.is_json() {
        return context.out.json(&serde_json::json!({
            "end": report.end.as_str(),
            "clock": report.progress.at.ms(),
            "accounts": report.progress.accounts,
            "running_bots": report.progress.bots,
            "cycles": counts.cycles,
            "signals_computed": counts.signals,
            "turns": counts.turns,
            "orders": counts.orders,
            "fills": counts.fills,
            "trades": counts.trades,
            "elapsed_ms": seconds,
        }));
    }
    let what = match report.end {
        EndReason::MarketEnded => "the market has ended",
        EndReason::NothingLeft => "nothing left to do: the fleet has been through this market",
        EndReason::Stopped => "stopped; run the same command to go on",
        EndReason::CyclesDone => "the cycles asked for are done",
    };
    context.out.line(format!(
        "{what}: clock {}, {} cycles, {} signals computed, {} orders, {} fills, {} trades in {}.{} s",
        report.progress.at,
        counts.cycles,
        counts.signals,
        counts.orders,
        counts.fills,
        counts.trades,
        seconds / 1_000,
        seconds % 1_000 / 100,
    ))?;
    context.out.note("look further: tradefleet status | positions | trades | pnl | signal explain SYMBOL");
    Ok(())
}

/// Keys are in this process's memory: no core dump, no other process of the same user that looks into it.
fn make_undumpable() -> std::io::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// The machine's name, for the lease.
fn host_name() -> String {
    // A hardened service sees no /proc/sys.
    let files = ["/proc/sys/kernel/hostname", "/etc/hostname"];
    let names = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
    let mut names = names.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    names.next().unwrap_or_else(|| "unknown".to_owned())
}
