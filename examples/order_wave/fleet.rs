//! The stage: the local exchange, a home with all accounts, the daemon on it, and what the database says of the wave.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::process::Running;
use super::watch::{self, Connecting, Recovery};
use super::{Args, bare::BareRun, child, kernel, market};

/// Margin, leverage and balance are such that each order is a small part of its account.
const BALANCE: &str = "1000000";
const PAUSE: Duration = Duration::from_millis(50);
const OPENING: Duration = Duration::from_mins(1);
const RECOVERING: Duration = Duration::from_mins(3);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The wave as the daemon's own journal tells it; times in ms.
pub(crate) struct Wave {
    pub(crate) orders: u32,
    /// From the first decision to the last order handed to the exchange's socket.
    pub(crate) sent_ms: i64,
    /// From the first decision to the last answer.
    pub(crate) answered_ms: i64,
    /// From the first decision to the last durable intent sent, half of the orders.
    pub(crate) half_sent_ms: i64,
    /// Of the daemon, around the wave, in seconds.
    pub(crate) cpu_s: f64,
    /// Of the daemon in the second before.
    pub(crate) idle_cpu_s: f64,
    pub(crate) memory_kb: u64,
    pub(crate) connecting: Connecting,
}

pub(crate) struct Stage {
    args: Args,
    folder: TempDir,
    base: String,
    /// Where the daemon tells how it is.
    health: String,
    _exchange: Running,
}

impl Stage {
    pub(crate) fn set_up(args: &Args) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let tapes = market::write(folder.path(), args.quiet_minutes)?;
        std::fs::write(folder.path().join("exchange.toml"), exchange_accounts(args.accounts))?;
        let (exchange, base) = open_exchange(folder.path(), &tapes)?;
        let home = folder.path().join("home");
        let health = watch::free_address()?;
        child::run(&home, &["init"])?;
        std::fs::write(home.join("config.toml"), configuration(&base, &health, args.addresses)?)?;
        let fleet = folder.path().join("fleet.toml");
        std::fs::write(&fleet, fleet_file(args)?)?;
        for number in 1..=args.accounts {
            for (kind, text) in [("key", "key"), ("secret", "secret")] {
                std::fs::write(
                    folder.path().join(format!("{kind}-{number}")),
                    format!("{text}-binance-{number}"),
                )?;
            }
        }
        child::run(&home, &["account", "import", &fleet.display().to_string()])?;
        child::run(&home, &["account", "set", "--tag", "wave", "dry_run=off", "--yes"])?;
        Ok(Self { args: args.clone(), folder, base, health, _exchange: exchange })
    }

    /// Runs the daemon until every bot's entry is answered.
    pub(crate) fn wave(&self) -> anyhow::Result<Wave> {
        let home = self.folder.path().join("home");
        let mut daemon = child::start(&home, "log", &["run"])?;
        let wanted = self.args.accounts * 3;
        let patience = Duration::from_secs(u64::from(self.args.quiet_minutes) * 60 + 180);
        let started = Instant::now();
        let mut connecting = Connecting::default();
        let (mut look_again, mut quiet_until) = (started, started);
        // CPU time by the moment it was read, to find what the wave took afterwards.
        let mut readings = vec![(Instant::now(), kernel::cpu_seconds(daemon.0.id())?)];
        loop {
            if let Some(status) = daemon.ended()? {
                bail!("the daemon ended: {status}");
            }
            readings.push((Instant::now(), kernel::cpu_seconds(daemon.0.id())?));
            let seen = entries(&home)?;
            if seen.answered >= wanted {
                let memory_kb = kernel::memory_kb(daemon.0.id(), "VmRSS")?;
                connecting.settle(&readings, quiet_until);
                return Ok(Wave { memory_kb, connecting, ..wave_of(&seen, &readings)? });
            }
            if seen.answered == 0 {
                quiet_until = Instant::now().checked_sub(4 * PAUSE).context("no time has passed")?;
                if look_again.elapsed() >= LOOK_EVERY {
                    connecting.look(&self.base, started)?;
                    look_again = Instant::now();
                }
            }
            if started.elapsed() > patience {
                bail!("{} of {wanted} entries were answered after {} s", seen.answered, patience.as_secs());
            }
            sleep(PAUSE);
        }
    }

    /// Starts the daemon anew, where the last one was killed, until nothing is left to recover.
    pub(crate) fn recovery(&self) -> anyhow::Result<Recovery> {
        let home = self.folder.path().join("home");
        let (positions, bare) = watch::positions(&home)?;
        let mut recovery = Recovery { positions, bare, ..Recovery::default() };
        let started = Instant::now();
        let mut daemon = child::start(&home, "log2", &["run"])?;
        while recovery.recovered_s == 0.0 || recovery.protected_s == 0.0 {
            if let Some(status) = daemon.ended()? {
                bail!("the daemon ended: {status}");
            }
            let elapsed = started.elapsed();
            if recovery.recovered_s == 0.0 && watch::recovered(&self.health) >= u64::from(self.args.accounts)
            {
                recovery.recovered_s = elapsed.as_secs_f64();
            }
            let (positions, bare) = watch::positions(&home)?;
            if positions == self.args.accounts * 3 && bare == 0 {
                if recovery.protected_s == 0.0 {
                    recovery.protected_s = elapsed.as_secs_f64();
                }
            } else {
                recovery.protected_s = 0.0;
            }
            if elapsed > RECOVERING {
                bail!("after {} s {bare} of {positions} positions are bare", elapsed.as_secs());
            }
            sleep(PAUSE);
        }
        Ok(recovery)
    }

    /// The same client alone, in a process of its own.
    pub(crate) fn bare(&self) -> anyhow::Result<BareRun> {
        let output = Command::new(std::env::current_exe()?)
            .args(["--bare", &self.base, "--accounts", &self.args.accounts.to_string()])
            .stderr(Stdio::inherit())
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        anyhow::ensure!(output.status.success(), "{said}");
        Ok(serde_json::from_str(&said)?)
    }
}

fn open_exchange(folder: &Path, tapes: &[PathBuf]) -> anyhow::Result<(Running, String)> {
    let ready = folder.join("ready.json");
    let mut arguments: Vec<String> =
        ["simulate", "--binance", "127.0.0.1:0", "--warmup"].map(str::to_owned).into();
    arguments.push(market::WARMUP.to_string());
    arguments.extend(["--accounts".to_owned(), folder.join("exchange.toml").display().to_string()]);
    arguments.extend(["--ready-file".to_owned(), ready.display().to_string(), "--tape".to_owned()]);
    arguments.extend(tapes.iter().map(|tape| tape.display().to_string()));
    let mut exchange = child::start(&folder.join("exchange"), "log", &arguments)?;
    let started = Instant::now();
    while started.elapsed() < OPENING {
        if let Some(base) = exchange.address(&ready, "binance")? {
            return Ok((exchange, base));
        }
        sleep(PAUSE);
    }
    bail!("the exchange did not open within {} s", OPENING.as_secs())
}

/// What the journal holds of the bots' entries so far.
struct Entries {
    answered: u32,
    decided_at: i64,
    half_sent_at: i64,
    sent_at: i64,
    answered_at: i64,
}

fn entries(home: &Path) -> anyhow::Result<Entries> {
    let conn = Connection::open_with_flags(home.join("tradefleet.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    let totals = "SELECT count(acknowledged_at), coalesce(min(decided_at), 0), coalesce(max(sent_at), 0),
                         coalesce(max(acknowledged_at), 0)
                  FROM orders WHERE purpose = 'entry'";
    let mut entries = conn.query_row(totals, [], |row| {
        let (answered, decided_at) = (row.get(0)?, row.get(1)?);
        Ok(Entries { answered, decided_at, half_sent_at: 0, sent_at: row.get(2)?, answered_at: row.get(3)? })
    })?;
    if entries.answered > 0 {
        let median =
            "SELECT sent_at FROM orders WHERE purpose = 'entry' AND sent_at IS NOT NULL ORDER BY sent_at
                      LIMIT 1 OFFSET (SELECT count(sent_at) / 2 FROM orders WHERE purpose = 'entry')";
        entries.half_sent_at = conn.query_row(median, [], |row| row.get(0)).unwrap_or(entries.sent_at);
    }
    Ok(entries)
}

fn wave_of(seen: &Entries, readings: &[(Instant, f64)]) -> anyhow::Result<Wave> {
    let (end, cpu_end) = *readings.last().context("no readings")?;
    let answered_ms = seen.answered_at - seen.decided_at;
    let span = Duration::from_millis(u64::try_from(answered_ms)?) + 4 * PAUSE;
    let before = |ago: Duration| {
        readings.iter().rev().find(|(at, _)| end.duration_since(*at) >= ago).map_or(0.0, |(_, cpu)| *cpu)
    };
    let cpu_start = before(span);
    Ok(Wave {
        orders: seen.answered,
        sent_ms: seen.sent_at - seen.decided_at,
        answered_ms,
        half_sent_ms: seen.half_sent_at - seen.decided_at,
        cpu_s: cpu_end - cpu_start,
        idle_cpu_s: cpu_start - before(span + Duration::from_secs(1)),
        memory_kb: 0,
        connecting: Connecting::default(),
    })
}

fn exchange_accounts(accounts: u32) -> String {
    format!("[generate]\nbinance = {accounts}\nbalance = \"{BALANCE}\"\n\n[limits]\noff = true\n")
}

fn configuration(base: &str, health: &str, addresses: u32) -> anyhow::Result<String> {
    let socket = base.replace("http://", "ws://");
    let mut ways = String::new();
    for address in 2..addresses + 2 {
        write!(ways, "\"127.0.0.{address}\", ")?;
    }
    Ok(format!(
        "[binance]\nrest_url = \"{base}\"\nstream_url = \"{socket}\"\naccount_url = \"{base}\"\n\
         [live]\nlimit_sockets = false\negress = [{ways}]\n\
         [http]\nlisten = \"{health}\"\n[gates]\nenabled = false\n[universe]\ntop_n = 0\nanchors = []\n"
    ))
}

fn fleet_file(args: &Args) -> anyhow::Result<String> {
    let mut text = String::from(
        "[[strategies]]\nname = \"rise\"\nkind = \"momentum\"\n[strategies.params]\nperiod = 1\nthreshold_pct = 1\n\
         volume_period = 2\nmin_confidence = 0\n",
    );
    for number in 1..=args.accounts {
        write!(
            text,
            "[[accounts]]\nname = \"a{number}\"\nexchange = \"binance\"\ntags = [\"wave\"]\napi_key = \"file:key-{number}\"\n\
             api_secret = \"file:secret-{number}\"\n[accounts.settings]\nauto_exit = {}\n",
            args.recover
        )?;
        for (symbol, ..) in market::SYMBOLS {
            write!(
                text,
                "[[accounts.bots]]\nname = \"{symbol}\"\nstrategy = \"rise\"\nsymbol = \"{symbol}\"\n\
                 allocation_percent = 30\nstart = true\n"
            )?;
        }
    }
    Ok(text)
}
