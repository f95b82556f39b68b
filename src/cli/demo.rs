//! `demo`: the real daemon on an embedded market, with the fleet of `accounts.example.toml`, in a temporary home.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::progress::RunProgress;
use super::{CliError, Context, account, init, logging, market_source, run, status};
use crate::clock::wall_now;
use crate::daemon::fleet::Speed;

/// The fleet that the demo runs.
const EXAMPLE: &str = include_str!("../../accounts.example.toml");
/// Minutes of the synthetic market that are played: two weeks.
const STEPS: u64 = 20_160;
/// The demo ends after this long, wherever the market stands.
const LONGEST: Duration = Duration::from_secs(28);

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Seed of the synthetic market
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// Minutes of market to play
    #[arg(long, value_name = "N", default_value_t = STEPS)]
    minutes: u64,
    /// Use this folder, which must not exist yet, instead of a temporary one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &DemoArgs, context: &Context) -> Result<(), CliError> {
    let home = args.dir.clone().unwrap_or_else(temporary_home);
    make_private(&home)?;
    let demo = Context::new(home.clone(), context.out);
    let out = context.out;
    out.note("1/3 a new home with the fleet of accounts.example.toml (placeholders for its keys)");
    init::create(&demo)?;
    account::import_text(EXAMPLE, Path::new("."), true, &demo)?;
    out.note(format!(
        "2/3 the daemon plays {} minutes of the synthetic market (seed {}) as fast as it can",
        args.minutes, args.seed
    ));
    let source = market_source::synthetic(args.seed, Some(args.minutes))?;
    let mut config = demo.config()?.clone();
    // Half a minute is not worth a port.
    config.http.listen = None;
    let options = run::replay_options(&demo, config, source, Speed::Max, None);
    let mut progress = RunProgress::start(out);
    let _logs = logging::start(demo.config()?, &progress)?;
    run::drive(options, Some(LONGEST), &mut progress)?;
    progress.finish();
    out.note("3/3 where everybody stands (one account fails on purpose; the others never noticed)\n");
    status::run(&status::StatusArgs::default(), &demo)?;
    farewell(&demo, &home);
    Ok(())
}

fn farewell(demo: &Context, home: &Path) {
    let home = home.display();
    let program = std::env::current_exe().unwrap_or_else(|_| "tradefleet".into());
    demo.out.note(format!(
        "\nlook further (this home is kept until you remove it):
  alias tradefleet={}
  export TRADEFLEET_HOME={home}
  tradefleet account show paper-steady   # settings, bots and where each value comes from
  tradefleet trades --limit 5            # each with its fills: --json
  tradefleet signal explain BTCUSDT      # why, and why not
  tradefleet order list --limit 3        # then: tradefleet order trace ID
  tradefleet db check                    # every figure recomputed from the fills
  tradefleet run --synthetic --speed 60  # go on from here",
        program.display()
    ));
}

fn temporary_home() -> PathBuf {
    std::env::temp_dir().join(format!("tradefleet-demo-{}-{}", std::process::id(), wall_now().ms()))
}

fn make_private(home: &Path) -> Result<(), CliError> {
    DirBuilder::new().mode(0o700).create(home).map_err(|error| CliError::file(home, &error))
}
