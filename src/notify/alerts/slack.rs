//! Slack: a text to an incoming webhook. The webhook's address is a secret.

use std::path::Path;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, StatusCode};
use serde_json::json;

use super::{ChannelError, TIMEOUT, secret};
use crate::config::AlertsConfig;
use crate::domain::secret::Secret;
use crate::domain::time::DurationMs;

/// Slack asks for this long when it does not say how long.
const PAUSE: DurationMs = DurationMs::from_secs(30);

#[derive(Clone)]
pub(super) struct Slack {
    client: Client,
    webhook: Secret,
}

impl Slack {
    pub(super) fn open(config: &AlertsConfig, base: &Path) -> Result<Option<Self>, ChannelError> {
        let key = "alerts.slack_webhook";
        let Some(webhook) = secret(key, &config.slack_webhook, base)? else { return Ok(None) };
        let wrong = |reason: &str| ChannelError::Configuration { key, reason: reason.to_owned() };
        let is_address = webhook.expose().parse::<reqwest::Url>().is_ok_and(|url| url.has_host());
        if !is_address {
            return Err(wrong("what it refers to is not an address"));
        }
        Ok(Some(Self { client: client().map_err(|reason| wrong(&reason))?, webhook }))
    }

    pub(super) async fn send(&self, text: &str) -> Result<(), ChannelError> {
        let body = json!({ "text": text }).to_string();
        let request =
            self.client.post(self.webhook.expose()).header("content-type", "application/json").body(body);
        let answer = request.send().await.map_err(unreachable)?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            StatusCode::TOO_MANY_REQUESTS => {
                let told =
                    answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                Err(ChannelError::Throttled { after: told.map_or(PAUSE, DurationMs::from_secs) })
            }
            status if status.is_server_error() => {
                Err(ChannelError::Unavailable { reason: format!("status {}", status.as_u16()) })
            }
            status => Err(ChannelError::Refused { reason: format!("status {}", status.as_u16()) }),
        }
    }
}

/// A client for addresses that a person configured.
pub(super) fn client() -> Result<Client, String> {
    Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| error.without_url().to_string())
}

/// The address is a secret: it gets into no error.
pub(super) fn unreachable(error: reqwest::Error) -> ChannelError {
    ChannelError::Unavailable { reason: error.without_url().to_string() }
}
