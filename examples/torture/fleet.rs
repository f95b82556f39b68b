//! One exchange, a fleet that trades on it over the proxy, and the rounds of its torture: many short lives, then a calm
//! in which the books are compared.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::task::block_in_place;
use tokio::time::sleep;

use super::Args;
use super::books::Comparison;
use super::clock::WallClock;
use super::dice::Dice;
use super::disk::Disk;
use super::home::{Exchange, Home};
use super::ordeal::{Endured, Ordeal};
use super::process::Running;
use super::proxy::Proxy;
use super::stage::Stage;
use super::verdict;

/// After the faults have stopped, so many cycles are enough to learn what is left to learn.
const CALM_CYCLES: u32 = 40;
/// How long a request that changes something is waited for.
const AMBUSH: Duration = Duration::from_secs(3);
/// What SIGTERM leaves a daemon; it gives its accounts 20 s.
const LAST_WORDS: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How a daemon ends that finds another one on its home.
const REFUSED: i32 = 7;
/// So that a small disk is not always a low one.
const SMALL_DISK: &str = "[watch]\nreserve_mb = 4\nmin_free_mb = 8\n";

pub(crate) struct Fleet {
    pub(crate) stage: Stage,
    pub(crate) proxy: Proxy,
    pub(crate) endured: Endured,
    pub(crate) books: Comparison,
    pub(crate) disk: Option<Disk>,
    pub(crate) clock: Option<WallClock>,
    violations: Vec<String>,
    exchange: Exchange,
    home: Home,
    names: Vec<String>,
    dice: Dice,
    pub(crate) speed: u32,
}

impl Fleet {
    pub(crate) async fn set_up(
        args: &Args,
        program: &Path,
        stage: Stage,
        number: u32,
    ) -> anyhow::Result<Self> {
        let keep = args.keep.as_ref().map(|dir| dir.join(format!("{}-{number}", stage.exchange)));
        let home = Home::new(program, keep.as_deref())?;
        let disk = if keep.is_none() { Disk::mount(&home.path("home"))? } else { None };
        let names: Vec<String> = (1..=args.accounts).map(|number| format!("a{number}")).collect();
        home.run("init")?;
        let (market, accounts) = (Stage::market(args.speed), stage.accounts_file(&names, false));
        let exchange = Exchange::start(&home, stage.exchange, &accounts, &market).await?;
        let seed = args.seed.wrapping_mul(1_000).wrapping_add(u64::from(number));
        let proxy = Proxy::open(&exchange.base, seed).await?;
        let config = stage.config(&proxy.base, args.speed) + SMALL_DISK;
        std::fs::write(home.path("home").join("config.toml"), config)?;
        block_in_place(|| stage.populate(&home, &names))?;
        let clock = WallClock::find(home.path("clock"));
        Ok(Self {
            stage,
            proxy,
            endured: Endured::default(),
            books: Comparison::default(),
            disk,
            clock,
            violations: Vec::new(),
            exchange,
            home,
            names,
            dice: Dice(seed),
            speed: args.speed,
        })
    }

    /// `rounds` of so long each; what was found is in the books.
    pub(crate) async fn torture(mut self, rounds: u32, length: Duration) -> anyhow::Result<Self> {
        for round in 1..=rounds {
            block_in_place(|| self.home.run("bot start --all"))?;
            self.exchange.control("faults", &faults(self.speed)).await?;
            self.proxy.set_storm(true);
            let began = Instant::now();
            while began.elapsed() < length {
                let ordeal = Ordeal::draw(&mut self.dice);
                self.go_through(ordeal).await.with_context(|| ordeal.name())?;
            }
            self.compare(round).await?;
        }
        // What takes its time here, deaths and starts, does not run faster with the exchange.
        let most_ms = verdict::UNPROTECTED_MAX_MS * i64::from(self.speed);
        verdict::judge_protection(&self.stage, most_ms, &mut self.books);
        self.books.violations.append(&mut self.violations);
        Ok(self)
    }

    /// Opens nothing more, holds the market still, and lets the daemon learn what is left to learn.
    async fn compare(&mut self, round: u32) -> anyhow::Result<()> {
        self.proxy.set_storm(false);
        self.exchange.control("calm", &json!({})).await?;
        let health = self.exchange.get("health").await?;
        let until = health.get("time").and_then(Value::as_i64).context("no time")?;
        block_in_place(|| self.home.run("bot stop --all"))?;
        self.exchange.control("pause", &json!({})).await?;
        block_in_place(|| self.home.run(&format!("run --cycles {CALM_CYCLES}")))?;
        self.books = verdict::compare(&self.exchange, &self.home, &self.names, until).await?;
        self.keep_ledgers(round).await?;
        let found = std::mem::take(&mut self.books.violations);
        self.violations.extend(found.into_iter().map(|violation| format!("round {round}: {violation}")));
        self.exchange.control("resume", &json!({})).await
    }

    /// Beside the database, for whoever looks for the reason of a violation.
    async fn keep_ledgers(&self, round: u32) -> anyhow::Result<()> {
        for name in self.names.iter().filter(|_| !self.books.violations.is_empty()) {
            let ledger = self.exchange.get(&format!("ledger?account={name}")).await?;
            std::fs::write(self.home.path(&format!("oracle-{name}-{round}.json")), ledger.to_string())?;
        }
        Ok(())
    }

    async fn go_through(&mut self, ordeal: Ordeal) -> anyhow::Result<()> {
        let variables = match (ordeal, &self.clock) {
            (Ordeal::ClockSet, None) => return Ok(()),
            (Ordeal::ClockSet, Some(clock)) => {
                clock.set(&mut self.dice)?;
                clock.variables()
            }
            _ => Vec::new(),
        };
        if ordeal == Ordeal::DiskFull && self.disk.is_none() {
            return Ok(());
        }
        let mut daemon = self.home.start_daemon(&variables)?;
        let went_through = match ordeal {
            Ordeal::Kill => {
                self.let_live(300, 3_000).await;
                true
            }
            Ordeal::KillEarly => {
                self.let_live(10, 250).await;
                true
            }
            Ordeal::KillBeforeRequest | Ordeal::KillBeforeAnswer | Ordeal::KillWithAnswer => {
                let moment = ordeal.moment().context("no moment")?;
                let sprung = self.proxy.lie_in_wait(pid(&daemon)?, moment, AMBUSH).await;
                if sprung {
                    self.endured.kills += 1;
                    self.endured.count(ordeal);
                    return Ok(());
                }
                false
            }
            Ordeal::Terminate => return self.terminate(daemon).await,
            Ordeal::Suspend => self.suspend(&daemon).await?,
            Ordeal::ClockSet => {
                self.let_live(300, 1_200).await;
                if let Some(clock) = &self.clock {
                    clock.set(&mut self.dice)?;
                }
                self.let_live(300, 1_200).await;
                true
            }
            Ordeal::DiskFull => self.fill_disk(&mut daemon).await?,
            Ordeal::Second => self.start_second().await?,
        };
        self.expect_alive(&mut daemon, ordeal);
        drop(daemon);
        self.endured.kills += 1;
        self.endured.count(if went_through { ordeal } else { Ordeal::Kill });
        Ok(())
    }

    async fn let_live(&mut self, least_ms: u64, most_ms: u64) {
        sleep(Duration::from_millis(self.dice.between(least_ms, most_ms))).await;
    }

    async fn suspend(&mut self, daemon: &Running) -> anyhow::Result<bool> {
        self.let_live(300, 1_500).await;
        kill_process(pid(daemon)?, Signal::STOP)?;
        // From 5 s on a daemon has to notice it.
        match self.dice.roll(5) {
            0 => self.let_live(5_100, 6_000).await,
            _ => self.let_live(100, 1_000).await,
        }
        kill_process(pid(daemon)?, Signal::CONT)?;
        self.let_live(300, 1_500).await;
        Ok(true)
    }

    async fn terminate(&mut self, mut daemon: Running) -> anyhow::Result<()> {
        self.let_live(100, 2_000).await;
        kill_process(pid(&daemon)?, Signal::TERM)?;
        let asked = Instant::now();
        loop {
            match daemon.0.try_wait()? {
                Some(status) if status.success() => {
                    self.endured.count(Ordeal::Terminate);
                    break;
                }
                // It did not listen yet: then it ends as by SIGKILL.
                Some(status) if status.signal() == Some(Signal::TERM.as_raw()) => {
                    self.endured.count(Ordeal::KillEarly);
                    break;
                }
                Some(status) => {
                    self.violate(&format!("after SIGTERM a daemon ended with {status}"));
                    break;
                }
                None if asked.elapsed() > LAST_WORDS => {
                    self.violate("a daemon did not end after SIGTERM");
                    break;
                }
                None => sleep(LOOK_EVERY).await,
            }
        }
        Ok(())
    }

    /// Half of the time it dies meanwhile, and the next one starts on a full disk.
    async fn fill_disk(&mut self, daemon: &mut Running) -> anyhow::Result<bool> {
        if !self.is_at_work_within(daemon, AMBUSH).await? {
            return Ok(false);
        }
        let Some(disk) = self.disk.take() else { return Ok(false) };
        block_in_place(|| disk.fill())?;
        self.let_live(300, 1_500).await;
        self.expect_alive(daemon, Ordeal::DiskFull);
        if self.dice.roll(2) == 0 {
            drop(daemon.0.kill());
            drop(daemon.0.wait());
            self.endured.kills += 1;
            // It may well refuse to start.
            let another = self.home.start_daemon(&[])?;
            self.let_live(300, 1_500).await;
            drop(another);
            disk.empty()?;
            *daemon = self.home.start_daemon(&[])?;
        } else {
            disk.empty()?;
        }
        self.disk = Some(disk);
        self.let_live(300, 1_200).await;
        Ok(true)
    }

    /// One that has not started yet may well refuse to on a full disk.
    async fn is_at_work_within(&self, daemon: &Running, patience: Duration) -> anyhow::Result<bool> {
        let started = Instant::now();
        while started.elapsed() < patience {
            if self.is_at_work(daemon)? {
                return Ok(true);
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(false)
    }

    /// Whether it has written how its run goes.
    fn is_at_work(&self, daemon: &Running) -> anyhow::Result<bool> {
        let conn = Connection::open_with_flags(self.home.database(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        conn.busy_timeout(AMBUSH)?;
        let sql = "SELECT count(*) FROM daemon_runs JOIN lease USING (epoch) WHERE pid = ?1";
        let runs: i64 = conn.query_row(sql, [daemon.0.id()], |row| row.get(0))?;
        Ok(runs > 0)
    }

    async fn start_second(&mut self) -> anyhow::Result<bool> {
        self.let_live(400, 800).await;
        let mut second = self.home.start_daemon(&[])?;
        let started = Instant::now();
        loop {
            match second.0.try_wait()? {
                Some(status) if status.code() == Some(REFUSED) => return Ok(true),
                Some(status) => {
                    self.violate(&format!("a second daemon ended with {status}"));
                    return Ok(true);
                }
                None if started.elapsed() > LAST_WORDS => {
                    self.violate("a second daemon runs beside the first");
                    return Ok(true);
                }
                None => sleep(LOOK_EVERY).await,
            }
        }
    }

    fn expect_alive(&mut self, daemon: &mut Running, ordeal: Ordeal) {
        match daemon.ended() {
            Ok(None) => {}
            Ok(Some(status)) => self.violate(&format!("{}: the daemon ended: {status}", ordeal.name())),
            Err(error) => self.violate(&error.to_string()),
        }
    }

    fn violate(&mut self, what: &str) {
        let said = std::fs::read_to_string(self.home.path("daemon.log")).unwrap_or_default();
        let last = said.lines().rev().take(3).collect::<Vec<_>>().join(" | ");
        self.violations.push(format!("{what}: {last}"));
    }
}

fn pid(daemon: &Running) -> anyhow::Result<Pid> {
    Pid::from_raw(daemon.0.id().try_into()?).context("no process")
}

/// A tenth of the answers lost, some errors, events doubled and out of order, a cut a minute of the exchange: beside what
/// the proxy does.
fn faults(speed: u32) -> Value {
    json!({
        "lost_answer_pct": 10.0, "error_5xx_pct": 5.0, "duplicate_event_pct": 20.0, "reorder_event_pct": 20.0,
        "disconnect_every_s": 60.0 / f64::from(speed), "stale_query_ms": 1000,
    })
}
