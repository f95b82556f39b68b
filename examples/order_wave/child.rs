//! Tradefleet, started from this program.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::AS_TRADEFLEET;
use super::process::{self, Running};

/// Starts it; what it says is kept beside its home.
pub(crate) fn start<S: AsRef<OsStr>>(home: &Path, log: &str, arguments: &[S]) -> anyhow::Result<Running> {
    let log = std::fs::File::create(home.with_extension(log))?;
    Running::start(command(home)?.args(arguments).stdout(Stdio::null()).stderr(log))
}

/// Runs one command line of it to its end.
pub(crate) fn run<S: AsRef<OsStr>>(home: &Path, arguments: &[S]) -> anyhow::Result<()> {
    process::run(command(home)?.args(arguments))
}

fn command(home: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(AS_TRADEFLEET).arg("--home").arg(home).stdin(Stdio::null());
    Ok(command)
}
