//! Alerts to whoever runs the fleet: what is wrong is looked for again and again, raised once and cleared once, and told
//! by every channel that is configured, each at its own pace. A sign of life goes out while the fleet makes progress, so
//! that somebody else can tell that it does not any more.

mod email;
mod heartbeat;
mod slack;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::wall_now;
use crate::config::AlertsConfig;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::turn::Severity;
use crate::store::alerts::{self, AlertMessage, Channel, Finding, Routes};
use crate::store::{Reader, StoreError, Writer};
use crate::vault::reference;
use email::Mailer;
pub use heartbeat::Heartbeat;
use slack::Slack;

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// After so many failures in a row to keep what was found it is told without the database.
const FAILURES_TOLD: u32 = 2;
/// Messages of a channel that are read at once.
const AT_ONCE: u32 = 50;
/// After so many tries a message is given up: about a day.
const TRIES_MAX: u32 = 150;
/// Seconds between tries, doubled each time, at most 2^this.
const DOUBLINGS_MAX: u32 = 9;
const TIMEOUT: Duration = Duration::from_secs(15);
/// A channel that wants to hear nothing is believed for so long: something critical may have come up.
const HELD_MAX: Duration = Duration::from_mins(10);

/// Why a channel cannot be used, or did not take a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    #[error("{key}: {reason}")]
    Configuration { key: &'static str, reason: String },
    /// Not before that.
    #[error("too many messages: again in {} s", .after.ms() / 1_000)]
    Throttled { after: DurationMs },
    #[error("refused: {reason}")]
    Refused { reason: String },
    #[error("does not answer: {reason}")]
    Unavailable { reason: String },
}

/// What is wrong with the machine, by word: told by whoever watches it.
pub type Troubles = Arc<dyn Fn() -> BTreeMap<String, String> + Send + Sync>;

/// The channels that are configured.
#[derive(Clone)]
pub struct Channels {
    slack: Option<Slack>,
    mailer: Option<Mailer>,
    routes: Routes,
}

impl Channels {
    /// Reads the secrets; files are looked for from `base`. All that is wrong is said at once.
    pub fn open(config: &AlertsConfig, base: &Path) -> Result<Self, Vec<ChannelError>> {
        let mut problems = Vec::new();
        let mut routes = Routes::new();
        let slack = Slack::open(config, base).unwrap_or_else(|error| {
            problems.push(error);
            None
        });
        let mailer = Mailer::open(config, base).unwrap_or_else(|error| {
            problems.push(error);
            None
        });
        if slack.is_some() {
            routes.insert(Channel::Slack, config.slack_severity);
        }
        if mailer.is_some() {
            routes.insert(Channel::Email, config.email_severity);
        }
        if problems.is_empty() { Ok(Self { slack, mailer, routes }) } else { Err(problems) }
    }

    /// Which are configured.
    pub fn known(&self) -> Vec<Channel> {
        self.routes.keys().copied().collect()
    }

    /// Sends a headline and a text.
    pub async fn send(&self, channel: Channel, headline: &str, text: &str) -> Result<(), ChannelError> {
        match channel {
            Channel::Slack => match &self.slack {
                Some(slack) => slack.send(&format!("*{headline}*\n{text}")).await,
                None => Ok(()),
            },
            Channel::Email => match &self.mailer {
                Some(mailer) => mailer.send(headline, text).await,
                None => Ok(()),
            },
        }
    }
}

/// A reference's secret; `None` where nothing is configured.
fn secret(
    key: &'static str,
    text: &str,
    base: &Path,
) -> Result<Option<crate::domain::secret::Secret>, ChannelError> {
    if text.is_empty() {
        return Ok(None);
    }
    reference::resolve(text, base).map(Some).map_err(|reason| ChannelError::Configuration { key, reason })
}

/// Looks for what is wrong, and has it told.
pub struct AlertDesk {
    channels: Channels,
    reader: Reader,
    writer: Writer,
    troubles: Troubles,
}

impl AlertDesk {
    pub fn new(channels: Channels, reader: Reader, writer: Writer, troubles: Troubles) -> Self {
        Self { channels, reader, writer, troubles }
    }

    /// Until it is dropped. A channel that hangs keeps nobody else waiting.
    pub async fn run(self) {
        tokio::join!(self.watch(), self.deliver_all(Channel::Slack), self.deliver_all(Channel::Email));
    }

    async fn watch(&self) {
        let mut failures = 0;
        loop {
            match self.look().await {
                Ok(()) => {
                    if failures >= FAILURES_TOLD {
                        self.tell_unrecorded("over", "alerts are kept and told as usual again").await;
                    }
                    failures = 0;
                }
                Err(error) => {
                    tracing::error!(%error, "alerts cannot be read or raised");
                    failures += 1;
                    if failures == FAILURES_TOLD {
                        self.tell_unrecorded("critical", &format!("alerts cannot be kept: {error}")).await;
                    }
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What the database cannot keep is told without it, by every channel, once: nothing can be noted of it.
    async fn tell_unrecorded(&self, state: &str, text: &str) {
        let headline = format!("tradefleet: the database does not answer ({state})");
        for channel in self.channels.known() {
            if let Err(error) = self.channels.send(channel, &headline, text).await {
                tracing::error!(%error, %channel, text, "nobody could be told");
            }
        }
    }

    /// Raises and clears what has changed.
    pub async fn look(&self) -> Result<(), StoreError> {
        let now = wall_now();
        let (mut found, open) = self
            .reader
            .read(move |store| Ok((alerts::survey(store.conn(), now)?, alerts::open(store.conn())?)))
            .await?;
        found.extend((self.troubles)().into_iter().map(|(word, detail)| Finding {
            key: format!("machine:{word}"),
            kind: word,
            severity: Severity::Critical,
            account: None,
            detail,
        }));
        let mut wrong: Vec<&str> = found.iter().map(|finding| finding.key.as_str()).collect();
        let mut known: Vec<&str> = open.iter().map(|alert| alert.finding.key.as_str()).collect();
        wrong.sort_unstable();
        known.sort_unstable();
        if wrong == known {
            return Ok(());
        }
        let routes = self.channels.routes.clone();
        self.writer.run(move |conn| alerts::reconcile(conn, &found, &routes, now)).await
    }

    async fn deliver_all(&self, channel: Channel) {
        if !self.channels.routes.contains_key(&channel) {
            return;
        }
        loop {
            let pause = self.deliver(channel).await.unwrap_or_else(|error| {
                tracing::error!(%error, %channel, "alerts cannot be read or noted");
                LOOK_EVERY
            });
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends what is due, and says after which time to look again.
    async fn deliver(&self, channel: Channel) -> Result<Duration, StoreError> {
        let waiting = self.reader.read(move |store| alerts::waiting(store.conn(), channel, AT_ONCE)).await?;
        for message in waiting {
            let now = wall_now();
            if message.not_before > now {
                continue;
            }
            let (headline, text) = words(&message);
            let sent = self.channels.send(channel, &headline, &text).await;
            let id = message.id;
            match sent {
                Ok(()) => self.writer.run(move |conn| alerts::sent(conn, id, wall_now())).await?,
                Err(error) => {
                    tracing::warn!(%error, %channel, "an alert was not delivered");
                    let again = again(&message, &error, now);
                    let reason = error.to_string();
                    self.writer.run(move |conn| alerts::failed(conn, id, &reason, again)).await?;
                    // Those behind it would meet the same.
                    return Ok(held(&error));
                }
            }
        }
        Ok(LOOK_EVERY)
    }
}

/// How long nothing is sent by a channel after this: what it cannot take now is not one message.
fn held(error: &ChannelError) -> Duration {
    match error {
        ChannelError::Throttled { after } => {
            let after = Duration::from_millis(u64::try_from(after.ms()).unwrap_or(0));
            after.clamp(LOOK_EVERY, HELD_MAX)
        }
        ChannelError::Configuration { .. }
        | ChannelError::Refused { .. }
        | ChannelError::Unavailable { .. } => LOOK_EVERY,
    }
}

/// When to try again; `None`: it is given up.
fn again(message: &AlertMessage, error: &ChannelError, now: Timestamp) -> Option<Timestamp> {
    if message.attempts + 1 >= TRIES_MAX {
        return None;
    }
    let wait = match error {
        ChannelError::Throttled { after } => *after,
        ChannelError::Configuration { .. }
        | ChannelError::Refused { .. }
        | ChannelError::Unavailable { .. } => {
            DurationMs::from_secs(1_i64 << message.attempts.min(DOUBLINGS_MAX))
        }
    };
    Some(now.plus(wait))
}

/// Headline and text of a message.
fn words(message: &AlertMessage) -> (String, String) {
    let finding = &message.alert.finding;
    let subject = message.account.as_ref().map_or_else(String::new, |account| format!(" {account}"));
    let state = if message.is_clear { "over" } else { finding.severity.as_str() };
    let headline = format!("tradefleet{subject}: {} ({state})", finding.kind);
    let since = crate::domain::calendar::minute(message.alert.raised_at);
    (headline, format!("{}\nsince {since} UTC", finding.detail))
}

#[cfg(test)]
mod tests;
