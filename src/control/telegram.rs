//! The chat of an account: its bot, who may speak there, in which language.

use super::ControlError;
use super::accounts::{REPLACED, SEALED, subject};
use super::command::TelegramValues;
use super::notices;
use super::turn::{Diff, Turn};
use crate::store::accounts::{self, AccountRow};
use crate::store::telegram_bots::{self, TelegramBotRow};
use crate::vault::Field;

const TOKENS: &str = "the token that @BotFather gave: digits, a colon, then letters, digits, `_` or `-`";
const LANGUAGES: &str = "en, ko, or default for what the configuration says";

pub(super) fn set(turn: &mut Turn<'_>, name: &str, values: &TelegramValues) -> Result<(), ControlError> {
    let account = accounts::find(turn.conn, name)?;
    turn.touch(account.id);
    let before = telegram_bots::find(turn.conn, account.id)?;
    let users_before = telegram_bots::users(turn.conn, account.id)?;
    let mut changed = Diff::default();
    let bot_token = token(turn, &account, before.as_ref(), &mut changed)?;
    let chat_id = match (values.chat_id, &before) {
        (Some(0), _) => return Err(bad_chat("0")),
        (Some(chat_id), _) => chat_id,
        (None, Some(before)) => before.chat_id,
        (None, None) => return Err(bad_chat("")),
    };
    let language = match values.language.as_deref() {
        None => before.as_ref().and_then(|bot| bot.language.clone()),
        Some("default") => None,
        Some(word @ ("en" | "ko")) => Some(word.to_owned()),
        Some(word) => {
            let value = word.to_owned();
            return Err(ControlError::BadValue { key: "language", value, allowed: LANGUAGES });
        }
    };
    let mut users = values.users.clone().unwrap_or_else(|| users_before.clone());
    users.sort_unstable();
    users.dedup();
    if let Some(user) = users.iter().find(|user| **user <= 0) {
        let allowed = "numbers of people, which are above 0";
        return Err(ControlError::BadValue { key: "user", value: user.to_string(), allowed });
    }
    let row = TelegramBotRow { account_id: account.id, bot_token, chat_id, language };
    let is_elsewhere = before.as_ref().is_none_or(|bot| *bot != row);
    if is_elsewhere {
        require_own_chat(turn, &row)?;
    }
    if is_elsewhere || users != users_before {
        telegram_bots::put(turn.conn, &row)?;
        telegram_bots::set_users(turn.conn, account.id, &users)?;
    }
    let word = |bot: &Option<String>| bot.clone().unwrap_or_else(|| "default".to_owned());
    let language_before = before.as_ref().map(|bot| word(&bot.language));
    changed.compare("telegram.chat_id", before.map(|bot| bot.chat_id.to_string()), Some(chat_id.to_string()));
    changed.compare("telegram.language", language_before, Some(word(&row.language)));
    changed.compare("telegram.users", listed(&users_before), listed(&users));
    for value in &values.notices {
        notices::set_one(turn, &account, value, &mut changed)?;
    }
    turn.record(subject("set_telegram", &account), changed)
}

pub(super) fn remove(turn: &mut Turn<'_>, name: &str) -> Result<(), ControlError> {
    let account = accounts::find(turn.conn, name)?;
    turn.touch(account.id);
    let Some(before) = telegram_bots::find(turn.conn, account.id)? else {
        return Err(ControlError::NoTelegram { account: account.name });
    };
    let users = telegram_bots::users(turn.conn, account.id)?;
    telegram_bots::remove(turn.conn, account.id)?;
    let mut removed = Diff::default();
    removed.compare("telegram.bot_token", Some(SEALED.to_owned()), None);
    removed.compare("telegram.chat_id", Some(before.chat_id.to_string()), None);
    removed.compare("telegram.users", listed(&users), None);
    turn.record(subject("remove_telegram", &account), removed)
}

/// The token as it is stored: the one that came with the command, or the one that is there.
fn token(
    turn: &Turn<'_>,
    account: &AccountRow,
    before: Option<&TelegramBotRow>,
    changed: &mut Diff,
) -> Result<String, ControlError> {
    let given = turn.by.keys.and_then(|(vault, keys)| Some((vault, keys.bot_token.as_ref()?)));
    match (given, before) {
        (Some((_, token)), _) if !is_token(token.expose()) => {
            // It may be some other secret: it is not repeated.
            Err(ControlError::BadValue { key: "bot_token", value: "…".to_owned(), allowed: TOKENS })
        }
        (Some((vault, token)), before) => {
            let was = before.map(|_| REPLACED.to_owned());
            changed.compare("telegram.bot_token", was, Some(SEALED.to_owned()));
            Ok(vault.seal(account.id, Field::BotToken, token)?)
        }
        (None, Some(before)) => Ok(before.bot_token.clone()),
        (None, None) => Err(ControlError::TokenMissing { account: account.name.clone() }),
    }
}

fn is_token(text: &str) -> bool {
    let is_secret = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    text.split_once(':').is_some_and(|(number, secret)| {
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number && !secret.is_empty() && secret.bytes().all(is_secret)
    })
}

/// A command from a chat must concern one account.
fn require_own_chat(turn: &Turn<'_>, row: &TelegramBotRow) -> Result<(), ControlError> {
    let vault = turn.by.keys.map(|(vault, _)| vault);
    let others = telegram_bots::list(turn.conn)?;
    let same_chat =
        others.iter().filter(|other| other.chat_id == row.chat_id && other.account_id != row.account_id);
    for other in same_chat {
        // Without the vault nobody can tell the tokens apart.
        let is_same_bot = match vault {
            None => true,
            Some(vault) => {
                let own = vault.open(row.account_id, Field::BotToken, &row.bot_token)?;
                let theirs = vault.open(other.account_id, Field::BotToken, &other.bot_token)?;
                own.expose() == theirs.expose()
            }
        };
        if is_same_bot {
            let other = accounts::get(turn.conn, other.account_id)?.name;
            return Err(ControlError::ChatTaken { chat_id: row.chat_id, other });
        }
    }
    Ok(())
}

fn bad_chat(value: &str) -> ControlError {
    let allowed = "the number of a chat: of a person, or of a group (below 0)";
    ControlError::BadValue { key: "chat_id", value: value.to_owned(), allowed }
}

fn listed(users: &[i64]) -> Option<String> {
    let texts: Vec<_> = users.iter().map(ToString::to_string).collect();
    (!users.is_empty()).then(|| texts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_from_what_is_none() {
        for token in ["700:AA-canary_token_of_a_bot", "1:a"] {
            assert!(is_token(token), "{token}");
        }
        for text in ["", ":", "1:", ":a", "bot1:a", "1:a b", "1:a\nb", "1:a:b", "{\"token\":\"1:a\"}", "１:a"]
        {
            assert!(!is_token(text), "{text}");
        }
    }
}
