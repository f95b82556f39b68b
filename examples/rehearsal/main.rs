//! A rehearsal of the worst: `run` trades on `simulate` while answers are lost, events doubled, sockets cut and the daemon
//! killed again and again; then the exchange's books are compared with the database to the last digit.
//!
//! `cargo run --release --example rehearsal -- [--exchange all] [--seconds 600] [--speed 10] [--json]`
//!
//! It uses the binary `tradefleet` beside itself, and exits with 1 on any violation.
#![expect(clippy::disallowed_methods, reason = "it measures wall time")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to a terminal")]

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
use std::time::{Duration, Instant};

use anyhow::Context;
use books::Comparison;
use clap::{Parser, ValueEnum};
use home::{Exchange, Home};
use serde_json::{Value, json};
use stage::{BINANCE, BITGET, Stage, UPBIT};

/// After the faults have stopped, so many cycles are enough to learn what is left to learn.
const CALM_CYCLES: u32 = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    Binance,
    Bitget,
    Upbit,
    All,
}

#[derive(Debug, Parser)]
#[command(about = "Trades on a local exchange under faults and kills, and compares the books")]
struct Args {
    #[arg(long, value_enum, default_value = "all")]
    exchange: Which,
    /// How long the faults last on each exchange, in seconds
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How many times as fast as real time the exchange runs
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    speed: u32,
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    accounts: u32,
    /// The daemon is killed after 3 s to this many seconds, each time anew
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(4..))]
    kill_within: u32,
    /// Fees in BNB and BGB, as long as there is some; Upbit knows none
    #[arg(long)]
    fees_in_kind: bool,
    /// No faults and no kills
    #[arg(long)]
    calm: bool,
    /// Seed of the kills
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep everything in this folder, one a exchange
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What came of one exchange.
struct Outcome {
    exchange: &'static str,
    kills: u32,
    exchange_seconds: u64,
    books: Comparison,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    // The crate has no TLS provider of its own; loopback needs none.
    drop(rustls::crypto::ring::default_provider().install_default());
    let stages = match args.exchange {
        Which::Binance => vec![BINANCE],
        Which::Bitget => vec![BITGET],
        Which::Upbit => vec![UPBIT],
        Which::All => vec![BINANCE, BITGET, UPBIT],
    };
    let mut outcomes = Vec::new();
    for stage in stages {
        outcomes.push(rehearse(&args, &stage).await.with_context(|| stage.exchange)?);
    }
    report(&outcomes, args.json)?;
    let is_clean = outcomes.iter().all(|outcome| outcome.books.violations.is_empty());
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn rehearse(args: &Args, stage: &Stage) -> anyhow::Result<Outcome> {
    let binary = home::program()?;
    let keep = args.keep.as_ref().map(|dir| dir.join(stage.exchange));
    let home = Home::new(&binary, keep.as_deref())?;
    home.run("init")?;
    let names: Vec<String> = (1..=args.accounts).map(|number| format!("a{number}")).collect();
    let (market, accounts) = (Stage::market(args.speed), stage.accounts_file(&names, args.fees_in_kind));
    let exchange = Exchange::start(&home, stage.exchange, &accounts, &market).await?;
    std::fs::write(home.path("home").join("config.toml"), stage.config(&exchange.base, args.speed))?;
    stage.populate(&home, &names)?;
    if !args.calm {
        exchange.control("faults", &faults(args.speed)).await?;
    }
    let kills = trade(args, &home).await?;
    exchange.control("calm", &json!({})).await?;
    let until = exchange.get("health").await?.get("time").and_then(Value::as_i64).context("no time")?;
    // Opens nothing more, holds the market still, and lets the daemon learn what is left to learn.
    home.run("bot stop --all")?;
    exchange.control("pause", &json!({})).await?;
    home.run(&format!("run --cycles {CALM_CYCLES}"))?;
    let mut books = verdict::compare(&exchange, &home, &names, until).await?;
    verdict::judge_protection(stage, verdict::UNPROTECTED_MAX_MS, &mut books);
    Ok(Outcome {
        exchange: stage.exchange,
        kills,
        exchange_seconds: args.seconds * u64::from(args.speed),
        books,
    })
}

/// A third of the answers lost, a tenth of them errors, events doubled and out of order, a cut a minute of the exchange.
fn faults(speed: u32) -> Value {
    json!({
        "lost_answer_pct": 30.0, "error_5xx_pct": 10.0, "duplicate_event_pct": 20.0, "reorder_event_pct": 20.0,
        "disconnect_every_s": 60.0 / f64::from(speed), "stale_query_ms": 1000,
    })
}

/// One life of the daemon after another until the time is over; how many were cut short.
async fn trade(args: &Args, home: &Home) -> anyhow::Result<u32> {
    let mut drawn = args.seed;
    let (began, length) = (Instant::now(), Duration::from_secs(args.seconds));
    let mut kills = 0;
    while let Some(left) = length.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        // Knuth's linear generator: any spread will do.
        drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let most = u64::from(args.kill_within) * 1_000;
        let span = Duration::from_millis(3_000 + (drawn >> 33) % (most - 3_000));
        let span = if args.calm { left } else { span.min(left) };
        let mut daemon = home.start_daemon(&[])?;
        tokio::time::sleep(span).await;
        anyhow::ensure!(daemon.ended()?.is_none(), "the daemon ended by itself");
        kills += 1;
    }
    Ok(kills)
}

fn report(outcomes: &[Outcome], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let rows: Vec<Value> = outcomes.iter().map(row).collect();
        println!("{}", serde_json::to_string_pretty(&json!({ "rehearsals": rows }))?);
        return Ok(());
    }
    println!(
        "{:<8} {:>8} {:>5} {:>6} {:>5} {:>9} {:>14} {:>10}",
        "exchange", "seconds", "kills", "orders", "fills", "positions", "unprotected s", "violations"
    );
    for Outcome { exchange, kills, exchange_seconds, books } in outcomes {
        println!(
            "{exchange:<8} {exchange_seconds:>8} {kills:>5} {:>6} {:>5} {:>9} {:>14} {:>10}",
            books.orders,
            books.fills,
            books.positions,
            books.unprotected_ms / 1_000,
            books.violations.len()
        );
    }
    for violation in outcomes.iter().flat_map(|outcome| &outcome.books.violations) {
        eprintln!("{violation}");
    }
    Ok(())
}

fn row(outcome: &Outcome) -> Value {
    let Outcome { exchange, kills, exchange_seconds, books } = outcome;
    json!({
        "exchange": exchange, "exchange_seconds": exchange_seconds, "kills": kills, "orders": books.orders,
        "fills": books.fills, "positions": books.positions, "unprotected_ms_max": books.unprotected_ms,
        "unprotected_ms_above_10_s": books.long_gaps, "violations": books.violations,
    })
}
