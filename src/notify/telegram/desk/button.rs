//! Buttons that are pressed. One that confirms counts once, for who asked, where it was asked, and not for long.

use rusqlite::Connection;
use serde_json::json;

use super::{After, Desk, actor, wish};
use crate::control::Command;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::turn::{Notice, NoticeKind, Severity};
use crate::notify::telegram::answer::{Answer, Pressed};
use crate::notify::telegram::gate::Member;
use crate::notify::telegram::incoming::Press;
use crate::notify::telegram::replies;
use crate::notify::text::chat::{self, Phrase};
use crate::store::audit::{self, AuditEntry};
use crate::store::confirmations::{self, Confirmation};
use crate::store::savepoint::tentatively;
use crate::store::{StoreError, journal, telegram_bots};

/// Wrong presses after which a chat is not listened to for a while.
const WRONG_MAX: u32 = 5;
const MUTED_FOR: DurationMs = DurationMs::from_secs(600);

impl Desk {
    pub(super) fn press(
        &self,
        conn: &Connection,
        member: &Member,
        press: &Press,
        now: Timestamp,
    ) -> Result<After, StoreError> {
        let (token, is_confirmed) = match Pressed::read(&press.data) {
            // What it shows is rendered beside the transaction.
            Pressed::Refresh(_) => return Ok(After::default()),
            Pressed::Confirm(token) => (token, true),
            Pressed::Cancel(token) => (token, false),
            Pressed::Unknown => return wrong(conn, member, press, chat::UNKNOWN_BUTTON, now),
        };
        let lang = member.lang;
        let over = |phrase: Phrase| After { word: Some(phrase.text(lang).to_owned()), strips_buttons: true };
        let asked = match confirmations::find(conn, token)? {
            Some(asked) if asked.account_id == member.account && asked.chat_id == press.place.chat => asked,
            Some(_) | None => return wrong(conn, member, press, chat::UNKNOWN_BUTTON, now),
        };
        if asked.user_id != press.user {
            return wrong(conn, member, press, chat::NOT_YOURS, now);
        }
        if asked.ended_at.is_some() {
            return Ok(over(chat::USED_UP));
        }
        if now > asked.expires_at {
            return Ok(over(chat::EXPIRED));
        }
        confirmations::end(conn, token, is_confirmed, now)?;
        telegram_bots::set_strikes(conn, member.account, 0, None)?;
        let answer = if is_confirmed {
            self.confirmed(conn, member, &asked, now)?
        } else {
            Answer::plain(chat::CANCELLED.text(lang))
        };
        replies::keep(conn, member, &answer, now)?;
        Ok(After { word: None, strips_buttons: true })
    }

    /// Everything is checked anew: limits and positions may have changed since it was asked.
    fn confirmed(
        &self,
        conn: &Connection,
        member: &Member,
        asked: &Confirmation,
        now: Timestamp,
    ) -> Result<Answer, StoreError> {
        let command: Command = serde_json::from_value(asked.command.clone())
            .map_err(|error| StoreError::corrupt(format!("telegram_confirmations: {error}")))?;
        let applied = tentatively(conn, || self.apply(conn, member, asked.user_id, &command, now), |_| true);
        match applied {
            Ok(applied) => Ok(wish::done(&command, &applied, member.lang)),
            Err(error) => wish::refused(error, member.lang),
        }
    }
}

/// A button that is not there, or not theirs. Whoever tries too often is not listened to for a while.
fn wrong(
    conn: &Connection,
    member: &Member,
    press: &Press,
    phrase: Phrase,
    now: Timestamp,
) -> Result<After, StoreError> {
    let lang = member.lang;
    let count = telegram_bots::state(conn, member.account)?.wrong_confirms + 1;
    if count < WRONG_MAX {
        telegram_bots::set_strikes(conn, member.account, count, None)?;
        return Ok(After { word: Some(phrase.text(lang).to_owned()), strips_buttons: false });
    }
    telegram_bots::set_strikes(conn, member.account, 0, Some(now.plus(MUTED_FOR)))?;
    let minutes = MUTED_FOR.ms() / 60_000;
    let sentence = chat::Sentence::Muted { minutes };
    replies::keep(conn, member, &Answer::plain(&sentence.text(lang)), now)?;
    alert(conn, member, (&actor(member, press.user), "telegram_muted"), &sentence.text(lang), now)?;
    Ok(After::default())
}

/// Something that whoever is responsible for the account should hear of: into the audit log, and to its readers.
pub(in crate::notify::telegram) fn alert(
    conn: &Connection,
    member: &Member,
    (actor, action): (&str, &str),
    detail: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    audit::append(
        conn,
        &AuditEntry {
            at: now,
            actor: actor.to_owned(),
            action: action.to_owned(),
            account: Some(member.name.clone()),
            subject: format!("account {}", member.name),
            before: None,
            after: Some(json!({ "detail": detail })),
        },
    )?;
    let fields = [("purpose", action.to_owned()), ("reason", detail.to_owned())].into_iter().collect();
    let notice = Notice { kind: NoticeKind::Error, severity: Severity::Warning, fields };
    journal::write_notice(conn, member.account, now, &notice)
}
