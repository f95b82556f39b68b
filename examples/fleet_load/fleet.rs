//! One fleet on the synthetic market, run by the real daemon in this process and measured from outside.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use tradefleet::clock::wall_now;
use tradefleet::config::Config;
use tradefleet::daemon::counters::Counts;
use tradefleet::daemon::fleet::{Fleet, MarketPlan, RunOptions, Speed};
use tradefleet::daemon::shutdown::Shutdown;
use tradefleet::domain::candle::Candle;
use tradefleet::domain::instrument::{Instrument, Symbol};
use tradefleet::domain::kind::{BotType, ExchangeKind};
use tradefleet::domain::time::Timestamp;
use tradefleet::engine::settings::{AccountSettings, BotSettings, PolicyLimits};
use tradefleet::market::feed::Feed;
use tradefleet::market::instruments::derive_instrument;
use tradefleet::market::synthetic::{SyntheticConfig, SyntheticMarket};
use tradefleet::store::bots::NewBot;
use tradefleet::store::{OpenMode, Store, accounts, bots, strategies};

use super::kernel;
use super::monitor::{self, Histogram};
use super::soak::Sample;

/// 2026-01-01T00:00:00Z.
const MARKET_START: Timestamp = Timestamp::from_ms(1_767_225_600_000);
const SEED: u64 = 1;
/// Candles that trading rules are derived from.
const RULE_CANDLES: usize = 1_000;

/// What each account runs.
const BOTS: [(&str, &str); 3] = [("ema_cross", "BTCUSDT"), ("momentum", "ETHUSDT"), ("macd", "SOLUSDT")];
const ALLOCATION_PERCENT: &str = "30";

/// What one run cost. Times in seconds, memory in KB.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FleetRun {
    pub(crate) accounts: usize,
    pub(crate) bots: usize,
    pub(crate) cycles: u64,
    pub(crate) signals_computed: u64,
    pub(crate) turns: u64,
    pub(crate) orders: u64,
    pub(crate) fills: u64,
    pub(crate) trades: u64,
    pub(crate) start_s: f64,
    pub(crate) start_cpu_s: f64,
    pub(crate) run_s: f64,
    pub(crate) run_cpu_s: f64,
    pub(crate) rss_before_kb: u64,
    /// The most seen while the fleet ran.
    pub(crate) rss_running_kb: u64,
    pub(crate) rss_peak_kb: u64,
    /// From a cycle being handed out to each account taking it up.
    pub(crate) fan_out: Histogram,
    pub(crate) commits: Histogram,
    /// At equal distances, the last one at the end.
    pub(crate) samples: Vec<Sample>,
}

/// Sets a fleet up in a temporary home and runs it for `cycles`, with so many looks at what it holds.
pub(crate) fn run(accounts: u32, cycles: u64, looks: u64) -> anyhow::Result<FleetRun> {
    let home = tempfile::tempdir()?;
    let database = home.path().join("fleet.db");
    seed(&database, accounts)?;
    let (feed, instruments) = market()?;
    let mut config = Config::default();
    // Any free port: other daemons may run.
    config.http.listen = Some((Ipv4Addr::LOCALHOST, 0).into());
    let options = RunOptions {
        vault: None,
        database: database.clone(),
        config,
        market: MarketPlan::Replay { feed: Box::new(feed), instruments, speed: Speed::Max },
        source: format!("synthetic market, seed {SEED}"),
        host: "localhost".to_owned(),
        cycles_max: Some(cycles),
        reload: None,
    };
    // As the daemon runs: one thread drives and decides, the store's writer is another.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(options, &database, cycles, looks))
}

async fn measure(
    options: RunOptions,
    database: &Path,
    cycles_max: u64,
    looks: u64,
) -> anyhow::Result<FleetRun> {
    let look_every = cycles_max.div_ceil(looks.max(1));
    let rss_before_kb = kernel::memory_kb(std::process::id(), "VmRSS")?;
    let (began, cpu_began) = (Instant::now(), kernel::cpu_seconds(std::process::id())?);
    let fleet = Fleet::start(options, Shutdown::default()).await?;
    let (started, cpu_started) = (Instant::now(), kernel::cpu_seconds(std::process::id())?);
    let address = monitor_address(database)?;
    let (mut rss_running_kb, mut samples, mut metrics) = (0, Vec::new(), Ok(String::new()));
    let report = fleet
        .run(|progress| {
            rss_running_kb = rss_running_kb.max(kernel::memory_kb(std::process::id(), "VmRSS").unwrap_or(0));
            let Counts { cycles, orders, .. } = progress.counts;
            if cycles / look_every > u64::try_from(samples.len()).unwrap_or(u64::MAX) {
                samples.push(Sample::take(database, cycles, orders));
            }
            if cycles >= cycles_max {
                metrics = monitor::ask(&address, "/metrics");
            }
        })
        .await?;
    let (counts, metrics) = (report.progress.counts, metrics?);
    Ok(FleetRun {
        accounts: report.progress.accounts,
        bots: report.progress.bots,
        cycles: counts.cycles,
        signals_computed: counts.signals,
        turns: counts.turns,
        orders: counts.orders,
        fills: counts.fills,
        trades: counts.trades,
        start_s: started.duration_since(began).as_secs_f64(),
        start_cpu_s: cpu_started - cpu_began,
        run_s: started.elapsed().as_secs_f64(),
        run_cpu_s: kernel::cpu_seconds(std::process::id())? - cpu_started,
        rss_before_kb,
        rss_running_kb,
        rss_peak_kb: kernel::memory_kb(std::process::id(), "VmHWM")?,
        fan_out: Histogram::between(None, &metrics, "fan_out_seconds")?,
        commits: Histogram::between(None, &metrics, "journal_commit_seconds")?,
        samples: samples.into_iter().collect::<Result<_, _>>()?,
    })
}

fn monitor_address(database: &Path) -> anyhow::Result<String> {
    let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    Ok(conn.query_row("SELECT http_address FROM lease", [], |row| row.get(0))?)
}

fn seed(database: &Path, count: u32) -> anyhow::Result<()> {
    Store::create(database)?;
    let mut store = Store::open(database, OpenMode::ReadWrite)?;
    let now = wall_now();
    let settings = AccountSettings { auto_exit: true, ..AccountSettings::default() };
    let limits = Config::default().limits;
    store.attempt(false, |conn| -> anyhow::Result<()> {
        for number in 1..=count {
            let account = accounts::insert(conn, &format!("load-{number:05}"), ExchangeKind::Paper, now)?;
            accounts::update_settings(conn, account, &settings, now)?;
            for (strategy, symbol) in BOTS {
                let bot = NewBot {
                    account_id: account,
                    strategy_id: Some(strategies::find(conn, strategy)?.id),
                    name: strategy.to_owned(),
                    bot_type: BotType::AiTrend,
                    settings: bot_settings(symbol, limits)?,
                };
                let bot = bots::insert(conn, &bot, now)?;
                bots::set_running(conn, bot, true, now)?;
            }
        }
        Ok(())
    })?;
    Ok(())
}

fn bot_settings(symbol: &str, limits: PolicyLimits) -> anyhow::Result<BotSettings> {
    let mut settings = BotSettings::default();
    settings.set("symbol", symbol, limits)?;
    settings.set("allocation_percent", ALLOCATION_PERCENT, limits)?;
    Ok(settings)
}

/// The synthetic market as the daemon plays it, with trading rules derived from its first candles.
fn market() -> anyhow::Result<(Feed, BTreeMap<Symbol, Instrument>)> {
    let config = SyntheticConfig::with_default_symbols(SEED, MARKET_START);
    let mut sample = SyntheticMarket::new(config.clone())?;
    let mut history: BTreeMap<Symbol, Vec<Candle>> =
        sample.symbols().map(|symbol| (symbol.clone(), Vec::new())).collect();
    for _ in 0..RULE_CANDLES {
        let Some(row) = sample.next_row() else { break };
        for (candles, candle) in history.values_mut().zip(row) {
            candles.push(candle);
        }
    }
    let rules = history.iter().filter_map(|(symbol, candles)| {
        let rules = derive_instrument(symbol, candles)?;
        Some((symbol.clone(), rules))
    });
    let instruments = rules.collect();
    Ok((Feed::from_synthetic(SyntheticMarket::new(config)?), instruments))
}
