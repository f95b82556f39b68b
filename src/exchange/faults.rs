//! Faults on demand: an exchange that is late, fails, loses answers, hangs or panics, so that an operator can see
//! on a paper account what the daemon does about it.
//!
//! Whether a call fails follows from the account and the number of the call alone. The number is part of the
//! snapshot, so that a restart goes on in the same sequence and a run can be repeated.

use std::future::pending;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use super::capabilities::Capabilities;
use super::error::ExchangeError;
use super::paper::{BadPaperState, Instruments, PaperExchange};
use super::report::{
    Accepted, AccountProfile, Balance, ExchangeEvent, FillSweep, FundingPayment, OpenOrders, OrderReport,
    PositionReport, ReportedFill, Scope, SymbolTerms,
};
use super::splitmix::{GOLDEN, mix};
use super::wire::Lane;
use super::{Answer, BoxFuture, Exchange, Sleep};
use crate::domain::ids::{AccountId, ClientOrderId};
use crate::domain::instrument::Symbol;
use crate::domain::market::MarketStep;
use crate::domain::money::Pct;
use crate::domain::order::Order;
use crate::domain::time::{DurationMs, Timestamp};
use crate::matching::book::Book;
use crate::matching::config::BookConfig;

/// What goes wrong, and how often. The default is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PaperFaults {
    /// Added before each call.
    pub latency_ms: u32,
    /// 0..=100: % of the calls that fail before they reach the exchange ([`ExchangeError::Unavailable`]).
    pub failure_pct: Pct,
    /// 0..=100: % of the calls that reach the exchange and whose answer is lost ([`ExchangeError::Unknown`] for
    /// calls that change something, [`ExchangeError::Unavailable`] for queries).
    pub lost_answer_pct: Pct,
    /// No call returns.
    pub hang: bool,
    /// Calls that change something panic.
    pub panic: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}, allowed is 0 to 100")]
pub struct BadFaults {
    field: &'static str,
    value: Pct,
}

impl PaperFaults {
    /// Checks that the percentages are shares of a whole.
    pub fn check(&self) -> Result<(), BadFaults> {
        for (field, value) in [("failure_pct", self.failure_pct), ("lost_answer_pct", self.lost_answer_pct)] {
            if value < Pct::ZERO || value > Pct::HUNDRED {
                return Err(BadFaults { field, value });
            }
        }
        Ok(())
    }
}

/// The paper exchange of an account, with the faults that its operator has set.
pub type PaperAccount = Faulty<PaperExchange>;

/// What [`Faulty::snapshot`] writes for a paper account.
#[derive(Deserialize)]
struct PaperState {
    calls: u64,
    inner: Book,
}

/// An exchange with faults. Without any it is the exchange below, and counts nothing.
pub struct Faulty<E> {
    inner: E,
    faults: PaperFaults,
    account: AccountId,
    sleep: Arc<dyn Sleep>,
    /// Calls made while there were faults.
    calls: u64,
}

/// Whether a call changes something at the exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    /// Fails before it reaches the exchange.
    Failed,
    /// Executed, but the answer does not arrive.
    AnswerLost,
}

impl PaperAccount {
    /// Opens an account: with `config`, or going on from its last snapshot, on the terms it was opened with.
    pub fn open(
        config: BookConfig,
        snapshot: Option<&str>,
        instruments: Instruments,
        account: AccountId,
        sleep: Arc<dyn Sleep>,
    ) -> Result<Self, BadPaperState> {
        let Some(snapshot) = snapshot else {
            let paper = PaperExchange::new(config, instruments, Arc::clone(&sleep));
            return Ok(Self::new(paper, PaperFaults::default(), account, sleep));
        };
        let state: PaperState = serde_json::from_str(snapshot)?;
        let paper = PaperExchange::over(state.inner, instruments, Arc::clone(&sleep));
        Ok(Self { calls: state.calls, ..Self::new(paper, PaperFaults::default(), account, sleep) })
    }
}

impl<E: Exchange> Faulty<E> {
    pub fn new(inner: E, faults: PaperFaults, account: AccountId, sleep: Arc<dyn Sleep>) -> Self {
        Self { inner, faults, account, sleep, calls: 0 }
    }

    /// Applies from the next call on.
    pub const fn set_faults(&mut self, faults: PaperFaults) {
        self.faults = faults;
    }

    pub const fn inner_mut(&mut self) -> &mut E {
        &mut self.inner
    }

    /// Runs up to the point where the call reaches the exchange.
    async fn outbound(&mut self, access: Access) -> Result<Fate, ExchangeError> {
        if self.faults == PaperFaults::default() {
            return Ok(Fate::Answered);
        }
        let faults = self.faults;
        let fate = fate(faults, self.account, self.calls);
        self.calls = self.calls.wrapping_add(1);
        if faults.latency_ms > 0 {
            self.sleep.sleep(DurationMs::from_ms(i64::from(faults.latency_ms))).await;
        }
        if faults.hang {
            pending::<()>().await;
        }
        if fate == Fate::Failed {
            let reason = "injected fault: the call did not reach the exchange".to_owned();
            return Err(ExchangeError::Unavailable { reason });
        }
        if faults.panic && access == Access::Write {
            panic_on_purpose();
        }
        Ok(fate)
    }
}

impl<E: Exchange> Exchange for Faulty<E> {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn place<'a>(&'a mut self, orders: &'a [Order]) -> BoxFuture<'a, Vec<Result<Accepted, ExchangeError>>> {
        Box::pin(async move {
            let fate = match self.outbound(Access::Write).await {
                Ok(fate) => fate,
                Err(error) => return vec![Err(error); orders.len()],
            };
            let answers = self.inner.place(orders).await;
            answers.into_iter().map(|answer| inbound(fate, Access::Write, answer)).collect()
        })
    }

    fn cancel<'a>(&'a mut self, symbol: &'a Symbol, id: &'a ClientOrderId) -> Answer<'a, ()> {
        Box::pin(async move {
            let fate = self.outbound(Access::Write).await?;
            inbound(fate, Access::Write, self.inner.cancel(symbol, id).await)
        })
    }

    fn order_by_client_id<'a>(
        &'a mut self,
        symbol: &'a Symbol,
        id: &'a ClientOrderId,
    ) -> Answer<'a, Option<OrderReport>> {
        Box::pin(async move {
            let fate = self.outbound(Access::Read).await?;
            inbound(fate, Access::Read, self.inner.order_by_client_id(symbol, id).await)
        })
    }

    fn open_orders<'a>(&'a mut self, scope: &'a Scope) -> Answer<'a, OpenOrders> {
        Box::pin(async move {
            let fate = self.outbound(Access::Read).await?;
            inbound(fate, Access::Read, self.inner.open_orders(scope).await)
        })
    }

    fn fills_since<'a>(&'a mut self, sweep: &'a FillSweep) -> Answer<'a, Vec<ReportedFill>> {
        Box::pin(async move {
            let fate = self.outbound(Access::Read).await?;
            inbound(fate, Access::Read, self.inner.fills_since(sweep).await)
        })
    }

    fn funding_since(&mut self, since: Timestamp) -> Answer<'_, Vec<FundingPayment>> {
        Box::pin(async move {
            let fate = self.outbound(Access::Read).await?;
            inbound(fate, Access::Read, self.inner.funding_since(since).await)
        })
    }

    fn positions(&mut self) -> Answer<'_, Vec<PositionReport>> {
        Box::pin(async move {
            let fate = self.outbound(Access::Read).await?;
            inbound(fate, Access::Read, self.inner.positions().await)
        })
    }

    fn balance(&mut self) -> Answer<'_, Balance> {
        Box::pin(async move {
            let fate = self.outbound(Access::Read).await?;
            inbound(fate, Access::Read, self.inner.balance().await)
        })
    }

    fn prepare_symbol<'a>(
        &'a mut self,
        symbol: &'a Symbol,
        terms: SymbolTerms,
        lane: Lane,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let fate = self.outbound(Access::Write).await?;
            inbound(fate, Access::Write, self.inner.prepare_symbol(symbol, terms, lane).await)
        })
    }

    fn inspect(&mut self) -> Answer<'_, AccountProfile> {
        Box::pin(async move {
            let fate = self.outbound(Access::Read).await?;
            inbound(fate, Access::Read, self.inner.inspect().await)
        })
    }

    fn is_streaming(&self) -> bool {
        self.inner.is_streaming()
    }

    fn set_engaged(&mut self, is_engaged: bool) {
        self.inner.set_engaged(is_engaged);
    }

    fn changed(&mut self) -> BoxFuture<'_, ()> {
        self.inner.changed()
    }

    fn next_event(&mut self, step: &MarketStep) -> Option<ExchangeEvent> {
        self.inner.next_event(step)
    }

    fn revision(&self) -> u64 {
        // Both only grow, so that the sum stays the same only if both do.
        self.inner.revision().wrapping_add(self.calls)
    }

    fn snapshot(&self) -> Option<String> {
        let inner = self.inner.snapshot()?;
        // Sized exactly: a thousand of these wait for one commit.
        let head = format!(r#"{{"calls":{},"inner":"#, self.calls);
        Some([head.as_str(), &inner, "}"].concat())
    }
}

/// Lets the answer through, or loses it.
fn inbound<T>(fate: Fate, access: Access, answer: Result<T, ExchangeError>) -> Result<T, ExchangeError> {
    if fate != Fate::AnswerLost {
        return answer;
    }
    let reason = "injected fault: the answer was lost".to_owned();
    Err(match access {
        Access::Write => ExchangeError::Unknown { reason },
        Access::Read => ExchangeError::Unavailable { reason },
    })
}

fn fate(faults: PaperFaults, account: AccountId, call: u64) -> Fate {
    if draw(account, call, 0) < threshold(faults.failure_pct) {
        Fate::Failed
    } else if draw(account, call, 1) < threshold(faults.lost_answer_pct) {
        Fate::AnswerLost
    } else {
        Fate::Answered
    }
}

/// A percentage has at most 6 decimals: this many units are 100 %.
const DRAW_UNITS: u64 = 100_000_000;

fn threshold(pct: Pct) -> u64 {
    (pct.fraction() * Decimal::from(DRAW_UNITS)).to_u64().unwrap_or(0)
}

/// 0..DRAW_UNITS, evenly spread, from account, call and stream.
fn draw(account: AccountId, call: u64, stream: u64) -> u64 {
    let seed = mix(u64::from(account.get()).wrapping_mul(GOLDEN) ^ stream);
    mix(seed.wrapping_add(call.wrapping_mul(GOLDEN))) % DRAW_UNITS
}

#[expect(clippy::panic, reason = "the fault that an operator asked for is a panic")]
fn panic_on_purpose() {
    panic!("injected fault: this account panics on purpose");
}

#[cfg(test)]
mod tests;
