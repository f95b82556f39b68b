//! How far the matching of a step has come, so that it can be continued after a restart.

use serde::{Deserialize, Serialize};

use crate::domain::instrument::Symbol;
use crate::domain::money::Qty;
use crate::domain::time::Timestamp;

/// Where matching stands: everything up to `phase` of the step at `step_at` has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub(super) step_at: Timestamp,
    pub(super) phase: Phase,
    /// What the account took of each symbol's bar; only kept where participation is limited.
    pub(super) volume_used: Vec<VolumeUsed>,
}

/// The parts of a step, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// Fills at the open.
    Open,
    /// Fills between low and high: stops, then the rest.
    Range,
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VolumeUsed {
    pub(super) symbol: Symbol,
    pub(super) qty: Qty,
}

impl Cursor {
    /// Before any step.
    pub(super) const fn at_the_beginning() -> Self {
        Self { step_at: Timestamp::from_ms(i64::MIN), phase: Phase::Done, volume_used: Vec::new() }
    }

    pub(super) fn begin(&mut self, step_at: Timestamp) {
        self.step_at = step_at;
        self.phase = Phase::Open;
        self.volume_used.clear();
    }

    pub(super) fn has_passed(&self, step_at: Timestamp) -> bool {
        step_at < self.step_at || (step_at == self.step_at && self.phase == Phase::Done)
    }

    pub(super) fn volume_used(&self, symbol: &Symbol) -> Qty {
        self.volume_used.iter().find(|used| used.symbol == *symbol).map_or(Qty::ZERO, |used| used.qty)
    }

    pub(super) fn use_volume(&mut self, symbol: &Symbol, qty: Qty) {
        match self.volume_used.iter_mut().find(|used| used.symbol == *symbol) {
            Some(used) => used.qty = used.qty.plus(qty),
            None => self.volume_used.push(VolumeUsed { symbol: symbol.clone(), qty }),
        }
    }
}
