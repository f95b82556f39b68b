//! Calls on their way: admitted, signed, sent, and what the answer says taken in.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answers::{TimeAnswer, read};
use super::calls::{self, Auth, Call, ORDERS_1M, ORDERS_10S, WEIGHT};
use super::errors::{Failure, failure};
use super::sign::Signer;
use crate::domain::time::Timestamp;
use crate::exchange::error::ExchangeError;
use crate::exchange::governor::Usage;
use crate::exchange::line::{Line, Tries};
use crate::exchange::wire::{Access, Bucket, HttpAnswer, HttpRequest};

/// What answers tell of the limits, by header.
const USAGE_HEADERS: [(&str, Bucket); 3] = [
    ("x-mbx-used-weight-1m", WEIGHT),
    ("x-mbx-order-count-10s", ORDERS_10S),
    ("x-mbx-order-count-1m", ORDERS_1M),
];

/// The time a request is signed with, by our clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// When it leaves.
    Now,
    /// When it was decided, however long it waits; it does not leave after the deadline.
    Decided { at: Timestamp, deadline: Timestamp },
}

impl Stamp {
    fn is_over(self, now: Timestamp) -> bool {
        match self {
            Self::Now => false,
            Self::Decided { deadline, .. } => deadline < now,
        }
    }
}

/// One account's way to the exchange, or with no signer that of the market's questions.
#[derive(Clone)]
pub struct Rest {
    line: Line,
    signer: Option<Signer>,
}

impl Rest {
    pub const fn new(line: Line, signer: Option<Signer>) -> Self {
        Self { line, signer }
    }

    pub const fn line(&self) -> &Line {
        &self.line
    }

    /// Our time.
    pub fn now(&self) -> Timestamp {
        self.line.clock().local_now()
    }

    /// Calls, and reads the answer.
    pub async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failure> {
        self.ask_stamped(call, Stamp::Now).await
    }

    /// Calls with a given stamp, and reads the answer.
    pub async fn ask_stamped<T: DeserializeOwned>(&self, call: Call, stamp: Stamp) -> Result<T, Failure> {
        let access = call.access;
        let body = self.call(call, stamp).await?.body;
        read(&body).map_err(|error| Failure::of(unreadable(access, error.to_string())))
    }

    /// Calls. What was refused because of the clock is sent once more by the right one, if it is still time
    /// by that.
    pub async fn call(&self, call: Call, stamp: Stamp) -> Result<HttpAnswer, Failure> {
        let mut tries = Tries::default();
        loop {
            match self.call_by_the_clock(call.clone(), stamp).await {
                Err(failed) if self.line.asks_again(&mut tries, call.access, &failed.error).await => {}
                outcome => return outcome,
            }
        }
    }

    async fn call_by_the_clock(&self, call: Call, stamp: Stamp) -> Result<HttpAnswer, Failure> {
        match self.call_once(call.clone(), stamp).await {
            Err(refused) if refused.is_of_clock() => {
                let clock = self.line.clock();
                let before = clock.measured_offset();
                self.sync_clock().await?;
                if stamp.is_over(self.now().plus(clock.stood_still_since(before))) {
                    return Err(too_late().into());
                }
                self.call_once(call, stamp).await
            }
            other => other,
        }
    }

    /// Learns the exchange's time.
    pub async fn sync_clock(&self) -> Result<Timestamp, Failure> {
        let mut tries = Tries::default();
        loop {
            let sent_at = self.now();
            match self.call_once(calls::server_time(), Stamp::Now).await {
                Ok(answer) => {
                    let told: TimeAnswer = read(&answer.body).map_err(ExchangeError::from)?;
                    self.line.clock().learn(sent_at, self.now(), told.server_time.0);
                    return Ok(told.server_time.0);
                }
                Err(failed) if self.line.asks_again(&mut tries, Access::Read, &failed.error).await => {}
                Err(failed) => return Err(failed),
            }
        }
    }

    async fn call_once(&self, call: Call, stamp: Stamp) -> Result<HttpAnswer, Failure> {
        let (access, clock) = (call.access, self.line.clock());
        let deadline = match stamp {
            Stamp::Now => None,
            Stamp::Decided { deadline, .. } => Some(deadline),
        };
        self.line.admit(call.lane, &call.charges, deadline).await?;
        let now = clock.local_now();
        if stamp.is_over(now) {
            return Err(too_late().into());
        }
        let signed_at = match stamp {
            Stamp::Now => now,
            Stamp::Decided { at, .. } => at,
        };
        let request = self.signed(call, clock.to_server(signed_at))?;
        let answer = self.line.send(&request, access).await?;
        self.observe(&answer);
        if answer.is_success() {
            return Ok(answer);
        }
        Err(self.take_in(failure(&answer, access, clock.now())))
    }

    fn signed(&self, call: Call, signed_at: Timestamp) -> Result<HttpRequest, ExchangeError> {
        match &self.signer {
            Some(signer) => Ok(signer.request(call, signed_at)),
            None if call.auth == Auth::Open => Ok(call.into_request()),
            None => Err(ExchangeError::Unauthorized { reason: "there is no key here".to_owned() }),
        }
    }

    fn observe(&self, answer: &HttpAnswer) {
        let told = USAGE_HEADERS.into_iter().filter_map(|(header, bucket)| {
            let amount = answer.header(header)?.parse().ok()?;
            Some(Usage::Used { bucket, amount })
        });
        let told: Vec<Usage> = told.collect();
        self.line.observe(&told);
    }

    /// Obeys what a failure asks for, and tells its time by our clock.
    pub fn take_in(&self, mut failure: Failure) -> Failure {
        if let ExchangeError::Throttled { until } = &mut failure.error {
            *until = self.line.clock().from_server(*until);
            if let Some((scope, cause)) = failure.pause {
                self.line.block(scope, *until, cause);
            }
        }
        failure
    }
}

/// An answer that cannot be read leaves open what became of a write.
pub fn unreadable(access: Access, reason: String) -> ExchangeError {
    match access {
        Access::Read => ExchangeError::Malformed { reason },
        Access::Write => ExchangeError::Unknown { reason },
    }
}

/// What is not sent because it was decided too long ago.
pub fn too_late() -> ExchangeError {
    ExchangeError::Unavailable { reason: "decided too long ago to be sent".to_owned() }
}

/// An answer of which nothing but that it is JSON matters.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Done {}

impl From<Failure> for ExchangeError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}
