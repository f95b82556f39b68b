//! Where alerts go beside the accounts' chats, and the sign of life that somebody else watches.

use super::keys::{one, quoted, quoted_list, within};
use crate::domain::time::DurationMs;
use crate::engine::turn::Severity;

/// How the connection to the mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// Not at all: for a server on this machine.
    None,
    StartTls,
    Tls,
}

impl MailTls {
    const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::StartTls => "starttls",
            Self::Tls => "tls",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertsConfig {
    /// `env:NAME` or `file:PATH`; empty: no Slack.
    pub slack_webhook: String,
    pub slack_severity: Severity,
    /// Empty: no e-mail.
    pub smtp_host: String,
    pub smtp_port: u16,
    pub smtp_tls: MailTls,
    /// Empty: the server asks for no name.
    pub smtp_user: String,
    /// `env:NAME` or `file:PATH`.
    pub smtp_password: String,
    pub email_from: String,
    pub email_to: Vec<String>,
    pub email_severity: Severity,
    /// `env:NAME`, `file:PATH` or the address itself; empty: none.
    pub heartbeat_url: String,
    pub heartbeat_every: DurationMs,
}

impl Default for AlertsConfig {
    fn default() -> Self {
        Self {
            slack_webhook: String::new(),
            slack_severity: Severity::Warning,
            smtp_host: String::new(),
            smtp_port: 587,
            smtp_tls: MailTls::StartTls,
            smtp_user: String::new(),
            smtp_password: String::new(),
            email_from: String::new(),
            email_to: Vec::new(),
            email_severity: Severity::Critical,
            heartbeat_url: String::new(),
            heartbeat_every: DurationMs::from_secs(60),
        }
    }
}

fn is_reference(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix("env:")
            .or_else(|| text.strip_prefix("file:"))
            .is_some_and(|name| !name.is_empty())
}

fn reference(values: &[&str]) -> Option<String> {
    one::<String>(values).filter(|text| is_reference(text))
}

fn severity(values: &[&str]) -> Option<Severity> {
    Severity::from_word(&one::<String>(values)?)
}

fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
}

impl AlertsConfig {
    /// What is missing of what is set in part.
    pub(super) fn problem(&self) -> Option<String> {
        if self.smtp_host.is_empty() {
            return None;
        }
        if self.email_to.is_empty() || self.email_from.is_empty() {
            return Some(
                "alerts.smtp_host is set: alerts.email_from and alerts.email_to are needed too".to_owned(),
            );
        }
        (self.smtp_user.is_empty() != self.smtp_password.is_empty())
            .then(|| "alerts.smtp_user and alerts.smtp_password belong together".to_owned())
    }

    pub(super) fn set(&mut self, key: &str, values: &[&str]) -> Option<()> {
        match key {
            "alerts.slack_webhook" => self.slack_webhook = reference(values)?,
            "alerts.slack_severity" => self.slack_severity = severity(values)?,
            "alerts.smtp_host" => {
                self.smtp_host = one::<String>(values).filter(|host| !host.contains([':', '/', ' ']))?;
            }
            "alerts.smtp_port" => self.smtp_port = within(values, 1..=u16::MAX)?,
            "alerts.smtp_tls" => {
                self.smtp_tls = match values {
                    ["none"] => MailTls::None,
                    ["starttls"] => MailTls::StartTls,
                    ["tls"] => MailTls::Tls,
                    _ => return None,
                }
            }
            "alerts.smtp_user" => self.smtp_user = one(values)?,
            "alerts.smtp_password" => self.smtp_password = reference(values)?,
            "alerts.email_from" => {
                self.email_from = one::<String>(values).filter(|text| text.is_empty() || is_address(text))?;
            }
            "alerts.email_to" => {
                let all = values.iter().all(|value| is_address(value));
                self.email_to = all.then(|| values.iter().map(|value| (*value).to_owned()).collect())?;
            }
            "alerts.email_severity" => self.email_severity = severity(values)?,
            "alerts.heartbeat_url" => {
                let known = |text: &String| {
                    is_reference(text) || text.starts_with("https://") || text.starts_with("http://")
                };
                self.heartbeat_url = one::<String>(values).filter(known)?;
            }
            "alerts.heartbeat_seconds" => {
                self.heartbeat_every = DurationMs::from_secs(within(values, 5..=86_400)?);
            }
            _ => return None,
        }
        Some(())
    }

    pub(super) fn get(&self, key: &str) -> Option<String> {
        Some(match key {
            "alerts.slack_webhook" => quoted(&self.slack_webhook),
            "alerts.slack_severity" => quoted(self.slack_severity),
            "alerts.smtp_host" => quoted(&self.smtp_host),
            "alerts.smtp_port" => self.smtp_port.to_string(),
            "alerts.smtp_tls" => quoted(self.smtp_tls.as_str()),
            "alerts.smtp_user" => quoted(&self.smtp_user),
            "alerts.smtp_password" => quoted(&self.smtp_password),
            "alerts.email_from" => quoted(&self.email_from),
            "alerts.email_to" => quoted_list(&self.email_to),
            "alerts.email_severity" => quoted(self.email_severity),
            "alerts.heartbeat_url" => quoted(&self.heartbeat_url),
            "alerts.heartbeat_seconds" => (self.heartbeat_every.ms() / 1_000).to_string(),
            _ => return None,
        })
    }
}
