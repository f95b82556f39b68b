//! Processes that an example starts, and that end with it.

use std::path::Path;
use std::process::{Child, Command};

use anyhow::{Context, ensure};
use serde_json::Value;

/// A process that ends with its handle.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        Ok(Self(command.spawn()?))
    }

    /// How it ended, once it has.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<String>> {
        Ok(self.0.try_wait()?.map(|status| status.to_string()))
    }

    /// The address of a local exchange, once it has written it to its ready file.
    pub(crate) fn address(&mut self, ready: &Path, exchange: &str) -> anyhow::Result<Option<String>> {
        let ended = self.ended()?;
        ensure!(ended.is_none(), "the exchange ended: {}", ended.unwrap_or_default());
        let told = std::fs::read_to_string(ready).unwrap_or_default();
        let Ok(urls) = serde_json::from_str::<Value>(&told) else { return Ok(None) };
        Ok(Some(urls.get(exchange).and_then(Value::as_str).context("no URL")?.to_owned()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs a command to its end; what it said is in the error.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    Ok(())
}
