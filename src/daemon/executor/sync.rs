//! Keeps what we believe in step with what the exchange holds: after a start, after a stream was interrupted, when the
//! machine asks for it, and now and then in the background.

use super::schedule::Standing;
use super::{Executor, Halted, answers};
use crate::clock::wall_now;
use crate::daemon::handle::Handle;
use crate::daemon::roster;
use crate::engine::breaker::Urgency;
use crate::engine::event::{Event, Snapshot};
use crate::engine::sweep::FillSweepPlan;
use crate::exchange::Sleep;
use crate::exchange::error::ExchangeError;
use crate::exchange::report::{ReportedFill, Scope};
use crate::store::{StoreError, accounts};

impl Executor {
    /// Asks what became of everything in flight, then compares. Tried again with each cycle until it succeeds.
    pub(super) async fn recover(&mut self) -> Result<(), Halted> {
        if !self.breaker.allows(Urgency::Protect, self.clock.now()) {
            return Ok(());
        }
        if !self.identify().await? {
            return Ok(self.checkpoint().await?);
        }
        let is_wide = self.handle.is_live() && self.schedule.is_wide(self.clock.now());
        self.handle(Event::Recover).await?;
        let Ok(snapshot) = self.snapshot(is_wide).await else {
            // The breaker has noted it; so that people see it, the account's row does too.
            return Ok(self.checkpoint().await?);
        };
        self.schedule.compared(self.clock.now());
        self.funding.compared(self.clock.now());
        let at = snapshot.taken_at;
        self.handle(Event::Snapshot(snapshot)).await?;
        // Money last: nothing that protects waits for it.
        match self.ask(&(), |exchange, ()| exchange.balance()).await {
            Ok(balance) => {
                // Funding explains a difference that would be taken for a transfer.
                let differs = self.machine.wallet().is_some_and(|own| own != balance.wallet);
                if differs && self.handle.is_live() && !self.machine.is_engaged() {
                    self.book_funding().await?;
                }
                self.handle(Event::Wallet { at, wallet: balance.wallet }).await?;
            }
            Err(_) => self.schedule.compare_soon(self.clock.now()),
        }
        Ok(())
    }

    /// What fails is asked for again: the machine knows from when on.
    pub(super) async fn book_funding(&mut self) -> Result<(), StoreError> {
        let at = self.now();
        let Some(since) = self.machine.funding_since() else {
            self.funding.asked(self.clock.now(), false);
            return Ok(());
        };
        let payments = self.ask(&since, |exchange, since| exchange.funding_since(*since)).await;
        self.funding.asked(self.clock.now(), payments.is_ok());
        let Ok(payments) = payments else { return Ok(()) };
        for payment in payments {
            self.handle(Event::Funding(payment)).await?;
        }
        self.handle(Event::FundingAsked { at }).await
    }

    /// Makes sure that the keys are those of this account and may be used. False: the exchange does not answer now.
    async fn identify(&mut self) -> Result<bool, Halted> {
        let Handle::Live(live) = &self.handle else { return Ok(true) };
        if live.is_identified() {
            return Ok(true);
        }
        let Ok(profile) = self.ask(&(), |exchange, ()| exchange.inspect()).await else { return Ok(false) };
        let Handle::Live(live) = &mut self.handle else { return Ok(true) };
        live.identify(&profile).map_err(Halted::Identity)?;
        let capabilities = live.exchange().capabilities().clone();
        self.machine.set_venue(roster::venue(false, &capabilities));
        // The handle is a new one.
        self.is_told_engaged = false;
        self.tell_engaged();
        let (account, uid, mode) = (self.account, profile.uid, profile.position_mode);
        self.insist(move |conn| accounts::identify(conn, account, uid.as_deref(), mode, wall_now())).await?;
        Ok(true)
    }

    /// A paper book is never out of step once it was compared.
    pub(super) fn is_due_to_compare(&mut self) -> bool {
        if !self.machine.is_ready() || !self.handle.is_live() {
            return !self.machine.is_ready() || self.machine.wallet().is_none();
        }
        let now = self.clock.now();
        let standing = Standing {
            is_streaming: self.handle.exchange().is_streaming(),
            is_engaged: self.machine.is_engaged(),
        };
        self.schedule.is_due(now, standing) || self.machine.wants_snapshot().is_some_and(|at| now >= at)
    }

    /// Orders and positions first: a fill that comes meanwhile is found by the sweep, never missed between the two.
    async fn snapshot(&mut self, is_wide: bool) -> Result<Snapshot, ExchangeError> {
        let taken_at = self.now();
        let plan = self.machine.fill_sweep();
        let covers =
            if is_wide || !self.handle.is_live() { Scope::All } else { Scope::Symbols(plan.symbols.clone()) };
        let open_orders = self.ask(&covers, |exchange, covers| exchange.open_orders(covers)).await?;
        let positions = self.ask(&(), |exchange, ()| exchange.positions()).await?;
        let (fills, external_fills) = answers::split_fills(self.missed_fills(plan).await?);
        Ok(Snapshot {
            taken_at,
            covers,
            external_orders: answers::external_orders(&open_orders.external),
            open_orders: open_orders.ours.into_iter().map(answers::order_report).collect(),
            positions: positions.into_iter().map(answers::net_position).collect(),
            fills,
            external_fills,
        })
    }

    /// Fills that may not be booked yet, as events.
    pub(super) async fn sweep(&mut self) -> Result<Vec<Event<'static>>, ExchangeError> {
        let at = self.now();
        let plan = self.machine.fill_sweep();
        let (ours, external) = answers::split_fills(self.missed_fills(plan).await?);
        let ours = ours.into_iter().map(Event::Fill);
        let external = external.into_iter().map(Event::ExternalFill);
        Ok(ours.chain(external).chain([Event::Swept { at }]).collect())
    }

    async fn missed_fills(&mut self, plan: FillSweepPlan) -> Result<Vec<ReportedFill>, ExchangeError> {
        let sweep = answers::fill_sweep(plan);
        self.ask(&sweep, |exchange, sweep| exchange.fills_since(sweep)).await
    }
}
