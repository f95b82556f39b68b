//! The line to an exchange: one account's way there, or that of the market's questions.
//!
//! A call is admitted, then signed with the time of [`ServerClock::now`], then sent; what its answer says of the
//! limits is observed.

use std::sync::Arc;

use super::error::ExchangeError;
use super::governor::{BlockCause, Governor, Usage};
use super::http::HttpClient;
use super::server_clock::ServerClock;
use super::wire::{Access, Charge, HttpAnswer, HttpRequest, Lane, LimitScope};
use crate::domain::ids::AccountId;
use crate::domain::time::{DurationMs, Timestamp};

/// How long a call without a deadline of its own may wait for its turn.
const PATIENCE: DurationMs = DurationMs::from_secs(10);
/// How often a question is sent at most, and the first pause between two times; doubles with each further one.
const SENDS_MAX: u32 = 4;
const SEND_AGAIN_AFTER: DurationMs = DurationMs::from_ms(100);

/// How often a call has been made in vain.
#[derive(Debug, Default)]
pub struct Tries(u32);

/// HTTP, limits and clock together. Clones are the same line.
#[derive(Clone)]
pub struct Line {
    http: HttpClient,
    governor: Arc<Governor>,
    clock: Arc<ServerClock>,
    account: Option<AccountId>,
}

impl Line {
    /// `account` is `None` for questions about the market.
    pub fn new(
        http: HttpClient,
        governor: Arc<Governor>,
        clock: Arc<ServerClock>,
        account: Option<AccountId>,
    ) -> Self {
        Self { http, governor, clock, account }
    }

    pub fn clock(&self) -> &ServerClock {
        &self.clock
    }

    pub fn http(&self) -> &HttpClient {
        &self.http
    }

    pub fn governor(&self) -> &Arc<Governor> {
        &self.governor
    }

    pub fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// Waits until the exchange's limits allow the call, at the latest until `deadline` (by our clock); without one
    /// for 10 s.
    pub async fn admit(
        &self,
        lane: Lane,
        charges: &[Charge],
        deadline: Option<Timestamp>,
    ) -> Result<(), ExchangeError> {
        let deadline = deadline.unwrap_or_else(|| self.clock.local_now().plus(PATIENCE));
        self.governor.admit(self.account, lane, charges, deadline).await
    }

    /// Sends what was admitted.
    pub async fn send(&self, request: &HttpRequest, access: Access) -> Result<HttpAnswer, ExchangeError> {
        self.http.send(request, access).await
    }

    /// Whether a call that failed is to be made again; waits before it. Only questions are, and only where no answer
    /// came: many calls make up what an account wants to know, and one that is lost should not cost all of them.
    pub async fn asks_again(&self, tries: &mut Tries, access: Access, error: &ExchangeError) -> bool {
        let is_unanswered = matches!(error, ExchangeError::Unavailable { .. });
        if access == Access::Write || !is_unanswered || tries.0 + 1 >= SENDS_MAX {
            return false;
        }
        self.clock.sleep().sleep(SEND_AGAIN_AFTER.times(1 << tries.0)).await;
        tries.0 += 1;
        true
    }

    /// Takes in what an answer says of the limits.
    pub fn observe(&self, usage: &[Usage]) {
        self.governor.observe(self.account, usage);
    }

    /// The exchange told us to stop until then (by our clock).
    pub fn block(&self, scope: LimitScope, until: Timestamp, cause: BlockCause) {
        self.governor.block(scope, self.account, until, cause);
    }
}

#[cfg(test)]
mod tests;
