//! Takes answers to their chats: texts and charts each by themselves, each kind in the order of its chat. What does not
//! get through is tried again; what Telegram refuses for good is given up, and kept to be seen.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::api::{Api, ApiError};
use super::desk::Desk;
use super::pace::Paces;
use super::poller::Shared;
use crate::clock::wall_now;
use crate::domain::time::DurationMs;
use crate::store::StoreError;
use crate::store::telegram_replies::{self, ReplyKind, ReplyRow};

/// Looks by itself so often: for what was written before a restart, and what has to be tried again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Replies that are read at once.
const REPLIES_AT_ONCE: u32 = 50;
/// A reply that Telegram refuses is given up after so many tries, and a chart after so many of any kind.
const TRIES_MAX: u32 = 3;
/// Seconds, doubled with each try, up to 2^6.
const DOUBLINGS_MAX: u32 = 6;

pub(super) struct Courier {
    pub(super) api: Api,
    pub(super) shared: Shared,
    pub(super) desk: Arc<Mutex<Desk>>,
    pub(super) kind: ReplyKind,
    /// Shared with the other courier of the bot.
    pub(super) paces: Arc<Paces>,
    /// Something was written.
    pub(super) news: Arc<Notify>,
}

impl Courier {
    /// Until it is dropped.
    pub(super) async fn run(self) {
        loop {
            if let Err(error) = self.deliver().await {
                tracing::error!(%error, "Telegram: answers cannot be read or noted");
            }
            // Either wakes it; there is nothing to tell them apart for.
            let _woken = tokio::time::timeout(LOOK_EVERY, self.news.notified()).await;
        }
    }

    async fn deliver(&self) -> Result<(), StoreError> {
        let members = self.desk.lock().unwrap_or_else(PoisonError::into_inner).members.clone();
        for member in members {
            let (account, kind) = (member.account, self.kind);
            let waiting = self
                .shared
                .reader
                .read(move |store| telegram_replies::pending(store.conn(), account, kind, REPLIES_AT_ONCE))
                .await?;
            for reply in waiting {
                // Those behind it keep their order.
                let may_go = reply.not_before <= wall_now() && self.paces.may_send(reply.chat_id, wall_now());
                if !may_go || !self.send(&reply).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// False when it has to be tried again later.
    async fn send(&self, reply: &ReplyRow) -> Result<bool, StoreError> {
        let outcome = match self.kind {
            ReplyKind::Text => self.api.send(reply.chat_id, &body(reply)?).await,
            ReplyKind::Chart => self.api.send_chart(reply.chat_id, &body(reply)?).await,
        };
        let (id, now) = (reply.id, wall_now());
        let Err(error) = outcome else {
            self.shared.writer.run(move |conn| telegram_replies::sent(conn, id, now)).await?;
            return Ok(true);
        };
        tracing::warn!(%error, reply = id, kind = %self.kind, "Telegram: an answer was not sent");
        let again = self.wait(reply, &error).map(|wait| now.plus(wait));
        let reason = error.to_string();
        self.shared.writer.run(move |conn| telegram_replies::failed(conn, id, &reason, again)).await?;
        Ok(again.is_none())
    }

    /// How long to wait with the next try; `None`: it is given up.
    fn wait(&self, reply: &ReplyRow, error: &ApiError) -> Option<DurationMs> {
        let is_last = reply.attempts + 1 >= TRIES_MAX;
        match error {
            ApiError::Throttled { after } => Some(*after),
            ApiError::Refused { .. } if is_last => None,
            _ if is_last && self.kind == ReplyKind::Chart => None,
            ApiError::Refused { .. }
            | ApiError::Unavailable { .. }
            | ApiError::Unauthorized
            | ApiError::Conflict => Some(DurationMs::from_secs(1_i64 << reply.attempts.min(DOUBLINGS_MAX))),
        }
    }
}

fn body<T: DeserializeOwned>(reply: &ReplyRow) -> Result<T, StoreError> {
    serde_json::from_value(reply.body.clone())
        .map_err(|error| StoreError::corrupt(format!("telegram_replies: {error}")))
}
