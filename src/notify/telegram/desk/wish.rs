//! What a person wants changed: done at once, asked about, or refused.

use data_encoding::HEXLOWER;
use rusqlite::Connection;

use super::{Desk, actor};
use crate::control::{self, Applied, Assignment, Authority, BotSelection, Command, ControlError, Selection};
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::settings::AccountSettings;
use crate::notify::telegram::answer::{Answer, confirm_buttons};
use crate::notify::telegram::gate::Member;
use crate::notify::telegram::grammar::Wish;
use crate::notify::telegram::risk;
use crate::notify::text::{Lang, chat};
use crate::store::confirmations::{self, Confirmation};
use crate::store::savepoint::tentatively;
use crate::store::{StoreError, holdings};

/// A command that waited longer is not obeyed when it is dangerous.
const FRESH: DurationMs = DurationMs::from_secs(60);
/// How long a button can be pressed.
const CONFIRM_WITHIN: DurationMs = DurationMs::from_secs(60);
const TOKEN_BYTES: usize = 16;

/// A command with who sent it, and how long ago.
pub(super) struct Wanted {
    pub(super) user: i64,
    pub(super) age: DurationMs,
    /// Or the key that cannot be set from a chat.
    pub(super) command: Result<Command, String>,
}

/// The command for this account and no other.
pub(super) fn command(member: &Member, wish: &Wish) -> Result<Command, String> {
    let accounts = Selection::one(member.name.as_str());
    let bots = |name: &str| BotSelection { accounts: accounts.clone(), name: Some(name.to_owned()) };
    Ok(match wish {
        Wish::StartBot(name) => Command::StartBots { bots: bots(name) },
        Wish::StopBot(name) => Command::StopBots { bots: bots(name), close: false },
        Wish::Set { key, value } => {
            // Ways out and paper terms are for who has the machine.
            if !AccountSettings::KEYS.iter().any(|spec| spec.key == key) {
                return Err(key.clone());
            }
            Command::SetAccounts { accounts, values: vec![Assignment::new(key.as_str(), value.as_str())] }
        }
        Wish::SetBot { bot, key, value } => {
            Command::SetBots { bots: bots(bot), values: vec![Assignment::new(key.as_str(), value.as_str())] }
        }
        Wish::ClosePositions(symbol) => {
            Command::ClosePositions { account: member.name.clone(), symbol: symbol.clone() }
        }
        Wish::Halt(reason) => Command::Halt {
            accounts,
            flatten: false,
            reason: reason.clone().unwrap_or_else(|| "by Telegram".to_owned()),
        },
        Wish::Flatten => Command::Halt { accounts, flatten: true, reason: "flatten by Telegram".to_owned() },
        Wish::Resume => Command::Resume { accounts },
    })
}

/// What became of a command that was tried.
enum Trial {
    Done(Applied),
    Asked(Applied),
    TooOld,
}

impl Desk {
    /// Does what lowers risk, asks about what raises it, and leaves what has waited too long.
    pub(super) fn change(
        &self,
        conn: &Connection,
        member: &Member,
        wanted: &Wanted,
        now: Timestamp,
    ) -> Result<Answer, StoreError> {
        let lang = member.lang;
        let command = match &wanted.command {
            Ok(command) => command,
            Err(key) => {
                let known: Vec<_> = AccountSettings::KEYS.iter().map(|spec| spec.key).collect();
                let allowed = known.join(", ");
                let sentence = chat::Sentence::KeyNotHere { key, allowed: &allowed };
                return Ok(Answer::plain(&sentence.text(lang)));
            }
        };
        let holds_positions = holdings::open_of_account(conn, member.account)? > 0;
        let is_old = wanted.age > FRESH;
        let trial = tentatively(
            conn,
            || {
                let applied = self.apply(conn, member, wanted.user, command, now)?;
                let asks = risk::needs_confirmation(command, &applied.changes, holds_positions);
                let starts = matches!(command, Command::StartBots { .. }) && !applied.changes.is_empty();
                Ok::<_, ControlError>(match (is_old && (asks || starts), asks) {
                    (true, _) => Trial::TooOld,
                    (false, true) => Trial::Asked(applied),
                    (false, false) => Trial::Done(applied),
                })
            },
            |trial| matches!(trial, Trial::Done(_)),
        );
        match trial {
            Ok(Trial::Done(applied)) => Ok(done(command, &applied, lang)),
            Ok(Trial::Asked(applied)) => Self::ask(conn, member, (wanted.user, command, &applied), now),
            Ok(Trial::TooOld) => {
                let seconds = wanted.age.ms() / 1_000;
                Ok(Answer::plain(&chat::Sentence::TooOld { seconds }.text(lang)))
            }
            Err(error) => refused(error, lang),
        }
    }

    /// Applies a command by the word of a person in the chat.
    pub(super) fn apply(
        &self,
        conn: &Connection,
        member: &Member,
        user: i64,
        command: &Command,
        now: Timestamp,
    ) -> Result<Applied, ControlError> {
        let actor = actor(member, user);
        let by = Authority { actor: &actor, now, limits: self.limits, confirmed: true, keys: None };
        control::apply(conn, command, by)
    }

    fn ask(
        conn: &Connection,
        member: &Member,
        (user, command, applied): (i64, &Command, &Applied),
        now: Timestamp,
    ) -> Result<Answer, StoreError> {
        let token = one_time_token()?;
        let command = serde_json::to_value(command).map_err(|error| StoreError::Other {
            detail: format!("a command could not be written: {error}"),
        })?;
        confirmations::insert(
            conn,
            &Confirmation {
                token: token.clone(),
                account_id: member.account,
                chat_id: member.chat_id,
                user_id: user,
                command,
                created_at: now,
                expires_at: now.plus(CONFIRM_WITHIN),
                ended_at: None,
            },
        )?;
        let seconds = CONFIRM_WITHIN.ms() / 1_000;
        let question = chat::Sentence::AskConfirm { seconds }.text(member.lang);
        let buttons = confirm_buttons(&token, member.lang);
        Ok(Answer { buttons, ..Answer::plain(&format!("{question}\n{}", diff(applied))) })
    }
}

/// What was done, old -> new.
pub(super) fn done(command: &Command, applied: &Applied, lang: Lang) -> Answer {
    if applied.changes.is_empty() {
        return Answer::plain(chat::NO_CHANGE.text(lang));
    }
    let mut text = format!("{}\n{}", chat::DONE.text(lang), diff(applied));
    if matches!(command, Command::ClosePositions { .. }) {
        text.push('\n');
        text.push_str(chat::CLOSED_ON_REQUEST.text(lang));
    }
    if !applied.idle.is_empty() {
        text.push('\n');
        text.push_str(chat::NOTHING_DONE.text(lang));
    }
    Answer::plain(&text)
}

/// The machine's own failures are tried again; everything else is answered.
pub(super) fn refused(error: ControlError, lang: Lang) -> Result<Answer, StoreError> {
    if let ControlError::Store(
        failure @ (StoreError::Busy
        | StoreError::DiskFull
        | StoreError::ReadOnly { .. }
        | StoreError::Corrupt { .. }
        | StoreError::WriterStopped
        | StoreError::Other { .. }),
    ) = error
    {
        return Err(failure);
    }
    Ok(Answer::plain(&chat::refusal(&error, lang)))
}

fn diff(applied: &Applied) -> String {
    let lines: Vec<_> = applied
        .changes
        .iter()
        .map(|change| {
            let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
            format!("{}: {} -> {}", change.key, shown(&change.before), shown(&change.after))
        })
        .collect();
    lines.join("\n")
}

fn one_time_token() -> Result<String, StoreError> {
    let mut bytes = [0_u8; TOKEN_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|_| StoreError::Other { detail: "the system gives no random bytes".to_owned() })?;
    Ok(HEXLOWER.encode(&bytes))
}
