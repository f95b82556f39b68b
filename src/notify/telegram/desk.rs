//! One update, from who said it to what came of it. [`Desk::sort`] decides what it is, without the database;
//! [`Desk::settle`] does it, in one transaction with the number of the update and the answer, so that an update counts
//! once, whenever the daemon is killed.

mod button;
mod wish;

pub(super) use button::alert;

use rusqlite::Connection;

use super::answer::{Answer, Pressed};
use super::gate::{self, Member, Passage, Turnstile};
use super::grammar::{self, Misread, Request, View, Wish};
use super::incoming::{Incoming, Kind, Press, Text};
use super::replies;
use crate::domain::ids::AccountId;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::settings::PolicyLimits;
use crate::notify::text::chat;
use crate::store::ignored_updates::{self, IgnoredUpdate};
use crate::store::{StoreError, telegram_bots};

/// After so long without an update Telegram may number them anew: then any number is taken.
const NUMBERS_HOLD: DurationMs = DurationMs::from_secs(3 * 86_400);

/// The accounts that one bot serves, and what is known of the bot.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Telegram's public number of the bot; 0 where the token has none.
    pub bot_id: i64,
    /// Without the @; `None` before Telegram has said it.
    pub own_name: Option<String>,
    pub members: Vec<Member>,
    pub limits: PolicyLimits,
}

/// What an update is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Nobody is answered; a stable word says why.
    Ignore(&'static str),
    /// Talk among people.
    Pass,
    Answer {
        member: Member,
        answer: Answer,
    },
    /// To be rendered before it is settled as [`Task::Answer`].
    Show {
        member: Member,
        view: View,
    },
    Change {
        member: Member,
        user: i64,
        sent_at: Timestamp,
        wish: Wish,
    },
    Button {
        member: Member,
        press: Press,
    },
}

/// What is left to be done when it is settled, at best: nothing is lost without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct After {
    /// For who pressed a button.
    pub word: Option<String>,
    /// The pressed message's buttons are of no more use.
    pub strips_buttons: bool,
}

/// Who acts, for the audit log.
fn actor(member: &Member, user: i64) -> String {
    format!("telegram:{}/{user}", member.chat_id)
}

impl Desk {
    /// What the update is, by who said it and how.
    pub fn sort(&self, incoming: &Incoming, turnstile: &mut Turnstile, now: Timestamp) -> Task {
        match &incoming.kind {
            Kind::Other { what, .. } => Task::Ignore(what),
            Kind::Text(text) => self.sort_text(text, turnstile, now),
            Kind::Press(press) => self.sort_press(press, turnstile, now),
        }
    }

    fn sort_text(&self, text: &Text, turnstile: &mut Turnstile, now: Timestamp) -> Task {
        let member = match gate::admit(&self.members, text.place, text.user) {
            Ok(member) => member.clone(),
            Err(reason) => return Task::Ignore(reason),
        };
        let read = grammar::read(&text.text, self.own_name.as_deref());
        let is_talk = matches!(&read, Err(Misread::ForOtherBot))
            || (!text.place.is_private && read == Err(Misread::NoCommand));
        if is_talk {
            return Task::Pass;
        }
        // The way to stop everything is never closed.
        let is_free = matches!(&read, Ok(Request::Change(Wish::Halt(_))));
        if !is_free {
            match turnstile.pass(text.place.chat, now) {
                Passage::Free => {}
                Passage::Stopped(left) => {
                    let seconds = left.ms().div_euclid(1_000).max(1);
                    return said(member, &chat::Sentence::TooMany { seconds });
                }
                Passage::Silent => return Task::Ignore("flood"),
            }
        }
        match read {
            Ok(Request::Show(view)) => Task::Show { member, view },
            Ok(Request::Change(wish)) => {
                Task::Change { member, user: text.user, sent_at: text.sent_at, wish }
            }
            Err(misread) => misread_answer(member, &misread),
        }
    }

    fn sort_press(&self, press: &Press, turnstile: &mut Turnstile, now: Timestamp) -> Task {
        match gate::admit(&self.members, press.place, press.user) {
            Err(reason) => Task::Ignore(reason),
            Ok(_) if turnstile.pass(press.place.chat, now) != Passage::Free => Task::Ignore("flood"),
            Ok(member) => Task::Button { member: member.clone(), press: press.clone() },
        }
    }

    /// The view that a button shows anew, if that is what it does.
    pub fn refreshed(task: &Task) -> Option<(&Member, View)> {
        let Task::Button { member, press } = task else { return None };
        match Pressed::read(&press.data) {
            Pressed::Refresh(view) => Some((member, view)),
            Pressed::Confirm(_) | Pressed::Cancel(_) | Pressed::Unknown => None,
        }
    }

    fn accounts(&self) -> Vec<AccountId> {
        self.members.iter().map(|member| member.account).collect()
    }

    /// The number that updates must be above; `None`: any is taken.
    pub fn last_update(&self, conn: &Connection, now: Timestamp) -> Result<Option<i64>, StoreError> {
        let mut last = None;
        for account in self.accounts() {
            let state = telegram_bots::state(conn, account)?;
            if state.last_update_at.is_some_and(|at| now.since(at) < NUMBERS_HOLD) {
                last = last.max(Some(state.last_update_id));
            }
        }
        Ok(last)
    }

    /// Does what the update asks for, once. `None`: it was done before.
    pub fn settle(
        &self,
        conn: &Connection,
        incoming: &Incoming,
        task: Task,
        now: Timestamp,
    ) -> Result<Option<After>, StoreError> {
        if !self.note(conn, incoming, now)? {
            return Ok(None);
        }
        if let Some(member) = task.member()
            && !task.is_halt()
            && telegram_bots::state(conn, member.account)?.muted_until.is_some_and(|until| until > now)
        {
            self.ignore(conn, incoming, "muted", now)?;
            return Ok(Some(After::default()));
        }
        match task {
            Task::Pass | Task::Show { .. } => {}
            Task::Ignore(reason) => self.ignore(conn, incoming, reason, now)?,
            Task::Answer { member, answer } => replies::keep(conn, &member, &answer, now)?,
            Task::Change { member, user, sent_at, wish } => {
                let command = wish::command(&member, &wish);
                let wanted = wish::Wanted { user, age: now.since(sent_at), command };
                let answer = self.change(conn, &member, &wanted, now)?;
                replies::keep(conn, &member, &answer, now)?;
            }
            Task::Button { member, press } => return self.press(conn, &member, &press, now).map(Some),
        }
        Ok(Some(After::default()))
    }

    /// Gives an update up that cannot be settled, so that those behind it can.
    pub fn give_up(&self, conn: &Connection, incoming: &Incoming, now: Timestamp) -> Result<(), StoreError> {
        if self.note(conn, incoming, now)? { self.ignore(conn, incoming, "failed", now) } else { Ok(()) }
    }

    /// Notes the update's number; false when it was done before.
    fn note(&self, conn: &Connection, incoming: &Incoming, now: Timestamp) -> Result<bool, StoreError> {
        if self.last_update(conn, now)?.is_some_and(|last| incoming.update_id <= last) {
            return Ok(false);
        }
        telegram_bots::note_update(conn, &self.accounts(), incoming.update_id, now)?;
        Ok(true)
    }

    fn ignore(
        &self,
        conn: &Connection,
        incoming: &Incoming,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        ignored_updates::insert(
            conn,
            &IgnoredUpdate {
                at: now,
                bot_id: self.bot_id,
                update_id: incoming.update_id,
                chat_id: incoming.chat(),
                user_id: incoming.user(),
                reason: reason.to_owned(),
            },
        )
    }
}

impl Task {
    const fn member(&self) -> Option<&Member> {
        match self {
            Self::Ignore(_) | Self::Pass => None,
            Self::Answer { member, .. }
            | Self::Show { member, .. }
            | Self::Change { member, .. }
            | Self::Button { member, .. } => Some(member),
        }
    }

    const fn is_halt(&self) -> bool {
        matches!(self, Self::Change { wish: Wish::Halt(_), .. })
    }
}

fn said(member: Member, sentence: &chat::Sentence<'_>) -> Task {
    let answer = Answer::plain(&sentence.text(member.lang));
    Task::Answer { member, answer }
}

fn misread_answer(member: Member, misread: &Misread) -> Task {
    match misread {
        Misread::NoCommand | Misread::ForOtherBot => {
            let answer = Answer::plain(chat::NO_COMMAND.text(member.lang));
            Task::Answer { member, answer }
        }
        Misread::Unknown { word, near } => {
            said(member, &chat::Sentence::UnknownCommand { word, near: *near })
        }
        Misread::Usage(verb) => said(member, &chat::Sentence::Usage(*verb)),
        Misread::BadSymbol { text } => said(member, &chat::Sentence::BadSymbol(text)),
    }
}

#[cfg(test)]
mod tests;
