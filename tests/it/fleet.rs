//! A market from a formula, a fleet that trades on it, and the daemon as a process of its own.

use std::fmt::Write;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::harness::{Answer, Home};

/// The first bar opens here: 2023-11-14T22:14:00Z.
pub(crate) const FIRST_BAR: i64 = 1_700_000_040_000;
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HEADER: &str = "open_time_ms,open,high,low,close,volume\n";

/// PCG's multiplier and increment; the high bits are good enough for a market.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// Between 0 and 1.
    fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.roll()).unwrap()) / f64::from(1_u32 << 31)
    }
}

/// The rows of `bars` 1m candles: three waves and a seeded walk around `level`.
fn rows(bars: u32, seed: u64, level: f64) -> Vec<String> {
    let mut dice = Dice(seed);
    let (mut walk, mut open) = (0.0, level);
    let mut rows = Vec::new();
    for bar in 0..bars {
        let at = f64::from(bar);
        walk += (dice.share() - 0.5) * 0.002;
        let waves = 0.006 * (at / 11.0).sin() + 0.012 * (at / 37.0).sin() + 0.03 * (at / 301.0).sin();
        let close = (level * (1.0 + waves + walk) * 100.0).round() / 100.0;
        let (high, low) = (open.max(close) * 1.0005, open.min(close) * 0.9995);
        let volume = 10.0 + 30.0 * dice.share();
        let time = FIRST_BAR + i64::from(bar) * MINUTE;
        rows.push(format!("{time},{open:.2},{high:.2},{low:.2},{close:.2},{volume:.3}\n"));
        open = close;
    }
    rows
}

/// Two symbols of one length, cut after `cut` bars: the words that give `run` the first part, and all of it.
pub(crate) struct Tape {
    pub(crate) first: String,
    pub(crate) whole: String,
}

impl Tape {
    pub(crate) fn write(home: &Home, bars: u32, cut: usize) -> Self {
        let mut tape = Self { first: "--tape".to_owned(), whole: "--tape".to_owned() };
        for (symbol, seed, level) in [("BTCUSDT", 7, 30_000.0), ("ETHUSDT", 11, 2_000.0)] {
            let rows = rows(bars, seed, level);
            let (first, second) = rows.split_at(cut);
            let file = |days: &str, rows: &[String]| {
                home.write(&format!("PAPER-{symbol}-1m-{days}.csv"), &format!("{HEADER}{}", rows.concat()))
            };
            let (first, second) = (file("20231114_20231115", first), file("20231115_20231116", second));
            write!(tape.first, " {first}").unwrap();
            write!(tape.whole, " {first} {second}").unwrap();
        }
        tape
    }
}

/// What makes bots trade within minutes: short periods, exits that are executed, no cooldown.
const ACCOUNT: &str = "--exchange paper --set auto_exit=on --set exit_cooldown_h=0";
const STRATEGIES: [&str; 2] = [
    "strategy add quick --kind ema_cross --set fast=3 --set slow=13 --set trend=0",
    "strategy add surge --kind momentum --set period=5 --set threshold_pct=0.25 --set volume_period=10 \
     --set min_confidence=0.5",
];

/// A fleet without bots, with the strategies `quick` and `surge`.
pub(crate) fn fleet(accounts: &[&str]) -> Home {
    let home = Home::new();
    for account in accounts {
        home.run(&format!("account add {account} {ACCOUNT}")).ok();
    }
    for line in STRATEGIES {
        home.run(&line.split_whitespace().collect::<Vec<_>>().join(" ")).ok();
    }
    home
}

/// Adds a bot and starts it.
pub(crate) fn add_bot(home: &Home, account: &str, name: &str, strategy: &str, symbol: &str) {
    let what = format!("--strategy {strategy} --symbol {symbol} --allocation 30 --start");
    home.run(&format!("bot add {name} --account {account} {what}")).ok();
}

/// Two accounts and three bots: two on one symbol, one on all.
pub(crate) fn three_bots() -> Home {
    let home = fleet(&["a", "b"]);
    add_bot(&home, "a", "cross", "quick", "BTCUSDT");
    add_bot(&home, "a", "rush", "surge", "BTCUSDT");
    add_bot(&home, "b", "wide", "quick", "*");
    home
}

/// The rows of a list in an answer.
pub(crate) fn list<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().unwrap()
}

/// The exact figure of a field.
#[track_caller]
pub(crate) fn figure(row: &Value, field: &str) -> Decimal {
    row[field].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {field} in {row}"))
}

pub(crate) fn sum(rows: &[Value], field: &str) -> Decimal {
    rows.iter().map(|row| figure(row, field)).sum()
}

/// All that the daemon has to answer for, as text.
pub(crate) fn ledger(home: &Home) -> Vec<String> {
    let lines = ["trades --open", "positions --fills", "pnl", "pnl --daily", "orders"];
    lines.iter().map(|line| home.run(&format!("--json {line}")).ok().stdout).collect()
}

/// A minute in all: a machine may be busy.
const LOOKS_MAX: u32 = 12_000;

/// The running daemon.
pub(crate) struct Daemon {
    child: Child,
}

impl Daemon {
    pub(crate) fn start(home: &Home, line: &str) -> Self {
        Self::start_with(home, line, &[])
    }

    pub(crate) fn start_with(home: &Home, line: &str, variables: &[(&str, &str)]) -> Self {
        let child = home
            .program()
            .args(line.split(' '))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child }
    }

    /// Started, and at work on the fleet.
    pub(crate) fn at_work(home: &Home, line: &str) -> Self {
        let mut daemon = Self::start(home, line);
        let pid = daemon.pid();
        daemon.wait_until(|| {
            let daemon = &home.json("status")["daemon"];
            daemon["live"] == true && daemon["pid"] == pid
        });
        daemon
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Looks again and again until `is_so`; fails when the daemon ends before, or never gets there.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, mut is_so: impl FnMut() -> bool) {
        for _ in 0..LOOKS_MAX {
            if is_so() {
                return;
            }
            assert!(!self.has_ended(), "the daemon ended: {:?}", self.output());
            thread::sleep(Duration::from_millis(5));
        }
        panic!("it never came to that");
    }

    /// After it was killed from elsewhere.
    pub(crate) fn wait_until_dead(&mut self) {
        assert!(!self.child.wait().unwrap().success());
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// SIGKILL.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// SIGTERM, then its last words.
    pub(crate) fn terminate(self) -> Answer {
        let killed = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status().unwrap();
        assert!(killed.success());
        self.finish()
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Answer {
        self.output()
    }

    fn output(&mut self) -> Answer {
        let read = |pipe: Option<&mut dyn std::io::Read>| {
            let mut text = String::new();
            pipe.map(|pipe| pipe.read_to_string(&mut text).unwrap());
            text
        };
        let stdout = read(self.child.stdout.as_mut().map(|pipe| pipe as &mut dyn std::io::Read));
        let stderr = read(self.child.stderr.as_mut().map(|pipe| pipe as &mut dyn std::io::Read));
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Answer { code, stdout, stderr }
    }
}

/// A test that fails must not leave a daemon behind.
impl Drop for Daemon {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}
