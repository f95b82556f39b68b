//! What the channels are told while the database takes nothing: a full disk must not keep its own alarm quiet.
//!
//! Kept in memory only; once the database takes alerts again, it is told what was told already.

use std::collections::BTreeMap;

use super::{Channels, headline};
use crate::clock::wall_now;
use crate::domain::calendar::minute;
use crate::store::alerts::{Channel, Finding};

/// What was told of the machine: which finding, by which channel.
#[derive(Debug, Default)]
pub(super) struct PastTheDatabase {
    told: BTreeMap<(String, Channel), Finding>,
}

impl PastTheDatabase {
    pub(super) fn keys(&self) -> Vec<(String, Channel)> {
        self.told.keys().cloned().collect()
    }

    /// Tells what is new. A channel that does not take it now is tried again with the next look.
    pub(super) async fn tell(&mut self, found: &[Finding], channels: &Channels) {
        self.tell_what_is_over(found, channels).await;
        for finding in found {
            for channel in channels.routed(finding.severity) {
                let key = (finding.key.clone(), channel);
                if !self.told.contains_key(&key) && send(channels, channel, finding, false).await {
                    self.told.insert(key, finding.clone());
                }
            }
        }
    }

    /// The database has it all now: what is still wrong is its business from here on, what is over was never in it.
    pub(super) async fn is_in_the_database(&mut self, found: &[Finding], channels: &Channels) {
        self.tell_what_is_over(found, channels).await;
        self.told.retain(|(key, _), _| found.iter().all(|finding| finding.key != *key));
    }

    /// An end that a channel does not take is told with the next look.
    async fn tell_what_is_over(&mut self, found: &[Finding], channels: &Channels) {
        let is_over = |key: &str| found.iter().all(|finding| finding.key != key);
        let over = self.told.iter().filter(|((key, _), _)| is_over(key));
        let over: Vec<_> = over.map(|(key, finding)| (key.clone(), finding.clone())).collect();
        for (key, finding) in over {
            if send(channels, key.1, &finding, true).await {
                self.told.remove(&key);
            }
        }
    }
}

/// True when the channel took it.
async fn send(channels: &Channels, channel: Channel, finding: &Finding, is_clear: bool) -> bool {
    let text = format!("{}\n{} UTC; the database took nothing", finding.detail, minute(wall_now()));
    let sent = channels.send(channel, &headline(finding, None, is_clear), &text).await;
    if let Err(error) = &sent {
        tracing::warn!(%error, %channel, "an alert was not delivered");
    }
    sent.is_ok()
}
