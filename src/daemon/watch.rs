//! The fleet's own look at itself: what it tells its monitor, what it does about troubles, and how it takes over a
//! configuration that is read again.

use std::time::Duration;

use serde_json::json;

use super::desk::Desks;
use super::fleet::Fleet;
use super::monitor::Monitor;
use super::monitor::troubles::Troubles;
use super::monitor::vitals::{LimitVitals, Phase};
use super::reload::Reload;
use super::timer::WallTimer;
use crate::clock::wall_now;
use crate::store::audit::{self, AuditEntry};
use crate::store::{StoreError, Writer};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// systemd hears that the fleet is ready after this long at the latest: an exchange that does not answer must not keep
/// the accounts of the others from being watched over.
const RECOVERY_PATIENCE: Duration = Duration::from_secs(30);

/// What the fleet keeps for it.
pub(super) struct Watch {
    pub monitor: Monitor,
    pub troubles: Troubles,
    reload: Option<Reload>,
    look: WallTimer,
    patience: WallTimer,
    is_announced: bool,
}

impl Watch {
    pub(super) fn new(monitor: Monitor, reload: Option<Reload>) -> Self {
        Self {
            monitor,
            troubles: Troubles::default(),
            reload,
            look: WallTimer::new(LOOK_EVERY),
            patience: WallTimer::new(RECOVERY_PATIENCE),
            is_announced: false,
        }
    }
}

impl Fleet {
    /// Now and then: says how it goes, and finds out what is wrong.
    pub(super) async fn look_around(&mut self) -> Result<(), StoreError> {
        if self.watch.reload.as_ref().is_some_and(Reload::take) {
            self.read_configuration_again().await?;
        }
        if self.watch.is_announced && !self.watch.look.is_due() {
            return Ok(());
        }
        let vitals = &self.counters.vitals;
        self.watch.troubles.look(vitals, self.config.live.speed.get());
        if let Desks::Live(desks) = &self.desks {
            vitals.set_markets(desks.iter().map(|desk| desk.view.vitals()).collect());
        }
        if let Some(connections) = self.supervisor.connections() {
            for (exchange, offset) in connections.offsets() {
                vitals.set_offset(exchange, offset);
            }
            vitals.set_limits(self.limits.left().map(LimitVitals::from).collect());
        }
        self.tell_service();
        Ok(())
    }

    fn tell_service(&mut self) {
        let (accounts, ready) = (self.roster.entrants.len(), self.counters.vitals.ready());
        let counts = self.counters.read();
        let status = format!(
            "{ready} of {accounts} accounts at work, {} cycles, {} orders",
            counts.cycles, counts.orders
        );
        let service = self.watch.monitor.service();
        if self.watch.is_announced {
            service.status(&status);
        } else if usize::try_from(ready).is_ok_and(|ready| ready >= accounts)
            || self.watch.patience.left().is_none()
        {
            self.watch.is_announced = true;
            service.ready(&status);
        }
    }

    /// Whether accounts at this market's prices may open anything: it is not switched off, and nothing is wrong.
    pub(super) fn allows_entries(&self, market: super::pace::MarketId) -> bool {
        self.config.engine.enabled && self.watch.troubles.allow_entries(market)
    }

    /// A file that is wrong or gone changes nothing; of one that is right, what can change now does, and the rest is named.
    async fn read_configuration_again(&mut self) -> Result<(), StoreError> {
        let Some(reload) = self.watch.reload.clone() else { return Ok(()) };
        self.watch.monitor.service().reloading();
        match reload.read() {
            Err(error) => {
                tracing::error!(%error, "the configuration is wrong or gone; the old one stays in force");
            }
            Ok(loaded) => {
                let reloaded = self.config.take_over(&loaded.config);
                for change in &reloaded.taken_over {
                    tracing::info!("taken over: {change}");
                }
                for change in &reloaded.needs_restart {
                    tracing::warn!("takes effect with the next start: {change}");
                }
                if reloaded.taken_over.is_empty() && reloaded.needs_restart.is_empty() {
                    tracing::info!("the configuration is what it was");
                }
                (reload.logging)(&self.config.log);
                self.counters.vitals.set_watch(&self.config.watch);
                self.counters.set_limits(self.config.limits);
                self.terms.take_over(&self.config);
                self.recorder.set_retention(&self.config.retention);
                record(&self.writer, reloaded.taken_over).await;
                self.reload().await?;
            }
        }
        self.watch.is_announced = false;
        self.tell_service();
        Ok(())
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.counters.vitals.enter(phase);
        // What is wrong from the start holds from the first cycle on.
        self.watch.troubles.look(&self.counters.vitals, self.config.live.speed.get());
        if phase == Phase::Stopping {
            self.watch.monitor.service().stopping();
        }
    }
}

async fn record(writer: &Writer, taken_over: Vec<String>) {
    if taken_over.is_empty() {
        return;
    }
    writer
        .post(move |conn| {
            let entry = AuditEntry {
                at: wall_now(),
                actor: "daemon".to_owned(),
                action: "config.reload".to_owned(),
                account: None,
                subject: "configuration".to_owned(),
                before: None,
                after: Some(json!({ "taken_over": taken_over })),
            };
            audit::append(conn, &entry).map(drop)
        })
        .await;
}
