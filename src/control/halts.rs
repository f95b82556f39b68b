//! The halt latch, and its end.

use super::turn::{Diff, Subject, Turn};
use super::{ControlError, Selection};
use crate::store::latches;

pub(super) fn halt(
    turn: &mut Turn<'_>,
    selection: &Selection,
    flatten: bool,
    reason: &str,
) -> Result<(), ControlError> {
    for row in turn.select(selection)? {
        let before = latches::health(turn.conn, row.id)?;
        latches::halt(turn.conn, row.id, reason, flatten, turn.by.now)?;
        let word = |flatten: bool| Some(if flatten { "halted, flatten" } else { "halted" }.to_owned());
        let mut changed = Diff::default();
        let was = before.halted_at.and_then(|_| word(before.halt_flatten)).or_else(|| Some("no".to_owned()));
        changed.compare("halt", was, word(flatten || before.halt_flatten));
        changed.compare("halt_reason", before.halt_reason, Some(reason.to_owned()));
        let name = format!("account {}", row.name);
        turn.record(Subject { action: "halt", account: Some(&row.name), name }, changed)?;
    }
    Ok(())
}

pub(super) fn resume(turn: &mut Turn<'_>, selection: &Selection) -> Result<(), ControlError> {
    for row in turn.select(selection)? {
        let before = latches::health(turn.conn, row.id)?;
        latches::resume(turn.conn, row.id, turn.by.now)?;
        let mut changed = Diff::default();
        let latch = |is_set: bool, word: &str| is_set.then(|| word.to_owned());
        changed.compare("halt", latch(before.halted_at.is_some(), "halted"), None);
        changed.compare("halt_reason", before.halt_reason, None);
        changed.compare("quarantine", latch(before.quarantined_at.is_some(), "quarantined"), None);
        let name = format!("account {}", row.name);
        turn.record(Subject { action: "resume", account: Some(&row.name), name }, changed)?;
    }
    Ok(())
}
