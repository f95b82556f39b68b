//! Keeps what the driver knows where the CLI can read it: last prices, signals, the run's counters, the heartbeat.

use std::sync::Arc;
use std::time::Duration;

use super::analyst::Analyst;
use super::counters::Progress;
use super::pace::MarketId;
use super::timer::WallTimer;
use crate::clock::wall_now;
use crate::config::{Config, RetentionConfig};
use crate::domain::time::Timestamp;
use crate::store::lease::Lease;
use crate::store::market_log::{self, RunRow};
use crate::store::{StoreError, Writer, outbox, telegram_replies};
use crate::vault::{Vault, audit_seal};

/// Between two writes.
const KEEP_EVERY: Duration = Duration::from_millis(500);
/// Between two prunings of the bounded tables.
const PRUNE_EVERY: Duration = Duration::from_mins(1);
/// Rows of messages that one pruning forgets at most: it keeps the writer from its work.
const PRUNE_MAX: u32 = 2_000;

pub struct Recorder {
    writer: Writer,
    run: RunRow,
    retention: RetentionConfig,
    vault: Option<Arc<Vault>>,
    keep: WallTimer,
    prune: WallTimer,
}

impl Recorder {
    pub fn new(
        lease: &Lease,
        writer: Writer,
        source: String,
        started_at: Timestamp,
        config: &Config,
    ) -> Self {
        Self {
            writer,
            run: RunRow { epoch: lease.epoch(), started_at, source, ..RunRow::default() },
            retention: config.retention.clone(),
            vault: None,
            keep: WallTimer::new(KEEP_EVERY),
            prune: WallTimer::new(PRUNE_EVERY),
        }
    }

    pub fn set_retention(&mut self, retention: &RetentionConfig) {
        self.retention.clone_from(retention);
    }

    /// Seals the audit log with each write.
    #[must_use]
    pub fn sealing(self, vault: Option<Arc<Vault>>) -> Self {
        Self { vault, ..self }
    }

    /// Writes, if it is time to.
    pub async fn keep(&mut self, analysts: Vec<(MarketId, &mut Analyst)>, progress: Progress) {
        if !self.keep.is_due() {
            return;
        }
        let job = self.write(analysts, progress);
        self.writer.post(job).await;
        if self.prune.is_due() {
            let retention = self.retention.clone();
            self.writer.post(move |conn| prune(conn, &retention)).await;
        }
    }

    /// The last word of a run; durable when this returns.
    pub async fn finish(
        &mut self,
        analysts: Vec<(MarketId, &mut Analyst)>,
        progress: Progress,
        end_reason: &'static str,
    ) -> Result<(), StoreError> {
        self.run.ended_at = Some(wall_now());
        self.run.end_reason = Some(end_reason.to_owned());
        let retention = self.retention.clone();
        let job = self.write(analysts, progress);
        self.writer
            .run(move |conn| {
                job(conn)?;
                prune(conn, &retention)
            })
            .await
    }

    fn write(
        &mut self,
        analysts: Vec<(MarketId, &mut Analyst)>,
        progress: Progress,
    ) -> impl FnOnce(&rusqlite::Connection) -> Result<(), StoreError> + Send + use<> {
        self.run.accounts = progress.accounts;
        self.run.bots = progress.bots;
        self.run.cycles = progress.counts.cycles;
        self.run.last_cycle_at = Some(progress.at);
        self.run.signal_keys = analysts.iter().map(|(_, analyst)| analyst.keys()).sum();
        self.run.signals_computed = analysts.iter().map(|(_, analyst)| analyst.computed()).sum();
        self.run.turns = progress.counts.turns;
        self.run.commits = self.writer.counters().commits;
        let run = self.run.clone();
        let vault = self.vault.clone();
        // A run that came to nothing new (a tape that was gone through before) knows older prices than those kept.
        let has_seen_any = progress.counts.cycles > 0;
        let markets: Vec<_> = analysts
            .into_iter()
            .map(|(market, analyst)| (market, analyst.prices(), analyst.take_signals()))
            .collect();
        move |conn| {
            market_log::write_run(conn, &run)?;
            for (market, prices, signals) in &markets {
                if has_seen_any {
                    market_log::write_prices(conn, *market, prices)?;
                }
                market_log::write_signals(conn, *market, signals)?;
            }
            let now = wall_now();
            if let Some(vault) = &vault {
                audit_seal::seal(vault, conn, now)?;
            }
            Lease::heartbeat(conn, run.epoch, now)
        }
    }
}

/// Forgets what has been kept for its time.
fn prune(conn: &rusqlite::Connection, retention: &RetentionConfig) -> Result<(), StoreError> {
    market_log::prune(conn, retention.decisions, retention.signals)?;
    let now = wall_now();
    outbox::prune(conn, now, PRUNE_MAX)?;
    telegram_replies::prune(conn, now, PRUNE_MAX)
}
