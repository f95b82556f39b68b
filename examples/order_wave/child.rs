//! Processes started from this program, ended with their handle.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context;

use super::AS_TRADEFLEET;

/// `/proc` counts CPU time in hundredths of a second on every Linux architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running tradefleet.
pub(crate) struct Tradefleet(Child);

impl Tradefleet {
    /// Starts it; what it says is kept beside its home.
    pub(crate) fn start<S: AsRef<OsStr>>(home: &Path, log: &str, arguments: &[S]) -> anyhow::Result<Self> {
        let log = std::fs::File::create(home.with_extension(log))?;
        let child = command(home)?.args(arguments).stdout(Stdio::null()).stderr(log).spawn()?;
        Ok(Self(child))
    }

    /// User and system time of all its threads so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        cpu_seconds_of(self.0.id())
    }

    /// Resident memory, in KB.
    pub(crate) fn memory_kb(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.split_whitespace().next().context("no number")?.parse()?)
    }

    /// How it ended, once it has.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<String>> {
        Ok(self.0.try_wait()?.map(|status| status.to_string()))
    }
}

impl Drop for Tradefleet {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// User and system time of all threads of a process so far, in seconds.
pub(crate) fn cpu_seconds_of(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the name in parentheses and may contain spaces; utime and stime are the 14th and 15th.
    let (_, fields) = stat.rsplit_once(')').context("no name in /proc")?;
    let mut times = fields.split_whitespace().skip(11);
    let mut next = || -> anyhow::Result<f64> { Ok(times.next().context("no CPU times")?.parse()?) };
    Ok((next()? + next()?) / TICKS_PER_SECOND)
}

/// Runs one command line of tradefleet to its end.
pub(crate) fn run<S: AsRef<OsStr>>(home: &Path, arguments: &[S]) -> anyhow::Result<()> {
    let output = command(home)?.args(arguments).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::ensure!(output.status.success(), "{}", said.trim());
    Ok(())
}

fn command(home: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(AS_TRADEFLEET).arg("--home").arg(home).stdin(Stdio::null());
    Ok(command)
}
