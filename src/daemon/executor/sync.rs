//! Keeps what we believe in step with what the exchange holds: after a start, after a stream was interrupted, when the
//! machine asks for it, and now and then in the background.

use super::calls::timed;
use super::{Executor, answers};
use crate::domain::fill::Fill;
use crate::domain::ids::AccountId;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::breaker::Urgency;
use crate::engine::event::{Event, Snapshot};
use crate::exchange::Sleep;
use crate::exchange::error::ExchangeError;
use crate::exchange::report::{FillSweep, ReportedFill, Scope};
use crate::store::StoreError;

/// Between two comparisons of an account whose stream is up. A thousand accounts spread over it.
const BACKGROUND_EVERY: DurationMs = DurationMs::from_secs(600);

/// When the account is compared with its exchange next.
#[derive(Debug)]
pub(super) struct Schedule {
    account: AccountId,
    resync: bool,
    /// The background comparison.
    due_at: Option<Timestamp>,
}

impl Schedule {
    pub(super) const fn new(account: AccountId) -> Self {
        Self { account, resync: false, due_at: None }
    }

    pub(super) const fn want_resync(&mut self) {
        self.resync = true;
    }

    pub(super) const fn is_resync_due(&self) -> bool {
        self.resync
    }

    /// A comparison was made at `now`. Accounts take turns: each has its own place in the interval.
    fn compared(&mut self, now: Timestamp) {
        self.resync = false;
        let place = i64::from(self.account.get()).wrapping_mul(7_919).rem_euclid(BACKGROUND_EVERY.ms());
        let into = (now.ms() - place).rem_euclid(BACKGROUND_EVERY.ms());
        self.due_at = Some(now.plus(DurationMs::from_ms(BACKGROUND_EVERY.ms() - into)));
    }

    fn is_background_due(&self, now: Timestamp) -> bool {
        self.due_at.is_some_and(|due| now >= due)
    }
}

impl Executor {
    /// Asks what became of everything in flight, then compares. Tried again with each cycle until it succeeds.
    pub(super) async fn recover(&mut self) -> Result<(), StoreError> {
        if !self.breaker.allows(Urgency::Protect, self.clock.now()) {
            return Ok(());
        }
        self.handle(Event::Recover).await?;
        match self.snapshot().await {
            Ok(snapshot) => {
                self.schedule.compared(self.clock.now());
                self.handle(Event::Snapshot(snapshot)).await
            }
            // The breaker has noted it; so that people see it, the account's row does too.
            Err(_) => self.checkpoint().await,
        }
    }

    /// A paper book is never out of step once it was compared.
    pub(super) fn is_due_to_compare(&self) -> bool {
        let is_due = self.schedule.is_resync_due() || self.schedule.is_background_due(self.clock.now());
        !self.machine.is_ready() || (self.handle.is_live() && is_due)
    }

    async fn snapshot(&mut self) -> Result<Snapshot, ExchangeError> {
        let answer = timed(&self.clock, self.handle.exchange_mut().open_orders(&Scope::All)).await;
        let open_orders = self.heard(answer)?.ours;
        let answer = timed(&self.clock, self.handle.exchange_mut().positions()).await;
        let positions = self.heard(answer)?;
        let fills = self.missed_fills().await?;
        let answer = timed(&self.clock, self.handle.exchange_mut().balance()).await;
        let balance = self.heard(answer)?;
        Ok(Snapshot {
            open_orders: open_orders.into_iter().map(answers::order_report).collect(),
            positions: positions.into_iter().map(answers::net_position).collect(),
            fills,
            wallet: balance.wallet,
        })
    }

    /// Fills that may not be booked yet, as events.
    pub(super) async fn sweep(&mut self) -> Result<Vec<Event<'static>>, ExchangeError> {
        Ok(self.missed_fills().await?.into_iter().map(Event::Fill).collect())
    }

    async fn missed_fills(&mut self) -> Result<Vec<Fill>, ExchangeError> {
        let sweep = FillSweep { after: self.machine.last_booked().cloned(), ..FillSweep::default() };
        let answer = timed(&self.clock, self.handle.exchange_mut().fills_since(&sweep)).await;
        let ours = |fill| match fill {
            ReportedFill::Ours(fill) => Some(fill),
            ReportedFill::External(_) => None,
        };
        Ok(self.heard(answer)?.into_iter().filter_map(ours).collect())
    }
}
