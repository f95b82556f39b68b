//! The two programs: the exchange, and the daemon in a home of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::stage::Stage;

const READY_POLLS: u32 = 600;
const READY_POLL: Duration = Duration::from_millis(50);

/// Ended when dropped.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A running exchange.
pub(crate) struct Exchange {
    _process: Ends,
    pub(crate) base: String,
    client: reqwest::Client,
}

impl Exchange {
    pub(crate) async fn start(
        binary: &Path,
        home: &Home,
        stage: &Stage,
        names: &[String],
        speed: u32,
    ) -> anyhow::Result<Self> {
        let (ready, accounts) = (home.path("ready.json"), home.path("exchange.toml"));
        std::fs::write(&accounts, stage.accounts_file(names))?;
        let process = Command::new(binary)
            .args(["simulate", "--synthetic", "--speed", &speed.to_string()])
            .arg("--ready-file")
            .arg(&ready)
            .arg("--accounts")
            .arg(&accounts)
            .args([&format!("--{}", stage.exchange), "127.0.0.1:0"])
            .env("TRADEFLEET_HOME", home.path("exchange"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(home.path("exchange.log"))?)
            .spawn()?;
        let mut process = Ends(process);
        for _ in 0..READY_POLLS {
            ensure!(process.0.try_wait()?.is_none(), "the exchange ended at once");
            let told = std::fs::read_to_string(&ready).unwrap_or_default();
            if let Ok(urls) = serde_json::from_str::<Value>(&told) {
                let base = urls.get(stage.exchange).and_then(Value::as_str).context("no URL")?.to_owned();
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
        let output = self.command(line).envs(variables.iter().cloned()).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{line}: {}\n{said}", output.status);
        Ok(())
    }

    /// Lets the daemon live for so long, then kills it. True when it was alive until then.
    pub(crate) async fn live_for(&self, span: Duration) -> anyhow::Result<bool> {
        let log = std::fs::File::options().create(true).append(true).open(self.path("daemon.log"))?;
        let process = self.command("run").stdout(Stdio::null()).stderr(log).spawn()?;
        let mut process = Ends(process);
        tokio::time::sleep(span).await;
        Ok(process.0.try_wait()?.is_none())
    }
}
