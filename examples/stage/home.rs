//! The two programs: the exchange, and the daemon in a home of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::process::{self, Running};

const READY_POLLS: u32 = 600;
const READY_POLL: Duration = Duration::from_millis(50);

/// The program that was built beside this example.
pub(crate) fn program() -> anyhow::Result<PathBuf> {
    let example = std::env::current_exe()?;
    let built = example.parent().and_then(Path::parent).context("no folder")?.join("tradefleet");
    ensure!(built.exists(), "{} is not built", built.display());
    Ok(built)
}

/// A running exchange.
pub(crate) struct Exchange {
    _process: Running,
    pub(crate) base: String,
    client: reqwest::Client,
}

impl Exchange {
    /// Opens an exchange with these accounts; `market` is the rest of the command line.
    pub(crate) async fn start(
        home: &Home,
        exchange: &str,
        accounts: &str,
        market: &[String],
    ) -> anyhow::Result<Self> {
        let (ready, file) = (home.path("ready.json"), home.path("exchange.toml"));
        std::fs::write(&file, accounts)?;
        let mut process = Running::start(
            Command::new(&home.binary)
                .args(["simulate", &format!("--{exchange}"), "127.0.0.1:0"])
                .args(market)
                .arg("--ready-file")
                .arg(&ready)
                .arg("--accounts")
                .arg(&file)
                .env("TRADEFLEET_HOME", home.path("exchange"))
                .stdout(Stdio::null())
                .stderr(std::fs::File::create(home.path("exchange.log"))?),
        )?;
        for _ in 0..READY_POLLS {
            if let Some(base) = process.address(&ready, exchange)? {
                // Questions are far between: a connection that is kept may be closed just as it is used again.
                let client = reqwest::Client::builder().pool_max_idle_per_host(0).build()?;
                return Ok(Self { _process: process, base, client });
            }
            tokio::time::sleep(READY_POLL).await;
        }
        anyhow::bail!("the exchange does not open")
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let text = self.client.get(format!("{}/_sim/{path}", self.base)).send().await?.text().await?;
        Ok(serde_json::from_str(&text)?)
    }

    pub(crate) async fn control(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let request = self.client.post(format!("{}/_sim/{path}", self.base)).body(body.to_string());
        let answer = request.send().await?;
        ensure!(answer.status() == 200, "{path}: {}", answer.text().await?);
        Ok(())
    }
}

/// The folder of a home of the daemon, and what lies beside it; gone when dropped, unless it is kept.
pub(crate) struct Home {
    dir: PathBuf,
    _temporary: Option<TempDir>,
    binary: PathBuf,
}

impl Home {
    pub(crate) fn new(binary: &Path, keep: Option<&Path>) -> anyhow::Result<Self> {
        let temporary = if keep.is_none() { Some(tempfile::tempdir()?) } else { None };
        let dir = match (&temporary, keep) {
            (Some(temporary), _) => temporary.path().to_owned(),
            (None, Some(keep)) => keep.to_owned(),
            (None, None) => anyhow::bail!("no folder"),
        };
        std::fs::create_dir_all(&dir)?;
        Ok(Self { dir, _temporary: temporary, binary: binary.to_owned() })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path("home").join("tradefleet.db")
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(line.split(' ')).env("TRADEFLEET_HOME", self.path("home")).stdin(Stdio::null());
        command
    }

    /// Runs a command line, whose words are split at spaces, to its end.
    pub(crate) fn run(&self, line: &str) -> anyhow::Result<()> {
        self.run_with(line, &[])
    }

    pub(crate) fn run_with(&self, line: &str, variables: &[(&'static str, String)]) -> anyhow::Result<()> {
        process::run(self.command(line).envs(variables.iter().cloned()))
    }

    /// Starts the daemon; what it says is added to `daemon.log`.
    pub(crate) fn start_daemon(&self, variables: &[(&'static str, String)]) -> anyhow::Result<Running> {
        let log = std::fs::File::options().create(true).append(true).open(self.path("daemon.log"))?;
        let mut command = self.command("run");
        Running::start(command.envs(variables.iter().cloned()).stdout(Stdio::null()).stderr(log))
    }
}
