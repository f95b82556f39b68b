//! Where Telegram is, and what its bots speak.

use super::keys::{one, quoted, within};
use crate::domain::time::DurationMs;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelegramConfig {
    /// Without a slash at the end.
    pub api_url: String,
    /// `en` or `ko`, of accounts that have none of their own.
    pub language: String,
    /// How long Telegram may hold a question for updates open.
    pub poll: DurationMs,
}

impl Default for TelegramConfig {
    fn default() -> Self {
        Self {
            api_url: "https://api.telegram.org".to_owned(),
            language: "en".to_owned(),
            poll: DurationMs::from_secs(25),
        }
    }
}

impl TelegramConfig {
    pub(super) fn set(&mut self, key: &str, values: &[&str]) -> Option<()> {
        match key {
            "telegram.api_url" => {
                let url: String = one(values)?;
                let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
                if host.is_empty() || host.contains(['?', '#', ' ', '@']) {
                    return None;
                }
                url.trim_end_matches('/').clone_into(&mut self.api_url);
            }
            "telegram.language" => {
                self.language = one::<String>(values).filter(|word| matches!(word.as_str(), "en" | "ko"))?;
            }
            "telegram.poll_seconds" => self.poll = DurationMs::from_secs(within(values, 1..=50)?),
            _ => return None,
        }
        Some(())
    }

    pub(super) fn get(&self, key: &str) -> Option<String> {
        Some(match key {
            "telegram.api_url" => quoted(&self.api_url),
            "telegram.language" => quoted(&self.language),
            "telegram.poll_seconds" => (self.poll.ms() / 1_000).to_string(),
            _ => return None,
        })
    }
}
