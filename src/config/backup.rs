//! `[backup]`: the copies that the daemon makes by itself.

use std::path::PathBuf;

use super::keys::{optional, or_empty, quoted_list, within};
use crate::domain::time::DurationMs;

const DAY: DurationMs = DurationMs::from_secs(86_400);
const HOUR: DurationMs = DurationMs::from_secs(3_600);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupConfig {
    /// `None`: the daemon makes none.
    pub dir: Option<PathBuf>,
    pub every: DurationMs,
    /// The newest so many are kept.
    pub keep: u32,
    /// None older than this; `None`: whatever their age.
    pub keep_age: Option<DurationMs>,
    /// age public keys; none: not encrypted.
    pub recipients: Vec<String>,
}

impl Default for BackupConfig {
    fn default() -> Self {
        Self { dir: None, every: HOUR.times(24), keep: 14, keep_age: None, recipients: Vec::new() }
    }
}

impl BackupConfig {
    pub(super) fn set(&mut self, key: &str, values: &[&str]) -> Option<()> {
        match key {
            "backup.dir" => optional(values, &mut self.dir)?,
            "backup.every_hours" => self.every = HOUR.times(within(values, 1..=720)?),
            "backup.keep" => self.keep = within(values, 1..=10_000)?,
            "backup.keep_days" => {
                let days: i64 = within(values, 0..=3_650)?;
                self.keep_age = (days > 0).then(|| DAY.times(days));
            }
            "backup.recipients" => {
                let is_recipient = |text: &&str| text.starts_with("age1") && text.len() > 4;
                self.recipients = values
                    .iter()
                    .map(|text| Some(*text).filter(is_recipient).map(str::to_owned))
                    .collect::<Option<_>>()?;
            }
            _ => return None,
        }
        Some(())
    }

    pub(super) fn get(&self, key: &str) -> Option<String> {
        Some(match key {
            "backup.dir" => or_empty(self.dir.as_ref().map(|dir| dir.display())),
            "backup.every_hours" => (self.every.ms() / HOUR.ms()).to_string(),
            "backup.keep" => self.keep.to_string(),
            "backup.keep_days" => self.keep_age.map_or(0, |age| age.ms() / DAY.ms()).to_string(),
            "backup.recipients" => quoted_list(&self.recipients),
            _ => return None,
        })
    }
}
