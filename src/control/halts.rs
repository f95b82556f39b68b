//! The halt latch, and its end.

use super::turn::{Diff, Subject, Turn};
use super::{ControlError, Selection};
use crate::domain::ids::AccountId;
use crate::engine::turn::{Notice, NoticeKind, Severity};
use crate::store::{journal, latches};

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
        tell_chat(
            turn,
            row.id,
            Severity::Warning,
            if flatten { "halted, flatten" } else { "halted" },
            reason,
        )?;
    }
    Ok(())
}

/// Ends a quarantine first: who is halted beside it stays so until the next word, and what is open can be flattened.
pub(super) fn resume(turn: &mut Turn<'_>, selection: &Selection) -> Result<(), ControlError> {
    for row in turn.select(selection)? {
        let before = latches::health(turn.conn, row.id)?;
        let mut changed = Diff::default();
        let latch = |is_set: bool, word: &str| is_set.then(|| word.to_owned());
        if before.quarantined_at.is_some() {
            latches::end_quarantine(turn.conn, row.id, turn.by.now)?;
            changed.compare("quarantine", latch(true, "quarantined"), None);
        } else {
            latches::end_halt(turn.conn, row.id, turn.by.now)?;
            changed.compare("halt", latch(before.halted_at.is_some(), "halted"), None);
            changed.compare("halt_reason", before.halt_reason, None);
        }
        let name = format!("account {}", row.name);
        turn.record(Subject { action: "resume", account: Some(&row.name), name }, changed)?;
        if before.halted_at.is_some() || before.quarantined_at.is_some() {
            tell_chat(turn, row.id, Severity::Info, "resumed", turn.by.actor)?;
        }
    }
    Ok(())
}

/// The chat hears of what others did; what it asked for itself it is answered.
fn tell_chat(
    turn: &Turn<'_>,
    account: AccountId,
    severity: Severity,
    what: &str,
    why: &str,
) -> Result<(), ControlError> {
    if turn.by.actor.starts_with("telegram:") {
        return Ok(());
    }
    let fields = [("purpose", what.to_owned()), ("reason", why.to_owned())].into_iter().collect();
    let notice = Notice { kind: NoticeKind::Halt, severity, fields };
    Ok(journal::write_notice(turn.conn, account, turn.by.now, &notice)?)
}
