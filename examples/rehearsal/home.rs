//! The two programs: the exchange, and the daemon in a home of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;
use tempfile::TempDir;

use super::process::{self, Running};
use super::stage::Stage;

const READY_POLLS: u32 = 600;
const READY_POLL: Duration = Duration::from_millis(50);

/// A running exchange.
pub(crate) struct Exchange {
    _process: Running,
    pub(crate) base: String,
    client: reqwest::Client,
}

impl Exchange {
    pub(crate) async fn start(
        binary: &Path,
        home: &Home,
        stage: &Stage,
        accounts_file: &str,
        speed: u32,
    ) -> anyhow::Result<Self> {
        let (ready, accounts) = (home.path("ready.json"), home.path("exchange.toml"));
        std::fs::write(&accounts, accounts_file)?;
        let mut process = Running::start(
            Command::new(binary)
                .args(["simulate", "--synthetic", "--speed", &speed.to_string()])
                .arg("--ready-file")
                .arg(&ready)
                .arg("--accounts")
                .arg(&accounts)
                .args([&format!("--{}", stage.exchange), "127.0.0.1:0"])
                .env("TRADEFLEET_HOME", home.path("exchange"))
                .stdout(Stdio::null())
                .stderr(std::fs::File::create(home.path("exchange.log"))?),
        )?;
        for _ in 0..READY_POLLS {
            if let Some(base) = process.address(&ready, stage.exchange)? {
                return Ok(Self { _process: process, base, client: reqwest::Client::new() });
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

/// A home of the daemon, and what lies beside it; gone when dropped, unless it is kept.
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
        let home = Self { dir, _temporary: temporary, binary: binary.to_owned() };
        home.run("init")?;
        Ok(home)
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

    /// Lets the daemon live for so long, then kills it. True when it was alive until then.
    pub(crate) async fn live_for(&self, span: Duration) -> anyhow::Result<bool> {
        let log = std::fs::File::options().create(true).append(true).open(self.path("daemon.log"))?;
        let mut process = Running::start(self.command("run").stdout(Stdio::null()).stderr(log))?;
        tokio::time::sleep(span).await;
        Ok(process.ended()?.is_none())
    }
}
