//! Calls over the line: admitted, signed, sent, read, and what a refusal says of the clocks and the limits taken in.

use serde::de::DeserializeOwned;

use super::calls::Call;
use super::endpoints::{ADDRESS, ADDRESS_PER_MINUTE, ENDPOINTS};
use super::errors;
use super::sign::{Signer, unsigned};
use crate::domain::time::{DurationMs, Timestamp};
use crate::exchange::error::ExchangeError;
use crate::exchange::governor::{BlockCause, Limit};
use crate::exchange::line::{Line, Tries};
use crate::exchange::wire::{HttpAnswer, LimitScope};

/// % of each limit that only what protects a position may use.
const RESERVE_PCT: u8 = 20;

/// The exchange's limits, for the governor of an egress.
pub fn limits() -> Vec<Limit> {
    let minute = DurationMs::from_secs(60);
    let address =
        Limit { bucket: ADDRESS, amount: ADDRESS_PER_MINUTE, window: minute, reserve_pct: RESERVE_PCT };
    let endpoints = ENDPOINTS.into_iter().map(|endpoint| Limit {
        bucket: endpoint.bucket(),
        amount: endpoint.per_second,
        window: DurationMs::from_secs(1),
        reserve_pct: RESERVE_PCT,
    });
    [address].into_iter().chain(endpoints).collect()
}

/// Up to when a call may leave, and the time that it is stamped with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// By our clock.
    pub(super) decided_at: Timestamp,
    pub(super) deadline: Timestamp,
}

/// A line, and the signer of the account it is for.
pub(super) struct Rest {
    line: Line,
    signer: Option<Signer>,
}

impl Rest {
    /// Questions about the market, which everybody may ask.
    pub(super) const fn public(line: Line) -> Self {
        Self { line, signer: None }
    }

    pub(super) const fn private(line: Line, signer: Signer) -> Self {
        Self { line, signer: Some(signer) }
    }

    pub(super) const fn line(&self) -> &Line {
        &self.line
    }

    /// Makes a call, stamped when it leaves.
    pub(super) async fn ask<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ExchangeError> {
        self.ask_timed(call).await.map(|(answer, _)| answer)
    }

    /// The same, with the exchange's time when it got the request.
    pub(super) async fn ask_timed<T: DeserializeOwned>(
        &self,
        call: &Call,
    ) -> Result<(T, Timestamp), ExchangeError> {
        let mut tries = Tries::default();
        loop {
            match self.ask_once(call).await {
                Err(error) if self.line.asks_again(&mut tries, call.access(), &error).await => {}
                outcome => return outcome,
            }
        }
    }

    async fn ask_once<T: DeserializeOwned>(&self, call: &Call) -> Result<(T, Timestamp), ExchangeError> {
        self.line.admit(call.lane, &call.charges(), None).await?;
        let answer = self.send(call, self.line.clock().local_now(), None).await?;
        let told_at = errors::time_told(&answer).unwrap_or_else(|| self.line.clock().now());
        Ok((self.read(call, &answer)?, told_at))
    }

    /// Makes a call that was decided at a time and must not leave long after it.
    pub(super) async fn ask_in_time<T: DeserializeOwned>(
        &self,
        call: &Call,
        moment: Moment,
    ) -> Result<T, ExchangeError> {
        self.check_time(moment)?;
        self.line.admit(call.lane, &call.charges(), Some(moment.deadline)).await?;
        self.check_time(moment)?;
        let answer = self.send(call, moment.decided_at, Some(moment.deadline)).await?;
        self.read(call, &answer)
    }

    fn check_time(&self, moment: Moment) -> Result<(), ExchangeError> {
        if self.line.clock().local_now() > moment.deadline {
            return Err(too_late());
        }
        Ok(())
    }

    /// Sends what was admitted. `stamp` is by our clock; a stamp that the exchange does not take says that the clocks
    /// differ, and is made anew once.
    async fn send(
        &self,
        call: &Call,
        stamp: Timestamp,
        deadline: Option<Timestamp>,
    ) -> Result<HttpAnswer, ExchangeError> {
        let clock = self.line.clock();
        let (sent_at, before) = (clock.local_now(), clock.measured_offset());
        let answer = self.exchange(call, stamp).await?;
        let server_time = errors::time_told(&answer).filter(|_| errors::is_stamp_refused(&answer));
        let Some(server_time) = server_time else { return Ok(answer) };
        clock.learn(sent_at, clock.local_now(), server_time);
        let now = clock.local_now().plus(clock.stood_still_since(before));
        if deadline.is_some_and(|deadline| now > deadline) {
            return Err(too_late());
        }
        self.line.admit(call.lane, &call.charges(), deadline).await?;
        self.exchange(call, stamp).await
    }

    fn read<T: DeserializeOwned>(&self, call: &Call, answer: &HttpAnswer) -> Result<T, ExchangeError> {
        let outcome = errors::read(answer, call.access(), self.line.clock().local_now());
        if let Err(ExchangeError::Throttled { until }) = outcome {
            // A limit of the address is not told apart; one that names a time is a ban of it.
            let (scope, cause) = match answer.header("retry-after") {
                Some(_) => (LimitScope::Address, BlockCause::Banned),
                None => (call.endpoint.scope, BlockCause::TooMany),
            };
            self.line.block(scope, until, cause);
        }
        outcome
    }

    async fn exchange(&self, call: &Call, stamp: Timestamp) -> Result<HttpAnswer, ExchangeError> {
        let signer = self.signer.as_ref().filter(|_| call.is_private());
        let request = match signer {
            Some(signer) => signer.signed(call, self.line.clock().to_server(stamp)),
            None => unsigned(call),
        };
        self.line.send(&request, call.access()).await
    }
}

/// What is not sent because it was decided too long ago.
fn too_late() -> ExchangeError {
    ExchangeError::Unavailable { reason: "it was decided too long ago to be sent".to_owned() }
}
