//! What the running daemon has done so far: counted without locks, read for progress and the run's row.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::monitor::vitals::Vitals;
use crate::domain::time::Timestamp;
use crate::engine::settings::PolicyLimits;
use crate::engine::turn::Record;
use crate::store::StoreError;
use crate::store::journal::TurnRows;

#[derive(Debug, Default)]
pub struct Counters {
    turns: AtomicU64,
    orders: AtomicU64,
    fills: AtomicU64,
    trades: AtomicU64,
    cycles: AtomicU64,
    signals: AtomicU64,
    store_failures: AtomicU64,
    store_error: Mutex<Option<StoreError>>,
    /// As the configuration that was read again says.
    limits: Mutex<Option<PolicyLimits>>,
    /// What the monitor reads.
    pub vitals: Arc<Vitals>,
}

/// A reading of [`Counters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Events handled by account machines.
    pub turns: u64,
    pub orders: u64,
    pub fills: u64,
    /// Closed trades.
    pub trades: u64,
    pub cycles: u64,
    /// Distinct signal computations.
    pub signals: u64,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    pub counts: Counts,
    /// Cycles until the market ends, when that is known.
    pub cycles_total: Option<u64>,
    pub at: Timestamp,
    pub accounts: usize,
    pub bots: usize,
}

impl Counters {
    pub(super) fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn cycle(&self, signals: u64) {
        self.cycles.fetch_add(1, Ordering::Relaxed);
        self.signals.store(signals, Ordering::Relaxed);
    }

    pub(super) fn committed(&self, rows: &TurnRows) {
        self.store_failures.store(0, Ordering::Relaxed);
        for record in &rows.records {
            match record {
                Record::OrderIntended(_) => self.orders.fetch_add(1, Ordering::Relaxed),
                Record::Fill(_) => self.fills.fetch_add(1, Ordering::Relaxed),
                Record::BotStats(stats) if stats.closed.is_some() => {
                    self.trades.fetch_add(1, Ordering::Relaxed)
                }
                Record::OrderChanged { .. }
                | Record::Funding(_)
                | Record::CashAdjustment(_)
                | Record::Position(_)
                | Record::BotStats(_)
                | Record::BotError { .. }
                | Record::BotStopped { .. }
                | Record::BotClosed { .. }
                | Record::SymbolClosed { .. }
                | Record::Equity { .. }
                | Record::Decision(_)
                | Record::GridFill(_)
                | Record::GridLines(_)
                | Record::Notice(_)
                | Record::StateChanged => 0,
            };
        }
    }

    pub(super) fn store_failed(&self, error: &StoreError) {
        self.store_failures.fetch_add(1, Ordering::Relaxed);
        *self.store_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
    }

    /// Writes that failed since the last one that succeeded.
    pub(super) fn store_failures(&self) -> u64 {
        self.store_failures.load(Ordering::Relaxed)
    }

    /// What the last failed write met.
    pub(super) fn store_error(&self) -> StoreError {
        let last = self.store_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        last.unwrap_or(StoreError::WriterStopped)
    }

    pub(super) fn set_limits(&self, limits: PolicyLimits) {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = Some(limits);
    }

    /// The limits in force; `None`: still those of the start.
    pub(super) fn limits(&self) -> Option<PolicyLimits> {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn read(&self) -> Counts {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            turns: load(&self.turns),
            orders: load(&self.orders),
            fills: load(&self.fills),
            trades: load(&self.trades),
            cycles: load(&self.cycles),
            signals: load(&self.signals),
        }
    }
}
