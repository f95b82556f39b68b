//! The sign of life: an address that is called while the fleet makes progress. Whoever watches it notices when it stops.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;

use super::slack::{client, unreachable};
use super::{ChannelError, secret};
use crate::config::AlertsConfig;
use crate::domain::secret::Secret;

pub struct Heartbeat {
    client: Client,
    url: Secret,
    every: Duration,
    progress: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Heartbeat {
    /// `progress` grows with every cycle. `None` where none is configured.
    pub fn open(
        config: &AlertsConfig,
        base: &Path,
        progress: Arc<dyn Fn() -> u64 + Send + Sync>,
    ) -> Result<Option<Self>, ChannelError> {
        let key = "alerts.heartbeat_url";
        let url = if config.heartbeat_url.starts_with("http") {
            Some(Secret::new(config.heartbeat_url.clone()))
        } else {
            secret(key, &config.heartbeat_url, base)?
        };
        let Some(url) = url else { return Ok(None) };
        let client = client().map_err(|reason| ChannelError::Configuration { key, reason })?;
        let every = Duration::from_millis(u64::try_from(config.heartbeat_every.ms()).unwrap_or(60_000));
        Ok(Some(Self { client, url, every, progress }))
    }

    /// Until it is dropped. Nothing is sent while nothing moves: that is the point.
    pub async fn run(self) {
        let mut seen = None;
        loop {
            let now = (self.progress)();
            if seen.is_some_and(|seen| seen != now)
                && let Err(error) = self.beat().await
            {
                tracing::warn!(%error, "the heartbeat was not taken");
            }
            seen = Some(now);
            tokio::time::sleep(self.every).await;
        }
    }

    async fn beat(&self) -> Result<(), ChannelError> {
        let answer = self.client.get(self.url.expose()).send().await.map_err(unreachable)?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(ChannelError::Refused { reason: format!("status {}", answer.status().as_u16()) })
    }
}
