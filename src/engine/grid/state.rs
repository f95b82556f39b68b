//! What a grid remembers: what cannot be read off its orders, as part of the account's durable state; and, beside it,
//! what a restart may forget.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::instrument::Symbol;
use crate::domain::money::Price;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::decision::Code;

use super::GridConfig;
use super::lots::Lots;
use super::plan::{Plan, Terms};
use super::repair::Repair;
use super::rows::GridLineRow;

/// First pause after a refused order of a grid; doubles with each further round of refusals.
const BACKOFF_FIRST: DurationMs = DurationMs::from_secs(1);
const BACKOFF_MAX: DurationMs = DurationMs::from_secs(300);

/// A grid bot's wishes, and the market they are planned for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridSetup {
    pub config: GridConfig,
    pub terms: Terms,
    /// When a person last asked for the ladder, the exchange and the ledger to be compared and mended.
    pub repair_asked_at: Option<Timestamp>,
}

/// Durable with every commit, beside the lines' orders and the position.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GridState {
    /// The price has come where it begins, and its lines are worked.
    pub is_started: bool,
    /// People were told that it waits for the price to come into its range.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_wait_told: bool,
    /// The side of the trigger on which the price was first seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_above: Option<bool>,
    /// The price it began at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Price>,
    /// Where it began, or was moved to since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The first and the last line that are being bought in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buying_in: Option<(u16, u16)>,
    pub lots: Lots,
    /// The ladder that its resting orders were placed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ladder: Option<String>,
    pub entries: Backoff,
    pub exits: Backoff,
    /// The last one that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
}

/// The range that a grid works, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub symbol: Symbol,
    pub lower: Price,
    pub upper: Price,
}

impl GridState {
    /// Whether the repair that was asked for then, if one was, is done.
    pub(in crate::engine) fn has_done_repair(&self, asked_at: Option<Timestamp>) -> bool {
        asked_at.is_none_or(|asked_at| {
            self.repair.as_ref().is_some_and(|repair| repair.asked_at == asked_at && repair.done_at.is_some())
        })
    }

    pub(in crate::engine) fn is_being_repaired(&self) -> bool {
        self.repair.as_ref().is_some_and(|repair| repair.done_at.is_none())
    }

    pub(in crate::engine) fn backoff(&mut self, is_exit: bool) -> &mut Backoff {
        if is_exit { &mut self.exits } else { &mut self.entries }
    }

    /// Everything it held was closed: what comes next is another beginning.
    pub(in crate::engine) fn begin_anew(&mut self) {
        *self = Self { ladder: self.ladder.take(), repair: self.repair.take(), ..Self::default() };
    }
}

/// When orders that the exchange refuses are tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Backoff {
    pub refusals: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
}

impl Backoff {
    pub(in crate::engine) fn waits(&self, now: Timestamp) -> bool {
        self.retry_at.is_some_and(|at| at > now)
    }

    /// Many orders may be refused at once: they count as one refusal. True for the first of them after a success.
    pub(in crate::engine) fn refused(&mut self, now: Timestamp) -> bool {
        if self.waits(now) {
            return false;
        }
        let pause = BACKOFF_FIRST.times(1 << u32::from(self.refusals.min(16))).min(BACKOFF_MAX);
        self.refusals = self.refusals.saturating_add(1);
        self.retry_at = Some(now.plus(pause));
        self.refusals == 1
    }
}

/// What a machine knows of a grid without saving it.
#[derive(Debug, Default)]
pub(in crate::engine) struct GridMemory {
    /// Planned once a configuration; an error when the market does not allow it any more.
    pub plan: Option<Result<Arc<Plan>, String>>,
    /// Lines whose order was not taken: line, and whether it was the exit. They wait for the next cycle.
    pub held_back: BTreeSet<(u16, bool)>,
    /// How often in a row a line's order would have crossed.
    pub crossed: BTreeMap<(u16, bool), u8>,
    /// What keeps it from opening, as it was last explained.
    pub explained: Option<Code>,
    /// Its lines as they were last recorded.
    pub rows: BTreeMap<u16, GridLineRow>,
}
