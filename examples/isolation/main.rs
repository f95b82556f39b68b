//! What it costs the others when fifty accounts of a thousand hang, are banned or panic: the real daemon on the local
//! exchange, on a market that makes every bot enter at the close of every bar.
//!
//! `cargo build --release && cargo run --release --example isolation -- [--accounts 1000] [--faulty 50] [--json]`
#![expect(clippy::disallowed_methods, reason = "it measures wall time and opens a bare database")]
#![expect(clippy::print_stdout, reason = "it speaks to a terminal")]

mod crowd;
mod figures;
mod market;
mod report;

#[path = "../stage/home.rs"]
mod home;
#[path = "../stage/kernel.rs"]
mod kernel;
#[path = "../stage/monitor.rs"]
mod monitor;
#[path = "../stage/process.rs"]
mod process;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use crowd::{Crowd, Trouble};
use home::{Exchange, Home};
use market::MINUTE_MS;
use monitor::Histogram;
use process::Running;
use report::Stretch;
use serde_json::{Value, json};
use tokio::time::sleep;
use tradefleet::clock::wall_now;

/// Troubles begin and end where nothing happens: between the waves that the full minutes bring.
const BETWEEN_WAVES_MS: i64 = 40_000;
/// What an account that hangs waits for each answer.
const HANGS_MS: u32 = 120_000;
const AT_WORK_WITHIN: Duration = Duration::from_mins(5);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Each is followed by a stretch in which all is well.
const TROUBLES: [Trouble; 3] = [Trouble::Hung, Trouble::Banned, Trouble::Panicking];

#[derive(Debug, Clone, Parser)]
#[command(about = "Measures what accounts in trouble cost the others")]
struct Args {
    /// Accounts, three bots each
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    accounts: u32,
    /// Accounts that hang, then others that are banned, then others that panic
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    faulty: u32,
    /// Minutes in which the accounts connect
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=60))]
    quiet_minutes: u32,
    /// Minutes, each with a wave of entries, of every stretch
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=60))]
    waves: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    ensure!(args.faulty * 4 <= args.accounts, "--faulty is more than a quarter of --accounts");
    // The crate has no TLS provider of its own; loopback needs none.
    drop(rustls::crypto::ring::default_provider().install_default());
    let crowd = Crowd { accounts: args.accounts, faulty: args.faulty };
    let mut scene = Scene::set_up(&args, crowd).await?;
    let at_work_s = scene.wait_until_at_work().await?;
    scene.wait_for_waves().await;
    let mut stretches = vec![scene.stretch(Trouble::None, args.waves).await?];
    for trouble in TROUBLES {
        stretches.push(scene.stretch(trouble, args.waves).await?);
        // Whoever comes back takes a wave of its own.
        scene.between_waves(1).await?;
        stretches.push(scene.stretch(Trouble::None, args.waves).await?);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report::json(crowd, at_work_s, &stretches))?);
    } else {
        report::print(crowd, at_work_s, &stretches);
    }
    Ok(())
}

/// The exchange, the daemon on it, and where it tells how it is.
struct Scene {
    crowd: Crowd,
    daemon: Running,
    health: String,
    exchange: Exchange,
    /// When its market begins to move.
    moves_at: Instant,
    home: Home,
}

impl Scene {
    async fn set_up(args: &Args, crowd: Crowd) -> anyhow::Result<Self> {
        let home = Home::new(&home::program()?, None)?;
        home.run("init")?;
        let health = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        // The fleet is imported before the exchange opens: its market begins at once.
        crowd.populate(&home)?;
        let waves = (2 * args.waves + 1) * u32::try_from(TROUBLES.len())? + args.waves + 10;
        let mut flags = vec!["--warmup".to_owned(), market::WARMUP.to_string(), "--tape".to_owned()];
        let tapes = market::write(&home.path(""), args.quiet_minutes, waves)?;
        flags.extend(tapes.iter().map(|tape| tape.display().to_string()));
        let exchange = Exchange::start(&home, "binance", &crowd.exchange_accounts(), &flags).await?;
        let moves_at = Instant::now() + Duration::from_mins(args.quiet_minutes.into());
        let config = crowd.configuration(&exchange.base, &health);
        std::fs::write(home.path("home").join("config.toml"), config)?;
        let daemon = home.start_daemon(&[])?;
        Ok(Self { crowd, daemon, health, exchange, moves_at, home })
    }

    /// Until every account is compared and every stream is up; how long it took, in seconds.
    async fn wait_until_at_work(&mut self) -> anyhow::Result<f64> {
        let began = Instant::now();
        let all = u64::from(self.crowd.accounts);
        let streams = all - u64::from(self.crowd.faulty);
        while self.ready().unwrap_or(0) < all || self.streams().await? < streams {
            let ended = self.daemon.ended()?;
            ensure!(ended.is_none(), "the daemon ended: {}", ended.unwrap_or_default());
            ensure!(began.elapsed() < AT_WORK_WITHIN, "{} accounts act", self.ready()?);
            sleep(LOOK_EVERY).await;
        }
        Ok(began.elapsed().as_secs_f64())
    }

    /// Until the quiet minutes are over: without orders there is nothing to compare.
    async fn wait_for_waves(&self) {
        sleep(self.moves_at.saturating_duration_since(Instant::now())).await;
    }

    /// Lets some be in trouble for so many waves, and sees how the others fare.
    async fn stretch(&mut self, trouble: Trouble, waves: u32) -> anyhow::Result<Stretch> {
        self.between_waves(0).await?;
        self.begin(trouble, waves).await?;
        let database = self.home.database();
        let process = self.daemon.0.id();
        let (began, from) = (Instant::now(), wall_now().ms());
        let (cpu, rows) = (kernel::cpu_seconds(process)?, figures::rows(&database)?);
        let before = monitor::ask(&self.health, "/metrics")?;
        self.between_waves(waves).await?;
        let after = monitor::ask(&self.health, "/metrics")?;
        let seconds = began.elapsed().as_secs_f64();
        let gained = figures::rows(&database)?.saturating_sub(rows);
        let histogram = |name| Histogram::between(Some(&before), &after, name);
        let stretch = Stretch {
            trouble,
            waves: figures::waves(&database, self.crowd, from, wall_now().ms())?,
            fan_out: histogram("fan_out_seconds")?,
            cpu: (kernel::cpu_seconds(process)? - cpu) / seconds,
            memory_kb: kernel::memory_kb(process, "VmRSS")?,
            rows_per_s: float(gained) / seconds,
            commits_per_s: float(histogram("journal_commit_seconds")?.count()) / seconds,
            ready: self.ready()?,
        };
        self.end(trouble).await?;
        Ok(stretch)
    }

    async fn begin(&self, trouble: Trouble, waves: u32) -> anyhow::Result<()> {
        match trouble {
            Trouble::None => {}
            Trouble::Hung => {
                for name in self.crowd.met_by(trouble) {
                    let faults = json!({ "account": name, "latency_ms": [HANGS_MS, HANGS_MS] });
                    self.exchange.control("faults", &faults).await?;
                }
            }
            Trouble::Banned => {
                let ban = json!({ "ip": self.crowd.banned_address(), "seconds": waves * 60 });
                self.exchange.control("ban", &ban).await?;
            }
            Trouble::Panicking => self.home.run("account set --tag paper fault_panic=on --yes")?,
        }
        Ok(())
    }

    async fn end(&self, trouble: Trouble) -> anyhow::Result<()> {
        match trouble {
            Trouble::None => {}
            Trouble::Hung | Trouble::Banned => self.exchange.control("calm", &json!({})).await?,
            Trouble::Panicking => {
                self.home.run("account set --tag paper fault_panic=off --yes")?;
                self.home.run("resume --tag paper")?;
            }
        }
        Ok(())
    }

    /// Sleeps over so many full minutes, to where nothing happens between two waves.
    async fn between_waves(&self, minutes: u32) -> anyhow::Result<()> {
        let into = wall_now().ms().rem_euclid(MINUTE_MS);
        let wait = BETWEEN_WAVES_MS - into + i64::from(minutes) * MINUTE_MS;
        // Nothing to wait for where it is that time, or a little later.
        sleep(Duration::from_millis(u64::try_from(wait).unwrap_or(0))).await;
        Ok(())
    }

    fn ready(&self) -> anyhow::Result<u64> {
        let told: Value = serde_json::from_str(&monitor::ask(&self.health, "/ready")?)?;
        told.get("recovered").and_then(Value::as_u64).context("no count")
    }

    async fn streams(&self) -> anyhow::Result<u64> {
        let health = self.exchange.get("health").await?;
        health.get("private_listeners").and_then(Value::as_u64).context("no count")
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
const fn float(value: u64) -> f64 {
    value as f64
}
