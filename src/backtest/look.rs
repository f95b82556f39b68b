//! What is looked out for between two steps of an account.

use super::market::Market;
use super::room::{QtySteps, Rooms};
use super::waiting::Waiting;
use crate::domain::ids::BotId;
use crate::domain::time::Timestamp;

/// See the module.
pub(super) struct Look<'a> {
    pub(super) market: &'a Market,
    pub(super) waiting: &'a Waiting,
    /// `None` where also entries that are refused are to be looked at.
    pub(super) rooms: Option<&'a Rooms<'a>>,
    pub(super) qty_steps: &'a QtySteps,
}

impl Look<'_> {
    /// Whether only the prices can keep a bot from an entry.
    pub(super) fn is_open(&self, bot: BotId) -> bool {
        self.rooms.is_none_or(|rooms| rooms.is_open(bot))
    }

    /// Whether an entry of a bot on a lane, by a signal that comes with a step, is worth a look.
    pub(super) fn may_enter(&self, bot: BotId, (lane, step): (usize, usize), expires_at: Timestamp) -> bool {
        let Some(rooms) = self.rooms else { return true };
        // What one price forbids the next may allow, as long as the signal lives.
        if self.market.at(step + 1).is_some_and(|next| next < expires_at) {
            return rooms.is_open(bot);
        }
        rooms.may_enter(self.qty_steps, bot, (lane, step))
    }
}
