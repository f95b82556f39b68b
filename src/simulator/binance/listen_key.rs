//! Keys of user streams: one an account, good for 60 minutes of exchange time after each sign of life.

use std::collections::BTreeMap;

use serde_json::json;
use uuid::Uuid;

use super::error::Error;
use super::{Call, Reply};
use crate::domain::time::{DurationMs, Timestamp};
use crate::simulator::event::AccountIndex;
use crate::simulator::lock::lock;

const VALID: DurationMs = DurationMs::from_secs(3_600);

#[derive(Debug, Default)]
pub(super) struct ListenKeys(BTreeMap<String, (AccountIndex, Timestamp)>);

impl ListenKeys {
    pub(super) fn account(&self, key: &str) -> Option<AccountIndex> {
        self.0.get(key).map(|(account, _)| *account)
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        self.0.retain(|_, (_, until)| *until > now);
    }

    /// The account's key, made when there is none; extended either way.
    fn create(&mut self, account: AccountIndex, now: Timestamp) -> String {
        if let Some(key) = self.extend(account, now) {
            return key;
        }
        let key = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        self.0.insert(key.clone(), (account, now.plus(VALID)));
        key
    }

    fn extend(&mut self, account: AccountIndex, now: Timestamp) -> Option<String> {
        let (key, (_, until)) = self.0.iter_mut().find(|(_, (owner, _))| *owner == account)?;
        *until = now.plus(VALID);
        Some(key.clone())
    }
}

pub(super) fn create(call: &Call<'_>) -> Reply {
    let key = lock(&call.state.listen_keys).create(call.account, call.venue.now());
    Ok(json!({ "listenKey": key }))
}

pub(super) fn keep_alive(call: &Call<'_>) -> Reply {
    let extended = lock(&call.state.listen_keys).extend(call.account, call.venue.now());
    let key = extended.ok_or_else(|| Error::new(-1125, "This listenKey does not exist."))?;
    Ok(json!({ "listenKey": key }))
}

pub(super) fn close(call: &Call<'_>) -> Reply {
    lock(&call.state.listen_keys).0.retain(|_, (owner, _)| *owner != call.account);
    Ok(json!({}))
}
