//! What one strategy says of one symbol: its marks on the line of time, and who follows them.

use std::sync::Arc;

use super::waiting::Waiting;
use crate::domain::ids::BotId;
use crate::domain::side::PositionSide;
use crate::domain::time::Timestamp;
use crate::signal::SignalKey;
use crate::strategy::Mark;

/// A mark on the line of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The step that brings it.
    pub(super) step: usize,
    pub(super) told_at: Timestamp,
    pub(super) mark: Mark,
    pub(super) bar_close_at: Timestamp,
}

/// What one strategy says of one symbol.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: SignalKey,
    /// The place of its symbol among the market's lanes.
    pub(super) lane: usize,
    pub(super) lifetime_bars: u32,
    pub(super) marks: Arc<[Placed]>,
    pub(super) followers: Vec<BotId>,
}

impl Row {
    /// When a signal of the bar that closed at `at` is stale.
    pub(super) fn expires(&self, at: Timestamp) -> Timestamp {
        at.plus(self.key.timeframe.duration().times(i64::from(self.lifetime_bars)))
    }

    /// Whether any follower does more about the mark than look at it; one that holds nothing here, if it `may_enter`.
    pub(super) fn matters(&self, mark: &Mark, waiting: &Waiting, may_enter: impl Fn(BotId) -> bool) -> bool {
        self.followers.iter().any(|bot| match waiting.held(*bot, self.lane) {
            None => mark.entry.is_some() && may_enter(*bot),
            Some(PositionSide::Long) => mark.exit_long || mark.entry == Some(PositionSide::Short),
            Some(PositionSide::Short) => mark.exit_short || mark.entry == Some(PositionSide::Long),
        })
    }
}
