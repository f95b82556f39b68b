//! Calls over the line: admitted, signed, sent, read, and what the answer says of the limits taken in.

use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::calls::{Call, LIMITS};
use super::errors;
use super::sign::{self, Keys};
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::error::ExchangeError;
use crate::exchange::governor::{BlockCause, Limit, Usage};
use crate::exchange::line::{Line, Tries};
use crate::exchange::wire::{HttpAnswer, LimitScope};

/// % of each limit that only what protects a position may use.
const RESERVE_PCT: u8 = 20;

/// The exchange's limits, for the governor of an egress.
pub fn limits() -> Vec<Limit> {
    let window = DurationMs::from_secs(1);
    let limit = |(bucket, amount)| Limit { bucket, amount, window, reserve_pct: RESERVE_PCT };
    LIMITS.into_iter().map(limit).collect()
}

/// A line, and the keys of the account it is for.
pub(super) struct Rest {
    line: Line,
    keys: Option<Keys>,
}

impl Rest {
    /// Questions about the market, which everybody may ask.
    pub(super) const fn public(line: Line) -> Self {
        Self { line, keys: None }
    }

    pub(super) const fn private(line: Line, keys: Keys) -> Self {
        Self { line, keys: Some(keys) }
    }

    pub(super) const fn line(&self) -> &Line {
        &self.line
    }

    /// Whether the account's key goes by this name.
    pub(super) fn is_signed_with(&self, access_key: &str) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.access_key.expose() == access_key)
    }

    pub(super) async fn ask<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ExchangeError> {
        let mut tries = Tries::default();
        loop {
            match self.ask_until(call, None).await {
                Err(error) if self.line.asks_again(&mut tries, call.access, &error).await => {}
                outcome => return outcome,
            }
        }
    }

    /// Makes the call unless its turn comes after `deadline`. Each call is signed anew: a token is good for one.
    pub(super) async fn ask_until<T: DeserializeOwned>(
        &self,
        call: &Call,
        deadline: Option<Timestamp>,
    ) -> Result<T, ExchangeError> {
        self.line.admit(call.lane, &call.charges(), deadline).await?;
        let keys = self.keys.as_ref().filter(|_| call.is_private());
        let nonce = Uuid::new_v4().to_string();
        let authorization = keys.map(|keys| sign::authorization(keys, &nonce, &call.params));
        let answer = self.line.send(&call.request(authorization), call.access).await?;
        self.take_in_limits(call, &answer);
        let outcome = errors::read(&answer, call.access, self.line.clock().local_now());
        if let Err(ExchangeError::Throttled { until }) = outcome {
            self.stop(call, &answer, until);
        }
        outcome
    }

    fn take_in_limits(&self, call: &Call, answer: &HttpAnswer) {
        let left = answer.header("remaining-req").and_then(left_this_second);
        if let Some(amount) = left.filter(|_| answer.is_success()) {
            self.line.observe(&[Usage::Remaining { bucket: call.bucket, amount }]);
        }
    }

    /// A ban is one of the address, whatever was asked for; too many requests are a matter of their group.
    fn stop(&self, call: &Call, answer: &HttpAnswer, until: Timestamp) {
        let (scope, cause) = match answer.status {
            418 => (LimitScope::Address, BlockCause::Banned),
            _ => (call.bucket.scope, BlockCause::TooMany),
        };
        self.line.block(scope, until, cause);
    }
}

/// `group=default; min=1800; sec=29`: what is left of the group's second. The minute's number means nothing.
fn left_this_second(header: &str) -> Option<u32> {
    let value = header.split(';').find_map(|part| part.trim().strip_prefix("sec="))?;
    value.parse().ok()
}
