//! Drives a fleet through a tape or the synthetic market, in virtual time: the next cycle comes when everybody has
//! finished with the last.

use std::sync::Arc;
use std::time::Duration;

use super::analyst::Analyst;
use super::desk::{Desk, Desks};
use super::fleet::{Driver, EndReason, Fleet, Opening, Report, Speed};
use super::pace::Pace;
use super::roster::Roster;
use super::timer::WallTimer;
use crate::config::Config;
use crate::domain::time::Timestamp;
use crate::engine::cycle::Cycle;
use crate::market::feed::Feed;
use crate::store::StoreError;

/// How long executors may hold a cycle up before it goes on without them.
const CYCLE_PATIENCE: Duration = Duration::from_secs(30);
/// How long the database may take nothing before a run in virtual time gives up. What was confirmed is there; the rest
/// is done again after a restart.
const STORE_PATIENCE: Duration = Duration::from_secs(10);

/// Where a replay stands.
pub struct Replay {
    pub speed: Speed,
    /// The fleet's clock: everything up to here was handled before this run.
    pub resume_at: Timestamp,
}

impl Fleet {
    pub(super) async fn replay(
        &mut self,
        replay: Replay,
        report: Report<'_>,
    ) -> Result<EndReason, StoreError> {
        self.settle(report).await?;
        let mut driven: u64 = 0;
        let mut pulse = WallTimer::new(Duration::from_millis(50));
        while let Some((cycle, computed)) = self.next_cycle() {
            if cycle.at <= replay.resume_at {
                continue;
            }
            if driven > 0 {
                self.wait_for(cycle.at, replay.speed, report).await?;
            }
            self.pace.advance(cycle.at).await;
            self.pace.publish(None, &cycle);
            self.counters.vitals.cycled(Duration::ZERO, Duration::ZERO);
            self.last_cycle_at = cycle.at;
            self.counters.cycle(computed);
            self.settle(report).await?;
            if pulse.is_due() {
                self.attend(report).await?;
            }
            driven += 1;
            if self.control.is_stopping() {
                return Ok(EndReason::Stopped);
            }
            if self.cycles_max.is_some_and(|most| driven >= most) {
                return Ok(EndReason::CyclesDone);
            }
        }
        Ok(if driven == 0 { EndReason::NothingLeft } else { EndReason::MarketEnded })
    }

    /// The next step of the market, seen by the analyst, and how much was computed so far.
    fn next_cycle(&mut self) -> Option<(Arc<Cycle>, u64)> {
        let is_allowed = self.allows_entries(None);
        let Desks::Replay(desk) = &mut self.desks else { return None };
        desk.analyst.allow_entries(is_allowed);
        let cycle = desk.analyst.observe(desk.view.next_step()?);
        Some((cycle, desk.analyst.computed()))
    }

    /// Waits as long as the market took between two steps, at the speed asked for.
    async fn wait_for(&mut self, to: Timestamp, speed: Speed, report: Report<'_>) -> Result<(), StoreError> {
        let Speed::Times(times) = speed else { return Ok(()) };
        let wait = u64::try_from(to.since(self.last_cycle_at).ms()).unwrap_or(0) / u64::from(times.max(1));
        let timer = WallTimer::new(Duration::from_millis(wait));
        while let Some(left) = timer.left().filter(|_| !self.control.is_stopping()) {
            tokio::time::sleep(left.min(Duration::from_millis(50))).await;
            self.attend(report).await?;
        }
        Ok(())
    }

    /// Waits until every executor is quiet; one that is stuck for long is left behind and takes up the newest cycle
    /// when it is back.
    async fn settle(&mut self, report: Report<'_>) -> Result<(), StoreError> {
        let patience = WallTimer::new(CYCLE_PATIENCE);
        let mut store_patience: Option<WallTimer> = None;
        loop {
            let quiet = tokio::time::timeout(Duration::from_millis(100), self.pace.wait_quiet()).await;
            if quiet.is_ok() {
                return Ok(());
            }
            self.attend(report).await?;
            if self.counters.store_failures() == 0 {
                store_patience = None;
            } else if store_patience.get_or_insert_with(|| WallTimer::new(STORE_PATIENCE)).left().is_none() {
                return Err(self.counters.store_error());
            }
            if patience.left().is_none() {
                tracing::warn!(accounts = ?self.pace.busy(), "accounts do not finish the cycle; it goes on without them");
                return Ok(());
            }
        }
    }
}

impl Opening {
    /// A fleet goes on where it was, played forward from the account that is furthest behind.
    pub(super) fn replay(feed: Feed, speed: Speed, roster: &Roster, config: &Config) -> Self {
        let resume_at = resume_point(roster, &feed);
        let desk = Desk { market: None, analyst: Analyst::new(config), view: feed };
        Self {
            desks: Desks::Replay(Box::new(desk)),
            pace: Pace::new(resume_at),
            driver: Driver::Replay(Replay { speed, resume_at }),
            connections: None,
            from: resume_at,
            admit_from: fleet_clock(roster).unwrap_or(resume_at),
        }
    }
}

/// The latest moment any account has handled; `None` for a fleet that never ran.
fn fleet_clock(roster: &Roster) -> Option<Timestamp> {
    roster.entrants.values().filter_map(|entrant| entrant.last_cycle_at).max()
}

/// From where the market must be played again: the account that is furthest behind. Accounts that are ahead ignore
/// what they have handled.
fn resume_point(roster: &Roster, feed: &Feed) -> Timestamp {
    let furthest_behind = roster.entrants.values().filter_map(|entrant| entrant.last_cycle_at).min();
    let before_the_market = Timestamp::from_ms(feed.span().0.ms().saturating_sub(1));
    furthest_behind.unwrap_or(before_the_market)
}
